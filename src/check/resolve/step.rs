//! One step with everything filled in.

use std::time::Duration;

use super::flow::{background, repeat};
use super::{Inherited, Resolver, Surroundings};
use crate::check::document::Text;
use crate::check::document::step as document;
use crate::check::steps::{Kind, Part, Role, StepAt};
use crate::expression::duration;
use crate::model::flow::Items;
use crate::model::length::Length;
use crate::model::runbook::{Expression, Template};
use crate::model::step::{Action, DEFAULT_EVERY, Effect, Probe, Retry, Step, Success, Undo, Until, WaitAction};

/// A duration that a rule found to be one, or to be a template.
pub(super) fn length(text: Option<&Text>) -> Option<Length> {
    let Text(text) = text?;
    if text.contains("{{") {
        return Some(Length::Template(Template(text.clone())));
    }
    duration::parse(text).ok().map(Length::Known)
}

pub(super) fn template(text: &Text) -> Template {
    Template(text.0.clone())
}

pub(super) fn expression(text: &Text) -> Expression {
    Expression(text.0.clone())
}

pub(super) fn polling(until: Option<&Text>, every: Option<&Text>) -> Option<Until> {
    until.map(|that| Until { that: expression(that), every: pause(every) })
}

/// The pause between two looks.
pub(super) fn pause(every: Option<&Text>) -> Length {
    length(every).unwrap_or(Length::Known(DEFAULT_EVERY))
}

const fn surroundings(fields: &document::Step) -> Surroundings<'_> {
    Surroundings {
        target: fields.target.as_ref(),
        r#become: fields.r#become.as_ref(),
        env: fields.env.as_ref(),
        cwd: fields.cwd.as_ref(),
        variables: fields.variables.as_ref(),
        database: fields.database.as_ref(),
    }
}

impl Resolver<'_> {
    /// What the members of a group take from it.
    pub(super) fn inherited_by_members(&self, at: usize, inherited: &Inherited) -> Option<Inherited> {
        let fields = self.context.steps[at].fields.as_ref()?;
        let own = self.inherited_by_parts(at, inherited)?;
        let mut inner = inherited.within(surroundings(fields));
        inner.when.extend(fields.when.as_ref().map(expression));
        if let Some(choice) = fields.on_failure {
            inner.on_failure = Some(self.failing(at, choice, &own)?);
        }
        Some(inner)
    }

    /// What the parts of a step take from it: what the step itself has, inherited fields included.
    fn inherited_by_parts(&self, at: usize, inherited: &Inherited) -> Option<Inherited> {
        let step = &self.context.steps[at];
        let own = surroundings(step.fields.as_ref()?);
        let is_part = step.parent.is_none() && step.role.owner().is_some();
        let mut own = if is_part { inherited.within_part(own) } else { inherited.within(own) };
        own.when.clear();
        own.on_failure = None;
        Some(own)
    }

    pub(super) fn step(&self, at: usize, inherited: &Inherited) -> Option<Step> {
        let step = &self.context.steps[at];
        let fields = step.fields.as_ref()?;
        let mut own = self.inherited_by_parts(at, inherited)?;
        let each = self.each(at, fields, &own)?;
        own.on_one_host |= each.as_ref().is_some_and(|each| matches!(each.items, Items::Hosts(_)));
        let action = self.action(at, &own, inherited)?;
        let timeout = self.timeout(step, fields);
        let failing = self.failing_of(at, inherited, &own)?;
        let effect = step.effect().unwrap_or(Effect::ReadOnly);
        let check = self.part(step, "check", fields.check.as_deref(), &own, timeout.as_ref())?;
        let verify = self.part(step, "verify", fields.verify.as_deref(), &own, timeout.as_ref())?;
        let verify = verify.or_else(|| check.clone().filter(|_| effect == Effect::Mutating));
        let when = fields.when.as_ref().map(expression);
        Some(Step {
            id: step.id.clone().unwrap_or_default(),
            name: fields.name.as_ref().map(template),
            file: None,
            line: self.context.source.line_column(self.context.span(step.node).start).0,
            when: inherited.when.iter().cloned().chain(when).collect(),
            preconditions: self.preconditions(step, fields, &own, timeout.as_ref())?,
            check,
            estimate: estimate(fields, &action, timeout.as_ref()),
            action,
            verify,
            success: fields.success.as_deref().map(success).unwrap_or_default(),
            outputs: fields.outputs.clone().unwrap_or_default(),
            effect,
            preview: self.part(step, "preview", fields.preview.as_deref(), &own, timeout.as_ref())?,
            observe: self.observe(step, fields, &own, timeout.as_ref())?,
            artifacts: fields.artifacts.iter().flatten().map(template).collect(),
            each: each.map(Box::new),
            repeat: fields.repeat.as_deref().map(repeat),
            background: background(fields),
            hold: self.hold(at, fields, &own)?.map(Box::new),
            watches: self.watches(at, fields, &own)?,
            timeout,
            retry: fields.retry.as_deref().map(retry).unwrap_or_default(),
            until: polling(fields.until.as_ref(), fields.every.as_ref()),
            on_failure: failing.then,
            handler: failing.handler,
            undo: self.undo(at, fields, effect, &own)?,
            idempotent: fields.idempotent.unwrap_or(false),
            sensitive: fields.sensitive.unwrap_or(false),
            notes: fields.notes.clone().map(|notes| notes.0),
        })
    }

    fn timeout(&self, step: &StepAt, fields: &document::Step) -> Option<Length> {
        let runs =
            matches!(step.kind, Some(Kind::Shell | Kind::Command | Kind::Sql | Kind::Query | Kind::File | Kind::Http));
        length(fields.timeout.as_ref()).or_else(|| self.default_timeout.clone().filter(|_| runs))
    }

    #[expect(
        clippy::option_option,
        reason = "the outer one is a document that has errors, the inner a part that is absent"
    )]
    pub(super) fn part(
        &self,
        step: &StepAt,
        key: &str,
        fields: Option<&document::Probe>,
        own: &Inherited,
        timeout: Option<&Length>,
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
        let undo = self.list(step.node, "rollback", Role::Part(Part::Undo, at));
        self.flat(undo, own, &self.prefix(at, "undo")).map(Undo::Steps)
    }
}

fn estimate(fields: &document::Step, action: &Action, timeout: Option<&Length>) -> Option<Duration> {
    let own = length(fields.estimate.as_ref());
    let own = match action {
        Action::Wait(WaitAction::For(pause)) => own.or_else(|| Some(pause.clone())),
        Action::Group { .. } | Action::Include(_) => own,
        // One round is no measure of all of them.
        _ if fields.repeat.is_some() => own,
        _ => own.or_else(|| timeout.cloned()),
    };
    own.as_ref().and_then(Length::known)
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
        delay: length(fields.delay.as_ref()).unwrap_or(default.delay),
        backoff: fields.backoff.unwrap_or(default.backoff),
        max_delay: length(fields.max_delay.as_ref()),
    }
}
