//! The document around the steps: what it declares, when it may run, who has to approve it.

use std::collections::BTreeMap;

use crate::check::context::Context;
use crate::check::document::{self as typed, Declaration, Document, OneOrMore, Secret, Text};
use crate::check::window;
use crate::expression::duration;
use crate::model::runbook::{Followup, Hosts, Parameter, Review, SecretSource, Target, Template};
use crate::model::window::Window;

pub(super) fn text(text: Text) -> String {
    text.0
}

pub(super) fn named<T, R>(from: &BTreeMap<String, T>, make: fn(&T) -> Option<R>) -> Option<BTreeMap<String, R>> {
    from.iter().map(|(name, value)| Some((name.clone(), make(value)?))).collect()
}

/// A declaration with nothing left to be said.
#[must_use]
pub fn parameter(declared: &Declaration) -> Parameter {
    Parameter {
        kind: declared.kind,
        items: declared.items,
        default: declared.default.clone(),
        description: declared.description.clone().map(text),
        choices: declared.choices.clone(),
        pattern: declared.pattern.clone(),
        minimum: declared.minimum,
        maximum: declared.maximum,
    }
}

pub(super) fn secret(secret: &Secret) -> Option<SecretSource> {
    let env = secret.env.clone().map(SecretSource::Env);
    let file = secret.file.clone().map(SecretSource::File);
    let command = secret.command.clone().map(|argv| SecretSource::Command(argv.into_iter().map(text).collect()));
    env.or(file).or(command)
}

pub(super) fn target(target: &typed::Target) -> Option<Target> {
    let template = |text: &Text| Template(text.0.clone());
    if let Some(connection) = target.postgres.clone() {
        let password = target.password.clone().map(Template);
        return Some(Target::Postgres { connection: Template(connection), password });
    }
    let hosts = match target.hosts.clone()? {
        OneOrMore::One(hosts) => Hosts::Template(Template(hosts)),
        OneOrMore::More(hosts) => Hosts::List(hosts.into_iter().map(Template).collect()),
    };
    let user = target.user.as_ref().map(template);
    Some(Target::Hosts { hosts, user, r#become: target.r#become.as_ref().map(template) })
}

/// When the document may run; the outer `None` where it does not say that in full.
#[expect(clippy::option_option, reason = "the inner one is a document without a window")]
pub(super) fn window(context: &Context, document: &Document) -> Option<Option<Window>> {
    document.window.as_ref().map_or(Some(None), |_| window::resolve(context).map(Some))
}

pub(super) fn review(context: &Context, review: &typed::Review) -> Option<Review> {
    let deadline = context.field(context.root, "review").and_then(|node| context.field(node, "deadline"));
    let deadline = match deadline {
        Some(node) => Some(window::instant(context, node)?),
        None => None,
    };
    Some(Review {
        deadline,
        approvals: review.approvals.unwrap_or(1),
        approvers: review.approvers.iter().cloned().map(text).collect(),
        allow_self: review.allow_self.unwrap_or(false),
    })
}

pub(super) fn followup(followup: &typed::Followup) -> Option<Followup> {
    Some(Followup {
        due: duration::parse(&followup.due.0).ok()?,
        title: followup.title.0.clone(),
        owner: followup.owner.clone().map(text),
    })
}

/// Permission bits from octal digits; `None` where it is something else.
#[must_use]
pub fn mode(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("0o").unwrap_or(text);
    let octal = !digits.is_empty() && digits.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
    u32::from_str_radix(digits, 8).ok().filter(|mode| octal && *mode <= 0o7777)
}
