//! A request as plan shows it: what would be sent, without anything that reads a secret.

use serde_json::Value;

use crate::expression::{Scope, reads_secret};
use crate::model::call::HttpCall;
use crate::model::http::{HttpAction, HttpBody};
use crate::model::step::Step;

/// How many lines of a body are shown.
const MOST_LINES: usize = 40;

/// The request in one line.
pub(super) fn line(call: &HttpCall) -> String {
    format!("{} {}", call.method, call.url)
}

/// Its headers and its body. A value that reads a secret is not shown, whatever it is made of; nor is the body of a
/// sensitive step.
pub(super) fn detail(step: &Step, action: &HttpAction, call: &HttpCall, scope: &Scope) -> Vec<String> {
    let header = |(name, value): (&String, &Value)| {
        let said = call.headers.get(name).filter(|_| !reads_secret(value, scope));
        format!("{name}: {}", said.map_or("(secret)", |said| said.0.as_str()))
    };
    let mut lines: Vec<String> = action.headers.iter().map(header).collect();
    let (Some(template), Some(body)) = (&action.body, &call.body) else { return lines };
    let hidden = match template {
        HttpBody::Text(text) => reads_secret(&Value::from(text.0.as_str()), scope),
        HttpBody::Json(value) => reads_secret(value, scope),
    };
    if hidden || step.sensitive {
        lines.push("a body that is not shown".to_owned());
        return lines;
    }
    let pretty =
        |body: &str| serde_json::from_str::<Value>(body).and_then(|value| serde_json::to_string_pretty(&value));
    let text = if call.is_json { pretty(&body.0).unwrap_or_else(|_| body.0.clone()) } else { body.0.clone() };
    let count = text.lines().count();
    lines.extend(text.lines().take(MOST_LINES).map(str::to_owned));
    if count > MOST_LINES {
        lines.push(format!("… {} more lines", count - MOST_LINES));
    }
    lines
}
