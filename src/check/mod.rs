//! Text to runbook and findings: tree, decoding, rules. Sees only the files it is given, prints nothing.

pub mod catalogue;
mod characters;
mod comments;
mod conditions;
pub mod context;
pub mod decode;
pub mod document;
mod foreign;
pub mod moment;
pub mod parameters;
mod place;
pub mod reads;
pub mod refusals;
pub mod resolve;
pub mod rules;
pub mod scalar;
pub mod schema;
pub mod scripts;
pub mod shell;
pub mod source;
pub mod sql;
pub mod steps;
mod suggest;
mod syntax;
pub mod texts;
pub mod tree;
pub mod types;
mod unreadable;
pub mod window;
pub mod zone;

pub use crate::expression::duration;

use std::io;
use std::path::Path;

use crate::model::diagnostic::{Diagnostic, Silenced};
use crate::model::runbook::Runbook;
use context::Context;
use shell::Shell;
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
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Checked {
    /// Everything that is wrong with it, by place.
    pub diagnostics: Vec<Diagnostic>,
    /// What would be, had the file not said why it may stay.
    pub silenced: Vec<Silenced>,
    /// What of it this version cannot carry out, by place. No finding: it is valid, and not planned or run.
    pub refusals: Vec<Diagnostic>,
    /// The runbook, where nothing is an error.
    pub runbook: Option<Runbook>,
}

/// Checks one file without asking what shells say of its scripts. `folder` is absolute: the paths that the runbook
/// names start there.
#[must_use]
pub fn check(source: &Source, folder: &Path, files: &dyn Files) -> Checked {
    checked(source, folder, files, None)
}

/// Checks one file, its scripts too.
#[must_use]
pub fn check_with_shell(source: &Source, folder: &Path, files: &dyn Files, shell: &dyn Shell) -> Checked {
    checked(source, folder, files, Some(shell))
}

fn checked(source: &Source, folder: &Path, files: &dyn Files, shell: Option<&dyn Shell>) -> Checked {
    let tree = match tree::parse(source) {
        Ok(tree) => tree,
        Err(diagnostics) => return Checked { diagnostics, ..Checked::default() },
    };
    let mut context = Context::new(source, &tree, folder, files);
    if let Some(shell) = shell {
        context.remarks = shell::ask(shell, &context.code.scripts);
    }
    let rules::Outcome { found, silenced, runbook } =
        rules::run(&context, &source.path, || resolve::runbook(&context, folder));
    let refusals = refusals::refusals(&context, &source.path);
    Checked { diagnostics: found, silenced, refusals, runbook }
}
