//! What of a response is not as wanted.

use regex::Regex;
use serde_json::Value;

use super::exchange::{Answer, KEPT};
use crate::model::call::HttpWanted;
use crate::model::result::{Failure, FailureKind};

/// What a response has to be, ready to be compared.
#[derive(Debug, Clone)]
pub struct Wanted {
    status: Vec<u16>,
    body: Option<Regex>,
    json: Option<Value>,
}

impl Wanted {
    /// Reads what is wanted.
    ///
    /// # Errors
    ///
    /// Where the pattern, with its values, is none.
    pub fn read(wanted: &HttpWanted) -> Result<Self, Failure> {
        let pattern =
            |pattern: &String| Regex::new(pattern).map_err(|error| Failure::of(FailureKind::Expression, &error));
        let body = wanted.body.as_ref().map(pattern).transpose()?;
        Ok(Self { status: wanted.status.clone(), body, json: wanted.json.clone() })
    }

    /// Whether a status is one that is wanted.
    #[must_use]
    pub fn has(&self, status: u16) -> bool {
        if self.status.is_empty() { (200..300).contains(&status) } else { self.status.contains(&status) }
    }

    /// The first thing that differs, in one sentence; `None` where all is as wanted. What the body has is not shown where
    /// it is sensitive.
    #[must_use]
    pub fn unmet(&self, answer: &Answer, sensitive: bool) -> Option<String> {
        let status = answer.status;
        if !self.has(status) {
            let wanted = match self.status.as_slice() {
                [] => "2xx".to_owned(),
                some => some.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or "),
            };
            return Some(format!("status {status}, {wanted} was wanted"));
        }
        if let Some(pattern) = &self.body
            && !pattern.is_match(&String::from_utf8_lossy(&answer.body))
        {
            return Some(format!("status {status}, but the body does not match `{pattern}`{}", cut(answer)));
        }
        let wanted = self.json.as_ref()?;
        match serde_json::from_slice::<Value>(&answer.body) {
            Err(_) => Some(format!("status {status}, but the body is not JSON{}", cut(answer))),
            Ok(found) => missing(wanted, &found, "").map(|what| {
                let what = if sensitive { "something is not as wanted" } else { &what };
                format!("status {status}, but in the body's JSON {what}")
            }),
        }
    }
}

fn cut(answer: &Answer) -> String {
    if answer.bytes > answer.body.len() as u64 {
        format!(" in its first {KEPT} bytes of {}", answer.bytes)
    } else {
        String::new()
    }
}

/// Where `found` does not contain `wanted`. A mapping contains one with fewer keys; a list has as many items, each of
/// which contains its counterpart; numbers are compared by value; anything else has to be the same.
fn missing(wanted: &Value, found: &Value, at: &str) -> Option<String> {
    let place = || if at.is_empty() { "the whole".to_owned() } else { format!("`{at}`") };
    match (wanted, found) {
        (Value::Object(wanted), Value::Object(found)) => wanted.iter().find_map(|(key, value)| {
            let below = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
            match found.get(key) {
                Some(found) => missing(value, found, &below),
                None => Some(format!("there is no `{below}`")),
            }
        }),
        (Value::Array(wanted), Value::Array(found)) if wanted.len() == found.len() => {
            let pairs = wanted.iter().zip(found).enumerate();
            pairs.into_iter().find_map(|(index, (wanted, found))| missing(wanted, found, &format!("{at}[{index}]")))
        }
        (Value::Array(wanted), Value::Array(found)) => {
            Some(format!("{} has {} items, {} were wanted", place(), found.len(), wanted.len()))
        }
        (wanted, found) if wanted == found => None,
        (Value::Number(wanted), Value::Number(found))
            if (wanted.is_f64() || found.is_f64()) && wanted.as_f64() == found.as_f64() =>
        {
            None
        }
        (wanted, found) => Some(format!("{} is {}, {} was wanted", place(), short(found), short(wanted))),
    }
}

fn short(value: &Value) -> String {
    match value {
        Value::Object(_) => "a mapping".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        plain => {
            let text = plain.to_string();
            if text.chars().count() > 60 { text.chars().take(60).collect::<String>() + "…" } else { text }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn unmet(wanted: &HttpWanted, status: u16, body: &str) -> Option<String> {
        let answer = Answer {
            status,
            headers: std::collections::BTreeMap::new(),
            location: None,
            body: body.as_bytes().to_vec(),
            bytes: body.len() as u64,
            sha256: String::new(),
        };
        Wanted::read(wanted).unwrap().unmet(&answer, false)
    }

    fn json_of(wanted: Value, body: &str) -> String {
        unmet(&HttpWanted { json: Some(wanted), ..HttpWanted::default() }, 200, body).unwrap_or_default()
    }

    #[test]
    fn a_status_is_any_2xx_or_one_of_those_that_are_said() {
        assert_eq!(unmet(&HttpWanted::default(), 204, ""), None);
        assert_eq!(unmet(&HttpWanted::default(), 304, "").unwrap(), "status 304, 2xx was wanted");
        let some = |status| HttpWanted { status, ..HttpWanted::default() };
        assert_eq!(unmet(&some(vec![404, 410]), 410, ""), None);
        assert_eq!(unmet(&some(vec![404, 410]), 200, "").unwrap(), "status 200, 404 or 410 was wanted");
    }

    #[test]
    fn a_body_is_searched() {
        let wanted = || HttpWanted { body: Some("^ok$".to_owned()), ..HttpWanted::default() };
        assert_eq!(unmet(&wanted(), 200, "ok"), None);
        assert_eq!(unmet(&wanted(), 200, "not ok").unwrap(), "status 200, but the body does not match `^ok$`");
        assert!(Wanted::read(&HttpWanted { body: Some("(".to_owned()), ..HttpWanted::default() }).is_err());
    }

    #[test]
    fn json_contains_what_is_wanted_or_says_where_it_does_not() {
        let body =
            r#"{"role": "leader", "lag": 0, "parts": [{"id": 1, "ok": true}, {"id": 2, "ok": false}], "none": null}"#;
        for wanted in [
            json!({}),
            json!({ "role": "leader" }),
            json!({ "lag": 0.0, "none": null }),
            json!({ "parts": [{ "ok": true }, { "id": 2 }] }),
        ] {
            assert_eq!(json_of(wanted, body), "");
        }
        for (wanted, said) in [
            (json!({ "role": "replica" }), "`role` is \"leader\", \"replica\" was wanted"),
            (json!({ "lag": "0" }), "`lag` is 0, \"0\" was wanted"),
            (json!({ "gone": 1 }), "there is no `gone`"),
            (json!({ "parts": [{ "ok": true }] }), "`parts` has 2 items, 1 were wanted"),
            (json!({ "parts": [{ "ok": true }, { "ok": true }] }), "`parts[1].ok` is false, true was wanted"),
            (json!([]), "the whole is a mapping, a list was wanted"),
        ] {
            assert_eq!(json_of(wanted, body), format!("status 200, but in the body's JSON {said}"));
        }
        assert_eq!(json_of(json!({}), "<html>"), "status 200, but the body is not JSON");
    }
}
