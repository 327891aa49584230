//! Missing syncs, which no kill can find: the order of writes and syncs of a whole run, read from its system calls.

#![expect(clippy::disallowed_methods, reason = "a test runs programs")]
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

#[path = "support/postgres.rs"]
mod postgres;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use postgres::Cluster;
use regex::Regex;

/// What the executor did, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Call {
    /// A record was written to the journal, by its number.
    Record(u64),
    /// The journal was synced.
    Sync,
    /// A supervisor was let go.
    Gate,
    /// Something was said to a server.
    Sent,
    /// A file outside the run's folder was replaced.
    Replaced,
    /// Records were shown, the last of them by its number.
    Shown(u64),
    /// Something was made or named in a folder of the run.
    Made(String),
    /// A folder was synced.
    Folder(String),
}

/// The calls of the first process, of all its threads, whole, in their order. Others had a turn within some of them.
fn whole(trace: &str) -> Vec<String> {
    let lines: Vec<(&str, &str)> = trace.lines().filter_map(|line| line.split_once(' ')).collect();
    let mut threads = BTreeSet::from([lines.first().expect("a first process").0.to_owned()]);
    let mut begun: BTreeMap<&str, &str> = BTreeMap::new();
    let mut calls = Vec::new();
    for (by, call) in lines.iter().map(|(by, call)| (*by, call.trim_start())) {
        let call = if let Some(start) = call.strip_suffix("<unfinished ...>") {
            begun.insert(by, start);
            // What is shown is seen from its first moment on.
            if !start.starts_with("write(1<") {
                continue;
            }
            start.to_owned()
        } else if let Some((_, end)) = call.split_once(" resumed>").filter(|_| call.starts_with("<... ")) {
            begun.remove(by).unwrap_or_default().to_owned() + end
        } else {
            call.to_owned()
        };
        if call.starts_with("clone") && call.contains("CLONE_THREAD") {
            threads.extend(call.rsplit_once(" = ").map(|(_, thread)| thread.to_owned()));
        }
        calls.push((by, call));
    }
    calls.into_iter().filter(|(by, _)| threads.contains(*by)).map(|(_, call)| call).collect()
}

/// What they did to the journal, to the steps and to those who look. `state` is where runs are kept.
fn calls(trace: &str, state: &str) -> Vec<Call> {
    let on_file = Regex::new(r"^(\w+)\((\d+)<(.*?)>(.*)$").expect("a pattern");
    let on_path = Regex::new(r#"^(\w+)\((?:AT_FDCWD<[^>]*>, |AT_FDCWD, )?"([^"]*)"(.*)$"#).expect("a pattern");
    let number = Regex::new(r#"\{\\"seq\\":(\d+),"#).expect("a pattern");
    let last = |text: &str| number.captures_iter(text).last().and_then(|found| found[1].parse().ok()).unwrap_or(0);
    let mut calls = Vec::new();
    for call in whole(trace).iter().filter(|call| !call.contains(" = -1 ")) {
        if let Some(found) = on_file.captures(call) {
            let (name, file, path, rest) = (&found[1], &found[2], &found[3], &found[4]);
            match name {
                "write" if path.ends_with("/journal.jsonl") => calls.push(Call::Record(last(rest))),
                "write" if rest.starts_with(", \"{\\\"argv\\\":") => calls.push(Call::Gate),
                "write" if file == "1" => calls.push(Call::Shown(last(rest))),
                "fdatasync" if path.ends_with("/journal.jsonl") => calls.push(Call::Sync),
                "fsync" if Path::new(path).extension().is_none() => calls.push(Call::Folder(path.to_owned())),
                // One byte is what a signal handler wakes the program with.
                "sendto" | "sendmsg" if !rest.ends_with(" = 1") => calls.push(Call::Sent),
                _ => {}
            }
        } else if let Some(found) = on_path.captures(call) {
            let made = match &found[1] {
                "openat" if found[3].contains("O_CREAT") => &found[2],
                "mkdir" => &found[2],
                "rename" => found[3].split('"').nth(1).unwrap_or_default(),
                _ => continue,
            };
            let folder = Path::new(made).parent().map_or(String::new(), |folder| folder.display().to_string());
            // Locks and sockets need not survive anything.
            let is_lock = made.ends_with("/lock") || made.contains("/locks/") || made.ends_with("/control.sock");
            if !made.starts_with(state) && &found[1] == "rename" {
                calls.push(Call::Replaced);
            } else if made.starts_with(&format!("{state}/runs/")) && !is_lock {
                calls.push(Call::Made(folder));
            }
        }
    }
    calls
}

/// The first call that lets something go while a record is not synced, or that shows one which is not.
fn too_early(calls: &[Call]) -> Option<(usize, &Call)> {
    let (mut written, mut synced) = (0, 0);
    for (place, call) in calls.iter().enumerate() {
        match call {
            Call::Record(number) => written = *number,
            Call::Sync => synced = written,
            Call::Gate | Call::Sent | Call::Replaced if synced < written => return Some((place, call)),
            Call::Shown(number) if synced < *number => return Some((place, call)),
            _ => {}
        }
    }
    None
}

/// The folders whose entries were not durable when a record was written or something was let go because of them.
fn left_in_memory(calls: &[Call]) -> BTreeSet<&str> {
    let mut made = BTreeSet::new();
    let mut left = BTreeSet::new();
    for call in calls {
        match call {
            Call::Made(folder) => drop(made.insert(folder.as_str())),
            Call::Folder(folder) => drop(made.remove(folder.as_str())),
            Call::Record(_) | Call::Gate => left.extend(&made),
            _ => {}
        }
    }
    left
}

fn count(calls: &[Call], wanted: &Call) -> usize {
    calls.iter().filter(|call| *call == wanted).count()
}

/// The calls of one run of the program, which ends with that code.
fn traced(scratch: &Path, arguments: &[&str], code: i32) -> Vec<Call> {
    assert!(Path::new("/usr/bin/strace").exists(), "strace is not there; tests/run installs it");
    let (trace, state) = (scratch.join("trace"), scratch.join("state"));
    let ended = Command::new("/usr/bin/strace")
        .args(["-f", "-qq", "-y", "-s", "65536", "-e"])
        .arg("trace=clone,clone3,write,fdatasync,fsync,openat,mkdir,rename,sendto,sendmsg")
        .arg("-o")
        .arg(&trace)
        .arg(env!("CARGO_BIN_EXE_runbook"))
        .args(arguments)
        .env("RUNBOOK_STATE", &state)
        .output()
        .expect("strace");
    assert_eq!(ended.status.code(), Some(code), "{}", String::from_utf8_lossy(&ended.stderr));
    calls(&fs::read_to_string(&trace).expect("the trace"), &state.display().to_string())
}

#[track_caller]
fn is_in_order(calls: &[Call]) {
    let records = calls.iter().filter(|call| matches!(call, Call::Record(_))).count();
    assert_eq!(records, count(calls, &Call::Sync), "each record is synced once");
    assert_eq!(too_early(calls), None, "{calls:#?}");
    assert_eq!(left_in_memory(calls), BTreeSet::new(), "{calls:#?}");
}

#[test]
fn nothing_is_let_go_replaced_or_shown_before_its_record_is_synced() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let service = format!("folder={}", scratch.path().join("service").display());
    let runbook = Path::new(env!("CARGO_MANIFEST_DIR")).join("runbooks/quickstart.yaml").display().to_string();
    let calls = traced(scratch.path(), &["exec", &runbook, "--yes", "--json", "-p", "fail=true", "-p", &service], 4);
    is_in_order(&calls);
    assert_eq!(count(&calls, &Call::Gate), 5, "three steps and two undos have a supervisor");
    assert_eq!(count(&calls, &Call::Replaced), 3, "two files are written and one is put back: {calls:#?}");
    let last = calls.iter().rev().find_map(|call| if let Call::Record(number) = call { Some(*number) } else { None });
    assert!(last.is_some_and(|last| calls.contains(&Call::Shown(last))), "the run was shown to its end: {calls:?}");
    let folders = calls.iter().filter(|call| matches!(call, Call::Folder(_))).count();
    assert!(folders >= 5, "the folders of the run, and those of what it keeps: {calls:#?}");
}

/// Taken twice: going forward, and to undo what was done while it was held.
const HOLD: &str = r#"
runbook: 1
name: held
defaults: { timeout: 30s }
steps:
  - id: drained
    hold:
      acquire: { command: ["true"], timeout: 5s }
      release: { command: ["true"], timeout: 5s }
      expires: 1h
    steps:
      - id: inside
        command: ["true"]
        verify: { shell: test -d . }
        rollback: { command: ["true"] }
  - id: break
    shell: exit 3
    verify: { shell: test -d . }
    rollback: { not_needed: nothing was done }
    on_failure: rollback
"#;

#[test]
fn nothing_is_done_under_a_hold_before_its_record_is_synced_and_nothing_after_it_before_its_release_is() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let runbook = scratch.path().join("runbook.yaml");
    fs::write(&runbook, HOLD).expect("room");
    let calls = traced(scratch.path(), &["exec", &runbook.display().to_string()], 4);
    is_in_order(&calls);
    let synced = calls.split(|call| *call == Call::Gate).map(|between| count(between, &Call::Sync));
    // The run and acquire; its end, hold_taken, inside; its end, release; its end, hold_released, break; its end, the
    // rollback, acquire; its end, hold_taken, the undo; its end, release; its end, hold_released, the end of the run.
    assert_eq!(synced.collect::<Vec<_>>(), [2, 3, 2, 3, 3, 3, 2, 3], "{calls:#?}");
}

#[test]
fn nothing_is_said_to_a_database_before_its_record_is_synced() {
    let cluster = Cluster::start();
    let database = cluster.database("orders");
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let runbook = scratch.path().join("runbook.yaml");
    let text = format!(
        "runbook: 1\nname: orders\ntargets: {{ db: {{ postgres: \"{}\" }} }}\ndefaults: {{ timeout: 30s }}\nsteps:\n  \
         - id: make\n    sql: create table orders (id integer)\n    target: db\n    verify: {{ query: select true }}\n    \
         rollback: {{ sql: drop table orders }}\n  \
         - id: break\n    sql: select 1 / 0\n    target: db\n    rollback: {{ not_needed: nothing }}\n    \
         on_failure: rollback\n",
        database.connection()
    );
    fs::write(&runbook, text).expect("room");
    let calls = traced(scratch.path(), &["exec", &runbook.display().to_string()], 4);
    is_in_order(&calls);
    assert!(count(&calls, &Call::Sent) >= 6, "two steps and an undo: {calls:#?}");
}

#[test]
fn what_comes_before_the_sync_would_be_seen() {
    let journal = "3</s/runs/r/journal.jsonl>";
    let record = format!("7 write({journal}, \"{{\\\"seq\\\":1,\"..., 40) = 40\n");
    let sync = format!("7 fdatasync({journal}) = 0\n");
    let gate = "7 write(9<pipe:[1]>, \"{\\\"argv\\\":[\"..., 40) = 40\n";
    let found = |trace: &str| too_early(&calls(trace, "/s")).map(|(_, call)| call.clone());
    let others = BTreeMap::from([
        ("7 write(1</dev/null>, \"{\\\"seq\\\":1,\\\"at\\\":\"..., 40) = 40\n", Call::Shown(1)),
        ("7 sendto(8<UNIX-STREAM:[1]>, \"Q\"..., 40, MSG_NOSIGNAL, NULL, 0) = 40\n", Call::Sent),
        ("7 rename(\"/etc/a.new\", \"/etc/a\") = 0\n", Call::Replaced),
        (gate, Call::Gate),
    ]);
    for (line, call) in &others {
        assert_eq!(found(&format!("{record}{line}{sync}")), Some(call.clone()));
        let failed = format!("7 fdatasync({journal}) = -1 EIO (Input/output error)\n");
        assert_eq!(found(&format!("{record}{failed}{line}")), Some(call.clone()), "a failed sync is none");
        assert_eq!(found(&format!("{record}{sync}{line}")), None);
        let apart = format!("7 fdatasync({journal} <unfinished ...>\n8 getpid() = 8\n7 <... fdatasync resumed>) = 0\n");
        assert_eq!(found(&format!("{record}{apart}{line}")), None);
    }
    let beside = "9 write(1<pipe:[2]>, \"{\\\"seq\\\":1,\\\"at\\\":\"..., 40 <unfinished ...>\n";
    let thread = "7 clone3({flags=CLONE_VM|CLONE_THREAD} => {parent_tid=[9]}, 88) = 9\n";
    assert_eq!(found(&format!("{record}{beside}{sync}{thread}")), Some(Call::Shown(1)), "by another thread");
    assert_eq!(found(&format!("{record}{sync}{beside}{thread}")), None);
    assert_eq!(found(&format!("{record}{beside}{sync}")), None, "by another process");
    let made = "7 openat(AT_FDCWD, \"/s/runs/r/journal.jsonl\", O_WRONLY|O_CREAT|O_EXCL, 0600) = 3\n";
    let folder = "7 fsync(4</s/runs/r>) = 0\n";
    let left = |trace: &str| left_in_memory(&calls(trace, "/s")).len();
    assert_eq!((left(&format!("{made}{record}")), left(&format!("{made}{folder}{record}"))), (1, 0));
    let made = "7 mkdir(\"/s/runs/r\", 0700) = 0\n";
    assert_eq!((left(&format!("{made}{gate}")), left(&format!("{made}7 fsync(4</s/runs>) = 0\n{gate}"))), (1, 0));
}
