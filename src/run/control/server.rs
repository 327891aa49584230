//! Answers at a run's socket. It has a thread of its own: the loop never waits for who asks, and who asks waits for
//! the loop only for an event to be recorded.

use std::io;
use std::os::unix::net::UnixListener as Bound;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::timeout;

use super::board::Shared;
use super::protocol::{self, MAX_REQUEST, Refusal, Request, Response};
use super::socket;
use super::translate::{Wish, translate};
use crate::run::drive::Command;

/// How many are answered at once; the others wait their turn before they are accepted. Each has a file open.
const SEATS: u32 = 64;

/// How long somebody may take to say what they want, and to hear the answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long those that are being answered may take once the run is at its end.
const GRACE: Duration = Duration::from_millis(300);

/// How long the loop may take to record something.
const RECORDED: Duration = Duration::from_secs(30);

/// Who may ask, and what records call them.
pub struct Owner {
    /// The user who executes the run.
    pub uid: u32,
    /// Their name.
    pub name: String,
}

/// A socket that answers until this is dropped. Then it is gone.
#[derive(Debug)]
pub struct Server {
    path: PathBuf,
    close: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Answers from now on. Only for who holds the lock of the run.
    ///
    /// # Errors
    ///
    /// What the system said. The run can do without.
    pub fn open(
        folder: &Path,
        board: Shared,
        commands: mpsc::UnboundedSender<Command>,
        owner: Owner,
    ) -> io::Result<Self> {
        let bound = socket::bind(folder)?;
        bound.set_nonblocking(true)?;
        let path = folder.join(socket::FILE_NAME);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (close, closed) = oneshot::channel();
        let desk = Arc::new(Desk { board, commands, owner });
        let work = move || runtime.block_on(serve(bound, desk, closed));
        let thread = std::thread::Builder::new().name("control".to_owned()).spawn(work)?;
        Ok(Self { path, close: Some(close), thread: Some(thread) })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nobody reaches it any more before the run's lock is let go.
        let _gone = std::fs::remove_file(&self.path);
        drop(self.close.take());
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}

struct Desk {
    board: Shared,
    commands: mpsc::UnboundedSender<Command>,
    owner: Owner,
}

async fn serve(bound: Bound, desk: Arc<Desk>, mut closed: oneshot::Receiver<()>) {
    let listener = match UnixListener::from_std(bound) {
        Ok(listener) => listener,
        Err(error) => return tracing::warn!(%error, "nobody listens at the run's socket"),
    };
    let seats = Arc::new(Semaphore::new(SEATS as usize));
    loop {
        let next = async {
            let seat = Arc::clone(&seats).acquire_owned().await;
            (seat, listener.accept().await)
        };
        let (seat, accepted) = tokio::select! {
            next = next => next,
            _ = &mut closed => break,
        };
        match accepted {
            Ok((stream, _)) => {
                let desk = Arc::clone(&desk);
                tokio::spawn(async move {
                    desk.serve(stream).await;
                    drop(seat);
                });
            }
            Err(error) => {
                // No file may be left to be had; one comes back.
                tracing::debug!(%error, "nobody could be let in");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    // What was recorded last, such as a wish to stop, may be what ended the run: whoever asked is told.
    let _told = timeout(GRACE, seats.acquire_many(SEATS)).await;
}

impl Desk {
    async fn serve(&self, mut stream: UnixStream) {
        let Ok(peer) = stream.peer_cred() else { return };
        let response = match self.name(peer.uid()) {
            None => Response::Refused(Refusal::new("the run belongs to another user", "ask them, or become them")),
            Some(by) => match heard(&mut stream).await {
                Ok(request) => self.answer(request, &by).await,
                Err(refusal) => Response::Invalid(refusal),
            },
        };
        // Whoever does not listen to the answer does without.
        let _heard = timeout(PATIENCE, stream.write_all(&protocol::encode(&response))).await;
    }

    /// What records call somebody; `None` where they may not ask. Whoever is root may do all that the owner may.
    fn name(&self, uid: u32) -> Option<String> {
        match uid {
            _ if uid == self.owner.uid => Some(self.owner.name.clone()),
            0 => Some("root".to_owned()),
            _ => None,
        }
    }

    async fn answer(&self, request: Request, by: &str) -> Response {
        if request == Request::Status {
            return Response::Status { status: Box::new(self.board.status()) };
        }
        let wish = self.board.with(|standing| translate(request, standing, by));
        let Wish { event, end_now, said } = match wish {
            Ok(wish) => wish,
            Err(response) => return response,
        };
        let Some(event) = event else { return Response::Done { said } };
        let (reply, replied) = oneshot::channel();
        let gone = || Response::Refused(Refusal::new("the run came to its end meanwhile", "runbook status shows it"));
        if self.commands.send(Command { event, end_now, reply }).is_err() {
            return gone();
        }
        match timeout(RECORDED, replied).await {
            Ok(Ok(Ok(()))) => Response::Done { said },
            Ok(Ok(Err(why))) => Response::Refused(Refusal::new(why, "runbook status shows where the run stands")),
            Ok(Err(_)) => gone(),
            Err(_) => {
                let message = "the run has not taken it yet, and may still do so";
                Response::Refused(Refusal::new(message, "runbook status shows whether it did"))
            }
        }
    }
}

/// The one request of a connection.
async fn heard(stream: &mut UnixStream) -> Result<Request, Refusal> {
    const HELP: &str = "a request is one line of JSON, and comes at once";
    let mut line = Vec::new();
    let mut input = BufReader::new(stream).take(MAX_REQUEST as u64);
    let read = timeout(PATIENCE, input.read_until(b'\n', &mut line)).await;
    match read {
        Err(_) => Err(Refusal::new(format!("no whole line came within {PATIENCE:?}"), HELP)),
        Ok(Err(error)) => Err(Refusal::new(format!("the request cannot be read: {error}"), HELP)),
        Ok(Ok(_)) if line.last() == Some(&b'\n') => protocol::request(&line),
        Ok(Ok(MAX_REQUEST)) => Err(Refusal::new(format!("the request is longer than {MAX_REQUEST} bytes"), HELP)),
        Ok(Ok(_)) => Err(Refusal::new("the line has no end", HELP)),
    }
}
