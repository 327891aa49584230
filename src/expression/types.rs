//! The types of expressions before anything runs: what cannot work whatever the values are.
//!
//! Says only what is certain. A [problem](Problem) is a part of a text that fails, or means nothing, with every value
//! that the names it reads can have; what depends on a value is left to the run.

mod calls;
pub mod kind;
mod lookups;
mod operators;
mod results;
mod signatures;
mod statements;
mod walk;

use std::ops::Range;

use minijinja::machinery::ast::{Expr, Stmt};

pub use kind::Type;
use walk::Walk;

use super::names::range_of;

#[cfg(test)]
mod tests;

/// What is known of the names that an expression reads.
pub trait Names {
    /// The type of the longest part of a path that is known, and how many names that part has.
    fn typed(&self, path: &[String]) -> Option<(Type, usize)>;
}

/// What a text gives, and what of it cannot work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Typed {
    /// What it gives.
    pub result: Type,
    /// The expression whose value it is; none where the text is more than one.
    pub place: Option<Range<usize>>,
    /// The name whose declaration explains the type.
    pub cause: Option<Vec<String>>,
    /// What of it cannot work, in the order in which it is met.
    pub problems: Vec<Problem>,
}

/// The type of an expression whose value is kept as it is.
pub(super) fn of_expression(text: &str, names: &dyn Names, expr: &Expr<'_>) -> Typed {
    let mut walk = Walk::new(text, names);
    let result = walk.expr(expr);
    let (place, cause) = (Some(range_of(expr)), walk::cause_of(&[expr]));
    Typed { result, place, cause, problems: walk.problems }
}

/// The type of a template that is more than one expression: a text.
pub(super) fn of_template(text: &str, names: &dyn Names, stmt: &Stmt<'_>) -> Typed {
    let mut walk = Walk::new(text, names);
    walk.stmt(stmt);
    Typed { problems: walk.problems, ..Typed::text() }
}

impl Typed {
    /// Of a text in which nothing is read.
    #[must_use]
    pub const fn text() -> Self {
        Self { result: Type::TEXT, place: None, cause: None, problems: Vec::new() }
    }
}

/// A part of a text that cannot work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// In which way.
    pub kind: ProblemKind,
    /// One sentence without a full stop.
    pub message: String,
    /// What to type.
    pub help: String,
    /// The operator, the filter's name, the name or the argument at fault.
    pub place: Range<usize>,
    /// The operands, with what each is.
    pub operands: Vec<(Range<usize>, String)>,
    /// All of the expression that cannot be evaluated, or that is always the same.
    pub whole: Range<usize>,
    /// The name whose declaration explains it.
    pub cause: Option<Vec<String>>,
}

/// The ways in which a part of a text cannot work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProblemKind {
    /// Values that cannot be compared.
    Comparison,
    /// A comparison that is always false, or with `!=` and `not in` always true.
    Constant,
    /// A duration, which is text, used as if it were a length of time.
    Duration,
    /// Values that cannot be calculated with.
    Arithmetic,
    /// A filter, test or function that does not exist.
    Unknown {
        /// Which name.
        name: String,
        /// The names that there are.
        known: Vec<&'static str>,
    },
    /// A filter, test or function that cannot take what it is given.
    Argument,
    /// A part of a value that cannot have parts.
    Lookup,
    /// None, where text is needed.
    None,
}
