//! Eyes: the only place that prints. Human and JSON views of the same events.

pub mod audit;
pub mod diagnostics;
pub mod diff;
pub mod ending;
pub mod explain;
pub mod failure;
pub mod human;
pub mod json;
pub mod plan;
mod progress;
mod question;
pub mod render;
pub mod status;
pub mod terminal;
pub mod text;
pub mod view;
