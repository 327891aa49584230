//! One request over one connection, and all of its response.

use std::collections::BTreeMap;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, CONNECTION, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, LOCATION, USER_AGENT};
use hyper::{Method, Request, Response};
use sha2::{Digest as _, Sha256};

use super::address::Address;
use super::connect::{Trace, Wire};
use crate::action::redact::{Redactor, redact};
use crate::model::call::{Hidden, HttpCall, Ticket};
use crate::model::digest::hex;
use crate::model::result::{Failure, FailureKind};

/// How much of a body is kept, in bytes. The rest is read, counted and dropped.
pub const KEPT: usize = 4 * 1024 * 1024;

/// The most that status and headers may be, in bytes.
const LARGEST_HEAD: usize = 64 * 1024;

/// What decides about the message itself, and is not the runbook's to say.
const OWN_HEADERS: [&str; 7] =
    ["connection", "content-length", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"];

/// What a server answered, secrets removed.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Names in lower case; the values of one that came several times joined by `, `.
    pub headers: BTreeMap<String, String>,
    /// Where it leads on, as the server said it.
    pub location: Option<Hidden<String>>,
    /// The body as far as it is kept.
    pub body: Vec<u8>,
    /// How many bytes of body came.
    pub bytes: u64,
    /// SHA-256 of the whole body, secrets removed, lower-case hex.
    pub sha256: String,
}

/// A request without its place and body.
#[derive(Debug, Clone)]
pub struct Head {
    method: Method,
    headers: HeaderMap,
}

impl Head {
    /// What of a call goes before its body, `Host` apart.
    ///
    /// # Errors
    ///
    /// Where the method or a header cannot be sent. A header's value is not shown.
    pub fn of(call: &HttpCall, user_agent: &str) -> Result<Self, Failure> {
        let bad = |message: String| Failure::new(FailureKind::Expression, message);
        let method = Method::from_bytes(call.method.as_bytes());
        let method = method.map_err(|_| bad(format!("`{}` is not a method of HTTP", call.method.escape_debug())))?;
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
        if call.is_json {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        let agent = HeaderValue::from_str(user_agent).map_err(|_| bad("the run's name cannot be sent".to_owned()))?;
        headers.insert(USER_AGENT, agent);
        for (name, value) in &call.headers {
            let known = HeaderName::from_bytes(name.as_bytes());
            let known = known.map_err(|_| bad(format!("`{}` is not the name of a header", name.escape_debug())))?;
            if OWN_HEADERS.contains(&known.as_str()) {
                return Err(bad(format!("the header {name} follows from the request, and cannot be given")));
            }
            let said = HeaderValue::from_str(&value.0).or_else(|_| HeaderValue::from_bytes(value.0.as_bytes()));
            let mut said =
                said.map_err(|_| bad(format!("header {name}: its value has a line break or a control character")))?;
            said.set_sensitive(true);
            headers.insert(known, said);
        }
        Ok(Self { method, headers })
    }

    fn request(&self, address: &Address, body: Bytes) -> Result<Request<Full<Bytes>>, Failure> {
        let bad = |error: &dyn std::error::Error| Failure::of(FailureKind::Expression, error);
        let mut request = Request::builder().method(self.method.clone()).uri(&address.target).body(Full::new(body));
        if let Ok(request) = &mut request {
            *request.headers_mut() = self.headers.clone();
            let host = HeaderValue::from_str(&address.authority).map_err(|error| bad(&error))?;
            request.headers_mut().entry(HOST).or_insert(host);
        }
        request.map_err(|error| bad(&error))
    }
}

/// Sends one request and takes in its response. Dropping the future closes the connection. How far it came stays to be
/// read in the wire's trace.
///
/// # Errors
///
/// Where there is no whole response.
pub async fn ask(
    wire: Wire,
    address: &Address,
    head: &Head,
    call: &HttpCall,
    ticket: &Ticket,
) -> Result<Answer, Failure> {
    let trace = wire.trace();
    let body = call.body.as_ref().map_or_else(Bytes::new, |body| Bytes::copy_from_slice(body.0.as_bytes()));
    let request = head.request(address, body)?;
    let mut builder = http1::Builder::new();
    builder.max_buf_size(LARGEST_HEAD);
    let handshake = builder.handshake(wire).await;
    let (mut sender, connection) = handshake.map_err(|error| broken(address, &trace, &error))?;
    let talk = async {
        let response = sender.send_request(request).await.map_err(|error| broken(address, &trace, &error))?;
        take(response, address, &trace, ticket).await
    };
    tokio::pin!(talk);
    tokio::select! {
        biased;
        answer = &mut talk => answer,
        // What was read of the response is still there.
        _over = connection => talk.await,
    }
}

async fn take(
    response: Response<Incoming>,
    address: &Address,
    trace: &Trace,
    ticket: &Ticket,
) -> Result<Answer, Failure> {
    let status = response.status().as_u16();
    trace.answered(status);
    let secrets = &ticket.secrets.0;
    let unsearchable = |error| Failure::of(FailureKind::Secret, &error);
    let headers = headers(response.headers(), secrets).map_err(unsearchable)?;
    let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
    let location = location.map(|location| Hidden(location.to_owned()));
    let mut redactor = Redactor::new(secrets).map_err(unsearchable)?;
    let mut kept = Vec::new();
    let mut digest = Sha256::new();
    let mut keep = |clean: &[u8]| {
        digest.update(clean);
        kept.extend_from_slice(&clean[..clean.len().min(KEPT - kept.len())]);
    };
    let mut body = response.into_body();
    let mut bytes = 0_u64;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| broken(address, trace, &error))?;
        // Trailers are left.
        let Ok(data) = frame.into_data() else { continue };
        bytes += data.len() as u64;
        keep(&redactor.write(&data));
    }
    keep(&redactor.finish());
    let sha256 = hex(&digest.finalize());
    Ok(Answer { status, headers, location, body: kept, bytes, sha256 })
}

fn headers(map: &HeaderMap, secrets: &[String]) -> Result<BTreeMap<String, String>, aho_corasick::BuildError> {
    let mut headers: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in map {
        let clean = redact(value.as_bytes(), secrets)?;
        let value = String::from_utf8_lossy(&clean);
        headers
            .entry(name.as_str().to_owned())
            .and_modify(|all| {
                all.push_str(", ");
                all.push_str(&value);
            })
            .or_insert_with(|| value.into_owned());
    }
    Ok(headers)
}

fn broken(address: &Address, trace: &Trace, error: &hyper::Error) -> Failure {
    let why = if error.is_parse() {
        format!("what came cannot be read as HTTP/1.1 with at most {LARGEST_HEAD} bytes before the body: {error}")
    } else if error.is_incomplete_message() {
        "the server closed the connection".to_owned()
    } else {
        error.to_string()
    };
    let what = match (trace.status(), trace.is_sent()) {
        (Some(status), _) => format!("it answered {status}, and the answer broke off"),
        (None, true) => "no answer came to what was sent".to_owned(),
        (None, false) => "nothing was sent".to_owned(),
    };
    Failure { message: format!("{}: {what}: {why}", address.origin()), ..Failure::of(FailureKind::Connection, error) }
}
