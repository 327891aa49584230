//! Small disks: what happens where one is full, has no inodes left or is read-only, from the start or in the middle.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Output, Stdio};

use serde_json::Value;

use super::scenario::{Scenario, command, kind, step};
use super::{PLAIN, behind, told};

/// A small file system of its own, mounted where only this test sees it. `state` of the scenario lies on it.
struct Disk {
    holder: Child,
    is_root: bool,
    state: PathBuf,
}

impl Disk {
    /// `None`, and said so, where this machine does not let its users mount anything.
    fn mount(scenario: &Scenario, options: &str) -> Option<Self> {
        let state = scenario.path("state");
        fs::create_dir(&state).unwrap();
        for is_root in [true, false] {
            let script = "mount -t tmpfs -o \"$1\" tmpfs \"$2\" && chmod 700 \"$2\" && echo mounted && read -r _";
            let mut unshare = command("unshare");
            unshare.arg(if is_root { "-m" } else { "-rm" }).args(["sh", "-c", script, "sh", options]).arg(&state);
            let mut holder =
                unshare.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
            let mut line = String::new();
            BufReader::new(holder.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
            if line == "mounted\n" {
                let state = Path::new("/proc")
                    .join(holder.id().to_string())
                    .join("root")
                    .join(state.strip_prefix("/").unwrap());
                return Some(Self { holder, is_root, state });
            }
            holder.wait().unwrap();
        }
        let mut says = std::io::stderr();
        writeln!(says, "NOT TESTED: this machine lets nobody mount a small disk (neither root nor user namespaces)")
            .unwrap();
        None
    }

    /// The program where the disk is seen, behind these words.
    fn run(&self, scenario: &Scenario, words: &[&str], arguments: &[&str]) -> Output {
        let holder = self.holder.id().to_string();
        let mut all = vec!["nsenter", "--preserve-credentials", "-m", "-t", &holder];
        if !self.is_root {
            all.insert(1, "-U");
        }
        all.extend(words);
        behind(&all, &scenario.command(arguments)).output().unwrap()
    }

    /// Mounts it again with these options.
    fn remount(&self, scenario: &Scenario, options: &str) {
        let holder = self.holder.id().to_string();
        let mut mount = command("nsenter");
        if !self.is_root {
            mount.arg("-U");
        }
        mount.args(["--preserve-credentials", "-m", "-t", &holder, "mount", "-o", &format!("remount,{options}")]);
        assert!(mount.arg(scenario.path("state")).status().unwrap().success());
    }

    /// The folder of the only run.
    fn run_folder(&self) -> PathBuf {
        fs::read_dir(self.state.join("runs")).unwrap().next().unwrap().unwrap().path()
    }

    fn records(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.run_folder().join("journal.jsonl")).unwrap();
        text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).collect()
    }

    fn journal(&self) -> Vec<String> {
        let records = self.records();
        let records = records.iter().map(|record| format!("{} {}", kind(record), step(record)).trim_end().to_owned());
        records.collect()
    }

    /// Removes all that begins so, but for the runs themselves.
    fn make_room(&self, ballast: &str) {
        for entry in fs::read_dir(&self.state).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.file_name().unwrap().to_string_lossy().starts_with(ballast) {
                fs::remove_file(entry).unwrap();
            }
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(self.holder.stdin.take());
        self.holder.wait().unwrap();
    }
}

/// A runbook whose second step takes all that is left of the disk.
fn filling(how: &str) -> String {
    let step = |id: &str, script: &str| {
        format!(
            "  - id: {id}\n    shell: |\n      {script}\n      echo {id} >> effects\n    \
             verify: {{ command: [\"true\"] }}\n    rollback: {{ command: [\"true\"] }}\n"
        )
    };
    let steps = [step("first", "true"), step("fills", how), step("last", "true")].concat();
    format!("runbook: 1\nname: filling\ndefaults: {{ timeout: 30s }}\nsteps:\n{steps}")
}

/// The run halts when the step has filled the disk, with its end recorded, and goes on once there is room.
#[track_caller]
fn halts_and_goes_on(how: &str, options: &str, words: &[&str], ballast: &str) {
    let scenario = Scenario::new(&filling(how));
    let Some(disk) = Disk::mount(&scenario, options) else { return };
    let ran = disk.run(&scenario, words, &["exec", "runbook.yaml", "--json"]);
    assert_eq!(ran.status.code(), Some(6), "{}", told(&ran));
    let id = disk.run_folder().file_name().unwrap().to_string_lossy().into_owned();
    let help = format!("nothing further was begun; make room, then: runbook resume {id}");
    assert!(told(&ran).contains(&help), "{}", told(&ran));
    is_stopped(&disk.records(), &help);
    let journal = disk.journal();
    assert!(journal.contains(&"attempt_finished fills".to_owned()), "{journal:#?}");
    assert!(!journal.contains(&"attempt_started last".to_owned()), "{journal:#?}");
    assert_eq!(scenario.read("effects"), "first\nfills\n");
    assert_eq!(disk.run(&scenario, &[], &["audit", "verify"]).status.code(), Some(0));
    let again = disk.run(&scenario, words, &["resume"]);
    assert_eq!(again.status.code(), Some(6), "still full: {}", told(&again));
    assert!(told(&again).contains(&help), "{}", told(&again));
    is_stopped(&disk.records(), &help);
    assert_eq!(scenario.read("effects"), "first\nfills\n");
    disk.make_room(ballast);
    let done = disk.run(&scenario, words, &["resume", &id]);
    assert_eq!(done.status.code(), Some(0), "{}", told(&done));
    assert_eq!(scenario.read("effects"), "first\nfills\nlast\n");
    assert_eq!(disk.run(&scenario, &[], &["audit", "verify"]).status.code(), Some(0));
    assert!(!disk.run_folder().join("reserve").exists());
}

/// The run itself stopped in good order, and says why and what to do.
#[track_caller]
fn is_stopped(records: &[Value], help: &str) {
    let stops: Vec<&Value> = records.iter().filter(|record| kind(record) == "stop_requested").collect();
    let stop = stops.last().unwrap_or_else(|| panic!("it does not stop: {records:#?}"));
    assert_eq!(stop["by"], "runbook");
    let reason = stop["reason"].as_str().unwrap();
    assert!(reason.contains("is nearly full") && reason.contains(help), "{reason}");
    let last = records.last().unwrap();
    assert_eq!((kind(last), last["outcome"].as_str()), ("run_finished", Some("stopped")), "{records:#?}");
    assert_eq!(last["remaining"].as_array().unwrap().len(), 0, "{last}");
}

const FILLS: &str = "cat /dev/zero > state/ballast 2> /dev/null || true";

#[test]
fn a_disk_that_a_step_fills_halts_the_run_with_its_end_recorded() {
    halts_and_goes_on(FILLS, "size=8m", &[], "ballast");
}

#[test]
fn the_longest_end_of_a_step_is_recorded_on_a_full_disk() {
    let how = format!("head -c 65536 /dev/zero | tr '\\0' '\\001' | tee /dev/stderr; sync; {FILLS}");
    halts_and_goes_on(&how, "size=8m", &[], "ballast");
}

#[test]
fn where_the_file_system_keeps_no_room_a_file_does() {
    let how = format!("test -s state/runs/*/reserve && {FILLS}");
    let words =
        ["strace", "-qq", "-o", "/dev/null", "-e", "trace=fallocate", "-e", "inject=fallocate:error=EOPNOTSUPP"];
    halts_and_goes_on(&how, "size=8m", &words, "ballast");
}

#[test]
fn a_disk_without_inodes_halts_the_run_with_its_end_recorded() {
    let how = "i=0; while [ $i -lt 200 ] && : > state/ballast$i; do i=$((i+1)); done 2> /dev/null";
    halts_and_goes_on(how, "size=8m,nr_inodes=60", &[], "ballast");
}

/// Something is held, and something goes on beside the step that fills the disk.
const HELD: &str = r#"
runbook: 1
name: held
defaults: { timeout: 30s }
steps:
  - id: drained
    hold:
      acquire: { command: [./witness], timeout: 5s }
      release: { command: [./witness], timeout: 5s }
      expires: 1h
    steps:
      - id: both
        parallel: 2
        steps:
          - id: fills
            shell: |
              ./witness
              FILLS
              : > full
            verify: { command: ["true"] }
            rollback: { command: ["true"] }
          - id: beside
            shell: |
              ./witness
              until test -e full; do sleep 0.01; done
            verify: { command: ["true"] }
            rollback: { command: ["true"] }
      - id: inside
        command: [./witness]
        verify: { command: ["true"] }
        rollback: { command: ["true"] }
"#;

#[test]
fn on_a_disk_that_fills_up_what_is_under_way_ends_and_what_is_held_is_given_back() {
    let inodes = "i=0; while [ $i -lt 200 ] && : > state/ballast$i; do i=$((i+1)); done 2> /dev/null";
    for (how, options) in [(FILLS, "size=8m"), (inodes, "size=8m,nr_inodes=60")] {
        let scenario = Scenario::new(&HELD.replace("FILLS", how));
        let Some(disk) = Disk::mount(&scenario, options) else { return };
        let witnessed = |wanted: &[&str]| {
            let mut done = scenario.witness();
            done[1..3].sort();
            assert_eq!(done, wanted, "{:#?}", disk.journal());
        };
        let ran = disk.run(&scenario, &[], &["exec", "runbook.yaml"]);
        assert_eq!(ran.status.code(), Some(6), "{}", told(&ran));
        let id = disk.run_folder().file_name().unwrap().to_string_lossy().into_owned();
        let help = format!("make room, then: runbook resume {id}");
        assert!(told(&ran).contains(&help), "{}", told(&ran));
        let records = disk.records();
        is_stopped(&records, &help);
        let ended = |record: &&Value| kind(record) == "attempt_finished" && record["outcome"] == "succeeded";
        let mut ended: Vec<&str> = records.iter().filter(ended).map(step).collect();
        ended[1..3].sort_unstable();
        assert_eq!(ended, ["drained.acquire", "beside", "fills", "drained.release"]);
        let once = ["do drained.acquire 1", "do beside 1", "do fills 1", "do drained.release 1"];
        witnessed(&once);
        let again = disk.run(&scenario, &[], &["resume"]);
        assert_eq!(again.status.code(), Some(6), "still full: {}", told(&again));
        is_stopped(&disk.records(), &help);
        witnessed(&once);
        disk.make_room("ballast");
        let done = disk.run(&scenario, &[], &["resume", &id]);
        assert_eq!(done.status.code(), Some(0), "{}", told(&done));
        witnessed(&[&once[..], &["do drained.acquire 2", "do inside 1", "do drained.release 2"]].concat());
        assert_eq!(disk.run(&scenario, &[], &["audit", "verify"]).status.code(), Some(0));
        assert!(!disk.run_folder().join("spare").exists());
    }
}

#[test]
fn a_step_that_cannot_be_got_ready_for_want_of_room_has_not_failed() {
    let inodes = "i=0; while [ $i -lt 200 ] && : > state/ballast$i; do i=$((i+1)); done 2> /dev/null";
    for (how, options) in [(FILLS, "size=8m"), (inodes, "size=8m,nr_inodes=60")] {
        let config = "  - id: config\n    file: { path: config, content: \"new\\n\" }\n    on_failure: rollback\n";
        let filling = filling(how);
        let (before, _) = filling.split_once("  - id: last").unwrap();
        let scenario = Scenario::new(&(before.to_owned() + config)).file("config", "old\n");
        let Some(disk) = Disk::mount(&scenario, options) else { return };
        let ran = disk.run(&scenario, &[], &["exec", "runbook.yaml"]);
        assert_eq!(ran.status.code(), Some(6), "{}", told(&ran));
        let id = disk.run_folder().file_name().unwrap().to_string_lossy().into_owned();
        is_stopped(&disk.records(), &format!("make room, then: runbook resume {id}"));
        disk.make_room("ballast");
        let done = disk.run(&scenario, &[], &["resume", &id]);
        assert_eq!(done.status.code(), Some(0), "{}", told(&done));
        assert_eq!(scenario.read("config"), "new\n");
        assert_eq!(scenario.read("effects"), "first\nfills\n");
    }
}

#[test]
fn on_a_disk_that_is_full_or_without_inodes_from_the_start_nothing_is_run() {
    for options in ["size=64k", "size=8m,nr_inodes=9"] {
        let scenario = Scenario::new(PLAIN);
        let Some(disk) = Disk::mount(&scenario, options) else { return };
        let ran = disk.run(&scenario, &[], &["exec", "runbook.yaml"]);
        assert_eq!(ran.status.code(), Some(3), "{options}: {}", told(&ran));
        assert!(told(&ran).contains("nothing was run; make room"), "{}", told(&ran));
        assert_eq!(scenario.read("effects"), "");
        assert_eq!(fs::read_dir(disk.state.join("runs")).unwrap().count(), 0, "nothing is left of it");
    }
}

#[test]
fn a_run_on_a_read_only_disk_is_shown_and_verified_and_goes_on_once_it_can_be_written() {
    let scenario = Scenario::new(PLAIN);
    let Some(disk) = Disk::mount(&scenario, "size=8m") else { return };
    let words =
        ["strace", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync", "-e", "inject=fdatasync:error=EIO:when=3+"];
    assert_eq!(disk.run(&scenario, &words, &["exec", "runbook.yaml"]).status.code(), Some(6));
    disk.remount(&scenario, "ro");
    let refused = disk.run(&scenario, &[], &["resume"]);
    assert_eq!(refused.status.code(), Some(3), "{}", told(&refused));
    assert!(told(&refused).contains("writable"), "{}", told(&refused));
    for arguments in [&["status"][..], &["audit", "verify"], &["audit", "show"], &["list"]] {
        let ran = disk.run(&scenario, &[], arguments);
        assert_eq!(ran.status.code(), Some(0), "{arguments:?}: {}", told(&ran));
    }
    disk.remount(&scenario, "rw");
    let done = disk.run(&scenario, &[], &["resume"]);
    assert_eq!(done.status.code(), Some(0), "{}", told(&done));
    assert_eq!(scenario.read("effects"), "first\nlast\n");
}
