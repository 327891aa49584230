//! The items of a loop, where they are known now.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::expression::render::Context;
use crate::expression::{ExpressionError, Scope, render, render_text, render_value};
use crate::model::flow::{Items, Loop, Serial};
use crate::model::runbook::{Hosts, Target};

/// One item, and what stands in brackets after the names of its steps.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Item {
    pub label: String,
    pub value: Value,
}

/// The items in their order.
pub(super) fn items(each: &Loop, scope: &Scope, context: &Context<'_>) -> Result<Vec<Item>, ExpressionError> {
    let values = match &each.items {
        Items::List(items) => items.iter().map(|item| render_value(item, scope)).collect::<Result<_, _>>()?,
        Items::Template(template) => list(&template.0, scope)?,
        Items::Hosts(target) => match context.targets.get(target) {
            Some(Target::Hosts { hosts: Hosts::List(hosts), .. }) => {
                hosts.iter().map(|host| render_text(&host.0, scope).map(Value::from)).collect::<Result<_, _>>()?
            }
            Some(Target::Hosts { hosts: Hosts::Template(hosts), .. }) => list(&hosts.0, scope)?,
            _ => return Err(ExpressionError::failed(target, "there is no target of this name with hosts")),
        },
    };
    let items = labelled(values);
    let mut labels = BTreeSet::new();
    match items.iter().find(|item| !labels.insert(&item.label)) {
        None => Ok(items),
        Some(item) => {
            let message = format!("two items are called {}, so their records could not be told apart", item.label);
            Err(ExpressionError::failed(&written(each), message))
        }
    }
}

fn list(template: &str, scope: &Scope) -> Result<Vec<Value>, ExpressionError> {
    match render(template, scope)? {
        Value::Array(items) => Ok(items),
        _ => Err(ExpressionError::failed(template, "this is not a list")),
    }
}

/// A text is its own label, a mapping has its `name`, anything else its number.
fn labelled(values: Vec<Value>) -> Vec<Item> {
    let label = |at: usize, value: &Value| {
        let text = value.as_str().or_else(|| value.get("name").and_then(Value::as_str));
        text.map_or_else(|| (at + 1).to_string(), str::to_owned)
    };
    values.into_iter().enumerate().map(|(at, value)| Item { label: label(at, &value), value }).collect()
}

/// What a loop goes over, as it is written.
pub(super) fn written(each: &Loop) -> String {
    match &each.items {
        Items::List(items) => items.iter().map(super::look::shown).collect::<Vec<_>>().join(", "),
        Items::Template(template) => template.0.clone(),
        Items::Hosts(target) => format!("the hosts of {target}"),
    }
}

/// How many at a time.
pub(super) fn at_a_time(serial: Serial) -> String {
    match serial {
        Serial::Count(1) => "one after the other".to_owned(),
        Serial::Count(count) => format!("{count} at a time"),
        Serial::Percent(share) => format!("{share}% of them at a time"),
    }
}
