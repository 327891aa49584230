//! Eyes: the only place that prints. Human and JSON views of the same events.

pub mod audit;
mod canvas;
mod countdown;
pub mod diagnostics;
mod diff;
pub mod ending;
pub mod explain;
pub mod failure;
pub mod human;
pub mod json;
mod lane;
mod observed;
pub mod plan;
mod progress;
mod question;
pub mod render;
mod requests;
pub mod status;
pub mod terminal;
pub mod text;
pub mod view;
