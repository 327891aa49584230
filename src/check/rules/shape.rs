//! The shape of a document: known fields, their types, their names.

use std::cell::OnceCell;

use super::Findings;
use super::shorthand::Shorthand;
use crate::check::context::Context;
use crate::check::decode::DecodeErrorKind;
use crate::check::steps::{Kind, ListAt};
use crate::check::tree::{Kind as NodeKind, NodeId};
use crate::check::{characters, resolve, suggest};
use crate::expression::fits::fits;

/// What other tools call what the format calls something else.
const FOREIGN: &[(&str, &str)] = &[
    ("onFailure", "on_failure"),
    ("on_error", "on_failure"),
    ("onError", "on_failure"),
    ("rescue", "`on_failure` and `rollback`"),
    ("ignore_errors", "`on_failure: continue`"),
    ("continue_on_error", "`on_failure: continue`"),
    ("continue-on-error", "`on_failure: continue`"),
    ("allow_failure", "`on_failure: continue`"),
    ("failed_when", "success"),
    ("changed_when", "`check` or `verify`"),
    ("retries", "`retry: { max_attempts: 3, delay: 5s }`"),
    ("maxAttempts", "`retry: { max_attempts: 3 }`"),
    ("attempts", "`retry: { max_attempts: 3 }`"),
    ("register", "outputs"),
    ("set_fact", "`vars` or `outputs`"),
    ("needs", "nothing: steps run in the order in which they stand"),
    ("depends_on", "nothing: steps run in the order in which they stand"),
    ("on", "target"),
    ("host", "target"),
    ("hosts", "target"),
    ("timeoutSeconds", "`timeout`, with a unit: `timeout: 90s`"),
    ("timeout_seconds", "`timeout`, with a unit: `timeout: 90s`"),
    ("timeout-minutes", "`timeout`, with a unit: `timeout: 15m`"),
    ("run", "shell"),
    ("script", "shell"),
    ("bash", "shell"),
    ("exec", "command"),
    ("cmd", "command"),
    ("argv", "command"),
    ("environment", "env"),
    ("working-directory", "cwd"),
    ("workdir", "cwd"),
    ("if", "when"),
    ("only_if", "when"),
    ("unless", "`when: not …`, or `check`"),
    ("loop", "for_each"),
    ("with_items", "for_each"),
    ("block", "steps"),
    ("tasks", "steps"),
    ("undo", "rollback"),
    ("revert", "rollback"),
    ("compensate", "rollback"),
    ("approval", "confirm"),
    ("pause", "`confirm`, `manual` or `wait`"),
    ("sleep", "wait"),
    ("copy", "file"),
    ("no_log", "sensitive"),
    ("inputs", "parameters"),
    ("variables", "vars"),
    ("version", "runbook"),
    ("summary", "title"),
    ("comment", "notes"),
    ("description", "notes"),
    ("become_user", "become"),
    ("sudo", "`become: root`"),
    ("delegate_to", "target"),
    ("runs-on", "target"),
    ("runs_on", "target"),
    ("server", "target"),
    ("notify", "`reload` of `file`, or a step of its own"),
    ("handlers", "hooks"),
    ("delay", "`retry: { max_attempts: 3, delay: 5s }`"),
    ("max_retries", "`retry: { max_attempts: 3 }`"),
    ("maxRetries", "`retry: { max_attempts: 3 }`"),
    ("backoff", "`retry: { max_attempts: 3, delay: 5s, backoff: 2 }`"),
    ("timeoutInSeconds", "`timeout`, with a unit: `timeout: 90s`"),
    ("timeout_sec", "`timeout`, with a unit: `timeout: 90s`"),
    ("mainSteps", "steps"),
    ("schemaVersion", "runbook"),
    ("nextStep", "nothing: steps run in the order in which they stand"),
    ("dependsOn", "nothing: steps run in the order in which they stand"),
    ("isEnd", "nothing: the last step is the end"),
    ("isCritical", "on_failure"),
    ("onCancel", "`hooks: { on_failure: [...] }`"),
    ("finally", "`hooks: { always: [...] }`"),
    ("always", "`hooks: { always: [...] }`"),
    ("rollback_on_failure", "`on_failure: rollback`"),
    ("strategy", "`for_each` with `serial`"),
    ("matrix", "for_each"),
    ("foreach", "for_each"),
    ("with_dict", "for_each"),
    ("loop_control", "`as` beside `for_each`"),
    ("max_parallel", "serial"),
    ("max-parallel", "serial"),
    ("max_fail_percentage", "max_failures"),
    ("batch_size", "serial"),
    ("parallelism", "parallel"),
    ("concurrency", "locks"),
    ("mutex", "locks"),
    ("lock", "locks"),
    ("include_tasks", "`runbook: { path: other.yaml }`"),
    ("import_tasks", "`runbook: { path: other.yaml }`"),
    ("include", "`runbook: { path: other.yaml }`"),
    ("uses", "`runbook: { path: other.yaml }`"),
    ("uri", "http"),
    ("url", "http"),
    ("request", "http"),
    ("async", "background"),
    ("poll", "`until` with `every`"),
    ("interval", "every"),
    ("wait_for", "`until` with `every` and `timeout`"),
    ("healthcheck", "verify"),
    ("precheck", "preconditions"),
    ("precondition", "preconditions"),
    ("postcheck", "verify"),
    ("dry_run", "preview"),
    ("diff", "preview"),
    ("schedule", "window"),
    ("start", "opens"),
    ("end", "closes"),
    ("timezone", "`timezone:` at the top of the file"),
    ("maintenance_window", "window"),
    ("approvers", "`confirm: { message: …, by: [...] }`"),
    ("approve", "confirm"),
    ("prompt", "confirm"),
    ("input", "`manual: { instructions: …, inputs: {…} }`"),
    ("env_vars", "env"),
    ("chdir", "cwd"),
    ("working_directory", "cwd"),
    ("creates", "check"),
    ("jobs", "steps"),
    ("stages", "steps"),
    ("phases", "steps"),
];

/// A key that the format does not have in this place.
pub fn unknown_field(context: &Context, findings: &mut Findings) {
    for mistake in &context.mistakes {
        let DecodeErrorKind::UnknownField { name, expected } = &mistake.kind else { continue };
        let foreign = FOREIGN.iter().find(|(theirs, _)| theirs == name).map(|(_, ours)| *ours);
        let seen = characters::plain(name).filter(|plain| expected.contains(&plain.as_str()));
        let help = match (seen, foreign) {
            (Some(field), _) => disguised(name, &field),
            (None, Some(ours)) if expected.contains(&ours) => format!("here it is called `{ours}`"),
            (None, Some(ours)) if ours.contains('`') || ours.contains(':') => format!("here it is {ours}"),
            _ => suggest::help(name, expected.iter().copied(), "fields"),
        };
        findings.report(mistake.span, format!("unknown field `{name}`"), help);
    }
    // Its rollback is left to the walk of steps, which passes over one that says why there is none.
    for step in &context.steps {
        let Some(rollback) = context.field(step.node, "rollback") else { continue };
        let Some(reason) = context.field(rollback, "not_needed") else { continue };
        let beside =
            context.entries(rollback).iter().find(|entry| entry.value != reason && !is_nothing(context, entry.value));
        if let Some(name) = beside.and_then(|entry| context.text(entry.key).map(|name| (name, entry.key))) {
            let message = format!("unknown field `{}` beside `not_needed`", name.0);
            findings.report(context.span(name.1), message, "remove it; `not_needed` stands alone");
        }
    }
}

/// What to do about a name with something in it that is not seen, or is seen as something else.
fn disguised(name: &str, plain: &str) -> String {
    let what = characters::disguise(name).map(characters::name).unwrap_or_default();
    format!("{what} is in it; type it anew: `{plain}`")
}

/// A key that is needed.
pub fn missing_field(context: &Context, findings: &mut Findings) {
    for mistake in &context.mistakes {
        let DecodeErrorKind::MissingField(name) = &mistake.kind else { continue };
        let help = match name.as_str() {
            "runbook" => "begin the file with `runbook: 1`, the version of the format".to_owned(),
            "name" => "add `name: my-runbook`, in lower-case letters, digits and -".to_owned(),
            "steps" => "add `steps:` with at least one step".to_owned(),
            _ => format!("add `{name}: …`"),
        };
        findings.report(context.first_line(mistake.span), format!("the field `{name}` is missing"), help);
    }
    for step in context.sound().filter(|step| step.id.is_none() && step.role.needs_ids()) {
        let name = context.field(step.node, "name").and_then(|name| context.text(name));
        let id = name.map(slug).filter(|id| !id.is_empty());
        findings.report(
            context.action_span(step),
            "this step has no id",
            format!("add `id: {}`", id.as_deref().unwrap_or("what-it-does")),
        );
    }
}

/// A value of another type than the field has.
pub fn wrong_type(context: &Context, findings: &mut Findings) {
    let shorthand = OnceCell::new();
    let long = |node| shorthand.get_or_init(|| Shorthand::of(context)).help(context, node);
    for mistake in &context.mistakes {
        let help = match &mistake.kind {
            DecodeErrorKind::UnknownField { .. } | DecodeErrorKind::MissingField(_) => continue,
            DecodeErrorKind::UnknownVariant { name, expected } => {
                suggest::help(name, expected.iter().copied(), "values")
            }
            DecodeErrorKind::WrongType { expected, .. } => long(mistake.node)
                .or_else(|| mistake.help(context.tree))
                .unwrap_or_else(|| format!("write {expected} here")),
            DecodeErrorKind::Custom(_) => "see the format for what this field takes".to_owned(),
        };
        findings.report(context.first_line(mistake.span), mistake.to_string(), help);
    }
    for ListAt { node, what, takes_one } in &context.lists {
        let is_text = context.text(*node).is_some();
        if *takes_one && is_text && !is_nothing(context, *node) {
            findings.report(
                context.first_line(context.span(*node)),
                format!("{what} is a text"),
                if *what == "`rollback`" {
                    "write a step, a list of steps, or `{ not_needed: <why> }`"
                } else {
                    "write a step, or a list of steps"
                },
            );
        } else if !takes_one && !is_list(context, *node) && !is_nothing(context, *node) {
            findings.report(
                context.first_line(context.span(*node)),
                format!("{what} is not a list"),
                "begin each step with `- id: …`",
            );
        }
    }
    for step in context.steps.iter().filter(|step| step.fields.is_some()) {
        let reason = context.field(step.node, "rollback").and_then(|rollback| context.field(rollback, "not_needed"));
        if let Some(reason) = reason.filter(|reason| context.text(*reason).is_none_or(str::is_empty)) {
            findings.report(
                context.first_line(context.span(reason)),
                "`not_needed` is not a reason",
                "say why in a sentence",
            );
        }
    }
}

fn is_nothing(context: &Context, node: NodeId) -> bool {
    matches!(&context.tree.node(node).kind, NodeKind::Scalar { text, plain: true } if text.is_empty() || text == "null" || text == "~")
}

/// A list of steps without steps.
pub fn empty_steps(context: &Context, findings: &mut Findings) {
    for ListAt { node, what, .. } in &context.lists {
        if context.items(*node).is_empty() && (is_nothing(context, *node) || is_list(context, *node)) {
            findings.report(context.span(*node), format!("{what} has no steps"), "add a step, or remove the key");
        }
    }
}

fn is_list(context: &Context, node: NodeId) -> bool {
    matches!(context.tree.node(node).kind, NodeKind::Sequence(_))
}

/// Permission bits that YAML may read as a decimal or an octal number.
pub fn unquoted_mode(context: &Context, findings: &mut Findings) {
    for step in context.decoded().filter(|step| step.kind == Some(Kind::File)) {
        let file = context.field(step.node, "file");
        let Some(mode) = file.and_then(|file| context.field(file, "mode")) else { continue };
        let NodeKind::Scalar { text, plain } = &context.tree.node(mode).kind else { continue };
        let digits = text.trim_start_matches("0o");
        if *plain && !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
            findings.report(
                context.span(mode),
                format!("`mode: {text}` is read as a number"),
                format!("quote it: mode: \"{digits:0>4}\""),
            );
        } else if resolve::mode(text).is_none() {
            findings.report(
                context.span(mode),
                format!("`{text}` is not a file mode"),
                "write octal digits in quotes, such as \"0644\"",
            );
        }
    }
}

/// A version that this program does not read.
pub fn format_version(context: &Context, findings: &mut Findings) {
    if let Some(document) = context.document.as_ref().filter(|document| document.runbook != 1) {
        findings.report(
            context.field_span(context.root, "runbook"),
            format!("format version {} is not known, only version 1 is", document.runbook),
            "write `runbook: 1`",
        );
    }
}

/// The version stands first, so that a reader of any version finds it.
pub fn not_first(context: &Context, findings: &mut Findings) {
    let first = context.entries(context.root).first().and_then(|entry| context.text(entry.key));
    if context.field(context.root, "runbook").is_some() && first != Some("runbook") {
        findings.report(
            context.entry_key_span(context.root, "runbook"),
            "`runbook` is not the first key of the file",
            "move this line to the top",
        );
    }
}

/// Names that become parts of paths, and ids that become parts of expressions.
pub fn malformed_name(context: &Context, findings: &mut Findings) {
    if let Some(node) = context.field(context.root, "name") {
        name(context, findings, node, "a runbook's name", false);
    }
    for step in &context.steps {
        if let Some(node) = context.field(step.node, "id") {
            name(context, findings, node, "an id", true);
        }
    }
}

fn name(context: &Context, findings: &mut Findings, node: NodeId, what: &str, underscore: bool) {
    let Some(text) = context.text(node) else { return };
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || underscore && c == '_';
    if !text.is_empty() && text.chars().all(allowed) {
        return;
    }
    let letters = if underscore { "a-z, 0-9, _ and -" } else { "a-z, 0-9 and -" };
    let seen = characters::plain(text).filter(|plain| plain.chars().all(allowed));
    let better = slug(text);
    let help = if let Some(plain) = seen {
        disguised(text, &plain)
    } else if better.is_empty() {
        "write, for example, `upgrade-db`".to_owned()
    } else {
        format!("write `{better}`")
    };
    findings.report(context.first_line(context.span(node)), format!("{what} may have only {letters}"), help);
}

/// A text as an id: lower case, everything else a hyphen.
fn slug(text: &str) -> String {
    let parts = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty());
    parts.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("-")
}

/// A default, or one of the choices, that the declaration itself would refuse.
pub fn misfit_default(context: &Context, findings: &mut Findings) {
    let Some(document) = &context.document else { return };
    let Some(declared) = context.field(context.root, "parameters") else { return };
    for entry in context.entries(declared) {
        let Some(name) = context.text(entry.key) else { continue };
        let Some(declaration) = document.parameters.get(name) else { continue };
        let parameter = resolve::parameter(declaration);
        if let (Some(minimum), Some(maximum)) = (parameter.minimum, parameter.maximum)
            && minimum > maximum
        {
            let message = format!("the minimum {minimum} is above the maximum {maximum}");
            findings.report(context.field_span(entry.value, "minimum"), message, "exchange the two");
        } else if let Some(Err(reason)) = parameter.default.as_ref().map(|value| fits(&parameter, value)) {
            findings.report(
                context.field_span(entry.value, "default"),
                format!("the default of `{name}` does not fit: {reason}"),
                "change the default or the declaration",
            );
        }
    }
}
