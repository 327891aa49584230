//! Types: what an expression cannot do with the values that it reads, and what a place cannot take.

use super::Findings;
use crate::check::context::Context;
use crate::check::suggest;
use crate::check::types::{Misfit, Way};
use crate::expression::types::ProblemKind;

fn report(context: &Context, findings: &mut Findings, is_meant: fn(&Way) -> bool) {
    for Misfit { way, span, message, help, labels } in &context.misfits {
        if !is_meant(way) {
            continue;
        }
        let help = match way {
            Way::Expression(ProblemKind::Unknown { name, known }) if help.is_empty() => {
                suggest::help(name, known.iter().copied(), "names")
            }
            _ => help.clone(),
        };
        findings.report(*span, message.clone(), help).labels.clone_from(labels);
    }
}

/// `parameters.limit > 'x'`.
pub fn comparison(context: &Context, findings: &mut Findings) {
    report(context, findings, |way| matches!(way, Way::Expression(ProblemKind::Comparison | ProblemKind::Constant)));
}

/// `parameters.pause < '10s'`.
pub fn duration(context: &Context, findings: &mut Findings) {
    report(context, findings, |way| matches!(way, Way::Expression(ProblemKind::Duration)));
}

/// `parameters.limit + 'x'`.
pub fn arithmetic(context: &Context, findings: &mut Findings) {
    report(context, findings, |way| matches!(way, Way::Expression(ProblemKind::Arithmetic)));
}

/// `x | uper`.
pub fn unknown(context: &Context, findings: &mut Findings) {
    report(context, findings, |way| matches!(way, Way::Expression(ProblemKind::Unknown { .. })));
}

/// `parameters.limit | length`.
pub fn argument(context: &Context, findings: &mut Findings) {
    report(context, findings, |way| matches!(way, Way::Expression(ProblemKind::Argument)));
}

/// `when: parameters.hosts`.
pub fn condition(context: &Context, findings: &mut Findings) {
    report(context, findings, |way| *way == Way::Condition);
}

/// `cwd: "{{ parameters.hosts }}"`.
pub fn place(context: &Context, findings: &mut Findings) {
    report(context, findings, |way| matches!(way, Way::Place | Way::Expression(ProblemKind::None)));
}

/// `parameters.limit.bytes`.
pub fn lookup(context: &Context, findings: &mut Findings) {
    report(context, findings, |way| matches!(way, Way::Expression(ProblemKind::Lookup)));
}
