//! Eyes: the only place that prints. Human and JSON views of the same events.

pub mod diagnostics;
pub mod human;
pub mod json;
pub mod audit;
mod progress;
pub mod status;
pub mod terminal;
pub mod text;
pub mod view;
pub mod diff;
pub mod plan;
pub mod text;
