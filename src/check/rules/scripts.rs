//! What bash and shellcheck say of the scripts.

use super::Findings;
use crate::check::context::Context;
use crate::check::shell::Remark;

/// A script that would end with a syntax error, perhaps in the middle.
pub fn unreadable(context: &Context, findings: &mut Findings) {
    report(context, findings, &context.remarks.syntax);
}

/// A script that can be read and probably does something else than was meant.
pub fn linted(context: &Context, findings: &mut Findings) {
    report(context, findings, &context.remarks.lint);
}

fn report(context: &Context, findings: &mut Findings, remarks: &[Remark]) {
    for of_script in remarks.chunk_by(|one, other| one.script == other.script) {
        let Some(script) = of_script.first().and_then(|remark| context.code.scripts.get(remark.script)) else {
            continue;
        };
        let places = context.places(script.node);
        for remark in of_script {
            let span = context.begin_within(script.node, &places, remark.offset, remark.length);
            findings.report(span, &remark.message, &remark.help);
        }
    }
}
