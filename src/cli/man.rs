//! `runbook man`: the manual pages, made from what the command line is.

use std::path::PathBuf;

use clap::{Args, CommandFactory as _};
use clap_mangen::generate_to;

use super::Arguments;
use super::exit::{Exit, USAGE};
use crate::report::terminal;

#[derive(Debug, Args)]
pub struct Man {
    /// Writes the pages of all commands into this folder instead.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl Man {
    pub fn run(self) -> Result<u8, Exit> {
        // Its page would say nothing that the page of the program does not.
        let program = Arguments::command().disable_help_subcommand(true);
        if let Some(folder) = self.out {
            std::fs::create_dir_all(&folder).and_then(|()| generate_to(program, &folder)).map_err(|source| {
                let exit = Exit::new(USAGE, format!("cannot write to {}: {source}", folder.display()));
                exit.help("name a folder that can be written")
            })?;
        } else {
            let mut page = Vec::new();
            let made = clap_mangen::Man::new(program).render(&mut page);
            made.map_err(|source| Exit::new(USAGE, format!("cannot make the page: {source}")))?;
            terminal::out(&String::from_utf8_lossy(&page));
        }
        Ok(0)
    }
}
