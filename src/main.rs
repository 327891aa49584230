//! The `runbook` program: arguments, logging, the command, its exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    if std::env::args_os().nth(1).is_some_and(|word| word == runbook::action::supervisor::COMMAND) {
        return runbook::action::supervisor::supervise();
    }
    ExitCode::SUCCESS
}
