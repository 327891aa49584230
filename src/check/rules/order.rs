//! Steps in an order in which a rollback, or a hold that lets go by itself, comes at the wrong moment.

use std::collections::HashMap;
use std::time::Duration;

use super::Findings;
use crate::check::context::Context;
use crate::check::scripts::word::Word;
use crate::check::scripts::{Script, program_name};
use crate::check::steps::{Kind, Role, StepAt};
use crate::check::tree::NodeId;
use crate::model::diagnostic::Span;
use crate::model::step::Effect;

/// What makes a program read its files again, by program and any of its arguments.
const RELOADS: &[(&str, &[&str])] = &[
    ("systemctl", &["reload", "restart", "try-restart", "reload-or-restart", "try-reload-or-restart", "daemon-reload"]),
    ("service", &["reload", "restart", "force-reload"]),
    ("rc-service", &["reload", "restart"]),
    ("nginx", &["reload", "-sreload"]),
    ("haproxy", &["-sf", "-st"]),
    ("apachectl", &["graceful", "restart"]),
    ("apache2ctl", &["graceful", "restart"]),
    ("pg_ctl", &["reload", "restart"]),
    ("pg_ctlcluster", &["reload", "restart"]),
    ("patronictl", &["reload", "restart"]),
    ("supervisorctl", &["restart", "update", "reread"]),
    ("rndc", &["reload", "reconfig"]),
    ("postfix", &["reload"]),
    ("caddy", &["reload"]),
    ("consul", &["reload"]),
    ("docker", &["restart"]),
    ("docker-compose", &["restart"]),
    ("podman", &["restart"]),
    ("netplan", &["apply"]),
    ("sysctl", &["-p", "--system"]),
    ("kill", &["-HUP", "HUP", "-1", "SIGHUP"]),
    ("pkill", &["-HUP", "-1"]),
    ("killall", &["-HUP", "-1"]),
];

/// Who holds something this long has time to be asked.
const TIME_TO_ANSWER: Duration = Duration::from_hours(1);

/// `systemctl reload` as a step after a `file` step.
pub fn early_reload(context: &Context, findings: &mut Findings) {
    let scripts: HashMap<NodeId, &Script<'_>> =
        context.code.scripts.iter().map(|script| (script.node, script)).collect();
    let mut last: HashMap<NodeId, &StepAt> = HashMap::new();
    for step in context.decoded().filter(|step| step.role == Role::Forward) {
        if step.kind == Some(Kind::File) {
            let reloads = context.field(step.node, "file").and_then(|file| context.field(file, "reload")).is_some();
            if !reloads {
                last.extend(lists(context, step).map(|list| (list, step)));
            }
            continue;
        }
        let Some(file) = last.get(&step.list).copied() else { continue };
        let what = reloaded(context, step, &scripts);
        if let Some(what) = what {
            let title = context.title(file);
            findings.report_with(
                context.action_span(step),
                format!("{what} reads files again here, and in a rollback before {title} has put its file back"),
                "write it as `reload: [...]` of that `file`: it then runs again after the file was put back",
                (context.action_span(file), "the file that is changed"),
            );
        } else if step.effect() == Some(Effect::ReadOnly) {
            continue;
        }
        for list in lists(context, step) {
            last.remove(&list);
        }
    }
}

/// The list of a step, and those of the groups that it stands in: what comes after a group comes after its members.
fn lists<'c>(context: &'c Context, step: &'c StepAt) -> impl Iterator<Item = NodeId> {
    let around = std::iter::successors(Some(step), |step| step.parent.map(|parent| &context.steps[parent]));
    around.map(|step| step.list)
}

/// The program that a step makes read its files again.
fn reloaded(context: &Context, step: &StepAt, scripts: &HashMap<NodeId, &Script<'_>>) -> Option<String> {
    let action = *step.actions.first()?;
    let node = context.field(step.node, action)?;
    match step.kind? {
        Kind::Shell => scripts.get(&node)?.commands.iter().find_map(|command| {
            let (program, arguments) = command.program()?;
            let arguments: Vec<String> = arguments.iter().filter_map(Word::literal).collect();
            reloading(&program, &arguments.iter().map(String::as_str).collect::<Vec<_>>())
        }),
        Kind::Command => {
            let words: Vec<&str> = context.items(node).iter().filter_map(|item| context.text(*item)).collect();
            let at = words.iter().position(|word| !["sudo", "env", "-n"].contains(word))?;
            reloading(program_name(words[at]), &words[at + 1..])
        }
        // In a query it is found elsewhere.
        Kind::Sql => {
            let text = context.text(node)?.to_ascii_lowercase();
            text.contains("pg_reload_conf").then(|| "`pg_reload_conf`".to_owned())
        }
        _ => None,
    }
}

fn reloading(program: &str, arguments: &[&str]) -> Option<String> {
    let (_, words) = RELOADS.iter().find(|(name, _)| *name == program)?;
    words.iter().find(|word| arguments.contains(word)).map(|word| format!("`{program} {word}`"))
}

/// A question to a person inside a hold that lets go by itself.
pub fn question_in_hold(context: &Context, findings: &mut Findings) {
    for (at, hold) in context.steps.iter().enumerate() {
        let Some(expires) = context.field(hold.node, "hold").and_then(|hold| context.field(hold, "expires")) else {
            continue;
        };
        let length = context.duration(expires);
        if length.is_some_and(|length| length >= TIME_TO_ANSWER) {
            continue;
        }
        for step in held(context, at) {
            for span in questions(context, step) {
                findings.report_with(
                    span,
                    format!("while a person is asked here, what {} holds lets go by itself", context.title(hold)),
                    "ask before it is taken, and let a failure be answered by `rollback` or `stop`",
                    (context.first_line(context.span(expires)), "it lets go after this time"),
                );
            }
        }
    }
}

/// The steps during which something is held: those of its own list, else those that follow in the list it stands in.
fn held<'c>(context: &'c Context, at: usize) -> Vec<&'c StepAt> {
    let hold = &context.steps[at];
    // A step comes before its members and parts, and they before the step that follows.
    if context.field(hold.node, "steps").is_some() {
        let members = (at..context.steps.len()).take_while(|inner| context.is_within(at, *inner));
        return members.map(|inner| &context.steps[inner]).collect();
    }
    let in_list = |inner: usize| context.around(inner).find(|step| context.steps[*step].list == hold.list);
    let following = (at + 1..context.steps.len()).map_while(|inner| Some((inner, in_list(inner)?)));
    following.filter(|(_, sibling)| *sibling != at).map(|(inner, _)| &context.steps[inner]).collect()
}

/// Where a step asks somebody.
fn questions(context: &Context, step: &StepAt) -> Vec<Span> {
    let node = step.node;
    let mut found = Vec::new();
    if matches!(step.kind, Some(Kind::Confirm | Kind::Manual)) {
        found.push(context.action_span(step));
    }
    if let Some(choice) = context.field(node, "on_failure") {
        let then = context.field(choice, "then").unwrap_or(choice);
        found.extend((context.text(then) == Some("ask")).then(|| context.span(then)));
    }
    found.extend(context.field(node, "canary").map(|_| context.entry_key_span(node, "canary")));
    let watches = context.field(node, "watch").map(|watch| context.items(watch)).unwrap_or_default();
    let actions = watches.iter().filter_map(|watch| context.field(*watch, "action"));
    found.extend(actions.filter(|action| context.text(*action) == Some("ask")).map(|action| context.span(action)));
    found
}
