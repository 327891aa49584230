//! Checks, verifications and preconditions: they run where their step runs unless they say otherwise.

use super::action::http as http_action;
use super::step::{length, polling, template};
use super::{Inherited, Resolver, Surroundings};
use crate::check::document::step as document;
use crate::check::steps::StepAt;
use crate::check::tree::NodeId;
use crate::model::length::Length;
use crate::model::runbook::Expression;
use crate::model::step::{Action, Precondition, Probe};

impl Resolver<'_> {
    pub(super) fn probe(
        &self,
        node: NodeId,
        fields: &document::Probe,
        own: &Inherited,
        step_timeout: Option<&Length>,
    ) -> Option<Probe> {
        let inner = own.within_part(Surroundings {
            target: fields.target.as_ref(),
            r#become: fields.r#become.as_ref(),
            env: fields.env.as_ref(),
            cwd: fields.cwd.as_ref(),
            variables: fields.variables.as_ref(),
            database: fields.database.as_ref(),
        });
        let stdin = fields.stdin.as_ref().map(template);
        let action = if let Some(script) = &fields.shell {
            Self::shell(script, fields.interpreter.as_ref(), stdin, &inner)
        } else if fields.command.is_some() {
            self.command(node, stdin, &inner)?
        } else if let Some(http) = &fields.http {
            Action::Http(http_action(http))
        } else {
            Action::Query(Self::server(fields.query.clone()?, None, true, &inner)?)
        };
        Some(Probe {
            action: Box::new(action),
            timeout: length(fields.timeout.as_ref())
                .or_else(|| self.default_timeout.clone())
                .or_else(|| step_timeout.cloned()),
            until: polling(fields.until.as_ref(), fields.every.as_ref()),
        })
    }

    pub(super) fn preconditions(
        &self,
        step: &StepAt,
        fields: &document::Step,
        own: &Inherited,
        timeout: Option<&Length>,
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
        timeout: Option<&Length>,
    ) -> Option<Precondition> {
        let asks = self.context.question(node).is_some();
        Some(Precondition {
            probe: if asks { Some(self.probe(node, fields, own, timeout)?) } else { None },
            that: fields.that.as_ref().map(|that| Expression(that.0.clone())),
            message: fields.message.as_ref().map(template),
        })
    }
}
