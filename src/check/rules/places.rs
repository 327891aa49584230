//! Where steps and their parts run.

use super::Findings;
use crate::check::context::Context;
use crate::check::steps::{Kind, StepAt};
use crate::check::suggest;
use crate::check::tree::NodeId;

/// The nodes that name a target, each once.
fn named(context: &Context) -> Vec<NodeId> {
    let mut nodes = Vec::new();
    for step in &context.steps {
        let all = [step.node].into_iter().chain(context.questions(step.node).into_iter().map(|(_, node)| node));
        nodes.extend(all.filter_map(|node| context.field(node, "target")));
    }
    nodes
}

/// A target that is not declared.
pub fn unknown_target(context: &Context, findings: &mut Findings) {
    if context.is_misspelt("targets") {
        return;
    }
    let mut known = context.declared("targets");
    known.push("local");
    for node in named(context) {
        let Some(name) = context.text(node).filter(|name| !name.contains("{{")) else { continue };
        if !known.contains(&name) {
            let help = suggest::help(name, known.iter().copied(), "targets");
            findings.report(context.span(node), format!("there is no target `{name}`"), help);
        }
    }
}

/// What a place can be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Local,
    Server,
    /// One host or several.
    Hosts,
    /// Not declared, or known only when it runs.
    Other,
}

fn place(context: &Context, target: Option<&str>) -> Place {
    match target {
        None | Some("local") => Place::Local,
        Some(name) => {
            let targets = context.field(context.root, "targets");
            let declared = targets.and_then(|targets| context.field(targets, name));
            let is = |key| declared.is_some_and(|node| context.field(node, key).is_some());
            match (is("postgres"), is("hosts")) {
                (true, false) => Place::Server,
                (false, true) => Place::Hosts,
                _ if name.contains("{{") => Place::Hosts,
                _ => Place::Other,
            }
        }
    }
}

/// SQL without a server, a process or a file on a database server.
pub fn wrong_kind_of_target(context: &Context, findings: &mut Findings) {
    for step in context.sound() {
        let inherited = context.target(step).map(|(name, _)| name);
        let wants = match step.kind {
            Some(Kind::Sql | Kind::Query) => Some(Place::Server),
            Some(Kind::Shell | Kind::Command | Kind::File) => Some(Place::Local),
            _ => None,
        };
        if let Some(wants) = wants {
            let key = step.actions.first().copied().unwrap_or_default();
            one(context, findings, step.node, key, inherited, wants);
        }
        probes(context, findings, step, inherited);
    }
}

fn probes(context: &Context, findings: &mut Findings, step: &StepAt, inherited: Option<&str>) {
    for probe in context.probes(step) {
        let target = context.field(probe.node, "target").and_then(|node| context.text(node)).or(inherited);
        for (key, wants) in [("query", Place::Server), ("shell", Place::Local), ("command", Place::Local)] {
            if context.field(probe.node, key).is_some() {
                one(context, findings, probe.node, key, target, wants);
            }
        }
    }
}

fn one(context: &Context, findings: &mut Findings, node: NodeId, key: &str, target: Option<&str>, wants: Place) {
    let is = place(context, target);
    let said = target.map_or_else(|| "the local machine".to_owned(), |name| format!("`{name}`"));
    let span =
        context.field(node, "target").map_or_else(|| context.entry_key_span(node, key), |target| context.span(target));
    if wants == Place::Server && matches!(is, Place::Local | Place::Hosts) {
        findings.report(
            span,
            format!("`{key}` needs a postgres target, and {said} is none"),
            "add `target: <name>` of a target with `postgres: …`",
        );
    } else if wants == Place::Local && is == Place::Server {
        findings.report(span, format!("`{key}` cannot run on {said}, a postgres target"), "add `target: local`");
    }
}
