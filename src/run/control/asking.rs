//! A question as it is answered line by line at a terminal: the word, the reason, the values. Knows nothing of where
//! the lines come from.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::model::question::{Choice, OpenQuestion};
use crate::model::runbook::ParameterType;
use crate::model::step::ManualAction;
use crate::report::view::Prompt;
use crate::run::question::typed;

/// A question that is being answered.
#[derive(Debug, Clone)]
pub struct Asking {
    open: OpenQuestion,
    evidence_required: bool,
    inputs: Vec<(String, ParameterType)>,
    choice: Option<Choice>,
    reason: Option<String>,
    values: BTreeMap<String, Value>,
}

/// A whole answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Given {
    /// The word.
    pub choice: Choice,
    /// Why; may be empty.
    pub reason: String,
    /// What was entered.
    pub values: BTreeMap<String, Value>,
}

impl Asking {
    /// From its beginning. `manual` is what the step wants to have entered.
    #[must_use]
    pub fn new(open: OpenQuestion, manual: Option<&ManualAction>) -> Self {
        let inputs = manual.map(|manual| manual.inputs.iter().map(|(name, kind)| (name.clone(), *kind)).collect());
        Self {
            open,
            evidence_required: manual.is_some_and(|manual| manual.evidence_required),
            inputs: inputs.unwrap_or_default(),
            choice: None,
            reason: None,
            values: BTreeMap::new(),
        }
    }

    /// The question.
    #[must_use]
    pub const fn question(&self) -> &OpenQuestion {
        &self.open
    }

    /// What has to be typed next; `None` where nothing more has to be.
    #[must_use]
    pub fn prompt(&self) -> Option<Prompt<'_>> {
        let Some(choice) = self.choice else { return Some(Prompt::Choice(&self.open.choices)) };
        let required = self.open.question.needs_reason(choice, self.evidence_required);
        let is_plain = matches!(choice, Choice::Yes | Choice::Retry | Choice::Rollback | Choice::Stop);
        if self.reason.is_none() && (required || !is_plain) {
            return Some(Prompt::Reason { required });
        }
        let missing = self.inputs.iter().find(|(name, _)| !self.values.contains_key(name));
        let (name, kind) = missing.filter(|_| choice == Choice::Succeeded)?;
        Some(Prompt::Value { name, kind: *kind })
    }

    /// Takes a line.
    ///
    /// # Errors
    ///
    /// Why it does not do; the same is to be typed again.
    pub fn take(&mut self, line: &str) -> Result<(), String> {
        let line = line.trim();
        match self.prompt() {
            Some(Prompt::Choice(choices)) => {
                let meant = choices.iter().copied().find(|choice| is_meant(*choice, line));
                self.choice = Some(meant.ok_or("type one of the words")?);
            }
            Some(Prompt::Reason { required: true }) if line.is_empty() => return Err("a reason is needed".to_owned()),
            Some(Prompt::Reason { .. }) => self.reason = Some(line.to_owned()),
            Some(Prompt::Value { name, kind }) => {
                let (name, value) = (name.to_owned(), typed(kind, line)?);
                self.values.insert(name, value);
            }
            None => {}
        }
        Ok(())
    }

    /// The answer, once nothing more has to be typed.
    #[must_use]
    pub fn given(&self) -> Option<Given> {
        let choice = self.choice.filter(|_| self.prompt().is_none())?;
        Some(Given { choice, reason: self.reason.clone().unwrap_or_default(), values: self.values.clone() })
    }
}

fn is_meant(choice: Choice, line: &str) -> bool {
    line.eq_ignore_ascii_case(choice.as_str())
        || match choice {
            Choice::Yes => line.eq_ignore_ascii_case("y"),
            Choice::No => line.eq_ignore_ascii_case("n"),
            _ => false,
        }
}
