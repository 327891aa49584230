//! The whole program, started as a process: how long it takes to be there, what it adds to each step, and how it
//! goes with long runs.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use divan::Bencher;

use crate::large::{self, LongRun, MILLION, text};

/// How many steps the run has whose steps are measured.
const STEPS: u64 = 100;

/// As many bytes as the two records of a step have on average.
const RECORD: usize = 600;

fn program(name: impl AsRef<Path>) -> Command {
    #[expect(clippy::disallowed_methods, reason = "what is measured is a process")]
    let mut command = Command::new(name.as_ref());
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command
}

pub fn runbook(state: &Path, arguments: &[&str]) {
    let mut command = program(env!("CARGO_BIN_EXE_runbook"));
    let status = command.args(arguments).env("RUNBOOK_STATE", state).status().expect("a process");
    assert!(status.success(), "runbook {arguments:?} ended with {status}");
}

#[divan::bench(name = "a start of the program (aim: 10 ms)", max_time = 3)]
fn start() {
    runbook(Path::new("/nonexistent"), &["--version"]);
}

#[divan::bench(
    name = "100 times the floor of a step: a process and two synced writes",
    sample_count = 5,
    sample_size = 1
)]
fn steps_floor(bencher: Bencher) {
    fs::create_dir_all(large::folder()).expect("a folder");
    let path = large::folder().join("floor");
    let mut file = File::options().create(true).append(true).open(path).expect("a file");
    let record = vec![b' '; RECORD];
    let mut append = || file.write_all(&record).and_then(|()| file.sync_data()).expect("a disk that is well");
    bencher.bench_local(|| {
        for _ in 0..STEPS {
            append();
            program("/bin/true").status().expect("a process");
            append();
        }
    });
}

#[divan::bench(name = "100 steps of a run (aim: twice the floor)", sample_count = 5, sample_size = 1)]
fn steps_of_a_run(bencher: Bencher) {
    fs::create_dir_all(large::folder()).expect("a folder");
    let file = large::folder().join("steps.yaml");
    fs::write(&file, text(STEPS, "/bin/true")).expect("a runbook");
    let arguments = ["exec", file.to_str().expect("a path of text"), "--json"];
    bencher.bench_local(|| runbook(&large::folder().join("steps"), &arguments));
}

fn million() -> &'static LongRun {
    static RUN: OnceLock<LongRun> = OnceLock::new();
    RUN.get_or_init(|| LongRun::write(MILLION))
}

/// Each step was tried once.
fn ten_thousand() -> &'static LongRun {
    static RUN: OnceLock<LongRun> = OnceLock::new();
    RUN.get_or_init(|| LongRun::write(1))
}

#[divan::bench(name = "verify a run of 10 000 steps (aim: 300 ms)", sample_count = 3, sample_size = 1)]
fn verify_steps(bencher: Bencher) {
    let LongRun { state, run, .. } = ten_thousand();
    bencher.bench_local(|| runbook(state, &["audit", "verify", &run.id]));
}

#[divan::bench(name = "status of a run of 10 000 steps (aim: 1 s)", sample_count = 3, sample_size = 1)]
fn status_steps(bencher: Bencher) {
    let LongRun { state, run, .. } = ten_thousand();
    bencher.bench_local(|| runbook(state, &["status", &run.id]));
}

#[divan::bench(name = "resume a run of 10 000 steps (aim: 2 s)", sample_count = 3, sample_size = 1)]
fn resume_steps(bencher: Bencher) {
    let run = ten_thousand();
    bencher
        .with_inputs(|| run.restore())
        .bench_local_values(|()| runbook(&run.state, &["resume", &run.run.id, "--json"]));
}

#[divan::bench(name = "verify 1 000 000 records (aim: 3 s)", sample_count = 1, sample_size = 1)]
fn verify(bencher: Bencher) {
    let LongRun { state, run, .. } = million();
    bencher.bench_local(|| runbook(state, &["audit", "verify", &run.id]));
}

#[divan::bench(name = "status of 1 000 000 records (aim: 5 s)", sample_count = 1, sample_size = 1)]
fn status(bencher: Bencher) {
    let LongRun { state, run, .. } = million();
    bencher.bench_local(|| runbook(state, &["status", &run.id]));
}

#[divan::bench(name = "resume after 1 000 000 records (aim: 5 s)", sample_count = 1, sample_size = 1)]
fn resume(bencher: Bencher) {
    let million = million();
    bencher
        .with_inputs(|| million.restore())
        .bench_local_values(|()| runbook(&million.state, &["resume", &million.run.id, "--json"]));
}
