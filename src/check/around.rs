//! What a step stands in: its groups, the step that it is a part of, the loops around it.

use super::context::Context;
use super::steps::{Kind, StepAt};
use super::tree::NodeId;
use crate::model::runbook::ParameterType;

impl<'a> Context<'a> {
    /// The group that a step is a member of, or the step that it is a part of.
    #[must_use]
    pub fn outer(&self, step: usize) -> Option<usize> {
        let step = &self.steps[step];
        step.parent.or_else(|| step.role.owner())
    }

    /// The step itself and all that it stands in, groups and steps that it is a part of, innermost first.
    pub fn around(&self, step: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(Some(step), |at| self.outer(*at))
    }

    /// Whether a step runs within a group or a part of a step, or is that step itself.
    #[must_use]
    pub fn is_within(&self, outer: usize, inner: usize) -> bool {
        self.around(inner).any(|at| at == outer)
    }

    /// The loops that a step stands in, innermost first, each with what it calls its item. Without its own where the
    /// question is asked before that begins.
    fn loops(&self, step: usize, with_own: bool) -> impl Iterator<Item = (usize, &'a str)> {
        let around = self.around(step).skip(usize::from(!with_own));
        around.filter_map(|at| Some((at, self.own_loop(&self.steps[at])?)))
    }

    /// The innermost of them whose item has that name.
    #[must_use]
    pub fn loop_of(&self, step: usize, name: &str, with_own: bool) -> Option<usize> {
        self.loops(step, with_own).find(|(_, item)| *item == name).map(|(at, _)| at)
    }

    /// What all of them call their items.
    #[must_use]
    pub fn loop_names(&self, step: usize, with_own: bool) -> Vec<&'a str> {
        self.loops(step, with_own).map(|(_, item)| item).collect()
    }

    /// What a loop that a step itself is calls its item; `None` where it is no loop.
    #[must_use]
    pub fn own_loop(&self, step: &StepAt) -> Option<&'a str> {
        let runs_there = matches!(step.kind, Some(Kind::Shell | Kind::Command | Kind::File));
        let over_hosts = || runs_there && self.target(step).is_some_and(|(_, node)| self.is_hosts(node));
        if self.field(step.node, "for_each").is_none() && !over_hosts() {
            return None;
        }
        Some(self.field(step.node, "as").and_then(|name| self.text(name)).unwrap_or("item"))
    }

    /// Whether a node names a target of several hosts, over which a step loops. A list that is not written out counts
    /// as several.
    #[must_use]
    pub fn is_hosts(&self, target: NodeId) -> bool {
        let targets = self.field(self.root, "targets");
        let declared = self.text(target).and_then(|name| self.field(targets?, name));
        let Some(hosts) = declared.and_then(|target| self.field(target, "hosts")) else { return false };
        let is_one =
            |node: NodeId| self.text(node).is_some_and(|host| !host.contains("{{") || self.is_text_of_one(host));
        match self.items(hosts) {
            [host] => !is_one(*host),
            _ => !is_one(hosts),
        }
    }

    /// Whether a template is one parameter that is a single text.
    fn is_text_of_one(&self, template: &str) -> bool {
        let inside = template.strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}")).map(str::trim);
        let name = inside.and_then(|inside| inside.strip_prefix("parameters."));
        let declared = self.document.as_ref().zip(name).and_then(|(document, name)| document.parameters.get(name));
        declared.is_some_and(|declared| declared.kind == ParameterType::String)
    }
}
