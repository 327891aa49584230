//! `runbook audit`: the log, and its proof.

use std::fs::File;
use std::io::BufReader;

use clap::{Args, Subcommand};

use super::environment::Environment;
use super::exit::{Exit, REFUSED, TAMPERED, USAGE, damaged};
use super::open;
use crate::journal::chain::{self, ChainError, Verified};
use crate::report::{audit as view, json, terminal};

#[derive(Debug, Args)]
pub struct Audit {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Every record, in order.
    Show {
        /// The run, or the beginning of its id.
        run: Option<String>,
        /// The records as they are, one a line.
        #[arg(long)]
        json: bool,
    },
    /// Whether any record was changed, moved, added or dropped.
    Verify {
        /// The run, or the beginning of its id.
        run: Option<String>,
        /// Exit with 3 when any record is not anchored.
        #[arg(long)]
        require_anchored: bool,
        /// One JSON document.
        #[arg(long)]
        json: bool,
    },
}

impl Audit {
    pub fn run(self, environment: &Environment) -> Result<u8, Exit> {
        let store = open::store(environment)?;
        match self.what {
            What::Show { run, json: as_json } => {
                let folder = store.find_run(run.as_deref(), |_| true)?;
                let records = chain::read(&folder.path).map_err(|error| damaged(&error, &folder.id))?.records;
                if as_json {
                    records.iter().for_each(json::line);
                } else {
                    terminal::out(&view::human(&records, environment.looks()));
                }
                Ok(0)
            }
            What::Verify { run, require_anchored, json: as_json } => {
                let folder = store.find_run(run.as_deref(), |_| true)?;
                let path = folder.journal();
                let file = File::open(&path)
                    .map_err(|error| Exit::new(USAGE, format!("cannot read {}: {error}", path.display())))?;
                let verified = chain::verify(BufReader::with_capacity(1 << 18, file), &store.anchors(&folder.id)?);
                let code = match &verified {
                    Ok(found) if require_anchored && found.anchored.unwrap_or(0) < found.records => REFUSED,
                    Ok(_) => 0,
                    Err(ChainError::Tampered(_)) => TAMPERED,
                    Err(ChainError::Read(error)) => {
                        return Err(Exit::new(USAGE, format!("cannot read {}: {error}", path.display())));
                    }
                };
                let proof = verified.as_ref().map(good).map_err(ToString::to_string);
                if as_json {
                    json::line(&view::verified_json(&folder.id, &proof));
                } else {
                    terminal::out(&view::verified(&folder.id, &proof));
                }
                Ok(code)
            }
        }
    }
}

fn good(found: &Verified) -> view::Good<'_> {
    view::Good {
        records: found.records,
        anchored: found.anchored,
        torn_tail: found.torn_tail,
        head: found.head.as_ref().map(|head| head.hash.as_str()),
        unknown: &found.unknown_kinds,
    }
}
