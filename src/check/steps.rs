//! Every step of a document, wherever it stands: what kind it is, in which list, in which group.

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
    Wait,
    Confirm,
    Manual,
    Assert,
    Group,
    Unbuilt,
}

impl Kind {
    /// The kind of step that has that key.
    #[must_use]
    pub fn of(key: &str) -> Self {
        match key {
            "shell" => Self::Shell,
            "command" => Self::Command,
            "sql" => Self::Sql,
            "query" => Self::Query,
            "file" => Self::File,
            "wait" => Self::Wait,
            "confirm" => Self::Confirm,
            "manual" => Self::Manual,
            "assert" => Self::Assert,
            "steps" => Self::Group,
            _ => Self::Unbuilt,
        }
    }
}

/// Which list a step stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The runbook's steps.
    Forward,
    /// The rollback of the step with that number.
    Undo(usize),
    /// A hook's steps.
    Hook(Hook),
}

/// One step, wherever it stands.
#[derive(Debug)]
pub struct StepAt {
    /// Its mapping.
    pub node: NodeId,
    /// As typed, if it could be decoded; without the values at fault.
    pub fields: Option<Step>,
    /// Whether there was nothing at fault. Where there was, nothing is said of what else is missing.
    pub sound: bool,
    /// Its list.
    pub role: Role,
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
        let said = self.fields.as_ref()?.effect;
        match self.kind? {
            Kind::Group | Kind::Unbuilt => None,
            kind => Some(said.unwrap_or(default_effect(kind))),
        }
    }
}

/// What an action does to the world when nothing else is said.
#[must_use]
pub const fn default_effect(kind: Kind) -> Effect {
    match kind {
        Kind::Query | Kind::Wait | Kind::Confirm | Kind::Assert => Effect::ReadOnly,
        _ => Effect::Mutating,
    }
}

/// A check, verify or precondition.
#[derive(Debug)]
pub struct ProbeAt<'a> {
    /// The key it stands under.
    pub name: &'static str,
    /// Its mapping.
    pub node: NodeId,
    /// As typed.
    pub fields: &'a Probe,
}
