//! Asks the executor of a run.

use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::time::Duration;

use super::protocol::{self, Request, Response};
use super::socket;

/// How long an executor may take for its answer: longer than it gives itself.
const PATIENCE: Duration = Duration::from_secs(40);

/// The most bytes of an answer: a status has a line for each step.
const LONGEST: u64 = 64 * 1024 * 1024;

/// What the executor of the run in that folder answers. `None` where nobody listens.
///
/// # Errors
///
/// Where it does not answer.
pub fn ask(folder: &Path, request: &Request) -> io::Result<Option<Response>> {
    let Some(mut stream) = socket::connect(folder)? else { return Ok(None) };
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut line = Vec::new();
    let asked = stream.write_all(&protocol::encode(request)).and_then(|()| stream.take(LONGEST).read_to_end(&mut line));
    match asked {
        // It went away between the connection and the answer.
        Ok(0) => Ok(None),
        Err(error) if matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset) => Ok(None),
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
            Err(io::Error::new(io::ErrorKind::TimedOut, "its executor does not answer; is it stopped?"))
        }
        Err(error) => Err(error),
        Ok(_) => protocol::response(&line)
            .map(Some)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "its executor answers what is no answer")),
    }
}
