//! A run reached from another terminal: a Unix socket in its folder, which only its owner and root get an answer from.
//!
//! [`server::Server`] hears one request a connection, [`translate`] makes an event of it, and the loop records the
//! event or says why it cannot come now. Where nobody executes the run, the commands make the same event of the same
//! request and record it themselves, under the run's lock.

pub mod asking;
pub mod board;
pub mod client;
pub mod keyboard;
pub mod pending;
pub mod protocol;
pub mod server;
pub mod socket;
pub mod tail;
pub mod translate;
pub mod watching;

use tokio::sync::oneshot;

use crate::model::event::Event;

/// What somebody at another terminal wants of the loop.
#[derive(Debug)]
pub struct Command {
    /// To be recorded, if it may come now.
    pub event: Event,
    /// The running step is to be ended.
    pub end_now: bool,
    /// Whether it is durable, or why it cannot come.
    pub reply: oneshot::Sender<Result<(), String>>,
}
