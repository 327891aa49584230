//! The human view of a run. On a terminal one line for each finished step and a live line for the running one; without
//! one, a plain line for each event with its time.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use jiff::tz::TimeZone;

use super::countdown::Stage;
use super::ending::ending;
use super::progress::Live;
use super::terminal::{Looks, err, out};
use super::text::{cut, duration, escape, escape_lines, local_time, paint, seconds_between, wrap};
use super::view::{Countdown, Progress, Prompt, View};
use super::{failure, observed, question, requests};
use crate::model::call::label;
use crate::model::event::{Event, Outcome, Record, RunOutcome, Settlement};
use crate::model::parts::written;
use crate::model::question::{Choice, OpenQuestion, Question};
use crate::model::result::{Failure, OutputDigest};
use crate::model::runbook::Runbook;
use crate::model::status::Status;
use crate::model::step::Step;

/// Where text below a step's line begins.
const INDENT: usize = 8;

/// The widest column of step names; a longer one moves its own line only.
const MAX_ID: usize = 28;

/// The longest value of an output that is shown.
const MAX_VALUE: usize = 60;

/// What a screen has to know of a step.
#[derive(Debug, Clone, Copy, Default)]
struct Known {
    /// From 1, 0 for what stands beside the work.
    number: usize,
    kind: &'static str,
    line: usize,
}

impl Known {
    fn beside(step: &Step) -> Self {
        Self { number: 0, kind: step.action.kind(), line: step.line }
    }
}

/// Shows a run to people.
pub struct Human {
    looks: Looks,
    zone: TimeZone,
    live: Live,
    steps: BTreeMap<String, Known>,
    width: usize,
    folder: PathBuf,
    run: String,
    title: String,
    names: BTreeMap<String, String>,
    decided: Option<(String, String)>,
    /// The step whose failure was shown last, with its output.
    failed: Option<String>,
    stage: Option<Stage>,
    /// The cursor stands behind a question.
    at_prompt: bool,
    /// The steps that are in an attempt or an undo, and since when.
    under_way: BTreeMap<String, String>,
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
    /// For one run. `folder` is where its output is kept, `zone` that of the people who look.
    #[must_use]
    pub fn new(runbook: &Runbook, folder: PathBuf, looks: Looks, zone: TimeZone) -> Self {
        let mut steps = BTreeMap::new();
        for (index, step) in runbook.leaves().into_iter().enumerate() {
            let known = Known { number: index + 1, kind: step.action.kind(), line: step.line };
            steps.insert(step.id.clone(), known);
        }
        for (hook, hook_steps) in &runbook.hooks {
            for step in hook_steps {
                steps.insert(hook.step_name(&step.id), Known::beside(step));
            }
        }
        let width = steps.keys().map(String::len).filter(|width| *width <= MAX_ID).max().unwrap_or(0);
        for (name, step) in runbook.steps_by_name() {
            steps.entry(name).or_insert_with(|| Known::beside(step));
        }
        let title = runbook.title.clone().unwrap_or_else(|| runbook.name.clone());
        let live = Live::new(looks);
        let (run, names) = (String::new(), BTreeMap::new());
        let (decided, failed, stage, at_prompt) = (None, None, None, false);
        let under_way = BTreeMap::new();
        Self {
            looks,
            zone,
            live,
            steps,
            width,
            folder,
            run,
            title,
            names,
            decided,
            failed,
            stage,
            at_prompt,
            under_way,
        }
    }

    fn say(&mut self, mut text: String) {
        // What came from elsewhere does not stand behind what is asked here.
        if std::mem::take(&mut self.at_prompt) {
            text.insert(0, '\n');
        }
        let text = self.looks.fit(text);
        self.live.above(|| out(&text));
    }

    /// A step by its name in the journal, which has the items of loops.
    fn known(&self, step: &str) -> Known {
        self.steps.get(written(step)).copied().unwrap_or_default()
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
        let text = match (self.looks.is_terminal, self.looks.unicode) {
            (true, true) => fancy.to_owned(),
            // Lines of a screen stay in their columns.
            (true, false) => format!("{plain:<7}"),
            (false, _) => plain.to_owned(),
        };
        let style = color.map_or_else(Style::new, AnsiColor::on_default);
        paint(&text, style, self.looks.color)
    }

    fn step_line(&mut self, at: &str, mark: Mark, step: &str, said: &str) {
        let shown = self.mark(mark);
        let said = escape(said).replace('\t', " ");
        let line = if self.looks.is_terminal {
            let Known { number, kind, .. } = self.known(step);
            let number = if number == 0 { String::new() } else { number.to_string() };
            let columns = format!(" {number:>3}  {step:<width$}  {kind:<8}", width = self.width);
            let used = if self.looks.unicode { 2 } else { 8 } + columns.chars().count() + 2;
            if used + said.chars().count() <= self.looks.width {
                format!(" {shown}{columns}  {said}").trim_end().to_owned() + "\n"
            } else {
                format!(" {shown}{columns}\n") + &self.below(&said)
            }
        } else {
            format!("{} {shown} {step}: {said}\n", self.clock(at))
        };
        self.say(line);
    }

    /// A text in lines below a step's own.
    fn below(&self, text: &str) -> String {
        let lines = wrap(text, self.looks.width.saturating_sub(INDENT));
        lines.iter().fold(String::new(), |text, line| text + &format!("{:INDENT$}{line}\n", ""))
    }

    fn note(&mut self, at: &str, text: &str) {
        let text = escape_lines(text);
        let line = if self.looks.is_terminal {
            let lines = wrap(&text.replace('\n', " "), self.looks.width.saturating_sub(3));
            format!(" {} {}\n", self.mark(Mark::Note).trim_end(), lines.join("\n   "))
        } else {
            format!("{} {text}\n", self.clock(at))
        };
        self.say(line);
    }

    /// What a failed step was, why it failed, the last of its output, and where the rest is.
    fn failed(&mut self, step: &str, failure: Option<&Failure>, label: &str, output: &str) {
        let known = self.known(step);
        let name = self.names.get(step).filter(|name| *name != step).map(|name| format!("{}, ", escape(name)));
        let what = format!("{}{} at line {} of the runbook", name.unwrap_or_default(), known.kind, known.line);
        let mut text = if self.looks.is_terminal { self.below(&what) } else { format!("        {what}\n") };
        text += &failure.map_or_else(String::new, failure::causes);
        text += &failure::output(output, &self.folder, label);
        self.failed = Some(step.to_owned());
        self.say(text);
    }

    fn attempt_finished(&mut self, at: &str, event: &Event) {
        let Event::AttemptFinished { step, attempt, outcome, failure, duration_ms, output, result } = event else {
            return;
        };
        let took = duration(Duration::from_millis(*duration_ms).as_secs_f64());
        let decided = self.decided.take().filter(|(decided, _)| decided == step).map(|(_, said)| said);
        let why = failure.as_ref().map_or("", |failure| failure.message.as_str());
        match outcome {
            Outcome::Succeeded => {
                let tries = if *attempt > 1 { format!(", attempt {attempt}") } else { String::new() };
                let gave = result.outputs.iter().fold(String::new(), |text, (name, value)| {
                    text + "  " + name + " = " + &cut(&value.to_string(), MAX_VALUE)
                });
                let took = decided.unwrap_or(took);
                self.step_line(at, Mark::Done, step, &format!("{took}{tries}{gave}"));
            }
            Outcome::Failed | Outcome::TimedOut => {
                let failed = if *attempt > 1 { format!("attempt {attempt} failed") } else { "failed".to_owned() };
                let after = if decided.is_some() { String::new() } else { format!(" after {took}") };
                self.step_line(at, Mark::Failed, step, &format!("{failed}{after}: {why}"));
                let label = label(step, None, *attempt);
                // Of long output the record has only the beginning.
                let kept = if result.truncated { failure::kept(&self.folder, &label) } else { String::new() };
                let output = if kept.is_empty() { failure::output_of(result) } else { kept };
                self.failed(step, failure.as_ref(), &label, &output);
            }
            Outcome::Unknown => self.step_line(at, Mark::Unknown, step, &format!("nobody knows how it ended: {why}")),
            Outcome::UnknownMayRun => {
                let said = format!("nobody knows how it ended, and it may still run: {why}");
                self.step_line(at, Mark::Unknown, step, &said);
            }
        }
        self.left(at, step, output.as_ref());
    }

    /// What went on after a step.
    fn left(&mut self, at: &str, step: &str, output: Option<&OutputDigest>) {
        if let Some(left) = output.and_then(|output| failure::left(&output.left_behind)) {
            self.step_line(at, Mark::Note, step, &left);
        }
    }

    fn undo_finished(&mut self, at: &str, event: &Event) {
        let Event::UndoFinished { step, part, attempt, outcome, failure, duration_ms, output: kept } = event else {
            return;
        };
        let why = failure.as_ref().map_or("", |failure| failure.message.as_str());
        let decided = self.decided.take().filter(|(decided, _)| decided == step).map(|(_, said)| said);
        match outcome {
            Outcome::Succeeded => {
                let took = duration(Duration::from_millis(*duration_ms).as_secs_f64());
                let took = decided.unwrap_or(took);
                self.step_line(at, Mark::Undone, step, &format!("undone, {took}"));
            }
            Outcome::Failed | Outcome::TimedOut => {
                self.step_line(at, Mark::Failed, step, &format!("its undo failed: {why}"));
                let label = label(step, Some(*part), *attempt);
                let output = failure::kept(&self.folder, &label);
                self.failed(step, failure.as_ref(), &label, &output);
            }
            Outcome::Unknown | Outcome::UnknownMayRun => {
                self.step_line(at, Mark::Unknown, step, &format!("nobody knows how its undo ended: {why}"));
            }
        }
        self.left(at, step, kept.as_ref());
    }

    /// What happens to the undo of a step.
    fn undoing(&mut self, at: &str, event: &Event) {
        match event {
            Event::UndoFinished { .. } => self.undo_finished(at, event),
            Event::UndoSkipped { step, reason } => {
                self.step_line(at, Mark::Undone, step, &format!("nothing to undo: {reason}"));
            }
            Event::UndoRefused { step, failure, .. } => {
                self.step_line(at, Mark::Failed, step, &format!("its undo did not begin: {}", failure.message));
            }
            Event::UndoSettled { step, reason, .. } => self.step_line(at, Mark::Passed, step, reason),
            Event::UndoAbandoned { step, by, reason } => {
                self.step_line(at, Mark::Note, step, &format!("{by} leaves its undo as it is: {reason}"));
            }
            other => self.asked_for(at, other),
        }
    }

    /// Which steps are under way, and since when. What ran while a question was asked is shown again after its answer.
    fn follow(&mut self, record: &Record) {
        match &record.event {
            Event::AttemptStarted { step, .. } | Event::UndoStarted { step, .. } => {
                self.under_way.insert(step.clone(), record.at.clone());
            }
            Event::AttemptFinished { step, .. }
            | Event::StepSettled { step, .. }
            | Event::UndoFinished { step, .. }
            | Event::UndoSettled { step, .. } => drop(self.under_way.remove(step)),
            Event::DecisionMade { .. } => {
                let acts = |step: &str| !matches!(self.known(step).kind, "confirm" | "manual");
                let runs = self.under_way.iter().filter(|(step, _)| acts(step));
                let runs: Vec<(String, String)> = runs.map(|(step, since)| (step.clone(), since.clone())).collect();
                if !runs.is_empty() && std::mem::take(&mut self.at_prompt) {
                    err("\n");
                }
                for (step, since) in &runs {
                    let ago = seconds_between(since, &record.at).unwrap_or_default();
                    self.live.go_on(step, Duration::try_from_secs_f64(ago).unwrap_or_default());
                }
            }
            _ => {}
        }
    }

    /// A question in one line. One about an attempt is told whole where the run halts.
    fn asked(&mut self, at: &str, step: &str, question: Question, text: &str) {
        let is_short = matches!(question, Question::Confirm | Question::Manual);
        let lines: Vec<&str> = text.lines().take(if is_short { usize::MAX } else { 1 }).collect();
        self.step_line(at, Mark::Note, step, &format!("asks: {}", lines.join(", ")));
    }

    /// An answer. That to a step which asks is kept for the line that ends the step.
    fn decided(&mut self, at: &str, step: &str, choice: Choice, by: &str, reason: &str) {
        let why = if reason.is_empty() { String::new() } else { format!(": {reason}") };
        let said = format!("{by} answered {}{why}", choice.as_str());
        let kind = self.known(step).kind;
        let ends = matches!(choice, Choice::Yes | Choice::No | Choice::Succeeded | Choice::Failed);
        if matches!(kind, "confirm" | "manual") && ends && self.looks.is_terminal {
            self.decided = Some((step.to_owned(), said));
        } else {
            self.step_line(at, Mark::Passed, step, &said);
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

    /// On a terminal always, else at its turns.
    fn window(&mut self, countdown: &Countdown) {
        let (stage, said) = (countdown.stage(), countdown.line(&self.zone));
        if self.looks.is_terminal {
            self.live.set_window(&said);
        } else if self.stage.is_none_or(|before| before < stage) {
            self.stage = Some(stage);
            self.note(&countdown.now.to_string(), &said);
        }
    }

    fn jumped(&mut self, at: &str, by_ms: i64) {
        let by = duration(Duration::from_millis(by_ms.unsigned_abs()).as_secs_f64());
        let way = if by_ms > 0 { "forward" } else { "back" };
        self.note(at, &format!("the wall clock jumped {way} by {by}"));
    }

    fn began(&mut self, run: &str, more: &str) {
        run.clone_into(&mut self.run);
        let line = format!("Run {run}  ·  {}{more}\n", escape_lines(&self.title));
        self.say(line);
    }

    /// The time of day of a record's moment.
    fn clock(&self, at: &str) -> String {
        local_time(at, &self.zone, "%H:%M:%S")
    }
}

/// Stands for lines that were left out because nobody read for long. What they said is in the log.
#[must_use]
pub fn dropped(count: u64) -> String {
    format!("... {count} lines were left out here while nobody read; runbook audit show has all of it\n")
}

impl Human {
    /// What people, the window and the clock want of a run.
    fn asked_for(&mut self, at: &str, event: &Event) {
        match event {
            Event::StopRequested { by, reason } if matches!(by.as_str(), "window" | "clock" | "runbook") => {
                self.note(at, &format!("stopping: {reason}"));
            }
            Event::OverrideGiven { what, by, reason } => self.note(at, &format!("{what}, allowed by {by}: {reason}")),
            Event::ClockJumped { by_ms } => self.jumped(at, *by_ms),
            Event::StopRequested { by, reason } => self.note(at, &requests::stop(by, reason)),
            Event::SkipRequested { step, by, reason } => {
                self.step_line(at, Mark::Note, step, &format!("{by} wants it left out: {reason}"));
            }
            Event::RequestWithdrawn { step, by } => self.note(at, &requests::withdrawn(step.as_deref(), by)),
            _ => {}
        }
    }
}

impl View for Human {
    fn record(&mut self, record: &Record) {
        let at = record.at.as_str();
        match &record.event {
            Event::RunStarted { .. } => self.began(&record.run, ""),
            Event::RunResumed { .. } => self.began(&record.run, "  ·  taken up again"),
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
                self.failed(step, Some(failure), "", "");
            }
            Event::AttemptStarted { step, attempt, .. } if !self.looks.is_terminal => {
                self.step_line(at, Mark::Passed, step, &format!("attempt {attempt} begins"));
            }
            Event::AttemptFinished { .. } => self.attempt_finished(at, &record.event),
            Event::ArtifactsKept { step, files, missing, .. } => {
                let more = missing.iter().fold(String::new(), |text, why| text + "; " + why);
                let said = format!("{}{more}", observed::counted(files, &[]));
                self.step_line(at, Mark::Passed, step, &said);
            }
            Event::StepSettled { step, r#as, reason, .. } => {
                let (mark, word) = match r#as {
                    Settlement::Succeeded => (Mark::Done, "settled as succeeded"),
                    Settlement::Failed => (Mark::Failed, "settled as failed"),
                    Settlement::NotStarted => (Mark::Passed, "settled as not started"),
                    Settlement::RunAgain => (Mark::Passed, "to be run again"),
                };
                self.step_line(at, mark, step, &format!("{word}: {reason}"));
            }
            Event::RollbackStarted { reason, .. } => self.note(at, &format!("rolling back: {reason}")),
            Event::HookFinished { hook, outcome: Outcome::Failed, detail } => {
                let hook = hook.as_str();
                self.note(at, &format!("hook {hook} failed, and the run goes on: {}", detail.as_deref().unwrap_or("")));
            }
            Event::QuestionAsked { step, question, text, .. } if !self.looks.is_terminal => {
                self.asked(at, step, *question, text);
            }
            Event::DecisionMade { step, choice, by, reason, .. } => self.decided(at, step, *choice, by, reason),
            Event::RunFinished { outcome, .. } => self.finished_line(at, *outcome),
            other => self.undoing(at, other),
        }
        self.follow(record);
    }

    fn progress(&mut self, progress: &Progress) {
        if let Progress::Running { step, name, .. } = progress {
            self.names.insert(step.clone(), name.clone());
        }
        match progress {
            Progress::Window(countdown) => self.window(countdown),
            Progress::Ending(at) => {
                self.note(&at.to_string(), "ending what runs now: a program gets TERM, and KILL after 10 s");
            }
            other => self.live.show(other),
        }
    }

    fn question(&mut self, question: &OpenQuestion) {
        let is_shown = question.question == Question::Failure && self.failed.as_ref() == Some(&question.step);
        let text = question::text(question, if is_shown { 1 } else { usize::MAX }, &self.run, self.looks.width);
        self.live.pause();
        err(&self.looks.fit(text));
    }

    fn prompt(&mut self, prompt: &Prompt<'_>) {
        err(&question::prompt(prompt));
        self.at_prompt = true;
    }

    fn typed(&mut self) {
        self.at_prompt = false;
    }

    fn not_understood(&mut self, why: &str) {
        err(&self.looks.fit(format!("  {}\n", escape_lines(why))));
    }

    fn finished(&mut self, status: &Status) {
        self.live.clear();
        out(&self.looks.fit(ending(status)));
    }
}
