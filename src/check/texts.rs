//! Every template, expression and duration of a document: where it stands, what its place takes, what it reads.
//!
//! `walk` knows the places, `read` reads what stands there.

mod read;
mod walk;

use super::context::{Context, Loaded};
use super::results::Own;
use super::tree::NodeId;
use crate::expression::Parsed;
use crate::model::diagnostic::Span;
pub(super) use walk::collect;

/// The names that an expression can begin with, beside those of a step's own result.
pub const ROOTS: [&str; 6] = ["parameters", "vars", "secrets", "steps", "run", "window"];

/// A name that a template or expression reads.
#[derive(Debug)]
pub struct Reference {
    /// The first part of the path.
    pub root: String,
    /// The others.
    pub rest: Vec<String>,
    /// Where it stands.
    pub span: Span,
    /// The step that it is part of.
    pub step: Option<usize>,
    /// Whether a missing value was thought of: `is defined`, `default`.
    pub guarded: bool,
    /// Which names of a step's own result are known here.
    pub result: Own,
    /// Whether it is read before the loop of its own step begins, so that there is no item yet.
    pub before_loop: bool,
    /// Who can see what becomes of it.
    pub exposure: Exposure,
    /// The step, probe or check whose own result would be known here.
    pub own: Option<NodeId>,
    /// The key of the var that it is part of.
    pub var: Option<NodeId>,
    /// Whether it is part of what decides whether its step runs.
    pub decides: bool,
    /// The conditions under which it is read at all.
    pub under: Vec<String>,
}

/// Who can see the value that a text becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Exposure {
    /// It is shown or stored by the program.
    #[default]
    Shown,
    /// It is an argument of a process, which everyone on the machine can read.
    Argument,
    /// Nobody: the only places for secrets.
    Hidden,
}

/// What a place can take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Takes {
    /// Any value.
    #[default]
    Anything,
    /// Whatever has a text: lists and mappings as JSON.
    Text,
    /// A name, a path, an address: one scalar.
    Scalar,
    /// True or false.
    Truth,
    /// A number with its unit.
    Duration,
    /// Several values.
    List,
    /// Names of hosts: a list, or a text.
    Hosts,
}

/// A template or expression that was read.
#[derive(Debug)]
pub struct TextAt<'a> {
    /// Its scalar.
    pub node: NodeId,
    /// Its syntax tree.
    pub parsed: Parsed<'a>,
    /// What is known where it stands.
    pub place: Place,
}

/// Where a text stands.
#[derive(Debug, Clone, Copy, Default)]
pub struct Place {
    /// The step that it is part of.
    pub step: Option<usize>,
    /// Whether it is a bare expression.
    pub expression: bool,
    /// Which names of a step's own result are known here.
    pub result: Own,
    /// Who can see what becomes of it.
    pub exposure: Exposure,
    /// Whether it is read before the loop of its own step begins, so that there is no item yet.
    pub before_loop: bool,
    /// What becomes of it.
    pub takes: Takes,
    /// The step, probe or check whose own result would be known here.
    pub own: Option<NodeId>,
    /// The key of the var that it is part of.
    pub var: Option<NodeId>,
    /// Whether it decides whether its step runs.
    pub decides: bool,
}

/// A value that is a duration.
#[derive(Debug, Clone, Copy)]
pub struct DurationAt {
    /// The key that it stands under.
    pub key: &'static str,
    /// Its scalar.
    pub node: NodeId,
    /// The step that it is part of.
    pub step: Option<usize>,
    /// Whether it may be a template, known only when the step runs.
    pub may_be_template: bool,
}

/// A template or expression that cannot be read.
#[derive(Debug)]
pub struct Malformed {
    /// Where it goes wrong.
    pub span: Span,
    /// How.
    pub message: String,
    /// What to type, where that is known.
    pub help: Option<String>,
}

/// A step's id with a dash in an expression, which is a subtraction there.
#[derive(Debug)]
pub struct Dashed {
    /// The root and the id.
    pub span: Span,
    /// The id as it is typed.
    pub id: String,
}

impl Place {
    const fn expression(self) -> Self {
        Self { expression: true, ..self }
    }

    const fn result(self, result: Own) -> Self {
        Self { result, ..self }
    }

    const fn argument(self) -> Self {
        Self { exposure: Exposure::Argument, ..self }
    }

    const fn secret(self) -> Self {
        Self { exposure: Exposure::Hidden, ..self }
    }

    const fn before_loop(self) -> Self {
        Self { before_loop: true, ..self }
    }

    const fn takes(self, takes: Takes) -> Self {
        Self { takes, ..self }
    }

    /// A condition.
    const fn condition(self) -> Self {
        self.expression().takes(Takes::Truth)
    }

    /// One scalar.
    const fn scalar(self) -> Self {
        self.takes(Takes::Scalar)
    }

    /// Whatever has a text.
    const fn text(self) -> Self {
        self.takes(Takes::Text)
    }
}

/// What a template file holds, and how a finding in it begins.
pub(super) fn template_file(context: &Context, named: NodeId) -> Option<(String, String)> {
    let Loaded { path, content: Ok(bytes), .. } = context.files.get(&named)? else { return None };
    let body = String::from_utf8(bytes.clone()).ok()?;
    Some((format!("{}: ", path.display()), body))
}
