//! Both streams of a step, taken in until it has ended and nobody holds them any more.

use std::io;
use std::os::fd::AsFd;
use std::process::Child;

use rustix::fs::fstat;
use rustix::pipe::fcntl_setpipe_size;
use tokio::io::{AsyncRead, AsyncWriteExt};
use tokio::process::{ChildStderr, ChildStdin, ChildStdout};
use tokio::time::timeout;

use super::Specification;
use super::ending::NAMED;
use crate::action::capture::Capture;
use crate::action::proc::{self, Process};
use crate::action::redact::Forms;
use crate::action::stored::Stored;
use crate::model::digest::sha256;
use crate::model::result::{Leftover, OutputDigest, StreamDigest};

/// How much fits in a pipe to the supervisor, in bytes, where the system allows it: fewer turns for long output.
const PIPE: usize = 1024 * 1024;

/// Both streams of the step.
pub(super) struct Output {
    stdout: Capture<Stored>,
    stderr: Capture<Stored>,
    held_open: Vec<Leftover>,
}

impl Output {
    pub(super) fn new(specification: &Specification) -> io::Result<Self> {
        let secrets = Forms::of(&specification.secrets.0).map_err(io::Error::other)?;
        let capture = |kind: &str| {
            let path = (!specification.sensitive).then(|| specification.files.path(kind));
            Capture::new(secrets.clone(), Stored::new(path, specification.limits.keep))
        };
        Ok(Self { stdout: capture("stdout"), stderr: capture("stderr"), held_open: Vec::new() })
    }

    /// Takes in the output until the step has ended, and a little longer.
    pub(super) async fn follow<T>(
        &mut self,
        step: &mut Child,
        specification: &Specification,
        ending: impl Future<Output = T>,
    ) -> T {
        let pipes = [step.stdout.as_ref().and_then(pipe), step.stderr.as_ref().and_then(pipe)];
        let feed = feed(step.stdin.take(), specification);
        let out = step.stdout.take().and_then(|stdout| ChildStdout::from_std(stdout).ok());
        let err = step.stderr.take().and_then(|stderr| ChildStderr::from_std(stderr).ok());
        let Self { stdout, stderr, held_open } = self;
        let flow = async { tokio::join!(pump(stdout, out), pump(stderr, err)) };
        tokio::pin!(flow, feed, ending);
        let (mut flowed, mut is_fed) = (false, false);
        let ended = loop {
            tokio::select! {
                _ = &mut flow, if !flowed => flowed = true,
                () = &mut feed, if !is_fed => is_fed = true,
                ended = &mut ending => break ended,
            }
        };
        if !flowed && timeout(specification.limits.linger, &mut flow).await.is_err() {
            *held_open = holders(&pipes.into_iter().flatten().collect::<Vec<_>>());
        }
        ended
    }

    /// Puts away what was taken in.
    pub(super) fn finish(mut self, left_behind: Vec<Leftover>) -> OutputDigest {
        self.stdout.finish();
        self.stderr.finish();
        let bytes = self.stdout.bytes + self.stderr.bytes;
        let (stdout, stderr) = (digest(self.stdout), digest(self.stderr));
        let sha256 = sha256(&[stdout.sha256.as_bytes(), stderr.sha256.as_bytes()]);
        let written = |stream: StreamDigest| Some(stream).filter(|stream| stream.bytes > 0);
        let (stdout, stderr) = (written(stdout), written(stderr));
        OutputDigest { bytes, sha256, stdout, stderr, held_open: self.held_open, left_behind }
    }
}

async fn pump(capture: &mut Capture<Stored>, stream: Option<impl AsyncRead + Unpin>) {
    if let Some(stream) = stream {
        capture.pump(stream).await;
    }
}

async fn feed(stdin: Option<std::process::ChildStdin>, specification: &Specification) {
    let stdin = stdin.and_then(|stdin| ChildStdin::from_std(stdin).ok());
    if let (Some(mut stdin), Some(text)) = (stdin, &specification.stdin) {
        // A step need not read what it is given.
        let _unread = stdin.write_all(text.0.as_bytes()).await;
    }
}

fn digest(stream: Capture<Stored>) -> StreamDigest {
    stream.kept.finish(stream.bytes)
}

/// The number of a pipe, which is made larger.
fn pipe(end: &impl AsFd) -> Option<u64> {
    let _as_large_as_it_is = fcntl_setpipe_size(end, PIPE);
    fstat(end).ok().map(|stat| stat.st_ino)
}

/// Who holds one of these pipes, this process left out. It is known that somebody does.
fn holders(pipes: &[u64]) -> Vec<Leftover> {
    let own = std::process::id().cast_signed();
    let all = proc::processes().unwrap_or_default();
    let holders = all.iter().filter(|process| process.pid != own && proc::holds(process.pid, pipes));
    let holders: Vec<Leftover> = holders.take(NAMED).map(Process::leftover).collect();
    if holders.is_empty() { vec![Leftover { pid: 0, name: "not seen".to_owned(), start_time: 0 }] } else { holders }
}
