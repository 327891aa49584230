//! Runbooks that a runbook includes: that they end, and that they are given what they need.

use std::path::Path;

use serde_json::Value;

use super::Findings;
use crate::check::context::Context;
use crate::check::document::action::Include;
use crate::check::include::{DEPTH, Examined, Outcome, STEPS};
use crate::check::suggest;
use crate::check::tree::NodeId;
use crate::expression::fits::fits;

/// Runbooks that include each other.
pub fn circle(context: &Context, findings: &mut Findings) {
    for (path, outcome) in outcomes(context) {
        let Outcome::Circle(files) = outcome else { continue };
        let names: Vec<String> = files.iter().map(|file| format!("`{}`", short(file))).collect();
        let message = match names.as_slice() {
            [only] => format!("{only} includes itself"),
            [first, others @ ..] => {
                format!("{first} includes {}, which includes {first}", others.join(", which includes "))
            }
            [] => continue,
        };
        findings.report(context.span(path), message, "take this step out, or what both need into a third runbook");
    }
}

/// Too many runbooks one in the other, or too many steps in all.
pub fn too_deep(context: &Context, findings: &mut Findings) {
    for (path, outcome) in outcomes(context) {
        let message = match outcome {
            Outcome::TooDeep => format!("more than {DEPTH} runbooks include each other"),
            Outcome::TooMany => format!("with this runbook there are more than {STEPS} steps"),
            Outcome::Circle(_) | Outcome::Examined(_) => continue,
        };
        findings.report(context.span(path), message, "write the steps where they are carried out");
    }
}

/// The steps that include a runbook: the node that names it, and what came of it.
fn outcomes<'c>(context: &'c Context) -> impl Iterator<Item = (NodeId, &'c Outcome)> {
    context.includes.iter().filter_map(|(at, outcome)| Some((context.include_path(&context.steps[*at])?, outcome)))
}

fn short(file: &Path) -> String {
    file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned()
}

/// Values that an included runbook does not declare, does not take, or lacks.
pub fn given(context: &Context, findings: &mut Findings) {
    for (at, outcome) in &context.includes {
        let step = &context.steps[*at];
        let fields = step.fields.as_ref().filter(|_| step.sound).and_then(|fields| fields.runbook.as_ref());
        if let (Outcome::Examined(included), Some(fields), Some(node)) =
            (outcome, fields, context.field(step.node, "runbook"))
        {
            one(context, findings, node, fields, included);
        }
    }
}

fn one(context: &Context, findings: &mut Findings, node: NodeId, fields: &Include, included: &Examined) {
    let Some(declared) = &included.parameters else { return };
    let path = &fields.path.0;
    let given = context.field(node, "parameters");
    for entry in given.map(|given| context.entries(given)).unwrap_or_default() {
        let Some(name) = context.text(entry.key) else { continue };
        let Some(parameter) = declared.get(name) else {
            let help = suggest::help(name, declared.keys().map(String::as_str), "parameters");
            findings.report(context.span(entry.key), format!("`{path}` has no parameter `{name}`"), help);
            continue;
        };
        // What a template gives is known only when it runs.
        let value = fields.parameters.get(name).filter(|value| !has_template(value));
        if let Some(Err(reason)) = value.map(|value| fits(parameter, value)) {
            findings.report(
                context.first_line(context.span(entry.value)),
                format!("the parameter `{name}` of `{path}` does not take this: {reason}"),
                format!("write a value that fits its declaration in `{path}`"),
            );
        }
    }
    for (name, parameter) in declared {
        if parameter.default.is_none() && !fields.parameters.contains_key(name) {
            findings.report(
                context.field_span(node, "path"),
                format!("`{path}` needs the parameter `{name}`"),
                format!("add `parameters: {{ {name}: <{}> }}`", parameter.kind.as_str()),
            );
        }
    }
}

fn has_template(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains("{{"),
        Value::Array(items) => items.iter().any(has_template),
        Value::Object(fields) => fields.values().any(has_template),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}
