//! What a loop goes over, and the ways out on which a hold is released: that there are any.

use super::Findings;
use crate::check::context::Context;
use crate::check::steps::StepAt;
use crate::check::tree::Kind as NodeKind;

/// A loop over nothing, or two loops in one step; a hold that is never released.
pub(super) fn contradictions(context: &Context, findings: &mut Findings, step: &StepAt) {
    if let Some(ways) = context.field(step.node, "release_on")
        && step.fields.as_ref().and_then(|fields| fields.release_on.as_ref()).is_some_and(Vec::is_empty)
    {
        let help = "name the ways: success, failure, stop, rollback";
        findings.report(context.span(ways), "this is released on no way out", help);
    }
    let Some(items) = context.field(step.node, "for_each") else { return };
    let over_nothing = match &context.tree.node(items).kind {
        // Of a text its type is said elsewhere.
        NodeKind::Scalar { .. } => false,
        NodeKind::Sequence(items) => items.is_empty(),
        NodeKind::Mapping(_) => true,
    };
    if over_nothing {
        findings.report(
            context.first_line(context.span(items)),
            "`for_each` takes a list with items, or a template that gives one",
            "write `for_each: [a, b]`, or a template such as \"{{ parameters.hosts }}\"",
        );
    }
    let name = context.own_loop(step).unwrap_or("item");
    if let Some((target, node)) = context.field(step.node, "target").and_then(|_| context.target(step))
        && has_several(context, target)
    {
        let message = format!("two loops in one step: over `for_each` and over the hosts of `{target}`");
        let help = format!("write `target: \"{{{{ {name} }}}}\"` for one host each");
        findings.report(context.span(node), message, help);
    }
}

/// Whether a target has several hosts that are written out. What a template gives may be the one that is wanted.
fn has_several(context: &Context, target: &str) -> bool {
    let targets = context.field(context.root, "targets");
    let declared = targets.and_then(|targets| context.field(targets, target));
    declared.and_then(|node| context.field(node, "hosts")).is_some_and(|hosts| context.items(hosts).len() > 1)
}
