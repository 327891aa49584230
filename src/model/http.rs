//! One request and what is wanted of its response.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::runbook::Template;

/// One request, sent from where exec runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HttpAction {
    /// In capitals.
    pub method: String,
    /// Where to.
    pub url: Template,
    /// Templates or plain values by name.
    pub headers: BTreeMap<String, Value>,
    /// What is sent with it.
    pub body: Option<HttpBody>,
    /// What the response has to be.
    pub expect: HttpExpect,
    /// A file of certificates to trust, in place of the system's.
    pub ca: Option<Template>,
    /// A file with the own certificate.
    pub cert: Option<Template>,
    /// A file with its key.
    pub key: Option<Template>,
}

/// What is sent with a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HttpBody {
    /// As it is.
    Text(Template),
    /// As JSON; its texts are templates.
    Json(Value),
}

impl HttpAction {
    /// Whether its method only looks, and may be followed to another place of the same origin.
    #[must_use]
    pub fn only_looks(&self) -> bool {
        ["GET", "HEAD"].contains(&self.method.as_str())
    }
}

/// What a response has to be.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct HttpExpect {
    /// One of these, any 2xx when empty.
    pub status: Vec<u16>,
    /// Regular expression, searched for in the body.
    pub body: Option<Template>,
    /// What the body's JSON has to contain.
    pub json: Option<Value>,
}
