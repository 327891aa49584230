//! Checks, verifications and preconditions: they run where their step runs unless they say otherwise.

use std::time::Duration;

use super::step::{polling, template, time};
use super::{Inherited, Resolver};
use crate::check::document::step as document;
use crate::check::steps::StepAt;
use crate::check::tree::NodeId;
use crate::model::runbook::Expression;
use crate::model::step::{Action, Precondition, Probe};

impl Resolver<'_> {
    pub(super) fn probe(
        &self,
        node: NodeId,
        fields: &document::Probe,
        own: &Inherited,
        step_timeout: Option<Duration>,
    ) -> Option<Probe> {
        let mut inner = own.within(fields.target.as_ref(), fields.env.as_ref());
        inner.cwd = fields.cwd.as_ref().map(template).or(inner.cwd);
        inner.database = fields.database.as_ref().map(template).or(inner.database);
        inner.variables.extend(fields.variables.iter().flatten().map(|(name, value)| (name.clone(), value.clone())));
        let stdin = fields.stdin.as_ref().map(template);
        let action = if let Some(script) = &fields.shell {
            Self::shell(script, fields.interpreter.as_ref(), stdin, &inner)
        } else if fields.command.is_some() {
            self.command(node, stdin, &inner)?
        } else {
            Action::Query(Self::server(fields.query.clone()?, None, true, &inner)?)
        };
        Some(Probe {
            action: Box::new(action),
            timeout: time(fields.timeout.as_ref()).or(self.default_timeout).or(step_timeout),
            until: polling(fields.until.as_ref(), fields.every.as_ref()),
        })
    }

    pub(super) fn preconditions(
        &self,
        step: &StepAt,
        fields: &document::Step,
        own: &Inherited,
        timeout: Option<Duration>,
    ) -> Option<Vec<Precondition>> {
        let Some(node) = self.context.field(step.node, "preconditions") else { return Some(Vec::new()) };
        let asked = fields.preconditions.as_deref().unwrap_or_default();
        self.context
            .items(node)
            .iter()
            .zip(asked)
            .map(|(node, fields)| self.precondition(*node, fields, own, timeout))
            .collect()
    }

    fn precondition(
        &self,
        node: NodeId,
        fields: &document::Probe,
        own: &Inherited,
        timeout: Option<Duration>,
    ) -> Option<Precondition> {
        let asks = fields.shell.is_some() || fields.command.is_some() || fields.query.is_some();
        Some(Precondition {
            probe: if asks { Some(self.probe(node, fields, own, timeout)?) } else { None },
            that: fields.that.as_ref().map(|that| Expression(that.0.clone())),
            message: fields.message.as_ref().map(template),
        })
    }
}
