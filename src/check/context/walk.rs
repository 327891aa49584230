//! The walk over a document: every step wherever it stands, the ids, and the files that are named.

use std::path::{Path, PathBuf};

use super::{Context, Loaded, STEP_LIMIT};
use crate::check::Files;
use crate::check::decode::decode_all;
use crate::check::document::step::Step;
use crate::check::steps::{ACTIONS, Kind, ListAt, Part, Role, StepAt};
use crate::check::tree::NodeId;
use crate::expression::identifier;
use crate::model::runbook::Hook;

impl Context<'_> {
    pub(super) fn walk_all(&mut self) {
        if let Some(list) = self.field(self.root, "steps") {
            self.walk_list(list, "`steps`", Role::Forward, None);
        }
        if let Some(defaults) = self.field(self.root, "defaults") {
            self.walk_handler(defaults, Role::AnyFailure);
        }
        let hooks = [Hook::OnStart, Hook::OnSuccess, Hook::OnFailure, Hook::OnRollback, Hook::Always];
        let Some(node) = self.field(self.root, "hooks") else { return };
        for hook in hooks {
            if let Some(list) = self.field(node, hook.as_str()) {
                self.walk_list(list, "a hook", Role::Hook(hook), None);
            }
        }
    }

    /// A list of steps, and nothing else.
    fn walk_list(&mut self, list: NodeId, what: &'static str, role: Role, parent: Option<usize>) {
        self.lists.push(ListAt { node: list, what, takes_one: false });
        let tree = self.tree;
        for item in tree.items(list) {
            self.walk_step(*item, role, list, parent);
        }
    }

    /// One step, or a list of them.
    fn walk_part(&mut self, node: NodeId, what: &'static str, role: Role) {
        if self.entries(node).is_empty() {
            self.lists.push(ListAt { node, what, takes_one: true });
            let tree = self.tree;
            for item in tree.items(node) {
                self.walk_step(*item, role, node, None);
            }
        } else {
            self.walk_step(node, role, node, None);
        }
    }

    /// `on_failure: {do}`.
    fn walk_handler(&mut self, node: NodeId, role: Role) {
        if let Some(list) = self.field(node, "on_failure").and_then(|handler| self.field(handler, "do")) {
            self.walk_part(list, "`do`", role);
        }
    }

    fn walk_step(&mut self, node: NodeId, role: Role, list: NodeId, parent: Option<usize>) {
        if self.steps.len() == STEP_LIMIT {
            self.surplus.get_or_insert(node);
            return;
        }
        let before = self.mistakes.len();
        let fields = decode_all::<Box<Step>>(self.tree, node, &mut self.mistakes);
        let sound = self.mistakes.len() == before;
        let actions: Vec<_> = ACTIONS.into_iter().filter(|key| self.field(node, key).is_some()).collect();
        let id = self.field(node, "id").and_then(|id| self.text(id)).map(ToOwned::to_owned);
        let held = self.field(node, "hold").map(|_| Kind::Hold);
        let kind = actions.first().map_or(held, |key| Kind::of(key));
        let at = self.steps.len();
        self.steps.push(StepAt { node, fields, sound, role, list, parent, kind, actions, id });
        if let Some(members) = self.field(node, "steps") {
            self.walk_list(members, "`steps`", role, Some(at));
        }
        self.walk_parts(node, role, at);
    }

    /// The lists of steps within a step, beside its members.
    fn walk_parts(&mut self, node: NodeId, role: Role, at: usize) {
        if let Some(rollback) = self.field(node, "rollback").filter(|_| role == Role::Forward)
            && self.field(rollback, "not_needed").is_none()
        {
            self.walk_part(rollback, "`rollback`", Role::Part(Part::Undo, at));
        }
        self.walk_handler(node, Role::Part(Part::Failure, at));
        if let Some(between) = self.field(node, "between") {
            self.walk_part(between, "`between`", Role::Part(Part::Between, at));
        }
        if let Some(hold) = self.field(node, "hold") {
            for (key, what, part) in [("acquire", "`acquire`", Part::Acquire), ("release", "`release`", Part::Release)]
            {
                if let Some(list) = self.field(hold, key) {
                    self.walk_part(list, what, Role::Part(part, at));
                }
            }
        }
        let watches = self.field(node, "watch").map(|watch| self.items(watch)).unwrap_or_default();
        for watch in watches {
            if let Some(list) = self.field(*watch, "do") {
                self.walk_part(list, "`do`", Role::Part(Part::Watch, at));
            }
        }
    }

    pub(super) fn index(&mut self) {
        for (at, step) in self.steps.iter().enumerate() {
            if let Some(id) = &step.id {
                self.ids.entry(identifier(id)).or_insert(at);
            }
        }
    }

    pub(super) fn read_files(&mut self, folder: &Path, files: &dyn Files) {
        let mut named = Vec::new();
        for step in &self.steps {
            for (action, key, is_text) in [
                ("file", "template", true),
                ("file", "source", false),
                ("sql", "file", true),
                ("runbook", "path", false),
            ] {
                let node = self.field(step.node, action).and_then(|node| self.field(node, key));
                named.extend(node.map(|node| (node, is_text)));
            }
        }
        for (node, is_text) in named {
            let Some(path) = self.text(node).map(PathBuf::from) else { continue };
            let content = files.read(&folder.join(&path));
            self.files.insert(node, Loaded { path, is_text, content });
        }
    }
}
