//! Text to runbook and findings: tree, decoding, rules. Sees only the files it is given, prints nothing.

pub mod catalogue;
mod characters;
mod comments;
pub mod context;
pub mod decode;
pub mod document;
pub mod duration;
mod foreign;
pub mod parameters;
mod place;
pub mod refusals;
pub mod resolve;
pub mod rules;
pub mod scalar;
pub mod source;
pub mod steps;
mod suggest;
mod syntax;
pub mod texts;
pub mod tree;
mod unreadable;

use std::io;
use std::path::Path;

use crate::model::diagnostic::{Diagnostic, Severity};
use crate::model::runbook::Runbook;
use context::Context;
use source::Source;

/// The files that a runbook may name. The only way in which this layer sees any.
pub trait Files {
    /// All bytes of a file.
    ///
    /// # Errors
    ///
    /// Where there is no such file, or it cannot be read.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;
}

impl<F: Fn(&Path) -> io::Result<Vec<u8>>> Files for F {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self(path)
    }
}

/// What was found out about a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    /// Everything that is wrong with it, by place.
    pub diagnostics: Vec<Diagnostic>,
    /// What of it this version cannot carry out, by place. No finding: it is valid, and not planned or run.
    pub refusals: Vec<Diagnostic>,
    /// The runbook, where nothing is an error and nothing is refused.
    pub runbook: Option<Runbook>,
}

impl Checked {
    /// A file of which nothing else is known.
    #[must_use]
    pub const fn unreadable(diagnostics: Vec<Diagnostic>) -> Self {
        Self { diagnostics, refusals: Vec::new(), runbook: None }
    }
}

/// Checks one file. `folder` is absolute: the paths that the runbook names start there.
#[must_use]
pub fn check(source: &Source, folder: &Path, files: &dyn Files) -> Checked {
    let tree = match tree::parse(source) {
        Ok(tree) => tree,
        Err(diagnostics) => return Checked::unreadable(diagnostics),
    };
    let context = Context::new(source, &tree, folder, files);
    let diagnostics = rules::run(&context, &source.path);
    let failed = diagnostics.iter().any(|found| found.severity == Severity::Error);
    let refusals = refusals::refusals(&context, &source.path);
    let runbook = if failed || !refusals.is_empty() { None } else { resolve::runbook(&context, folder) };
    Checked { diagnostics, refusals, runbook }
}
