//! Values that must not become code, and secrets that must not be seen.

use std::ops::Range;

use super::{Findings, verbatim};
use crate::check::context::Context;
use crate::check::steps::StepAt;
use crate::check::texts::Exposure;
use crate::check::tree::NodeId;

/// `{{ parameters.x }}` in a script or a statement.
pub fn template_in_code(context: &Context, findings: &mut Findings) {
    for (key, value, found) in in_code(context) {
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
}

/// The scripts and statements with templates of ours, each with its key and where they stand in it.
pub(super) fn in_code<'c>(
    context: &'c Context,
) -> impl Iterator<Item = (&'static str, NodeId, Vec<Range<usize>>)> + use<'c> {
    let asked = |(at, step): (usize, &'c StepAt)| {
        let asked = context.questions(step.node).into_iter().map(|(_, node)| node);
        [step.node].into_iter().chain(asked).map(move |node| (at, node))
    };
    let nodes = context.steps.iter().enumerate().flat_map(asked);
    let texts = nodes.flat_map(|(at, node)| ["shell", "sql", "query"].map(|key| (at, key, context.field(node, key))));
    texts.filter_map(|(at, key, value)| {
        let text = context.text(value?).filter(|text| text.contains('{'))?;
        let found = verbatim::templates(text, &context.loop_names(at, true));
        (!found.is_empty()).then_some((key, value?, found))
    })
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
