//! Power cuts: while a run goes on a disk of its own, everything is held still and the disk is copied as it is at that
//! moment. What never left memory is lost on the copy. The copy is looked at as after a restart of the machine.
//!
//! Needs root and a loop device; says so where it has neither. `cargo nextest run -E 'binary(disk_power)'` is this alone.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(clippy::disallowed_methods, reason = "a test runs programs")]

#[expect(dead_code, reason = "every file of tests uses a part of it")]
#[path = "support/scenario.rs"]
mod scenario;

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use scenario::{Scenario, kind};
use serde_json::Value;

const PLAIN: &str = r#"
runbook: 1
name: plain
defaults: { timeout: 30s }
steps:
  - id: first
    command: [./witness]
    verify: { command: ["true"] }
    rollback: { command: [./witness] }
  - id: talks
    shell: echo said; ./witness
    verify: { command: ["true"] }
    rollback: { command: [./witness] }
  - id: config
    file: { path: state/config, content: "new\n" }
  - id: last
    shell: ./witness
    verify: { command: ["true"] }
    rollback: { command: [./witness] }
  - id: break
    assert: [{ that: "1 == 2" }]
    on_failure: rollback
"#;

/// How many records an undisturbed run has, so that every one is cut off once.
const RECORDS: usize = 18;

fn run(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Waits for something that has to come.
#[track_caller]
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_mins(1), "{what} does not come");
        std::thread::sleep(Duration::from_micros(200));
    }
}

/// A run on a disk of its own. Its witness and what it shows are kept elsewhere.
struct Machine {
    scenario: Scenario,
    image: PathBuf,
    executor: Child,
}

impl Machine {
    fn start() -> Self {
        let scenario = Scenario::new(PLAIN);
        let image = scenario.path("disk.img");
        File::create(&image).unwrap().set_len(24 << 20).unwrap();
        assert!(run("mkfs.ext4", &["-q", "-F", text(&image)]));
        let state = scenario.path("state");
        fs::create_dir(&state).unwrap();
        // Nothing reaches the disk by itself: only what is synced.
        assert!(run("mount", &["-o", "loop,commit=600", text(&image), text(&state)]));
        let shown = File::create(scenario.path("shown")).unwrap();
        let mut command = scenario.command(&["exec", "runbook.yaml", "--yes", "--json"]);
        let executor = command.stdout(shown).stderr(Stdio::null()).spawn().unwrap();
        Self { scenario, image, executor }
    }

    /// The records that somebody was shown.
    fn shown(&self) -> Vec<Value> {
        let text = self.scenario.read("shown");
        let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        whole
            .map(|line| serde_json::from_str(line).unwrap())
            .filter(|shown: &Value| shown.get("seq").is_some())
            .collect()
    }

    /// Cuts the power: the image as it is, what was shown by then, and what the steps did by then.
    fn cut(&mut self) -> (Vec<Value>, Vec<String>) {
        let executor = Pid::from_child(&self.executor);
        // It may have ended already: then nothing moves any more either.
        let _held = kill_process(executor, Signal::STOP);
        until("quiet", || {
            let state = fs::read_to_string(format!("/proc/{}/stat", executor.as_raw_nonzero())).unwrap();
            state.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with(['T', 'Z']))
        });
        let seen = (self.shown(), self.scenario.witness());
        // Supervisors and steps may still write: the moment is the one at which nothing does.
        until("a moment at which nothing is written", || {
            let [one, two] = ["one.img", "two.img"].map(|name| {
                let copy = self.scenario.path(name);
                fs::copy(&self.image, &copy).unwrap();
                fs::read(copy).unwrap()
            });
            one == two
        });
        self.executor.kill().unwrap();
        self.executor.wait().unwrap();
        let state = self.scenario.path("state");
        until("the end of what it started", || run("umount", &[text(&state)]));
        assert!(run("mount", &["-o", "loop", text(&self.scenario.path("two.img")), text(&state)]), "no such disk");
        seen
    }

    /// The machine is on again: nothing of it runs, and its kernel says that it was started anew.
    fn recovers(&self, shown: &[Value], witness: &[String]) {
        let scenario = &self.scenario;
        let records = scenario.records();
        for record in shown {
            assert!(records.contains(record), "shown but lost: {record}");
        }
        for effect in witness {
            let (direction, rest) = effect.split_once(' ').unwrap();
            let intent = if direction == "do" { "attempt_started" } else { "undo_started" };
            let step = rest.split_once(' ').unwrap().0;
            let is_there = records.iter().any(|record| kind(record) == intent && record["step"] == step);
            assert!(is_there, "`{effect}` without an intent: {:#?}", scenario.journal());
        }
        if !records.is_empty() {
            scenario.run(&["audit", "verify"]).exits(0);
        }
        self.go_to_the_end();
        for step in ["first", "talks", "last"] {
            let times = scenario.witness().iter().filter(|effect| effect.starts_with(&format!("do {step} "))).count();
            assert_eq!(times, 1, "{step}: {:#?}", scenario.journal());
        }
        assert!(!scenario.path("state/config").exists(), "it is undone");
    }

    fn go_to_the_end(&self) {
        let scenario = &self.scenario;
        for _ in 0..6 {
            let last = scenario.records().pop();
            let ran = match &last {
                None => scenario.exec(&["--yes"]),
                Some(last) if last["outcome"] == "rolled_back" => return,
                Some(last) if kind(last) == "question_asked" => {
                    let step = last["step"].as_str().unwrap();
                    let done = scenario.witness().iter().any(|effect| effect.starts_with(&format!("do {step} ")));
                    let word = if done { "succeeded" } else { "not-started" };
                    scenario.answer(step, word, &["--reason", "seen"])
                }
                Some(_) => scenario.resume(),
            };
            let code = ran.output.status.code();
            assert!(matches!(code, Some(0 | 4 | 6 | 7)), "{code:?}: {}{}", ran.stdout(), ran.stderr());
        }
        panic!("it comes to no end: {:#?}", scenario.journal());
    }
}

/// Not a test by itself: what [`what_was_shown_survives_a_power_cut_at_any_record`] starts where mounts are its own.
#[test]
#[ignore = "started by another test"]
fn power_cuts() {
    let boot_id = "/proc/sys/kernel/random/boot_id";
    let another = tempfile::NamedTempFile::new().unwrap();
    fs::write(another.path(), "00000000-0000-4000-8000-000000000000\n").unwrap();
    for number in 0..=RECORDS {
        let mut machine = Machine::start();
        until("the record", || machine.shown().len() >= number || machine.executor.try_wait().unwrap().is_some());
        // Not only right after a record was shown.
        std::thread::sleep(Duration::from_micros(u64::try_from(number).unwrap() * 731 % 5_000));
        let (shown, witness) = machine.cut();
        assert!(run("mount", &["--bind", text(another.path()), boot_id]));
        machine.recovers(&shown, &witness);
        assert!(run("umount", &[boot_id]));
        assert!(run("umount", &["-l", text(&machine.scenario.path("state"))]));
    }
}

#[test]
fn what_was_shown_survives_a_power_cut_at_any_record() {
    let probe = tempfile::NamedTempFile::new().unwrap();
    probe.as_file().set_len(1 << 20).unwrap();
    let script = "device=$(losetup --find --show \"$1\") && losetup --detach \"$device\"";
    let has_loop = run("unshare", &["-m", "sh", "-c", script, "sh", text(probe.path())]);
    if !has_loop || !run("sh", &["-c", "command -v mkfs.ext4"]) {
        writeln!(std::io::stderr(), "NOT TESTED: a power cut needs root, a loop device and mkfs.ext4").unwrap();
        return;
    }
    let this = std::env::current_exe().unwrap();
    let ended = Command::new("unshare")
        .args(["-m", text(&this), "--ignored", "--exact", "power_cuts", "--nocapture"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(
        ended.status.success(),
        "{}{}",
        String::from_utf8_lossy(&ended.stdout),
        String::from_utf8_lossy(&ended.stderr)
    );
}
