//! Actions with their surroundings filled in and their files read.

use super::step::{length, template};
use super::{Inherited, Resolver, mode};
use crate::check::document::{OneOrMore, Text, TextOr};
use crate::check::document::{action as document, step};
use crate::check::steps::Kind;
use crate::check::tree::NodeId;
use crate::check::window;
use crate::model::digest::sha256;
use crate::model::http::{HttpAction, HttpBody, HttpExpect};
use crate::model::runbook::{Expression, Template};
use crate::model::step::{
    Action, Condition, ConfirmAction, Edit, Expect, FileAction, FileContent, ManualAction, Place, ProcessOptions,
    SqlAction, WaitAction,
};

const SHELL: [&str; 4] = ["bash", "-eo", "pipefail", "-c"];

impl Resolver<'_> {
    /// `own` is what the step has, `inherited` what its members would begin with if it is a group.
    pub(super) fn action(&self, at: usize, own: &Inherited, inherited: &Inherited) -> Option<Action> {
        let step = &self.context.steps[at];
        let fields = step.fields.as_ref()?;
        let stdin = fields.stdin.as_ref().map(template);
        Some(match step.kind? {
            Kind::Shell => Self::shell(fields.shell.as_ref()?, fields.interpreter.as_ref(), stdin, own),
            Kind::Command => self.command(step.node, stdin, own)?,
            Kind::Sql => Action::Sql(self.statements(step.node, fields, own)?),
            Kind::Query => Action::Query(Self::server(fields.query.clone()?, None, true, own)?),
            Kind::File => Action::File(self.file(step.node, fields.file.as_ref()?, own)?),
            Kind::Wait => Action::Wait(self.wait(step.node, fields.wait.as_ref()?)?),
            Kind::Confirm => Action::Confirm(confirm(fields.confirm.as_deref()?)),
            Kind::Manual => Action::Manual(manual(fields.manual.as_ref()?)),
            Kind::Assert => Action::Assert { conditions: fields.assert.iter().flatten().map(condition).collect() },
            Kind::Group => {
                let inner = self.inherited_by_members(at, inherited)?;
                let steps = self.members[at].iter().map(|member| self.step(*member, &inner)).collect::<Option<_>>()?;
                Action::Group { steps, parallel: fields.parallel }
            }
            Kind::Http => Action::Http(http(fields.http.as_ref()?)),
            Kind::Hold => Action::Hold,
            Kind::Include => Action::Include(Box::new(self.included(at, fields.runbook.as_ref()?)?)),
        })
    }

    pub(super) fn shell(
        script: &str,
        interpreter: Option<&OneOrMore>,
        stdin: Option<Template>,
        own: &Inherited,
    ) -> Action {
        let interpreter = match interpreter {
            None => SHELL.map(ToOwned::to_owned).to_vec(),
            Some(OneOrMore::One(program)) => vec![program.clone(), "-c".to_owned()],
            Some(OneOrMore::More(argv)) => argv.clone(),
        };
        Action::Shell { script: script.to_owned(), interpreter, process: process(stdin, own) }
    }

    /// Arguments are taken as they are typed, so that `1.10` stays that.
    pub(super) fn command(&self, node: NodeId, stdin: Option<Template>, own: &Inherited) -> Option<Action> {
        Some(Action::Command { argv: self.argv(node, "command")?, process: process(stdin, own) })
    }

    fn argv(&self, node: NodeId, key: &str) -> Option<Vec<Template>> {
        let items = self.context.items(self.context.field(node, key)?);
        items.iter().map(|item| self.context.text(*item).map(|text| Template(text.to_owned()))).collect()
    }

    pub(super) fn server(text: String, file: Option<String>, transaction: bool, own: &Inherited) -> Option<SqlAction> {
        Some(SqlAction {
            target: own.target.clone()?,
            text,
            file,
            transaction,
            variables: own.variables.clone(),
            database: own.database.clone(),
            rehearse: false,
        })
    }

    fn statements(&self, node: NodeId, fields: &step::Step, own: &Inherited) -> Option<SqlAction> {
        let transaction = fields.transaction.unwrap_or(true);
        let action = match fields.sql.as_ref()? {
            TextOr::Text(Text(text)) => Self::server(text.clone(), None, transaction, own),
            TextOr::Fields(document::SqlFile { file: path }) => {
                let named = self.context.field(self.context.field(node, "sql")?, "file")?;
                let text = String::from_utf8(self.loaded(named)?.to_vec()).ok()?;
                Self::server(text, Some(path.clone()), transaction, own)
            }
        };
        action.map(|action| SqlAction { rehearse: fields.rehearse.unwrap_or(false), ..action })
    }

    /// A time that is written out becomes one with its offset, as a template gives it.
    fn wait(&self, node: NodeId, fields: &document::Wait) -> Option<WaitAction> {
        match fields {
            document::Wait::Pause(text) => length(Some(text)).map(WaitAction::For),
            document::Wait::Time(text) if text.0.contains("{{") => Some(WaitAction::Until(template(text))),
            document::Wait::Time(_) => {
                let time = self.context.field(self.context.field(node, "wait")?, "time")?;
                let moment = window::instant(self.context, time)?;
                Some(WaitAction::Until(Template(moment.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string())))
            }
            document::Wait::Steps(steps) => Some(WaitAction::Steps(steps.iter().map(|step| step.0.clone()).collect())),
        }
    }

    fn loaded(&self, named: NodeId) -> Option<&[u8]> {
        self.context.files.get(&named)?.content.as_deref().ok()
    }

    fn file(&self, node: NodeId, fields: &document::File, own: &Inherited) -> Option<FileAction> {
        let node = self.context.field(node, "file")?;
        let argv = |key| self.context.field(node, key).map(|_| self.argv(node, key));
        Some(FileAction {
            path: template(&fields.path),
            content: self.content(node, fields)?,
            mode: fields.mode.as_ref().and_then(|text| mode(&text.0)),
            owner: fields.owner.clone().map(|owner| owner.0),
            group: fields.group.clone().map(|group| group.0),
            validate: argv("validate").unwrap_or_default(),
            reload: argv("reload").unwrap_or_default(),
            backup: fields.backup.as_ref().map(template),
            place: place(own),
            r#become: own.r#become.clone(),
        })
    }

    #[expect(
        clippy::option_option,
        reason = "the outer one is a document that has errors, the inner a content left as it is"
    )]
    fn content(&self, node: NodeId, fields: &document::File) -> Option<Option<FileContent>> {
        let content = if let Some(text) = &fields.content {
            FileContent::Content(Template(text.clone()))
        } else if let Some(path) = fields.template.clone() {
            let bytes = self.loaded(self.context.field(node, "template")?)?;
            FileContent::Template { path, text: Template(String::from_utf8(bytes.to_vec()).ok()?) }
        } else if let Some(path) = fields.source.clone() {
            let bytes = self.loaded(self.context.field(node, "source")?)?;
            FileContent::Source { path, sha256: sha256(&[bytes]) }
        } else if let Some(edits) = &fields.edits {
            FileContent::Edits(edits.iter().map(edit).collect())
        } else if fields.absent == Some(true) {
            FileContent::Absent
        } else {
            return Some(None);
        };
        Some(Some(content))
    }
}

fn process(stdin: Option<Template>, own: &Inherited) -> ProcessOptions {
    let (place, r#become) = (place(own), own.r#become.clone());
    ProcessOptions { env: own.env.clone(), stdin, cwd: own.cwd.clone(), place, r#become }
}

/// The machine that a step or part runs on.
fn place(own: &Inherited) -> Place {
    match own.target.as_deref() {
        None | Some("local") => Place::Local,
        Some(target) if target.contains("{{") => Place::Host(Template(target.to_owned())),
        Some(target) => Place::Target(target.to_owned()),
    }
}

/// One request with nothing left to be said.
pub(super) fn http(fields: &TextOr<document::Http>) -> HttpAction {
    let fields = match fields {
        TextOr::Fields(fields) => fields.clone(),
        TextOr::Text(url) => document::Http { url: url.clone(), ..document::Http::default() },
    };
    let text = fields.body.as_ref().map(|body| HttpBody::Text(template(body)));
    let expect = fields.expect.unwrap_or_default();
    HttpAction {
        method: fields.method.map_or_else(|| "GET".to_owned(), |method| method.0.to_ascii_uppercase()),
        url: template(&fields.url),
        headers: fields.headers,
        body: text.or_else(|| fields.json.map(HttpBody::Json)),
        expect: HttpExpect {
            status: expect.status.map(|statuses| statuses.0).unwrap_or_default(),
            body: expect.body.as_ref().map(template),
            json: expect.json,
        },
        ca: fields.ca.as_ref().map(template),
        cert: fields.cert.as_ref().map(template),
        key: fields.key.as_ref().map(template),
    }
}

fn edit(fields: &document::Edit) -> Edit {
    let expect = match fields.expect.as_ref().map(|Text(text)| text.as_str()) {
        None => Expect::AtLeastOne,
        Some(text) => text.parse().map_or(Expect::Any, Expect::Exactly),
    };
    Edit { r#match: template(&fields.r#match), replace: template(&fields.replace), expect }
}

fn confirm(fields: &document::Confirm) -> ConfirmAction {
    let show = fields.show.iter().map(|text| Expression(text.0.clone())).collect();
    let by = match fields.by.clone() {
        None => Vec::new(),
        Some(OneOrMore::One(person)) => vec![person],
        Some(OneOrMore::More(people)) => people,
    };
    ConfirmAction { message: template(&fields.message), show, by, second_person: fields.second_person.unwrap_or(false) }
}

fn manual(fields: &document::Manual) -> ManualAction {
    ManualAction {
        instructions: template(&fields.instructions),
        evidence_required: fields.evidence == Some(document::Evidence::Required),
        inputs: fields.inputs.clone(),
    }
}

fn condition(fields: &document::Condition) -> Condition {
    Condition { that: Expression(fields.that.0.clone()), message: fields.message.as_ref().map(template) }
}
