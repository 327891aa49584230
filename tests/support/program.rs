//! The real program, started as an operator starts it, with a state folder of its own.

#![expect(clippy::disallowed_methods, reason = "tests start the program")]
#![expect(clippy::expect_used, reason = "a test that cannot start the program has failed")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

/// The program with one state folder.
#[derive(Debug, Clone)]
pub struct Program {
    state: PathBuf,
}

/// What one start of the program gave.
#[derive(Debug)]
pub struct Ran {
    /// The exit code; none where a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Program {
    /// With its state in that folder, which need not be there.
    pub fn new(state: impl Into<PathBuf>) -> Self {
        Self { state: state.into() }
    }

    /// Where it keeps its runs.
    pub fn state(&self) -> &Path {
        &self.state
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_runbook"));
        command.args(arguments).env("RUNBOOK_STATE", &self.state).stdin(Stdio::null());
        command
    }

    /// Runs it to its end.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(&self.command(arguments).output().expect("the program starts"))
    }

    /// Runs it until it stops itself at a crash point.
    #[cfg(feature = "crash-points")]
    pub fn crash(&self, point: &str, arguments: &[&str]) -> Ran {
        let output = self.command(arguments).env("RUNBOOK_CRASH_AT", point).output().expect("the program starts");
        Ran::of(&output)
    }

    /// Starts it; nobody waits for it yet.
    pub fn start(&self, arguments: &[&str]) -> Child {
        let mut command = self.command(arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts")
    }

    /// The records of the only run.
    pub fn records(&self) -> Vec<Value> {
        let runs = std::fs::read_dir(self.state.join("runs")).expect("runs").map(|run| run.expect("a run").path());
        let mut runs: Vec<PathBuf> = runs.collect();
        runs.sort();
        let journal = runs.last().expect("a run").join("journal.jsonl");
        let text = std::fs::read_to_string(journal).expect("its journal");
        text.lines().map(|line| serde_json::from_str(line).expect("a record")).collect()
    }
}

impl Ran {
    /// Of what a process left.
    pub fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }

    /// The lines of JSON that it printed.
    pub fn lines(&self) -> Vec<Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
    }

    /// The status, which is the last of them.
    pub fn status(&self) -> Value {
        self.lines().pop().expect("the status")
    }
}

/// What a record is about: its kind and its step.
pub fn event(record: &Value) -> (&str, &str) {
    let text = |key: &str| record[key].as_str().unwrap_or_default();
    (text("event"), text("step"))
}

/// The points at which a process can be killed that writes these records, from the given one on. While somebody else
/// acts there are three: the intent is durable, the actor is ready, its effect is there. Otherwise one is enough, and
/// none where the record before says as much.
#[cfg(feature = "crash-points")]
pub fn crash_points(records: &[Value], first: usize) -> Vec<String> {
    let mut points = Vec::new();
    let mut acted = false;
    for (number, record) in records.iter().enumerate().skip(first).map(|(index, record)| (index + 1, record)) {
        let acts = record["intent"].is_object();
        let names: &[&str] = match event(record).0 {
            _ if acts => &["after_sync", "after_spawn", "after_effect"],
            "attempt_finished" if !acted => &[],
            "undo_finished" => &[],
            _ => &["after_sync"],
        };
        acted = acts;
        points.extend(names.iter().map(|name| format!("{number}:{name}")));
    }
    points
}
