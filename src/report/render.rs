//! A runbook as a page to send round for review: what it is for, when, who approves, each step with its why, how, how
//! long and way back, the rollback, and what a reviewer has to look at.
//!
//! Pure: the page is put together once, of [`block::Block`]s, and written as Markdown or as HTML. Every text of the
//! runbook is data there: nothing in it becomes markup, a link that runs something, or an order to a terminal.

mod action;
mod block;
mod file;
mod flow;
mod front;
mod html;
mod look;
mod markdown;
mod part;
mod prose;
mod step;
mod undo;

use block::{Block, text};

use super::diagnostics::Found;
use crate::model::runbook::Runbook;

/// The page as Markdown, for a ticket. `found` is what `validate` finds in it.
#[must_use]
pub fn markdown(runbook: &Runbook, found: &Found<'_>) -> String {
    markdown::write(&page(runbook, found))
}

/// The page as one HTML file: no network, no script, for a screen of any size and for paper.
#[must_use]
pub fn html(runbook: &Runbook, found: &Found<'_>) -> String {
    html::write(&title(runbook), &page(runbook, found))
}

fn title(runbook: &Runbook) -> String {
    runbook.title.clone().unwrap_or_else(|| runbook.name.clone())
}

fn page(runbook: &Runbook, found: &Found<'_>) -> Vec<Block> {
    let mut page = vec![Block::heading(1, text(&title(runbook)))];
    let questions = look::questions(runbook, found);
    page.extend(front::front(runbook, &questions));
    let steps = step::numbered(&runbook.steps);
    page.extend(front::glance(&steps));
    page.extend(step::section(runbook, &steps));
    page.extend(undo::section(&steps));
    page.extend(step::hooks(runbook));
    page.extend(front::declared(runbook));
    page.extend(front::followups(runbook));
    page.extend(look::section(questions));
    page
}
