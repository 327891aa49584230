//! `runbook explain`: what a finding means.

use clap::Args;

use super::environment::Environment;
use super::exit::{Exit, USAGE};
use crate::check::catalogue;
use crate::model::catalogue::Entry;
use crate::report::{explain as view, json, terminal};

/// So many other codes are named when there is not the one that was asked for.
const NAMED: usize = 3;

#[derive(Debug, Args)]
pub struct Explain {
    /// The codes of findings, such as RB0402; all are listed without one.
    #[arg(value_name = "CODE")]
    codes: Vec<String>,
    /// One JSON document.
    #[arg(long)]
    json: bool,
}

impl Explain {
    pub fn run(self, environment: &Environment) -> Result<u8, Exit> {
        let all = catalogue::all();
        let asked = self.codes.iter().map(|code| find(&all, code)).collect::<Result<Vec<Entry>, Exit>>()?;
        let meant = if asked.is_empty() { &all } else { &asked };
        if self.json {
            json::line(&view::json(meant));
        } else if asked.is_empty() {
            terminal::out(&view::list(meant, environment.looks()));
        } else {
            terminal::out(&view::pages(meant, environment.looks()));
        }
        Ok(0)
    }
}

/// The entry that was asked for: `RB0402`, `rb0402` and `402` are the same.
fn find(all: &[Entry], asked: &str) -> Result<Entry, Exit> {
    let number = number(asked);
    let found = all.iter().find(|entry| number.is_some() && self::number(entry.code) == number);
    found.copied().ok_or_else(|| {
        let near = near(all, asked, number);
        let near: Vec<String> = near.iter().map(|entry| format!("{} ({})", entry.code, entry.title)).collect();
        let begin = if near.is_empty() { String::new() } else { format!("did you mean {}? ", near.join(" or ")) };
        let exit = Exit::new(USAGE, format!("there is no finding with the code `{asked}`"));
        exit.help(format!("{begin}`runbook explain` lists all codes"))
    })
}

fn number(code: &str) -> Option<u32> {
    let digits = code.get(..2).filter(|start| start.eq_ignore_ascii_case("rb")).map_or(code, |_| &code[2..]);
    digits.parse().ok().filter(|_| digits.len() <= 4)
}

/// The codes that may be meant: by number those of the same family that are nearest, by a word those that speak of it.
fn near(all: &[Entry], asked: &str, number: Option<u32>) -> Vec<Entry> {
    let distance = |entry: &Entry| self::number(entry.code).zip(number).map(|(one, other)| one.abs_diff(other));
    let word = asked.to_lowercase();
    let mut near: Vec<Entry> = all
        .iter()
        .filter(|entry| match distance(entry) {
            Some(distance) => distance < 100,
            None => entry.title.to_lowercase().contains(&word),
        })
        .copied()
        .collect();
    near.sort_by_key(distance);
    near.truncate(NAMED);
    near
}
