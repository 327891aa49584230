//! Asking the world: probes and preconditions.

use serde_json::Value;

use crate::action::observe::{Observer, answer, differs};
use crate::expression::render::{Context, render_call};
use crate::expression::{Scope, render_text, truth};
use crate::model::call::{Hidden, Ticket};
use crate::model::event::Answer;
use crate::model::result::StepResult;
use crate::model::runbook::Expression;
use crate::model::step::{Precondition, Probe, Step};

/// The ticket of a look for a step.
pub(super) fn ticket(step: &Step, timeout: Option<std::time::Duration>, scope: &Scope) -> Ticket {
    Ticket {
        run: "plan".to_owned(),
        step: step.id.clone(),
        attempt: 1,
        undo: None,
        timeout: timeout.or(step.limit()),
        sensitive: step.sensitive,
        secrets: Hidden(scope.secrets()),
    }
}

/// Asks a probe once. Where it has an expression, that reads the answer. The text says what was seen.
pub(super) async fn ask(
    probe: &Probe,
    that: Option<&Expression>,
    step: &Step,
    scope: &Scope,
    context: &Context<'_>,
    observer: &impl Observer,
) -> (Answer, String) {
    let call = match render_call(&probe.action, scope, context) {
        Ok(Some(call)) => call,
        Ok(None) => return (Answer::Unknown, format!("{} cannot be asked", probe.action.kind())),
        Err(error) => return (Answer::Unknown, error.to_string()),
    };
    let looked = observer.look(&call, &ticket(step, probe.limit(), scope)).await;
    match (that.or(probe.until.as_ref().map(|until| &until.that)), looked) {
        (Some(_), Ok(result)) if differs(&probe.action, &result).is_some() => answer(&Ok(result)),
        (Some(that), Ok(result)) => {
            let seen = if step.sensitive { "an answer that is not shown".to_owned() } else { summary(&result) };
            holds(that, &scope.with_result(result), &seen)
        }
        (_, looked) => answer(&looked),
    }
}

/// What a step's preview printed, whatever code it ended with: `diff` says by it that there is one.
pub(super) async fn preview(
    probe: &Probe,
    step: &Step,
    scope: &Scope,
    context: &Context<'_>,
    observer: &impl Observer,
) -> Result<Option<String>, String> {
    let call = render_call(&probe.action, scope, context).map_err(|error| error.to_string())?;
    let call = call.ok_or_else(|| format!("{} cannot be asked", probe.action.kind()))?;
    let looked = observer.look(&call, &ticket(step, probe.limit(), scope)).await;
    let result = looked.map_err(|failure| failure.message)?;
    if step.sensitive {
        return Err("it is not shown, because the step is sensitive".to_owned());
    }
    let rows = result.rows.iter().flatten().map(|row| Value::Object(row.clone()).to_string());
    let printed = [result.stdout.as_deref(), result.body.as_deref(), result.stderr.as_deref()];
    let lines = rows.chain(printed.into_iter().flatten().map(|text| text.trim_end().to_owned()));
    let text = lines.filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n");
    match result.exit_code {
        Some(code) if text.is_empty() && code != 0 => Err(format!("exit {code}, and it printed nothing")),
        _ => Ok(Some(text).filter(|text| !text.is_empty())),
    }
}

fn holds(that: &Expression, scope: &Scope, seen: &str) -> (Answer, String) {
    match truth(&that.0, scope) {
        Ok(true) => (Answer::Holds, seen.to_owned()),
        Ok(false) => (Answer::DoesNotHold, format!("`{}` is false: {seen}", that.0)),
        Err(error) => (Answer::Unknown, error.to_string()),
    }
}

/// A line about a precondition that does not hold now, or cannot be told.
pub(super) async fn precondition(
    precondition: &Precondition,
    step: &Step,
    scope: &Scope,
    context: &Context<'_>,
    observer: &impl Observer,
) -> Option<String> {
    let (answer, seen) = match (&precondition.probe, &precondition.that) {
        (Some(probe), that) => ask(probe, that.as_ref(), step, scope, context, observer).await,
        (None, Some(that)) => holds(that, scope, ""),
        (None, None) => return None,
    };
    let seen = seen.trim_end_matches([' ', ':']);
    match answer {
        Answer::Holds => None,
        Answer::Unknown => Some(format!("a precondition cannot be told now: {seen}")),
        Answer::DoesNotHold => {
            let message = precondition.message.as_ref().and_then(|message| render_text(&message.0, scope).ok());
            Some(format!("a precondition does not hold now: {}", message.as_deref().unwrap_or(seen)))
        }
    }
}

/// A result in one line.
pub(super) fn summary(result: &StepResult) -> String {
    if let Some(rows) = &result.rows {
        return match rows.as_slice() {
            [] => "no row".to_owned(),
            [row] => fields(row.iter().map(|(name, value)| (name.as_str(), value))),
            rows => format!("{} rows", rows.len()),
        };
    }
    if let Some(status) = result.status {
        return format!("status {status}");
    }
    match (&result.exit_code, result.stdout.as_deref().and_then(|text| text.lines().next())) {
        (Some(code), Some(line)) if !line.is_empty() => format!("exit {code}: {line}"),
        (Some(code), _) => format!("exit {code}"),
        (None, _) => "done".to_owned(),
    }
}

/// Named values in one line.
pub(super) fn fields<'a>(fields: impl Iterator<Item = (&'a str, &'a Value)>) -> String {
    fields.map(|(name, value)| format!("{name} = {}", shown(value))).collect::<Vec<_>>().join(", ")
}

/// A value as people read it.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) if !text.is_empty() => text.clone(),
        other => other.to_string(),
    }
}
