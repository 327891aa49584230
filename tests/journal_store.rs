//! The state folder with real runs in it, and locks between real processes.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

#[path = "support/journal.rs"]
mod support;

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Stdio};

use jiff::Zoned;
use runbook::journal::crash::CrashPlan;
use runbook::journal::file::{Author, Journal};
use runbook::journal::lock::{Holder, LockError, executor_of, holder_of, lock, lock_run};
use runbook::journal::store::{RunFolder, Store, StoreError};
use runbook::model::event::{Event, Head, RunOutcome};

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path().join("state/runbook")).expect("a store");
    (folder, store)
}

fn evening() -> Zoned {
    "2026-02-01T22:00:31-05:00[America/New_York]".parse().expect("a moment")
}

/// A run with one record.
fn begin(store: &Store, name: &str, second: i64, previous: Option<Head>) -> (RunFolder, Head) {
    let run = store.create_run(name, &evening()).expect("a folder");
    let author = Author { run: run.id.clone(), ..support::author() };
    let mut journal = Journal::create(&run.path, author, CrashPlan::default()).expect("a journal");
    let Event::RunStarted { format, program, runbook, digest, parameters, .. } = support::started() else {
        panic!("it starts a run");
    };
    let event = Event::RunStarted { format, program, runbook, digest, parameters, previous };
    let record = journal.append(support::at(second), event).expect("a record");
    let head = Head { run: run.id.clone(), seq: record.seq, hash: record.hash };
    (run, head)
}

#[test]
fn the_state_folder_is_private_and_its_runs_have_ids_that_never_collide() {
    let (_folder, store) = store();
    let mode = |path: &Path| std::fs::metadata(path).expect("a folder").permissions().mode() & 0o777;
    assert_eq!(mode(store.path()), 0o700);
    let ids: Vec<String> =
        (0..3).map(|_| store.create_run("sunday-database-upgrade", &evening()).expect("a run").id).collect();
    let id = "20260201-2200-sunday-database-upgrade";
    assert_eq!(ids, [id.to_owned(), format!("{id}-2"), format!("{id}-3")]);
    let odd = store.create_run("../Ü/..", &evening()).expect("a run");
    assert_eq!(odd.id, "20260201-2200--------");
    assert_eq!(mode(&odd.path.join("backup")), 0o700);
    let digest = odd.write_input(b"").expect("room");
    assert_eq!(digest, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_eq!((std::fs::read(odd.input(&digest)).expect("a file").len(), mode(&odd.input(&digest))), (0, 0o600));
}

#[test]
fn runs_are_listed_by_the_moment_they_began_and_only_once_they_did() {
    let (_folder, store) = store();
    let (late, _) = begin(&store, "a", 60, None);
    let (early, _) = begin(&store, "b", 0, None);
    store.create_run("never-began", &evening()).expect("a folder");
    assert_eq!(store.list().expect("runs"), [early.clone(), late.clone()]);
    std::fs::write(late.journal(), "damaged\n").expect("room");
    assert_eq!(store.list().expect("runs").len(), 2, "damage does not hide a run");
}

#[test]
fn a_run_is_found_by_a_prefix_or_as_the_only_open_one_or_as_the_newest() {
    let (_folder, store) = store();
    assert!(matches!(store.find_run(None, |_| false), Err(StoreError::NoRuns)));
    let (orders, _) = begin(&store, "orders", 0, None);
    let (again, _) = begin(&store, "orders", 1, None);
    let (web, _) = begin(&store, "web", 2, None);
    let find = |prefix: &str| store.find_run(Some(prefix), |_| true);
    assert_eq!(find("20260201-2200-w").expect("a run"), web);
    assert_eq!(find("20260201-2200-orders").expect("the whole id"), orders);
    let several = find("20260201-2200-o").expect_err("two begin so").to_string();
    assert_eq!(
        several,
        format!(
            "2 runs can be meant; name one, or as much of its id as no other has:\n  {}\n  {}",
            orders.id, again.id
        )
    );
    let unknown = find("20260201-2200-wbe").expect_err("none begins so").to_string();
    let text = "there is no run `20260201-2200-wbe`, but there is `20260201-2200-web`: `runbook list` shows all";
    assert_eq!(unknown, text);
    assert_eq!(store.find_run(None, |run| run.id != orders.id).expect("the only open one"), orders);
    assert_eq!(store.find_run(None, |_| true).expect("the newest"), web);
    assert!(
        matches!(store.find_run(None, |_| false), Err(StoreError::Ambiguous { candidates }) if candidates.len() == 3)
    );
}

#[test]
fn a_run_seems_over_only_when_its_last_whole_record_ends_it_for_good() {
    let (_folder, store) = store();
    let (run, _) = begin(&store, "a", 0, None);
    let seems_over_after = |outcome| {
        let author = Author { run: run.id.clone(), ..support::author() };
        let (mut journal, ..) = Journal::open(&run.path, author, CrashPlan::default(), drop).expect("a journal");
        let remaining = Vec::new();
        journal.append(support::at(60), Event::RunFinished { outcome, remaining }).expect("a durable record");
        run.seems_over()
    };
    assert!(!run.seems_over());
    assert!(!seems_over_after(RunOutcome::Stopped));
    assert!(seems_over_after(RunOutcome::RolledBack));
    let mut journal = std::fs::File::options().append(true).open(run.journal()).expect("the journal");
    journal.write_all(b"{\"seq\":5,").expect("room");
    assert!(run.seems_over(), "a torn last line hides nothing");
}

#[test]
fn a_run_names_the_head_of_the_one_before_and_so_anchors_it() {
    let (_folder, store) = store();
    let (first, head) = begin(&store, "a", 0, None);
    assert_eq!(store.previous_head(&first.id).expect("no trouble"), None);
    assert_eq!(store.previous_head("new").expect("no trouble"), Some(head.clone()));
    begin(&store, "b", 1, Some(head.clone()));
    assert_eq!(store.anchors(&first.id).expect("no trouble"), [head]);
    let whole = support::write(&store.create_run("c", &evening()).expect("a folder").path);
    let last = runbook::journal::chain::verify(&whole[..], &[]).expect("a good journal").head;
    let c = store.list().expect("runs").into_iter().find(|run| run.id.ends_with("-c")).expect("a run");
    std::fs::write(c.journal(), [&whole[..], b"{\"seq\":13"].concat()).expect("room");
    for other in store.list().expect("runs").into_iter().filter(|run| run.id != c.id) {
        std::fs::remove_dir_all(other.path).expect("gone");
    }
    assert_eq!(store.previous_head("new").expect("a torn tail is passed over"), last);
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("file"), "").expect("room");
    let path = folder.path().join("file/state");
    let error = Store::open(path.clone()).expect_err("no folder fits in a file").to_string();
    assert_eq!(error, format!("the state folder {} cannot be used", path.display()));
}

fn holder(pid: u32) -> Holder {
    let text = str::to_owned;
    Holder {
        run: text("20260201-2200-a"),
        pid,
        host: text("db-1"),
        actor: text("zoë"),
        since: text("2026-02-01T22:00:00.000000Z"),
    }
}

#[test]
fn a_refused_lock_leaves_none_of_the_others_held() {
    let (_folder, store) = store();
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let held = lock(&store, &names(&["orders db", "orders db"]), &holder(1)).expect("it is free");
    assert_eq!(held.len(), 1);
    let refused = lock(&store, &names(&["web", "orders db", "a"]), &holder(2)).expect_err("it is taken");
    let text = "the lock orders db is held by zoë on db-1 since 2026-02-01T22:00:00.000000Z: run 20260201-2200-a, \
                process 1";
    assert_eq!(refused.to_string(), text);
    assert_eq!(holder_of(&store, "a").expect("no trouble"), None);
    assert_eq!(holder_of(&store, "orders db").expect("no trouble"), Some(holder(1)));
    drop(held);
    assert_eq!(holder_of(&store, "orders db").expect("no trouble"), None);
    let run = store.create_run("a", &evening()).expect("a run");
    assert_eq!(executor_of(&store, &run).expect("no trouble"), None);
    let _executor = lock_run(&store, &run, &holder(3)).expect("it is free");
    assert_eq!(executor_of(&store, &run).expect("no trouble"), Some(holder(3)));
}

/// Not a test by itself: another process of [`of_several_processes_one_has_the_lock_until_it_is_killed`].
#[test]
#[ignore = "started by another test"]
fn contender() {
    let mut path = String::new();
    let mut input = BufReader::new(std::io::stdin());
    input.read_line(&mut path).expect("a line");
    let store = Store::open(path.trim().into()).expect("a store");
    let answer = match lock(&store, &["orders".to_owned()], &holder(std::process::id())) {
        Ok(locks) => ("won".to_owned(), Some(locks)),
        Err(LockError::Held { holder, .. }) => (format!("held by {}", holder.pid), None),
        Err(error) => (error.to_string(), None),
    };
    let mut output = std::io::stderr();
    writeln!(output, "{}", answer.0).expect("a reader");
    input.read_line(&mut path).expect("the end");
}

fn contend(store: &Store) -> Child {
    #[expect(clippy::disallowed_methods, reason = "a test starts processes of its own")]
    let mut command = std::process::Command::new(std::env::current_exe().expect("this test"));
    let mut child = command
        .args(["--ignored", "--exact", "contender", "--nocapture"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a process");
    writeln!(child.stdin.as_mut().expect("a pipe"), "{}", store.path().display()).expect("a reader");
    child
}

fn answer(child: &mut Child) -> String {
    let mut line = String::new();
    BufReader::new(child.stderr.as_mut().expect("a pipe")).read_line(&mut line).expect("a line");
    line.trim().to_owned()
}

#[test]
fn of_several_processes_one_has_the_lock_until_it_is_killed() {
    let (_folder, store) = store();
    let mut children: Vec<Child> = (0..4).map(|_| contend(&store)).collect();
    let answers: Vec<String> = children.iter_mut().map(answer).collect();
    let winner = answers.iter().position(|answer| answer == "won").expect("one has it");
    let pid = children[winner].id();
    for (index, answer) in answers.iter().enumerate().filter(|(index, _)| *index != winner) {
        assert_eq!(*answer, format!("held by {pid}"), "process {index}");
    }
    assert_eq!(holder_of(&store, "orders").expect("no trouble"), Some(holder(pid)));
    children[winner].kill().expect("it is alive");
    children[winner].wait().expect("it is gone");
    assert_eq!(holder_of(&store, "orders").expect("no trouble"), None);
    let _ours = lock(&store, &["orders".to_owned()], &holder(7)).expect("what it left does not matter");
    assert_eq!(holder_of(&store, "orders").expect("no trouble"), Some(holder(7)));
    for mut child in children {
        drop(child.stdin.take());
        child.wait().expect("it ends");
    }
}

#[test]
fn a_state_folder_of_another_user_is_not_used() {
    let scratch = tempfile::tempdir().expect("a folder");
    let path = scratch.path().join("theirs");
    std::fs::create_dir(&path).expect("a folder");
    if std::os::unix::fs::chown(&path, Some(65_534), None).is_err() {
        // Only root can give a folder away.
        return;
    }
    let refused = Store::open(path.clone()).expect_err("it is another user's");
    assert_eq!(refused.to_string(), format!("the state folder {} belongs to another user (uid 65534)", path.display()));
}
