//! Requests that look and requests that change, sent from where the program runs.
//!
//! A request goes over a connection of its own, over HTTP/1.1, and is sent once: never again on another connection, and
//! never through a proxy, whatever the environment says. Only a request that looks is followed, and only within its
//! origin: no header and no secret ever goes to another. A response is read to its end; what is kept of it is bounded.
//!
//! The connection is made while an attempt is prepared, so a server that cannot be reached leaves nothing begun. From
//! the first byte of a request on nobody but its server knows what became of it: an attempt that gets no whole answer
//! is unknown, whoever ended the wait. [`address`] reads a URL, [`connect`] makes the way there, [`exchange`] sends and
//! receives, [`expect`] compares.

pub mod address;
pub mod connect;
pub mod exchange;
pub mod expect;

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout};

use self::address::Address;
use self::connect::Wire;
use self::exchange::{Answer, Head};
use self::expect::Wanted;
use super::execute::{Control, End, Ended};
use super::observe;
use super::process::{cancelled, make_folder};
use super::redact::redact;
use crate::model::call::{HttpCall, Ticket};
use crate::model::event::Intent;
use crate::model::result::{Failure, FailureKind, OutputDigest, StepResult};

/// How often one request is followed.
const MOST_REDIRECTS: usize = 10;

/// The statuses that lead somewhere else.
const REDIRECTS: [u16; 5] = [301, 302, 303, 307, 308];

/// How much of a body goes into a result, in bytes. As JSON, with every byte escaped, that is still a record.
const SHOWN: usize = 512 * 1024;

/// A request that is known in full.
#[derive(Debug, Clone)]
struct Ready {
    call: HttpCall,
    ticket: Ticket,
    address: Address,
    head: Head,
    wanted: Wanted,
}

/// A connection, and the request for it. Nothing was sent yet; dropping it closes the connection.
pub struct Prepared {
    ready: Ready,
    wire: Wire,
    deadline: Option<Instant>,
    output: PathBuf,
}

/// Why a wait for an answer ended without one.
enum Stopped {
    Broken(Failure),
    Overdue,
    Cancelled,
}

/// Sends a request that only looks, and follows it within its origin.
///
/// A response is a result, also one that is not as wanted: then it says so in `unmet`.
///
/// # Errors
///
/// Where there is no whole response within the time limit.
pub async fn look(call: &HttpCall, ticket: &Ticket) -> Result<StepResult, Failure> {
    let ready = Ready::of(call, ticket, &agent())?;
    let Some(limit) = ticket.timeout else { return ready.follow().await };
    timeout(limit, ready.follow()).await.unwrap_or_else(|_| {
        let message = format!("{} did not answer within {limit:?}", ready.address.origin());
        Err(Failure::new(FailureKind::Timeout, message))
    })
}

/// Connects. `output` is where the body of the response will be stored.
///
/// # Errors
///
/// Where the request cannot be made or its server not be reached. Nothing was sent then.
pub async fn prepare(output: &Path, call: &HttpCall, ticket: &Ticket) -> Result<(Intent, Prepared), Failure> {
    let began = Instant::now();
    let own = call.headers.keys().any(|name| name.eq_ignore_ascii_case("user-agent"));
    let agent = format!("{} ({})", agent(), named(ticket));
    let ready = Ready::of(call, ticket, &agent)?;
    make_folder(output).map_err(|error| Failure::of(FailureKind::File, &error))?;
    let connecting = Wire::open(&ready.address, call);
    let wire = match ticket.timeout {
        None => connecting.await,
        Some(limit) => timeout(limit, connecting).await.unwrap_or_else(|_| {
            let message = format!("{} was not reached within {limit:?}; nothing was sent", ready.address.origin());
            Err(Failure::new(FailureKind::Timeout, message))
        }),
    }?;
    let user_agent = if own { String::new() } else { agent };
    let intent = Intent::Request { method: call.method.clone(), url: ready.address.to_string(), user_agent };
    let deadline = ticket.timeout.and_then(|limit| began.checked_add(limit));
    Ok((intent, Prepared { ready, wire, deadline, output: output.to_owned() }))
}

/// Sends the request and waits for its response, which is not followed anywhere.
///
/// [`End::Failed`], [`End::TimedOut`] and [`End::Cancelled`] say that nothing was sent, or that the server answered
/// with something else than what was wanted. [`End::Lost`] is a request whose whole answer did not come.
pub async fn carry_out(prepared: Prepared, control: &Control) -> Ended {
    let began = Instant::now();
    let Prepared { ready, wire, deadline, output } = prepared;
    let trace = wire.trace();
    let expired = async {
        match deadline {
            Some(deadline) => sleep_until(deadline).await,
            None => std::future::pending().await,
        }
    };
    let answer = tokio::select! {
        biased;
        answer = ready.ask(wire, &ready.address) => answer.map_err(Stopped::Broken),
        () = expired => Err(Stopped::Overdue),
        () = cancelled(control.cancel.clone()) => Err(Stopped::Cancelled),
    };
    let stopped = match answer {
        Ok(answer) => return ready.ended(&answer, &output, control, began),
        Err(stopped) => stopped,
    };
    let refused = trace.status().is_some_and(|status| !ready.wanted.has(status));
    let end = match stopped {
        Stopped::Broken(failure) if refused || !trace.is_sent() => End::Failed(failure),
        Stopped::Overdue if refused || !trace.is_sent() => End::TimedOut,
        Stopped::Cancelled if refused || !trace.is_sent() => End::Cancelled,
        stopped => ready.lost(stopped, trace.status()),
    };
    let result = StepResult { status: trace.status(), ..StepResult::default() };
    Ended { end, result, output: None, duration: began.elapsed() }
}

/// What became of a request whose executor is gone: nobody here can tell.
#[must_use]
pub fn recover(intent: &Intent) -> Ended {
    let Intent::Request { method, url, user_agent } = intent else { return unknown("it is not a request".to_owned()) };
    unknown(format!(
        "the program ended while {method} {url} was to be sent, and no answer was recorded. The server may have acted on \
         it, or still act{}",
        in_its_log(user_agent)
    ))
}

fn unknown(evidence: String) -> Ended {
    let end = End::Lost { may_run: false, evidence };
    Ended { end, result: StepResult::default(), output: None, duration: Duration::ZERO }
}

fn in_its_log(user_agent: &str) -> String {
    if user_agent.is_empty() { String::new() } else { format!("; its log may have it, from `{user_agent}`") }
}

/// What the program calls itself.
fn agent() -> String {
    format!("runbook/{}", env!("CARGO_PKG_VERSION"))
}

/// The attempt in a comment of a header: what may not stand there becomes `_`.
fn named(ticket: &Ticket) -> String {
    let plain = |letter: char| if letter.is_ascii_graphic() && !"()\\\"".contains(letter) { letter } else { '_' };
    let name = |text: &str| text.chars().map(plain).collect::<String>();
    format!("{} {}", name(&ticket.run), name(&ticket.label()))
}

impl Ready {
    fn of(call: &HttpCall, ticket: &Ticket, agent: &str) -> Result<Self, Failure> {
        let clean = redact(call.url.as_bytes(), &ticket.secrets.0);
        if clean.map_err(|error| Failure::of(FailureKind::Secret, &error))? != call.url.as_bytes() {
            let message =
                "there is a secret in the URL, which servers and proxies log: give it by a header or the body";
            return Err(Failure::new(FailureKind::Secret, message));
        }
        Ok(Self {
            address: Address::read(&call.url)?,
            head: Head::of(call, agent)?,
            wanted: Wanted::read(&call.expect)?,
            call: call.clone(),
            ticket: ticket.clone(),
        })
    }

    async fn ask(&self, wire: Wire, address: &Address) -> Result<Answer, Failure> {
        exchange::ask(wire, address, &self.head, &self.call, &self.ticket).await
    }

    async fn follow(&self) -> Result<StepResult, Failure> {
        let mut address = self.address.clone();
        let mut followed = 0;
        loop {
            let answer = self.ask(Wire::open(&address, &self.call).await?, &address).await?;
            match self.leads(&answer, &address) {
                Some(Ok(_)) if followed == MOST_REDIRECTS => {
                    let why = format!("status {}: it was redirected {followed} times, and again", answer.status);
                    return Ok(result(&answer, Some(why)));
                }
                Some(Ok(next)) => (address, followed) = (next, followed + 1),
                Some(Err(why)) => return Ok(result(&answer, Some(why))),
                None => return Ok(result(&answer, self.wanted.unmet(&answer, self.ticket.sensitive))),
            }
        }
    }

    /// Where a response leads on, or why it is not followed; `None` where it does not, or is wanted as it is.
    fn leads(&self, answer: &Answer, from: &Address) -> Option<Result<Address, String>> {
        let status = answer.status;
        let location = answer.location.as_ref().filter(|_| REDIRECTS.contains(&status) && !self.wanted.has(status))?;
        let clean = redact(location.0.as_bytes(), &self.ticket.secrets.0).unwrap_or_default();
        if clean != location.0.as_bytes() {
            return Some(Err(format!("status {status}: it redirects to a URL that has a secret in it")));
        }
        Some(match from.follow(&location.0) {
            Err(failure) => Err(format!("status {status}: it redirects, and {}", failure.message)),
            Ok(to) if to.origin() != from.origin() => {
                Err(format!("status {status}: it redirects to {to}, which is another origin and is not followed"))
            }
            Ok(_) if !["GET", "HEAD"].contains(&self.call.method.as_str()) => {
                Err(format!("status {status}: it redirects, and a {} is not followed", self.call.method))
            }
            Ok(to) => Ok(to),
        })
    }

    fn ended(&self, answer: &Answer, output: &Path, control: &Control, began: Instant) -> Ended {
        let led = self.leads(answer, &self.address).map(|led| match led {
            Ok(to) => format!("status {}: it redirects to {to}, and what changes is not followed", answer.status),
            Err(why) => why,
        });
        let mut result = result(answer, led.or_else(|| self.wanted.unmet(answer, self.ticket.sensitive)));
        // Nobody looks at the screen any more where this fails.
        let _unseen = control.output.send(format!("status {}, {} bytes", answer.status, answer.bytes));
        if !self.ticket.sensitive
            && !answer.body.is_empty()
            && let Err(error) = store(output, &self.ticket.label(), &answer.body)
        {
            tracing::debug!(%error, "the body could not be stored");
            result.truncated = true;
        }
        let output =
            Some(OutputDigest { bytes: answer.bytes, sha256: answer.sha256.clone(), ..OutputDigest::default() });
        let end = observe::unmet(&result, self.ticket.sensitive).map_or(End::Returned, End::Failed);
        Ended { end, result, output, duration: began.elapsed() }
    }

    fn lost(&self, stopped: Stopped, status: Option<u16>) -> End {
        let waited = || match status {
            Some(status) => {
                format!("{} answered {status}, and the rest of the answer did not come", self.address.origin())
            }
            None => format!("{} did not answer", self.address.origin()),
        };
        let why = match stopped {
            Stopped::Broken(failure) => failure.message,
            Stopped::Overdue => {
                let limit = self.ticket.timeout.map_or_else(String::new, |limit| format!(" within {limit:?}"));
                format!("{}{limit}", waited())
            }
            Stopped::Cancelled => format!("{} before the operator ended the wait", waited()),
        };
        let own = self.call.headers.keys().any(|name| name.eq_ignore_ascii_case("user-agent"));
        let agent = if own { String::new() } else { format!("{} ({})", agent(), named(&self.ticket)) };
        let method = &self.call.method;
        let log = in_its_log(&agent);
        let evidence =
            format!("{method} {} was sent. {why}. The server may have acted on it, or still act{log}", self.address);
        End::Lost { may_run: false, evidence }
    }
}

fn result(answer: &Answer, unmet: Option<String>) -> StepResult {
    let shown = &answer.body[..answer.body.len().min(SHOWN)];
    let (body, cut) = text(shown);
    StepResult {
        status: Some(answer.status),
        headers: Some(answer.headers.clone()),
        body: Some(body),
        unmet,
        truncated: cut || answer.bytes > shown.len() as u64,
        ..StepResult::default()
    }
}

/// Bytes as text, a letter that is cut at the end left out, and whether one was.
fn text(bytes: &[u8]) -> (String, bool) {
    let whole = match std::str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() => &bytes[..error.valid_up_to()],
        _ => bytes,
    };
    let text = String::from_utf8_lossy(whole).into_owned();
    let most = (0..=SHOWN.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
    (text[..most].to_owned(), most < text.len() || whole.len() < bytes.len())
}

fn store(folder: &Path, label: &str, body: &[u8]) -> io::Result<()> {
    let path = folder.join(format!("{label}.body"));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(body)?;
    file.sync_data()?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_a_body_is_bounded_and_ends_with_a_whole_letter() {
        assert_eq!(text("aé".as_bytes()), ("aé".to_owned(), false));
        assert_eq!(text(&"aé".as_bytes()[..2]), ("a".to_owned(), true));
        assert_eq!(text(b"a\xffb"), ("a\u{fffd}b".to_owned(), false));
        let (long, cut) = text(&vec![0xff; SHOWN]);
        assert!(cut && long.len() <= SHOWN && long.chars().all(|letter| letter == '\u{fffd}'));
    }

    #[test]
    fn the_name_of_an_attempt_fits_into_a_header() {
        let ticket = Ticket {
            run: "r".to_owned(),
            step: "a[x (1)\r\n\u{e9}]".to_owned(),
            attempt: 2,
            undo: None,
            timeout: None,
            sensitive: false,
            secrets: crate::model::call::Hidden(Vec::new()),
        };
        assert_eq!(named(&ticket), "r a[x%20%281%29%0d%0a%c3%a9].2");
    }
}
