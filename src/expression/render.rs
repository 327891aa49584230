//! From a step's action, with its templates, to a call without any.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::error::ExpressionError;
use super::evaluation::{render, render_text, render_value};
use super::scope::Scope;
use super::value::json_to_text;
use crate::model::call::{
    Call, Connection, Desired, DesiredEdit, FileCall, Hidden, HttpCall, HttpWanted, ProcessCall, SqlCall,
};
use crate::model::flow::Included;
use crate::model::http::{HttpAction, HttpBody};
use crate::model::runbook::{Runbook, Target, Template};
use crate::model::step::{Action, FileAction, FileContent, Place, ProcessOptions, SqlAction};

/// What of a runbook its steps' calls need.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// Relative paths start here; absolute.
    pub folder: &'a Path,
    /// Where SQL runs.
    pub targets: &'a BTreeMap<String, Target>,
}

impl<'a> Context<'a> {
    /// That of a runbook.
    #[must_use]
    pub fn of(runbook: &'a Runbook) -> Self {
        Self { folder: Path::new(&runbook.folder), targets: &runbook.targets }
    }

    /// That of an included runbook.
    #[must_use]
    pub fn within(included: &'a Included) -> Self {
        Self { folder: Path::new(&included.folder), targets: &included.targets }
    }

    fn absolute(&self, path: &str) -> PathBuf {
        self.folder.join(path)
    }
}

type Rendered<T> = Result<T, ExpressionError>;

/// The call of an action, or `None` where the program carries nothing out itself: `confirm`, `manual`, `wait`,
/// `assert` and groups.
///
/// # Errors
///
/// Where a template of it has no value, or names a target that the runbook does not have.
pub fn render_call(action: &Action, scope: &Scope, context: &Context<'_>) -> Rendered<Option<Call>> {
    Ok(Some(match action {
        Action::Shell { script, interpreter, process } => {
            let mut argv = interpreter.clone();
            argv.push(script.clone());
            Call::Process(process_call(argv, process, scope, context)?)
        }
        Action::Command { argv, process } => {
            Call::Process(process_call(arguments(argv, scope)?, process, scope, context)?)
        }
        Action::Sql(action) => Call::Sql(sql_call(action, scope, context)?),
        Action::Query(action) => Call::Query(sql_call(action, scope, context)?),
        Action::File(action) => Call::File(file_call(action, scope, context)?),
        Action::Wait(_) | Action::Confirm(_) | Action::Manual(_) | Action::Assert { .. } | Action::Group { .. } => {
            return Ok(None);
        }
        Action::Http(action) => Call::Http(http_call(action, scope, context)?),
        Action::Include(_) | Action::Hold => return Err(not_yet(action.kind())),
    }))
}

/// What a check refuses before anything runs. Said here too, so that it is never left out silently.
fn not_yet(what: &str) -> ExpressionError {
    ExpressionError::failed(what, "this version cannot carry it out yet")
}

fn here(place: &Place, r#become: Option<&Template>) -> Rendered<()> {
    match (place, r#become) {
        (Place::Local, None) => Ok(()),
        (Place::Local, Some(_)) => Err(not_yet("become")),
        (Place::Target(name), _) => Err(not_yet(name)),
        (Place::Host(host), _) => Err(not_yet(&host.0)),
    }
}

/// Where the relative paths of a step's evidence begin: the folder that it runs in, else the runbook's.
///
/// # Errors
///
/// As [`render_text`].
pub fn folder_of(action: &Action, scope: &Scope, context: &Context<'_>) -> Rendered<PathBuf> {
    let cwd = match action {
        Action::Shell { process, .. } | Action::Command { process, .. } => process.cwd.as_ref(),
        _ => None,
    };
    Ok(optional(cwd, scope)?.map_or_else(|| context.folder.to_path_buf(), |cwd| context.absolute(&cwd)))
}

/// Arguments; an element that is exactly one template with a list value becomes that many.
///
/// # Errors
///
/// As [`render_text`].
pub fn arguments(argv: &[Template], scope: &Scope) -> Rendered<Vec<String>> {
    let mut arguments = Vec::with_capacity(argv.len());
    for element in argv {
        let text = |value: &Value| json_to_text(value).map_err(|message| ExpressionError::failed(&element.0, message));
        match render(&element.0, scope)? {
            Value::Array(items) => {
                for item in &items {
                    arguments.push(text(item)?);
                }
            }
            value => arguments.push(text(&value)?),
        }
    }
    Ok(arguments)
}

fn process_call(
    argv: Vec<String>,
    options: &ProcessOptions,
    scope: &Scope,
    context: &Context<'_>,
) -> Rendered<ProcessCall> {
    here(&options.place, options.r#become.as_ref())?;
    let mut env = BTreeMap::new();
    for (name, value) in &options.env {
        let rendered = render_value(value, scope)?;
        let failed = |message| ExpressionError::failed(&format!("env {name}"), message);
        env.insert(name.clone(), Hidden(json_to_text(&rendered).map_err(failed)?));
    }
    Ok(ProcessCall {
        argv,
        env,
        stdin: optional(options.stdin.as_ref(), scope)?.map(Hidden),
        cwd: optional(options.cwd.as_ref(), scope)?
            .map_or_else(|| context.folder.to_path_buf(), |cwd| context.absolute(&cwd)),
    })
}

fn sql_call(action: &SqlAction, scope: &Scope, context: &Context<'_>) -> Rendered<SqlCall> {
    let variable = |(name, value): (&String, &Value)| Ok((name.clone(), Hidden(render_value(value, scope)?)));
    Ok(SqlCall {
        connection: connection(action, scope, context)?,
        text: action.text.clone(),
        variables: action.variables.iter().map(variable).collect::<Rendered<_>>()?,
        transaction: action.transaction,
    })
}

fn connection(action: &SqlAction, scope: &Scope, context: &Context<'_>) -> Rendered<Connection> {
    let Some(Target::Postgres { connection, password }) = context.targets.get(&action.target) else {
        return Err(ExpressionError::failed(&action.target, "there is no target of this name"));
    };
    Ok(Connection {
        name: action.target.clone(),
        string: Hidden(render_text(&connection.0, scope)?),
        password: optional(password.as_ref(), scope)?.map(Hidden),
        database: optional(action.database.as_ref(), scope)?,
    })
}

fn file_call(action: &FileAction, scope: &Scope, context: &Context<'_>) -> Rendered<FileCall> {
    here(&action.place, action.r#become.as_ref())?;
    let argv = |argv: &Option<Vec<Template>>| argv.as_deref().map(|argv| arguments(argv, scope)).transpose();
    Ok(FileCall {
        path: context.absolute(&render_text(&action.path.0, scope)?),
        content: action.content.as_ref().map(|content| file_content(content, scope, context)).transpose()?,
        mode: action.mode,
        owner: action.owner.clone(),
        group: action.group.clone(),
        validate: argv(&action.validate)?,
        reload: argv(&action.reload)?,
        backup: optional(action.backup.as_ref(), scope)?.map(|path| context.absolute(&path)),
        cwd: context.folder.to_path_buf(),
    })
}

fn http_call(action: &HttpAction, scope: &Scope, context: &Context<'_>) -> Rendered<HttpCall> {
    let mut headers = BTreeMap::new();
    for (name, value) in &action.headers {
        let failed = |message| ExpressionError::failed(&format!("header {name}"), message);
        headers.insert(name.clone(), Hidden(json_to_text(&render_value(value, scope)?).map_err(failed)?));
    }
    let body = match &action.body {
        None => None,
        Some(HttpBody::Text(text)) => Some(render_text(&text.0, scope)?),
        Some(HttpBody::Json(value)) => Some(render_value(value, scope)?.to_string()),
    };
    let file = |path: &Option<Template>| Ok(optional(path.as_ref(), scope)?.map(|path| context.absolute(&path)));
    Ok(HttpCall {
        method: action.method.clone(),
        url: render_text(&action.url.0, scope)?,
        headers,
        body: body.map(Hidden),
        is_json: matches!(action.body, Some(HttpBody::Json(_))),
        expect: HttpWanted {
            status: action.expect.status.clone(),
            body: optional(action.expect.body.as_ref(), scope)?,
            json: action.expect.json.as_ref().map(|value| render_value(value, scope)).transpose()?,
        },
        ca: file(&action.ca)?,
        cert: file(&action.cert)?,
        key: file(&action.key)?,
    })
}

fn file_content(wanted: &FileContent, scope: &Scope, context: &Context<'_>) -> Rendered<Desired> {
    Ok(match wanted {
        FileContent::Content(text) | FileContent::Template { text, .. } => {
            Desired::Bytes(render_text(&text.0, scope)?.into_bytes())
        }
        FileContent::Source { path, sha256 } => {
            Desired::Source { path: context.absolute(path), sha256: sha256.clone() }
        }
        FileContent::Edits(edits) => {
            let edit = |edit: &crate::model::step::Edit| {
                Ok(DesiredEdit {
                    pattern: render_text(&edit.r#match.0, scope)?,
                    replace: render_text(&edit.replace.0, scope)?,
                    expect: edit.expect,
                })
            };
            Desired::Edits(edits.iter().map(edit).collect::<Rendered<_>>()?)
        }
        FileContent::Absent => Desired::Absent,
    })
}

fn optional(template: Option<&Template>, scope: &Scope) -> Rendered<Option<String>> {
    template.map(|template| render_text(&template.0, scope)).transpose()
}
