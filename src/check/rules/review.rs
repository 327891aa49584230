//! Who approves, by when, and whether there are enough of them.

use std::collections::{BTreeMap, BTreeSet};

use super::Findings;
use crate::check::context::Context;
use crate::check::suggest;
use crate::check::tree::{Kind as NodeKind, NodeId};
use crate::check::window::{instant, part};

/// A review that ends when the work may already have begun.
pub fn late_deadline(context: &Context, findings: &mut Findings) {
    let Some(deadline) = review(context, "deadline") else { return };
    let Some(opens) = part(context, "opens") else { return };
    let (Some(until), Some(from)) = (instant(context, deadline), instant(context, opens)) else { return };
    if until > from {
        findings.report_with(
            context.span(deadline),
            "the review ends after the window opens",
            "write a deadline before the window opens, so that there is time to answer what the review finds",
            (context.span(opens), "the window opens here"),
        );
    }
}

fn review(context: &Context, key: &str) -> Option<NodeId> {
    context.field(context.field(context.root, "review")?, key)
}

/// More approvals than there are people to give them, or none.
pub fn unreachable_approvals(context: &Context, findings: &mut Findings) {
    let Some(document) = context.document.as_ref().and_then(|document| document.review.as_ref()) else { return };
    let wanted = review(context, "approvals").zip(document.approvals);
    if let Some((node, 0)) = wanted {
        let help = "write how many people have to approve, or remove the review";
        findings.report(context.span(node), "a review without an approval is none", help);
        return;
    }
    let Some(approvers) = review(context, "approvers").filter(|node| is_list(context, *node)) else { return };
    if context.items(approvers).is_empty() {
        let help = "name them, or remove `approvers`: then everybody in the file of allowed signers may approve";
        findings.report(context.first_line(context.span(approvers)), "nobody may approve", help);
        return;
    }
    let (Some(people), Some((node, wanted))) = (people(context, approvers), wanted) else { return };
    let there = u32::try_from(people.len()).unwrap_or(u32::MAX);
    if wanted > there && there > 0 {
        let names: Vec<&str> = people.into_iter().collect();
        let who = if there == 1 { "one person".to_owned() } else { format!("{there} people") };
        findings.report_with(
            context.span(node),
            format!("{wanted} approvals are needed, and only {who} may approve: {}", names.join(", ")),
            format!("name more approvers, or write `approvals: {there}`"),
            (context.first_line(context.span(approvers)), "they may approve"),
        );
    }
}

fn is_list(context: &Context, node: NodeId) -> bool {
    matches!(context.tree.node(node).kind, NodeKind::Sequence(_))
}

/// The people that a list names, its groups opened. `None` where a group is not known or has nobody in it.
fn people<'c>(context: &'c Context, list: NodeId) -> Option<BTreeSet<&'c str>> {
    let groups = groups(context);
    let mut found = BTreeSet::new();
    let mut opened = BTreeSet::new();
    let mut open: Vec<NodeId> = context.items(list).to_vec();
    while let Some(node) = open.pop() {
        let name = context.text(node)?;
        match name.strip_prefix('@') {
            None => {
                found.insert(name);
            }
            Some(group) if opened.insert(group) => {
                let members = context.items(*groups.get(group)?);
                open.extend(Some(members).filter(|members| !members.is_empty())?);
            }
            Some(_) => {}
        }
    }
    Some(found)
}

/// The members of each group.
fn groups<'c>(context: &'c Context) -> BTreeMap<&'c str, NodeId> {
    let entries = context.field(context.root, "groups").map(|node| context.entries(node)).unwrap_or_default();
    entries.iter().filter_map(|entry| Some((context.text(entry.key)?, entry.value))).collect()
}

/// Every value that names people or groups: approvers, who may answer a question, the members of groups.
fn naming(context: &Context) -> Vec<NodeId> {
    let questions = context.steps.iter().filter_map(|step| context.field(context.field(step.node, "confirm")?, "by"));
    let mut lists: Vec<NodeId> = review(context, "approvers").into_iter().chain(questions).collect();
    lists.extend(groups(context).into_values());
    let single = lists.iter().copied().filter(|list| context.text(*list).is_some());
    let several = lists.iter().flat_map(|list| context.items(*list)).copied();
    single.chain(several).collect()
}

/// A group that is not declared, or is named as if it were a person.
pub fn unknown_group(context: &Context, findings: &mut Findings) {
    if context.is_misspelt("groups") {
        return;
    }
    let groups = groups(context);
    for node in naming(context) {
        let Some(text) = context.text(node) else { continue };
        match text.strip_prefix('@') {
            Some(group) if !groups.contains_key(group) => {
                let help = suggest::nearest(group, groups.keys().copied());
                let help = help.map_or_else(
                    || suggest::help(group, groups.keys().copied(), "groups"),
                    |near| format!("did you mean `\"@{near}\"`?"),
                );
                findings.report(context.span(node), format!("there is no group `{group}`"), help);
            }
            None if groups.contains_key(text) => {
                findings.report(
                    context.span(node),
                    format!("`{text}` is a group, and stands here for a person"),
                    format!("write \"@{text}\" for everybody in it"),
                );
            }
            Some(_) | None => {}
        }
    }
}

/// A group that nobody is in, or that is in itself.
pub fn hollow_group(context: &Context, findings: &mut Findings) {
    let groups = groups(context);
    let Some(declared) = context.field(context.root, "groups") else { return };
    let mut circles: Vec<&str> = Vec::new();
    for entry in context.entries(declared) {
        let Some(name) = context.text(entry.key) else { continue };
        let members = context.items(entry.value);
        if is_list(context, entry.value) && members.is_empty() {
            findings.report(
                context.span(entry.key),
                format!("nobody is in the group `{name}`"),
                format!("name the people: `{name}: [ana@example.org, ben@example.org]`"),
            );
        }
        let leading_to = |group: &str| members.iter().find(|member| leads_to(context, &groups, **member, group));
        let Some(member) = leading_to(name) else { continue };
        // A circle of several groups is one mistake.
        if !circles.iter().any(|other: &&str| leading_to(other).is_some()) {
            let help = "name the people who are in it";
            findings.report(context.span(*member), format!("the group `{name}` is in itself"), help);
        }
        circles.push(name);
    }
}

/// Whether a member is a group in which that group is, by however many steps.
fn leads_to(context: &Context, groups: &BTreeMap<&str, NodeId>, member: NodeId, wanted: &str) -> bool {
    let mut opened = BTreeSet::new();
    let mut open = vec![member];
    while let Some(node) = open.pop() {
        let Some(group) = context.text(node).and_then(|text| text.strip_prefix('@')) else { continue };
        if group == wanted {
            return true;
        }
        if let Some(list) = groups.get(group).filter(|_| opened.insert(group)) {
            open.extend(context.items(*list));
        }
    }
    false
}
