//! Every `shell` text of a document, wherever it stands: in steps, probes, rollbacks, hooks, holds, watches.

mod compound;
pub mod scan;
pub mod word;

use std::collections::{BTreeSet, HashMap};

use super::tree::{Kind as NodeKind, NodeId, Tree};

/// Keys below which everything is the writer's own: a `shell` there is a name, not an action.
const FREE: [&str; 9] =
    ["env", "variables", "outputs", "parameters", "vars", "headers", "json", "inputs", "description"];

/// What reads a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dialect {
    /// As it is by default: it ends at the first failure, also in a pipe.
    StrictBash,
    /// Said by `interpreter`.
    Bash,
    /// Said by `interpreter`.
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
    /// The names that `env` gives it, in its own step or around it.
    pub names: BTreeSet<&'a str>,
}

impl Dialect {
    /// Whether it is a shell that bash knows to read.
    #[must_use]
    pub const fn is_shell(self) -> bool {
        !matches!(self, Self::Other)
    }
}

/// Finds them, in the order of the file, each scalar once.
#[must_use]
pub fn collect(tree: &Tree) -> Vec<Script<'_>> {
    let mut search = Search { tree, found: Vec::new(), known: HashMap::new() };
    for key in ["steps", "hooks"] {
        if let Some(entry) = tree.get(tree.root(), key) {
            search.below(entry.value, &BTreeSet::new());
        }
    }
    search.found
}

struct Search<'a> {
    tree: &'a Tree,
    found: Vec<Script<'a>>,
    known: HashMap<NodeId, usize>,
}

impl<'a> Search<'a> {
    /// What stands deeper runs where this runs, so it has the same variables.
    fn below(&mut self, node: NodeId, names: &BTreeSet<&'a str>) {
        match &self.tree.node(node).kind {
            NodeKind::Scalar { .. } => {}
            NodeKind::Sequence(items) => items.iter().for_each(|item| self.below(*item, names)),
            NodeKind::Mapping(entries) => {
                let tree = self.tree;
                let own = tree.get(node, "env").map(|env| tree.entries(env.value)).unwrap_or_default();
                let own: BTreeSet<&str> = own.iter().filter_map(|entry| tree.text(entry.key)).collect();
                let together = if own.is_empty() { None } else { Some(names.union(&own).copied().collect()) };
                let names = together.as_ref().unwrap_or(names);
                for entry in entries {
                    match tree.text(entry.key) {
                        Some("shell") => self.take(node, entry.value, names),
                        Some(key) if FREE.contains(&key) => {}
                        _ => self.below(entry.value, names),
                    }
                }
            }
        }
    }

    fn take(&mut self, step: NodeId, node: NodeId, names: &BTreeSet<&'a str>) {
        let Some(text) = self.tree.text(node) else { return };
        // An alias is the same text once more, perhaps among other variables.
        if let Some(before) = self.known.get(&node) {
            self.found[*before].names.extend(names);
            return;
        }
        self.known.insert(node, self.found.len());
        self.found.push(Script { node, text, dialect: dialect(self.tree, step), names: names.clone() });
    }
}

fn dialect(tree: &Tree, step: NodeId) -> Dialect {
    let Some(interpreter) = tree.get(step, "interpreter").map(|entry| entry.value) else { return Dialect::StrictBash };
    let argv = tree.items(interpreter);
    let words = argv.iter().copied().chain(argv.is_empty().then_some(interpreter));
    let mut programs = words.filter_map(|word| tree.text(word)).map(|word| word.rsplit('/').next().unwrap_or(word));
    match programs.find(|program| *program != "env") {
        Some("bash") => Dialect::Bash,
        Some("sh" | "dash" | "ash") => Dialect::Sh,
        _ => Dialect::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::source::Source;
    use crate::check::tree;

    fn scripts(text: &str) -> Vec<(String, Dialect, String)> {
        let source = Source::new("a.yaml", text);
        let tree = tree::parse(&source).unwrap();
        let names = |script: &Script<'_>| script.names.iter().copied().collect::<Vec<_>>().join(" ");
        collect(&tree).iter().map(|script| (script.text.to_owned(), script.dialect, names(script))).collect()
    }

    #[test]
    fn scripts_are_found_wherever_they_stand_and_free_names_are_none() {
        let found = scripts(
            "steps:\n\
             - { shell: a, check: { shell: b }, preconditions: [{ shell: c }], rollback: [{ shell: d }] }\n\
             - { steps: [{ shell: e }], hold: { acquire: { shell: f } }, watch: [{ shell: g }] }\n\
             - { command: [x], env: { shell: no }, outputs: { shell: no } }\n\
             hooks: { always: [{ shell: h }] }\n\
             vars: { shell: no }\n",
        );
        let texts: String = found.iter().map(|(text, ..)| text.as_str()).collect();
        assert_eq!(texts, "abcdefgh");
    }

    #[test]
    fn the_interpreter_says_what_reads_a_script() {
        let dialect = |interpreter: &str| scripts(&format!("steps:\n- {{ shell: a, {interpreter} }}\n"))[0].1;
        assert_eq!(dialect("id: x"), Dialect::StrictBash);
        assert_eq!(dialect("interpreter: bash"), Dialect::Bash);
        assert_eq!(dialect("interpreter: [/bin/bash, -c]"), Dialect::Bash);
        assert_eq!(dialect("interpreter: [/usr/bin/env, sh, -c]"), Dialect::Sh);
        assert_eq!(dialect("interpreter: [python3, -c]"), Dialect::Other);
        assert_eq!(dialect("interpreter: [env]"), Dialect::Other);
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
