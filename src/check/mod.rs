//! Text to runbook and findings: tree, decoding, rules. Sees only the files it is given, prints nothing.

pub mod decode;
pub mod scalar;
pub mod source;
mod syntax;
pub mod tree;
