//! `runbook render`: a runbook as a page to send round for review.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::environment::Environment;
use super::exit::Exit;
use super::load::{text_of, unresolved, valid};
use super::shell::Local;
use crate::report::diagnostics::Found;
use crate::report::{render, terminal};

#[derive(Debug, Args)]
pub struct Render {
    /// The runbook.
    file: PathBuf,
    /// What the page is written in.
    #[arg(long, value_enum, default_value_t = Format::Markdown)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For tickets and chats.
    Markdown,
    /// One file for a browser or a printer.
    Html,
}

impl Render {
    pub fn run(self, environment: &Environment) -> Result<u8, Exit> {
        let undone = "nothing was rendered";
        let (_, file) = valid(&self.file, &Local::thorough(environment), undone, environment)?;
        let checked = &file.checked;
        let runbook = checked.runbook.as_ref().ok_or_else(|| unresolved(&self.file, undone))?;
        let found = Found {
            sources: file.sources().map(text_of).collect(),
            // That it cannot be run yet is for a reviewer to know.
            diagnostics: [checked.diagnostics.as_slice(), &checked.refusals].concat(),
            silenced: checked.silenced.clone(),
        };
        terminal::out(&match self.format {
            Format::Markdown => render::markdown(runbook, &found),
            Format::Html => render::html(runbook, &found),
        });
        Ok(0)
    }
}
