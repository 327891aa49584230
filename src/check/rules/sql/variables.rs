//! psql's variables: each is declared under `variables:`, and each that is declared is used.

use std::collections::{HashMap, HashSet};

use super::report;
use crate::check::context::Context;
use crate::check::rules::Findings;
use crate::check::sql::SqlText;
use crate::check::sql::body::Problem;
use crate::check::suggest;
use crate::check::tree::NodeId;

/// A variable that is not declared.
pub fn unknown(context: &Context, findings: &mut Findings) {
    for text in context.sql() {
        for variable in &text.body.variables {
            if declared_in(context, text, &variable.name).is_some() {
                continue;
            }
            let help = nearest(context, text, &variable.name).map_or_else(
                || format!("declare it: `variables: {{ {}: \"{{{{ … }}}}\" }}`", variable.name),
                |name| format!("did you mean `{name}`?"),
            );
            let message = format!("no variable `{}` is declared for this text", variable.name);
            report(context, findings, text, &variable.range, &message, help);
        }
    }
}

/// The nearest `variables` that has that name.
fn declared_in(context: &Context, text: &SqlText, name: &str) -> Option<NodeId> {
    text.variables.iter().rev().copied().find(|node| context.field(*node, name).is_some())
}

/// The declared variable whose name is nearest.
fn nearest<'c>(context: &'c Context<'_>, text: &SqlText, name: &str) -> Option<&'c str> {
    let known = text.variables.iter().flat_map(|node| context.entries(*node));
    suggest::nearest(name, known.filter_map(|entry| context.text(entry.key)))
}

/// A variable that no text uses.
pub fn unused(context: &Context, findings: &mut Findings) {
    let mut scopes: Vec<NodeId> = Vec::new();
    let mut used: HashMap<NodeId, HashSet<&str>> = HashMap::new();
    let mut unknown: HashSet<NodeId> = HashSet::new();
    for text in context.sql() {
        for scope in &text.variables {
            used.entry(*scope).or_insert_with(|| {
                scopes.push(*scope);
                HashSet::new()
            });
        }
        if matches!(text.body.problem, Some(Problem::Unclosed(..))) {
            unknown.extend(&text.variables);
        }
        for variable in &text.body.variables {
            // One that was probably meant is used.
            let meant = nearest(context, text, &variable.name).unwrap_or(&variable.name);
            if let Some(scope) = declared_in(context, text, meant) {
                used.entry(scope).or_default().insert(meant);
            }
        }
    }
    for scope in scopes.into_iter().filter(|scope| !unknown.contains(scope)) {
        for entry in context.entries(scope) {
            let Some(name) = context.text(entry.key) else { continue };
            if !used.get(&scope).is_some_and(|names| names.contains(name)) {
                let message = format!("no SQL text here uses the variable `{name}`");
                let help = format!("write :'{name}' for a literal or :\"{name}\" for a name, or remove it");
                findings.report(context.span(entry.key), message, help);
            }
        }
    }
}
