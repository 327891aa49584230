//! A journal of varied records to test with.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use runbook::journal::crash::CrashPlan;
pub use runbook::journal::file::Author;
use runbook::journal::file::Journal;
use runbook::model::event::{
    Answer, Event, FileIntent, FileState, Head, Intent, Outcome, ProcessIdentity, Remaining, RunOutcome, SettledBy,
    Settlement,
};
use runbook::model::question::{Choice, Question};
use runbook::model::result::{Failure, FailureKind, OutputDigest, StepResult};
use runbook::model::runbook::Hook;
use serde_json::json;

/// The run of [`events`].
pub const RUN: &str = "20260201-2200-sunday-database-upgrade";

/// Who writes.
pub fn author() -> Author {
    Author { run: RUN.to_owned(), actor: "zoë".to_owned(), host: "db-1.example".to_owned() }
}

/// So many seconds after the run began.
pub fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_769_983_200 + second).expect("a moment")
}

/// The first event of a run.
pub fn started() -> Event {
    let parameters = [
        ("ratio".to_owned(), json!(0.1)),
        ("hosts".to_owned(), json!(["web-1", "wéb-2"])),
        ("limit".to_owned(), json!(1e21)),
    ];
    Event::RunStarted {
        format: 1,
        program: "0.1.0".to_owned(),
        runbook: "sunday-database-upgrade".to_owned(),
        digest: "sha256:4f1c".to_owned(),
        parameters: BTreeMap::from(parameters),
        previous: Some(Head { run: "20260125-2200-x".to_owned(), seq: 3, hash: "ab".to_owned() }),
    }
}

/// An attempt that begins.
pub fn attempt(step: &str) -> Event {
    let process = ProcessIdentity { pid: 4711, start_time: 99_123, boot_id: "b0".to_owned(), host: "db-1".to_owned() };
    Event::AttemptStarted { step: step.to_owned(), attempt: 1, intent: Intent::Process(process) }
}

/// Its end.
pub fn finished(step: &str, outcome: Outcome) -> Event {
    Event::AttemptFinished {
        step: step.to_owned(),
        attempt: 1,
        outcome,
        failure: Some(Failure::new(FailureKind::Exit, "it ended with 3: \"no\u{1}\"\n\t\\ \u{7f} \u{2028} 🙂")),
        duration_ms: 1_250,
        output: Some(OutputDigest { bytes: 12, sha256: "cd".to_owned(), ..OutputDigest::default() }),
        result: StepResult { stdout: Some("a\nb".to_owned()), exit_code: Some(3), ..StepResult::default() },
    }
}

/// Twelve varied events of one run.
pub fn events() -> Vec<Event> {
    let step = || "switch-traffic".to_owned();
    let state = FileState { sha256: "ef".to_owned(), mode: 0o640, uid: 0, gid: 5 };
    let file =
        FileIntent { path: "/etc/haproxy/haproxy.cfg".to_owned(), before: Some(state), after: None, reload: true };
    vec![
        started(),
        Event::StepInPlace { step: "create-index".to_owned(), reason: "check holds".to_owned() },
        attempt("promote"),
        finished("promote", Outcome::Failed),
        Event::AttemptStarted { step: step(), attempt: 1, intent: Intent::File(file) },
        finished("switch-traffic", Outcome::Unknown),
        Event::CheckAnswered { step: step(), answer: Answer::Unknown, detail: String::new() },
        Event::QuestionAsked {
            step: step(),
            question: Question::Unknown,
            text: "How did it end?".to_owned(),
            choices: vec![Choice::Succeeded, Choice::NotStarted],
            until: None,
        },
        Event::StepSettled {
            step: step(),
            attempt: 1,
            r#as: Settlement::Succeeded,
            by: SettledBy::Person,
            reason: "seen in the statistics page".to_owned(),
        },
        Event::RollbackStarted { reason: "an operator's word".to_owned(), to: None },
        Event::HookFinished { hook: Hook::OnRollback, outcome: Outcome::Succeeded, detail: None },
        Event::RunFinished {
            outcome: RunOutcome::Stuck,
            remaining: vec![Remaining { step: step(), reason: "its undo failed".to_owned() }],
        },
    ]
}

/// Writes those events as the journal of a new run and gives its bytes.
pub fn write(folder: &Path) -> Vec<u8> {
    let mut journal = Journal::create(folder, author(), CrashPlan::default()).expect("a new journal");
    for (second, event) in (0..).zip(events()) {
        journal.append(at(second), event).expect("a durable record");
    }
    std::fs::read(folder.join("journal.jsonl")).expect("the journal's bytes")
}
