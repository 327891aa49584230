//! The large things that are measured: a runbook of ten thousand steps, a run of it, and one of a million records.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use runbook::check::source::Source;
use runbook::check::{Checked, check};
use runbook::journal::format;
use runbook::journal::store::{RunFolder, Store};
use runbook::model::digest::sha256;
use runbook::model::event::{Event, Intent, Outcome, ProcessIdentity, Record};
use runbook::model::result::{Failure, FailureKind, OutputDigest, StepResult};
use runbook::model::runbook::Runbook;

use crate::support;

pub const STEPS: u64 = 10_000;

/// How often each step is tried in a run of a million records.
pub const MILLION: u32 = 50;

/// Where everything is kept that is measured on a disk: beside the program, not in memory.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("benches")
}

/// Removes what was measured.
pub fn clear() {
    let _absent = fs::remove_dir_all(folder());
}

/// The text of a runbook of so many steps that end at once, each with a template.
pub fn text(steps: u64, program: &str) -> String {
    let mut text = String::from(
        "runbook: 1\nname: large\nparameters:\n  host: {type: string, default: db-1}\n\
         defaults: {timeout: 1m}\nsteps:\n",
    );
    for step in 1..=steps {
        writeln!(
            text,
            "  - {{id: s-{step}, command: [{program}, \"{{{{ parameters.host }}}}\"], rollback: {{not_needed: none}}}}"
        )
        .expect("text takes more text");
    }
    text
}

/// The text of a runbook of so many steps with an SQL text each, none like another.
pub fn statements(steps: u64) -> String {
    let mut text = String::from(
        "runbook: 1\nname: large\ntargets: {db: {postgres: service=db}}\ndefaults: {timeout: 1m}\nsteps:\n",
    );
    for step in 1..=steps {
        writeln!(
            text,
            "  - id: s-{step}\n    sql: update orders set region = 'eu' where region is null and id % {step} = 0\n    \
             target: db\n    rollback: {{not_needed: none}}"
        )
        .expect("text takes more text");
    }
    text
}

/// Checks a text that is a runbook.
pub fn checked(text: String) -> Checked {
    check(&Source::new("large.yaml", text), Path::new("/"), &no_file)
}

/// The runbook that a text is.
pub fn runbook(text: String) -> Runbook {
    checked(text).runbook.expect("a runbook without mistakes")
}

fn no_file(_: &Path) -> std::io::Result<Vec<u8>> {
    Err(std::io::ErrorKind::NotFound.into())
}

/// A run of [`STEPS`] steps: each was tried so often until it succeeded, and then the executor was gone. It has two
/// records for each attempt, and the first.
pub struct LongRun {
    pub state: PathBuf,
    pub run: RunFolder,
    /// In bytes.
    pub length: u64,
}

impl LongRun {
    /// Writes it.
    pub fn write(attempts: u32) -> Self {
        let state = folder().join(format!("run-{attempts}"));
        let store = Store::open(state.clone()).expect("a state folder");
        let at = support::at(0).to_zoned(jiff::tz::TimeZone::UTC);
        let run = store.create_run("large", &at).expect("a run's folder");
        let text = text(STEPS, "/bin/true");
        let mut runbook = runbook(text.clone());
        for step in &mut runbook.steps {
            step.retry.max_attempts = attempts;
            step.idempotent = true;
        }
        run.write_runbook(text.as_bytes(), &runbook).expect("the run's runbook");
        let mut journal = BufWriter::new(File::create(run.journal()).expect("a journal"));
        let mut prev = None;
        for (seq, event) in (1..).zip(events(&runbook, attempts)) {
            let (line, hash) = line(&run.id, seq, event, prev);
            journal.write_all(&line).expect("room on the disk");
            prev = Some(hash);
        }
        journal.into_inner().expect("room on the disk").sync_all().expect("a disk that is well");
        let length = fs::metadata(run.journal()).expect("the journal").len();
        Self { state, run, length }
    }

    /// Cuts off what was recorded since, so that it can be taken up again.
    pub fn restore(&self) {
        let journal = File::options().write(true).open(self.run.journal()).expect("the journal");
        journal.set_len(self.length).expect("a shorter journal");
    }
}

/// The line of a record and its hash.
pub fn line(run: &str, seq: u64, event: Event, prev: Option<String>) -> (Vec<u8>, String) {
    let support::Author { actor, host, .. } = support::author();
    let at = format::timestamp(support::at(0));
    let mut record = Record { seq, at, run: run.to_owned(), epoch: 1, actor, host, event, prev, hash: String::new() };
    let line = format::seal(&mut record).expect("a record that can be written");
    (line, record.hash)
}

fn events(runbook: &Runbook, attempts: u32) -> impl Iterator<Item = Event> + use<> {
    let all = (1..=STEPS).flat_map(move |step| (1..=attempts).map(move |attempt| (format!("s-{step}"), attempt)));
    let pairs = all.flat_map(move |(step, attempt)| [began(step.clone(), attempt), ended(step, attempt, attempts)]);
    std::iter::once(begun(runbook)).chain(pairs)
}

/// The first record names the digest of what is executed, else the run would not be taken up.
fn begun(runbook: &Runbook) -> Event {
    let mut started = support::started();
    if let Event::RunStarted { digest, parameters, .. } = &mut started {
        let executed = serde_json::to_vec(&(runbook, parameters)).expect("plain data");
        *digest = format!("sha256:{}", sha256(&[&executed]));
    }
    started
}

fn began(step: String, attempt: u32) -> Event {
    let boot_id = "0d9b5c3e-7f0a-4c58-9a53-5a1a7a0f2b11".to_owned();
    let identity = ProcessIdentity { pid: 4711, start_time: 99_123, boot_id, host: "ops-1".to_owned() };
    Event::AttemptStarted { step, attempt, intent: Intent::Process(identity) }
}

fn ended(step: String, attempt: u32, attempts: u32) -> Event {
    let is_last = attempt == attempts;
    let failure = (!is_last).then(|| Failure::new(FailureKind::Exit, "exit 1"));
    let result = StepResult {
        stdout: Some(String::new()),
        stderr: Some(String::new()),
        exit_code: Some(i32::from(!is_last)),
        ..StepResult::default()
    };
    let output = Some(OutputDigest { sha256: sha256(&[]), ..OutputDigest::default() });
    let outcome = if is_last { Outcome::Succeeded } else { Outcome::Failed };
    Event::AttemptFinished { step, attempt, outcome, failure, duration_ms: 3, output, result }
}
