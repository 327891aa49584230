//! Steps as real processes behind their supervisors.

#[expect(dead_code, reason = "every file of tests uses a part of it")]
#[path = "support/step.rs"]
mod step;

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use runbook::action::execute::End;
use runbook::action::process::{self, Launch};
use runbook::model::call::{Hidden, Ticket};
use runbook::model::digest::sha256;
use runbook::model::event::ProcessIdentity;
use step::{hear, identity, scene, scene_in, tell, ticket};

#[tokio::test]
async fn a_step_returns_its_code_and_both_streams_without_trailing_newlines() {
    let scene = scene();
    let ended = scene.run(&scene.shell("echo out; echo; echo err >&2; exit 7"), &ticket()).await;
    assert_eq!(ended.end, End::Returned);
    assert_eq!(ended.result.exit_code, Some(7));
    assert_eq!(ended.result.stdout.as_deref(), Some("out"));
    assert_eq!(ended.result.stderr.as_deref(), Some("err"));
    let digest = ended.output.unwrap();
    assert_eq!(digest.bytes, 9);
    let (stdout, stderr) = (digest.stdout.unwrap(), digest.stderr.unwrap());
    for (stream, bytes, name) in [(&stdout, &b"out\n\n"[..], "stdout"), (&stderr, b"err\n", "stderr")] {
        assert_eq!(fs::read(scene.path(&format!("output/step.1.{name}"))).unwrap(), bytes);
        assert_eq!((stream.bytes, &stream.sha256), (bytes.len() as u64, &sha256(&[bytes])));
        assert_eq!((stream.left_out, &stream.not_stored), (0, &None));
    }
    assert_eq!(digest.sha256, sha256(&[stdout.sha256.as_bytes(), stderr.sha256.as_bytes()]));
    assert_eq!((digest.held_open, digest.left_behind), (vec![], vec![]));
}

#[tokio::test]
async fn a_signal_that_nobody_here_sent_is_named() {
    let scene = scene();
    assert_eq!(scene.run(&scene.shell("kill -KILL $$"), &ticket()).await.end, End::Signaled(9));
}

#[tokio::test]
async fn a_program_that_is_not_there_is_a_failure_that_names_it() {
    let scene = scene();
    let mut call = scene.shell("");
    call.argv = vec!["no-such-program".to_owned()];
    let End::Failed(failure) = scene.run(&call, &ticket()).await.end else { panic!() };
    assert_eq!(failure.message, "the step's program could not be started");
    assert_eq!(failure.chain, ["no-such-program: No such file or directory (os error 2)"]);
}

#[tokio::test]
async fn a_gate_that_is_closed_before_the_specification_came_runs_nothing() {
    let scene = scene();
    let call = scene.shell("touch witness");
    let (intent, prepared) = process::prepare(&scene.launch, &call, &ticket()).unwrap();
    drop(prepared);
    let ended = process::recover(&scene.launch, &identity(intent), &ticket(), &scene.control).await;
    assert!(matches!(ended.end, End::NotStarted { .. }), "{ended:?}");
    assert!(!scene.path("witness").exists());
}

#[tokio::test]
async fn an_attempt_that_ended_is_not_run_again() {
    let scene = scene();
    let call = scene.shell("echo ran >> witness");
    scene.run(&call, &ticket()).await;
    let before = fs::read(scene.launch.output.join("step.1.status")).unwrap();
    scene.run(&call, &ticket()).await;
    assert_eq!(fs::read_to_string(scene.path("witness")).unwrap(), "ran\n");
    assert_eq!(fs::read(scene.launch.output.join("step.1.status")).unwrap(), before);
    assert!(!scene.launch.output.join("step.1.began").exists());
}

#[tokio::test]
async fn an_attempt_whose_status_cannot_be_read_is_not_taken_for_one_that_never_began() {
    let scene = scene();
    let call = scene.shell("true");
    let (intent, prepared) = process::prepare(&scene.launch, &call, &ticket()).unwrap();
    process::carry_out(prepared, &scene.control).await;
    fs::write(scene.launch.output.join("step.1.status"), "").unwrap();
    let ended = process::recover(&scene.launch, &identity(intent), &ticket(), &scene.control).await;
    assert!(matches!(ended.end, End::Lost { may_run: false, .. }), "{ended:?}");
}

#[tokio::test]
async fn the_time_limit_ends_the_whole_tree() {
    let scene = scene();
    let held = scene.fifo("held");
    // Two generations hold the FIFO open for writing; its reader sees the end only when all of them are gone.
    let script = "exec 9>held; (set -m; (trap '' HUP; sleep 1000) & sleep 1000) & sleep 1000";
    let call = scene.shell(script);
    let ticket = Ticket { timeout: Some(Duration::from_millis(1500)), ..ticket() };
    let (ended, _) = tokio::join!(scene.run(&call, &ticket), hear(&held));
    assert_eq!(ended.end, End::TimedOut);
    assert_eq!(ended.result.exit_code, None);
}

#[tokio::test]
async fn a_cancelled_step_gets_term_and_may_clean_up() {
    let scene = scene();
    let ready = scene.fifo("ready");
    let call = scene.shell("trap 'echo cleaned; exit 0' TERM; echo > ready; while :; do sleep 1000 & wait; done");
    let ticket = ticket();
    let (ended, ()) = tokio::join!(scene.run(&call, &ticket), async {
        hear(&ready).await;
        scene.cancel.send(true).unwrap();
    });
    assert_eq!(ended.end, End::Cancelled);
    assert_eq!(ended.result.stdout.as_deref(), Some("cleaned"));
}

#[tokio::test]
async fn a_step_that_is_found_again_can_be_cancelled() {
    let scene = scene();
    let ready = scene.fifo("ready");
    let call = scene.shell("echo > ready; sleep 1000");
    let (intent, prepared) = process::prepare(&scene.launch, &call, &ticket()).unwrap();
    tokio::select! {
        ended = process::carry_out(prepared, &scene.control) => panic!("{ended:?}"),
        _ = hear(&ready) => {}
    }
    scene.cancel.send(true).unwrap();
    let ended = process::recover(&scene.launch, &identity(intent), &ticket(), &scene.control).await;
    assert_eq!(ended.end, End::Cancelled);
}

#[tokio::test]
async fn a_step_outlives_its_executor_and_its_end_is_found_later() {
    let mut scene = scene();
    let (ready, go) = (scene.fifo("ready"), scene.fifo("go"));
    let call = scene.shell("echo > ready; read word < go; echo after; exit 3");
    let (intent, prepared) = process::prepare(&scene.launch, &call, &ticket()).unwrap();
    let identity = identity(intent);
    tokio::select! {
        ended = process::carry_out(prepared, &scene.control) => panic!("{ended:?}"),
        _ = hear(&ready) => {}
    }
    let ticket = ticket();
    let (ended, ()) = tokio::join!(process::recover(&scene.launch, &identity, &ticket, &scene.control), tell(&go));
    assert_eq!((ended.end, ended.result.exit_code), (End::Returned, Some(3)));
    assert_eq!(scene.lines.recv().await.as_deref(), Some("after"));
    let again = process::recover(&scene.launch, &identity, &ticket, &scene.control).await;
    assert_eq!((again.end, again.result.stdout.as_deref()), (End::Returned, Some("after")));
}

/// An executor in a process of its own, in whose working folder everything is.
#[tokio::test]
#[ignore = "started by `kill_9_of_the_executor_stops_no_step`, which kills it"]
async fn executor_that_is_killed() {
    let mut folder = tempfile::TempDir::new_in(".").unwrap();
    folder.disable_cleanup(true);
    let scene = scene_in(folder);
    let go = scene.fifo("go");
    let call = scene.shell("read word < go; for i in {1..20000}; do echo $i; done; exit 5");
    let (intent, prepared) = process::prepare(&scene.launch, &call, &ticket()).unwrap();
    let told = serde_json::to_string(&(scene.folder.path().canonicalize().unwrap(), identity(intent))).unwrap();
    let told = tokio::task::spawn_blocking(move || fs::write("told", told).unwrap());
    // The step is running when its FIFO has a reader, and then this process is killed.
    let (ended, ()) = tokio::join!(process::carry_out(prepared, &scene.control), async { told.await.unwrap() });
    panic!("{} {ended:?}", go.display());
}

#[tokio::test]
async fn kill_9_of_the_executor_stops_no_step() {
    let scene = scene();
    let told = scene.fifo("told");
    let mut executor = runbook::action::spawn::command(std::env::current_exe().unwrap())
        .args(["--exact", "executor_that_is_killed", "--ignored"])
        .current_dir(scene.folder.path())
        .spawn()
        .unwrap();
    let told = hear(&told).await;
    let (folder, identity): (PathBuf, ProcessIdentity) = serde_json::from_str(&told).unwrap();
    // The step opens its FIFO before this writer gets on, so that it has begun when the executor is killed.
    let go = folder.join("go");
    let mut go =
        tokio::task::spawn_blocking(move || fs::OpenOptions::new().write(true).open(go).unwrap()).await.unwrap();
    executor.kill().await.unwrap();
    go.write_all(b"go\n").unwrap();
    drop(go);
    let launch = Launch { output: folder.join("output"), ..scene.launch.clone() };
    let ended = process::recover(&launch, &identity, &ticket(), &scene.control).await;
    assert_eq!((ended.end, ended.result.exit_code), (End::Returned, Some(5)));
    // What `seq 20000` writes.
    assert_eq!(ended.output.unwrap().bytes, 108_894);
}

#[tokio::test]
async fn a_step_whose_supervisor_was_killed_is_lost_and_may_run_until_its_session_is_empty() {
    let scene = scene();
    let (ready, go, gone) = (scene.fifo("ready"), scene.fifo("go"), scene.fifo("gone"));
    let call = scene.shell("exec 9>gone; echo > ready; read word < go");
    let (intent, prepared) = process::prepare(&scene.launch, &call, &ticket()).unwrap();
    let identity = identity(intent);
    let pid = rustix::process::Pid::from_raw(identity.pid).unwrap();
    let over = tokio::spawn(async move { hear(&gone).await });
    let (ended, ()) = tokio::join!(process::carry_out(prepared, &scene.control), async {
        hear(&ready).await;
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    });
    assert!(matches!(ended.end, End::Lost { may_run: true, .. }), "{ended:?}");
    tell(&go).await;
    over.await.unwrap();
    // The FIFO is closed a moment before the process is gone.
    for member in runbook::action::proc::session_members(identity.pid).unwrap() {
        if let Ok(process) = runbook::action::proc::Watched::open(member) {
            process.ended().await.unwrap();
        }
    }
    let later = process::recover(&scene.launch, &identity, &ticket(), &scene.control).await;
    assert!(matches!(later.end, End::Lost { may_run: false, .. }), "{later:?}");
    let before = ProcessIdentity { boot_id: "another".to_owned(), ..identity.clone() };
    let rebooted = process::recover(&scene.launch, &before, &ticket(), &scene.control).await;
    assert!(matches!(rebooted.end, End::Lost { may_run: false, .. }), "{rebooted:?}");
    let far = ProcessIdentity { boot_id: "another".to_owned(), host: "another".to_owned(), ..identity };
    let elsewhere = process::recover(&scene.launch, &far, &ticket(), &scene.control).await;
    assert!(matches!(elsewhere.end, End::Lost { may_run: true, .. }), "{elsewhere:?}");
}

#[tokio::test]
async fn one_label_is_run_once() {
    let scene = scene();
    let call = scene.shell("echo ran >> witness");
    scene.run(&call, &ticket()).await;
    scene.run(&call, &ticket()).await;
    assert_eq!(fs::read_to_string(scene.path("witness")).unwrap(), "ran\n");
}

#[tokio::test]
async fn no_stored_file_and_no_argv_holds_a_secret() {
    let scene = scene();
    let secret = "correct-horse-battery";
    let mut call = scene.shell(
        "tr '\\0' ' ' < /proc/$PPID/cmdline; printf %s \"${PW:0:9}\"; sleep 0.05; echo \"${PW:9}\"; \
         printf %s \"$PW\" | base64; cat >&2",
    );
    call.env.insert("PW".to_owned(), Hidden(secret.to_owned()));
    call.stdin = Some(Hidden(format!("from stdin {secret}\n")));
    let ended = scene.run(&call, &Ticket { secrets: Hidden(vec![secret.to_owned()]), ..ticket() }).await;
    let program = env!("CARGO_BIN_EXE_runbook");
    assert_eq!(ended.result.stdout.unwrap(), format!("{program} __supervise [secret]\n[secret]"));
    assert_eq!(ended.result.stderr.unwrap(), "from stdin [secret]");
    let stored = String::from_utf8(scene.stored()).unwrap();
    assert!(!stored.contains("horse"), "{stored}");
}

#[tokio::test]
async fn the_output_of_a_sensitive_step_is_counted_and_not_stored() {
    let scene = scene();
    let ended = scene.run(&scene.shell("echo private"), &Ticket { sensitive: true, ..ticket() }).await;
    assert_eq!(ended.output.unwrap().bytes, 8);
    assert_eq!(ended.result.stdout, None);
    assert!(!String::from_utf8(scene.stored()).unwrap().contains("private"));
}

#[tokio::test]
async fn the_environment_is_the_allowed_one_the_calls_and_what_a_step_may_know() {
    let scene = scene();
    let mut call = scene.shell("");
    call.argv = vec!["env".to_owned()];
    call.env.insert("EXTRA".to_owned(), Hidden("yes".to_owned()));
    let ended = scene.run(&call, &Ticket { undo: Some(0), ..ticket() }).await;
    let stdout = ended.result.stdout.unwrap();
    // The last names its supervisor, by which it is found when that is gone.
    let (mut lines, named): (Vec<&str>, Vec<&str>) =
        stdout.lines().partition(|line| !line.starts_with("RUNBOOK_SUPERVISOR="));
    lines.sort_unstable();
    assert_eq!(named.len(), 1, "{stdout}");
    let wanted = [
        "EXTRA=yes",
        "HOME=/root",
        "LC_ALL=C",
        "PATH=/usr/bin:/bin",
        "RUNBOOK_ATTEMPT=1",
        "RUNBOOK_DIRECTION=undo",
        "RUNBOOK_RUN=20260201-2200-test",
        "RUNBOOK_STEP=step",
    ];
    assert_eq!(lines, wanted);
}

#[tokio::test]
async fn a_step_inherits_no_file_and_has_no_terminal() {
    let scene = scene();
    let inheritable = fs::File::open("/").unwrap();
    rustix::io::fcntl_setfd(&inheritable, rustix::io::FdFlags::empty()).unwrap();
    let ended = scene.run(&scene.shell("echo /proc/self/fd/*; cat; (: < /dev/tty) 2>&1 | wc -l"), &ticket()).await;
    // The fourth is the shell's own, on the folder that it lists.
    let wanted = "/proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2 /proc/self/fd/3\n1";
    assert_eq!(ended.result.stdout.as_deref(), Some(wanted));
}
