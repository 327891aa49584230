//! Steps behind their supervisors, without a run around them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use runbook::action::execute::{Control, Ended};
use runbook::action::process::{self, Launch};
use runbook::action::supervisor::Limits;
use runbook::model::call::{Hidden, ProcessCall, Ticket};
use runbook::model::event::{Intent, ProcessIdentity};
use tokio::sync::{mpsc, watch};

/// A folder, and what is needed to run steps in it.
pub struct Scene {
    pub folder: tempfile::TempDir,
    pub launch: Launch,
    pub cancel: watch::Sender<bool>,
    pub control: Control,
    pub lines: mpsc::UnboundedReceiver<String>,
}

/// One in a folder of its own.
pub fn scene() -> Scene {
    scene_in(tempfile::tempdir().unwrap())
}

/// One in that folder.
pub fn scene_in(folder: tempfile::TempDir) -> Scene {
    let environment = [("PATH", "/usr/bin:/bin"), ("HOME", "/root"), ("LC_ALL", "C"), ("PGPASSWORD", "not-passed-on")];
    let launch = Launch {
        executable: PathBuf::from(env!("CARGO_BIN_EXE_runbook")),
        output: folder.path().join("output"),
        environment: environment.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        limits: Limits::default(),
    };
    let (cancel, watched) = watch::channel(false);
    let (output, lines) = mpsc::unbounded_channel();
    Scene { folder, launch, cancel, control: Control { cancel: watched, output }, lines }
}

impl Scene {
    /// A file of the scene.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A script as a call.
    pub fn shell(&self, script: &str) -> ProcessCall {
        ProcessCall {
            argv: ["bash", "-c", script].map(str::to_owned).to_vec(),
            env: BTreeMap::new(),
            stdin: None,
            cwd: self.folder.path().to_owned(),
        }
    }

    /// Makes a pipe with a name.
    pub fn fifo(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        let made = rustix::fs::mknodat(
            rustix::fs::CWD,
            &path,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::from_raw_mode(0o600),
            0,
        );
        made.unwrap();
        path
    }

    /// Runs a step to its end.
    pub async fn run(&self, call: &ProcessCall, ticket: &Ticket) -> Ended {
        let (_, prepared) = process::prepare(&self.launch, call, ticket).unwrap();
        process::carry_out(prepared, &self.control).await
    }

    /// Supervisors are started by this script, in which `"$@"` is what would have been started.
    pub fn start_by(&mut self, script: &str) {
        let path = self.path("start");
        let program = self.launch.executable.display();
        fs::write(&path, format!("#!/bin/sh\nset -- {program} \"$@\"\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        self.launch.executable = path;
    }

    /// Supervisors cannot make control groups, whoever runs the tests.
    pub fn without_groups(mut self) -> Self {
        if rustix::process::geteuid().is_root() {
            self.start_by(r#"exec unshare --mount sh -c 'mount -t tmpfs none /sys/fs/cgroup && exec "$@"' - "$@""#);
        }
        self
    }

    /// Everything in the output folder, one after the other.
    pub fn stored(&self) -> Vec<u8> {
        let mut all = Vec::new();
        for entry in fs::read_dir(&self.launch.output).unwrap() {
            fs::File::open(entry.unwrap().path()).unwrap().read_to_end(&mut all).unwrap();
        }
        all
    }
}

/// The first attempt of `step`.
pub fn ticket() -> Ticket {
    Ticket {
        run: "20260201-2200-test".to_owned(),
        step: "step".to_owned(),
        attempt: 1,
        undo: None,
        timeout: Some(Duration::from_mins(1)),
        sensitive: false,
        secrets: Hidden(Vec::new()),
    }
}

/// The supervisor that an intent names.
pub fn identity(intent: Intent) -> ProcessIdentity {
    match intent {
        Intent::Process(identity) => identity,
        other => panic!("{other:?}"),
    }
}

/// Waits until a writer writes a line into a FIFO.
pub async fn hear(fifo: &Path) -> String {
    let fifo = fifo.to_owned();
    tokio::task::spawn_blocking(move || fs::read_to_string(fifo).unwrap()).await.unwrap()
}

/// Waits until a reader opens a FIFO.
pub async fn tell(fifo: &Path) {
    let fifo = fifo.to_owned();
    let write = move || fs::OpenOptions::new().write(true).open(fifo).unwrap().write_all(b"go\n").unwrap();
    tokio::task::spawn_blocking(write).await.unwrap();
}
