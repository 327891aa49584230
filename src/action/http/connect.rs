//! A way to a server: its address looked up, a connection made, TLS over it.

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::rt::{Read, ReadBufCursor, Write};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::address::Address;
use crate::model::call::HttpCall;
use crate::model::result::{Failure, FailureKind};

/// How long one address of a server, or its TLS, may take to answer. The limit of the attempt may be shorter.
const PATIENCE: Duration = Duration::from_secs(15);

/// How much is read at once.
const CHUNK: usize = 16 * 1024;

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// How far a request came, also for those who gave up waiting for it.
#[derive(Debug, Default)]
pub struct Trace {
    sent: AtomicBool,
    status: AtomicU16,
}

impl Trace {
    /// Whether anything of the request may have gone out.
    #[must_use]
    pub fn is_sent(&self) -> bool {
        self.sent.load(Ordering::SeqCst)
    }

    /// The status that was answered, once it came.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        Some(self.status.load(Ordering::SeqCst)).filter(|status| *status > 0)
    }

    /// Notes the status that came.
    pub fn answered(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }
}

/// A connection over which nothing of a request was sent yet.
pub struct Wire {
    stream: Box<dyn Stream>,
    trace: Arc<Trace>,
}

impl Wire {
    /// Connects to where an address leads.
    ///
    /// # Errors
    ///
    /// A [`Failure`] of kind `Connection`: the name has no address, nobody listens, or TLS proves nothing. Of kind
    /// `File` for a certificate that cannot be used.
    pub async fn open(address: &Address, call: &HttpCall) -> Result<Self, Failure> {
        let failed = |what: &str, error: &dyn std::error::Error| {
            let mut failure = Failure::of(FailureKind::Connection, error);
            failure.chain.insert(0, std::mem::take(&mut failure.message));
            Failure { message: format!("{} {what}; nothing was sent", address.origin()), ..failure }
        };
        let tls = if address.secure { Some(config(call)?) } else { None };
        let stream = connect(address).await.map_err(|error| failed("cannot be reached", &error))?;
        // What is asked is small, and its answer is waited for.
        let _slower = stream.set_nodelay(true);
        let Some(tls) = tls else { return Ok(Self::over(Box::new(stream))) };
        let name =
            ServerName::try_from(address.host.clone()).map_err(|error| failed("cannot be named in TLS", &error))?;
        let handshake = TlsConnector::from(Arc::new(tls)).connect(name, stream);
        let secured = timeout(PATIENCE, handshake).await.unwrap_or_else(|_| Err(slow("TLS")));
        let secured = secured.map_err(|error| failed("could not be trusted or does not speak TLS", &error))?;
        Ok(Self::over(Box::new(secured)))
    }

    fn over(stream: Box<dyn Stream>) -> Self {
        Self { stream, trace: Arc::default() }
    }

    /// How far the request over it came.
    #[must_use]
    pub fn trace(&self) -> Arc<Trace> {
        Arc::clone(&self.trace)
    }
}

async fn connect(address: &Address) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "its name has no address");
    for at in lookup_host((address.host.as_str(), address.port)).await? {
        match timeout(PATIENCE, TcpStream::connect(at)).await.unwrap_or_else(|_| Err(slow("the connection"))) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = io::Error::new(error.kind(), format!("{at}: {error}")),
        }
    }
    Err(last)
}

fn slow(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, format!("{what} did not come about within {PATIENCE:?}"))
}

/// What a server has to prove, and what is proven to it.
fn config(call: &HttpCall) -> Result<ClientConfig, Failure> {
    let mut trusted = RootCertStore::empty();
    let (name, found) = match &call.ca {
        Some(file) => (file.display().to_string(), certificates(file)?),
        None => ("the system".to_owned(), rustls_native_certs::load_native_certs().certs),
    };
    if trusted.add_parsable_certificates(found).0 == 0 {
        let message = format!("{name} has no certificate of an authority to trust; name a file that has one with `ca`");
        return Err(Failure::new(FailureKind::File, message));
    }
    let unusable = |error: &rustls::Error| Failure::of(FailureKind::File, error);
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(&error))?
        .with_root_certificates(trusted);
    // One file may have both, the certificate and its key.
    let Some(own) = call.cert.as_ref().or(call.key.as_ref()) else { return Ok(builder.with_no_client_auth()) };
    let key = call.key.as_ref().unwrap_or(own);
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable(key, &error))?;
    builder.with_client_auth_cert(certificates(own)?, secret).map_err(|error| {
        let message = format!("{} and {} are not a certificate and its key", own.display(), key.display());
        Failure { message, chain: vec![error.to_string()], kind: FailureKind::File }
    })
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let read = CertificateDer::pem_file_iter(file).map_err(|error| unreadable(file, &error))?;
    read.collect::<Result<_, _>>().map_err(|error| unreadable(file, &error))
}

fn unreadable(file: &Path, error: &rustls::pki_types::pem::Error) -> Failure {
    let message = format!("{} cannot be used: {error}", file.display());
    Failure::new(FailureKind::File, message)
}

impl Read for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, mut into: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        let mut chunk = [0; CHUNK];
        let room = into.remaining().min(CHUNK);
        let mut buffer = ReadBuf::new(&mut chunk[..room]);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
        into.put_slice(buffer.filled());
        Poll::Ready(Ok(()))
    }
}

impl Write for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.trace.sent.store(true, Ordering::SeqCst);
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
