//! `runbook completions`: a script that completes command lines.

use clap::{Args, CommandFactory as _, ValueEnum};
use clap_complete::{Shell, generate};

use super::Arguments;
use crate::report::terminal;

#[derive(Debug, Args)]
pub struct Completions {
    /// The shell that reads the script.
    #[arg(value_enum)]
    shell: For,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum For {
    /// `source <(runbook completions bash)`
    Bash,
    /// `source <(runbook completions zsh)`
    Zsh,
    /// `runbook completions fish | source`
    Fish,
}

impl Completions {
    pub fn run(self) -> u8 {
        let shell = match self.shell {
            For::Bash => Shell::Bash,
            For::Zsh => Shell::Zsh,
            For::Fish => Shell::Fish,
        };
        let mut script = Vec::new();
        generate(shell, &mut Arguments::command(), "runbook", &mut script);
        terminal::out(&String::from_utf8_lossy(&script));
        0
    }
}
