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
