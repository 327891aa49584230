//! A scope as the engine looks things up in it, name by name, with a trace of what an evaluation touched.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use minijinja::value::{Enumerator, Object, Value as Engine};

use super::error::ExpressionError;
use super::scope::{Scope, Seen, SeenStep};
use super::value::{map_to_engine, to_engine};
use crate::model::result::StepResult;

/// How many vars may be read through one another.
const MAX_DEPTH: usize = 24;

/// What one evaluation touched, the vars that it read included. What stands here outweighs its value.
#[derive(Debug, Default)]
pub(super) struct Trace {
    /// The longest path to something unknown that was read first.
    pub unknown: Option<String>,
    /// The first var that could not be read.
    pub failure: Option<ExpressionError>,
    /// Whether a secret was read, so that no value may be shown.
    pub secret: bool,
    /// Vars that are being read, outermost first.
    stack: Vec<String>,
    /// Vars that were read: each is read once in an evaluation.
    vars: BTreeMap<String, Engine>,
}

/// The root object of one evaluation.
#[derive(Debug, Clone)]
pub(super) struct Context {
    pub scope: Scope,
    pub trace: Arc<Mutex<Trace>>,
}

impl Context {
    pub(super) fn new(scope: &Scope) -> Self {
        Self { scope: scope.clone(), trace: Arc::default() }
    }

    pub(super) fn trace(&self) -> MutexGuard<'_, Trace> {
        self.trace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn namespace(&self, root: Root) -> Engine {
        Engine::from_object(Namespace { context: self.clone(), root })
    }

    fn unknown(&self, path: String) -> Engine {
        let unknown = Unknown { context: self.clone(), path };
        unknown.record();
        Engine::from_object(unknown)
    }

    fn var(&self, name: &str) -> Option<Engine> {
        let template = self.scope.base.vars.get(name)?;
        {
            let mut trace = self.trace();
            if let Some(value) = trace.vars.get(name) {
                return Some(value.clone());
            }
            if trace.stack.iter().any(|outer| outer == name) || trace.stack.len() >= MAX_DEPTH {
                let message = format!("vars.{} is read through itself or too deeply", trace.stack.join(" → vars."));
                let failure = ExpressionError::failed(&format!("vars.{name}"), message);
                trace.failure.get_or_insert(failure);
                return Some(Engine::from(()));
            }
            trace.stack.push(name.to_owned());
        }
        let value = super::evaluation::value_in(template, self);
        let mut trace = self.trace();
        trace.stack.pop();
        let value = value.map_or_else(
            |error| {
                trace.failure.get_or_insert(error);
                Engine::from(())
            },
            |value| to_engine(&value),
        );
        trace.vars.insert(name.to_owned(), value.clone());
        Some(value)
    }
}

impl Object for Context {
    fn get_value(self: &Arc<Self>, key: &Engine) -> Option<Engine> {
        match key.as_str()? {
            "parameters" => Some(self.namespace(Root::Parameters)),
            "vars" => Some(self.namespace(Root::Vars)),
            "secrets" => Some(self.namespace(Root::Secrets)),
            "steps" => Some(self.namespace(Root::Steps)),
            "run" => Some(self.namespace(Root::Run)),
            "window" => Some(self.namespace(Root::Window)),
            name => {
                if let Some(inner) =
                    self.scope.inner.as_ref().and_then(|inner| inner.outward().find(|inner| inner.name == name))
                {
                    return Some(to_engine(&inner.value));
                }
                match self.scope.base.items.get(name) {
                    Some(Some(item)) => Some(to_engine(item)),
                    Some(None) => Some(self.unknown(name.to_owned())),
                    None => result_field(self.scope.own.as_ref()?, name),
                }
            }
        }
    }
}

/// The roots that have names below them.
#[derive(Debug, Clone, Copy)]
enum Root {
    Parameters,
    Vars,
    Secrets,
    Steps,
    Run,
    Window,
}

#[derive(Debug)]
struct Namespace {
    context: Context,
    root: Root,
}

impl Namespace {
    /// What the innermost item that has such a step knows of it.
    fn of_item(&self, name: &str) -> Option<&Seen> {
        self.context.scope.inner.as_ref()?.outward().find_map(|inner| inner.steps.get(name))
    }

    fn names(&self) -> Vec<String> {
        let base = &self.context.scope.base;
        match self.root {
            Root::Parameters => base.parameters.keys().cloned().collect(),
            Root::Vars => base.vars.keys().cloned().collect(),
            Root::Secrets => base.secrets.keys().cloned().collect(),
            Root::Steps => base.steps.keys().chain(&base.unknown).cloned().collect(),
            Root::Run => base.run.keys().cloned().collect(),
            Root::Window => base.window.keys().cloned().collect(),
        }
    }
}

impl Object for Namespace {
    fn get_value(self: &Arc<Self>, key: &Engine) -> Option<Engine> {
        let base = &self.context.scope.base;
        let name = key.as_str()?;
        match self.root {
            Root::Parameters if base.unknown_parameters.contains(name) => {
                Some(self.context.unknown(format!("parameters.{name}")))
            }
            Root::Parameters => base.parameters.get(name).map(to_engine),
            Root::Vars => self.context.var(name),
            Root::Run if base.run.is_empty() => Some(self.context.unknown(format!("run.{name}"))),
            Root::Run => base.run.get(name).map(to_engine),
            Root::Window if base.window.is_empty() => Some(self.context.unknown(format!("window.{name}"))),
            Root::Window => base.window.get(name).map(to_engine),
            Root::Secrets => Some(base.secrets.get(name).map_or_else(
                || self.context.unknown(format!("secrets.{name}")),
                |secret| {
                    self.context.trace().secret = true;
                    Engine::from(secret.0.as_str())
                },
            )),
            Root::Steps if let Some(seen) = self.of_item(name) => match seen {
                Seen::Unknown => Some(self.context.unknown(format!("steps.{name}"))),
                Seen::Absent => None,
                Seen::Step(step) => Some(Engine::from_object(Step(Arc::clone(step)))),
            },
            Root::Steps if base.unknown.contains(name) => Some(self.context.unknown(format!("steps.{name}"))),
            Root::Steps => base.steps.get(name).map(|step| Engine::from_object(Step(Arc::clone(step)))),
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Iter(Box::new(self.names().into_iter().map(Engine::from)))
    }
}

/// Another step, whose fields are made only when they are read.
#[derive(Debug)]
struct Step(Arc<SeenStep>);

impl Object for Step {
    fn get_value(self: &Arc<Self>, key: &Engine) -> Option<Engine> {
        let step = &self.0;
        let text = |text: &Option<String>| text.as_deref().map(Engine::from);
        let name = key.as_str()?;
        if let Some(member) = step.members.get(name) {
            return Some(Engine::from_object(Self(Arc::clone(member))));
        }
        if let Some(items) = &step.items {
            let items = items.iter().map(|(item, step)| Engine::from_object(ItemStep(item.clone(), Arc::clone(step))));
            return (name == "items").then(|| items.collect());
        }
        match name {
            "outputs" => Some(Engine::from_pairs(
                step.result.outputs.iter().map(|(name, value)| (name.as_str(), to_engine(value))),
            )),
            "changed" => step.result.changed.map(Engine::from),
            "state" => Some(Engine::from(step.state.as_str())),
            "started" => text(&step.started),
            "finished" => text(&step.finished),
            name => result_field(&step.result, name),
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Str(&[
            "outputs",
            "stdout",
            "stderr",
            "exit_code",
            "rows",
            "row_count",
            "status",
            "headers",
            "body",
            "changed",
            "state",
            "started",
            "finished",
        ])
    }
}

/// One item of a loop, seen from outside: `item`, and what its step gave.
#[derive(Debug)]
struct ItemStep(serde_json::Value, Arc<SeenStep>);

impl Object for ItemStep {
    fn get_value(self: &Arc<Self>, key: &Engine) -> Option<Engine> {
        match key.as_str()? {
            "item" => Some(to_engine(&self.0)),
            _ => Arc::new(Step(Arc::clone(&self.1))).get_value(key),
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Arc::new(Step(Arc::clone(&self.1))).enumerate()
    }
}

fn result_field(result: &StepResult, name: &str) -> Option<Engine> {
    match name {
        "stdout" => result.stdout.as_deref().map(Engine::from),
        "stderr" => result.stderr.as_deref().map(Engine::from),
        "exit_code" => result.exit_code.map(Engine::from),
        "rows" => result.rows.as_ref().map(|rows| rows.iter().map(map_to_engine).collect()),
        "row_count" => result.row_count.map(Engine::from),
        "status" => result.status.map(Engine::from),
        "headers" => result.headers.as_ref().map(|headers| {
            Engine::from_pairs(headers.iter().map(|(name, value)| (name.as_str(), Engine::from(value.as_str()))))
        }),
        "body" => result.body.as_deref().map(Engine::from),
        "json" => Some(
            result
                .body
                .as_deref()
                .or(result.stdout.as_deref())
                .and_then(|text| serde_json::from_str(text).ok())
                .map_or_else(|| Engine::from(()), |value| to_engine(&value)),
        ),
        _ => None,
    }
}

/// Stands for what is not known: everything below it is not known either.
#[derive(Debug)]
struct Unknown {
    context: Context,
    path: String,
}

impl Unknown {
    fn record(&self) {
        let mut trace = self.context.trace();
        let below = |path: &String| self.path.strip_prefix(path).is_some_and(|rest| rest.starts_with(['.', '[']));
        let longer = trace.unknown.as_ref().is_none_or(below);
        if longer {
            trace.unknown = Some(self.path.clone());
        }
    }
}

impl Object for Unknown {
    fn get_value(self: &Arc<Self>, key: &Engine) -> Option<Engine> {
        let path = match key.as_str() {
            Some(name) => format!("{}.{name}", self.path),
            None => format!("{}[{key}]", self.path),
        };
        Some(self.context.unknown(path))
    }
}
