//! The processes of a step: whatever they do to get away, they end with it or are named. Each with control groups,
//! where the machine has them, and without.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[expect(dead_code, reason = "every file of tests uses a part of it")]
#[path = "support/step.rs"]
mod step;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use runbook::action::cgroup::Cgroup;
use runbook::action::execute::End;
use runbook::action::supervisor::Limits;
use runbook::action::{proc, process};
use runbook::model::call::Ticket;
use runbook::model::event::ProcessIdentity;
use runbook::model::result::Leftover;
use rustix::process::{Pid, Signal, kill_process};
use step::{Scene, hear, identity, scene, tell, ticket};

/// With control groups and without, and little patience.
fn scenes() -> [Scene; 2] {
    [scene(), scene().without_groups()].map(|mut scene| {
        let (mercy, linger) = (Duration::from_millis(300), Duration::from_millis(300));
        scene.launch.limits = Limits { mercy, linger, ..Limits::default() };
        scene
    })
}

/// Five that try to get away, all of which hold the pipe `held`: one in a session of its own, one whose parents are
/// gone, one that is stopped, one that heeds no TERM, one that is both.
const ESCAPING: &str = "exec 9>held; setsid sleep 1000 & (setsid bash -c 'sleep 1000 & sleep 1000 & exit' &) & \
    sleep 1000 & kill -STOP $!; (trap '' TERM; while :; do sleep 1000; done) & \
    setsid bash -c 'trap \"\" TERM; kill -STOP $$; while :; do sleep 1000; done' & \
    echo > ready; wait; sleep 1000";

#[tokio::test]
async fn nothing_of_a_cancelled_step_gets_away() {
    for scene in scenes() {
        let (ready, held) = (scene.fifo("ready"), scene.fifo("held"));
        let call = scene.shell(ESCAPING);
        let ticket = Ticket { timeout: None, ..ticket() };
        let (ended, _, ()) = tokio::join!(scene.run(&call, &ticket), hear(&held), async {
            hear(&ready).await;
            scene.cancel.send(true).unwrap();
        });
        assert_eq!(ended.end, End::Cancelled);
        assert_eq!(ended.output.unwrap().left_behind, []);
        assert!(ended.duration >= scene.launch.limits.mercy, "{:?}", ended.duration);
    }
}

#[tokio::test]
async fn nothing_of_a_step_gets_away_from_its_time_limit() {
    for scene in scenes() {
        let (ready, held) = (scene.fifo("ready"), scene.fifo("held"));
        let call = scene.shell(ESCAPING);
        let ticket = Ticket { timeout: Some(Duration::from_secs(2)), ..ticket() };
        let (ended, _, _) = tokio::join!(scene.run(&call, &ticket), hear(&held), hear(&ready));
        assert_eq!(ended.end, End::TimedOut);
        assert_eq!(ended.output.unwrap().left_behind, []);
    }
}

#[tokio::test]
async fn a_step_that_is_stopped_heeds_term_and_need_not_be_killed() {
    for mut scene in scenes() {
        scene.launch.limits.mercy = Duration::from_mins(1);
        let call = scene.shell("kill -STOP $$");
        let ticket = Ticket { timeout: Some(Duration::from_millis(300)), ..ticket() };
        let ended = scene.run(&call, &ticket).await;
        assert_eq!(ended.end, End::TimedOut);
        assert!(ended.duration < Duration::from_secs(30), "{:?}", ended.duration);
    }
}

/// A daemon that says that it is there, and waits in a session of its own until it is told to end.
const DAEMON: &str = "setsid sh -c 'echo $$ > up; read x < never'";

#[tokio::test]
async fn what_a_step_leaves_behind_goes_on_and_is_named() {
    for scene in scenes() {
        let (_, never) = (scene.fifo("up"), scene.fifo("never"));
        let call = scene.shell(&format!("{DAEMON} > /dev/null 2>&1 & read pid < up; echo $pid"));
        let ended = scene.run(&call, &ticket()).await;
        assert_eq!((&ended.end, ended.result.exit_code), (&End::Returned, Some(0)));
        let pid: i32 = ended.result.stdout.unwrap().parse().unwrap();
        let output = ended.output.unwrap();
        assert_eq!(
            output.left_behind,
            [Leftover { pid, name: "sh".to_owned(), start_time: proc::start_time(pid).unwrap() }]
        );
        assert_eq!((output.held_open, ended.result.truncated), (vec![], false));
        assert!(proc::start_time(pid).is_ok(), "it was ended");
        tell(&never).await;
    }
}

#[tokio::test]
async fn output_that_is_held_open_ends_soon_after_the_step_and_who_held_it_is_named() {
    for scene in scenes() {
        let (_, never) = (scene.fifo("up"), scene.fifo("never"));
        let call = scene.shell(&format!("{DAEMON} 2> /dev/null & read pid < up; echo $pid"));
        let ended = scene.run(&call, &ticket()).await;
        assert_eq!((&ended.end, ended.result.exit_code), (&End::Returned, Some(0)));
        let pid: i32 = ended.result.stdout.unwrap().parse().unwrap();
        let output = ended.output.unwrap();
        let daemon = [Leftover { pid, name: "sh".to_owned(), start_time: proc::start_time(pid).unwrap() }];
        assert_eq!((&output.held_open[..], &output.left_behind[..]), (&daemon[..], &daemon[..]));
        assert!(ended.result.truncated);
        assert!(ended.duration >= scene.launch.limits.linger, "{:?}", ended.duration);
        tell(&never).await;
    }
}

/// Ends a process at once and waits until it is gone.
async fn kill(process: &ProcessIdentity) {
    kill_process(Pid::from_raw(process.pid).unwrap(), Signal::KILL).unwrap();
    while proc::is_alive(process) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_step_whose_supervisor_was_killed_is_not_over_while_anything_of_it_runs_wherever_it_went() {
    for scene in scenes() {
        let (ready, go) = (scene.fifo("ready"), scene.fifo("go"));
        let call = scene.shell("setsid sh -c 'echo $$ > ready; read x < go' & wait");
        let ticket = ticket();
        let (intent, prepared) = process::prepare(&scene.launch, &call, &ticket).unwrap();
        let identity = identity(intent);
        let escaped = tokio::select! {
            ended = process::carry_out(prepared, &scene.control) => panic!("{ended:?}"),
            escaped = hear(&ready) => escaped,
        };
        kill(&identity).await;
        // What shares the session of the supervisor goes too: only the one that left it is still there.
        for member in proc::session_members(identity.pid).unwrap() {
            kill(&proc::identify(member).unwrap()).await;
        }
        let recover = || process::recover(&scene.launch, &identity, &ticket, &scene.control);
        let found = recover().await;
        let named = format!("of the step these processes still run: {} sh", escaped.trim());
        let End::Lost { may_run: true, evidence } = &found.end else { panic!("{found:?}") };
        assert!(evidence.ends_with(&named), "{evidence}");
        tell(&go).await;
        let is_over = |end: &End| matches!(end, End::Lost { may_run: false, .. });
        let mut later = recover().await;
        for _ in 0..500 {
            if is_over(&later.end) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
            later = recover().await;
        }
        assert!(is_over(&later.end), "{later:?}");
    }
}

/// Whether a process is in a control group that was made for a step.
fn is_grouped(pid: &str) -> bool {
    let group = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    group.lines().any(|line| line.starts_with("0::") && line.contains("/runbook-"))
}

#[tokio::test]
async fn what_hides_its_session_its_parent_and_its_environment_is_found_in_its_control_group() {
    let writable = Cgroup::planned("runbook-test").is_some_and(|group| {
        let made = fs::create_dir(group.path());
        group.remove();
        made.is_ok()
    });
    if !writable {
        return;
    }
    let scene = scene();
    let (ready, go) = (scene.fifo("ready"), scene.fifo("go"));
    let call = scene.shell("(env -i setsid sh -c 'echo $$ > ready; read x < go' &); sleep 1000");
    let ticket = ticket();
    let (intent, prepared) = process::prepare(&scene.launch, &call, &ticket).unwrap();
    let identity = identity(intent);
    let hidden = tokio::select! {
        ended = process::carry_out(prepared, &scene.control) => panic!("{ended:?}"),
        hidden = async {
            let pid = hear(&ready).await.trim().to_owned();
            let wait = async {
                while !is_grouped(&pid) {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            };
            tokio::time::timeout(Duration::from_mins(1), wait).await.unwrap();
            pid
        } => hidden,
    };
    kill(&identity).await;
    for member in proc::session_members(identity.pid).unwrap() {
        kill(&proc::identify(member).unwrap()).await;
    }
    let found = process::recover(&scene.launch, &identity, &ticket, &scene.control).await;
    let named = format!("of the step these processes still run: {hidden} sh");
    let End::Lost { may_run: true, evidence } = &found.end else { panic!("{found:?}") };
    assert!(evidence.ends_with(&named), "{evidence}");
    tell(&go).await;
}

#[tokio::test]
async fn what_has_become_somebody_elses_cannot_be_ended_and_such_a_step_is_not_over() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let mut scene = scene();
    let (ready, go) = (scene.fifo("ready"), scene.fifo("go"));
    let mode = |name: &str, mode| {
        fs::set_permissions(scene.path(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    fs::create_dir(scene.path("output")).unwrap();
    fs::copy("/usr/bin/setpriv", scene.path("become")).unwrap();
    fs::copy(env!("CARGO_BIN_EXE_runbook"), scene.path("runbook")).unwrap();
    for (name, bits) in [(".", 0o755), ("output", 0o777), ("become", 0o4755), ("ready", 0o666), ("go", 0o666)] {
        mode(name, bits);
    }
    scene.launch.executable = scene.path("runbook");
    scene.start_by("exec setpriv --reuid=65534 --regid=65534 --clear-groups \"$@\"");
    scene.launch.limits =
        Limits { mercy: Duration::from_millis(100), linger: Duration::from_millis(300), ..Limits::default() };
    let call = scene.shell("./become --reuid=0 --regid=0 --clear-groups sh -c 'echo $$ > ready; read x < go'");
    let ticket = ticket();
    let (ended, pid) = tokio::join!(scene.run(&call, &ticket), async {
        let pid = hear(&ready).await;
        scene.cancel.send(true).unwrap();
        pid
    });
    let End::Lost { may_run: true, evidence } = &ended.end else { panic!("{ended:?}") };
    let wanted = "the operator ended it, and these processes of it could not be ended:";
    assert_eq!(*evidence, format!("{wanted} {} sh", pid.trim()));
    tell(&go).await;
}

#[tokio::test]
async fn the_time_limit_is_kept_by_the_clock_that_goes_on_while_the_machine_sleeps() {
    assert!(fs::exists("/usr/bin/strace").unwrap(), "strace is not there; tests/run installs it");
    let mut scene = scene();
    let trace = scene.path("trace").display().to_string();
    scene.start_by(&format!("exec strace -f -qq -e trace=timerfd_create,timerfd_settime -o {trace} \"$@\""));
    let ticket = Ticket { timeout: Some(Duration::from_secs(61)), ..ticket() };
    assert_eq!(scene.run(&scene.shell("exit 0"), &ticket).await.end, End::Returned);
    let trace = fs::read_to_string(trace).unwrap();
    let created = trace.lines().find(|line| line.contains("timerfd_create")).unwrap_or_default();
    assert!(created.contains("CLOCK_BOOTTIME"), "{trace}");
    assert!(trace.contains("it_value={tv_sec=61, tv_nsec=0}"), "{trace}");
}
