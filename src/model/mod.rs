//! The nouns: what a runbook is, what a run records, what a plan says, what is wrong with a file.
//!
//! Plain data that every other layer speaks. Nothing here reads a file, a clock or the environment, and nothing
//! here awaits.

pub mod call;
pub mod catalogue;
pub mod diagnostic;
pub mod digest;
pub mod event;
pub mod fit;
pub mod flow;
pub mod http;
pub mod length;
pub mod parts;
pub mod place;
pub mod plan;
pub mod question;
pub mod result;
pub mod runbook;
pub mod sql;
pub mod status;
pub mod step;
pub mod time;
pub mod way_back;
pub mod window;
