//! Waiting for the server no longer than was allowed.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::session::Remote;

/// How often the server is asked to end a statement before the connection is given up, a second apart.
const REQUESTS: usize = 3;

/// Why waiting ended before the work did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The time limit.
    Timeout,
    /// The operator.
    Operator,
}

/// What waiting gave.
#[derive(Debug)]
pub struct Waited<T> {
    /// `None` where the server did not even answer the request to stop.
    pub outcome: Option<T>,
    /// Set where it was asked to stop. The work may have ended well all the same.
    pub cause: Option<Cause>,
}

/// Waits for work in a session. When the limit is over or the operator says so, nothing more is sent, and the server
/// is asked to end what runs, again and again: a request that comes before its statement does nothing.
pub async fn bounded<T>(
    remote: &Remote,
    work: impl Future<Output = T>,
    limit: Option<Duration>,
    cancel: &mut watch::Receiver<bool>,
) -> Waited<T> {
    let mut work = pin!(work);
    let cause = tokio::select! {
        outcome = &mut work => return Waited { outcome: Some(outcome), cause: None },
        () = expired(limit) => Cause::Timeout,
        () = asked(cancel) => Cause::Operator,
    };
    remote.stop().store(true, std::sync::atomic::Ordering::SeqCst);
    for _ in 0..REQUESTS {
        let request = async {
            // That the request itself fails is seen by the work not ending.
            let _ = timeout(Duration::from_secs(1), remote.cancel()).await;
            sleep(Duration::from_secs(1)).await;
        };
        tokio::select! {
            outcome = &mut work => return Waited { outcome: Some(outcome), cause: Some(cause) },
            () = request => {}
        }
    }
    Waited { outcome: None, cause: Some(cause) }
}

async fn expired(limit: Option<Duration>) {
    match limit {
        Some(limit) => sleep(limit).await,
        None => std::future::pending().await,
    }
}

/// Ends when the operator wants an end.
pub async fn asked(cancel: &mut watch::Receiver<bool>) {
    // Nobody is left who could ask.
    if cancel.wait_for(|wanted| *wanted).await.is_err() {
        std::future::pending::<()>().await;
    }
}
