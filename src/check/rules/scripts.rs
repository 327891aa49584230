//! What bash and shellcheck say of the scripts.

use std::collections::HashSet;

use super::{Findings, safety};
use crate::check::context::Context;
use crate::check::shell::Remark;
use crate::check::tree::NodeId;

/// A script that would end with a syntax error, perhaps in the middle.
pub fn unreadable(context: &Context, findings: &mut Findings) {
    report(context, findings, &context.remarks.syntax);
}

/// A script that can be read and probably does something else than was meant.
pub fn linted(context: &Context, findings: &mut Findings) {
    report(context, findings, &context.remarks.lint);
}

/// Nothing of a script with a template of ours in it: its braces are what the programs stumble over.
fn report(context: &Context, findings: &mut Findings, remarks: &[Remark]) {
    if remarks.is_empty() {
        return;
    }
    let with_template: HashSet<NodeId> = safety::in_code(context).map(|(_, node, _)| node).collect();
    for of_script in remarks.chunk_by(|one, other| one.script == other.script) {
        let Some(script) = of_script.first().and_then(|remark| context.code.scripts.get(remark.script)) else {
            continue;
        };
        if with_template.contains(&script.node) {
            continue;
        }
        let places = context.places(script.node);
        for remark in of_script {
            let span = context.begin_within(script.node, &places, remark.offset, remark.length);
            findings.report(span, &remark.message, &remark.help);
        }
    }
}
