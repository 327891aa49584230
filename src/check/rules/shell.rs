//! Commands of scripts that do something else than it seems: guards that guard nothing, pipes that fail for their
//! success, programs from the network.
//!
//! What follows from the text alone; what bash and shellcheck say is in `scripts`, what removes files in `removal`.

use super::Findings;
use crate::check::context::Context;
use crate::check::scripts::scan::{Command, Join};
use crate::check::scripts::word::Word;
use crate::check::scripts::{SHELLS, Script, has_option, script_of};

const FETCHERS: [&str; 4] = ["curl", "wget", "fetch", "aria2c"];
const INTERPRETERS: [&str; 6] = ["python", "python3", "perl", "ruby", "node", "php"];

/// Reports a part of a script, as far as it is on one line.
fn report(
    context: &Context,
    findings: &mut Findings,
    script: &Script<'_>,
    (start, end): (usize, usize),
    message: &str,
    help: &str,
) {
    let places = context.places(script.node);
    let line = script.text[start..end].split('\n').next().unwrap_or_default().trim_end();
    findings.report(context.begin_within(script.node, &places, start, line.len()), message, help);
}

/// Whether a script sets an option itself, with `set -e` or `set -o pipefail`, and does not take it back.
fn sets(script: &Script<'_>, letter: Option<char>, name: &str) -> bool {
    let set = script.commands.iter().filter(|command| command.words.first().is_some_and(|word| word.is("set")));
    let with = |word: &&Word<'_>| word.is(name) || letter.is_some_and(|letter| has_option(word.text, letter));
    let mut said = set.filter_map(|command| {
        let option = command.words.iter().position(|word| with(&word))?;
        let before = command.words[..=option].iter().rev().find(|word| word.text.starts_with(['-', '+']))?;
        Some(before.text.starts_with('-'))
    });
    said.next_back().unwrap_or(false)
}

fn takes_back(script: &Script<'_>, name: &str) -> bool {
    script.text.contains(&format!("+o {name}")) || name == "errexit" && script.text.contains("set +e")
}

/// The commands that are joined by pipes with the one at that place, itself among them, at its depth.
fn pipeline<'s>(script: &'s Script<'s>, at: usize) -> Vec<&'s Command<'s>> {
    let here = &script.commands[at];
    let mut around = vec![here];
    let same = |command: &&Command<'_>| command.depth == here.depth;
    for command in script.commands[..at].iter().rev().filter(same) {
        if around[0].before != Join::Pipe || command.after != Join::Pipe {
            break;
        }
        around.insert(0, command);
    }
    for command in script.commands[at + 1..].iter().filter(same) {
        if around.last().is_none_or(|last| last.after != Join::Pipe) {
            break;
        }
        around.push(command);
    }
    around
}

fn end(command: &Command<'_>) -> usize {
    command.words.last().or(command.assignments.last()).map_or(0, Word::end)
}

/// `! cmd` before the last line: `set -e` passes over what is negated.
pub fn lost_guard(context: &Context, findings: &mut Findings) {
    for script in context.code.scripts.iter().filter(|script| script.text.contains('!')) {
        if !(script.errexit || sets(script, Some('e'), "errexit")) || takes_back(script, "errexit") {
            continue;
        }
        for (at, command) in script.commands.iter().enumerate() {
            let Some(start) = command.negated.filter(|_| !command.condition && command.depth == 0) else { continue };
            let pipeline = pipeline(script, at);
            let Some(last) = pipeline.last().filter(|last| last.after == Join::End) else { continue };
            let end = end(last);
            let more = script.commands.iter().any(|later| later.depth == 0 && later.offset() > end);
            if command.before != Join::End || !more {
                continue;
            }
            let guarded = script.text[start + 1..end].trim();
            let guarded = if guarded.contains('\n') || guarded.len() > 60 { "…" } else { guarded };
            report(
                context,
                findings,
                script,
                (start, end),
                "the script goes on when this fails: `set -e` passes over what `!` negates",
                &format!("write `if {guarded}; then exit 1; fi`"),
            );
        }
    }
}

/// `producer | grep -q`: grep ends at the first match, the producer by a signal, and with it the pipe has failed.
pub fn broken_pipe(context: &Context, findings: &mut Findings) {
    for script in context.code.scripts.iter().filter(|script| script.text.contains("grep")) {
        if !(script.pipefail || sets(script, None, "pipefail")) || takes_back(script, "pipefail") {
            continue;
        }
        for (at, command) in script.commands.iter().enumerate().filter(|(_, command)| command.before == Join::Pipe) {
            let Some((_, arguments)) = command.program().filter(|(name, _)| name.ends_with("grep")) else { continue };
            let Some(option) = arguments.iter().find(|word| is_quiet(word.text)) else { continue };
            // What these write is in the pipe before anybody can have read it.
            let pipeline = pipeline(script, at);
            let producer = pipeline[0].program().map(|(name, _)| name).unwrap_or_default();
            if pipeline.len() == 2 && ["echo", "printf"].contains(&producer.as_str()) {
                continue;
            }
            report(
                context,
                findings,
                script,
                (command.offset(), option.end()),
                "grep ends at the first match, and under `pipefail` what feeds it then makes the pipe fail",
                "leave the option out and write `>/dev/null` behind, so that grep reads to the end",
            );
        }
    }
}

/// `-q` in a group of short options, before one that takes the rest as its value.
fn is_quiet(word: &str) -> bool {
    let Some(letters) = word.strip_prefix('-') else { return false };
    let letters = letters.split(['e', 'f', 'm', 'A', 'B', 'C', 'd', 'D']).next().unwrap_or_default();
    matches!(word, "--quiet" | "--silent") || !letters.starts_with('-') && letters.contains('q')
}

/// A program that comes from the network when it is run.
pub fn from_network(context: &Context, findings: &mut Findings) {
    for script in &context.code.scripts {
        if !FETCHERS.iter().any(|fetcher| script.text.contains(fetcher)) {
            continue;
        }
        for (at, command) in script.commands.iter().enumerate() {
            let Some((name, arguments)) = command.program() else { continue };
            let piped = command.before == Join::Pipe && reads_program(&name, arguments) && {
                let pipeline = pipeline(script, at);
                pipeline.iter().take_while(|one| one.offset() < command.offset()).any(|one| is_fetcher(one))
            };
            let given = takes_program(&name, arguments).into_iter().any(|word| fetches(script, command, word));
            if piped || given {
                let first = if piped { pipeline(script, at)[0].offset() } else { command.offset() };
                report(
                    context,
                    findings,
                    script,
                    (first, end(command)),
                    &format!("`{name}` runs whatever the network answers at that moment"),
                    "fetch it into a file, compare its digest with `sha256sum -c`, and run that file",
                );
            }
        }
    }
}

fn is_fetcher(command: &Command<'_>) -> bool {
    command.program().is_some_and(|(name, _)| FETCHERS.contains(&name.as_str()))
}

/// Whether it reads the program that it runs from its standard input.
fn reads_program(name: &str, arguments: &[Word<'_>]) -> bool {
    let named = arguments.iter().take_while(|word| !word.is("--")).any(|word| !word.text.starts_with('-'));
    if SHELLS.contains(&name) {
        let from_input = arguments.iter().any(|word| has_option(word.text, 's'));
        return from_input || !named && !arguments.iter().any(|word| has_option(word.text, 'c'));
    }
    INTERPRETERS.contains(&name) && arguments.iter().all(|word| word.is("-"))
}

/// The arguments that it takes for a program, or for a file that is one.
fn takes_program<'w>(name: &str, arguments: &'w [Word<'w>]) -> Vec<&'w Word<'w>> {
    let is_file = |word: &&Word<'_>| word.text.starts_with("<(");
    match name {
        "eval" => arguments.iter().collect(),
        "source" | "." => arguments.iter().filter(is_file).collect(),
        _ if SHELLS.contains(&name) => {
            let option = arguments.iter().position(|word| has_option(word.text, 'c'));
            let script = option.and_then(|option| arguments.get(option + 1));
            arguments.iter().filter(is_file).chain(script).collect()
        }
        _ if INTERPRETERS.contains(&name) => arguments.iter().filter(is_file).collect(),
        _ => Vec::new(),
    }
}

/// Whether something that is substituted in a word fetches.
fn fetches(script: &Script<'_>, command: &Command<'_>, word: &Word<'_>) -> bool {
    let inside =
        |inner: &&Command<'_>| inner.depth == command.depth + 1 && (word.offset..word.end()).contains(&inner.offset());
    script.commands.iter().filter(inside).any(is_fetcher)
}

/// A value that a shell reads as a part of its script.
pub fn value_as_code(context: &Context, findings: &mut Findings) {
    for argv in &context.code.arguments {
        let Some(at) = script_of(context.tree, *argv) else { continue };
        let node = context.items(*argv)[at];
        let Some(text) = context.text(node) else { continue };
        let places = context.places(node);
        for (start, _) in text.match_indices("{{") {
            let inside = text[start + 2..].trim_start_matches('-').trim_start();
            // `{{ .Names }}` of another program fails as a template; a secret is found as one that can be read.
            if inside.starts_with('.') || inside.starts_with("secrets.") {
                continue;
            }
            let length = text[start..].find("}}").map_or(2, |end| end + 2);
            let value = inside.split("}}").next().unwrap_or_default().trim_end_matches('-').trim_end();
            findings.report(
                context.span_within(node, &places, start, length),
                format!("the value of `{value}` becomes code here: the shell reads it as a part of its script"),
                "write `shell:` instead of `command:`, give the value by `env: { NAME: \"{{ … }}\" }`, and use \"$NAME\"",
            );
        }
    }
}
