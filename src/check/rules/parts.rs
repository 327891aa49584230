//! Fields that exclude or need each other, and regular expressions.

use super::{Findings, flow};
use crate::check::context::{Context, QUESTIONS};
use crate::check::steps::{Kind, StepAt};
use crate::check::tree::NodeId;
use crate::model::step::Effect;

const CONTENTS: [&str; 5] = ["content", "template", "source", "edits", "absent"];

/// Fields that do not go together, or not without another.
pub fn contradictions(context: &Context, findings: &mut Findings) {
    if context.document.is_some() {
        sources(context, findings);
    }
    for step in context.sound() {
        for (part, node) in context.questions(step.node) {
            if part == "precondition" {
                precondition(context, findings, node);
            } else {
                probe(context, findings, node, part);
            }
        }
        polling(context, findings, step);
        attempts(context, findings, step);
        flow::beside(context, findings, step);
        super::items::contradictions(context, findings, step);
        hidden_output(context, findings, step);
        if step.kind == Some(Kind::File) {
            file(context, findings, step);
        }
    }
}

fn present<'k>(context: &Context, node: NodeId, keys: &[&'k str]) -> Vec<&'k str> {
    keys.iter().copied().filter(|key| context.field(node, key).is_some()).collect()
}

/// A secret comes from one place, a target is of one kind. Where something in it could not be read, that may have been
/// the one.
fn sources(context: &Context, findings: &mut Findings) {
    let one_of = |node: NodeId, keys: &[&str]| match present(context, node, keys).len() {
        0 => context.mistakes.iter().any(|mistake| mistake.node == node),
        said => said == 1,
    };
    let secrets = context.field(context.root, "secrets").map(|node| context.entries(node)).unwrap_or_default();
    for secret in secrets {
        if !one_of(secret.value, &["env", "file", "command"]) {
            findings.report(
                context.span(secret.key),
                "a secret is found in exactly one place",
                "write one of `{ env: NAME }`, `{ file: PATH }`, `{ command: [pass, show, x] }`",
            );
        }
    }
    let targets = context.field(context.root, "targets").map(|node| context.entries(node)).unwrap_or_default();
    for target in targets {
        if !one_of(target.value, &["postgres", "hosts"]) {
            findings.report(
                context.span(target.key),
                "a target is of exactly one kind",
                "write `{ postgres: \"host=… dbname=…\" }` or `{ hosts: [web-1, web-2] }`",
            );
        }
    }
}

fn probe(context: &Context, findings: &mut Findings, node: NodeId, part: &str) {
    one_question(context, findings, node, part);
    for key in present(context, node, &["that", "message"]) {
        let help =
            if part == "verify" { "write `until: …` with a timeout" } else { "let the action itself say yes or no" };
        findings.report(context.entry_key_span(node, key), format!("`{key}` does not go with `{part}`"), help);
    }
    if part == "watch" {
        return watch(context, findings, node);
    }
    for key in present(context, node, WATCH) {
        let message = format!("`{key}` does not go with `{part}`");
        findings.report(context.entry_key_span(node, key), message, "it goes with `watch`; remove it here");
    }
    let until = context.field(node, "until").is_some();
    for key in present(context, node, &["until", "every"]) {
        if part != "verify" {
            let message = format!("`{key}` does not go with `{part}`, which is asked once");
            findings.report(context.entry_key_span(node, key), message, "move it to `verify`");
        } else if !until {
            findings.report(context.entry_key_span(node, key), "`every` without `until`", "add `until: <expression>`");
        }
    }
}

/// The fields of a watch that no other probe has.
const WATCH: &[&str] = &["trip_when", "action", "do"];

/// What a watch asks, and what trips it.
fn watch(context: &Context, findings: &mut Findings, node: NodeId) {
    if context.field(node, "until").is_some() {
        let span = context.entry_key_span(node, "until");
        findings.report(span, "`until` does not go with `watch`", "write `trip_when: <expression>`");
    } else if context.field(node, "trip_when").is_none() {
        let span = context.first_line(context.span(node));
        findings.report(span, "this watch never trips", "add `trip_when: <expression>` over what it sees");
    }
    if context.field(node, "action").is_none() {
        let span = context.first_line(context.span(node));
        findings.report(
            span,
            "this watch does not say what happens when it trips",
            "add `action: ask`, or warn, stop, rollback",
        );
    }
}

fn one_question(context: &Context, findings: &mut Findings, node: NodeId, part: &str) {
    let questions = present(context, node, &QUESTIONS);
    if let [first, second, ..] = questions.as_slice() {
        let message = format!("two questions in one `{part}`: `{first}` and `{second}`");
        findings.report(context.entry_key_span(node, second), message, "keep one");
    } else if questions.is_empty() {
        let span = context.first_line(context.span(node));
        findings.report(span, format!("`{part}` asks nothing"), "add one of shell, command, query, http");
    }
}

fn precondition(context: &Context, findings: &mut Findings, node: NodeId) {
    let questions = present(context, node, &QUESTIONS);
    if questions.len() > 1 || questions.is_empty() && context.field(node, "that").is_none() {
        one_question(context, findings, node, "precondition");
    }
    for key in present(context, node, WATCH) {
        let message = format!("`{key}` does not go with a precondition");
        findings.report(context.entry_key_span(node, key), message, "it goes with `watch`; write `that` here");
    }
    for key in present(context, node, &["until", "every"]) {
        let message = format!("`{key}` does not go with a precondition, which is asked once");
        findings.report(context.entry_key_span(node, key), message, "wait in a step of its own, before this one");
    }
}

fn polling(context: &Context, findings: &mut Findings, step: &StepAt) {
    if context.field(step.node, "until").is_none() {
        if context.field(step.node, "every").is_some() {
            let span = context.entry_key_span(step.node, "every");
            findings.report(span, "`every` without `until`", "add `until: <expression>`");
        }
        return;
    }
    for key in present(context, step.node, &["retry", "success"]) {
        let message = format!("`{key}` does not apply where `until` polls");
        findings.report(context.entry_key_span(step.node, key), message, "say all of it in `until`");
    }
    if step.effect() == Some(Effect::Mutating) {
        findings.report(
            context.entry_key_span(step.node, "until"),
            "`until` repeats the step, so it belongs to a read-only one",
            "add `effect: read_only`, or move `until` to `verify`",
        );
    }
}

/// A pattern over output that nobody keeps would find nothing, and `stdout_not` would always be content.
fn hidden_output(context: &Context, findings: &mut Findings, step: &StepAt) {
    let sensitive = step.fields.as_ref().is_some_and(|fields| fields.sensitive == Some(true));
    let Some(success) = context.field(step.node, "success").filter(|_| sensitive) else { return };
    for key in present(context, success, &["stdout", "stdout_not", "stderr", "stderr_not"]) {
        let message = format!("`{key}` looks at output that a sensitive step does not keep");
        findings.report(context.entry_key_span(success, key), message, "let the step's own exit code say it");
    }
}

fn attempts(context: &Context, findings: &mut Findings, step: &StepAt) {
    let Some(retry) = step.fields.as_ref().and_then(|fields| fields.retry.as_ref()) else { return };
    let Some(node) = context.field(step.node, "retry") else { return };
    if retry.max_attempts == 0 {
        let span = context.field_span(node, "max_attempts");
        findings.report(span, "`max_attempts` counts the first, so it is at least 1", "write `max_attempts: 2`");
    }
    if retry.backoff.is_some_and(|backoff| !(1.0..=100.0).contains(&backoff)) {
        let span = context.field_span(node, "backoff");
        findings.report(span, "`backoff` is a factor from 1 to 100", "write `backoff: 2`");
    }
}

fn file(context: &Context, findings: &mut Findings, step: &StepAt) {
    let Some(node) = context.field(step.node, "file") else { return };
    let contents = present(context, node, &CONTENTS);
    if let [first, second, ..] = contents.as_slice() {
        findings.report(
            context.entry_key_span(node, second),
            format!("`{second}` beside `{first}`: a file's content comes from one of them"),
            "keep one",
        );
    } else if contents.is_empty() && present(context, node, &["mode", "owner", "group"]).is_empty() {
        findings.report(
            context.entry_key_span(step.node, "file"),
            "this says nothing about the file",
            format!("add one of {}, or mode, owner, group", CONTENTS.join(", ")),
        );
    } else if context.field(node, "absent").and_then(|absent| context.text(absent)) == Some("false") {
        findings.report(
            context.field_span(node, "absent"),
            "`absent: false` says nothing",
            "remove it, and say what is in the file",
        );
    }
    let edits = context.field(node, "edits").map(|edits| context.items(edits)).unwrap_or_default();
    for expect in edits.iter().filter_map(|edit| context.field(*edit, "expect")) {
        let text = context.text(expect).unwrap_or_default();
        if text != "any" && text.parse::<usize>().is_err() {
            findings.report(
                context.span(expect),
                format!("`{text}` is not a number of matches"),
                "write a number, or `any` where no match is fine too",
            );
        }
    }
}

/// The largest regular expression, compiled and in bytes: one that takes longer to compile is seldom meant.
const REGEX: usize = 1 << 20;

/// What does not compile as a regular expression. One with a template in it is known only when it runs.
pub fn regular_expressions(context: &Context, findings: &mut Findings) {
    let mut found = Vec::new();
    let parameters = context.field(context.root, "parameters").map(|node| context.entries(node)).unwrap_or_default();
    found.extend(parameters.iter().filter_map(|entry| context.field(entry.value, "pattern")));
    for step in &context.steps {
        if let Some(success) = context.field(step.node, "success") {
            let keys = ["stdout", "stdout_not", "stderr", "stderr_not"];
            found.extend(keys.iter().filter_map(|key| context.field(success, key)));
        }
        let edits = context.field(step.node, "file").and_then(|file| context.field(file, "edits"));
        let edits = edits.map(|edits| context.items(edits)).unwrap_or_default();
        found.extend(edits.iter().filter_map(|edit| context.field(*edit, "match")));
        let asked = context.questions(step.node).into_iter().map(|(_, node)| node);
        let expected =
            asked.chain([step.node]).filter_map(|node| context.field(context.field(node, "http")?, "expect"));
        found.extend(expected.filter_map(|expect| context.field(expect, "body")));
    }
    for node in found {
        let Some(text) = context.text(node).filter(|text| !text.contains("{{")) else { continue };
        if let Err(error) = regex::RegexBuilder::new(text).multi_line(true).size_limit(REGEX).build() {
            let reason = error.to_string();
            let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            findings.report(
                context.first_line(context.span(node)),
                format!("this is not a regular expression: {reason}"),
                "write \\ before a character that is meant literally",
            );
        }
    }
}
