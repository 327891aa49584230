//! Which step reads which, directly and through vars.

use std::collections::{HashMap, HashSet};

use super::context::Context;
use super::texts::Reference;

/// A reading of a step, by the numbers of two references: the one that the reading step has, and the one that names
/// what is read. They differ where a var stands between them.
#[derive(Debug, Clone, Copy)]
pub struct ReadAt {
    /// What stands in the step that reads.
    pub at: usize,
    /// `steps.<id>`.
    pub of: usize,
}

/// One reading, looked up.
#[derive(Debug, Clone, Copy)]
pub struct Read<'c> {
    /// The step that reads.
    pub reader: usize,
    /// The step that is read.
    pub read: usize,
    /// Its id as it is written.
    pub id: &'c str,
    /// What is read of it.
    pub what: Option<&'c str>,
    /// Where the reading step does it.
    pub here: &'c Reference,
    /// Where the step is named.
    pub there: &'c Reference,
    /// Whether a missing value was thought of.
    pub guarded: bool,
}

impl Read<'_> {
    /// Whether a var stands between.
    #[must_use]
    pub fn through_var(&self) -> bool {
        !std::ptr::eq(self.here, self.there)
    }
}

/// All readings of a context whose references are known.
pub(super) fn collect(context: &Context) -> Vec<ReadAt> {
    let mut of_var: HashMap<&str, Vec<usize>> = HashMap::new();
    for (at, reference) in context.references.iter().enumerate() {
        if let Some(var) = reference.var.and_then(|key| context.text(key)) {
            of_var.entry(var).or_default().push(at);
        }
    }
    let mut known: HashMap<&str, Vec<usize>> = HashMap::new();
    let mut found = Vec::new();
    for (at, reference) in context.references.iter().enumerate().filter(|(_, reference)| reference.step.is_some()) {
        match (reference.root.as_str(), reference.rest.first()) {
            ("steps", Some(_)) => found.push(ReadAt { at, of: at }),
            ("vars", Some(var)) => {
                let steps = known.entry(var).or_insert_with(|| steps_of(context, &of_var, var));
                found.extend(steps.iter().map(|of| ReadAt { at, of: *of }));
            }
            _ => {}
        }
    }
    found
}

/// The references to steps that a var has, and the vars that it reads.
fn steps_of<'c>(context: &'c Context, of_var: &HashMap<&str, Vec<usize>>, var: &'c str) -> Vec<usize> {
    let (mut open, mut seen, mut steps) = (vec![var], HashSet::from([var]), Vec::new());
    while let Some(var) = open.pop() {
        for at in of_var.get(var).into_iter().flatten() {
            let reference = &context.references[*at];
            match (reference.root.as_str(), reference.rest.first()) {
                ("steps", Some(_)) => steps.push(*at),
                ("vars", Some(other)) if seen.insert(other) => open.push(other),
                _ => {}
            }
        }
    }
    steps
}

impl Context<'_> {
    /// Every reading of a step that there is by a step.
    pub fn reads(&self) -> impl Iterator<Item = Read<'_>> {
        self.reads.iter().filter_map(|read| {
            let (here, there) = (&self.references[read.at], &self.references[read.of]);
            let id = there.rest.first()?;
            Some(Read {
                reader: here.step?,
                read: self.step_named(id)?,
                id,
                what: there.rest.get(1).map(String::as_str),
                here,
                there,
                guarded: here.guarded || there.guarded,
            })
        })
    }
}
