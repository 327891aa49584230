//! What the steps that are parts of another step are called in the journal.

use super::step::Step;

/// A list of steps that belongs to a step, beside its members and its undo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// `hold: {acquire}`.
    Acquire,
    /// `hold: {release}`.
    Release,
    /// `on_failure: {do}`.
    Failure,
    /// `between`.
    Between,
    /// `do` of a watch, by the watch's number from 0.
    Watch(usize),
}

impl Part {
    /// The name of one step of such a list: `<owner>.acquire`, `<owner>.failure2`, `<owner>.watch1.1`. `at` counts
    /// from 0 and is told where the list may have several, or has.
    #[must_use]
    pub fn step_name(self, owner: &str, at: usize, count: usize) -> String {
        let number = at + 1;
        match self {
            Self::Acquire if count == 1 => format!("{owner}.acquire"),
            Self::Release if count == 1 => format!("{owner}.release"),
            Self::Acquire => format!("{owner}.acquire{number}"),
            Self::Release => format!("{owner}.release{number}"),
            Self::Failure => format!("{owner}.failure{number}"),
            Self::Between => format!("{owner}.between{number}"),
            Self::Watch(watch) => format!("{owner}.watch{}.{number}", watch + 1),
        }
    }
}

/// The lists of a step that are carried out beside its members, each with what it is.
pub fn lists(step: &Step) -> impl Iterator<Item = (Part, &[Step])> {
    let hold = step.hold.as_ref().into_iter();
    let hold = hold.flat_map(|hold| [(Part::Acquire, &hold.acquire[..]), (Part::Release, &hold.release[..])]);
    let handler = step.handler.as_ref().map(|handler| (Part::Failure, &handler.steps[..]));
    let between = step.each.as_ref().map(|each| (Part::Between, &each.between[..]));
    let watches = step.watches.iter().enumerate().map(|(at, watch)| (Part::Watch(at), &watch.steps[..]));
    hold.chain(handler).chain(between).chain(watches)
}

/// The name of a step as it is written: without the items in brackets that the journal adds.
#[must_use]
pub fn written(name: &str) -> &str {
    name.split_once('[').map_or(name, |(written, _)| written)
}
