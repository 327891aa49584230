//! One step with everything filled in.

use std::time::Duration;

use super::{Inherited, Resolver, word};
use crate::check::document::Text;
use crate::check::document::step as document;
use crate::check::duration;
use crate::check::steps::{Kind, Role, StepAt};
use crate::model::runbook::{Expression, Template};
use crate::model::step::{Action, Effect, Probe, Retry, Step, Success, Undo, Until, WaitAction};

const DEFAULT_EVERY: Duration = Duration::from_secs(5);

/// A duration that a rule found to be one.
pub(super) fn time(text: Option<&Text>) -> Option<Duration> {
    text.and_then(|text| duration::parse(&text.0).ok())
}

pub(super) fn template(text: &Text) -> Template {
    Template(text.0.clone())
}

fn expression(text: &Text) -> Expression {
    Expression(text.0.clone())
}

pub(super) fn polling(until: Option<&Text>, every: Option<&Text>) -> Option<Until> {
    until.map(|that| Until { that: expression(that), every: time(every).unwrap_or(DEFAULT_EVERY) })
}

impl Resolver<'_> {
    /// What the members of a group take from it.
    pub(super) fn inherited_by_members(&self, at: usize, inherited: &Inherited) -> Option<Inherited> {
        let fields = self.context.steps[at].fields.as_ref()?;
        let mut inner = inherited.within(fields.target.as_ref(), fields.env.as_ref());
        inner.when.extend(fields.when.as_ref().map(expression));
        inner.on_failure = word(fields.on_failure).or(inherited.on_failure);
        Some(inner)
    }

    /// What the parts of a step take from it. `own` is what the step itself has, inherited fields included.
    fn inherited_by_parts(fields: &document::Step, inherited: &Inherited) -> Inherited {
        let mut own = inherited.within(fields.target.as_ref(), fields.env.as_ref());
        own.when.clear();
        own.on_failure = None;
        own.cwd = fields.cwd.as_ref().map(template).or(own.cwd);
        own.database = fields.database.as_ref().map(template).or(own.database);
        own.variables.extend(fields.variables.iter().flatten().map(|(name, value)| (name.clone(), value.clone())));
        own
    }

    pub(super) fn step(&self, at: usize, inherited: &Inherited) -> Option<Step> {
        let step = &self.context.steps[at];
        let fields = step.fields.as_ref()?;
        let own = Self::inherited_by_parts(fields, inherited);
        let action = self.action(at, &own, inherited)?;
        let timeout = self.timeout(step, fields);
        let effect = step.effect().unwrap_or(Effect::ReadOnly);
        let check = self.part(step, "check", fields.check.as_ref(), &own, timeout)?;
        let verify = self.part(step, "verify", fields.verify.as_ref(), &own, timeout)?;
        let verify = verify.or_else(|| check.clone().filter(|_| effect == Effect::Mutating));
        let when = fields.when.as_ref().map(expression);
        Some(Step {
            id: step.id.clone().unwrap_or_default(),
            name: fields.name.as_ref().map(template),
            line: self.context.source.line_column(self.context.span(step.node).start).0,
            when: inherited.when.iter().cloned().chain(when).collect(),
            preconditions: self.preconditions(step, fields, &own, timeout)?,
            check,
            estimate: estimate(fields, &action, timeout),
            action,
            verify,
            success: fields.success.as_ref().map(success).unwrap_or_default(),
            outputs: fields.outputs.clone().unwrap_or_default(),
            effect,
            timeout,
            retry: fields.retry.as_ref().map(retry).unwrap_or_default(),
            until: polling(fields.until.as_ref(), fields.every.as_ref()),
            on_failure: word(fields.on_failure).or(inherited.on_failure).unwrap_or(self.default_on_failure),
            undo: self.undo(at, fields, effect, &own)?,
            idempotent: fields.idempotent.unwrap_or(false),
            sensitive: fields.sensitive.unwrap_or(false),
            notes: fields.notes.clone().map(|notes| notes.0),
        })
    }

    fn timeout(&self, step: &StepAt, fields: &document::Step) -> Option<Duration> {
        let runs = matches!(step.kind, Some(Kind::Shell | Kind::Command | Kind::Sql | Kind::Query | Kind::File));
        time(fields.timeout.as_ref()).or(self.default_timeout.filter(|_| runs))
    }

    #[expect(
        clippy::option_option,
        reason = "the outer one is a document that has errors, the inner a part that is absent"
    )]
    fn part(
        &self,
        step: &StepAt,
        key: &str,
        fields: Option<&document::Probe>,
        own: &Inherited,
        timeout: Option<Duration>,
    ) -> Option<Option<Probe>> {
        let Some(fields) = fields else { return Some(None) };
        let node = self.context.field(step.node, key)?;
        self.probe(node, fields, own, timeout).map(Some)
    }

    fn undo(&self, at: usize, fields: &document::Step, effect: Effect, own: &Inherited) -> Option<Undo> {
        let step = &self.context.steps[at];
        if let Some(Text(why)) = fields.point_of_no_return.clone() {
            return Some(Undo::PointOfNoReturn { why });
        }
        if step.role != Role::Forward || effect == Effect::ReadOnly {
            return Some(Undo::NotNeeded { why: None });
        }
        if let Some(Text(why)) = fields.irreversible.clone() {
            return Some(Undo::Irreversible { why });
        }
        if let Some(rollback) = self.context.field(step.node, "rollback")
            && let Some(reason) = self.context.field(rollback, "not_needed")
        {
            return Some(Undo::NotNeeded { why: self.context.text(reason).map(ToOwned::to_owned) });
        }
        let id = step.id.as_deref().unwrap_or_default();
        self.flat(&self.undo[at], own, id).map(Undo::Steps)
    }
}

fn estimate(fields: &document::Step, action: &Action, timeout: Option<Duration>) -> Option<Duration> {
    let own = time(fields.estimate.as_ref());
    match action {
        Action::Wait(WaitAction::For(pause)) => own.or(Some(*pause)),
        _ => own.or(timeout),
    }
}

fn success(fields: &document::Success) -> Success {
    Success {
        exit_codes: fields.exit_codes.clone(),
        stdout: fields.stdout.clone(),
        stdout_not: fields.stdout_not.clone(),
        stderr: fields.stderr.clone(),
        stderr_not: fields.stderr_not.clone(),
        that: fields.that.as_ref().map(expression),
        message: fields.message.as_ref().map(template),
    }
}

fn retry(fields: &document::Retry) -> Retry {
    let default = Retry::default();
    Retry {
        max_attempts: fields.max_attempts,
        delay: time(fields.delay.as_ref()).unwrap_or(default.delay),
        backoff: fields.backoff.unwrap_or(default.backoff),
        max_delay: time(fields.max_delay.as_ref()),
    }
}
