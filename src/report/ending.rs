//! The last lines about a run: how it ended, what is left, and what to type next.

use std::fmt::Write as _;

use super::question::answer;
use super::requests;
use super::text::{count, escape, escape_lines};
use crate::model::question::{Consequence, OpenQuestion};
use crate::model::status::{RunState, Status, StepState, StepStatus};

/// Who stops a run that does not fit its window any more.
const WINDOW: &str = "window";

/// A command, and what it does.
type Next = (String, String);

/// How it ended or where it stands, what is left, what to type next.
#[must_use]
pub fn ending(status: &Status) -> String {
    let mut text = format!("\n{}\n", outcome(status));
    for remaining in &status.remaining {
        let _infallible = writeln!(text, "  remains: {}: {}", escape(&remaining.step), escape(&remaining.reason));
    }
    if let Some(folder) = &status.artifacts {
        let _infallible = writeln!(text, "  files that steps left: {}", escape(folder));
    }
    text + &asked(status) + &commands(&next(status))
}

/// What a run asks that somebody executes, and how to answer it; nothing where it asks nothing.
#[must_use]
pub fn asking(status: &Status) -> String {
    let Some(question) = &status.question else { return String::new() };
    format!("\n{}{}", asked(status), commands(&words(&status.run, question)))
}

fn asked(status: &Status) -> String {
    let Some(question) = &status.question else { return String::new() };
    let mut text = format!("  {} asks:\n", escape(&question.step));
    for line in escape_lines(&question.text).lines() {
        let _infallible = writeln!(text, "{}", format!("    {line}").trim_end());
    }
    text
}

fn commands(next: &[Next]) -> String {
    let mut text = String::new();
    for (at, (command, does)) in next.iter().enumerate() {
        let head = if at == 0 { "next:" } else { "" };
        let _infallible = writeln!(text, "  {head:<5} {command}");
        if !does.is_empty() {
            let _infallible = writeln!(text, "          {does}");
        }
    }
    text
}

fn outcome(status: &Status) -> String {
    let of = |state: StepState| status.steps.iter().filter(|step| step.state == state).count();
    match status.state {
        RunState::Succeeded if status.remaining.is_empty() => {
            let rest = of(StepState::InPlace) + of(StepState::Skipped);
            let rest = if rest > 0 { format!(", {rest} in place or skipped") } else { String::new() };
            format!("Succeeded: {} done{rest}.", count(of(StepState::Succeeded), "step"))
        }
        RunState::Succeeded => {
            let names: Vec<&str> = status.remaining.iter().map(|remaining| remaining.step.as_str()).collect();
            format!("Succeeded, but {} failed and was passed over.", names.join(", "))
        }
        RunState::Failed => match failed(status) {
            Some((number, step)) => {
                let why = step.reason.as_ref().map_or_else(String::new, |reason| format!(": {}", escape(reason)));
                format!("Failed at step {number}, {}{why}\nNothing was undone.", escape(&step.id))
            }
            None => "Failed, and nothing was undone.".to_owned(),
        },
        RunState::Stopped => stopped(status),
        RunState::Blocked => "A person has to answer before this can go on.".to_owned(),
        RunState::Running | RunState::RollingBack => "Not at its end: its executor is gone.".to_owned(),
        RunState::RolledBack => {
            format!("Rolled back whole: {} undone.", count(of(StepState::Undone), "step"))
        }
        RunState::PartlyRolledBack => "Rolled back in part.".to_owned(),
        RunState::Stuck => "The rollback is stuck.".to_owned(),
    }
}

/// Where it stopped, and why where that was not Ctrl-C at its terminal.
fn stopped(status: &Status) -> String {
    let undone = status.steps.iter().filter(|step| step.state == StepState::Undone).count();
    let is_going_back = status.stopped.as_ref().is_some_and(|stopped| stopped.rolling_back);
    let place = match (next_step(status), is_going_back) {
        (Some(step), true) => format!(" while rolling back, at {}", escape(&step.id)),
        (None, true) => " while rolling back".to_owned(),
        (Some(step), false) if has_failed(step) => format!(" after {} failed", escape(&step.id)),
        (Some(step), false) => format!(" before {}", escape(&step.id)),
        (None, false) => String::new(),
    };
    let undone = match (is_going_back, undone) {
        (false, _) => "Nothing was undone.".to_owned(),
        (true, 0) => "Nothing is undone yet.".to_owned(),
        (true, undone) => format!("{} undone so far.", count(undone, "step")),
    };
    let why = status.stopped.as_ref().filter(|stopped| stopped.reason != requests::BY_SIGNAL).map(|stopped| {
        let by = if stopped.by == WINDOW { "the window" } else { &stopped.by };
        format!("\n  by {}: {}", escape(by), escape(&stopped.reason))
    });
    format!("Stopped{place}. {undone}{}", why.unwrap_or_default())
}

/// The step that a stopped run goes on with.
fn next_step(status: &Status) -> Option<&StepStatus> {
    let next = status.stopped.as_ref()?.next.as_ref()?;
    status.steps.iter().find(|step| step.id == *next)
}

const fn has_failed(step: &StepStatus) -> bool {
    matches!(step.state, StepState::Failed | StepState::TimedOut)
}

/// The step that a failed run ended at: the last of its own that failed. Its number counts from 1.
fn failed(status: &Status) -> Option<(usize, &StepStatus)> {
    let mut own = status.steps.iter().enumerate().filter(|(_, step)| !step.id.contains('/') && has_failed(step));
    own.next_back().map(|(at, step)| (at + 1, step))
}

fn next(status: &Status) -> Vec<Next> {
    let run = &status.run;
    if let Some(question) = &status.question {
        return answers(run, question);
    }
    let resume = |does: String| (format!("runbook resume {run}"), does);
    let undo = (format!("runbook rollback {run}"), "undoes what was done, newest first".to_owned());
    match status.state {
        RunState::Failed => {
            let step = failed(status).map_or("the failed step", |(_, step)| step.id.as_str());
            vec![resume(format!("tries {step} again, and goes on")), undo]
        }
        RunState::Stopped if status.stopped.as_ref().is_some_and(|stopped| stopped.rolling_back) => {
            let at = next_step(status).map_or_else(String::new, |step| format!(", with {}", step.id));
            vec![resume(format!("goes on undoing{at}"))]
        }
        RunState::Stopped => {
            let does = match next_step(status) {
                Some(step) if has_failed(step) => format!("tries {} again, and goes on", step.id),
                Some(step) => format!("goes on with {}", step.id),
                None => "goes on".to_owned(),
            };
            let again = if status.stopped.as_ref().is_some_and(|stopped| stopped.by == WINDOW) {
                (format!("runbook resume {run} --outside-window \"WHY\""), format!("{does}, whatever the window says"))
            } else {
                resume(does)
            };
            vec![again, undo]
        }
        RunState::Running => vec![resume("finds out what became of it, and goes on".to_owned()), undo],
        RunState::RollingBack => vec![resume("goes on undoing".to_owned())],
        RunState::Stuck => {
            let again =
                (format!("runbook rollback {run}"), "once mended: tries that undo again, and goes on".to_owned());
            let stuck = status.steps.iter().find(|step| step.state == StepState::UndoFailed);
            let by_hand = stuck.map(|step| {
                let command = format!("runbook answer {run} {} succeeded --reason \"…\"", step.id);
                (command, "once undone by hand, then runbook resume".to_owned())
            });
            let mend = ("mend what stands in the way of it, then".to_owned(), String::new());
            let given_up = stuck.map(|step| {
                let command = format!("runbook skip {run} {} --reason \"…\"", step.id);
                (command, "leaves it in place, then runbook rollback goes on with the rest".to_owned())
            });
            [mend, again].into_iter().chain(by_hand).chain(given_up).collect()
        }
        _ => vec![(format!("runbook audit show {run}"), String::new())],
    }
}

fn answers(run: &str, question: &OpenQuestion) -> Vec<Next> {
    let mut next = vec![(format!("runbook resume {run}"), "asks this again at your terminal".to_owned())];
    next.extend(words(run, question));
    next.push((format!("runbook resume {run}"), "after an answer: goes on with it".to_owned()));
    next
}

/// The command for each word that answers a question.
fn words(run: &str, question: &OpenQuestion) -> Vec<Next> {
    let words = question.answers.iter();
    words
        .map(|Consequence { choice, does }| (answer(run, &question.step, question.question, *choice), does.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::Remaining;
    use crate::model::question::{Choice, Question};
    use crate::model::status::Stopped;

    fn step(id: &str, state: StepState, reason: Option<&str>) -> StepStatus {
        let reason = reason.map(str::to_owned);
        StepStatus { id: id.to_owned(), state, attempts: 1, started: None, finished: None, reason, left_behind: vec![] }
    }

    fn status(state: RunState) -> Status {
        let steps = vec![
            step("a", StepState::Succeeded, None),
            step("b", StepState::Failed, Some("exit 3")),
            step("c", StepState::Pending, None),
            step("on_failure/page", StepState::Failed, Some("exit 4")),
        ];
        let (run, runbook) = ("20260201-2200-x".to_owned(), "x".to_owned());
        let remaining = Vec::new();
        Status {
            format: 1,
            run,
            runbook,
            state,
            steps,
            question: None,
            remaining,
            stopped: None,
            pending: Vec::new(),
            artifacts: None,
        }
    }

    #[test]
    fn a_failed_run_names_its_own_failed_step_and_both_ways_on() {
        assert_eq!(
            ending(&status(RunState::Failed)),
            "\nFailed at step 2, b: exit 3\nNothing was undone.\n\
             \x20 next: runbook resume 20260201-2200-x\n          tries b again, and goes on\n\
             \x20       runbook rollback 20260201-2200-x\n          undoes what was done, newest first\n"
        );
    }

    #[test]
    fn a_stopped_run_says_what_it_goes_on_with_who_stopped_it_and_how_to_go_on_past_its_window() {
        let told = |by: &str, reason: &str, rolling_back: bool, next: &str| {
            let mut status = status(RunState::Stopped);
            let (by, reason, next) = (by.to_owned(), reason.to_owned(), Some(next.to_owned()));
            status.stopped = Some(Stopped { by, reason, rolling_back, next });
            ending(&status)
        };
        let undo = "\x20       runbook rollback 20260201-2200-x\n          undoes what was done, newest first\n";
        assert_eq!(
            told("ana", requests::BY_SIGNAL, false, "b"),
            "\nStopped after b failed. Nothing was undone.\n  next: runbook resume 20260201-2200-x\n\
             \x20         tries b again, and goes on\n"
                .to_owned()
                + undo
        );
        assert_eq!(
            told(WINDOW, "c may take 1h", false, "c"),
            "\nStopped before c. Nothing was undone.\n  by the window: c may take 1h\n\
             \x20 next: runbook resume 20260201-2200-x --outside-window \"WHY\"\n\
             \x20         goes on with c, whatever the window says\n"
                .to_owned()
                + undo
        );
        assert_eq!(
            told("ana", "supper", true, "a"),
            "\nStopped while rolling back, at a. Nothing is undone yet.\n  by ana: supper\n\
             \x20 next: runbook resume 20260201-2200-x\n          goes on undoing, with a\n"
        );
    }

    #[test]
    fn an_open_question_is_shown_whole_with_a_command_for_each_answer() {
        let mut status = status(RunState::Blocked);
        let choices = vec![Choice::Retry, Choice::Skip];
        let (step, text) = ("b".to_owned(), "b failed:\nexit 3".to_owned());
        let does = |choice, does: &str| Consequence { choice, does: does.to_owned() };
        let answers = vec![does(Choice::Retry, "try the step once more"), does(Choice::Skip, "leave it and go on")];
        status.question =
            Some(OpenQuestion { step, question: Question::Failure, undo: None, text, choices, until: None, answers });
        assert_eq!(
            ending(&status),
            "\nA person has to answer before this can go on.\n  b asks:\n    b failed:\n    exit 3\n\
             \x20 next: runbook resume 20260201-2200-x\n          asks this again at your terminal\n\
             \x20       runbook answer 20260201-2200-x b retry\n          try the step once more\n\
             \x20       runbook answer 20260201-2200-x b skip --reason \"WHY\"\n          leave it and go on\n\
             \x20       runbook resume 20260201-2200-x\n          after an answer: goes on with it\n"
        );
    }

    #[test]
    fn what_remains_is_said_and_nothing_of_it_steers_the_terminal() {
        let mut status = status(RunState::PartlyRolledBack);
        status.remaining = vec![Remaining { step: "a".to_owned(), reason: "sent\u{1b}[2J".to_owned() }];
        assert_eq!(
            ending(&status),
            "\nRolled back in part.\n  remains: a: sent\\u{1b}[2J\n  next: runbook audit show 20260201-2200-x\n"
        );
    }
}
