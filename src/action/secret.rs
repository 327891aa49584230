//! Getting the values of secrets: from the environment, a file, or a command.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use std::{fs, io};

use thiserror::Error;
use tokio::time::timeout;

use super::spawn;
use crate::model::call::Hidden;
use crate::model::result::{Failure, FailureKind};
use crate::model::runbook::SecretSource;

/// Fewer characters than this could not be removed from output without tearing it apart.
pub const SHORTEST: usize = 6;

/// How long a command that gives a secret may take. It may ask a key agent.
const PATIENCE: Duration = Duration::from_mins(1);

/// The secrets of one run. Each is fetched when it is first wanted, and is the same from then on.
#[derive(Debug)]
pub struct Secrets {
    sources: BTreeMap<String, SecretSource>,
    folder: PathBuf,
    environment: BTreeMap<String, String>,
    known: BTreeMap<String, Hidden<String>>,
}

/// Why a secret's value cannot be had. Never holds a value.
#[derive(Debug, Error)]
pub enum SecretError {
    /// Nothing of that name.
    #[error("secret `{0}` is not declared under `secrets:`")]
    Undeclared(String),
    /// The variable is not there.
    #[error("secret `{name}`: the environment variable {variable} is not set")]
    Unset {
        /// The secret.
        name: String,
        /// The variable.
        variable: String,
    },
    /// The file cannot be read as text.
    #[error("secret `{name}`: {path} cannot be read")]
    Unreadable {
        /// The secret.
        name: String,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The command cannot be run, or gives no text.
    #[error("secret `{name}`: `{program}` could not be run")]
    NotRun {
        /// The secret.
        name: String,
        /// The program.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// The command failed. What it wrote is not shown: it may hold the value.
    #[error("secret `{name}`: `{program}` failed ({status}); run it yourself to see why")]
    CommandFailed {
        /// The secret.
        name: String,
        /// The program.
        program: String,
        /// Its exit status.
        status: String,
    },
    /// Too short to be kept out of output.
    #[error("secret `{0}` has fewer than {SHORTEST} characters and could not be removed from output; use a longer one")]
    TooShort(String),
}

impl From<&SecretError> for Failure {
    fn from(error: &SecretError) -> Self {
        Self::of(FailureKind::Secret, error)
    }
}

impl Secrets {
    /// The declared secrets of a runbook. Relative paths start at `folder`, where commands run too; `environment` is
    /// the program's own.
    #[must_use]
    pub fn new(
        sources: BTreeMap<String, SecretSource>,
        folder: PathBuf,
        environment: BTreeMap<String, String>,
    ) -> Self {
        Self { sources, folder, environment, known: BTreeMap::new() }
    }

    /// The value of a secret, one trailing newline dropped. The first call fetches it.
    ///
    /// # Errors
    ///
    /// When it is not declared, cannot be had, or is too short.
    pub async fn value(&mut self, name: &str) -> Result<&Hidden<String>, SecretError> {
        if !self.known.contains_key(name) {
            let source = self.sources.get(name).ok_or_else(|| SecretError::Undeclared(name.to_owned()))?;
            let mut value = self.fetch(name, source).await?;
            if value.ends_with('\n') {
                value.pop();
                if value.ends_with('\r') {
                    value.pop();
                }
            }
            if value.chars().count() < SHORTEST {
                return Err(SecretError::TooShort(name.to_owned()));
            }
            self.known.insert(name.to_owned(), Hidden(value));
        }
        self.known.get(name).ok_or_else(|| SecretError::Undeclared(name.to_owned()))
    }

    async fn fetch(&self, name: &str, source: &SecretSource) -> Result<String, SecretError> {
        match source {
            SecretSource::Env(variable) => self
                .environment
                .get(variable)
                .cloned()
                .ok_or_else(|| SecretError::Unset { name: name.to_owned(), variable: variable.clone() }),
            SecretSource::File(path) => {
                let path = self.folder.join(path);
                fs::read_to_string(&path).map_err(|source| SecretError::Unreadable {
                    name: name.to_owned(),
                    path,
                    source,
                })
            }
            SecretSource::Command(argv) => run(name, argv, &self.folder, &self.environment).await,
        }
    }
}

/// The command gets the program's whole environment: it is the operator's own password tool, not a step.
async fn run(
    name: &str,
    argv: &[String],
    folder: &Path,
    environment: &BTreeMap<String, String>,
) -> Result<String, SecretError> {
    let (program, arguments) = argv.split_first().map_or(("", &[][..]), |(first, rest)| (first.as_str(), rest));
    let not_run = |source| SecretError::NotRun { name: name.to_owned(), program: program.to_owned(), source };
    let output = spawn::command(program)
        .args(arguments)
        .envs(environment)
        .current_dir(folder)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .output();
    let output = timeout(PATIENCE, output)
        .await
        .map_err(|_| not_run(io::Error::new(io::ErrorKind::TimedOut, format!("it did not end within {PATIENCE:?}"))))?
        .map_err(not_run)?;
    if !output.status.success() {
        let status = output.status.to_string();
        return Err(SecretError::CommandFailed { name: name.to_owned(), program: program.to_owned(), status });
    }
    // The error of the conversion would hold the bytes.
    String::from_utf8(output.stdout).map_err(|_| not_run(io::Error::new(io::ErrorKind::InvalidData, "it gave no text")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(source: SecretSource, folder: &Path) -> Secrets {
        let environment = [("PATH", "/usr/bin:/bin"), ("TOKEN", "from-the-environment\n"), ("PIN", "12345")];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        Secrets::new([("it".to_owned(), source)].into(), folder.to_owned(), environment)
    }

    async fn refused(source: SecretSource) -> String {
        let folder = tempfile::tempdir().unwrap();
        secrets(source, folder.path()).value("it").await.unwrap_err().to_string()
    }

    #[tokio::test]
    async fn a_value_stays_what_it_was_when_it_was_first_wanted() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("it"), "first-value\n").unwrap();
        let mut secrets = secrets(SecretSource::File("it".to_owned()), folder.path());
        assert_eq!(secrets.value("it").await.unwrap().0, "first-value");
        fs::write(folder.path().join("it"), "second-value\n").unwrap();
        assert_eq!(secrets.value("it").await.unwrap().0, "first-value");
        assert_eq!(secrets.known["it"].0, "first-value");
    }

    #[tokio::test]
    async fn the_environment_and_commands_give_values_too() {
        let folder = tempfile::tempdir().unwrap();
        let mut from_environment = secrets(SecretSource::Env("TOKEN".to_owned()), folder.path());
        assert_eq!(from_environment.value("it").await.unwrap().0, "from-the-environment");
        let argv = ["sh", "-c", "echo $TOKEN two"].map(str::to_owned).to_vec();
        let mut from_command = secrets(SecretSource::Command(argv), folder.path());
        assert_eq!(from_command.value("it").await.unwrap().0, "from-the-environment two");
    }

    #[tokio::test]
    async fn an_error_names_the_secret_and_not_its_value() {
        let short = refused(SecretSource::Env("PIN".to_owned())).await;
        let wanted = "secret `it` has fewer than 6 characters and could not be removed from output; use a longer one";
        assert_eq!(short, wanted);
        let unset = refused(SecretSource::Env("NONE".to_owned())).await;
        assert_eq!(unset, "secret `it`: the environment variable NONE is not set");
        let argv = ["sh", "-c", "echo leaking; exit 3"].map(str::to_owned).to_vec();
        let failed = refused(SecretSource::Command(argv)).await;
        assert_eq!(failed, "secret `it`: `sh` failed (exit status: 3); run it yourself to see why");
    }
}
