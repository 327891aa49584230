//! The document around the steps: what it declares, when it may run, who has to approve it.

use std::collections::BTreeMap;

use crate::check::document::{self as typed, Declaration, Document, OneOrMore, Secret, Text};
use crate::check::duration;
use crate::model::runbook::{
    Closes, Followup, Hosts, Opens, Parameter, Review, SecretSource, Target, Template, WallClock, Window,
};

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
pub(super) fn window(document: &Document) -> Option<Option<Window>> {
    let Some(window) = &document.window else { return Some(None) };
    let opens = match (window.opens.clone(), window.every.clone()) {
        (Some(moment), _) => Opens::At(WallClock(moment.0)),
        (None, Some(every)) => Opens::Every(every.0),
        (None, None) => return None,
    };
    let closes = match (window.closes.clone(), &window.duration) {
        (Some(moment), _) => Closes::At(WallClock(moment.0)),
        (None, Some(Text(length))) => Closes::After(duration::parse(length).ok()?),
        (None, None) => return None,
    };
    Some(Some(Window { opens, closes, overrun: window.overrun.unwrap_or_default() }))
}

pub(super) fn review(review: &typed::Review) -> Review {
    Review {
        deadline: review.deadline.clone().map(|moment| WallClock(moment.0)),
        approvals: review.approvals.unwrap_or(1),
        approvers: review.approvers.iter().cloned().map(text).collect(),
        allow_self: review.allow_self.unwrap_or(false),
    }
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
