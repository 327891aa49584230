//! Every step of a document, wherever it stands: what kind it is, in which list, in which group.

use super::document::TextOr;
use super::document::action::Http;
use super::document::step::{Probe, Step};
use super::tree::NodeId;
use crate::model::runbook::Hook;
use crate::model::step::Effect;

/// The keys of a step that say what it does.
pub const ACTIONS: [&str; 12] =
    ["shell", "command", "sql", "query", "file", "http", "wait", "confirm", "manual", "assert", "steps", "runbook"];

/// What a step does, by its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the key of the format")]
pub enum Kind {
    Shell,
    Command,
    Sql,
    Query,
    File,
    Http,
    Wait,
    Confirm,
    Manual,
    Assert,
    Group,
    Include,
    /// No action, but `hold`: held to the end of its list.
    Hold,
}

impl Kind {
    /// The kind of step that has that key.
    #[must_use]
    pub fn of(key: &str) -> Option<Self> {
        Some(match key {
            "shell" => Self::Shell,
            "command" => Self::Command,
            "sql" => Self::Sql,
            "query" => Self::Query,
            "file" => Self::File,
            "http" => Self::Http,
            "wait" => Self::Wait,
            "confirm" => Self::Confirm,
            "manual" => Self::Manual,
            "assert" => Self::Assert,
            "steps" => Self::Group,
            "runbook" => Self::Include,
            _ => return None,
        })
    }
}

/// Which list a step stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// The runbook's steps.
    Forward,
    /// A hook's steps.
    Hook(Hook),
    /// What `defaults` does when a step failed.
    AnyFailure,
    /// A list that belongs to the step with that number.
    Part(Part, usize),
}

/// A list of steps within a step, beside its members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// `rollback`.
    Undo,
    /// `on_failure: {do}`.
    Failure,
    /// `hold: {acquire}`.
    Acquire,
    /// `hold: {release}`.
    Release,
    /// `between`.
    Between,
    /// `watch: [{do}]`.
    Watch,
}

impl Part {
    /// What it is called in a sentence.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Undo => "rollback",
            Self::Failure => "on_failure",
            Self::Acquire => "acquire",
            Self::Release => "release",
            Self::Between => "between",
            Self::Watch => "watch",
        }
    }
}

impl Role {
    /// The step that a rollback undoes.
    #[must_use]
    pub const fn undone(self) -> Option<usize> {
        match self {
            Self::Part(Part::Undo, undone) => Some(undone),
            _ => None,
        }
    }

    /// The step that the list belongs to.
    #[must_use]
    pub const fn owner(self) -> Option<usize> {
        match self {
            Self::Part(_, owner) => Some(owner),
            Self::Forward | Self::Hook(_) | Self::AnyFailure => None,
        }
    }

    /// Whether the list is one that the journal names step by step, so that each needs an id.
    #[must_use]
    pub const fn needs_ids(self) -> bool {
        matches!(self, Self::Forward | Self::Hook(_))
    }
}

/// A list of steps as it was typed, which may be something else.
#[derive(Debug, Clone, Copy)]
pub struct ListAt {
    /// The value of the key.
    pub node: NodeId,
    /// The key, as a sentence calls it.
    pub what: &'static str,
    /// Whether one step may stand for a list of one.
    pub takes_one: bool,
}

/// One step, wherever it stands.
#[derive(Debug)]
pub struct StepAt {
    /// Its mapping.
    pub node: NodeId,
    /// As typed, if it could be decoded; without the values at fault.
    pub fields: Option<Box<Step>>,
    /// Whether there was nothing at fault. Where there was, nothing is said of what else is missing.
    pub sound: bool,
    /// What its list is for.
    pub role: Role,
    /// The node of that list, or its own where it stands for a list of one.
    pub list: NodeId,
    /// The group it is a member of.
    pub parent: Option<usize>,
    /// The first action that it has.
    pub kind: Option<Kind>,
    /// The keys of all actions that it has.
    pub actions: Vec<&'static str>,
    /// As typed.
    pub id: Option<String>,
}

impl StepAt {
    /// Whether it changes something: what it says, else what its action does by default. `None` for a group and
    /// for what cannot be known.
    #[must_use]
    pub fn effect(&self) -> Option<Effect> {
        let fields = self.fields.as_ref()?;
        let default = match self.kind? {
            Kind::Group | Kind::Include | Kind::Hold => return None,
            Kind::Query | Kind::Wait | Kind::Confirm | Kind::Assert => Effect::ReadOnly,
            Kind::Http if fields.http.as_deref().is_some_and(only_looks) => Effect::ReadOnly,
            Kind::Http | Kind::Shell | Kind::Command | Kind::Sql | Kind::File | Kind::Manual => Effect::Mutating,
        };
        Some(fields.effect.unwrap_or(default))
    }
}

/// Whether a request is one that changes nothing by its nature.
#[must_use]
pub fn only_looks(http: &TextOr<Http>) -> bool {
    match http {
        TextOr::Text(_) => true,
        TextOr::Fields(http) => {
            http.method.as_ref().is_none_or(|method| matches!(method.0.to_ascii_uppercase().as_str(), "GET" | "HEAD"))
        }
    }
}

/// One read-only question of a step: a check, verify, precondition, preview, observation or watch.
#[derive(Debug)]
pub struct ProbeAt<'a> {
    /// The key it stands under.
    pub name: &'static str,
    /// Its mapping.
    pub node: NodeId,
    /// As typed.
    pub fields: &'a Probe,
}
