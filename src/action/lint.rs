//! Programs that read a text and say what is wrong with it, such as `bash -n` and shellcheck.
//!
//! Their input is somebody's runbook, so they get nothing to act with: no variable but `PATH`, no open file, a folder
//! of their own that is gone afterwards.

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::probe::Group;
use super::spawn;

/// The most that is read of an answer, in bytes.
const LONGEST: u64 = 64 * 1024 * 1024;

/// Lets a program read `input` on its standard input and `files` in its folder, where they are called `0`, `1` and so
/// on; gives what it wrote to its standard output. Its exit code says nothing: a linter that found something failed.
///
/// # Errors
///
/// When it cannot be started, does not end within `limit`, or its folder cannot be made. Dropping the future ends it
/// and all that it started.
pub async fn ask(
    own: &BTreeMap<String, String>,
    argv: &[&str],
    input: &[u8],
    files: &[&str],
    limit: Duration,
) -> io::Result<Vec<u8>> {
    let (program, arguments) = argv.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let private = Permissions::from_mode(0o700);
    let folder = tempfile::Builder::new().prefix("runbook-").permissions(private).tempdir()?;
    for (number, text) in files.iter().enumerate() {
        std::fs::write(folder.path().join(number.to_string()), text)?;
    }
    timeout(limit, answer(own, program, arguments, input, folder.path()))
        .await
        .unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, format!("it did not end within {limit:?}"))))
}

async fn answer(
    own: &BTreeMap<String, String>,
    program: &str,
    arguments: &[&str],
    input: &[u8],
    folder: &Path,
) -> io::Result<Vec<u8>> {
    let mut command = spawn::command(program);
    command.args(arguments).current_dir(folder).stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0);
    // What it says is read by the program: English, and the same everywhere.
    command.env("LC_ALL", "C").envs(own.get("PATH").map(|path| ("PATH", path)));
    let mut group = Group(command.spawn()?);
    let (stdin, stdout) = (group.0.stdin.take(), group.0.stdout.take());
    let feed = async {
        if let Some(mut stdin) = stdin {
            // One that does not want to read all of it will say so by its answer.
            let _unread = stdin.write_all(input).await;
        }
    };
    let mut answer = Vec::new();
    let read = async {
        match stdout {
            Some(stdout) => stdout.take(LONGEST).read_to_end(&mut answer).await,
            None => Ok(0),
        }
    };
    let ((), read) = tokio::join!(feed, read);
    read?;
    group.0.wait().await?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn asked(argv: &[&str], input: &[u8], files: &[&str], limit: Duration) -> io::Result<String> {
        let own = [("PATH", "/usr/bin:/bin"), ("HOME", "/root"), ("SECRET", "hunter2")];
        let own = own.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        ask(&own, argv, input, files, limit).await.map(|answer| String::from_utf8(answer).unwrap())
    }

    const LONG: Duration = Duration::from_mins(1);

    #[tokio::test]
    async fn a_program_reads_its_input_and_its_files_and_its_exit_code_says_nothing() {
        let argv = ["sh", "-c", "cat - 0 1; exit 3"];
        assert_eq!(asked(&argv, b"in ", &["zero ", "one"], LONG).await.unwrap(), "in zero one");
    }

    #[tokio::test]
    async fn a_program_gets_no_variable_but_the_path() {
        let seen = asked(&["env"], b"", &[], LONG).await.unwrap();
        assert_eq!(seen, "LC_ALL=C\nPATH=/usr/bin:/bin\n");
    }

    #[tokio::test]
    async fn its_folder_is_private_and_gone_afterwards() {
        let folder = asked(&["sh", "-c", "pwd; stat -c %a ."], b"", &["x"], LONG).await.unwrap();
        let (path, mode) = folder.trim().split_once('\n').unwrap();
        assert_eq!(mode, "700");
        assert!(!Path::new(path).exists());
    }

    #[tokio::test]
    async fn one_that_does_not_end_is_an_error() {
        let error = asked(&["sleep", "300"], b"", &[], Duration::from_millis(50)).await.unwrap_err();
        assert_eq!((error.kind(), error.to_string().as_str()), (io::ErrorKind::TimedOut, "it did not end within 50ms"));
    }

    #[tokio::test]
    async fn one_that_is_not_there_is_an_error() {
        let error = asked(&["no-such-linter"], b"", &[], LONG).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
