//! A runbook in a folder of its own, and the real program run on it, so that a test reads as a sentence.
//!
//! Every scenario has its own state folder, its own `HOME`, and no controlling terminal. Its folder holds `witness`, a
//! program that steps call as their effect: it appends `do STEP ATTEMPT` or `undo STEP ATTEMPT` to `witness.log` and
//! syncs it by itself, so that what really happened is known without the journal.

use std::cell::RefCell;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use regex::Regex;
use runbook::cli::environment::Environment;
use serde_json::Value;

const WITNESS: &str = include_str!("witness.sh");

/// One runbook with everything around it. Gone with all of its files when it is dropped.
pub struct Scenario {
    folder: tempfile::TempDir,
    environment: Vec<(String, String)>,
    crash: RefCell<Option<String>>,
}

/// How one call of the program ended.
pub struct Ran {
    what: String,
    folder: PathBuf,
    /// Status and both streams.
    pub output: Output,
}

impl Scenario {
    /// A folder with that runbook as `runbook.yaml`.
    pub fn new(runbook: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        fs::write(at.join("runbook.yaml"), runbook).unwrap();
        fs::write(at.join("witness"), WITNESS).unwrap();
        fs::set_permissions(at.join("witness"), fs::Permissions::from_mode(0o755)).unwrap();
        let own = Environment::read();
        let path = own.get("PATH").unwrap_or("/usr/bin:/bin");
        let state = at.join("state").display().to_string();
        let environment = [("PATH", path), ("HOME", &at.display().to_string())]
            .into_iter()
            .chain([("RUNBOOK_STATE", state.as_str()), ("TZ", "UTC"), ("LANG", "C.UTF-8")])
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        Self { folder, environment, crash: RefCell::new(None) }
    }

    /// With a file beside the runbook.
    pub fn file(self, name: &str, text: &str) -> Self {
        fs::write(self.path(name), text).unwrap();
        self
    }

    /// With a variable in the program's environment.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.retain(|(known, _)| known != name);
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Without a variable in the program's environment.
    pub fn without_env(mut self, name: &str) -> Self {
        self.environment.retain(|(known, _)| known != name);
        self
    }

    /// The next call of the program stops at that point of the n-th record that it appends.
    pub fn crash_at(&self, record: u64, point: &str) -> &Self {
        *self.crash.borrow_mut() = Some(format!("{record}:{point}"));
        self
    }

    /// `runbook exec runbook.yaml` and these arguments.
    pub fn exec(&self, arguments: &[&str]) -> Ran {
        self.run(&[&["exec", "runbook.yaml"], arguments].concat())
    }

    /// `runbook resume --yes`.
    pub fn resume(&self) -> Ran {
        self.run(&["resume", "--yes"])
    }

    /// `runbook answer RUN STEP WORD` and these arguments, about the only run.
    pub fn answer(&self, step: &str, word: &str, arguments: &[&str]) -> Ran {
        self.run(&[&["answer", &self.id(), step, word], arguments].concat())
    }

    /// Any command line of the program.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        let output = self.command(arguments).output().unwrap();
        Ran { what: arguments.join(" "), folder: self.folder.path().to_owned(), output }
    }

    /// The program started, both streams kept for [`Scenario::wait`].
    pub fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// The end of what was started.
    pub fn wait(&self, child: Child) -> Ran {
        let output = child.wait_with_output().unwrap();
        Ran { what: "what was started".to_owned(), folder: self.folder.path().to_owned(), output }
    }

    /// The program as it is to be started: in the runbook's folder, in a session of its own.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = command("setsid");
        command.arg(env!("CARGO_BIN_EXE_runbook")).args(arguments).current_dir(self.folder.path()).env_clear();
        command.envs(self.environment.iter().map(|(name, value)| (name, value))).stdin(Stdio::null());
        if let Some(point) = self.crash.take() {
            command.env("RUNBOOK_CRASH_AT", point);
        }
        command
    }

    /// A file of the scenario.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The text of a file of the scenario; empty when it is not there.
    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// Makes a pipe with a name.
    pub fn fifo(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        let (kind, mode) = (rustix::fs::FileType::Fifo, rustix::fs::Mode::from_raw_mode(0o600));
        rustix::fs::mknodat(rustix::fs::CWD, &path, kind, mode, 0).unwrap();
        path
    }

    /// What the steps really did, in order.
    pub fn witness(&self) -> Vec<String> {
        self.read("witness.log").lines().map(str::to_owned).collect()
    }

    /// The folders of all runs that have a record, by name.
    pub fn runs(&self) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(self.path("state/runs")) else { return Vec::new() };
        let mut runs: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        runs.retain(|run| fs::read(run.join("journal.jsonl")).is_ok_and(|journal| journal.contains(&b'\n')));
        runs.sort();
        runs
    }

    /// The id of the newest run.
    pub fn id(&self) -> String {
        let runs = self.runs();
        runs.last().and_then(|run| run.file_name()).unwrap().to_string_lossy().into_owned()
    }

    /// The whole records of the newest run.
    pub fn records(&self) -> Vec<Value> {
        let Some(run) = self.runs().pop() else { return Vec::new() };
        let text = fs::read_to_string(run.join("journal.jsonl")).unwrap();
        text.split_inclusive('\n')
            .filter(|line| line.ends_with('\n'))
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// The records of the newest run as `kind step`.
    pub fn journal(&self) -> Vec<String> {
        self.records().iter().map(|record| format!("{} {}", kind(record), step(record)).trim_end().to_owned()).collect()
    }

    /// `runbook status --json`.
    pub fn status(&self) -> Value {
        serde_json::from_slice(&self.run(&["status", "--json"]).exits(0).output.stdout).unwrap()
    }

    /// The run's state in one word.
    pub fn state(&self) -> String {
        self.status()["state"].as_str().unwrap().to_owned()
    }

    /// Each step as `id state`.
    pub fn steps(&self) -> Vec<String> {
        steps(&self.status())
    }
}

impl Ran {
    /// Ended by itself with that code.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.output.status.code(), Some(code), "`{}` said:\n{}{}", self.what, self.stdout(), self.stderr());
        assert!(!self.stderr().contains("panicked"), "`{}` panicked:\n{}", self.what, self.stderr());
        self
    }

    /// Ended by that signal.
    #[track_caller]
    pub fn dies_of(self, signal: i32) -> Self {
        use std::os::unix::process::ExitStatusExt as _;
        let found = self.output.status;
        assert_eq!(found.signal(), Some(signal), "`{}`: {found}\n{}{}", self.what, self.stdout(), self.stderr());
        self
    }

    /// Standard output says this somewhere.
    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        let shown = self.shown();
        assert!(shown.contains(text), "`{}` does not say `{text}` but:\n{shown}", self.what);
        self
    }

    /// Standard error says this somewhere.
    #[track_caller]
    pub fn warns(self, text: &str) -> Self {
        let shown = tame(&self.stderr(), &self.folder);
        assert!(shown.contains(text), "`{}` does not warn `{text}` but:\n{shown}", self.what);
        self
    }

    /// Standard output is exactly this, times, durations, the run's id and the folder aside.
    #[track_caller]
    pub fn shows(self, text: &str) -> Self {
        let shown = self.shown();
        assert_eq!(shown.trim(), text.trim(), "`{}` shows something else:\n{shown}", self.what);
        self
    }

    /// Standard output with `TIME`, `SOME`, `RUN` and `FOLDER` for what is another each time.
    pub fn shown(&self) -> String {
        tame(&self.stdout(), &self.folder)
    }

    /// Standard output as it is.
    pub fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.output.stdout).into_owned()
    }

    /// Standard error as it is.
    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.output.stderr).into_owned()
    }
}

/// A program to start.
#[expect(clippy::disallowed_methods, reason = "tests start the program as a person does")]
pub fn command(program: &str) -> Command {
    Command::new(program)
}

/// Who runs this, as records have it.
pub fn user() -> String {
    Environment::read().user()
}

/// A record's kind.
pub fn kind(record: &Value) -> &str {
    record["event"].as_str().unwrap()
}

/// The step that a record is about, or nothing.
pub fn step(record: &Value) -> &str {
    record["step"].as_str().unwrap_or_default()
}

/// Each step of a status as `id state`.
pub fn steps(status: &Value) -> Vec<String> {
    let steps = status["steps"].as_array().unwrap().iter();
    steps.map(|step| format!("{} {}", step["id"].as_str().unwrap(), step["state"].as_str().unwrap())).collect()
}

fn tame(text: &str, folder: &Path) -> String {
    let text = text.replace(&folder.display().to_string(), "FOLDER");
    let rules = [
        (r"\b\d{8}-\d{4}-[a-z0-9-]+", "RUN"),
        (r"\d{4}-\d\d-\d\dT[0-9:.]+Z", "TIME"),
        (r"(?m)^\d\d:\d\d:\d\d", "TIME"),
        (r"\b\d+ (?:ms|s)\b", "SOME"),
    ];
    rules.iter().fold(text, |text, (pattern, name)| Regex::new(pattern).unwrap().replace_all(&text, *name).into_owned())
}
