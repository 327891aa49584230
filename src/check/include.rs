//! Runbooks that a runbook includes: each is checked as a file of its own, in a scope of its own.
//!
//! What the rules of the including file need of it is its parameters and the ids of its steps; what was found in it
//! is reported with its own places.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;

use super::context::Context;
use super::source::{Source, readable};
use super::steps::Role;
use super::{Checked, Files, resolve};
use crate::check::shell::Shell;
use crate::expression::identifier;
use crate::model::diagnostic::Diagnostic;
use crate::model::runbook::Parameter;

/// So many runbooks may include each other, the first counted.
pub const DEPTH: usize = 8;

/// So many steps may a runbook have, each included one counted as often as it is included.
pub const STEPS: usize = 100_000;

/// What came of a step that includes a runbook.
#[derive(Debug)]
pub enum Outcome {
    /// It includes one that it is itself part of: the files from that one to itself.
    Circle(Vec<PathBuf>),
    /// It would be one too many, one in the other.
    TooDeep,
    /// It would be too many steps.
    TooMany,
    /// It was checked.
    Examined(Rc<Examined>),
}

impl Outcome {
    fn size(&self) -> usize {
        match self {
            Self::Examined(included) => included.size,
            Self::Circle(_) | Self::TooDeep | Self::TooMany => 0,
        }
    }
}

/// A runbook that was checked because another includes it.
#[derive(Debug)]
pub struct Examined {
    /// What was found, and what it becomes.
    pub checked: Checked,
    /// What has to be given; `None` where that could not be decoded.
    pub parameters: Option<BTreeMap<String, Parameter>>,
    /// Its steps, by their ids as expressions write them.
    pub steps: BTreeMap<String, Outline>,
    /// How many steps it has, those of what it includes counted.
    pub size: usize,
}

/// What can be read of a step from outside of its runbook.
#[derive(Debug)]
pub struct Outline {
    /// The names of its outputs; `None` where that could not be decoded.
    pub outputs: Option<Vec<String>>,
    /// The steps that it includes in turn.
    pub included: Option<Rc<Examined>>,
}

/// How the files of one check are found.
pub struct Reader<'f> {
    /// The files.
    pub files: &'f dyn Files,
    /// Who reads scripts, where anybody does.
    pub shell: Option<&'f dyn Shell>,
    /// Each included runbook that was checked already, by where it lies.
    known: RefCell<BTreeMap<PathBuf, Rc<Examined>>>,
}

/// Where a file lies, and what the files are called that led to it, the one it is first.
#[derive(Debug, Clone)]
pub struct Trail {
    /// The folder that its relative paths start at; absolute.
    pub folder: PathBuf,
    /// As findings name them, with where they lie; the outermost first, the file itself last.
    pub files: Vec<(PathBuf, PathBuf)>,
}

impl Trail {
    /// That of a file which nothing includes.
    #[must_use]
    pub fn of(named: &Path, folder: &Path) -> Self {
        let file = named.file_name().map_or_else(PathBuf::new, PathBuf::from);
        let lies = flat(&folder.join(file));
        Self { folder: folder.to_path_buf(), files: vec![(named.to_path_buf(), lies)] }
    }

    /// That of a file which the last of this one includes.
    fn further(&self, path: &Path) -> Self {
        let path = path.strip_prefix(".").unwrap_or(path);
        let lies = flat(&self.folder.join(path));
        let named = self.files.last().and_then(|(named, _)| named.parent()).map(|folder| flat(&folder.join(path)));
        let mut files = self.files.clone();
        files.push((named.unwrap_or_else(|| path.to_path_buf()), lies.clone()));
        Self { folder: lies.parent().map_or_else(|| self.folder.clone(), Path::to_path_buf), files }
    }
}

/// A path without `..`, as far as they can be taken back.
fn flat(path: &Path) -> PathBuf {
    let mut flat = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir if matches!(flat.components().next_back(), Some(Component::Normal(_))) => {
                flat.pop();
            }
            part => flat.push(part),
        }
    }
    flat
}

impl<'f> Reader<'f> {
    /// One that has read nothing yet.
    #[must_use]
    pub fn new(files: &'f dyn Files, shell: Option<&'f dyn Shell>) -> Self {
        Self { files, shell, known: RefCell::default() }
    }

    /// Every runbook that a file includes, by the step that does; checked, unless that would never end.
    #[must_use]
    pub fn includes(&self, context: &Context, trail: &Trail) -> BTreeMap<usize, Outcome> {
        let mut outcomes = BTreeMap::new();
        let mut size = context.steps.len();
        for (at, step) in context.steps.iter().enumerate() {
            let Some(path) = context.include_path(step) else { continue };
            let Some(Ok(bytes)) = context.files.get(&path).map(|file| file.content.as_ref()) else { continue };
            let further = trail.further(Path::new(context.text(path).unwrap_or_default()));
            let mut outcome = self.outcome(&further, bytes);
            if let Outcome::Examined(included) = &outcome {
                size += included.size;
            }
            if size > STEPS {
                outcome = Outcome::TooMany;
            }
            outcomes.insert(at, outcome);
        }
        outcomes
    }

    fn outcome(&self, trail: &Trail, bytes: &[u8]) -> Outcome {
        let Some(((named, lies), above)) = trail.files.split_last() else { return Outcome::TooDeep };
        if let Some(first) = above.iter().position(|(_, other)| other == lies) {
            return Outcome::Circle(above[first..].iter().map(|(named, _)| named.clone()).collect());
        }
        if above.len() >= DEPTH {
            return Outcome::TooDeep;
        }
        if let Some(known) = self.known.borrow().get(lies) {
            return Outcome::Examined(Rc::clone(known));
        }
        let (source, mut examined) = match Source::from_bytes(named.clone(), bytes) {
            Ok(source) => {
                let examined = super::examine(&source, trail, self);
                (source, examined)
            }
            Err(diagnostic) => (Source::new(named.clone(), readable(bytes)), Examined::unreadable(vec![*diagnostic])),
        };
        examined.checked.sources.push(source);
        let examined = Rc::new(examined);
        self.known.borrow_mut().insert(lies.clone(), Rc::clone(&examined));
        Outcome::Examined(examined)
    }
}

impl Examined {
    /// A file of which nothing else is known.
    #[must_use]
    pub fn unreadable(diagnostics: Vec<Diagnostic>) -> Self {
        let checked = Checked { diagnostics, ..Checked::default() };
        Self { checked, parameters: None, steps: BTreeMap::new(), size: 0 }
    }

    /// A file, with what those who include it may read.
    #[must_use]
    pub fn new(checked: Checked, context: &Context) -> Self {
        let declared = context.document.as_ref().map(|document| &document.parameters);
        let parameter = |(name, declared): (&String, _)| (name.clone(), resolve::parameter(declared));
        let parameters = declared.map(|declared| declared.iter().map(parameter).collect());
        let own = context.steps.iter().enumerate().filter(|(_, step)| step.role == Role::Forward);
        let steps = own.filter_map(|(at, step)| {
            let included = match context.includes.get(&at) {
                Some(Outcome::Examined(included)) => Some(Rc::clone(included)),
                _ => None,
            };
            let outputs = step.sound.then(|| context.outputs(step).into_iter().map(ToOwned::to_owned).collect());
            Some((identifier(step.id.as_deref()?), Outline { outputs, included }))
        });
        let size = context.steps.len() + context.includes.values().map(Outcome::size).sum::<usize>();
        Self { checked, parameters, steps: steps.collect(), size }
    }
}
