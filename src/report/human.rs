//! The human view of a run. On a terminal one line for each finished step and a live line for the running one; without
//! one, a plain line for each event with its time.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use anstyle::{AnsiColor, Style};

use super::progress::Live;
use super::terminal::{Looks, err, out};
use super::text::{count, duration, escape, escape_lines, tail};
use super::view::{Progress, Prompt, View};
use crate::model::event::{Event, Outcome, Question, Record, RunOutcome, Settlement};
use crate::model::result::{Failure, StepResult};
use crate::model::runbook::Runbook;
use crate::model::status::{OpenQuestion, RunState, Status, StepState};

/// How many lines of a failed step's output are shown.
const TAIL: usize = 20;

/// Shows a run to people.
pub struct Human {
    looks: Looks,
    live: Live,
    numbers: BTreeMap<String, (usize, &'static str)>,
    width: usize,
    folder: String,
    title: String,
}

/// What a line about a step begins with.
#[derive(Debug, Clone, Copy)]
enum Mark {
    Done,
    Passed,
    Failed,
    Unknown,
    Undone,
    Note,
}

impl Human {
    /// For one run. `folder` is where its output is kept.
    #[must_use]
    pub fn new(runbook: &Runbook, folder: String, looks: Looks) -> Self {
        let mut numbers = BTreeMap::new();
        for (index, step) in runbook.leaves().into_iter().enumerate() {
            numbers.insert(step.id.clone(), (index + 1, step.action.kind()));
        }
        for (hook, steps) in &runbook.hooks {
            for step in steps {
                numbers.insert(format!("{}/{}", hook.as_str(), step.id), (0, step.action.kind()));
            }
        }
        let width = numbers.keys().map(String::len).max().unwrap_or(0).min(32);
        let title = runbook.title.clone().unwrap_or_else(|| runbook.name.clone());
        Self { looks, live: Live::new(looks), numbers, width, folder, title }
    }

    fn say(&mut self, text: &str) {
        self.live.above(|| out(text));
    }

    fn mark(&self, mark: Mark) -> String {
        let (fancy, plain, color) = match mark {
            Mark::Done => ("✓", "ok", Some(AnsiColor::Green)),
            Mark::Passed => ("·", "--", None),
            Mark::Failed => ("✗", "FAILED", Some(AnsiColor::Red)),
            Mark::Unknown => ("?", "UNKNOWN", Some(AnsiColor::Yellow)),
            Mark::Undone => ("↩", "undone", Some(AnsiColor::Cyan)),
            Mark::Note => ("!", "note", Some(AnsiColor::Yellow)),
        };
        let text = if self.looks.unicode && self.looks.is_terminal { fancy } else { plain };
        match color.filter(|_| self.looks.color) {
            Some(color) => {
                let style = Style::new().fg_color(Some(color.into()));
                format!("{style}{text}{style:#}")
            }
            None => text.to_owned(),
        }
    }

    fn step_line(&mut self, at: &str, mark: Mark, step: &str, said: &str) {
        let mark = self.mark(mark);
        let (number, kind) = self.numbers.get(step).copied().unwrap_or((0, ""));
        let width = self.width;
        let said = escape(said);
        let line = if self.looks.is_terminal {
            let number = if number == 0 { String::new() } else { number.to_string() };
            format!(" {mark} {number:>3}  {step:<width$}  {kind:<8}  {said}\n")
        } else {
            format!("{} {mark} {step}: {said}\n", clock(at))
        };
        self.say(&line);
    }

    fn note(&mut self, at: &str, text: &str) {
        let mark = self.mark(Mark::Note);
        let text = escape_lines(text);
        let line = if self.looks.is_terminal { format!(" {mark} {text}\n") } else { format!("{} {text}\n", clock(at)) };
        self.say(&line);
    }

    fn failure(&mut self, step: &str, label: &str, failure: Option<&Failure>, result: Option<&StepResult>) {
        let mut text = String::new();
        for cause in failure.iter().flat_map(|failure| &failure.chain) {
            let _infallible = writeln!(text, "        because: {}", escape(cause));
        }
        let output = result.map(|result| {
            let texts = [result.stdout.as_deref(), result.stderr.as_deref()];
            texts.into_iter().flatten().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n")
        });
        if let Some(output) = output.filter(|output| !output.is_empty()) {
            for line in tail(&escape_lines(&output), TAIL) {
                let _infallible = writeln!(text, "      | {line}");
            }
            let file = step.replace('/', "~");
            let _infallible = writeln!(text, "      all of it: {}/output/{file}.{label}.*", self.folder);
        }
        if !text.is_empty() {
            self.say(&text);
        }
    }

    fn attempt_finished(&mut self, at: &str, event: &Event) {
        let Event::AttemptFinished { step, attempt, outcome, failure, duration_ms, result, .. } = event else {
            return;
        };
        let took = duration(Duration::from_millis(*duration_ms).as_secs_f64());
        let why = failure.as_ref().map_or("", |failure| failure.message.as_str());
        match outcome {
            Outcome::Succeeded => {
                let tries = if *attempt > 1 { format!(", attempt {attempt}") } else { String::new() };
                let gave = result
                    .outputs
                    .iter()
                    .fold(String::new(), |text, (name, value)| text + "  " + name + " = " + &value.to_string());
                self.step_line(at, Mark::Done, step, &format!("{took}{tries}{gave}"));
            }
            Outcome::Failed | Outcome::TimedOut => {
                self.step_line(at, Mark::Failed, step, &format!("attempt {attempt} failed after {took}: {why}"));
                self.failure(step, &attempt.to_string(), failure.as_ref(), Some(result));
            }
            Outcome::Unknown => self.step_line(at, Mark::Unknown, step, &format!("nobody knows how it ended: {why}")),
            Outcome::UnknownMayRun => {
                self.step_line(
                    at,
                    Mark::Unknown,
                    step,
                    &format!("nobody knows how it ended, and it may still run: {why}"),
                );
            }
        }
    }

    fn undo_finished(&mut self, at: &str, event: &Event) {
        let Event::UndoFinished { step, part, attempt, outcome, failure, duration_ms, .. } = event else { return };
        let why = failure.as_ref().map_or("", |failure| failure.message.as_str());
        match outcome {
            Outcome::Succeeded => {
                let took = duration(Duration::from_millis(*duration_ms).as_secs_f64());
                self.step_line(at, Mark::Undone, step, &format!("undone, {took}"));
            }
            Outcome::Failed | Outcome::TimedOut => {
                self.step_line(at, Mark::Failed, step, &format!("its undo failed: {why}"));
                self.failure(step, &format!("undo{part}.{attempt}"), failure.as_ref(), None);
            }
            Outcome::Unknown | Outcome::UnknownMayRun => {
                self.step_line(at, Mark::Unknown, step, &format!("nobody knows how its undo ended: {why}"));
            }
        }
    }

    fn finished_line(&mut self, at: &str, outcome: RunOutcome) {
        if !self.looks.is_terminal {
            let word = match outcome {
                RunOutcome::Succeeded => "the run succeeded",
                RunOutcome::Failed => "the run failed",
                RunOutcome::Stopped => "the run stopped",
                RunOutcome::RolledBack => "the run is rolled back",
                RunOutcome::PartlyRolledBack => "the run is partly rolled back",
                RunOutcome::Stuck => "the rollback is stuck",
            };
            self.note(at, word);
        }
    }
}

impl View for Human {
    fn record(&mut self, record: &Record) {
        let at = record.at.as_str();
        match &record.event {
            Event::RunStarted { .. } => {
                let line = format!("Run {}  ·  {}\n", record.run, escape_lines(&self.title));
                self.say(&line);
            }
            Event::RunResumed { .. } => self.note(at, &format!("run {} is taken up again", record.run)),
            Event::JournalRecovered { cut_bytes, .. } => {
                self.note(at, &format!("a torn last record of {cut_bytes} bytes was cut from the journal"));
            }
            Event::StepSkipped { step, reason } => {
                self.step_line(at, Mark::Passed, step, &format!("skipped, {reason}"));
            }
            Event::StepInPlace { step, reason } => {
                self.step_line(at, Mark::Passed, step, &format!("in place, {reason}"));
            }
            Event::StepRefused { step, failure, .. } => {
                self.step_line(at, Mark::Failed, step, &format!("did not begin: {}", failure.message));
                self.failure(step, "", Some(failure), None);
            }
            Event::AttemptStarted { step, attempt, .. } if !self.looks.is_terminal => {
                self.step_line(at, Mark::Passed, step, &format!("attempt {attempt} begins"));
            }
            Event::AttemptFinished { .. } => self.attempt_finished(at, &record.event),
            Event::StepSettled { step, r#as, reason, .. } => {
                let (mark, word) = match r#as {
                    Settlement::Succeeded => (Mark::Done, "settled as succeeded"),
                    Settlement::Failed => (Mark::Failed, "settled as failed"),
                    Settlement::NotStarted => (Mark::Passed, "settled as not started"),
                    Settlement::RunAgain => (Mark::Passed, "to be run again"),
                };
                self.step_line(at, mark, step, &format!("{word}: {reason}"));
            }
            Event::UndoFinished { .. } => self.undo_finished(at, &record.event),
            Event::UndoSkipped { step, reason } => {
                self.step_line(at, Mark::Undone, step, &format!("nothing to undo: {reason}"));
            }
            Event::UndoRefused { step, failure, .. } => {
                self.step_line(at, Mark::Failed, step, &format!("its undo did not begin: {}", failure.message));
            }
            Event::UndoSettled { step, reason, .. } => self.step_line(at, Mark::Passed, step, reason),
            Event::StopRequested { .. } => self.note(at, "stopping after this step; once more ends the step itself"),
            Event::RollbackStarted { reason, .. } => self.note(at, &format!("rolling back: {reason}")),
            Event::HookFinished { hook, outcome: Outcome::Failed, detail } => {
                self.note(at, &format!("hook {} failed: {}", hook.as_str(), detail.as_deref().unwrap_or("")));
            }
            Event::QuestionAsked { step, text, .. } if !self.looks.is_terminal => {
                self.step_line(at, Mark::Note, step, &format!("asks: {}", text.replace('\n', ", ")));
            }
            Event::DecisionMade { step, choice, by, reason, .. } => {
                let why = if reason.is_empty() { String::new() } else { format!(" ({reason})") };
                self.step_line(at, Mark::Passed, step, &format!("{by} answered {}{why}", choice.as_str()));
            }
            Event::RunFinished { outcome, .. } => self.finished_line(at, *outcome),
            _ => {}
        }
    }

    fn progress(&mut self, progress: &Progress) {
        self.live.show(progress);
    }

    fn question(&mut self, question: &OpenQuestion) {
        let what = match question.question {
            Question::Confirm => "go or no-go",
            Question::Manual => "to be done by hand",
            Question::Unknown | Question::UndoUnknown => "unknown outcome",
            Question::Failure => "failed",
        };
        let mut text = format!("\n  {} ({what})\n", question.step);
        for line in escape_lines(&question.text).lines() {
            let _infallible = writeln!(text, "    {line}");
        }
        for choice in &question.choices {
            let _infallible = writeln!(text, "    {:<12} {}", choice.as_str(), meaning(question.question, *choice));
        }
        self.live.pause();
        err(&text);
    }

    fn prompt(&mut self, prompt: &Prompt<'_>) {
        let text = match prompt {
            Prompt::Choice(choices) => {
                let words: Vec<&str> = choices.iter().map(|choice| choice.as_str()).collect();
                format!("  {}? ", words.join(" / "))
            }
            Prompt::Reason { required: true } => "  why (needed)? ".to_owned(),
            Prompt::Reason { required: false } => "  note (may be empty)? ".to_owned(),
            Prompt::Value { name, kind } => format!("  {name} ({})? ", kind.as_str()),
        };
        err(&text);
    }

    fn not_understood(&mut self, why: &str) {
        err(&format!("  {}\n", escape_lines(why)));
    }

    fn finished(&mut self, status: &Status) {
        self.live.clear();
        out(&ending(status));
    }
}

/// What an answer does.
fn meaning(question: Question, choice: crate::model::event::Choice) -> &'static str {
    use crate::model::event::Choice;
    match (question, choice) {
        (Question::Unknown, Choice::Succeeded) => "it had its effect: go on after it",
        (Question::Unknown, Choice::Failed) => "it is not as wanted: treated as a failure of the step",
        (Question::Unknown, Choice::NotStarted) => "it had no effect: it is run now",
        (Question::Unknown, Choice::RunAgain) => "it is over and may be run once more",
        (Question::UndoUnknown, Choice::Succeeded) => "it is undone: go on with the rollback",
        (Question::UndoUnknown, Choice::Failed) => "it is not undone: the rollback is stuck here",
        (Question::UndoUnknown, Choice::RunAgain) => "it is over: the undo is run once more",
        (Question::Manual, Choice::Succeeded) => "it is done",
        (Question::Manual, Choice::Failed) => "it could not be done",
        (_, Choice::Yes) => "go",
        (_, Choice::No) => "no-go: the step fails",
        (_, Choice::Retry) => "try the step once more",
        (_, Choice::Skip) => "leave it failed and go on",
        (_, Choice::Rollback) => "undo what was done",
        (_, Choice::Stop) => "end here, to be resumed later",
        _ => "",
    }
}

/// The last lines: how it ended, what is left, what to type next.
#[must_use]
pub fn ending(status: &Status) -> String {
    let of = |state: StepState| status.steps.iter().filter(|step| step.state == state).count();
    let run = &status.run;
    let done = of(StepState::Succeeded);
    let first = match status.state {
        RunState::Succeeded if status.remaining.is_empty() => {
            let rest = of(StepState::InPlace) + of(StepState::Skipped);
            let rest = if rest > 0 { format!(", {rest} in place or skipped") } else { String::new() };
            format!("Succeeded: {} done{rest}.", count(done, "step"))
        }
        RunState::Succeeded => {
            let names: Vec<&str> = status.remaining.iter().map(|remaining| remaining.step.as_str()).collect();
            format!("Succeeded, but {} failed and was passed over.", names.join(", "))
        }
        RunState::Failed => "Failed, and nothing was undone.".to_owned(),
        RunState::Stopped => "Stopped.".to_owned(),
        RunState::Blocked => "A person has to answer before this can go on.".to_owned(),
        RunState::Running | RunState::RollingBack => "Not at its end.".to_owned(),
        RunState::RolledBack => {
            format!("Rolled back whole: {} undone.", count(of(StepState::Undone), "step"))
        }
        RunState::PartlyRolledBack => "Rolled back in part.".to_owned(),
        RunState::Stuck => "The rollback is stuck.".to_owned(),
    };
    let mut text = format!("\n{first}\n");
    for remaining in &status.remaining {
        let _infallible = writeln!(text, "  remains: {}: {}", remaining.step, escape(&remaining.reason));
    }
    if let Some(question) = &status.question {
        let _infallible =
            writeln!(text, "  {} asks: {}", question.step, escape_lines(&question.text).replace('\n', "\n    "));
        let words: Vec<&str> = question.choices.iter().map(|choice| choice.as_str()).collect();
        let _infallible = writeln!(
            text,
            "  next: runbook answer {run} {} {} --reason \"…\", then runbook resume {run}",
            question.step,
            words.join("|")
        );
    } else {
        let next = match status.state {
            RunState::Failed | RunState::Stopped | RunState::Running | RunState::RollingBack => {
                format!("runbook resume {run}, or runbook rollback {run}")
            }
            RunState::Stuck => {
                let step = status.steps.iter().find(|step| step.state == StepState::UndoFailed);
                let step = step.map_or("STEP", |step| step.id.as_str());
                format!(
                    "mend what stands in the way, then runbook rollback {run}; or undo it by hand, then runbook answer \
                     {run} {step} succeeded --reason \"…\""
                )
            }
            _ => format!("runbook audit show {run}"),
        };
        let _infallible = writeln!(text, "  next: {next}");
    }
    text
}

/// The time of day of a record's moment, in UTC.
fn clock(at: &str) -> &str {
    at.get(11..19).unwrap_or(at)
}
