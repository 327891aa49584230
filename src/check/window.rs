//! The times that a document names, where they stand, and the window that they make.

use std::time::Duration;

use jiff::Zoned;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::context::Context;
use super::moment::{self, weekly};
use super::tree::NodeId;
use super::zone::{self, Shown};
use crate::model::window::{Occasion, Opening, Window};

/// A date and a time in the document.
#[derive(Debug, Clone, Copy)]
pub struct TimeAt {
    /// Its scalar.
    pub node: NodeId,
    /// The step that it is part of.
    pub step: Option<usize>,
}

/// Every date and time. That of a `wait` is left out where it is a template: it is known only when the step runs.
#[must_use]
pub fn times(context: &Context) -> Vec<TimeAt> {
    let named = [("window", "opens"), ("window", "closes"), ("review", "deadline")];
    let whole = named.into_iter().filter_map(|(part, key)| {
        let node = context.field(context.field(context.root, part)?, key)?;
        Some(TimeAt { node, step: None })
    });
    let is_written = |node: &NodeId| context.text(*node).is_some_and(|text| !text.contains("{{"));
    let waits = context.steps.iter().enumerate().filter_map(|(at, step)| {
        let node = context.field(context.field(step.node, "wait")?, "time").filter(is_written)?;
        Some(TimeAt { node, step: Some(at) })
    });
    whole.chain(waits).collect()
}

/// The zone of the document, where there is one of that name.
#[must_use]
pub fn zone(context: &Context) -> Option<TimeZone> {
    let name = context.text(context.field(context.root, "timezone")?)?;
    TimeZone::get(name).ok()
}

/// What a scalar says, where it is a date and a time.
#[must_use]
pub fn local(context: &Context, node: NodeId) -> Option<DateTime> {
    moment::parse(context.text(node)?).ok()
}

/// The one moment that a scalar stands for.
#[must_use]
pub fn instant(context: &Context, node: NodeId) -> Option<Zoned> {
    match zone::shown(&zone(context)?, local(context, node)?)? {
        Shown::Once(moment) => Some(moment),
        Shown::Never(_) | Shown::Twice(_) => None,
    }
}

/// The value of a key of the window.
#[must_use]
pub fn part(context: &Context, key: &str) -> Option<NodeId> {
    context.field(context.field(context.root, "window")?, key)
}

/// How long the window is said to be.
#[must_use]
pub fn said_length(context: &Context) -> Option<Duration> {
    context.duration(part(context, "duration")?)
}

/// The only occasion of a window that does not open every week.
#[must_use]
pub fn occasion(context: &Context) -> Option<Occasion> {
    let opens = instant(context, part(context, "opens")?)?;
    let closes = match part(context, "closes") {
        Some(closes) => instant(context, closes)?,
        None => opens.checked_add(said_length(context)?).ok()?,
    };
    (opens < closes).then_some(Occasion { opens, closes })
}

/// The window, where nothing is wrong with it.
#[must_use]
pub fn resolve(context: &Context) -> Option<Window> {
    let document = context.document.as_ref()?.window.as_ref()?;
    let opening = match part(context, "every") {
        Some(every) => {
            let weekly = weekly::parse(context.text(every)?).ok()?;
            let (lasts, zone) = (said_length(context)?, zone(context)?);
            Opening::Weekly { day: weekly.day, time: weekly.time, lasts, zone }
        }
        None => Opening::Once(occasion(context)?),
    };
    Some(Window { opening, overrun: document.overrun.unwrap_or_default() })
}
