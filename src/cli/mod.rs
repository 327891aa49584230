//! The command line: one file a command, wiring and exit codes. No decision about a step is made here.

mod abort;
mod admission;
mod answer;
mod audit;
mod completions;
mod control;
pub mod environment;
mod exec;
mod exit;
mod explain;
mod folder;
mod list;
mod load;
mod man;
mod new;
mod open;
mod pause;
mod plan;
mod render;
mod resume;
mod retry;
mod rollback;
mod schema;
mod shell;
mod skip;
mod status;
mod turn;
mod validate;
mod watch;

use clap::{Args, Parser, Subcommand};

use environment::Environment;
use exit::{Exit, STOPPED, USAGE};

use crate::report::terminal;
use crate::run::signals;

/// By then text is out that somebody reads.
const SOON: std::time::Duration = std::time::Duration::from_millis(200);

/// Below the commands in `--help`.
const AFTER: &str = "\
An evening:  runbook validate FILE, runbook plan FILE, runbook exec FILE;
after a stop or a failure: runbook status, then runbook resume or rollback.

A RUN may be the beginning of its id, and may be left out where only one is
meant. Runs are kept in $RUNBOOK_STATE, else $XDG_STATE_HOME/runbook, else
~/.local/state/runbook.

Exit codes:
  0  done
  1  a step failed, or validate found errors
  2  wrong usage, or an invalid runbook
  3  refused before anything ran
  4  failed, and rolled back whole
  5  the rollback failed, or was only partial
  6  stopped, can be resumed
  7  an outcome is unknown, or a question needs an answer";

/// Checks, plans, executes and audits maintenance runbooks.
#[derive(Debug, Parser)]
#[command(name = "runbook", version, about = "Checks, plans, executes and audits maintenance runbooks",
    max_term_width = 100, subcommand_required = true, after_help = AFTER)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Find every problem in runbooks, or in folders of them.
    Validate(validate::Validate),
    /// Say what a finding means, and how to mend it.
    Explain(explain::Explain),
    /// Say what each step would change, and change nothing.
    Plan(plan::PlanArguments),
    /// Write a runbook as a page to send round for review.
    Render(render::Render),
    /// Run a runbook, step by step.
    Exec(exec::Exec),
    /// Go on with a run after a failure, a stop or a crash.
    Resume(resume::Resume),
    /// Undo what a run did, newest first.
    Rollback(rollback::Rollback),
    /// Look at a run as it goes, and answer its questions.
    Watch(watch::Watch),
    /// Have a run stop after its running step.
    Pause(pause::Pause),
    /// End the running step of a run, and have the run stop.
    Abort(abort::Abort),
    /// Leave out a step, or leave what failed as it is.
    Skip(skip::Skip),
    /// Try a failed step once more.
    Retry(retry::Retry),
    /// Answer a run's open question.
    Answer(answer::Answer),
    /// Show where a run stands.
    Status(status::StatusArguments),
    /// Show all runs.
    List(list::List),
    /// Read a run's log, or prove it.
    Audit(audit::Audit),
    /// Print a commented runbook to begin with, or write it.
    New(new::New),
    /// Print the format as a JSON Schema, for editors.
    Schema(schema::SchemaArguments),
    /// Print a script that completes command lines of a shell.
    Completions(completions::Completions),
    /// Print the manual page, or write those of all commands.
    Man(man::Man),
}

/// Parameters of a runbook.
#[derive(Debug, Clone, Args)]
struct Given {
    /// A parameter's value; lists as a,b or JSON.
    #[arg(short = 'p', long = "parameter", value_name = "NAME=VALUE")]
    parameters: Vec<String>,
}

/// Carries out a command line; the exit code.
#[must_use]
pub fn run(arguments: Arguments, environment: &Environment) -> u8 {
    // What these do is in the log, whoever reads along.
    let is_run =
        matches!(arguments.command, Command::Exec(_) | Command::Resume(_) | Command::Rollback(_) | Command::Answer(_));
    let done = match arguments.command {
        Command::Validate(command) => command.run(environment),
        Command::Explain(command) => command.run(environment),
        Command::Plan(command) => command.run(environment),
        Command::Render(command) => command.run(environment),
        Command::Exec(command) => command.run(environment),
        Command::Resume(command) => command.run(environment),
        Command::Rollback(command) => command.run(environment),
        Command::Watch(command) => command.run(environment),
        Command::Pause(command) => command.run(environment),
        Command::Abort(command) => command.run(environment),
        Command::Skip(command) => command.run(environment),
        Command::Retry(command) => command.run(environment),
        Command::Answer(command) => command.run(environment),
        Command::Status(command) => command.run(environment),
        Command::List(command) => command.run(environment),
        Command::Audit(command) => command.run(environment),
        Command::New(command) => command.run(),
        Command::Schema(command) => Ok(command.run()),
        Command::Completions(command) => Ok(command.run()),
        Command::Man(command) => command.run(),
    };
    let code = done.unwrap_or_else(Exit::show);
    let_out();
    match terminal::lost() {
        Some(why) if !is_run => Exit::new(USAGE, format!("cannot write to standard output: {why}")).show(),
        _ => code,
    }
}

/// Waits until whoever reads has read it all, or a signal says that nobody will. What had to be done is done by then.
fn let_out() {
    if terminal::drain(Some(SOON)) {
        return;
    }
    if let Ok(runtime) = runtime() {
        runtime.block_on(async {
            tokio::select! {
                _ = tokio::task::spawn_blocking(|| terminal::drain(None)) => {}
                _ = signals::end_asked() => {}
            }
        });
        runtime.shutdown_background();
    }
}

/// What a command that waits runs in: one thread.
fn runtime() -> Result<tokio::runtime::Runtime, Exit> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Exit::new(STOPPED, format!("cannot start: {error}")))
}
