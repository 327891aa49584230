//! Where runs stand, for people.

use std::fmt::Write as _;

use jiff::tz::TimeZone;

use super::ending::{asking, ending};
use super::failure::left;
use super::requests;
use super::terminal::Looks;
use super::text::{duration, escape, local_time, seconds_between, wrap};
use crate::model::status::{RunState, Status, StepStatus};

/// Where text below a step's line begins.
const INDENT: usize = 8;

/// The widest column of step names; a longer one moves its own line only.
const MAX_ID: usize = 32;

/// What surrounds a run's status: by whom and when. Moments are those of its first and last record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// Who began it, and where: `ana on db-1`.
    pub by: String,
    /// When.
    pub started: String,
    /// When something was last recorded; this moment where somebody executes it.
    pub last: String,
    /// Who executes it at this moment.
    pub executor: Option<String>,
}

impl About {
    /// The state in a word. A run that goes on with nobody at it was interrupted.
    fn word(&self, state: RunState) -> String {
        let word = state.as_str().replace('_', " ");
        if self.executor.is_none() && is_going(state) { "interrupted".to_owned() } else { word }
    }

    fn time(&self, state: RunState) -> String {
        let took = self.took();
        if is_going(state) || state == RunState::Blocked { format!("{took} so far") } else { format!("took {took}") }
    }

    fn took(&self) -> String {
        seconds_between(&self.started, &self.last).map_or_else(String::new, duration)
    }
}

const fn is_going(state: RunState) -> bool {
    matches!(state, RunState::Running | RunState::RollingBack)
}

/// The run, each step with its state, and what to type next.
#[must_use]
pub fn human(status: &Status, about: &About, looks: Looks, zone: &TimeZone) -> String {
    let mut text = format!("{}  ·  {}\n", status.run, about.word(status.state));
    let began = local_time(&about.started, zone, "%Y-%m-%d %H:%M:%S");
    let _infallible = writeln!(text, "begun {began} by {}, {}", escape(&about.by), about.time(status.state));
    match &about.executor {
        Some(executor) => {
            let _infallible = writeln!(text, "executed by {}", escape(executor));
        }
        None if is_going(status.state) || status.state == RunState::Blocked => text.push_str("no executor is at it\n"),
        None => {}
    }
    text += &requests::pending(&status.run, &status.pending);
    text.push('\n');
    let ids = status.steps.iter().map(|step| step.id.chars().count());
    let id_width = ids.filter(|width| *width <= MAX_ID).max().unwrap_or(0);
    for (number, step) in status.steps.iter().enumerate() {
        step_lines(&mut text, number + 1, step, id_width, looks.width, zone);
    }
    match about.executor {
        None => text.push_str(&ending(status)),
        Some(_) => text.push_str(&asking(status)),
    }
    looks.fit(text)
}

fn step_lines(text: &mut String, number: usize, step: &StepStatus, id_width: usize, width: usize, zone: &TimeZone) {
    let clock = step.started.as_ref().map_or_else(String::new, |at| local_time(at, zone, "%H:%M:%S"));
    let took = match (&step.started, &step.finished) {
        (Some(from), Some(to)) => seconds_between(from, to).map_or_else(String::new, duration),
        _ => String::new(),
    };
    let state = step.state.as_str().replace('_', " ");
    let mut id = escape(&step.id);
    if id.chars().count() > id_width {
        let _infallible = writeln!(text, "{number:>3}  {id}");
        id.clear();
    }
    let shown = if id.is_empty() { String::new() } else { number.to_string() };
    let times = if clock.is_empty() { String::new() } else { format!("  {clock:<8}  {took:>9}") };
    let columns = format!("{shown:>3}  {id:<id_width$}  {state:<12}{times}");
    let tries = if step.attempts > 1 { format!("{} attempts", step.attempts) } else { String::new() };
    let reason = step.reason.as_deref().map(escape).unwrap_or_default();
    let left = left(&step.left_behind).map(|left| escape(&left)).unwrap_or_default();
    let said = [tries, reason, left].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ");
    if columns.chars().count() + 2 + said.chars().count() <= width {
        let _infallible = writeln!(text, "{}", format!("{columns}  {said}").trim_end());
    } else {
        let _infallible = writeln!(text, "{}", columns.trim_end());
        for line in wrap(&said, width.saturating_sub(INDENT)) {
            let _infallible = writeln!(text, "{:INDENT$}{line}", "");
        }
    }
}

/// Runs one a line: id, where it stands, when it began, how long it took or is taking, by whom. `None` is a run that
/// cannot be read.
#[must_use]
pub fn list(runs: &[(String, Option<(RunState, About)>)], looks: Looks, zone: &TimeZone) -> String {
    let id_width = runs.iter().map(|(id, _)| id.chars().count()).max().unwrap_or(0);
    let states = runs.iter().filter_map(|(_, run)| run.as_ref().map(|(state, about)| about.word(*state).len()));
    let state_width = states.max().unwrap_or(0);
    let mut text = String::new();
    for (id, run) in runs {
        let line = match run {
            None => format!("{id:<id_width$}  unreadable"),
            Some((state, about)) => {
                let began = local_time(&about.started, zone, "%Y-%m-%d %H:%M");
                let word = about.word(*state);
                format!(
                    "{id:<id_width$}  {word:<state_width$}  {began:<16}  {:>9}  {}",
                    about.took(),
                    escape(&about.by)
                )
            }
        };
        let _infallible = writeln!(text, "{}", line.trim_end());
    }
    looks.fit(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::status::StepState;

    const LOOKS: Looks = Looks { color: false, unicode: true, width: 80, is_terminal: true };

    fn about(executor: Option<&str>) -> About {
        About {
            by: "ana on db-1".to_owned(),
            started: "2026-02-02T03:00:00.000000Z".to_owned(),
            last: "2026-02-02T03:01:05.000000Z".to_owned(),
            executor: executor.map(str::to_owned),
        }
    }

    fn step(id: &str, state: StepState, reason: Option<&str>) -> StepStatus {
        let began = state != StepState::Pending;
        StepStatus {
            id: id.to_owned(),
            state,
            attempts: if state == StepState::Failed { 2 } else { u32::from(began) },
            started: began.then(|| "2026-02-02T03:00:00.000000Z".to_owned()),
            finished: began.then(|| "2026-02-02T03:00:00.020000Z".to_owned()),
            reason: reason.map(str::to_owned),
            left_behind: Vec::new(),
        }
    }

    fn status(state: RunState) -> Status {
        let steps = vec![
            step("look", StepState::Succeeded, None),
            step("make-the-index", StepState::Failed, Some("exit 3")),
            step("phase", StepState::Skipped, Some("when: parameters.fail and parameters.how == 'nothing' is false")),
            step("last", StepState::Pending, None),
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
    fn a_status_has_columns_times_of_the_reader_and_what_to_type() {
        let zone = TimeZone::fixed(jiff::tz::offset(-5));
        assert_eq!(
            human(&status(RunState::Failed), &about(None), LOOKS, &zone),
            "20260201-2200-x  ·  failed\n\
             begun 2026-02-01 22:00:00 by ana on db-1, took 1 m 05 s\n\n\
             \x20 1  look            succeeded     22:00:00      20 ms\n\
             \x20 2  make-the-index  failed        22:00:00      20 ms  2 attempts, exit 3\n\
             \x20 3  phase           skipped       22:00:00      20 ms\n\
             \x20       when: parameters.fail and parameters.how == 'nothing' is false\n\
             \x20 4  last            pending\n\
             \nFailed at step 2, make-the-index: exit 3\nNothing was undone.\n\
             \x20 next: runbook resume 20260201-2200-x\n          tries make-the-index again, and goes on\n\
             \x20       runbook rollback 20260201-2200-x\n          undoes what was done, newest first\n"
        );
    }

    #[test]
    fn a_run_that_somebody_executes_says_who_and_nothing_to_type() {
        let text = human(&status(RunState::Running), &about(Some("ana on db-1, process 7")), LOOKS, &TimeZone::UTC);
        assert!(text.starts_with("20260201-2200-x  ·  running\n"), "{text}");
        assert!(text.contains("\nexecuted by ana on db-1, process 7\n") && !text.contains("next:"), "{text}");
    }

    #[test]
    fn runs_are_listed_in_columns_and_one_without_an_executor_was_interrupted() {
        let runs = [
            ("20260201-2200-x".to_owned(), Some((RunState::RolledBack, about(None)))),
            ("20260201-2205-a-longer-name".to_owned(), Some((RunState::Running, about(None)))),
            ("20260201-2206-x".to_owned(), None),
        ];
        assert_eq!(
            list(&runs, LOOKS, &TimeZone::UTC),
            "20260201-2200-x              rolled back  2026-02-02 03:00   1 m 05 s  ana on db-1\n\
             20260201-2205-a-longer-name  interrupted  2026-02-02 03:00   1 m 05 s  ana on db-1\n\
             20260201-2206-x              unreadable\n"
        );
    }
}
