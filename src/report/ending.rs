//! The last lines about a run: how it ended, what is left, and what to type next.

use std::fmt::Write as _;

use super::question::answer;
use super::text::{count, escape, escape_lines};
use crate::model::question::{Consequence, OpenQuestion};
use crate::model::status::{RunState, Status, StepState, StepStatus};

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
    let mut text = String::new();
    if let Some(question) = &status.question {
        let _infallible = writeln!(text, "  {} asks:", escape(&question.step));
        for line in escape_lines(&question.text).lines() {
            let _infallible = writeln!(text, "{}", format!("    {line}").trim_end());
        }
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
        RunState::Stopped => match pending(status) {
            Some(step) => format!("Stopped before {}. Nothing was undone.", escape(&step.id)),
            None => "Stopped. Nothing was undone.".to_owned(),
        },
        RunState::Blocked => "A person has to answer before this can go on.".to_owned(),
        RunState::Running | RunState::RollingBack => "Not at its end: its executor is gone.".to_owned(),
        RunState::RolledBack => {
            format!("Rolled back whole: {} undone.", count(of(StepState::Undone), "step"))
        }
        RunState::PartlyRolledBack => "Rolled back in part.".to_owned(),
        RunState::Stuck => "The rollback is stuck.".to_owned(),
    }
}

/// The step that a failed run ended at: the last of its own that failed. Its number counts from 1.
fn failed(status: &Status) -> Option<(usize, &StepStatus)> {
    let is = |step: &StepStatus| matches!(step.state, StepState::Failed | StepState::TimedOut);
    let mut own = status.steps.iter().enumerate().filter(|(_, step)| !step.id.contains('/') && is(step));
    own.next_back().map(|(at, step)| (at + 1, step))
}

fn pending(status: &Status) -> Option<&StepStatus> {
    status.steps.iter().find(|step| step.state == StepState::Pending && !step.id.contains('/'))
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
        RunState::Stopped => {
            let from = pending(status).map_or_else(String::new, |step| format!(" with {}", step.id));
            vec![resume(format!("goes on{from}")), undo]
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
