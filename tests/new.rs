//! What `runbook new` prints is a runbook without findings, and nothing that is there is written over.

#![expect(clippy::expect_used, reason = "a test says what it expects")]

use std::fs;
use std::path::Path;

use assert_cmd::Command;

fn runbook(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_runbook"));
    let output = command.args(arguments).current_dir(folder).output().expect("the program");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (output.status.code().expect("an exit code"), text(output.stdout), text(output.stderr))
}

#[test]
fn every_template_validates_without_a_finding() {
    let folder = tempfile::tempdir().expect("a folder");
    for template in ["database", "rolling", "config"] {
        let file = format!("{template}.yaml");
        let written = runbook(folder.path(), &["new", "my-evening", "--template", template, "-o", &file]);
        let said = format!("wrote {file}; next: runbook validate {file}\n");
        assert_eq!(written, (0, said, String::new()));
        let text = fs::read_to_string(folder.path().join(&file)).expect("the runbook");
        assert!(text.contains("\nname: my-evening\n"), "{text}");
        let checked = runbook(folder.path(), &["validate", "--deny-warnings", &file]);
        assert_eq!((checked.0, checked.1.as_str()), (0, "1 file, 0 errors, 0 warnings\n"), "{template}: {}", checked.2);
    }
}

#[test]
fn without_a_file_it_is_printed() {
    let folder = tempfile::tempdir().expect("a folder");
    let (code, text, _) = runbook(folder.path(), &["new"]);
    assert_eq!(code, 0);
    assert_eq!(text, include_str!("../src/cli/new/database.yaml"));
    assert_eq!(fs::read_dir(folder.path()).expect("the folder").count(), 0);
}

#[test]
fn a_file_that_is_there_stays_as_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("x.yaml"), "mine").expect("a file");
    let (code, _, said) = runbook(folder.path(), &["new", "-o", "x.yaml"]);
    assert_eq!(code, 2);
    assert!(said.contains("cannot write x.yaml") && said.contains("never written over"), "{said}");
    assert_eq!(fs::read_to_string(folder.path().join("x.yaml")).expect("the file"), "mine");
}

#[test]
fn a_name_that_no_runbook_may_have_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let (code, text, said) = runbook(folder.path(), &["new", "My Runbook"]);
    assert_eq!((code, text.as_str()), (2, ""));
    assert!(said.contains("cannot be a runbook's name"), "{said}");
}

#[test]
fn what_cannot_be_written_whole_is_an_error_and_not_left_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    for command in ["new", "schema", "man", "explain", "completions bash"] {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("the device");
        #[expect(clippy::disallowed_methods, reason = "its standard output is a full disk")]
        let mut started = std::process::Command::new(env!("CARGO_BIN_EXE_runbook"));
        let output = started.args(command.split(' ')).current_dir(folder.path()).stdout(full).output();
        let output = output.expect("the program");
        let said = String::from_utf8(output.stderr).expect("text");
        assert_eq!(output.status.code(), Some(2), "{command}: {said}");
        assert!(said.starts_with("error: cannot write to standard output: No space left on device"), "{said}");
    }
    // A file may not grow beyond 512 bytes: the disk is full half way.
    let program = env!("CARGO_BIN_EXE_runbook");
    let script = format!("trap '' XFSZ; ulimit -f 1; '{program}' new -o half.yaml");
    let output = Command::new("bash").args(["-c", &script]).current_dir(folder.path()).output().expect("bash");
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(!folder.path().join("half.yaml").exists());
}
