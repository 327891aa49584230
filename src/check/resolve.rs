//! The document as it is typed into the runbook that is run: defaults applied, inherited fields filled in, files read.
//!
//! Only for a document without errors. Nothing is looked up here that a rule has not found to be there; where that
//! does not hold there is no runbook.

mod action;
mod part;
mod step;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::context::Context;
use super::document::{Choice, Declaration, Document, Secret, Text};
use super::duration;
use super::steps::{Part, Role};
use crate::model::runbook::{Expression, Followup, Hook, Parameter, Runbook, SecretSource, Target, Template};
use crate::model::step::{OnFailure, Step};

/// The runbook that a document without errors describes. `folder` is absolute.
#[must_use]
pub fn runbook(context: &Context, folder: &Path) -> Option<Runbook> {
    let document = context.document.as_ref()?;
    let resolver = Resolver::new(context, document);
    Some(Runbook {
        name: document.name.clone(),
        title: document.title.clone().map(text),
        description: document.description.clone(),
        owner: document.owner.clone().map(text),
        links: document.links.iter().cloned().map(text).collect(),
        folder: folder.to_string_lossy().into_owned(),
        parameters: document.parameters.iter().map(|(name, declared)| (name.clone(), parameter(declared))).collect(),
        vars: document.vars.clone(),
        secrets: named(&document.secrets, secret)?,
        targets: named(&document.targets, target)?,
        steps: resolver.forward()?,
        hooks: resolver.hooks()?,
        followups: document.followups.iter().map(followup).collect::<Option<_>>()?,
    })
}

fn text(text: Text) -> String {
    text.0
}

fn named<T, R>(from: &BTreeMap<String, T>, make: fn(&T) -> Option<R>) -> Option<BTreeMap<String, R>> {
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

fn secret(secret: &Secret) -> Option<SecretSource> {
    let env = secret.env.clone().map(SecretSource::Env);
    let file = secret.file.clone().map(SecretSource::File);
    let command = secret.command.clone().map(|argv| SecretSource::Command(argv.into_iter().map(text).collect()));
    env.or(file).or(command)
}

fn target(target: &super::document::Target) -> Option<Target> {
    let connection = Template(target.postgres.clone()?);
    Some(Target::Postgres { connection, password: target.password.clone().map(Template) })
}

fn followup(followup: &super::document::Followup) -> Option<Followup> {
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

/// What a step takes from what it stands in: its groups, or the step that it undoes.
#[derive(Debug, Clone, Default)]
struct Inherited {
    when: Vec<Expression>,
    target: Option<String>,
    env: BTreeMap<String, Value>,
    cwd: Option<Template>,
    variables: BTreeMap<String, Value>,
    database: Option<Template>,
    on_failure: Option<OnFailure>,
}

impl Inherited {
    /// The same for what stands in a part with that target and surroundings: its own wins.
    fn within(&self, target: Option<&String>, env: Option<&BTreeMap<String, Value>>) -> Self {
        let mut inner = self.clone();
        if let Some(target) = target {
            inner.target = Some(target.clone());
            inner.cwd = None;
        }
        inner.env.extend(env.into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())));
        inner
    }
}

struct Resolver<'c> {
    context: &'c Context<'c>,
    default_timeout: Option<Duration>,
    default_on_failure: OnFailure,
    /// The members of each step that is a group.
    members: Vec<Vec<usize>>,
    /// The steps that undo each step.
    undo: Vec<Vec<usize>>,
}

impl<'c> Resolver<'c> {
    fn new(context: &'c Context<'c>, document: &Document) -> Self {
        let mut members = vec![Vec::new(); context.steps.len()];
        let mut undo = members.clone();
        for (at, step) in context.steps.iter().enumerate() {
            match (step.parent, step.role) {
                (Some(parent), _) => members[parent].push(at),
                (None, Role::Part(Part::Undo, undone)) => undo[undone].push(at),
                (None, _) => {}
            }
        }
        let default_timeout = document.defaults.timeout.as_ref().and_then(|text| duration::parse(&text.0).ok());
        let default_on_failure = word(document.defaults.on_failure).unwrap_or(OnFailure::Stop);
        Self { context, default_timeout, default_on_failure, members, undo }
    }

    fn top(&self, role: Role) -> Vec<usize> {
        let steps = self.context.steps.iter().enumerate();
        steps.filter(|(_, step)| step.role == role && step.parent.is_none()).map(|(at, _)| at).collect()
    }

    fn forward(&self) -> Option<Vec<Step>> {
        self.top(Role::Forward).into_iter().map(|at| self.step(at, &Inherited::default())).collect()
    }

    fn hooks(&self) -> Option<BTreeMap<Hook, Vec<Step>>> {
        let mut hooks = BTreeMap::new();
        for hook in [Hook::OnStart, Hook::OnSuccess, Hook::OnFailure, Hook::OnRollback, Hook::Always] {
            let steps = self.top(Role::Hook(hook));
            if !steps.is_empty() {
                hooks.insert(hook, self.flat(&steps, &Inherited::default(), "")?);
            }
        }
        Some(hooks)
    }

    /// Steps with their groups opened. Those without an id are given one of the prefix.
    fn flat(&self, steps: &[usize], inherited: &Inherited, prefix: &str) -> Option<Vec<Step>> {
        let mut flat = Vec::new();
        for at in steps {
            self.open(*at, inherited, &mut flat)?;
        }
        for (number, step) in flat.iter_mut().enumerate().filter(|(_, step)| step.id.is_empty()) {
            step.id = format!("{prefix}.undo{number}");
        }
        Some(flat)
    }

    fn open(&self, at: usize, inherited: &Inherited, flat: &mut Vec<Step>) -> Option<()> {
        if self.members[at].is_empty() {
            flat.push(self.step(at, inherited)?);
            return Some(());
        }
        let inner = self.inherited_by_members(at, inherited)?;
        self.members[at].iter().try_for_each(|member| self.open(*member, &inner, flat))
    }
}

const fn word(choice: Option<Choice>) -> Option<OnFailure> {
    match choice {
        Some(Choice::Word(word)) => Some(word),
        _ => None,
    }
}
