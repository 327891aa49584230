//! Loops, repetition, holds, watches and what follows a failure.

use serde_json::Value;

use super::step::{expression, length, pause, template};
use super::{Failing, Inherited, Resolver};
use crate::check::document::action::Include;
use crate::check::document::step as document;
use crate::check::document::{Choice, Text, TextOr};
use crate::check::include::Outcome;
use crate::check::steps::{Kind, Part, Role, StepAt};
use crate::check::tree::NodeId;
use crate::model::flow::{Background, Handler, Hold, Included, Items, Loop, Observe, Repeat, Serial, Then, Watch, Way};
use crate::model::length::Length;
use crate::model::runbook::{Runbook, Target, Template};
use crate::model::step::{OnFailure, Step};

#[expect(
    clippy::option_option,
    reason = "the outer one is a document that has errors, the inner a part that is absent"
)]
impl Resolver<'_> {
    /// What the steps without an id in a list of a step are called, but for their number.
    pub(super) fn prefix(&self, at: usize, what: &str) -> String {
        format!("{}.{what}", self.context.steps[at].id.as_deref().unwrap_or_default())
    }

    /// The steps of a list that is part of a step.
    fn within(&self, at: usize, node: NodeId, key: &str, part: Part, own: &Inherited) -> Option<Vec<Step>> {
        self.flat(self.list(node, key, Role::Part(part, at)), own, &self.prefix(at, part.title()))
    }

    /// What happens when a step failed: what it says, else its groups, else the defaults.
    pub(super) fn failing_of(&self, at: usize, inherited: &Inherited, own: &Inherited) -> Option<Failing> {
        let step = &self.context.steps[at];
        match (step.fields.as_ref()?.on_failure, &inherited.on_failure) {
            (Some(choice), _) => self.failing(at, choice, own),
            (None, Some(inherited)) => Some(inherited.clone()),
            (None, None) => {
                // What is done when a step failed has no such steps of its own, nor has an undo.
                let takes = |choice: &Choice| step.role.needs_ids() || matches!(choice, Choice::Word(_));
                let choice = self.default_on_failure.filter(takes).unwrap_or(Choice::Word(OnFailure::Stop));
                let node = self.context.field(self.context.root, "defaults").unwrap_or(self.context.root);
                self.handled(at, choice, node, Role::AnyFailure, own)
            }
        }
    }

    /// What a step itself says.
    pub(super) fn failing(&self, at: usize, choice: Choice, own: &Inherited) -> Option<Failing> {
        self.handled(at, choice, self.context.steps[at].node, Role::Part(Part::Failure, at), own)
    }

    fn handled(&self, at: usize, choice: Choice, node: NodeId, role: Role, own: &Inherited) -> Option<Failing> {
        let handler = match choice {
            Choice::Word(then) => return Some(Failing { then, handler: None }),
            Choice::Handler(handler) => handler,
        };
        let list = self.list(self.context.field(node, "on_failure")?, "do", role);
        let steps = self.flat(list, own, &self.prefix(at, "failure"))?;
        let then = handler.then.unwrap_or_default();
        let handler = Some(Box::new(Handler { steps, retry: then == Then::Retry }));
        Some(Failing { then: after(then), handler })
    }

    /// The loop that a step is: over its own items, or over the hosts of its target.
    pub(super) fn each(&self, at: usize, fields: &document::Step, own: &Inherited) -> Option<Option<Loop>> {
        let step = &self.context.steps[at];
        let items = match &fields.for_each {
            Some(Value::Array(items)) => Items::List(items.clone()),
            Some(Value::String(items)) => Items::Template(Template(items.clone())),
            Some(_) => return None,
            None => match self.hosts(step, own) {
                Some(target) => Items::Hosts(target),
                None => return Some(None),
            },
        };
        Some(Some(Loop {
            items,
            name: fields.r#as.clone().unwrap_or_else(|| "item".to_owned()),
            serial: serial(fields.serial.as_ref())?,
            canary: fields.canary,
            between: self.within(at, step.node, "between", Part::Between, own)?,
            max_failures: fields.max_failures.unwrap_or(0),
        }))
    }

    /// The runbook that a step includes, its steps named after that step.
    pub(super) fn included(&self, at: usize, fields: &Include) -> Option<Included> {
        let Outcome::Examined(examined) = self.context.includes.get(&at)? else { return None };
        let Runbook { folder, parameters, vars, secrets, targets, mut steps, .. } = examined.checked.runbook.clone()?;
        let group = self.context.steps[at].id.as_deref().unwrap_or_default();
        let file = examined.checked.sources.last()?.path.to_string_lossy();
        belong(&mut steps, group, &file);
        let (path, given) = (fields.path.0.clone(), fields.parameters.clone());
        Some(Included { path, folder, given, parameters, vars, secrets, targets, steps })
    }

    /// The target whose several hosts a step runs on, one after the other.
    fn hosts(&self, step: &StepAt, own: &Inherited) -> Option<String> {
        let runs_there = matches!(step.kind, Some(Kind::Shell | Kind::Command | Kind::File));
        let name = own.target.as_ref().filter(|_| runs_there)?;
        match self.targets.get(name) {
            Some(Target::Hosts { hosts, .. }) if hosts.are_several() && !own.on_one_host => Some(name.clone()),
            _ => None,
        }
    }

    pub(super) fn hold(&self, at: usize, fields: &document::Step, own: &Inherited) -> Option<Option<Hold>> {
        let Some(hold) = &fields.hold else { return Some(None) };
        let node = self.context.field(self.context.steps[at].node, "hold")?;
        Some(Some(Hold {
            acquire: self.within(at, node, "acquire", Part::Acquire, own)?,
            release: self.within(at, node, "release", Part::Release, own)?,
            expires: length(hold.expires.as_ref()),
            release_on: fields.release_on.as_deref().unwrap_or(&Way::ALL).iter().copied().collect(),
            retake: fields.retake.unwrap_or(true),
        }))
    }

    pub(super) fn watches(&self, at: usize, fields: &document::Step, own: &Inherited) -> Option<Vec<Watch>> {
        let node = self.context.field(self.context.steps[at].node, "watch");
        let nodes = node.map(|node| self.context.items(node)).unwrap_or_default();
        let watches = nodes.iter().zip(fields.watch.iter().flatten());
        watches.map(|(node, fields)| self.watch(at, *node, fields, own)).collect()
    }

    fn watch(&self, at: usize, node: NodeId, fields: &document::Probe, own: &Inherited) -> Option<Watch> {
        let every = pause(fields.every.as_ref());
        let mut probe = self.probe(node, fields, own, None)?;
        // A look is over at the latest when the next is due.
        probe.timeout = length(fields.timeout.as_ref()).or_else(|| Some(every.clone()));
        Some(Watch {
            probe,
            every,
            trip_when: expression(fields.trip_when.as_ref()?),
            steps: self.within(at, node, "do", Part::Watch, own)?,
            action: fields.action?,
        })
    }

    pub(super) fn observe(
        &self,
        step: &StepAt,
        fields: &document::Step,
        own: &Inherited,
        timeout: Option<&Length>,
    ) -> Option<Option<Observe>> {
        Some(match fields.observe.as_deref() {
            None => None,
            Some(TextOr::Text(path)) => Some(Observe::File(template(path))),
            Some(TextOr::Fields(probe)) => self.part(step, "observe", Some(probe), own, timeout)?.map(Observe::Probe),
        })
    }
}

/// Says of steps and all within them that they stand in another file and are named after a step that includes it.
fn belong(steps: &mut [Step], group: &str, file: &str) {
    for step in steps {
        step.id = format!("{group}/{}", step.id);
        step.file.get_or_insert_with(|| file.to_owned());
        step.lists_mut().for_each(|list| belong(list, group, file));
    }
}

/// What follows the steps of a handler.
const fn after(then: Then) -> OnFailure {
    match then {
        // Once more has failed too.
        Then::Retry | Then::Stop => OnFailure::Stop,
        Then::Rollback => OnFailure::Rollback,
        Then::Continue => OnFailure::Continue,
        Then::Ask => OnFailure::Ask,
    }
}

/// How many at a time; one where nothing is said, `None` where it is neither a number nor a share.
fn serial(text: Option<&Text>) -> Option<Serial> {
    let Some(Text(text)) = text else { return Some(Serial::Count(1)) };
    match text.strip_suffix('%') {
        Some(percent) => percent.parse().ok().filter(|percent| (1..=100).contains(percent)).map(Serial::Percent),
        None => text.parse().ok().filter(|count| *count > 0).map(Serial::Count),
    }
}

pub(super) fn repeat(fields: &document::Repeat) -> Repeat {
    Repeat {
        until: fields.until.as_ref().map(expression),
        max: fields.max,
        delay: length(fields.delay.as_ref()).unwrap_or(Length::ZERO),
    }
}

pub(super) const fn background(fields: &document::Step) -> Option<Background> {
    match (fields.background, fields.until_end) {
        (Some(true), Some(true)) => Some(Background::UntilEnd),
        (Some(true), _) => Some(Background::Joined),
        _ => None,
    }
}
