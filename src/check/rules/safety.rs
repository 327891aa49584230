//! Values that must not become code, and secrets that must not be seen.

use super::{Findings, verbatim};
use crate::check::context::Context;
use crate::check::texts::Exposure;
use crate::check::tree::NodeId;

/// `{{ parameters.x }}` in a script or a statement.
pub fn template_in_code(context: &Context, findings: &mut Findings) {
    for (at, step) in context.steps.iter().enumerate() {
        let asked = context.questions(step.node).into_iter().map(|(_, node)| node);
        for node in [step.node].into_iter().chain(asked) {
            for key in ["shell", "sql", "query"] {
                if let Some(value) = context.field(node, key) {
                    look_into(context, findings, key, at, value);
                }
            }
        }
    }
}

fn look_into(context: &Context, findings: &mut Findings, key: &str, step: usize, value: NodeId) {
    let Some(text) = context.text(value).filter(|text| text.contains('{')) else { return };
    let found = verbatim::templates(text, &context.loop_names(step, true));
    if found.is_empty() {
        return;
    }
    let places = context.places(value);
    for range in found {
        let help = if key == "shell" {
            "give it by `env: { NAME: \"{{ … }}\" }` and write \"$NAME\" in the script"
        } else {
            "give it by `variables: { name: \"{{ … }}\" }` and write :'name' for a literal, :\"name\" for an identifier"
        };
        findings.report(
            context.span_within(value, &places, range.start, range.len()),
            format!(
                "`{key}` is never a template: values come in by `{}:` only",
                if key == "shell" { "env" } else { "variables" }
            ),
            help,
        );
    }
}

/// A secret in an argument list, in a message, in a file.
pub fn exposed_secret(context: &Context, findings: &mut Findings) {
    for reference in context.references.iter().filter(|reference| reference.root == "secrets") {
        let (message, help) = match reference.exposure {
            Exposure::Hidden => continue,
            Exposure::Argument => {
                ("a secret in an argument list: everyone on the machine can read it", "give it by `env:` or `stdin:`")
            }
            Exposure::Shown => (
                "a secret here would be stored or shown",
                "secrets go only into `env`, `stdin`, `variables`, `targets` and the headers and body of `http`",
            ),
        };
        findings.report(reference.span, message, help);
    }
}
