//! Every `shell` text of a document, wherever it stands, and every argument list: in steps, probes, rollbacks, hooks,
//! holds, watches.

mod compound;
pub mod scan;
pub mod word;

use std::collections::{BTreeMap, HashMap};

use scan::Command;

use super::tree::{Kind as NodeKind, NodeId, Tree};

/// Keys below which everything is the writer's own: a `shell` there is a name, not an action.
const FREE: [&str; 8] = ["env", "variables", "outputs", "parameters", "vars", "headers", "json", "inputs"];
/// Keys whose lists are argument lists.
const ARGUMENTS: [&str; 3] = ["command", "validate", "reload"];

/// Programs that read scripts as a shell does.
pub const SHELLS: [&str; 6] = ["sh", "bash", "dash", "ash", "zsh", "ksh"];

/// What reads a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// The default.
    Bash,
    /// A shell of POSIX.
    Sh,
    /// Python, perl, and whatever else is not looked into.
    Other,
}

/// One script.
#[derive(Debug)]
pub struct Script<'a> {
    /// Its scalar.
    pub node: NodeId,
    /// Its text.
    pub text: &'a str,
    /// What reads it.
    pub dialect: Dialect,
    /// Whether it is started with `-e`.
    pub errexit: bool,
    /// Whether it is started with `-o pipefail`.
    pub pipefail: bool,
    /// The names that `env` gives it, in its own step or around it, each with its value.
    pub names: BTreeMap<&'a str, NodeId>,
    /// Its commands; none where no shell reads it.
    pub commands: Vec<Command<'a>>,
}

/// What is run by the steps of a document, as it is typed.
#[derive(Debug, Default)]
pub struct Scripts<'a> {
    /// The scripts, in the order of the file, each scalar once. Those that an argument list gives to a shell too.
    pub scripts: Vec<Script<'a>>,
    /// The argument lists.
    pub arguments: Vec<NodeId>,
}

impl Dialect {
    /// Whether it is a shell that bash knows to read.
    #[must_use]
    pub const fn is_shell(self) -> bool {
        !matches!(self, Self::Other)
    }
}

/// Finds them.
#[must_use]
pub fn collect(tree: &Tree) -> Scripts<'_> {
    let mut search = Search { tree, found: Scripts::default(), known: HashMap::new() };
    for key in ["steps", "hooks", "defaults"] {
        if let Some(entry) = tree.get(tree.root(), key) {
            search.below(entry.value, &BTreeMap::new());
        }
    }
    search.found
}

type Names<'a> = BTreeMap<&'a str, NodeId>;

struct Search<'a> {
    tree: &'a Tree,
    found: Scripts<'a>,
    known: HashMap<NodeId, usize>,
}

impl<'a> Search<'a> {
    /// What stands deeper runs where this runs, so it has the same variables.
    fn below(&mut self, node: NodeId, names: &Names<'a>) {
        match &self.tree.node(node).kind {
            NodeKind::Scalar { .. } => {}
            NodeKind::Sequence(items) => items.iter().for_each(|item| self.below(*item, names)),
            NodeKind::Mapping(entries) => {
                let tree = self.tree;
                let own = tree.get(node, "env").map(|env| tree.entries(env.value)).unwrap_or_default();
                let own = own.iter().filter_map(|entry| Some((tree.text(entry.key)?, entry.value)));
                let mut together = names.clone();
                together.extend(own);
                for entry in entries {
                    match tree.text(entry.key) {
                        Some("shell") => self.script(node, entry.value, &together),
                        Some(key) if ARGUMENTS.contains(&key) => self.argv(entry.value, &together),
                        Some(key) if FREE.contains(&key) => {}
                        _ => self.below(entry.value, &together),
                    }
                }
            }
        }
    }

    fn script(&mut self, step: NodeId, node: NodeId, names: &Names<'a>) {
        let interpreter = self.tree.get(step, "interpreter").map(|entry| entry.value);
        match interpreter {
            None => self.take(node, (Dialect::Bash, true, true), names),
            Some(interpreter) => {
                let items = self.tree.items(interpreter);
                let one = [interpreter];
                let started = self.started(if items.is_empty() { &one } else { items });
                self.take(node, started, names);
            }
        }
    }

    fn argv(&mut self, node: NodeId, names: &Names<'a>) {
        let items = self.tree.items(node);
        if items.is_empty() {
            self.below(node, names);
            return;
        }
        self.found.arguments.push(node);
        let Some(at) = script_of(self.tree, node) else { return };
        let started = self.started(&items[..at]);
        if self.tree.text(items[at]).is_some_and(|text| !text.contains("{{")) {
            self.take(items[at], started, names);
        }
    }

    /// What those arguments start, and whether it ends at the first failure, also of one within a pipe.
    fn started(&self, argv: &[NodeId]) -> (Dialect, bool, bool) {
        let words: Vec<&str> = argv.iter().filter_map(|word| self.tree.text(*word)).collect();
        let mut programs = words.iter().map(|word| program_name(word));
        let dialect = match programs.find(|program| *program != "env") {
            Some("bash") => Dialect::Bash,
            Some("sh" | "dash" | "ash") => Dialect::Sh,
            _ => Dialect::Other,
        };
        let errexit = words.iter().skip(1).any(|word| has_option(word, 'e') || *word == "errexit");
        (dialect, errexit, words.contains(&"pipefail"))
    }

    fn take(&mut self, node: NodeId, started: (Dialect, bool, bool), names: &Names<'a>) {
        let Some(text) = self.tree.text(node) else { return };
        // An alias is the same text once more, perhaps among other variables.
        if let Some(before) = self.known.get(&node) {
            self.found.scripts[*before].names.extend(names);
            return;
        }
        self.known.insert(node, self.found.scripts.len());
        let (dialect, errexit, pipefail) = started;
        let names = names.clone();
        let commands = if dialect.is_shell() { scan::commands(text) } else { Vec::new() };
        self.found.scripts.push(Script { node, text, dialect, errexit, pipefail, names, commands });
    }
}

/// Which element of an argument list is the script of a shell, as in `[bash, -c, …]`.
#[must_use]
pub fn script_of(tree: &Tree, argv: NodeId) -> Option<usize> {
    let items = tree.items(argv);
    let program = tree.text(*items.first()?)?;
    let is_shell = SHELLS.contains(&program_name(program));
    let option = items.iter().skip(1).position(|item| tree.text(*item).is_some_and(|word| has_option(word, 'c')))?;
    (is_shell && option + 2 < items.len()).then_some(option + 2)
}

/// A program as it is called, without the folder that it is started from.
#[must_use]
pub fn program_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Whether a word is a group of short options with that one among them.
#[must_use]
pub fn has_option(word: &str, option: char) -> bool {
    word.strip_prefix('-').is_some_and(|letters| !letters.starts_with('-') && letters.contains(option))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::source::Source;
    use crate::check::tree;

    fn scripts(text: &str) -> Vec<(String, Dialect, String)> {
        let source = Source::new("a.yaml", text);
        let tree = tree::parse(&source).unwrap();
        let names = |script: &Script<'_>| script.names.keys().copied().collect::<Vec<_>>().join(" ");
        collect(&tree).scripts.iter().map(|script| (script.text.to_owned(), script.dialect, names(script))).collect()
    }

    #[test]
    fn scripts_are_found_wherever_they_stand_and_free_names_are_none() {
        let found = scripts(
            "steps:\n\
             - { shell: a, check: { shell: b }, preconditions: [{ shell: c }], rollback: [{ shell: d }] }\n\
             - { steps: [{ shell: e }], hold: { acquire: { shell: f } }, watch: [{ shell: g }] }\n\
             - { command: [x], env: { shell: no }, outputs: { shell: no } }\n\
             - { command: [bash, -ec, i] }\n\
             - { command: [bash, -c, \"{{ no }}\"] }\n\
             - { command: [bash, no] }\n\
             hooks: { always: [{ shell: h }] }\n\
             vars: { shell: no }\n",
        );
        let texts: String = found.iter().map(|(text, ..)| text.as_str()).collect();
        assert_eq!(texts, "abcdefgih");
    }

    #[test]
    fn the_interpreter_says_what_reads_a_script() {
        let dialect = |interpreter: &str| scripts(&format!("steps:\n- {{ shell: a, {interpreter} }}\n"))[0].1;
        assert_eq!(dialect("id: x"), Dialect::Bash);
        assert_eq!(dialect("interpreter: bash"), Dialect::Bash);
        assert_eq!(dialect("interpreter: [/bin/bash, -c]"), Dialect::Bash);
        assert_eq!(dialect("interpreter: [/usr/bin/env, sh, -c]"), Dialect::Sh);
        assert_eq!(dialect("interpreter: [python3, -c]"), Dialect::Other);
        assert_eq!(dialect("interpreter: [env]"), Dialect::Other);
    }

    #[test]
    fn how_a_shell_is_started_says_whether_it_ends_at_a_failure() {
        let ends = |text: &str| {
            let source = Source::new("a.yaml", format!("steps:\n- {{ {text} }}\n"));
            let tree = tree::parse(&source).unwrap();
            let script = &collect(&tree).scripts[0];
            (script.errexit, script.pipefail)
        };
        assert_eq!(ends("shell: a"), (true, true));
        assert_eq!(ends("shell: a, interpreter: bash"), (false, false));
        assert_eq!(ends("shell: a, interpreter: [bash, -euo, pipefail, -c]"), (true, true));
        assert_eq!(ends("command: [sh, -e, -c, a]"), (true, false));
    }

    #[test]
    fn a_script_knows_the_names_around_it() {
        let found = scripts(
            "steps:\n\
             - env: { A: 1 }\n\
             \x20 steps:\n\
             \x20 - { env: { B: 1 }, shell: &s x, verify: { shell: y, env: { C: 1 } } }\n\
             - { shell: *s, env: { D: 1 } }\n",
        );
        let names: Vec<&str> = found.iter().map(|(_, _, names)| names.as_str()).collect();
        assert_eq!(names, ["A B D", "A B C"]);
    }
}
