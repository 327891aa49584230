//! The document as it is typed into the runbook that is run: defaults applied, inherited fields filled in, files read.
//!
//! Only for a document without errors. Nothing is looked up here that a rule has not found to be there; where that
//! does not hold there is no runbook.

mod action;
mod document;
mod flow;
mod part;
mod step;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use serde_json::Value;

use super::context::Context;
use super::document::{Choice, Document, Text};
use super::steps::{Role, StepAt};
use super::tree::NodeId;
use crate::model::flow::Handler;
use crate::model::length::Length;
use crate::model::runbook::{Expression, Hook, Runbook, Target, Template};
use crate::model::step::{OnFailure, Step};

pub use document::{mode, parameter};
use document::{named, text};

/// The runbook that a document without errors describes. `folder` is absolute.
#[must_use]
pub fn runbook(context: &Context, folder: &Path) -> Option<Runbook> {
    let document = context.document.as_ref()?;
    let resolver = Resolver::new(context, document)?;
    let groups = |(name, members): (&String, &Vec<Text>)| (name.clone(), members.iter().cloned().map(text).collect());
    let review = match &document.review {
        Some(review) => Some(document::review(context, review)?),
        None => None,
    };
    Some(Runbook {
        name: document.name.clone(),
        title: document.title.clone().map(text),
        description: document.description.clone(),
        owner: document.owner.clone().map(text),
        links: document.links.iter().cloned().map(text).collect(),
        folder: folder.to_string_lossy().into_owned(),
        timezone: document.timezone.clone(),
        window: document::window(context, document)?,
        review,
        groups: document.groups.iter().map(groups).collect(),
        locks: document.locks.iter().map(|lock| Template(lock.0.clone())).collect(),
        parameters: document.parameters.iter().map(|(name, declared)| (name.clone(), parameter(declared))).collect(),
        vars: document.vars.clone(),
        secrets: named(&document.secrets, document::secret)?,
        steps: resolver.forward()?,
        hooks: resolver.hooks()?,
        targets: resolver.targets,
        followups: document.followups.iter().map(document::followup).collect::<Option<_>>()?,
    })
}

/// What a step takes from what it stands in: its groups, or the step that it is a part of.
#[derive(Debug, Clone, Default)]
struct Inherited {
    when: Vec<Expression>,
    target: Option<String>,
    /// Whether a loop over the hosts of the target has come to one of them.
    on_one_host: bool,
    r#become: Option<Template>,
    env: BTreeMap<String, Value>,
    cwd: Option<Template>,
    variables: BTreeMap<String, Value>,
    database: Option<Template>,
    on_failure: Option<Failing>,
}

/// What happens when a step failed.
#[derive(Debug, Clone)]
struct Failing {
    then: OnFailure,
    handler: Option<Box<Handler>>,
}

/// The surroundings that a step or a part of it names itself.
#[derive(Debug, Clone, Copy, Default)]
struct Surroundings<'d> {
    target: Option<&'d String>,
    r#become: Option<&'d Text>,
    env: Option<&'d BTreeMap<String, Value>>,
    cwd: Option<&'d Text>,
    variables: Option<&'d BTreeMap<String, Value>>,
    database: Option<&'d Text>,
}

impl Inherited {
    /// The same for what has surroundings of its own: they win.
    fn within(&self, own: Surroundings<'_>) -> Self {
        let template = |text: &Text| Template(text.0.clone());
        let mut inner = self.clone();
        if let Some(target) = own.target {
            inner.target = Some(target.clone());
            inner.cwd = None;
            inner.on_one_host = false;
        }
        inner.r#become = own.r#become.map(template).or(inner.r#become);
        inner.cwd = own.cwd.map(template).or(inner.cwd);
        inner.database = own.database.map(template).or(inner.database);
        let copied = |(name, value): (&String, &Value)| (name.clone(), value.clone());
        inner.env.extend(own.env.into_iter().flatten().map(copied));
        inner.variables.extend(own.variables.into_iter().flatten().map(copied));
        inner
    }

    /// The same for a part of a step: where it names a target of its own, it does not become anybody there.
    fn within_part(&self, own: Surroundings<'_>) -> Self {
        let mut outer = self.clone();
        if own.target.is_some() {
            outer.r#become = None;
        }
        outer.within(own)
    }
}

struct Resolver<'c> {
    context: &'c Context<'c>,
    targets: BTreeMap<String, Target>,
    default_timeout: Option<Length>,
    default_on_failure: Option<Choice>,
    /// The members of each step that is a group.
    members: Vec<Vec<usize>>,
    /// The steps of each list, by what it is for and where it stands, without the members of groups.
    lists: HashMap<(Role, NodeId), Vec<usize>>,
}

impl<'c> Resolver<'c> {
    fn new(context: &'c Context<'c>, document: &Document) -> Option<Self> {
        let mut members = vec![Vec::new(); context.steps.len()];
        let mut lists: HashMap<_, Vec<usize>> = HashMap::new();
        for (at, step) in context.steps.iter().enumerate() {
            match step.parent {
                Some(parent) => members[parent].push(at),
                None => lists.entry((step.role, step.list)).or_default().push(at),
            }
        }
        Some(Self {
            context,
            targets: named(&document.targets, document::target)?,
            default_timeout: step::length(document.defaults.timeout.as_ref()),
            default_on_failure: document.defaults.on_failure,
            members,
            lists,
        })
    }

    /// The steps of the list under a key.
    fn list(&self, node: NodeId, key: &str, role: Role) -> &[usize] {
        let list = self.context.field(node, key);
        list.and_then(|list| self.lists.get(&(role, list))).map_or(&[], Vec::as_slice)
    }

    fn forward(&self) -> Option<Vec<Step>> {
        let steps = self.list(self.context.root, "steps", Role::Forward);
        steps.iter().map(|at| self.step(*at, &Inherited::default())).collect()
    }

    fn hooks(&self) -> Option<BTreeMap<Hook, Vec<Step>>> {
        let mut hooks = BTreeMap::new();
        let Some(node) = self.context.field(self.context.root, "hooks") else { return Some(hooks) };
        for hook in [Hook::OnStart, Hook::OnSuccess, Hook::OnFailure, Hook::OnRollback, Hook::Always] {
            let steps = self.list(node, hook.as_str(), Role::Hook(hook));
            if !steps.is_empty() {
                hooks.insert(hook, self.flat(steps, &Inherited::default(), "")?);
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
            step.id = format!("{prefix}{number}");
        }
        Some(flat)
    }

    fn open(&self, at: usize, inherited: &Inherited, flat: &mut Vec<Step>) -> Option<()> {
        if self.members[at].is_empty() || !is_plain(&self.context.steps[at]) {
            flat.push(self.step(at, inherited)?);
            return Some(());
        }
        let inner = self.inherited_by_members(at, inherited)?;
        self.members[at].iter().try_for_each(|member| self.open(*member, &inner, flat))
    }
}

/// Whether a group says nothing but what its members take from it.
fn is_plain(step: &StepAt) -> bool {
    step.fields.as_ref().is_some_and(|fields| {
        fields.for_each.is_none()
            && fields.repeat.is_none()
            && fields.hold.is_none()
            && fields.watch.is_none()
            && fields.background.is_none()
            && fields.parallel.is_none()
            && fields.timeout.is_none()
    })
}
