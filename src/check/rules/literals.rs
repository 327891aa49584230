//! Texts in a language of their own: URLs, patterns of file names, what HTTP calls methods and states.
//!
//! Regular expressions are in `parts`, file modes in `shape`.

use super::Findings;
use crate::check::context::Context;
use crate::check::tree::NodeId;

const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// Every `http`, in steps and in what they ask.
fn requests(context: &Context) -> Vec<NodeId> {
    let steps = context.steps.iter().map(|step| step.node);
    let asked = context.steps.iter().flat_map(|step| context.questions(step.node)).map(|(_, node)| node);
    steps.chain(asked).filter_map(|node| context.field(node, "http")).collect()
}

/// What no request can be sent to, and a link that leads nowhere.
pub fn urls(context: &Context, findings: &mut Findings) {
    let mut found: Vec<(NodeId, bool)> = Vec::new();
    for http in requests(context) {
        let url = if context.text(http).is_some() { Some(http) } else { context.field(http, "url") };
        found.extend(url.map(|url| (url, true)));
    }
    let links = context.field(context.root, "links").map(|links| context.items(links)).unwrap_or_default();
    found.extend(links.iter().map(|link| (*link, false)));
    for (node, requested) in found {
        let Some(text) = context.text(node) else { continue };
        if let Err(why) = url(text, requested) {
            findings.report(
                context.first_line(context.span(node)),
                format!("this is not a URL{}: {why}", if requested { " of a request" } else { "" }),
                "write it whole, such as https://host.example/path",
            );
        }
    }
}

/// Whether a text, as far as it is no template, can be a URL; of a request it is one of HTTP.
fn url(text: &str, requested: bool) -> Result<(), String> {
    let known = text.split("{{").next().unwrap_or_default();
    let templated = known.len() < text.len();
    if templated && known.is_empty() {
        return Ok(());
    }
    if outside_templates(text).chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("there is a space in it".to_owned());
    }
    let unclear =
        if requested { "it begins with neither `https://` nor `http://`" } else { "it does not say how to get there" };
    let Some((scheme, rest)) = known.split_once(':') else {
        return if templated { Ok(()) } else { Err(unclear.to_owned()) };
    };
    let web = ["http", "https"].contains(&scheme.to_ascii_lowercase().as_str());
    let is_scheme = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    if requested && !web {
        return Err(unclear.to_owned());
    }
    if !web {
        let named = scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && scheme.chars().all(is_scheme);
        return if named && !rest.is_empty() { Ok(()) } else { Err(unclear.to_owned()) };
    }
    let Some(rest) = rest.strip_prefix("//") else {
        return Err(format!("after `{scheme}:` come two slashes"));
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    // A host that a template gives, or ends, is not known yet.
    if templated && authority.len() == rest.len() { Ok(()) } else { host(authority) }
}

fn host(authority: &str) -> Result<(), String> {
    let place = authority.rsplit('@').next().unwrap_or_default();
    let (name, port) = match place.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) if address.parse::<std::net::Ipv6Addr>().is_err() => {
            return Err(format!("`[{address}]{port}` is not an address"));
        }
        Some((address, port)) => (address, port.strip_prefix(':')),
        None => place.split_once(':').map_or((place, None), |(name, port)| (name, Some(port))),
    };
    if name.is_empty() {
        return Err("there is no host in it".to_owned());
    }
    if let Some(bad) = name.chars().find(|c| !c.is_alphanumeric() && !"-._:%".contains(*c)) {
        return Err(format!("a host has no `{bad}` in its name"));
    }
    match port {
        Some(port) if port.parse::<u16>().map_or(true, |port| port == 0) => Err(format!("`{port}` is not a port")),
        _ => Ok(()),
    }
}

fn outside_templates(text: &str) -> String {
    let mut parts = text.split("{{");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |known, part| known + part.split_once("}}").map_or("", |(_, after)| after))
}

/// A pattern of artifacts that no file name can be compared with.
pub fn file_patterns(context: &Context, findings: &mut Findings) {
    for step in &context.steps {
        let artifacts = context.field(step.node, "artifacts").map(|node| context.items(node)).unwrap_or_default();
        for node in artifacts {
            let Some(text) = context.text(*node) else { continue };
            let known = text.contains("{{").then(|| outside_templates(text));
            if let Err(error) = glob::Pattern::new(known.as_deref().unwrap_or(text)) {
                let span = context.first_line(context.span(*node));
                let message = format!("this is not a pattern of file names: {}", error.msg);
                let help =
                    "write `*` for a part of a name, `**` alone between slashes for folders, `[[]` for a bracket";
                findings.report(span, message, help);
            } else if text.is_empty() {
                findings.report(context.span(*node), "an empty pattern matches no file", "write a path, or remove it");
            }
        }
    }
}

/// A method that HTTP does not have, a status that no answer has.
pub fn http_words(context: &Context, findings: &mut Findings) {
    for http in requests(context) {
        if let Some(node) = context.field(http, "method").filter(|node| context.is_template(*node)) {
            findings.report(
                context.first_line(context.span(node)),
                "the method of a request cannot come from a template: what it does to its server would not be known",
                format!("write one of {}; two steps, each with its `when`, send one or the other", METHODS.join(", ")),
            );
        } else if let Some(node) = context.field(http, "method")
            && let Some(method) = context.text(node)
            && !METHODS.contains(&method.to_ascii_uppercase().as_str())
        {
            let message = format!("`{method}` is not a method of HTTP");
            findings.report(
                context.first_line(context.span(node)),
                message,
                format!("write one of {}", METHODS.join(", ")),
            );
        }
        let Some(status) = context.field(http, "expect").and_then(|expect| context.field(expect, "status")) else {
            continue;
        };
        for node in context.items(status).iter().copied().chain(context.text(status).map(|_| status)) {
            let number = context.text(node).and_then(|text| text.parse::<u16>().ok());
            if let Some(number) = number.filter(|number| !(100..600).contains(number)) {
                let message = format!("no answer has the status {number}");
                findings.report(context.span(node), message, "write a number from 100 to 599, such as 200");
            }
        }
    }
}
