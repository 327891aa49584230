//! Text to runbook and findings: tree, decoding, rules. Sees only the files it is given, prints nothing.

mod around;
pub mod catalogue;
mod characters;
mod comments;
mod conditions;
pub mod context;
pub mod decode;
pub mod document;
mod foreign;
pub mod include;
pub mod moment;
pub mod parameters;
mod place;
pub mod reads;
pub mod refusals;
pub mod resolve;
pub mod results;
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

use std::collections::HashSet;
use std::io;
use std::path::Path;

use crate::model::diagnostic::{Diagnostic, Silenced};
use crate::model::runbook::Runbook;
use context::Context;
use include::{Examined, Reader, Trail};
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
    /// The files that it includes, as they were read.
    pub sources: Vec<Source>,
    /// The runbook, where nothing is an error.
    pub runbook: Option<Runbook>,
}

/// Checks one file without asking what shells say of its scripts. `folder` is absolute: the paths that the runbook
/// names start there.
#[must_use]
pub fn check(source: &Source, folder: &Path, files: &dyn Files) -> Checked {
    whole(source, folder, &Reader::new(files, None))
}

/// Checks one file, its scripts too.
#[must_use]
pub fn check_with_shell(source: &Source, folder: &Path, files: &dyn Files, shell: &dyn Shell) -> Checked {
    whole(source, folder, &Reader::new(files, Some(shell)))
}

/// A file and all that it includes.
fn whole(source: &Source, folder: &Path, reader: &Reader<'_>) -> Checked {
    let mut checked = examine(source, &Trail::of(&source.path, folder), reader).checked;
    let mut seen = HashSet::from([source.path.clone()]);
    checked.sources.retain(|source| seen.insert(source.path.clone()));
    // What two files include was checked once, and stands behind both.
    let mut seen = HashSet::new();
    let place = |found: &Diagnostic| (found.file.clone(), found.span.start, found.code, found.message.clone());
    checked.diagnostics.retain(|found| seen.insert(place(found)));
    checked.silenced.retain(|silenced| seen.insert(place(&silenced.diagnostic)));
    checked
}

/// One file, after those that it includes. Their findings come behind its own.
fn examine(source: &Source, trail: &Trail, reader: &Reader<'_>) -> Examined {
    let tree = match tree::parse(source) {
        Ok(tree) => tree,
        Err(diagnostics) => return Examined::unreadable(diagnostics),
    };
    let mut context = Context::new(source, &tree, &trail.folder, reader.files);
    if let Some(shell) = reader.shell {
        context.remarks = shell::ask(shell, &context.code.scripts);
        // Of what bash cannot read nobody knows the commands.
        for remark in &context.remarks.syntax {
            context.code.scripts[remark.script].commands.clear();
        }
    }
    context.includes = reader.includes(&context, trail);
    // Where what it includes has errors, that does not resolve either.
    let resolve = || resolve::runbook(&context, &trail.folder);
    let rules::Outcome { found, silenced, runbook } = rules::run(&context, &source.path, resolve);
    let refusals = refusals::refusals(&context, &source.path);
    let mut checked = Checked { diagnostics: found, silenced, refusals, runbook, ..Checked::default() };
    for included in context.included().into_iter().map(|included| &included.checked) {
        checked.refusals.extend(refusals::of_included(&included.refusals));
        checked.diagnostics.extend(included.diagnostics.iter().cloned());
        checked.silenced.extend(included.silenced.iter().cloned());
        checked.sources.extend(included.sources.iter().cloned());
    }
    Examined::new(checked, &context)
}
