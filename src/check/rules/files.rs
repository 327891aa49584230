//! Files that the runbook names.

use super::{Findings, verbatim};
use crate::check::context::Context;

/// A template, source or statements file that cannot be read.
pub fn missing(context: &Context, findings: &mut Findings) {
    for (node, file) in &context.files {
        let Err(error) = &file.content else { continue };
        if context.text(*node).is_some_and(verbatim::has_template) {
            continue;
        }
        let shown = file.path.display();
        let message = if error.kind() == std::io::ErrorKind::NotFound {
            format!("there is no file `{shown}`")
        } else {
            format!("`{shown}` cannot be read: {error}")
        };
        findings.report(context.span(*node), message, "relative paths start at the runbook's folder");
    }
}

/// A template or statements file that is not UTF-8.
pub fn not_text(context: &Context, findings: &mut Findings) {
    for (node, file) in context.files.iter().filter(|(_, file)| file.is_text) {
        if file.content.as_ref().is_ok_and(|bytes| std::str::from_utf8(bytes).is_err()) {
            findings.report(
                context.span(*node),
                format!("`{}` is not text in UTF-8", file.path.display()),
                "save it as UTF-8, or name it as `source` to take it byte for byte",
            );
        }
    }
}
