//! Eyes: the only place that prints. Human and JSON views of the same events.

pub mod diagnostics;
