//! Requests: a method, an address, names and numbers that there are.

use super::Findings;
use crate::check::context::Context;
use crate::check::document::TextOr;
use crate::check::document::action::Http;
use crate::check::tree::NodeId;

const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// What no server would be asked, or could answer.
pub fn malformed(context: &Context, findings: &mut Findings) {
    for step in context.sound() {
        let Some(fields) = &step.fields else { continue };
        if let (Some(http), Some(node)) = (&fields.http, context.field(step.node, "http")) {
            request(context, findings, node, http);
        }
        for probe in context.probes(step) {
            let Some(node) = context.field(probe.node, "http") else { continue };
            let Some(http) = &probe.fields.http else { continue };
            request(context, findings, node, http);
            if !crate::check::steps::only_looks(http) {
                let message = format!("a {} only looks, and this method may change something", probe.name);
                findings.report(context.field_span(node, "method"), message, "write `method: GET`, or remove it");
            }
        }
    }
}

fn request(context: &Context, findings: &mut Findings, node: NodeId, http: &TextOr<Http>) {
    let http = match http {
        TextOr::Text(url) => return address(context, findings, node, &url.0),
        TextOr::Fields(http) => http,
    };
    address(context, findings, context.field(node, "url").unwrap_or(node), &http.url.0);
    let method = http.method.as_ref().map_or("GET", |method| method.0.as_str());
    if !METHODS.contains(&method.to_ascii_uppercase().as_str()) && !method.contains("{{") {
        let message = format!("`{method}` is not a method of HTTP");
        findings.report(context.field_span(node, "method"), message, format!("write one of {}", METHODS.join(", ")));
    }
    let body = ["body", "json"].into_iter().filter(|key| context.field(node, key).is_some()).collect::<Vec<_>>();
    if body.len() > 1 {
        let span = context.entry_key_span(node, "json");
        findings.report(span, "`json` beside `body`: a request has one body", "keep one");
    } else if let Some(key) = body.first().filter(|_| matches!(method.to_ascii_uppercase().as_str(), "GET" | "HEAD")) {
        let span = context.entry_key_span(node, key);
        findings.report(span, format!("`{key}` on a request that sends nothing"), "add `method: POST`, or remove it");
    }
    headers(context, findings, node);
    let expect = context.field(node, "expect").and_then(|expect| context.field(expect, "status"));
    let statuses = http.expect.as_ref().and_then(|expect| expect.status.as_ref());
    if let (Some(span), Some(statuses)) = (expect, statuses)
        && let Some(status) = statuses.0.iter().find(|status| !(100..=599).contains(*status))
    {
        let message = format!("{status} is not a status of HTTP");
        findings.report(context.first_line(context.span(span)), message, "write a number from 100 to 599");
    }
}

/// A URL that is written out, as far as that can be told.
fn address(context: &Context, findings: &mut Findings, node: NodeId, url: &str) {
    if url.trim_start().starts_with("{{") {
        return;
    }
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let is_whole = rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['/', '?', '#', ':']));
    let literal = url.contains("{{") || !url.contains(char::is_whitespace);
    if !is_whole || !literal {
        let span = context.first_line(context.span(node));
        findings.report(span, "this is not a URL of http or https", "write all of it: https://host.example/path");
    }
}

fn headers(context: &Context, findings: &mut Findings, node: NodeId) {
    let entries = context.field(node, "headers").map(|headers| context.entries(headers)).unwrap_or_default();
    for entry in entries {
        let name = context.text(entry.key).unwrap_or_default();
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if name.is_empty() || !name.bytes().all(is_token) {
            let message = format!("`{name}` is not the name of a header");
            findings.report(context.span(entry.key), message, "write letters, digits and -, such as Content-Type");
        }
    }
}
