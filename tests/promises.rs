//! Promises that no kill can test, because the page cache outlives every process: the order of writes, syncs and renames
//! of a whole run, read from its system calls, thread by thread.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[expect(dead_code, reason = "every file of tests uses a part of it")]
#[path = "support/scenario.rs"]
mod scenario;

use std::collections::BTreeSet;
use std::fs;

use regex::Regex;
use scenario::{Scenario, command};

/// A step with output, a file that is replaced, one that is new, and a way back for all of it.
const RUNBOOK: &str = r#"
runbook: 1
name: durable
defaults: { timeout: 1m }
steps:
  - id: prints
    shell: echo something
    verify: { command: ["true"] }
    rollback: { not_needed: it only prints }
  - id: replaced
    file: { path: replaced, content: "new\n" }
  - id: made
    file: { path: made, source: source }
  - id: breaks
    command: ["false"]
    verify: { command: ["true"] }
    rollback: { not_needed: it does nothing }
    on_failure: rollback
"#;

/// One thing that a thread did to a file. Calls that failed are left out.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Call {
    /// It was opened for writing.
    Opened(String),
    /// Bytes were written to it.
    Wrote(String),
    /// It, or what a folder names, was made durable.
    Synced(String),
    /// The first took the place of the second.
    Renamed(String, String),
}

/// What each thread of a whole run did, those of its supervisors too.
fn threads() -> Vec<Vec<Call>> {
    let scenario = Scenario::new(RUNBOOK).file("replaced", "old\n").file("source", "made\n");
    let program = scenario.command(&["exec", "runbook.yaml", "--yes"]);
    let mut strace = command("strace");
    strace.args(["-ff", "-y", "-qq", "-s", "16", "-e", "trace=openat,write,fsync,fdatasync,rename,renameat,renameat2"]);
    strace.arg("-o").arg(scenario.path("trace")).arg(program.get_program()).args(program.get_args()).env_clear();
    let environment = program.get_envs().filter_map(|(name, value)| Some((name, value?)));
    strace.envs(environment).current_dir(scenario.path(""));
    let ended = strace.output().unwrap();
    assert_eq!(ended.status.code(), Some(4), "{}", String::from_utf8_lossy(&ended.stderr));
    let root = format!("{}/", scenario.path("").display().to_string().trim_end_matches('/'));
    let traces = fs::read_dir(scenario.path("")).unwrap().map(|entry| entry.unwrap().path());
    let traces = traces.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("trace."));
    traces.map(|trace| calls(&fs::read_to_string(trace).unwrap(), &root)).collect()
}

/// The calls of one thread that are about files below that folder, by their paths within it.
fn calls(trace: &str, root: &str) -> Vec<Call> {
    let known = Regex::new(concat!(
        r#"^(?:(?P<write>write)|(?P<sync>fsync|fdatasync))\(\d+<(?P<file>[^>]*)>.* = \d+$"#,
        r#"|^openat\([^,]*, "(?P<opened>[^"]*)", O_(?:WRONLY|RDWR)[^)]*\) = \d+"#,
        r#"|^rename(?:at2?)?\((?:[^"]*)"(?P<from>[^"]*)",[^"]*"(?P<to>[^"]*)".* = 0$"#,
    ))
    .unwrap();
    let below = |path: &str| format!("{path}/").strip_prefix(root).map(|path| path.trim_end_matches('/').to_owned());
    let call = |line: &str| {
        let found = known.captures(line)?;
        let path = |group: &str| found.name(group).and_then(|path| below(path.as_str()));
        match (found.name("write"), found.name("sync"), path("opened"), path("from"), path("to")) {
            (Some(_), ..) => path("file").map(Call::Wrote),
            (_, Some(_), ..) => path("file").map(Call::Synced),
            (_, _, Some(opened), ..) => Some(Call::Opened(opened)),
            (_, _, _, Some(from), Some(to)) => Some(Call::Renamed(from, to)),
            _ => None,
        }
    };
    trace.lines().filter_map(call).collect()
}

fn folder(path: &str) -> String {
    path.rsplit_once('/').map_or_else(String::new, |(folder, _)| folder.to_owned())
}

fn is_record(call: &Call) -> bool {
    matches!(call, Call::Wrote(path) if path.ends_with("journal.jsonl"))
}

/// What was not durable although something was done that rests on it, in the order in which it was found: a file that
/// took its place with bytes that were not synced, a record that came before a sync of what it speaks of.
fn too_early(calls: &[Call]) -> Vec<String> {
    let (mut unsynced, mut early) = (BTreeSet::new(), Vec::new());
    for call in calls {
        match call {
            Call::Wrote(path) if path.ends_with("lock") || path.ends_with("guard") => {}
            Call::Wrote(path) => {
                if is_record(call) {
                    early.extend(unsynced.iter().map(|path| format!("a record before {path}")));
                }
                unsynced.insert(path.clone());
            }
            Call::Synced(path) => drop(unsynced.remove(path)),
            // A socket is of no use to a later start of the machine.
            Call::Renamed(_, to) if to.ends_with("control.sock") => {}
            Call::Renamed(from, to) => {
                if unsynced.contains(from) {
                    early.push(format!("{to} before its bytes"));
                }
                unsynced.insert(folder(to));
            }
            Call::Opened(_) => {}
        }
    }
    early
}

/// The one thread that writes the journal.
fn executor(threads: &[Vec<Call>]) -> &[Call] {
    let writers: Vec<_> = threads.iter().filter(|calls| calls.iter().any(is_record)).collect();
    assert_eq!(writers.len(), 1, "one thread writes the journal");
    writers[0]
}

#[test]
fn what_a_record_speaks_of_is_durable_before_the_record_and_a_file_before_it_takes_its_place() {
    let threads = threads();
    let executor = executor(&threads);
    let renamed =
        |name: &str| executor.iter().filter(|call| matches!(call, Call::Renamed(_, to) if to == name)).count();
    assert_eq!((renamed("replaced"), renamed("made")), (2, 1), "written, and put back or removed: {executor:#?}");
    assert!(executor.iter().filter(|call| is_record(call)).count() > 8, "{executor:#?}");
    assert_eq!(too_early(executor), Vec::<String>::new(), "{executor:#?}");
}

#[test]
fn the_old_bytes_of_a_file_are_kept_before_the_record_of_what_replaces_it() {
    let threads = threads();
    let executor = executor(&threads);
    let place = |wanted: &dyn Fn(&Call) -> bool| executor.iter().position(wanted).unwrap();
    let kept = place(&|call| matches!(call, Call::Renamed(_, to) if to.contains("/backup/replaced.")));
    let replaced = place(&|call| matches!(call, Call::Renamed(_, to) if to == "replaced"));
    assert!(executor[kept..replaced].iter().any(is_record), "{:#?}", &executor[kept..replaced]);
}

#[test]
fn output_is_durable_before_the_status_that_speaks_of_it_and_the_status_takes_its_place_whole() {
    let threads = threads();
    let status = |call: &Call| matches!(call, Call::Renamed(_, to) if to.ends_with(".status"));
    let supervisors: Vec<_> = threads.iter().filter(|calls| calls.iter().any(status)).collect();
    assert_eq!(supervisors.len(), 2, "two steps have a supervisor");
    let mut printed = 0;
    for calls in supervisors {
        let end = calls.iter().position(status).unwrap();
        let Call::Renamed(from, _) = &calls[end] else { unreachable!("it was looked for") };
        assert!(calls[..end].contains(&Call::Wrote(from.clone())), "{calls:#?}");
        assert!(!calls[end..].iter().any(|call| matches!(call, Call::Wrote(_))), "{calls:#?}");
        for (at, call) in calls.iter().enumerate() {
            if let Call::Wrote(path) = call
                && (path.ends_with(".stdout") || path.ends_with(".stderr"))
            {
                printed += 1;
                assert!(calls[at..end].contains(&Call::Synced(path.clone())), "{path}: {calls:#?}");
                assert!(calls[at..end].contains(&Call::Synced(folder(path))), "{path}: {calls:#?}");
            }
        }
    }
    assert_eq!(printed, 1, "one step prints");
    let in_place = |call: &&Call| matches!(call, Call::Opened(path) if path.ends_with(".status"));
    assert_eq!(threads.iter().flatten().find(in_place), None, "a status is not written where it is read");
}

#[test]
fn a_missing_sync_would_be_seen() {
    let wrote = |path: &str| Call::Wrote(path.to_owned());
    let synced = |path: &str| Call::Synced(path.to_owned());
    let renamed = Call::Renamed("a/.new".to_owned(), "a/file".to_owned());
    let whole = [wrote("a/.new"), synced("a/.new"), renamed.clone(), synced("a"), wrote("journal.jsonl")];
    assert_eq!(too_early(&whole), Vec::<String>::new());
    let without = |place: usize| [&whole[..place], &whole[place + 1..]].concat();
    assert_eq!(too_early(&without(1)), ["a/file before its bytes", "a record before a/.new"]);
    assert_eq!(too_early(&without(3)), ["a record before a"]);
}
