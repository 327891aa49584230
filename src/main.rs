//! The `runbook` program: arguments, logging, the command, its exit code.

use std::process::ExitCode;

use clap::Parser as _;
use runbook::action::supervisor;
use runbook::cli::{self, Arguments, environment::Environment};
use runbook::run::clock;
use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    if std::env::args_os().nth(1).is_some_and(|command| command == supervisor::COMMAND) {
        return supervisor::supervise();
    }
    // It holds secrets: no core file is made of it. What it starts is not bound by that.
    let _made_if_the_kernel_does_not_know = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    let environment = Environment::read();
    clock::shift_by(environment.get("RUNBOOK_TEST_CLOCK"));
    let filter = EnvFilter::new(environment.get("RUNBOOK_LOG").unwrap_or("off"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    ExitCode::from(cli::run(Arguments::parse(), &environment))
}
