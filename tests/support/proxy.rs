//! A proxy between the program and a server that understands where messages begin and end, so that a test can disturb
//! exactly one of them.

#![expect(clippy::unwrap_used, reason = "a test that cannot have its proxy has failed")]

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// Which way a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From the program.
    ToServer,
    /// To the program.
    ToClient,
}

/// What becomes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is lost, and the connection is cut.
    Cut,
    /// It comes late, and so does what follows.
    Delay(Duration),
    /// It is lost, as is all that follows in its direction, and nobody is told.
    BlackHole,
    /// The program's connection is cut, and the message reaches the server later all the same.
    Late(Duration),
    /// Before it goes on, the server ends the session.
    Terminate,
}

/// A disturbance: which message of the first session of that name.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What its application name begins with.
    pub session: &'static str,
    /// Which way.
    pub way: Way,
    /// Which message, from 0.
    pub index: usize,
    /// What becomes of it.
    pub fault: Fault,
}

/// A message that went by: its way, and its kind as the protocol has it, `0` for the first.
pub type Message = (Way, char);

/// A proxy on a port of its own. Ends, with all of its connections, when it is dropped.
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    server: PathBuf,
    plans: Vec<Plan>,
    taken: Vec<AtomicBool>,
    swallows_cancels: bool,
    fired: Notify,
    watched: &'static str,
    messages: Mutex<Vec<Message>>,
}

impl Proxy {
    /// In front of the server with that socket.
    pub async fn start(server: &Path, plans: Vec<Plan>) -> Self {
        Self::with(server, plans, false).await
    }

    /// One that also loses every request to cancel.
    pub async fn without_cancels(server: &Path, plans: Vec<Plan>) -> Self {
        Self::with(server, plans, true).await
    }

    async fn with(server: &Path, plans: Vec<Plan>, swallows_cancels: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            server: server.to_owned(),
            taken: plans.iter().map(|_| AtomicBool::new(false)).collect(),
            watched: plans.first().map_or("runbook/", |plan| plan.session),
            plans,
            swallows_cancels,
            fired: Notify::new(),
            messages: Mutex::default(),
        });
        let task = tokio::spawn(accept(listener, shared.clone()));
        Self { port, shared, task }
    }

    /// Where it listens.
    pub fn connection(&self, database: &str) -> String {
        format!("host=127.0.0.1 port={} user=postgres dbname={database} sslmode=disable", self.port)
    }

    /// Waits until the first disturbance begins.
    pub async fn fired(&self) {
        self.shared.fired.notified().await;
    }

    /// The messages of the first watched session so far.
    pub fn messages(&self) -> Vec<Message> {
        self.shared.messages.lock().unwrap().clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = tokio::task::JoinSet::new();
    let first = Arc::new(AtomicBool::new(true));
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (client, _) = accepted.unwrap();
                connections.spawn(serve(client, shared.clone(), first.clone()));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

const CANCEL_REQUEST: u32 = 80_877_102;

/// One connection.
struct Link {
    shared: Arc<Shared>,
    plans: Vec<Plan>,
    recorded: bool,
    pid: AtomicI32,
    cut: watch::Sender<bool>,
    client_gone: watch::Sender<bool>,
}

async fn serve(mut client: TcpStream, shared: Arc<Shared>, first: Arc<AtomicBool>) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut start = vec![0; 4];
    client.read_exact(&mut start).await?;
    let length = u32::from_be_bytes(start[..4].try_into().unwrap());
    start.resize(length as usize, 0);
    client.read_exact(&mut start[4..]).await?;
    if u32::from_be_bytes(start[4..8].try_into().unwrap()) == CANCEL_REQUEST && shared.swallows_cancels {
        return Ok(());
    }
    let is = |name: &str| {
        let wanted = format!("application_name\0{name}");
        start.windows(wanted.len()).any(|window| window == wanted.as_bytes())
    };
    let plans = shared.plans.iter().zip(&shared.taken);
    let plans = plans.filter(|(plan, taken)| is(plan.session) && !taken.swap(true, Ordering::SeqCst));
    let link = Link {
        plans: plans.map(|(plan, _)| plan.clone()).collect(),
        recorded: is(shared.watched) && first.swap(false, Ordering::SeqCst),
        shared: shared.clone(),
        pid: AtomicI32::new(0),
        cut: watch::channel(false).0,
        client_gone: watch::channel(false).0,
    };
    let server = UnixStream::connect(&shared.server).await?;
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::join!(
        link.pump(Way::ToServer, from_client, to_server, Some(start)),
        link.pump(Way::ToClient, from_server, to_client, None),
    );
    Ok(())
}

impl Link {
    async fn pump<R, W>(&self, way: Way, mut from: R, mut to: W, mut start: Option<Vec<u8>>)
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        let (mut cut, mut client_gone) = (self.cut.subscribe(), self.client_gone.subscribe());
        let mut index = 0;
        loop {
            let message = if let Some(start) = start.take() {
                Ok(('0', start))
            } else {
                tokio::select! {
                    message = message(&mut from) => message,
                    () = raised(&mut cut) => return,
                    () = raised(&mut client_gone), if way == Way::ToClient => {
                        drop(to);
                        let _ = tokio::io::copy(&mut from, &mut tokio::io::sink()).await;
                        return;
                    }
                }
            };
            let Ok((kind, bytes)) = message else { return };
            if kind == 'K' && way == Way::ToClient {
                self.pid.store(i32::from_be_bytes(bytes[5..9].try_into().unwrap()), Ordering::SeqCst);
            }
            if self.recorded {
                self.shared.messages.lock().unwrap().push((way, kind));
            }
            let plan = self.plans.iter().find(|plan| plan.way == way && plan.index == index);
            index += 1;
            if let Some(plan) = plan {
                self.shared.fired.notify_one();
                match plan.fault {
                    Fault::Cut => {
                        self.cut.send_replace(true);
                        return;
                    }
                    Fault::Delay(late) => sleep(late).await,
                    Fault::BlackHole => return std::future::pending().await,
                    Fault::Late(late) => {
                        drop(from);
                        self.client_gone.send_replace(true);
                        sleep(late).await;
                        let _ = to.write_all(&bytes).await;
                        // What comes last is still carried out where the connection is closed behind it.
                        return;
                    }
                    Fault::Terminate => self.terminate().await,
                }
            }
            if to.write_all(&bytes).await.is_err() {
                return;
            }
        }
    }

    async fn terminate(&self) {
        let folder = self.shared.server.parent().unwrap().display();
        let connection = format!("host={folder} user=postgres dbname=postgres");
        let (client, wire) = tokio_postgres::connect(&connection, tokio_postgres::NoTls).await.unwrap();
        let wire = tokio::spawn(wire);
        let pid = self.pid.load(Ordering::SeqCst);
        client.execute("select pg_terminate_backend($1, 5000)", &[&pid]).await.unwrap();
        drop(client);
        wire.await.unwrap().unwrap();
    }
}

async fn raised(flag: &mut watch::Receiver<bool>) {
    let _ = flag.wait_for(|raised| *raised).await;
}

async fn message(from: &mut (impl AsyncRead + Unpin)) -> io::Result<(char, Vec<u8>)> {
    let mut bytes = vec![0; 5];
    from.read_exact(&mut bytes).await?;
    let length = u32::from_be_bytes(bytes[1..5].try_into().unwrap()) as usize;
    bytes.resize(length + 1, 0);
    from.read_exact(&mut bytes[5..]).await?;
    Ok((char::from(bytes[0]), bytes))
}
