//! Arbitrary text as a template and as an expression: its names found, and evaluated.

#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use runbook::expression::{Parsed, Scope, evaluate, render};
use serde_json::json;

fuzz_target!(|text: &str| {
    for is_template in [true, false] {
        if let Ok(parsed) = Parsed::new(text, is_template) {
            for name in parsed.names() {
                assert!(text.get(name.offset..name.end).is_some(), "{name:?} stands in the text");
            }
        }
    }
    let parameters = BTreeMap::from([
        ("host".to_owned(), json!("db-1")),
        ("hosts".to_owned(), json!(["a", "b"])),
        ("n".to_owned(), json!(3)),
    ]);
    let scope = Scope::new(&parameters, &BTreeMap::new());
    // Whatever it is, it ends, with a value or with words.
    evaluate(text, &scope).ok();
    render(text, &scope).ok();
});
