//! `rm -rf` on what a value names: an empty value makes it the folder above, or the root.

use super::Findings;
use crate::check::context::Context;
use crate::check::scripts::scan::Command;
use crate::check::scripts::word::{Variable, Word};
use crate::check::scripts::{Script, has_option, program_name};
use crate::check::tree::NodeId;

/// `rm -rf "$DIR"/*`, `rm -rf $DIR`, and the same in an argument list.
pub fn of_outside_value(context: &Context, findings: &mut Findings) {
    for script in context.code.scripts.iter().filter(|script| script.text.contains("rm")) {
        for command in &script.commands {
            let Some((_, arguments)) = command
                .program()
                .filter(|(name, arguments)| name == "rm" && arguments.iter().any(|word| is_recursive(word.text)))
            else {
                continue;
            };
            for word in arguments.iter().filter(|word| !word.text.starts_with('-')) {
                of_word(context, findings, script, command, word);
            }
        }
    }
    for argv in &context.code.arguments {
        of_arguments(context, findings, *argv);
    }
}

fn is_recursive(word: &str) -> bool {
    word == "--recursive" || has_option(word, 'r') || has_option(word, 'R')
}

/// One finding for a word: the first of its variables that is not safe.
fn of_word(context: &Context, findings: &mut Findings, script: &Script<'_>, command: &Command<'_>, word: &Word<'_>) {
    for variable in word.variables.iter().filter(|variable| is_from_outside(context, script, command, variable)) {
        let before = script.text[word.offset..variable.offset].trim_matches('"');
        let rest = script.text[variable.end..word.end()].replace('"', "");
        let name = variable.name;
        let message = if !variable.quoted {
            format!("`${name}` without quotes: rm removes each word of its value, and all that a `*` in it matches")
        } else if before.is_empty() && rest.starts_with('/') {
            format!("where `{name}` is empty, rm removes `{rest}`")
        } else {
            continue;
        };
        let help = format!("write \"${{{name}:?}}\"{rest}, which ends the script where it is empty");
        let places = context.places(script.node);
        let span = context.begin_within(script.node, &places, variable.offset, variable.end - variable.offset);
        findings.report(span, message, help);
        return;
    }
}

/// Whether its value is one that the script neither sets nor looks at, and that may be empty.
fn is_from_outside(context: &Context, script: &Script<'_>, command: &Command<'_>, variable: &Variable<'_>) -> bool {
    let name = variable.name;
    let constant = script.names.get(name).and_then(|value| context.text(*value));
    let is_name = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    let looked_at = script.commands.iter().filter(|other| other.offset() < command.offset()).any(|other| {
        let tests = other.words.first().is_some_and(|word| ["[", "[[", "test"].contains(&word.text));
        let all = other.words.iter().flat_map(|word| &word.variables);
        all.filter(|other| other.name == name).any(|other| tests || other.guarded)
    });
    is_name
        && !variable.guarded
        && !looked_at
        && !constant.is_some_and(|value| !value.is_empty() && !value.contains("{{"))
        && !is_set_within(script.text, name)
}

/// Whether a script names a variable without `$`: to assign it, read it, loop over it.
fn is_set_within(text: &str, name: &str) -> bool {
    let part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.match_indices(name).any(|(at, _)| {
        !text[..at].ends_with(|before: char| part(before) || before == '$' || before == '{')
            && !text[at + name.len()..].starts_with(part)
    })
}

/// `[rm, -rf, "{{ parameters.folder }}/data"]`.
fn of_arguments(context: &Context, findings: &mut Findings, argv: NodeId) {
    let items = context.items(argv);
    let words: Vec<&str> = items.iter().map(|item| context.text(*item).unwrap_or_default()).collect();
    let program = words.iter().position(|word| !["sudo", "env"].contains(word) && !word.starts_with('-'));
    let Some(program) = program.filter(|at| program_name(words[*at]) == "rm") else { return };
    if !words[program..].iter().any(|word| is_recursive(word)) {
        return;
    }
    for (item, word) in items.iter().zip(&words).skip(program + 1) {
        let Some((inside, rest)) = word.strip_prefix("{{").and_then(|word| word.split_once("}}")) else { continue };
        if !rest.starts_with('/') || is_never_empty(context, inside.trim()) {
            continue;
        }
        findings.report(
            context.first_line(context.span(*item)),
            format!("where the value of `{}` is empty, rm removes `{rest}`", inside.trim()),
            "let one value be the whole path, or give the parameter a `pattern` that no empty text fits",
        );
    }
}

/// A parameter that can only be what its `enum` or `pattern` allows, or a number.
fn is_never_empty(context: &Context, expression: &str) -> bool {
    let Some(name) = expression.strip_prefix("parameters.") else { return false };
    let Some(declared) = context.field(context.root, "parameters") else { return false };
    let Some(declaration) = context.field(declared, name) else { return false };
    let kind = context.field(declaration, "type").and_then(|kind| context.text(kind));
    kind.is_some_and(|kind| ["integer", "number", "duration"].contains(&kind))
        || ["enum", "pattern"].iter().any(|key| context.field(declaration, key).is_some())
}
