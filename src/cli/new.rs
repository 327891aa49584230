//! `runbook new`: a commented runbook to begin with.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::exit::{Exit, USAGE};
use crate::report::terminal;

#[derive(Debug, Args)]
pub struct New {
    /// Its name, in a-z, 0-9 and hyphens.
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// What kind of maintenance it is.
    #[arg(long, value_enum, default_value_t = Template::Database)]
    template: Template,
    /// The file to write, which may not be there yet; otherwise it is printed.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Template {
    /// A change of a database, with a point of no return.
    Database,
    /// The same for one machine after the other.
    Rolling,
    /// A change of a service's configuration.
    Config,
}

impl Template {
    const fn text(self) -> &'static str {
        match self {
            Self::Database => include_str!("new/database.yaml"),
            Self::Rolling => include_str!("new/rolling.yaml"),
            Self::Config => include_str!("new/config.yaml"),
        }
    }
}

impl New {
    pub fn run(self) -> Result<u8, Exit> {
        let text = match &self.name {
            Some(name) => named(self.template.text(), name)?,
            None => self.template.text().to_owned(),
        };
        let Some(path) = &self.output else {
            terminal::out(&text);
            return Ok(0);
        };
        let written = OpenOptions::new().write(true).create_new(true).open(path);
        let written = written.and_then(|mut file| {
            // Half of it would only be in the way of the next attempt.
            file.write_all(text.as_bytes()).inspect_err(|_| drop(std::fs::remove_file(path)))
        });
        written.map_err(|error| {
            let exit = Exit::new(USAGE, format!("cannot write {}: {error}", path.display()));
            match error.kind() {
                ErrorKind::AlreadyExists => exit.help("name another file; one that is there is never written over"),
                _ => exit,
            }
        })?;
        terminal::out(&format!("wrote {0}; next: runbook validate {0}\n", path.display()));
        Ok(0)
    }
}

/// The text with another `name:`.
fn named(text: &str, name: &str) -> Result<String, Exit> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty() || !name.chars().all(allowed) {
        let exit = Exit::new(USAGE, format!("{name:?} cannot be a runbook's name"));
        return Err(exit.help("write it in a-z, 0-9 and hyphens, such as upgrade-orders"));
    }
    let lines = text.lines().map(|line| match line.strip_prefix("name: ") {
        Some(_) => format!("name: {name}\n"),
        None => format!("{line}\n"),
    });
    Ok(lines.collect())
}
