//! What a step writes: bounded, digested whole, cleaned of secrets, and there to be read while it runs.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[expect(dead_code, reason = "every file of tests uses a part of it")]
#[path = "support/step.rs"]
mod step;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use runbook::action::execute::End;
use runbook::action::process;
use runbook::action::supervisor::Limits;
use runbook::model::call::{Hidden, Ticket};
use runbook::model::digest::sha256;
use runbook::model::result::OutputDigest;
use step::{hear, identity, scene, tell, ticket};

/// The numbers up to that, a line each.
fn numbers(last: u32) -> String {
    (1..=last).fold(String::new(), |text, number| text + &number.to_string() + "\n")
}

#[tokio::test]
async fn the_head_and_the_tail_of_each_stream_are_kept_and_the_digest_is_of_all() {
    let mut scene = scene();
    scene.launch.limits = Limits { keep: 4096, ..Limits::default() };
    let ended = scene.run(&scene.shell("seq 3000; seq 4000 >&2"), &ticket()).await;
    assert_eq!(ended.end, End::Returned);
    assert!(ended.result.truncated);
    let output = ended.output.unwrap();
    let streams = [("stdout", 3000, output.stdout.unwrap()), ("stderr", 4000, output.stderr.unwrap())];
    for (name, last, digest) in streams {
        let all = numbers(last);
        assert_eq!((digest.bytes, digest.sha256), (all.len() as u64, sha256(&[all.as_bytes()])), "{name}");
        let left_out = usize::try_from(digest.left_out).unwrap();
        let wanted = format!("{}\n[{left_out} bytes are left out here]\n{}", &all[..2048], &all[2048 + left_out..]);
        assert_eq!(fs::read_to_string(scene.path(&format!("output/step.1.{name}"))).unwrap(), wanted);
        assert!((1024..=2048).contains(&(all.len() - 2048 - left_out)), "{name}: {left_out}");
    }
    let names: Vec<String> = fs::read_dir(scene.path("output"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(names.len(), 3, "{names:?}");
}

#[tokio::test]
async fn more_output_than_it_may_take_memory_leaves_the_supervisor_small_and_what_is_kept_within_its_limit() {
    let mut scene = scene();
    scene.launch.limits = Limits { keep: 8 << 20, ..Limits::default() };
    let secret = "correct-horse-battery";
    let mut call = scene.shell(
        "line=$(head -c 100 /dev/zero | tr '\\0' x); yes \"$line\" | head -c 70000000; \
         yes \"$line $PW\" | head -c 3000000 >&2; grep VmHWM /proc/$PPID/status > peak",
    );
    call.env.insert("PW".to_owned(), Hidden(secret.to_owned()));
    let ticket = Ticket { timeout: None, secrets: Hidden(vec![secret.to_owned()]), ..ticket() };
    let ended = scene.run(&call, &ticket).await;
    assert_eq!(ended.end, End::Returned);
    assert_eq!(ended.result.stdout.as_ref().map(String::len), Some(64 * 1024));
    assert!(ended.result.truncated);
    let OutputDigest { stdout, stderr, .. } = ended.output.unwrap();
    let (stdout, stderr) = (stdout.unwrap(), stderr.unwrap());
    assert_eq!((stdout.bytes, stderr.bytes), (70_000_000, 3_000_000));
    let kept = fs::metadata(scene.path("output/step.1.stdout")).unwrap().len();
    let line = format!("\n[{} bytes are left out here]\n", stdout.left_out);
    assert_eq!(kept, 70_000_000 - stdout.left_out + line.len() as u64);
    assert!((6 << 20..(8 << 20) + 100).contains(&kept), "{kept}");
    let cleaned = fs::read_to_string(scene.path("output/step.1.stderr")).unwrap();
    assert!(cleaned.contains(" [secret]\n") && !cleaned.contains("horse"));
    let peak = fs::read_to_string(scene.path("peak")).unwrap();
    let peak: u64 = peak.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert!(peak < 64 * 1024, "{peak} KiB");
}

/// Looks until it is so.
async fn until(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..3000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never: {what}");
}

#[tokio::test]
async fn output_is_stored_while_the_step_runs_and_whoever_attaches_sees_it_from_its_beginning() {
    let mut scene = scene();
    let (ready, go) = (scene.fifo("ready"), scene.fifo("go"));
    let call = scene.shell("echo before; echo > ready; read word < go; echo after; exit 3");
    let (intent, prepared) = process::prepare(&scene.launch, &call, &ticket()).unwrap();
    let identity = identity(intent);
    tokio::select! {
        ended = process::carry_out(prepared, &scene.control) => panic!("{ended:?}"),
        _ = hear(&ready) => {}
    }
    let stored = scene.path("output/step.1.stdout");
    until("the first line is stored", || fs::read(&stored).is_ok_and(|bytes| bytes == b"before\n")).await;
    while scene.lines.try_recv().is_ok() {}
    let ticket = ticket();
    let (ended, shown) = tokio::join!(process::recover(&scene.launch, &identity, &ticket, &scene.control), async {
        let first = scene.lines.recv().await;
        tell(&go).await;
        [first, scene.lines.recv().await]
    });
    assert_eq!(shown.map(Option::unwrap), ["before", "after"]);
    assert_eq!((ended.end, ended.result.exit_code), (End::Returned, Some(3)));
    assert_eq!(ended.result.stdout.as_deref(), Some("before\nafter"));
}

/// A disk of that size at `output`, taken off when this is dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None` where no disk can be mounted.
    fn at(folder: PathBuf, size: &str) -> Option<Self> {
        fs::create_dir(&folder).unwrap();
        let mut mount = runbook::action::spawn::command("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={size}"), "none"]).arg(&folder);
        mount.as_std_mut().status().unwrap().success().then_some(Self(folder))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = runbook::action::spawn::command("umount").arg(&self.0).as_std_mut().status();
        assert!(unmounted.unwrap().success());
    }
}

#[tokio::test]
async fn a_disk_that_is_full_stops_no_step_and_what_is_not_stored_is_recorded() {
    let scene = scene();
    let Some(_disk) = SmallDisk::at(scene.path("output"), "256k") else { return };
    let ended = scene.run(&scene.shell("seq 200000; echo last >&2; exit 4"), &ticket()).await;
    assert_eq!((ended.end, ended.result.exit_code), (End::Returned, Some(4)));
    assert!(ended.result.truncated);
    let stdout = ended.output.unwrap().stdout.unwrap();
    let all = numbers(200_000);
    assert_eq!((stdout.bytes, stdout.sha256), (all.len() as u64, sha256(&[all.as_bytes()])));
    assert_eq!(stdout.not_stored.as_deref(), Some("No space left on device (os error 28)"));
    let stored = fs::read_to_string(scene.path("output/step.1.stdout")).unwrap();
    assert!(stored.len() > 64 * 1024 && all.starts_with(&stored), "{}", stored.len());
}
