//! Templates and expressions: pure evaluation over plain values.
//!
//! A [`Scope`] holds what expressions see; `check` reads [names](Parsed::names) and [types](types) to find
//! mistakes before anything runs, `plan` and
//! `run` evaluate and make [calls](render::render_call) of steps. Nothing here reads a file, a clock or the
//! environment.

mod builtins;
mod context;
pub mod duration;
mod error;
mod evaluation;
pub mod fits;
mod names;
mod parsed;
pub mod render;
mod scope;
mod syntax;
pub mod types;
mod value;

pub use error::{ExpressionError, SyntaxError};
pub use evaluation::{evaluate, reads_secret, render, render_text, render_value, truth};
pub use names::Name;
pub use parsed::Parsed;
pub use scope::{Scope, Seen, SeenStep, identifier};

#[cfg(test)]
mod tests;
