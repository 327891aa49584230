//! A small HTTP server of our own: it answers what a test tells it to, byte by byte, and remembers what it was asked.

#![expect(clippy::unwrap_used, reason = "a test whose server fails has failed")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

/// A request as it came.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// Its first line.
    pub line: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// As much as `Content-Length` says.
    pub body: String,
}

impl Asked {
    /// The value of a header; empty without it.
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// The path with its query.
    pub fn path(&self) -> &str {
        self.line.split(' ').nth(1).unwrap_or_default()
    }
}

/// The connection to whoever asked.
pub trait Line: Read + Write {
    /// Waits until the other side goes away.
    fn until_gone(&mut self) {
        let mut rest = Vec::new();
        let _gone = self.read_to_end(&mut rest);
    }
}

impl<T: Read + Write> Line for T {}

/// A running server. Its threads end with the test.
pub struct Server {
    /// Where it listens.
    pub port: u16,
    asked: Arc<(Mutex<Vec<Asked>>, Condvar)>,
}

impl Server {
    /// On 127.0.0.1. The answer is given for each request; the connection is closed after it.
    pub fn start(answer: impl Fn(&Asked, &mut dyn Line) + Send + Sync + 'static) -> Self {
        Self::on(Ipv4Addr::LOCALHOST.into(), None, answer)
    }

    /// On that address, with TLS where it says how.
    pub fn on(
        address: IpAddr,
        tls: Option<ServerConfig>,
        answer: impl Fn(&Asked, &mut dyn Line) + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind((address, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new((Mutex::new(Vec::new()), Condvar::new()));
        let (seen, answer, tls) = (Arc::clone(&asked), Arc::new(answer), tls.map(Arc::new));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { continue };
                let (seen, answer, tls) = (Arc::clone(&seen), Arc::clone(&answer), tls.clone());
                std::thread::spawn(move || serve(stream, tls, &seen, &*answer));
            }
        });
        Self { port, asked }
    }

    /// Answers every request with the same bytes.
    pub fn saying(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        Self::start(move |_, line| drop(line.write_all(&bytes)))
    }

    /// What it was asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.0.lock().unwrap().clone()
    }

    /// Waits for the first request.
    pub fn until_asked(&self) {
        let (asked, more) = &*self.asked;
        let (asked, late) =
            more.wait_timeout_while(asked.lock().unwrap(), Duration::from_secs(30), |asked| asked.is_empty()).unwrap();
        assert!(!late.timed_out(), "nothing was asked: {asked:?}");
    }

    /// A URL of it.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }
}

fn serve(
    stream: TcpStream,
    tls: Option<Arc<ServerConfig>>,
    seen: &(Mutex<Vec<Asked>>, Condvar),
    answer: &dyn Fn(&Asked, &mut dyn Line),
) {
    match tls {
        None => {
            let raw = stream.try_clone().unwrap();
            let mut reader = BufReader::new(stream);
            talk(&mut reader, seen, answer);
            let _gone = raw.shutdown(Shutdown::Both);
        }
        Some(tls) => {
            let raw = stream.try_clone().unwrap();
            let mut reader = BufReader::new(StreamOwned::new(ServerConnection::new(tls).unwrap(), stream));
            talk(&mut reader, seen, answer);
            let tls = reader.get_mut();
            tls.conn.send_close_notify();
            let _gone = tls.flush();
            let _gone = raw.shutdown(Shutdown::Both);
        }
    }
}

fn talk<S: Read + Write>(
    reader: &mut BufReader<S>,
    seen: &(Mutex<Vec<Asked>>, Condvar),
    answer: &dyn Fn(&Asked, &mut dyn Line),
) {
    let Some(asked) = read(reader) else { return };
    seen.0.lock().unwrap().push(asked.clone());
    seen.1.notify_all();
    answer(&asked, reader.get_mut());
}

fn read(reader: &mut impl BufRead) -> Option<Asked> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end_matches(['\r', '\n']).to_owned();
        if line.is_empty() {
            break;
        }
        lines.push(line);
    }
    let mut asked = Asked { line: lines.remove(0), ..Asked::default() };
    for line in lines {
        let (name, value) = line.split_once(": ").unwrap_or((&line, ""));
        asked.headers.push((name.to_ascii_lowercase(), value.to_owned()));
    }
    let mut body = vec![0; asked.header("content-length").parse().unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    asked.body = String::from_utf8(body).unwrap();
    Some(asked)
}

/// A whole answer with that body.
pub fn reply(status: &str, headers: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n{headers}\r\n{body}", body.len()).into_bytes()
}

/// Certificates of an authority of our own, for a server on `localhost` and for a client.
pub struct Certificates(pub PathBuf);

impl Certificates {
    /// Made in that folder: `ca.crt`, `localhost.crt`, `localhost.key`, `client.crt`, `client.key`.
    pub fn make(folder: &Path) -> Self {
        let made = Self(folder.to_owned());
        made.openssl("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.crt");
        for name in ["localhost", "client"] {
            std::fs::write(folder.join("names"), format!("subjectAltName = DNS:{name}\n")).unwrap();
            made.openssl(&format!("req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN={name} -keyout {name}.key -out {name}.csr"));
            made.openssl(&format!("x509 -req -days 2 -CAcreateserial -in {name}.csr -CA ca.crt -CAkey ca.key -extfile names -out {name}.crt"));
        }
        made
    }

    /// A server that proves to be `localhost`, and wants proof of its clients where it says so.
    pub fn server(&self, wants_proof: bool) -> ServerConfig {
        let provider = Arc::new(ring::default_provider());
        let read = |name: &str| -> Vec<CertificateDer<'static>> {
            CertificateDer::pem_file_iter(self.0.join(name)).unwrap().map(Result::unwrap).collect()
        };
        let builder =
            ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions().unwrap();
        let builder = if wants_proof {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(read("ca.crt"));
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        } else {
            builder.with_no_client_auth()
        };
        let key = PrivateKeyDer::from_pem_file(self.0.join("localhost.key")).unwrap();
        builder.with_single_cert(read("localhost.crt"), key).unwrap()
    }

    fn openssl(&self, arguments: &str) {
        #[expect(clippy::disallowed_methods, reason = "tests make certificates as a person does")]
        let mut command = std::process::Command::new("openssl");
        let made = command.args(arguments.split(' ')).current_dir(&self.0).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    }
}
