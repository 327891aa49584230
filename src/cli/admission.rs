//! What a turn of a run needs before it begins: that its window is open, or a reason why not, and its locks.

use std::collections::BTreeMap;

use clap::Args;
use jiff::Timestamp;
use serde_json::Value;

use super::exit::{Exit, REFUSED, USAGE};
use crate::model::event::Event;
use crate::model::runbook::Runbook;
use crate::run::clock;
use crate::run::locks::names;
use crate::run::window::{Gate, Outside as Closed};

/// The operator's word about the window.
#[derive(Debug, Clone, Default, Args)]
pub struct Outside {
    /// Begin although the window is not open, or go on although it closes; why is recorded.
    #[arg(long, value_name = "WHY")]
    outside_window: Option<String>,
}

/// A turn that may begin.
#[derive(Debug, Default)]
pub struct Admitted {
    /// The window that its steps have to fit into; none where the runbook has none, or the run only goes back.
    pub gate: Option<Gate>,
    /// What was allowed for it.
    pub allowed: Option<Event>,
}

impl Outside {
    /// Whether a turn may begin of a run that began at a moment, or begins now. `again` is the command to type.
    pub fn admit(&self, runbook: &Runbook, began: Option<Timestamp>, by: &str, again: &str) -> Result<Admitted, Exit> {
        let why = self.outside_window.as_deref().map(str::trim);
        if why == Some("") {
            let exit = Exit::new(USAGE, "--outside-window needs a reason, because it is recorded");
            return Err(exit.help(format!("type: {again} --outside-window \"WHY\"")));
        }
        let Some(window) = &runbook.window else {
            return match why {
                None => Ok(Admitted::default()),
                Some(_) => Err(Exit::new(USAGE, format!("{} has no window", runbook.name))
                    .help(format!("leave out --outside-window: {again}"))),
            };
        };
        let now = clock::now();
        let gate = Gate::new(window, began.unwrap_or(now), now, why.is_some())
            .ok_or_else(|| Exit::new(REFUSED, "the window never opens again, so nothing was run"))?;
        gate.admits(now).map_err(|outside| {
            let told = outside.told(now, clock::local().time_zone());
            let wait = if matches!(outside, Closed::NotOpen(_)) { "wait for it, or " } else { "" };
            let back = if began.is_some() { "; going back is always allowed: runbook rollback" } else { "" };
            Exit::new(REFUSED, format!("{told}, so nothing was run"))
                .help(format!("{wait}type: {again} --outside-window \"WHY\"{back}"))
        })?;
        let allowed = gate.lifted.as_str().zip(why).map(|(what, why)| {
            let (what, by, reason) = (what.to_owned(), by.to_owned(), why.to_owned());
            Event::OverrideGiven { what, by, reason }
        });
        Ok(Admitted { gate: Some(gate), allowed })
    }
}

/// The names that no two runs have at once: the runbook's own, and those that it lists.
pub fn locks(runbook: &Runbook, parameters: &BTreeMap<String, Value>) -> Result<Vec<String>, Exit> {
    names(runbook, parameters).map_err(|why| Exit::new(USAGE, why).help("nothing was run"))
}
