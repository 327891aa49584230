//! Missing syncs, which no kill can find: the order of writes and syncs of a whole run, read from its system calls.

#![expect(clippy::disallowed_methods, reason = "a test runs programs")]

use std::fs;
use std::path::Path;
use std::process::Command;

/// What the executor did, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Call {
    /// A record was written to the journal.
    Record,
    /// The journal was synced.
    Sync,
    /// A supervisor was let go.
    Gate,
    /// Something was shown.
    Shown,
}

/// The calls of the process with that id, in their order.
fn calls(trace: &str, pid: &str) -> Vec<Call> {
    let mut journal = None;
    let mut ours = false;
    let mut calls = Vec::new();
    for line in trace.lines() {
        let Some((by, call)) = line.split_once(' ') else { continue };
        let call = call.trim_start();
        if by != pid {
            continue;
        }
        if let Some(rest) = call.strip_prefix("write(") {
            let Some((file, text)) = rest.split_once(", ") else { continue };
            if text.starts_with("\"{\\\"seq\\\":") {
                journal = Some(file.to_owned());
                calls.push(Call::Record);
            } else if text.starts_with("\"{\\\"argv\\\":") {
                calls.push(Call::Gate);
            } else if file == "1" {
                calls.push(Call::Shown);
            }
        } else if let Some(rest) = call.strip_prefix("fdatasync(") {
            let file: String = rest.chars().take_while(char::is_ascii_digit).collect();
            ours = journal.as_ref() == Some(&file);
            if ours && call.ends_with("= 0") {
                calls.push(Call::Sync);
            }
        } else if call.starts_with("<... fdatasync resumed>") && ours && call.ends_with("= 0") {
            // Other processes had a turn while it synced.
            calls.push(Call::Sync);
        }
    }
    calls
}

/// The first call that lets something go, or shows something, while a record is not synced.
fn too_early(calls: &[Call]) -> Option<(usize, Call)> {
    let mut unsynced = false;
    for (place, call) in calls.iter().enumerate() {
        match call {
            Call::Record => unsynced = true,
            Call::Sync => unsynced = false,
            Call::Gate | Call::Shown if unsynced => return Some((place, *call)),
            Call::Gate | Call::Shown => {}
        }
    }
    None
}

#[test]
fn nothing_is_let_go_or_shown_before_its_record_is_synced() {
    assert!(Path::new("/usr/bin/strace").exists(), "strace is not there; tests/run installs it");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let trace = scratch.path().join("trace");
    let service = scratch.path().join("service");
    let ended = Command::new("/usr/bin/strace")
        .args(["-f", "-qq", "-s", "40", "-e", "trace=write,fdatasync", "-o"])
        .arg(&trace)
        .arg(env!("CARGO_BIN_EXE_runbook"))
        .arg("exec")
        .arg(root.join("runbooks/quickstart.yaml"))
        .args(["--yes", "-p", "fail=true", "-p"])
        .arg(format!("folder={}", service.display()))
        .env("RUNBOOK_STATE", scratch.path().join("state"))
        .output()
        .expect("strace");
    assert_eq!(ended.status.code(), Some(4), "{}", String::from_utf8_lossy(&ended.stderr));
    let trace = fs::read_to_string(&trace).expect("the trace");
    let pid = trace.split(' ').next().expect("a first process").to_owned();
    let calls = calls(&trace, &pid);
    let count = |wanted: Call| calls.iter().filter(|call| **call == wanted).count();
    assert_eq!(count(Call::Record), count(Call::Sync), "each record is synced once");
    assert_eq!(count(Call::Gate), 5, "three steps and two undos have a supervisor");
    assert!(count(Call::Shown) >= 10, "the run was shown: {calls:?}");
    assert_eq!(too_early(&calls), None, "{calls:?}");
}

#[test]
fn a_step_that_is_let_go_before_the_sync_would_be_seen() {
    let trace =
        "7 write(3, \"{\\\"seq\\\":1\"..., 40) = 40\n7 write(9, \"{\\\"argv\\\":[\"..., 40) = 40\n7 fdatasync(3) = 0\n";
    assert_eq!(too_early(&calls(trace, "7")), Some((1, Call::Gate)));
    let failed = "7 write(3, \"{\\\"seq\\\":1\"..., 40) = 40\n7 fdatasync(3) = -1 EIO\n7 write(1, \"ok\", 2) = 2\n";
    assert_eq!(too_early(&calls(failed, "7")), Some((1, Call::Shown)));
}
