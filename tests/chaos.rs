//! Three hundred runs made by chance are killed at chance moments, taken up again, and held against what a witness saw
//! that shares no code with the program. `tests/chaos --runs 10000` does more of it; `tests/chaos --seed N` one again.

#![expect(clippy::disallowed_methods, clippy::expect_used, reason = "a test runs programs and fails without")]

use std::path::Path;
use std::process::{Command, Output};

/// `tests/chaos` with these arguments, on the program that was built for this test.
fn chaos(arguments: &[&str]) -> Output {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/chaos");
    let mut command = Command::new(program);
    command.args(["--program", env!("CARGO_BIN_EXE_runbook")]).args(arguments);
    command.output().expect("python3, which tests/run looks for")
}

#[track_caller]
fn agrees(output: &Output) {
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("the witness and the journal agree about every run"), "{said}");
}

#[test]
fn the_witness_and_the_journal_agree_about_three_hundred_runs_killed_at_random() {
    agrees(&chaos(&["--seed", "1", "--runs", "300"]));
}

#[test]
fn the_witness_and_the_journal_agree_about_statements_whose_sessions_are_ended_at_random() {
    agrees(&chaos(&["--sql", "--seed", "1", "--runs", "40"]));
}
