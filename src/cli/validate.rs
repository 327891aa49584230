//! `runbook validate`: every problem, at once.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::environment::Environment;
use super::exit::Exit;
use super::folder;
use super::load::text_of;
use super::shell::Local;
use crate::check::catalogue;
use crate::report::diagnostics::{Found, github, human, json, sarif};
use crate::report::json::line;
use crate::report::terminal;

#[derive(Debug, Args)]
pub struct Validate {
    /// Runbooks, or folders of them.
    #[arg(value_name = "PATH", default_value = ".")]
    paths: Vec<PathBuf>,
    /// How findings are written.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// One JSON document: the same as `--format json`.
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// Exit with 1 when there are warnings, too.
    #[arg(long)]
    deny_warnings: bool,
    /// Do not let bash and shellcheck read the scripts.
    #[arg(long)]
    no_shell_checks: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Human,
    /// One JSON document.
    Json,
    /// SARIF 2.1.0, for what collects findings of many tools.
    Sarif,
    /// Annotations of a workflow of GitHub.
    Github,
}

impl Validate {
    pub fn run(self, environment: &Environment) -> Result<u8, Exit> {
        let files = folder::runbooks(&self.paths)?;
        let shell = (!self.no_shell_checks).then(|| Local::thorough(environment));
        let checked = folder::check_all(&files, shell.as_ref())?;
        let found = Found {
            sources: checked.iter().map(|file| text_of(&file.source)).collect(),
            diagnostics: checked.iter().flat_map(|file| file.checked.diagnostics.iter().cloned()).collect(),
            silenced: checked.iter().flat_map(|file| file.checked.silenced.iter().cloned()).collect(),
        };
        if let Some(shell) = &shell {
            shell.tell();
        }
        self.print(&found, environment);
        let (errors, warnings) = found.counts();
        Ok(u8::from(errors > 0 || self.deny_warnings && warnings > 0))
    }

    fn print(&self, found: &Found<'_>, environment: &Environment) {
        let summary = format!("{}\n", found.summary(self.deny_warnings));
        match self.format {
            Format::Human if !self.json => {
                let looks = environment.looks();
                terminal::out(&human(found, looks.color, looks.width));
                terminal::out(&summary);
            }
            Format::Human | Format::Json => line(&json(found)),
            Format::Sarif => line(&sarif(found, &catalogue::all())),
            Format::Github => {
                terminal::out(&github(found, &catalogue::all()));
                terminal::err(&summary);
            }
        }
    }
}
