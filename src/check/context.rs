//! What the rules look at: the tree, the decoded document, every step wherever it stands, every name that is read.
//!
//! Built once for a file, in one walk. A step that could not be decoded is in the list of steps without its fields,
//! so that its id is known and nothing else is said of it.

mod spans;
mod walk;

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use super::decode::{DecodeError, DecodeErrorKind, decode_all};
use super::document::{Choice, Document, TextOr};
use super::include::{Examined, Outcome};
use super::place::Offsets;
use super::scripts::{self, Scripts};
use super::shell::Remarks;
use super::source::Source;
use super::sql::{self, SqlText};
use super::steps::{Kind, ListAt, ProbeAt, Role, StepAt};
use super::tree::{Entry, NodeId, Tree};
use super::{Files, reads, suggest, texts, types};
use crate::expression::{duration, identifier};

/// The most steps of a runbook, wherever they stand; what an alias repeats counts each time.
pub const STEP_LIMIT: usize = 20_000;
/// The keys of a probe that ask something.
pub const QUESTIONS: [&str; 4] = ["shell", "command", "query", "http"];

/// A file that the runbook names.
#[derive(Debug)]
pub struct Loaded {
    /// As the runbook names it.
    pub path: PathBuf,
    /// Whether it has to be text in UTF-8.
    pub is_text: bool,
    /// As it was read.
    pub content: io::Result<Vec<u8>>,
}

/// Everything that a rule may look at.
#[derive(Debug)]
pub struct Context<'a> {
    /// The file.
    pub source: &'a Source,
    /// Its tree.
    pub tree: &'a Tree,
    /// The tree's root.
    pub root: NodeId,
    /// All but the steps, if it could be decoded.
    pub document: Option<Document>,
    /// What could not be decoded, in the document and in its steps.
    pub mistakes: Vec<DecodeError>,
    /// Every step in the order of the file; a step comes before its members and its parts.
    pub steps: Vec<StepAt>,
    /// The first step that is one too many; it and those behind it are not among the steps.
    pub surplus: Option<NodeId>,
    /// Every value that has to be a list of steps.
    pub lists: Vec<ListAt>,
    /// The first step with an id, the id written as expressions write it.
    pub ids: HashMap<String, usize>,
    /// Every name that a template or expression reads.
    pub references: Vec<texts::Reference>,
    /// Every reading of a step by another, through vars too.
    pub reads: Vec<reads::ReadAt>,
    /// Every template or expression that cannot be read.
    pub malformed: Vec<texts::Malformed>,
    /// Every id with a dash that an expression reads.
    pub dashed: Vec<texts::Dashed>,
    /// Every template and expression that can be read.
    pub texts: Vec<texts::TextAt<'a>>,
    /// Everything in them that cannot work with the types that its values have.
    pub misfits: Vec<types::Misfit>,
    /// Every value that is a duration.
    pub durations: Vec<texts::DurationAt>,
    /// The files that the runbook names, by the node that names them.
    pub files: HashMap<NodeId, Loaded>,
    /// What came of each step that includes a runbook.
    pub includes: BTreeMap<usize, Outcome>,
    /// Every `shell` text and every argument list.
    pub code: Scripts<'a>,
    /// What was said of them by those who read scripts; nothing where nobody was asked.
    pub remarks: Remarks,
    sql: OnceCell<Vec<SqlText>>,
    /// Of the scalar that was asked about last: of one text there may be thousands of findings.
    offsets: RefCell<Option<(NodeId, Offsets)>>,
}

impl<'a> Context<'a> {
    /// Decodes and walks a document.
    #[must_use]
    pub fn new(source: &'a Source, tree: &'a Tree, folder: &Path, files: &dyn Files) -> Self {
        let root = tree.root();
        let mut mistakes = Vec::new();
        let document = decode_all::<Document>(tree, root, &mut mistakes);
        let mut context = Self {
            source,
            tree,
            root,
            document,
            mistakes,
            steps: Vec::new(),
            surplus: None,
            lists: Vec::new(),
            ids: HashMap::new(),
            references: Vec::new(),
            reads: Vec::new(),
            malformed: Vec::new(),
            dashed: Vec::new(),
            texts: Vec::new(),
            misfits: Vec::new(),
            durations: Vec::new(),
            files: HashMap::new(),
            includes: BTreeMap::new(),
            code: scripts::collect(tree),
            remarks: Remarks::default(),
            sql: OnceCell::new(),
            offsets: RefCell::default(),
        };
        context.walk_all();
        context.index();
        context.read_files(folder, files);
        texts::collect(&mut context);
        context.misfits = types::misfits(&context);
        context.reads = reads::collect(&context);
        context
    }

    /// Every SQL text, read when it is first asked for.
    pub fn sql(&self) -> &[SqlText] {
        self.sql.get_or_init(|| sql::collect(self))
    }

    /// The value of a key of a mapping.
    #[must_use]
    #[inline]
    pub fn field(&self, node: NodeId, key: &str) -> Option<NodeId> {
        self.tree.get(node, key).map(|entry| entry.value)
    }

    /// The text of a scalar.
    #[must_use]
    pub fn text(&self, node: NodeId) -> Option<&'a str> {
        self.tree.text(node)
    }

    /// The duration that a scalar is.
    #[must_use]
    pub fn duration(&self, node: NodeId) -> Option<Duration> {
        duration::parse(self.text(node)?).ok()
    }

    /// Whether a scalar is known only when the step runs.
    #[must_use]
    pub fn is_template(&self, node: NodeId) -> bool {
        self.text(node).is_some_and(|text| text.contains("{{"))
    }

    /// The elements of a list.
    #[must_use]
    pub fn items(&self, node: NodeId) -> &'a [NodeId] {
        self.tree.items(node)
    }

    /// The entries of a mapping.
    #[must_use]
    pub fn entries(&self, node: NodeId) -> &'a [Entry] {
        self.tree.entries(node)
    }

    /// A step as a sentence calls it.
    #[must_use]
    pub fn title(&self, step: &StepAt) -> String {
        if let Some(id) = &step.id {
            return format!("step `{id}`");
        }
        let Role::Part(part, owner) = step.role else { return "this step".to_owned() };
        match &self.steps[owner].id {
            Some(id) => format!("the {} of `{id}`", part.title()),
            None => format!("this {}", part.title()),
        }
    }

    /// The steps that could be decoded and have exactly one action, or a hold alone.
    pub fn decoded(&self) -> impl Iterator<Item = &StepAt> {
        self.steps.iter().filter(|step| step.fields.is_some() && step.kind.is_some() && step.actions.len() < 2)
    }

    /// Those of them in which nothing was at fault: what they lack is lacking.
    pub fn sound(&self) -> impl Iterator<Item = &StepAt> {
        self.decoded().filter(|step| step.sound)
    }

    /// The first step with that id, written as an expression writes it.
    #[must_use]
    pub fn step_named(&self, id: &str) -> Option<usize> {
        self.ids.get(&identifier(id)).copied()
    }

    /// The mappings of a step that may ask something, by the key they stand under.
    #[must_use]
    pub fn questions(&self, node: NodeId) -> Vec<(&'static str, NodeId)> {
        let mut found = Vec::new();
        for key in ["check", "verify", "preview", "observe"] {
            found.extend(self.field(node, key).filter(|part| self.text(*part).is_none()).map(|part| (key, part)));
        }
        for (key, name) in [("preconditions", "precondition"), ("watch", "watch")] {
            let asked = self.field(node, key).map(|list| self.items(list)).unwrap_or_default();
            found.extend(asked.iter().map(|item| (name, *item)));
        }
        found
    }

    /// Those of a step that do ask something, as far as it could be decoded.
    pub fn probes<'s>(&'s self, step: &'s StepAt) -> impl Iterator<Item = ProbeAt<'s>> {
        let fields = step.fields.as_ref();
        let mut preconditions = fields.and_then(|fields| fields.preconditions.as_deref()).unwrap_or_default().iter();
        let mut watches = fields.and_then(|fields| fields.watch.as_deref()).unwrap_or_default().iter();
        let found = self.questions(step.node).into_iter().filter_map(move |(name, node)| {
            let fields = match name {
                "check" => fields?.check.as_deref(),
                "verify" => fields?.verify.as_deref(),
                "preview" => fields?.preview.as_deref(),
                "observe" => match fields?.observe.as_deref()? {
                    TextOr::Fields(probe) => Some(probe),
                    TextOr::Text(_) => None,
                },
                "precondition" => preconditions.next(),
                _ => watches.next(),
            };
            Some(ProbeAt { name, node, fields: fields? })
        });
        found.filter(|probe| self.question(probe.node).is_some())
    }

    /// The key of a mapping that says what it asks.
    #[must_use]
    pub fn question(&self, node: NodeId) -> Option<&'static str> {
        QUESTIONS.into_iter().find(|key| self.field(node, key).is_some())
    }

    /// The node that names the file of an included runbook, where a step includes one.
    #[must_use]
    pub fn include_path(&self, step: &StepAt) -> Option<NodeId> {
        self.field(step.node, "runbook").and_then(|include| self.field(include, "path"))
    }

    /// The runbooks that are included, each once.
    #[must_use]
    pub fn included(&self) -> Vec<&Rc<Examined>> {
        let mut included: Vec<&Rc<Examined>> = Vec::new();
        for outcome in self.includes.values() {
            if let Outcome::Examined(examined) = outcome
                && !included.iter().any(|other| Rc::ptr_eq(other, examined))
            {
                included.push(examined);
            }
        }
        included
    }

    /// The names of the outputs that a step declares.
    #[must_use]
    pub fn outputs(&self, step: &StepAt) -> Vec<&'a str> {
        let declared = match step.kind {
            Some(Kind::Manual) => self.field(step.node, "manual").and_then(|node| self.field(node, "inputs")),
            _ => self.field(step.node, "outputs"),
        };
        let entries = declared.map(|node| self.entries(node)).unwrap_or_default();
        entries.iter().filter_map(|entry| self.text(entry.key)).collect()
    }

    /// Whether its rollback says that there is nothing to undo.
    #[must_use]
    pub fn is_not_needed(&self, step: &StepAt) -> bool {
        self.field(step.node, "rollback").is_some_and(|node| self.field(node, "not_needed").is_some())
    }

    /// Whether a step that sets no timeout has one, or would have one if `defaults` were as it was meant.
    #[must_use]
    pub fn has_default_timeout(&self) -> bool {
        let Some(defaults) = self.field(self.root, "defaults") else { return self.is_misspelt("defaults") };
        self.field(defaults, "timeout").is_some() || self.mistakes.iter().any(|mistake| mistake.node == defaults)
    }

    /// Whether an unknown field of the document was probably meant to be that key: then nothing is said of what it
    /// would have declared.
    #[must_use]
    pub fn is_misspelt(&self, key: &str) -> bool {
        self.mistakes.iter().filter(|mistake| mistake.node == self.root).any(|mistake| match &mistake.kind {
            DecodeErrorKind::UnknownField { name, expected } => {
                suggest::nearest(name, expected.iter().copied()) == Some(key)
            }
            _ => false,
        })
    }

    /// The names declared under a key of the document, such as `parameters`.
    #[must_use]
    pub fn declared(&self, key: &str) -> Vec<&'a str> {
        let entries = self.field(self.root, key).map(|node| self.entries(node)).unwrap_or_default();
        entries.iter().filter_map(|entry| self.text(entry.key)).collect()
    }

    /// The same, to look many names up.
    #[must_use]
    pub fn declared_set(&self, key: &str) -> HashSet<&'a str> {
        self.declared(key).into_iter().collect()
    }

    /// Where a step runs and the node that says so: its own target, that of its groups, that of the step it is a part of.
    #[must_use]
    pub fn target(&self, step: &StepAt) -> Option<(&'a str, NodeId)> {
        let mut at = step;
        loop {
            if let Some(node) = self.field(at.node, "target") {
                return self.text(node).map(|name| (name, node));
            }
            at = match (at.parent, at.role) {
                (Some(parent), _) => &self.steps[parent],
                (None, Role::Part(_, owner)) => &self.steps[owner],
                (None, Role::Forward | Role::Hook(_) | Role::AnyFailure) => return None,
            };
        }
    }

    /// What a step does when it failed, inherited from its groups.
    #[must_use]
    pub fn on_failure(&self, step: &StepAt) -> Option<Choice> {
        let own = step.fields.as_ref().and_then(|fields| fields.on_failure);
        own.or_else(|| step.parent.and_then(|parent| self.on_failure(&self.steps[parent])))
    }
}
