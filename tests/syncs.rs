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
    /// A record was written to the journal.
    Record,
    /// The journal was synced.
    Sync,
    /// A supervisor was let go.
    Gate,
    /// Something was said to a server.
    Sent,
    /// A file outside the run's folder was replaced.
    Replaced,
    /// Something was shown.
    Shown,
    /// Something was made or named in a folder of the run.
    Made(String),
    /// A folder was synced.
    Folder(String),
}

/// The calls of the first process, whole, in their order. Others had a turn within some of them.
fn whole(trace: &str) -> Vec<String> {
    let pid = trace.split(' ').next().expect("a first process").to_owned();
    let mut begun = String::new();
    let mut calls = Vec::new();
    for (_, call) in trace.lines().filter_map(|line| line.split_once(' ')).filter(|(by, _)| *by == pid) {
        let call = call.trim_start();
        if let Some(start) = call.strip_suffix("<unfinished ...>") {
            start.clone_into(&mut begun);
        } else if let Some((_, end)) = call.split_once(" resumed>").filter(|_| call.starts_with("<... ")) {
            calls.push(std::mem::take(&mut begun) + end);
        } else {
            calls.push(call.to_owned());
        }
    }
    calls
}

/// What they did to the journal, to the steps and to those who look. `state` is where runs are kept.
fn calls(trace: &str, state: &str) -> Vec<Call> {
    let on_file = Regex::new(r"^(\w+)\((\d+)<(.*?)>(.*)$").expect("a pattern");
    let on_path = Regex::new(r#"^(\w+)\((?:AT_FDCWD<[^>]*>, |AT_FDCWD, )?"([^"]*)"(.*)$"#).expect("a pattern");
    let mut calls = Vec::new();
    for call in whole(trace).iter().filter(|call| !call.contains(" = -1 ")) {
        if let Some(found) = on_file.captures(call) {
            let (name, file, path, rest) = (&found[1], &found[2], &found[3], &found[4]);
            match name {
                "write" if path.ends_with("/journal.jsonl") => calls.push(Call::Record),
                "write" if rest.starts_with(", \"{\\\"argv\\\":") => calls.push(Call::Gate),
                "write" if file == "1" => calls.push(Call::Shown),
                "fdatasync" if path.ends_with("/journal.jsonl") => calls.push(Call::Sync),
                "fsync" if Path::new(path).extension().is_none() => calls.push(Call::Folder(path.to_owned())),
                "sendto" | "sendmsg" => calls.push(Call::Sent),
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
            // Locks, and the socket of whoever executes, need not survive anything.
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

/// The first call that lets something go, or shows something, while a record is not synced.
fn too_early(calls: &[Call]) -> Option<(usize, &Call)> {
    let mut unsynced = false;
    for (place, call) in calls.iter().enumerate() {
        match call {
            Call::Record => unsynced = true,
            Call::Sync => unsynced = false,
            Call::Gate | Call::Sent | Call::Replaced | Call::Shown if unsynced => return Some((place, call)),
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
            Call::Record | Call::Gate => left.extend(&made),
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
        .args(["-f", "-qq", "-y", "-s", "40", "-e"])
        .arg("trace=write,fdatasync,fsync,openat,mkdir,rename,sendto,sendmsg")
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
    assert_eq!(count(calls, &Call::Record), count(calls, &Call::Sync), "each record is synced once");
    assert_eq!(too_early(calls), None, "{calls:#?}");
    assert_eq!(left_in_memory(calls), BTreeSet::new(), "{calls:#?}");
}

#[test]
fn nothing_is_let_go_replaced_or_shown_before_its_record_is_synced() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let service = format!("folder={}", scratch.path().join("service").display());
    let runbook = Path::new(env!("CARGO_MANIFEST_DIR")).join("runbooks/quickstart.yaml").display().to_string();
    let calls = traced(scratch.path(), &["exec", &runbook, "--yes", "-p", "fail=true", "-p", &service], 4);
    is_in_order(&calls);
    assert_eq!(count(&calls, &Call::Gate), 5, "three steps and two undos have a supervisor");
    assert_eq!(count(&calls, &Call::Replaced), 3, "two files are written and one is put back: {calls:#?}");
    assert!(count(&calls, &Call::Shown) >= 10, "the run was shown: {calls:?}");
    let folders = calls.iter().filter(|call| matches!(call, Call::Folder(_))).count();
    assert!(folders >= 5, "the folders of the run, and those of what it keeps: {calls:#?}");
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
    let record = format!("7 write({journal}, \"{{\\\"seq\\\":1\"..., 40) = 40\n");
    let sync = format!("7 fdatasync({journal}) = 0\n");
    let gate = "7 write(9<pipe:[1]>, \"{\\\"argv\\\":[\"..., 40) = 40\n";
    let found = |trace: &str| too_early(&calls(trace, "/s")).map(|(_, call)| call.clone());
    let others = BTreeMap::from([
        ("7 write(1</dev/null>, \"ok\", 2) = 2\n", Call::Shown),
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
    let made = "7 openat(AT_FDCWD, \"/s/runs/r/journal.jsonl\", O_WRONLY|O_CREAT|O_EXCL, 0600) = 3\n";
    let folder = "7 fsync(4</s/runs/r>) = 0\n";
    let left = |trace: &str| left_in_memory(&calls(trace, "/s")).len();
    assert_eq!((left(&format!("{made}{record}")), left(&format!("{made}{folder}{record}"))), (1, 0));
    let made = "7 mkdir(\"/s/runs/r\", 0700) = 0\n";
    assert_eq!((left(&format!("{made}{gate}")), left(&format!("{made}7 fsync(4</s/runs>) = 0\n{gate}"))), (1, 0));
}
