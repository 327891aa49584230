//! `# runbook: allow RB0507 <why>`: a warning that somebody has looked at, silenced on the line where it stands.
//!
//! The comment stands at the end of that line, or alone above it. An error is never silenced: the runbook could not
//! be run as it is.

use super::{Findings, RULES};
use crate::check::context::Context;
use crate::model::diagnostic::{Severity, Span};

struct Allowed<'c> {
    span: Span,
    code: &'c str,
    reason: &'c str,
}

fn allowed<'c>(context: &'c Context) -> impl Iterator<Item = Allowed<'c>> {
    context.tree.comments().iter().filter_map(|comment| {
        let rest = comment.text.trim().strip_prefix("runbook: allow")?.trim_start();
        let (code, reason) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        Some(Allowed { span: comment.span, code, reason: reason.trim() })
    })
}

fn is_warning(code: &str) -> bool {
    RULES.iter().any(|rule| rule.code == code && rule.severity == Severity::Warning)
}

/// One without a reason, or for what cannot be silenced.
pub fn without_effect(context: &Context, findings: &mut Findings) {
    for Allowed { span, code, reason } in allowed(context) {
        let rule = RULES.iter().find(|rule| rule.code == code);
        if rule.is_none() {
            let message = format!("there is no rule `{code}` to be silenced");
            findings.report(span, message, "write `# runbook: allow RB0507 <why>`");
        } else if !is_warning(code) {
            let message = format!("{code} is an error, and errors are not silenced");
            findings.report(span, message, "mend what it finds");
        } else if reason.is_empty() {
            let message = format!("{code} is silenced without a reason, so it is not");
            findings.report(span, message, format!("write `# runbook: allow {code} <why>`"));
        }
    }
}

/// Takes away what is silenced, and reports a comment that silences nothing. Comes last in the list.
pub fn useless(context: &Context, findings: &mut Findings) {
    let lines: Vec<&str> = context.source.text.lines().collect();
    for Allowed { span, code, reason } in allowed(context) {
        if reason.is_empty() || !is_warning(code) {
            continue;
        }
        let line = line_meant(&lines, context.source.line_column(span.start));
        let before = findings.found.len();
        findings.found.retain(|found| found.code != code || context.source.line_column(found.span.start).0 != line);
        if findings.found.len() == before {
            let message = format!("{code} is silenced here, and finds nothing");
            findings.report(span, message, "remove the comment, or put it on the line of the finding");
        }
    }
}

/// The line of the comment, or when nothing stands before it, the next one that is more than a comment.
fn line_meant(lines: &[&str], (line, column): (usize, usize)) -> usize {
    let before = lines.get(line - 1).map_or("", |text| text.get(..column - 1).unwrap_or(text));
    if !before.trim().is_empty() {
        return line;
    }
    let below = lines.iter().skip(line).position(|text| !text.trim().is_empty() && !text.trim().starts_with('#'));
    below.map_or(line, |further| line + 1 + further)
}
