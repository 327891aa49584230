//! Requests: what of them goes together.

use super::Findings;
use crate::check::context::Context;
use crate::check::document::TextOr;
use crate::check::document::action::Http;
use crate::check::steps::only_looks;
use crate::check::tree::NodeId;

/// A request with two bodies, with one that its method does not send, with a header that cannot be, or a probe that
/// does not only look.
pub fn contradictory(context: &Context, findings: &mut Findings) {
    for step in context.sound() {
        let Some(fields) = &step.fields else { continue };
        if let (Some(http), Some(node)) = (&fields.http, context.field(step.node, "http")) {
            request(context, findings, node, http);
        }
        for probe in context.probes(step) {
            let Some(node) = context.field(probe.node, "http") else { continue };
            let Some(http) = &probe.fields.http else { continue };
            request(context, findings, node, http);
            if !only_looks(http) {
                let message = format!("a {} only looks, and this method may change something", probe.name);
                findings.report(context.field_span(node, "method"), message, "write `method: GET`, or remove it");
            }
        }
    }
}

fn request(context: &Context, findings: &mut Findings, node: NodeId, http: &TextOr<Http>) {
    let mut bodies = ["body", "json"].into_iter().filter(|key| context.field(node, key).is_some());
    match (bodies.next(), bodies.next()) {
        (Some(first), Some(second)) => {
            let span = context.entry_key_span(node, second);
            findings.report(span, format!("`{second}` beside `{first}`: a request has one body"), "keep one");
        }
        (Some(key), None) if only_looks(http) => {
            let span = context.entry_key_span(node, key);
            findings.report(
                span,
                format!("`{key}` on a request that sends nothing"),
                "add `method: POST`, or remove it",
            );
        }
        _ => {}
    }
    let headers = context.field(node, "headers").map(|headers| context.entries(headers)).unwrap_or_default();
    for entry in headers {
        let name = context.text(entry.key).unwrap_or_default();
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if name.is_empty() || !name.bytes().all(is_token) {
            let message = format!("`{name}` is not the name of a header");
            findings.report(context.span(entry.key), message, "write letters, digits and -, such as Content-Type");
        }
    }
}
