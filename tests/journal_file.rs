//! The journal's writer on real disks, full ones included, and the round trip of any record.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

#[path = "support/journal.rs"]
mod support;

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use runbook::journal::chain::{read, verify};
use runbook::journal::crash::CrashPlan;
use runbook::journal::file::{Cut, Journal, JournalError};
use runbook::journal::format;
use runbook::model::digest::sha256;
use runbook::model::event::{Event, Outcome, Record, RunOutcome};
use runbook::model::question::Choice;
use runbook::model::result::{Failure, FailureKind, StepResult};
use serde_json::{Value, json};

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

fn open(folder: &Path) -> Result<(Journal, Vec<Record>, Option<Cut>), JournalError> {
    let mut records = Vec::new();
    let (journal, cut) = Journal::open(folder, support::author(), CrashPlan::default(), |record| records.push(record))?;
    Ok((journal, records, cut))
}

fn create(folder: &Path) -> Journal {
    Journal::create(folder, support::author(), CrashPlan::default()).expect("a new journal")
}

fn add(folder: &Path, bytes: &[u8]) {
    let mut file = OpenOptions::new().append(true).open(folder.join("journal.jsonl")).expect("the journal");
    file.write_all(bytes).expect("room");
}

#[test]
fn a_record_is_one_line_with_its_keys_in_the_order_of_the_format() {
    let folder = folder();
    let mut journal = create(folder.path());
    let event = Event::StepSkipped { step: "a".to_owned(), reason: "`when` is ü".to_owned() };
    journal.append(support::at(0), support::started()).expect("a record");
    let record = journal.append("2026-02-01T22:00:01.0000009Z".parse().expect("a moment"), event).expect("a record");
    let text = std::fs::read_to_string(folder.path().join("journal.jsonl")).expect("text");
    let prev = record.prev.clone().expect("a record before");
    let body = format!(
        "{{\"seq\":2,\"at\":\"2026-02-01T22:00:01.000000Z\",\"run\":\"{}\",\"epoch\":1,\"actor\":\"zoë\",\
         \"host\":\"db-1.example\",\"event\":\"step_skipped\",\"step\":\"a\",\"reason\":\"`when` is ü\",\"prev\":\"{prev}\"",
        support::RUN
    );
    let hash = sha256(&[body.as_bytes()]);
    assert_eq!(text.lines().nth(1), Some(format!("{body},\"hash\":\"{hash}\"}}").as_str()));
    assert_eq!(format::decode(text.lines().nth(1).expect("a line").as_bytes()).expect("a record"), record);
    assert_eq!(sha256(&[b""]), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

#[test]
fn each_record_is_one_write_and_is_synced_before_anything_else_happens() {
    if !Path::new("/usr/bin/strace").exists() {
        return;
    }
    let log = folder();
    let calls = log.path().join("calls");
    assert_cmd::Command::new("strace")
        .args(["-f", "-e", "trace=openat,write,fsync,fdatasync,fallocate", "-o"])
        .arg(&calls)
        .arg(std::env::current_exe().expect("this test"))
        .args(["--exact", "a_record_is_one_line_with_its_keys_in_the_order_of_the_format", "--test-threads=1"])
        .assert()
        .success();
    let calls = std::fs::read_to_string(calls).expect("what was called");
    let calls: Vec<&str> = calls.lines().filter_map(|line| line.split_once(' ')).map(|(_, call)| call.trim()).collect();
    let created = calls.iter().position(|call| call.contains("journal.jsonl\", O_")).expect("it is made");
    let expected = ["openat", "fallocate", "fsync", "openat", "fsync", "write", "fdatasync", "write", "fdatasync"];
    let made = &calls[created..created + expected.len()];
    let names: Vec<&str> = made.iter().filter_map(|call| call.split_once('(')).map(|(name, _)| name).collect();
    assert_eq!(names, expected);
    assert!(calls[created].contains("O_CLOEXEC") && calls[created].contains("O_EXCL"));
    assert!(made.iter().all(|call| !call.contains("= -1")));
    let written = calls.iter().filter(|call| call.starts_with("write(") && call.contains("{\\\"seq\\\":")).count();
    assert_eq!(written, 2);
}

#[test]
fn a_run_taken_up_again_goes_on_with_the_next_number_and_a_higher_epoch() {
    let folder = folder();
    support::write(folder.path());
    let (mut journal, records, cut) = open(folder.path()).expect("a good journal");
    assert_eq!((records.len(), cut, journal.epoch(), journal.appended()), (12, None, 2, 0));
    let event = Event::StopRequested { by: "zoë".to_owned(), reason: String::new() };
    let record = journal.append(support::at(99), event).expect("a record");
    assert_eq!((record.seq, record.epoch, record.prev.as_ref()), (13, 2, Some(&records[11].hash)));
    let seen = read(folder.path()).expect("a good journal");
    assert_eq!((seen.records.last(), seen.torn_tail), (Some(&record), None));
}

#[test]
fn a_torn_last_line_is_cut_and_the_cut_is_told() {
    for torn in [&b"{\"seq\":13,\"at\":\"2026"[..], b"{", b"\0\0\0\0", b"{\"seq\":13,\0\0\0\n", b"{\"seq\":13,\"at\n"] {
        let folder = folder();
        let whole = support::write(folder.path());
        add(folder.path(), torn);
        let follower = read(folder.path()).expect("a reader goes on");
        assert_eq!((follower.records.len(), follower.torn_tail), (12, Some(torn.len() as u64)));
        let (_, records, cut) = open(folder.path()).expect("a good journal");
        assert_eq!(cut, Some(Cut { bytes: torn.len() as u64, sha256: sha256(&[torn]) }));
        assert_eq!(records.len(), 12);
        assert_eq!(std::fs::read(folder.path().join("journal.jsonl")).expect("bytes"), whole);
    }
}

#[test]
fn damage_before_the_end_is_refused_and_left_as_it_is() {
    let folder = folder();
    let mut bytes = support::write(folder.path());
    let place = bytes.len() / 2;
    bytes[place] ^= 1;
    std::fs::write(folder.path().join("journal.jsonl"), &bytes).expect("room");
    let Err(JournalError::Tampered { source, .. }) = open(folder.path()) else { panic!("it was believed") };
    let number = bytes[..place].split(|byte| *byte == b'\n').count() as u64;
    assert_eq!(source.record, number);
    assert_eq!(std::fs::read(folder.path().join("journal.jsonl")).expect("bytes"), bytes);
}

#[test]
fn a_journal_is_made_once_and_belongs_to_one_run() {
    let folder = folder();
    support::write(folder.path());
    let again = Journal::create(folder.path(), support::author(), CrashPlan::default());
    assert!(matches!(again, Err(JournalError::Exists { .. })));
    let other = runbook::journal::file::Author { run: "other".to_owned(), ..support::author() };
    let opened = Journal::open(folder.path(), other, CrashPlan::default(), drop);
    assert!(matches!(opened, Err(JournalError::OtherRun { found, .. }) if found == support::RUN));
}

#[test]
fn nothing_is_appended_behind_what_another_process_wrote() {
    let folder = folder();
    let mut journal = create(folder.path());
    journal.append(support::at(0), support::started()).expect("a record");
    add(folder.path(), b"x");
    let before = std::fs::read(folder.path().join("journal.jsonl")).expect("bytes");
    assert!(matches!(journal.append(support::at(1), support::attempt("a")), Err(JournalError::Changed { .. })));
    assert!(matches!(journal.append(support::at(1), support::attempt("a")), Err(JournalError::Poisoned { .. })));
    assert_eq!(std::fs::read(folder.path().join("journal.jsonl")).expect("bytes"), before);
}

#[test]
fn what_could_not_be_read_again_is_not_written_and_the_journal_goes_on() {
    let folder = folder();
    let mut journal = create(folder.path());
    journal.append(support::at(0), support::started()).expect("a record");
    let deep = (0..200).fold(Value::Null, |value, _| json!([value]));
    let decision = |values: Value| Event::DecisionMade {
        step: "a".to_owned(),
        choice: Choice::Yes,
        by: "b".to_owned(),
        reason: String::new(),
        values: BTreeMap::from([("deep".to_owned(), values)]),
    };
    for event in [decision(deep), decision(json!("x".repeat(format::MAX_LINE))), Event::Unknown] {
        assert!(matches!(journal.append(support::at(1), event), Err(JournalError::Unwritable(_))));
    }
    assert_eq!(journal.append(support::at(1), decision(Value::Null)).expect("a record").seq, 2);
}

/// A program that writes the journal in this folder and stops at a point.
#[cfg(feature = "crash-points")]
#[test]
#[ignore = "started by another test"]
fn crasher() {
    let mut lines = std::io::stdin().lines().map_while(Result::ok);
    let (folder, point) = (lines.next().expect("a folder"), lines.next().expect("a point"));
    let crash = CrashPlan::from_text(Some(&point)).expect("a crash point");
    let mut journal = Journal::create(Path::new(&folder), support::author(), crash).expect("a new journal");
    for event in support::events() {
        journal.append(support::at(0), event).expect("a record");
    }
}

#[cfg(feature = "crash-points")]
#[test]
fn a_crash_at_any_point_of_any_record_leaves_whole_records_and_at_most_a_torn_line() {
    let expected =
        [("before_write", 0, false), ("torn_write", 0, true), ("after_write", 1, false), ("after_sync", 1, false)];
    for count in 1..=support::events().len() {
        for (point, more, torn) in expected {
            let folder = folder();
            assert_cmd::Command::new(std::env::current_exe().expect("this test"))
                .args(["--ignored", "--exact", "crasher"])
                .write_stdin(format!("{}\n{count}:{point}\n", folder.path().display()))
                .assert()
                .interrupted();
            let (mut journal, records, cut) = open(folder.path()).expect("it can be taken up again");
            assert_eq!((records.len(), cut.is_some()), (count - 1 + more, torn), "{count}:{point}");
            let next = if records.is_empty() { support::started() } else { support::attempt("next") };
            assert_eq!(journal.append(support::at(1), next).expect("a record").seq, (count + more) as u64);
        }
    }
    assert!(CrashPlan::from_text(Some("0:after_sync")).is_err());
    assert!(CrashPlan::from_text(Some("after_sync")).is_err());
    assert!(!CrashPlan::from_text(None).expect("no crash").is_at(1, "after_sync"));
}

/// A file system of 4 MiB. Only root may mount one: the tests on full disks show something there alone.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// `None` where this process may not mount one.
    fn mount() -> Option<Self> {
        let folder = folder();
        let mounted = assert_cmd::Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=4m", "tmpfs"])
            .arg(folder.path())
            .output()
            .expect("mount starts");
        mounted.status.success().then_some(Self(folder))
    }

    /// Leaves no room, and gives the file that takes it.
    fn fill(&self) -> PathBuf {
        let path = self.0.path().join("ballast");
        let mut file = OpenOptions::new().append(true).create(true).open(&path).expect("a file");
        while file.write_all(&[0; 4096]).is_ok() {}
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        assert_cmd::Command::new("umount").arg("-l").arg(self.0.path()).assert().success();
    }
}

#[test]
fn on_a_full_disk_no_attempt_begins_but_ends_are_recorded_until_the_reserve_is_used_up() {
    let Some(disk) = SmallDisk::mount() else { return };
    let folder = disk.0.path();
    let mut journal = create(folder);
    journal.append(support::at(0), support::started()).expect("a record");
    let ballast = disk.fill();
    let mut begun: u64 = 1;
    let refused = loop {
        match journal.append(support::at(1), support::attempt("a")) {
            Ok(record) => begun = record.seq,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, JournalError::NoReserve { .. }), "{refused:?}");
    let mut ended = begun;
    let full = loop {
        match journal.append(support::at(2), support::finished("a", Outcome::Failed)) {
            Ok(record) => ended = record.seq,
            Err(error) => break error,
        }
    };
    assert!(matches!(full, JournalError::Full { .. }), "{full:?}");
    assert!(ended - begun > 50, "{begun} began, {ended} ended");
    let again = journal.append(support::at(3), support::finished("a", Outcome::Failed));
    assert!(matches!(again, Err(JournalError::Poisoned { .. })));
    drop(journal);
    let (mut journal, records, _) = open(folder).expect("it opens on the full disk");
    assert_eq!(records.len() as u64, ended);
    std::fs::remove_file(ballast).expect("room is made");
    let record = journal.append(support::at(4), support::attempt("b")).expect("a record");
    assert_eq!(record.seq, ended + 1);
    let file = std::fs::read(folder.join("journal.jsonl")).expect("bytes");
    assert_eq!(verify(&file[..], &[]).expect("a good journal").records, ended + 1);
}

/// The end of an attempt that said as much as is kept of it.
fn long_end(step: &str) -> Event {
    let Event::AttemptFinished { step, attempt, outcome, failure, duration_ms, output, result } =
        support::finished(step, Outcome::Succeeded)
    else {
        panic!("it is the end of an attempt");
    };
    // Each of these takes six bytes in a record.
    let said = || Some("\u{1}".repeat(64 * 1024));
    let result = StepResult { stdout: said(), stderr: said(), ..result };
    Event::AttemptFinished { step, attempt, outcome, failure, duration_ms, output, result }
}

#[test]
fn the_longest_ends_of_all_that_is_under_way_are_recorded_on_a_full_disk() {
    for under_way in 1..=2 {
        let Some(disk) = SmallDisk::mount() else { return };
        let mut journal = create(disk.0.path());
        journal.append(support::at(0), support::started()).expect("a record");
        let steps = &["a", "b"][..under_way];
        for step in steps {
            journal.append(support::at(1), support::attempt(step)).expect("a record");
        }
        disk.fill();
        assert!(matches!(journal.may_begin(), Err(JournalError::NoReserve { .. })));
        for step in steps {
            journal.append(support::at(2), long_end(step)).expect("room that was kept");
        }
        let refused = journal.append(support::at(3), support::attempt("c"));
        assert!(matches!(refused, Err(JournalError::NoReserve { .. })), "{refused:?}");
        let outcome = RunOutcome::Stopped;
        let event = Event::RunFinished { outcome, remaining: Vec::new() };
        journal.append(support::at(4), event).expect("what was refused poisons nothing");
    }
}

#[test]
fn what_is_kept_is_given_back_when_a_run_is_over() {
    use std::os::unix::fs::MetadataExt as _;
    let folder = folder();
    let mut journal = create(folder.path());
    let taken = || std::fs::metadata(folder.path().join("journal.jsonl")).expect("the journal").blocks() * 512;
    journal.append(support::at(0), support::started()).expect("a record");
    if taken() < 1024 * 1024 {
        // This file system keeps no room, or does not tell.
        return;
    }
    journal
        .append(support::at(1), Event::RunFinished { outcome: RunOutcome::Succeeded, remaining: Vec::new() })
        .expect("a record");
    assert!(taken() < 64 * 1024, "{} bytes are still taken", taken());
    assert_eq!(open(folder.path()).expect("a good journal").1.len(), 2);
}

#[test]
fn the_last_record_is_written_and_synced_again_when_a_run_is_taken_up_and_synced_when_it_is_read() {
    if !Path::new("/usr/bin/strace").exists() {
        return;
    }
    let log = folder();
    let calls = log.path().join("calls");
    assert_cmd::Command::new("strace")
        .args(["-f", "-y", "-s", "16", "-e", "trace=write,pwrite64,fdatasync", "-o"])
        .arg(&calls)
        .arg(std::env::current_exe().expect("this test"))
        .args(["--exact", "a_run_taken_up_again_goes_on_with_the_next_number_and_a_higher_epoch", "--test-threads=1"])
        .assert()
        .success();
    let calls = std::fs::read_to_string(calls).expect("what was called");
    let calls = calls.lines().filter(|call| call.contains("/journal.jsonl>")).filter_map(|call| call.split_once(' '));
    let names: Vec<&str> = calls.filter_map(|(_, call)| call.trim().split_once('(')).map(|(name, _)| name).collect();
    let expected = ["pwrite64", "fdatasync", "write", "fdatasync", "fdatasync"];
    assert_eq!(names[names.len() - expected.len()..], expected, "taken up, appended, read");
}

#[test]
fn without_room_for_the_reserve_no_run_begins() {
    let Some(disk) = SmallDisk::mount() else { return };
    disk.fill();
    let refused = Journal::create(disk.0.path(), support::author(), CrashPlan::default());
    assert!(matches!(refused, Err(JournalError::Full { .. })), "{refused:?}");
}

#[test]
fn a_read_only_disk_is_called_so() {
    let Some(disk) = SmallDisk::mount() else { return };
    support::write(disk.0.path());
    let remount = ["-o", "remount,ro"];
    assert_cmd::Command::new("mount").args(remount).arg(disk.0.path()).assert().success();
    assert!(matches!(open(disk.0.path()), Err(JournalError::ReadOnly { .. })));
    assert_eq!(read(disk.0.path()).expect("it can be read").records.len(), 12);
}

/// Any value of JSON that a record may hold.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..4)
                .prop_map(|map| Value::from_iter(map.into_iter().collect::<Vec<_>>())),
        ]
    })
}

/// Events whose fields hold any text and any value.
fn event() -> impl Strategy<Value = Event> {
    let text = any::<String>;
    let values = prop::collection::btree_map(text(), value(), 0..4).boxed();
    let failure = (text(), prop::collection::vec(text(), 0..3)).prop_map(|(message, chain)| Failure {
        kind: FailureKind::Sql,
        message,
        chain,
    });
    let finished = (text(), any::<u64>(), prop::option::of(failure), values.clone(), prop::option::of(text()))
        .prop_map(|(step, duration_ms, failure, outputs, stdout)| Event::AttemptFinished {
            step,
            attempt: u32::MAX,
            outcome: Outcome::UnknownMayRun,
            failure,
            duration_ms,
            output: None,
            result: StepResult { outputs, stdout, truncated: true, ..StepResult::default() },
        });
    let decided = (text(), text(), values.clone()).prop_map(|(step, reason, values)| Event::DecisionMade {
        step,
        choice: Choice::NotStarted,
        by: reason.clone(),
        reason,
        values,
    });
    let started = (text(), values).prop_map(|(runbook, parameters)| Event::RunStarted {
        format: 1,
        program: String::new(),
        runbook,
        digest: String::new(),
        parameters,
        previous: None,
    });
    let told = (0..support::events().len()).prop_map(|index| support::events().swap_remove(index));
    prop_oneof![finished, decided, started, told]
}

proptest! {
    #[test]
    fn any_record_reads_back_as_it_was(event in event(), seq: u64, epoch: u64, host: String, second in 0..9_999_999_999_i64) {
        let at = format::timestamp(support::at(second));
        let names = (support::RUN.to_owned(), "a".to_owned());
        let mut record =
            Record { seq, at, run: names.0, epoch, actor: names.1, host, event, prev: None, hash: String::new() };
        let line = format::seal(&mut record).expect("a line");
        prop_assert_eq!(line.iter().position(|byte| *byte < b' '), Some(line.len() - 1));
        prop_assert_eq!(&format::decode(&line).expect("a record"), &record);
        let facts = format::inspect(&line[..line.len() - 1]).expect("a well-formed line");
        prop_assert_eq!((facts.seq, facts.epoch, facts.hash), (seq, epoch, record.hash));
    }
}
