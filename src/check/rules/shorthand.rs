//! What to type where a short form of an action or probe was written that the format does not have.

use std::collections::HashMap;

use crate::check::context::Context;
use crate::check::tree::NodeId;

/// Keys of steps, with their shape: what a text or a single value there was meant for.
const LONG: [(&str, &str); 9] = [
    ("assert", "[{ that: …, message: … }]"),
    ("check", "{ shell: …, timeout: … }"),
    ("command", "[program, argument]"),
    ("confirm", "{ message: … }"),
    ("file", "{ path: …, content: … }"),
    ("manual", "{ instructions: … }"),
    ("preconditions", "[{ shell: …, timeout: … }]"),
    ("runbook", "{ path: … }"),
    ("verify", "{ shell: …, timeout: … }"),
];

/// The long forms, by the value that stands in place of one, or by an item of it.
#[derive(Debug)]
pub struct Shorthand(HashMap<NodeId, (&'static str, &'static str)>);

impl Shorthand {
    /// Those of all steps.
    pub fn of(context: &Context) -> Self {
        let entries = context.steps.iter().flat_map(|step| context.entries(step.node));
        let known = entries.filter_map(|entry| {
            let name = context.text(entry.key)?;
            Some((entry.value, *LONG.iter().find(|(key, _)| *key == name)?))
        });
        let with_items = known.flat_map(|(value, long)| {
            let items = context.tree.items(value).iter().filter(|_| long.1.starts_with("[{"));
            std::iter::once((value, long)).chain(items.map(move |item| (*item, long)))
        });
        Self(with_items.collect())
    }

    /// What to type instead of a text that is no list and no mapping.
    pub fn help(&self, context: &Context, node: NodeId) -> Option<String> {
        context.text(node)?;
        let (key, shape) = self.0.get(&node)?;
        Some(format!("write `{key}: {shape}`"))
    }
}
