//! A gigabyte of what a step writes, through its supervisor with secrets to remove, beside `cat` through a pipe.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use divan::Bencher;
use runbook::action::execute::{Control, End};
use runbook::action::process::{self, Launch};
use runbook::action::supervisor::Limits;
use runbook::model::call::{Hidden, ProcessCall, Ticket};
use tokio::sync::{mpsc, watch};

use crate::large;

/// In bytes.
const LENGTH: u64 = 1 << 30;

/// What has to be removed; the first is in the output once in a thousand lines.
const SECRETS: [&str; 3] = ["correct-horse-battery", "tr0ub4dor&3", "s3cr3t/with+more=signs"];

/// A log of [`LENGTH`] bytes.
fn log() -> PathBuf {
    let path = large::folder().join("log");
    if fs::metadata(&path).is_ok_and(|log| log.len() >= LENGTH) {
        return path;
    }
    fs::create_dir_all(large::folder()).expect("a folder");
    let mut log = BufWriter::new(File::create(&path).expect("a file"));
    let mut written = 0;
    for line in 0_u64.. {
        let secret = if line % 1000 == 0 { SECRETS[0] } else { "none" };
        let line =
            format!("2026-02-01T22:14:{:02}Z db-1 postgres[{line}]: restored log file, key {secret}\n", line % 60);
        log.write_all(line.as_bytes()).expect("room on the disk");
        written += line.len() as u64;
        if written >= LENGTH {
            break;
        }
    }
    log.flush().expect("room on the disk");
    path
}

#[divan::bench(name = "1 GiB by cat through a pipe", sample_count = 3, sample_size = 1)]
fn cat(bencher: Bencher) {
    let log = log();
    bencher.bench_local(|| {
        #[expect(clippy::disallowed_methods, reason = "what is measured is a process")]
        let cat = |input: Stdio, output: Stdio| Command::new("cat").stdin(input).stdout(output).spawn().expect("cat");
        let mut first = cat(File::open(&log).expect("the log").into(), Stdio::piped());
        let pipe = first.stdout.take().expect("its output");
        let mut second = cat(pipe.into(), File::create("/dev/null").expect("a place for it").into());
        assert!(first.wait().expect("its end").success() && second.wait().expect("its end").success());
    });
}

#[divan::bench(name = "1 GiB of a step's output (aim: twice as long)", sample_count = 3, sample_size = 1)]
fn step(bencher: Bencher) {
    let log = log();
    let folder = large::folder().join("output");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let launch = Launch {
        executable: PathBuf::from(env!("CARGO_BIN_EXE_runbook")),
        output: folder.clone(),
        environment: [("PATH".to_owned(), "/usr/bin:/bin".to_owned())].into(),
        limits: Limits::default(),
    };
    let argv = vec!["cat".to_owned(), log.display().to_string()];
    let call = ProcessCall { argv, env: BTreeMap::new(), stdin: None, cwd: large::folder() };
    let ticket = Ticket {
        run: "run".to_owned(),
        step: "step".to_owned(),
        attempt: 1,
        undo: None,
        timeout: None,
        sensitive: false,
        secrets: Hidden(SECRETS.map(str::to_owned).to_vec()),
    };
    bencher.with_inputs(|| drop(fs::remove_dir_all(&folder))).bench_local_values(|()| {
        let (output, _lines) = mpsc::unbounded_channel();
        let control = Control { cancel: watch::channel(false).1, output };
        let ended = runtime.block_on(async {
            let (_, prepared) = process::prepare(&launch, &call, &ticket).expect("a supervisor");
            process::carry_out(prepared, &control).await
        });
        assert_eq!(ended.end, End::Returned);
        assert!(ended.output.is_some_and(|output| output.bytes >= LENGTH));
    });
}
