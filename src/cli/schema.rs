//! `runbook schema`: the format as a JSON Schema, for editors.

use clap::Args;

use crate::check::schema::schema;
use crate::report::terminal;

#[derive(Debug, Args)]
pub struct SchemaArguments {}

impl SchemaArguments {
    pub fn run(self) -> u8 {
        let Self {} = self;
        terminal::out(&format!("{:#}\n", schema()));
        0
    }
}
