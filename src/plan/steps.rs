//! What would become of one step.

use std::collections::BTreeMap;

use crate::action::observe::{Observer, believed, differs};
use crate::expression::duration::{parse, written};
use crate::expression::render::{Context, render_call};
use crate::expression::{ExpressionError, Scope, SeenStep, evaluate, render_text, render_value, truth};
use crate::model::call::{Call, FileCall, ProcessCall, SqlCall};
use crate::model::event::Answer;
use crate::model::length::Length;
use crate::model::plan::{PlanStatus, PlannedStep};
use crate::model::result::StepResult;
use crate::model::runbook::Template;
use crate::model::sql::marker::{self, Rights};
use crate::model::step::{Action, Condition, Effect, SqlAction, Step, Undo, WaitAction};

use super::{file, look, request};

/// Looks at one step and keeps what it has seen.
pub(super) struct Planner<'a, O> {
    context: &'a Context<'a>,
    scope: &'a mut Scope,
    observer: &'a O,
}

/// What is said of one step.
struct Said {
    status: PlanStatus,
    reason: Option<String>,
    diff: Option<String>,
    detail: Vec<String>,
}

impl Said {
    fn new(status: PlanStatus, reason: impl Into<String>) -> Self {
        Self { status, reason: Some(reason.into()), diff: None, detail: Vec::new() }
    }

    fn unknown(error: &ExpressionError) -> Self {
        Self::new(PlanStatus::Unknown, error.to_string())
    }

    fn detail(mut self, detail: Vec<String>) -> Self {
        self.detail = detail;
        self
    }
}

impl<'a, O: Observer> Planner<'a, O> {
    pub(super) const fn new(context: &'a Context<'a>, scope: &'a mut Scope, observer: &'a O) -> Self {
        Self { context, scope, observer }
    }

    /// What would become of a step. `name` is its id as the expressions beside it have it.
    pub(super) async fn step(&mut self, step: &Step, name: &str, groups: Vec<String>) -> PlannedStep {
        // A skipped step is not there for later expressions; a query that is carried out replaces this.
        self.scope.set_unknown(name);
        let said = self.say(step, name).await;
        if said.status == PlanStatus::Skipped {
            self.scope.forget(name);
        }
        planned(step, said, groups)
    }

    async fn say(&mut self, step: &Step, name: &str) -> Said {
        for when in &step.when {
            match truth(&when.0, self.scope) {
                Ok(true) => {}
                Ok(false) => return Said::new(PlanStatus::Skipped, format!("`{}` is false", when.0)),
                Err(error) => return Said::unknown(&error),
            }
        }
        if let Some(check) = &step.check {
            let asked = look::ask(check, None, step, self.scope, self.context, self.observer).await;
            let action = render_call(&step.action, self.scope, self.context).ok().flatten();
            let ticket = look::ticket(step, check.limit(), self.scope);
            match believed(asked, false, action.as_ref(), &ticket, self.observer).await {
                (Answer::Holds, seen) => return Said::new(PlanStatus::InPlace, format!("check holds now: {seen}")),
                (Answer::DoesNotHold, _) => {}
                (Answer::Unknown, seen) => {
                    return Said::new(PlanStatus::Unknown, format!("check cannot be told: {seen}"));
                }
            }
        }
        let mut said = self.action(step, name).await;
        for precondition in &step.preconditions {
            let line = look::precondition(precondition, step, self.scope, self.context, self.observer).await;
            said.detail.extend(line);
        }
        said
    }

    async fn action(&mut self, step: &Step, name: &str) -> Said {
        match &step.action {
            Action::Wait(wait) => {
                let (status, reason) = wait_line(wait, self.scope);
                Said::new(status, reason)
            }
            Action::Confirm(confirm) => {
                let evidence = confirm.show.iter().map(|expression| match evaluate(&expression.0, self.scope) {
                    Ok(value) => format!("{} = {}", expression.0, look::shown(&value)),
                    Err(error) if error.is_unknown() => format!("{}: known later", expression.0),
                    Err(error) => format!("{}: {error}", expression.0),
                });
                let mut said = self.person(&confirm.message);
                said.detail.extend(evidence);
                said
            }
            Action::Manual(manual) => self.person(&manual.instructions),
            Action::Assert { conditions } => self.assert(conditions),
            Action::Group { .. } => Said::new(PlanStatus::Reads, "a group"),
            Action::Shell { .. }
            | Action::Command { .. }
            | Action::Sql(_)
            | Action::Query(_)
            | Action::File(_)
            | Action::Http(_)
            | Action::Include(_)
            | Action::Hold => match render_call(&step.action, self.scope, self.context) {
                Ok(Some(call)) => self.call(step, name, &call).await,
                Ok(None) => Said::new(PlanStatus::Reads, "nothing is carried out"),
                Err(error) => Said::unknown(&error),
            },
        }
    }

    async fn call(&mut self, step: &Step, name: &str, call: &Call) -> Said {
        let status = if step.effect == Effect::ReadOnly { PlanStatus::Reads } else { PlanStatus::Changes };
        match call {
            Call::Query(_) if step.effect == Effect::ReadOnly => self.query(step, name, call).await,
            Call::Sql(sql) | Call::Query(sql) => {
                let mut said = statements(status, sql, &step.action);
                if step.effect == Effect::Mutating && sql.transaction {
                    said.detail.extend(self.at_most_once(step, sql).await);
                }
                said
            }
            Call::Process(process) => {
                let mut said = match &step.action {
                    Action::Shell { script, .. } => script_lines(status, script, process),
                    _ => arguments(status, process),
                };
                if let Some(preview) = &step.preview {
                    match look::preview(preview, step, self.scope, self.context, self.observer).await {
                        Ok(diff) => said.diff = diff,
                        Err(why) => said.detail.push(format!("preview: {why}")),
                    }
                }
                said
            }
            Call::File(call) => self.file(step, call).await,
            Call::Http(http) => match &step.action {
                Action::Http(action) if action.only_looks() && step.effect == Effect::ReadOnly => {
                    let mut said = self.query(step, name, call).await;
                    said.reason = said.reason.map(|reason| format!("{}: {reason}", request::line(http)));
                    said
                }
                Action::Http(action) => {
                    let detail = request::detail(step, action, http, self.scope);
                    Said::new(status, request::line(http)).detail(detail)
                }
                _ => Said::new(status, request::line(http)),
            },
            Call::Restore(restore) => Said::new(status, format!("restore {}", restore.intent.path)),
        }
    }

    /// A line about a step that cannot leave a marker where it acts, so that nobody will know from the database whether it
    /// took effect.
    async fn at_most_once(&self, step: &Step, sql: &SqlCall) -> Option<String> {
        let (text, variables) = (marker::RIGHTS.to_owned(), BTreeMap::new());
        let asked = Call::Query(SqlCall { text, variables, transaction: true, connection: sql.connection.clone() });
        let looked = self.observer.look(&asked, &look::ticket(step, None, self.scope)).await.ok()?;
        let rights = Rights::of(looked.rows.as_deref()?)?;
        rights.at_most_once().map(|why| format!("at most once, because it can leave no marker: {why}"))
    }

    async fn query(&mut self, step: &Step, name: &str, call: &Call) -> Said {
        let looked = self.observer.look(call, &look::ticket(step, None, self.scope)).await;
        let mut result = match looked {
            Ok(result) => result,
            Err(failure) => return Said::new(PlanStatus::Unknown, failure.message),
        };
        let scope = self.scope.with_result(result.clone());
        let unmet = if step.until.is_some() { differs(&step.action, &result) } else { result.unmet.as_deref() };
        let mut detail = criteria(step, unmet, &scope);
        for (output, value) in &step.outputs {
            match render_value(value, &scope) {
                Ok(value) => drop(result.outputs.insert(output.clone(), value)),
                Err(error) => detail.push(format!("output {output}: {error}")),
            }
        }
        let reason = seen(step, &result);
        let seen = SeenStep { result, state: "succeeded".to_owned(), ..SeenStep::default() };
        self.scope.set_step(name, seen.into());
        Said::new(PlanStatus::Reads, reason).detail(detail)
    }

    async fn file(&self, step: &Step, call: &FileCall) -> Said {
        let path = call.path.display().to_string();
        match self.observer.preview_file(call).await {
            Err(failure) => Said::new(PlanStatus::Unknown, failure.message),
            Ok(preview) if !preview.changes() => Said::new(PlanStatus::InPlace, format!("{path} is so now")),
            Ok(preview) => {
                let change = file::describe(&path, &preview, step.sensitive);
                let diff = Some(change.diff).filter(|diff| !diff.is_empty());
                let commands = [("validate", &call.validate), ("reload", &call.reload)];
                let detail = commands
                    .iter()
                    .filter_map(|(name, argv)| argv.as_ref().map(|argv| format!("{name}: {}", command_line(argv))));
                let detail = detail.collect();
                Said { status: PlanStatus::Changes, reason: Some(change.reason), diff, detail }
            }
        }
    }

    fn person(&self, text: &Template) -> Said {
        match render_text(&text.0, self.scope) {
            Ok(text) => {
                let (first, more) = text.trim().split_once('\n').unwrap_or((text.trim(), ""));
                let mut said = Said::new(PlanStatus::Person, format!("\"{}\"", text.trim().replace('\n', " ")));
                if !more.is_empty() {
                    said.reason = Some(format!("\"{first} …\""));
                    said.detail = more.lines().map(str::to_owned).collect();
                }
                said
            }
            Err(error) => {
                Said::new(PlanStatus::Person, format!("\"{}\"", text.0.trim())).detail(vec![error.to_string()])
            }
        }
    }

    fn assert(&self, conditions: &[Condition]) -> Said {
        let (mut held, mut failed, mut detail) = (0, 0, Vec::new());
        for condition in conditions {
            match truth(&condition.that.0, self.scope) {
                Ok(true) => held += 1,
                Ok(false) => {
                    failed += 1;
                    let message =
                        condition.message.as_ref().and_then(|message| render_text(&message.0, self.scope).ok());
                    detail.push(format!(
                        "`{}` is false now{}",
                        condition.that.0,
                        message.map_or_else(String::new, |text| format!(": {text}"))
                    ));
                }
                Err(error) => detail.push(format!("`{}`: {error}", condition.that.0)),
            }
        }
        let later = conditions.len() - held - failed;
        let parts = [
            (held, "holds", "hold"),
            (failed, "does not hold now", "do not hold now"),
            (later, "is known later", "are known later"),
        ];
        let parts = parts.iter().filter(|(count, ..)| *count > 0);
        let reason: Vec<String> =
            parts.map(|(count, one, many)| format!("{count} {}", if *count == 1 { one } else { many })).collect();
        Said::new(PlanStatus::Reads, reason.join(", ")).detail(detail)
    }
}

/// A step that is passed over as a part of something that is.
pub(super) fn passed(step: &Step, status: PlanStatus, reason: String, groups: Vec<String>) -> PlannedStep {
    planned(step, Said::new(status, reason), groups)
}

fn planned(step: &Step, said: Said, groups: Vec<String>) -> PlannedStep {
    let why = if let Undo::PointOfNoReturn { why } = &step.undo { Some(why.clone()) } else { None };
    PlannedStep {
        id: step.id.clone(),
        action: step.action.kind().to_owned(),
        status: said.status,
        reason: said.reason.map(|reason| reason.trim().replace('\n', " ")).filter(|reason| !reason.is_empty()),
        diff: said.diff,
        detail: said.detail,
        groups,
        point_of_no_return: why,
        latest_start: None,
    }
}

/// For how long a step waits, or for what.
pub(super) fn wait_line(wait: &WaitAction, scope: &Scope) -> (PlanStatus, String) {
    let known = |text: &Template| render_text(&text.0, scope);
    match wait {
        WaitAction::For(Length::Known(pause)) => (PlanStatus::Reads, format!("waits for {}", written(*pause))),
        WaitAction::For(Length::Template(pause)) => match known(pause) {
            Ok(text) => match parse(&text) {
                Ok(pause) => (PlanStatus::Reads, format!("waits for {}", written(pause))),
                Err(error) => (PlanStatus::Unknown, error.to_string()),
            },
            Err(error) => (PlanStatus::Unknown, error.to_string()),
        },
        WaitAction::Steps(steps) => (PlanStatus::Reads, format!("waits for {}", steps.join(", "))),
        WaitAction::Until(moment) => match known(moment) {
            Ok(moment) => (PlanStatus::Reads, format!("waits until {moment}")),
            Err(error) => (PlanStatus::Unknown, error.to_string()),
        },
    }
}

/// What of the result would not let the step go on now.
fn criteria(step: &Step, unmet: Option<&str>, scope: &Scope) -> Vec<String> {
    let until = step.until.as_ref().map(|until| ("it would wait until", &until.that));
    let success = step.success.that.as_ref().map(|that| ("it would fail now:", that));
    let wanted = until.into_iter().chain(success.filter(|_| step.until.is_none()));
    let unmet =
        unmet.map(|unmet| format!("it would {} now: {unmet}", if step.until.is_some() { "wait" } else { "fail" }));
    let wanted = wanted.filter_map(|(said, that)| match truth(&that.0, scope) {
        Ok(true) => None,
        Ok(false) => Some(format!("{said} `{}`", that.0)),
        Err(error) => Some(format!("`{}`: {error}", that.0)),
    });
    unmet.into_iter().chain(wanted).collect()
}

fn seen(step: &Step, result: &StepResult) -> String {
    if step.sensitive && result.rows.is_none() {
        return "an answer that is not shown".to_owned();
    }
    if step.sensitive {
        return format!("{} rows, which are not shown", result.rows.as_ref().map_or(0, Vec::len));
    }
    if result.outputs.is_empty() {
        return look::summary(result);
    }
    look::fields(result.outputs.iter().map(|(name, value)| (name.as_str(), value)))
}

fn statements(status: PlanStatus, sql: &SqlCall, action: &Action) -> Said {
    let from = match action {
        Action::Sql(SqlAction { file: Some(file), .. }) => format!("{file} "),
        _ => String::new(),
    };
    let how = if sql.transaction { "in one transaction" } else { "each statement by itself" };
    let name = &sql.connection.name;
    let place = sql.connection.database.as_ref().map_or_else(|| name.clone(), |database| format!("{name}/{database}"));
    let mut detail: Vec<String> = sql.text.trim_end().lines().map(str::to_owned).collect();
    if !sql.variables.is_empty() {
        let names: Vec<&str> = sql.variables.keys().map(String::as_str).collect();
        detail.push(format!("with {}", names.join(", ")));
    }
    Said::new(status, format!("{from}on {place}, {how}")).detail(detail)
}

fn script_lines(status: PlanStatus, script: &str, process: &ProcessCall) -> Said {
    let lines: Vec<String> = script.trim().lines().map(str::to_owned).collect();
    let mut said = match lines.as_slice() {
        [line] => Said::new(status, line.clone()),
        _ => Said::new(status, format!("{} lines", lines.len())).detail(lines),
    };
    said.detail.extend(environment(process));
    said
}

fn arguments(status: PlanStatus, process: &ProcessCall) -> Said {
    Said::new(status, command_line(&process.argv)).detail(environment(process).into_iter().collect())
}

fn environment(process: &ProcessCall) -> Option<String> {
    let names: Vec<&str> = process.env.keys().map(String::as_str).collect();
    (!names.is_empty()).then(|| format!("env: {}", names.join(", ")))
}

/// Arguments as a shell would take them.
pub(super) fn command_line(argv: &[String]) -> String {
    let plain = |letter: char| letter.is_alphanumeric() || "-_./=:,@%+".contains(letter);
    let quoted = |argument: &String| {
        if !argument.is_empty() && argument.chars().all(plain) {
            argument.clone()
        } else {
            format!("'{}'", argument.replace('\'', r"'\''"))
        }
    };
    argv.iter().map(quoted).collect::<Vec<_>>().join(" ")
}
