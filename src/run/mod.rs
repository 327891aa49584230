//! The loop: ask the engine what can be done now, do it, make what happened durable, show it.
//!
//! [`session::Session`] owns everything that a run needs while it goes. Its loop, in [`drive`], has no knowledge of what
//! follows what: that is the engine's. Several things may be under way at once, each a [`task`] on the one thread that
//! there is. Starting and taking up again differ only in how many records there are.

mod account;
mod alone;
mod attempt;
pub mod clock;
mod conclude;
pub mod consequence;
pub mod control;
pub mod drive;
mod evidence;
mod flow;
pub mod lapse;
mod lengths;
pub mod locks;
pub mod log;
pub mod person;
mod probe;
pub mod question;
mod remember;
pub mod session;
pub mod signals;
pub mod status;
mod task;
mod undo;
pub mod values;
pub mod window;
pub mod window_turn;
