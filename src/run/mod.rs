//! The loop: ask the engine what is next, do it, make what happened durable, show it.
//!
//! [`session::Session`] owns everything that a run needs while it goes. Its loop has no knowledge of what follows
//! what: that is the engine's. Starting and taking up again differ only in how many records there are.

mod alone;
mod attempt;
pub mod clock;
mod conclude;
pub mod log;
pub mod person;
mod probe;
pub mod question;
mod remember;
pub mod session;
pub mod signals;
pub mod status;
mod undo;
pub mod values;
pub mod window;
