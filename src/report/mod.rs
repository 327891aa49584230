//! Eyes: the only place that prints. Human and JSON views of the same events.

pub mod diff;
pub mod plan;
pub mod text;
