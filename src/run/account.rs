//! What a person has to know before answering about an attempt: what ran, who acted, what is left of it, what it wrote.

use std::time::Duration;

use super::session::Session;
use crate::action::execute::Executor;
use crate::action::redact::redact;
use crate::engine::state::StepFold;
use crate::model::call::{Call, ProcessCall, Ticket, label};
use crate::model::event::Intent;
use crate::model::result::{FailureKind, Leftover};
use crate::model::step::{Action, Step};
use crate::report::failure::kept;
use crate::report::text::{cut, tail};
use crate::report::view::View;

/// How many lines of a script, a statement, or of output are shown.
const LINES: usize = 20;

/// The longest line that is shown.
const WIDTH: usize = 200;

/// How long a server may be asked what is left of an attempt.
const PATIENCE: Duration = Duration::from_secs(10);

impl<H: Executor, V: View> Session<H, V> {
    /// An attempt that nobody saw the end of.
    pub(super) async fn unknown(&self, name: &str) -> String {
        let step = self.step(name);
        let (fold, may_run) = self.folded(name, |fold| fold.may_run);
        let reason = fold.reason.clone().unwrap_or_default();
        let left = fold.failure.as_ref().is_some_and(|failure| failure.kind == FailureKind::LeftBehind);
        let mut lines = if left {
            let warning = "Another attempt would run beside them: end them first, or be sure that they do no harm.";
            vec![format!("{name} is not tried again: {reason}."), warning.to_owned()]
        } else {
            vec![
                format!("Nobody recorded how attempt {} of {name} ended{}.", fold.attempts, since(&fold)),
                "It may have had its effect or not.".to_owned(),
            ]
        };
        lines.extend((may_run && !left).then(still_runs));
        let call = self.call(name, &step.action).await.ok().flatten();
        lines.extend(self.ran(&step, call.as_ref()));
        if !left {
            lines.push(format!("evidence: {reason}"));
        }
        if let Some(intent) = &fold.intent {
            lines.extend(self.traced(intent, call.as_ref(), &self.ticket(name, fold.attempts, None, &step)).await);
        }
        lines.extend(self.output_of(&step, &label(name, None, fold.attempts)));
        lines.join("\n")
    }

    /// A part of an undo that nobody saw the end of.
    pub(super) async fn undo_unknown(&self, name: &str) -> String {
        let (fold, may_run) = self.folded(name, |fold| fold.undo.may_run);
        let (part, attempt) = (fold.undo.part, fold.undo.attempts);
        let reason = fold.undo.reason.clone().unwrap_or_default();
        let mut lines = vec![
            format!("Nobody recorded how attempt {attempt} of the undo of {name} ended{}.", since(&fold)),
            "It may have been carried out or not.".to_owned(),
        ];
        lines.extend(may_run.then(still_runs));
        let what = self.part(name, part);
        let call = self.undo_call(name, &what).await.ok().flatten();
        lines.extend(self.ran(what.step(), call.as_ref()));
        lines.push(format!("evidence: {reason}"));
        if let Some(intent) = &fold.undo.intent {
            lines
                .extend(self.traced(intent, call.as_ref(), &self.ticket(name, attempt, Some(part), what.step())).await);
        }
        lines.extend(self.output_of(what.step(), &label(name, Some(part), attempt)));
        lines.join("\n")
    }

    /// A step that failed, and what it wrote.
    pub(super) async fn failed(&self, name: &str) -> String {
        let Some(fold) = self.log.read(|engine| engine.fold(name).cloned()) else {
            return format!("{name} failed");
        };
        let step = self.step(name);
        let mut lines = vec![format!("{name} failed: {}", fold.reason.clone().unwrap_or_default())];
        if fold.attempts > 0 {
            let call = self.call(name, &step.action).await.ok().flatten();
            lines.extend(self.ran(&step, call.as_ref()));
            lines.extend(self.output_of(&step, &label(name, None, fold.attempts)));
        }
        if !fold.left_behind.is_empty() {
            lines.push(format!("it left processes running: {}", Leftover::listed(&fold.left_behind)));
        }
        lines.join("\n")
    }

    fn folded(&self, name: &str, may_run: impl Fn(&StepFold) -> bool) -> (StepFold, bool) {
        let fold = self.log.read(|engine| engine.fold(name).cloned()).unwrap_or_default();
        let may_run = may_run(&fold);
        (fold, may_run)
    }

    /// What ran, without secrets.
    fn ran(&self, step: &Step, call: Option<&Call>) -> Vec<String> {
        let Some(call) = call else { return Vec::new() };
        let (head, text) = match (call, &step.action) {
            (Call::Process(call), Action::Shell { script, .. }) => {
                (format!("it ran on local, in {}:", call.cwd.display()), script.clone())
            }
            (Call::Process(call), _) => (format!("it ran on local, in {}:", call.cwd.display()), command_line(call)),
            (Call::Sql(call) | Call::Query(call), _) => {
                let values: Vec<String> =
                    call.variables.iter().map(|(name, value)| format!("-- {name} = {}", value.0)).collect();
                let text = [call.text.trim_end().to_owned()].into_iter().chain(values).collect::<Vec<_>>().join("\n");
                let kind = if call.transaction { "in one transaction" } else { "one statement at a time" };
                (format!("it ran on {}, {kind}:", call.connection.name), text)
            }
            (Call::Http(call), _) => return vec![format!("it sends {} {}", call.method, call.url)],
            (Call::File(call), _) => return vec![format!("it makes the file {}", call.path.display())],
            (Call::Restore(call), _) => return vec![format!("it puts {} back as it was", call.intent.path)],
        };
        [head].into_iter().chain(block(&self.without_secrets(&text), LINES)).collect()
    }

    async fn traced(&self, intent: &Intent, call: Option<&Call>, ticket: &Ticket) -> Vec<String> {
        let looked = tokio::time::timeout(PATIENCE, self.hands.trace(intent, call, ticket)).await;
        looked.unwrap_or_else(|_| vec!["what is left of it could not be looked at".to_owned()])
    }

    /// The last of what an attempt wrote, as it is kept, and where all of it is.
    fn output_of(&self, step: &Step, label: &str) -> Vec<String> {
        let text = if step.sensitive { String::new() } else { kept(&self.folder.path, label) };
        if text.is_empty() {
            return Vec::new();
        }
        let head = if text.lines().count() > LINES { "the last lines that it wrote:" } else { "it wrote:" };
        let place = format!("all of it: {}.std*", self.folder.path.join("output").join(label).display());
        let last = tail(&text, LINES).join("\n");
        [head.to_owned()].into_iter().chain(block(&last, LINES)).chain([place]).collect()
    }

    fn without_secrets(&self, text: &str) -> String {
        let secrets = self.log.values.known_secrets();
        match redact(text.as_bytes(), &secrets) {
            Ok(clean) => String::from_utf8_lossy(&clean).into_owned(),
            Err(_) => "(not shown: its secrets could not be removed)".to_owned(),
        }
    }
}

fn since(fold: &StepFold) -> String {
    fold.began.as_ref().map_or_else(String::new, |at| format!("; it began at {at}"))
}

fn still_runs() -> String {
    "It may still be running: make sure that it is over.".to_owned()
}

/// The first lines of a text, each behind a bar.
fn block(text: &str, most: usize) -> Vec<String> {
    let all = text.lines().count();
    let mut lines: Vec<String> = text.lines().take(most).map(|line| format!("| {}", cut(line, WIDTH))).collect();
    if all > most {
        lines.push(format!("| … and {} more", all - most));
    }
    lines
}

/// A command as it would be typed.
fn command_line(call: &ProcessCall) -> String {
    let is_plain = |word: &str| {
        !word.is_empty() && word.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_./:=@%+,".contains(letter))
    };
    let quoted =
        |word: &String| if is_plain(word) { word.clone() } else { format!("'{}'", word.replace('\'', r"'\''")) };
    call.argv.iter().map(quoted).collect::<Vec<_>>().join(" ")
}
