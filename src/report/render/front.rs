//! What stands around the steps: what it is for, when, who approves, what is declared, what is left to do.

use std::collections::BTreeMap;

use jiff::Zoned;

use super::block::{Block, Fact, Line, Span, address, code, duration, join, join_with, text};
use super::look::Question;
use super::step::Numbered;
use super::{action, look, part, step};
use crate::model::runbook::{Hosts, Overrun, Parameter, Review, Runbook, SecretSource, Target};
use crate::model::step::{Effect, Undo};
use crate::model::window::{Occasion, Opening, day_name};
use crate::report::text::count;

/// What a reader has to know first.
pub fn front(runbook: &Runbook, questions: &[Question]) -> Vec<Block> {
    let mut facts = vec![Fact::new("Runbook", code(&runbook.name))];
    facts.extend(runbook.owner.as_ref().map(|owner| Fact::new("Owner", text(owner))));
    if !runbook.links.is_empty() {
        facts.push(Fact::new("See", join_with(runbook.links.iter().map(|link| address(link)), ", ")));
    }
    facts.push(Fact::new("Window", window(runbook)));
    facts.push(Fact::new(
        "Approval",
        runbook.review.as_ref().map_or_else(|| text("nobody has to approve it"), |review| approval(runbook, review)),
    ));
    if !runbook.locks.is_empty() {
        let locks = runbook.locks.iter().map(|lock| code(&lock.0));
        facts.push(Fact::new("Never beside", join([text("runs that hold "), join_with(locks, ", ")])));
    }
    facts.push(Fact::new("To look at", vec![Span::Jump(count(questions.len(), "open question"), look::NAME)]));
    let mut blocks = vec![Block::Facts(facts)];
    if let Some(description) = &runbook.description {
        blocks.extend([Block::heading(2, text("Purpose")), Block::Prose(description.clone())]);
    }
    blocks
}

fn window(runbook: &Runbook) -> Line {
    let Some(window) = &runbook.window else { return text("at any time") };
    let long = text(&crate::report::text::duration(window.length().as_secs_f64()));
    let (times, zone) = match &window.opening {
        Opening::Once(Occasion { opens, closes }) => (
            join([text("opens "), moment(opens), text(", closes "), moment(closes), text(", "), long]),
            opens.time_zone(),
        ),
        Opening::Weekly { day, time, zone, .. } => {
            let opens = format!("opens every {} {}", day_name(*day), time.strftime("%H:%M"));
            (join([text(&opens), text(", closes "), long, text(" later")]), zone)
        }
    };
    let overrun = match window.overrun {
        Overrun::Finish => "what no longer fits is finished all the same",
        Overrun::Stop => "when the next step no longer fits, the run stops",
        Overrun::Rollback => "when the next step no longer fits, the run is rolled back",
    };
    let zone = zone.iana_name().map_or_else(Line::default, |name| join([text(", "), code(name)]));
    join([times, zone, text("; "), text(overrun)])
}

/// A date and a time with the day of the week, which people check.
fn moment(moment: &Zoned) -> Line {
    text(&moment.strftime("%a %-d %b %Y %H:%M").to_string())
}

fn approval(runbook: &Runbook, review: &Review) -> Line {
    let people = usize::try_from(review.approvals).unwrap_or(usize::MAX);
    let number = text(&if people == 1 { "1 person".to_owned() } else { format!("{people} people") });
    let of = if review.approvers.is_empty() {
        text(" of the allowed signers")
    } else {
        let named = review.approvers.iter().map(|name| {
            let members = name.strip_prefix('@').and_then(|group| runbook.groups.get(group));
            let members = members.map(|members| join([text(" ("), part::principals(members), text(")")]));
            join([code(name), members.unwrap_or_default()])
        });
        join([text(" of "), join_with(named, ", ")])
    };
    let until = review.deadline.as_ref().map(|deadline| join([text(", until "), moment(deadline)]));
    let own =
        if review.allow_self { "; the operator may be among them" } else { "; the operator may not be among them" };
    join([number, of, until.unwrap_or_default(), text(own)])
}

/// All steps in a table.
pub fn glance(steps: &[Numbered<'_>]) -> Vec<Block> {
    let leaves: Vec<&Numbered<'_>> = steps.iter().filter(|numbered| numbered.is_leaf()).collect();
    let changing = leaves.iter().filter(|numbered| numbered.step.effect == Effect::Mutating).count();
    let people = leaves.iter().filter(|numbered| numbered.step.action.is_by_person()).count();
    let expected = leaves.iter().filter_map(|numbered| numbered.step.estimate).sum();
    let said = [
        text(&format!(
            "{}; {}, ",
            count(leaves.len(), "step"),
            verb(changing, "changes something", "change something")
        )),
        text(&format!("{}. Done once each, they take about ", verb(people, "waits for a person", "wait for a person"))),
        duration(expected),
        text("."),
    ];
    let row = |numbered: &Numbered<'_>| {
        let step = numbered.step;
        let takes = step::lasts(step).unwrap_or_default();
        if !numbered.is_leaf() {
            return vec![numbered.title(), text("group"), Line::new(), takes, Line::new()];
        }
        let place = action::place(&step.action).unwrap_or_else(|| text("local"));
        vec![numbered.title(), code(step.action.kind()), place, takes, way_back(numbered)]
    };
    vec![
        Block::heading(2, text("At a glance")),
        Block::Paragraph(join(said)),
        Block::Table(vec!["Step", "Action", "Where", "Takes", "Way back"], steps.iter().map(row).collect()),
    ]
}

fn verb(number: usize, one: &str, several: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { several })
}

fn way_back(numbered: &Numbered<'_>) -> Line {
    match &numbered.step.undo {
        Undo::PointOfNoReturn { .. } => vec![Span::Strong("none from here on".to_owned())],
        Undo::Irreversible { .. } => vec![Span::Strong("none".to_owned())],
        Undo::NotNeeded { .. } if numbered.step.effect == Effect::ReadOnly => text("only looks"),
        Undo::NotNeeded { why: Some(_) } => text("not needed"),
        Undo::NotNeeded { why: None } => text("built in"),
        Undo::Steps(_) => text("yes"),
    }
}

/// Parameters, secrets and targets, none by its secret value.
pub fn declared(runbook: &Runbook) -> Vec<Block> {
    let mut blocks = Vec::new();
    if !runbook.parameters.is_empty() {
        let rows = runbook.parameters.iter().map(|(name, parameter)| {
            let default = parameter.default.as_ref();
            let default = default.map_or_else(|| text("has to be given"), |value| code(&action::plain(value)));
            let meaning = parameter.description.as_deref().map(text).unwrap_or_default();
            vec![code(name), kind(parameter), default, meaning]
        });
        blocks.push(Block::heading(2, text("Parameters")));
        blocks.push(Block::Table(vec!["Name", "Type", "Default", "Meaning"], rows.collect()));
    }
    if !runbook.vars.is_empty() {
        let vars =
            runbook.vars.iter().map(|(name, value)| join([code(name), text(" = "), code(&action::plain(value))]));
        blocks.extend([Block::heading(2, text("Vars")), Block::list(vars)]);
    }
    if !runbook.secrets.is_empty() {
        blocks.extend([Block::heading(2, text("Secrets")), secrets(&runbook.secrets)]);
    }
    if !runbook.targets.is_empty() {
        blocks.extend([Block::heading(2, text("Targets")), targets(&runbook.targets)]);
    }
    blocks
}

fn kind(parameter: &Parameter) -> Line {
    let items = parameter.items.map(|items| format!(" of {}", items.as_str())).unwrap_or_default();
    let mut said = vec![text(&format!("{}{items}", parameter.kind.as_str()))];
    if !parameter.choices.is_empty() {
        said.push(join_with(parameter.choices.iter().map(|choice| code(&action::plain(choice))), " or "));
    }
    said.extend(parameter.pattern.as_ref().map(|pattern| join([text("matching "), code(pattern)])));
    said.extend(parameter.minimum.map(|least| text(&format!("at least {least}"))));
    said.extend(parameter.maximum.map(|most| text(&format!("at most {most}"))));
    join_with(said, ", ")
}

/// Where each secret is found.
pub fn secrets(secrets: &BTreeMap<String, SecretSource>) -> Block {
    Block::list(secrets.iter().map(|(name, source)| join([code(name), text(": "), secret(source)])))
}

/// What each target is.
pub fn targets(targets: &BTreeMap<String, Target>) -> Block {
    Block::list(targets.iter().map(|(name, target)| join([code(name), text(": "), self::target(target)])))
}

fn secret(source: &SecretSource) -> Line {
    match source {
        SecretSource::Env(name) => join([text("the variable "), code(name)]),
        SecretSource::File(path) => join([text("the file "), code(path)]),
        SecretSource::Command(argv) => join([text("what "), code(&argv.join(" ")), text(" prints")]),
    }
}

fn target(target: &Target) -> Line {
    match target {
        Target::Postgres { connection, .. } => join([text("PostgreSQL, "), code(&without_password(&connection.0))]),
        Target::Hosts { hosts, user, r#become } => {
            let hosts = match hosts {
                Hosts::List(hosts) => join_with(hosts.iter().map(|host| code(&host.0)), ", "),
                Hosts::Template(template) => code(&template.0),
            };
            let user = user.as_ref().map(|user| join([text(", reached as "), code(&user.0)])).unwrap_or_default();
            let root = r#become.as_ref().map(|user| join([text(", there as "), code(&user.0)])).unwrap_or_default();
            join([text("hosts "), hosts, user, root])
        }
    }
}

/// A connection string without what nobody should read in it.
fn without_password(connection: &str) -> String {
    let hidden =
        [(r"(?i)(\bpassword\s*=\s*)('(?:[^'\\]|\\.)*'|[^\s&]+)", "${1}…"), (r"(://[^:/@\s]*:)[^@/\s]*@", "${1}…@")];
    hidden.iter().fold(connection.to_owned(), |text, (pattern, shown)| {
        regex::Regex::new(pattern).map_or_else(|_| text.clone(), |found| found.replace_all(&text, *shown).into_owned())
    })
}

/// What is left to do afterwards.
pub fn followups(runbook: &Runbook) -> Vec<Block> {
    if runbook.followups.is_empty() {
        return Vec::new();
    }
    let entries = runbook.followups.iter().map(|followup| {
        let owner = followup.owner.as_ref().map(|owner| join([text(", by "), text(owner)])).unwrap_or_default();
        join([duration(followup.due), text(" after the run: "), text(&followup.title), owner])
    });
    vec![Block::heading(2, text("Follow-ups")), Block::list(entries)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_password_of_a_connection_is_shown() {
        for (written, shown) in [
            ("host=db password=hunter2 user=a", "host=db password=… user=a"),
            ("host=db PASSWORD = 'hunter \\' 2' user=a", "host=db PASSWORD = … user=a"),
            (
                "postgres://ana:hunter2@db/orders?password=hunter2&sslmode=require",
                "postgres://ana:…@db/orders?password=…&sslmode=require",
            ),
            ("postgres://ana@db:5432/orders", "postgres://ana@db:5432/orders"),
            ("service=orders", "service=orders"),
        ] {
            assert_eq!(without_password(written), shown);
        }
    }
}
