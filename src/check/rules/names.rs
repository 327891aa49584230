//! Names: given once, and known where they are read.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::{Findings, references};
use crate::check::context::Context;
use crate::check::include::{Examined, Outcome};
use crate::check::steps::{Kind, Part, Role};
use crate::check::texts::{ROOTS, Reference};
use crate::check::{results, suggest};
use crate::expression::identifier;
use crate::model::runbook::Hook;

/// What can be read of the run.
const OF_RUN: [&str; 3] = ["id", "operator", "started"];

/// What can be read of the window.
const OF_WINDOW: [&str; 2] = ["opens", "closes"];

/// `a-b` and `a_b` are the same name in an expression.
pub fn duplicate_id(context: &Context, findings: &mut Findings) {
    let mut first = HashMap::new();
    for step in &context.steps {
        let Some(id) = &step.id else { continue };
        let span = context.field_span(step.node, "id");
        match first.entry(identifier(id)) {
            Entry::Vacant(entry) => {
                entry.insert((id, span));
            }
            Entry::Occupied(entry) => {
                let (earlier, place) = entry.get();
                let message = if *earlier == id {
                    format!("the id `{id}` is given twice")
                } else {
                    format!("the ids `{id}` and `{earlier}` are the same in an expression, where `-` is written `_`")
                };
                findings.report_with(span, message, "give this step another id", (*place, "first defined here"));
            }
        }
    }
}

fn reads<'a>(context: &'a Context, root: &'a str) -> impl Iterator<Item = (&'a Reference, &'a str)> {
    let of_root = context.references.iter().filter(move |reference| reference.root == root);
    of_root.filter_map(|reference| Some((reference, reference.rest.first()?.as_str())))
}

/// `steps.<id>` without such a step.
pub fn unknown_step(context: &Context, findings: &mut Findings) {
    let mut known: Vec<&str> = context.ids.keys().map(String::as_str).collect();
    known.sort_unstable();
    for (reference, id) in reads(context, "steps") {
        if context.step_named(id).is_none() {
            let help = suggest::help(id, known.iter().copied(), "steps");
            findings.report(reference.span, format!("there is no step `{id}`"), help);
        }
    }
    for dashed in &context.dashed {
        let message = format!("`{}` is a subtraction in an expression, where `-` is written `_`", dashed.id);
        findings.report(dashed.span, message, format!("write `steps.{}`", identifier(&dashed.id)));
    }
}

/// `parameters.<name>` that is not declared.
pub fn unknown_parameter(context: &Context, findings: &mut Findings) {
    unknown(context, findings, "parameters", "parameter");
}

/// `secrets.<name>` that is not declared.
pub fn unknown_secret(context: &Context, findings: &mut Findings) {
    unknown(context, findings, "secrets", "secret");
}

/// `vars.<name>` that is not declared.
pub fn unknown_var(context: &Context, findings: &mut Findings) {
    unknown(context, findings, "vars", "var");
}

fn unknown(context: &Context, findings: &mut Findings, root: &str, what: &str) {
    if context.is_misspelt(root) {
        return;
    }
    let declared = context.declared_set(root);
    for (reference, name) in reads(context, root) {
        if !declared.contains(name) {
            let help = suggest::help(name, context.declared(root), root);
            let help = if declared.is_empty() { format!("{help}: declare it under `{root}:`") } else { help };
            findings.report(reference.span, format!("there is no {what} `{name}`"), help);
        }
    }
}

/// A first name that means nothing in its place.
pub fn unknown_root(context: &Context, findings: &mut Findings) {
    for reference in &context.references {
        match reference.root.as_str() {
            "run" => below(findings, reference, &OF_RUN),
            "window" if context.field(context.root, "window").is_none() && !context.is_misspelt("window") => {
                let help = "declare it: `window: { opens: 2026-02-01T22:00, duration: 4h }`";
                findings.report(reference.span, "this runbook has no window", help);
            }
            "window" => below(findings, reference, &OF_WINDOW),
            root if !is_known(context, reference) => {
                findings.report(reference.span, format!("`{root}` is not known here"), help_for(context, reference));
            }
            _ => {}
        }
    }
}

/// A name below a root that has only these.
fn below(findings: &mut Findings, reference: &Reference, known: &[&str]) {
    let root = reference.root.as_str();
    if let Some(name) = reference.rest.first().filter(|name| !known.contains(&name.as_str())) {
        let help = suggest::help(name, known.iter().copied(), &format!("{root} names"));
        findings.report(reference.span, format!("there is no `{root}.{name}`"), help);
    }
}

fn is_known(context: &Context, reference: &Reference) -> bool {
    let root = reference.root.as_str();
    reference.guarded
        || ROOTS.contains(&root)
        || reference.result.names().contains(&root)
        || reference.step.is_some_and(|step| context.loop_names(step, !reference.before_loop).contains(&root))
}

fn help_for(context: &Context, reference: &Reference) -> String {
    let root = reference.root.as_str();
    if results::is_result(root) {
        return format!("the result of another step is read as `steps.<id>.{root}`");
    }
    for declared in ["parameters", "vars", "secrets"] {
        if context.declared(declared).contains(&root) {
            return format!("write `{declared}.{root}`");
        }
    }
    if context.step_named(root).is_some() {
        return format!("write `steps.{root}`");
    }
    let loops = reference.step.map(|step| context.loop_names(step, !reference.before_loop)).unwrap_or_default();
    let window = context.field(context.root, "window").is_some();
    let roots = ROOTS.into_iter().filter(|root| window || *root != "window");
    suggest::help(root, roots.chain(reference.result.names().iter().copied()).chain(loops), "names")
}

/// `steps.<id>` of a step that has not run when it is read.
pub fn later_step(context: &Context, findings: &mut Findings) {
    for read in context.reads() {
        let Some(why) = not_run_yet(context, read.reader, read.read) else { continue };
        if references::parallel_group(context, read.reader, read.read).is_some() {
            continue;
        }
        let defined = context.field_span(context.steps[read.read].node, "id");
        let help = "read a step that comes earlier, or move that step up".to_owned();
        references::report(findings, &read, format!("step `{}` {why}", read.id), help, (defined, "this step"));
    }
}

/// Vars that have no value because each waits for the other.
pub fn circular_vars(context: &Context, findings: &mut Findings) {
    let mut reads: HashMap<&str, Vec<&Reference>> = HashMap::new();
    for reference in context.references.iter().filter(|reference| reference.root == "vars") {
        if let Some(var) = reference.var.and_then(|key| context.text(key)) {
            reads.entry(var).or_default().push(reference);
        }
    }
    let mut done: HashSet<&str> = HashSet::new();
    for var in context.declared("vars") {
        let mut path: Vec<(&str, usize)> = vec![(var, 0)];
        while let Some((at, next)) = path.last_mut() {
            let reading = if done.contains(at) { None } else { reads.get(at).and_then(|reads| reads.get(*next)) };
            *next += 1;
            let Some((reference, read)) = reading.and_then(|reading| Some((*reading, reading.rest.first()?))) else {
                done.insert(at);
                path.pop();
                continue;
            };
            match path.iter().position(|(name, _)| name == read) {
                Some(begin) => circle(findings, &path[begin..], reference),
                None => path.push((read, 0)),
            }
        }
    }
}

fn circle(findings: &mut Findings, path: &[(&str, usize)], closing: &Reference) {
    let names: Vec<&str> = path.iter().map(|(name, _)| *name).collect();
    let message = match names.as_slice() {
        [var] => format!("var `{var}` reads itself"),
        _ => format!("vars read each other in a circle: {} → {}", names.join(" → "), names[0]),
    };
    findings.report(closing.span, message, "let one of them say its value without the others");
}

/// Why a step's result cannot be there when another reads it.
pub(super) fn not_run_yet(context: &Context, reader: usize, read: usize) -> Option<&'static str> {
    let (reading, of) = (context.steps[reader].role, context.steps[read].role);
    if reading == of {
        return within_list(context, reader, read);
    }
    match (reading, of) {
        (Role::Part(Part::Undo, _), Role::Part(Part::Undo, _)) => {
            Some("is part of another rollback, or comes later in this one")
        }
        // What a part reads has run if it has when the step does that it belongs to; its members may have run too.
        (Role::Part(part, owner), _) => {
            let why = not_run_yet(context, owner, read)?;
            let same = of == context.steps[owner].role && context.is_within(owner, read);
            let begun = if read == owner {
                matches!(part, Part::Undo | Part::Failure | Part::Release)
            } else {
                part != Part::Acquire
            };
            match part {
                _ if same && begun => None,
                Part::Undo if of == Role::Forward => Some("may not have run when this rollback does"),
                _ => Some(why),
            }
        }
        (_, Role::Part(Part::Undo, _)) => Some("runs only in a rollback"),
        (_, Role::Part(..)) => Some("is part of another step and runs only when that needs it"),
        (_, Role::AnyFailure) => Some("runs only when a step failed"),
        (Role::Hook(Hook::OnStart), Role::Forward) => Some("has not run when the hook on_start does"),
        (Role::Hook(_), Role::Hook(_)) => Some("is part of another hook, or comes later in this one"),
        (Role::Forward | Role::AnyFailure, Role::Hook(_)) => Some("is part of a hook"),
        _ => None,
    }
}

/// The same for two steps of one list.
fn within_list(context: &Context, reader: usize, read: usize) -> Option<&'static str> {
    let is_group = read != reader && context.is_within(read, reader);
    match context.steps[reader].role {
        Role::Hook(_) if read >= reader => Some("is part of another hook, or comes later in this one"),
        Role::Part(Part::Undo, _) if read >= reader => Some("is part of another rollback, or comes later in this one"),
        _ if reader == read => Some("reads its own result, which is there only afterwards"),
        _ if read > reader => Some("runs later than the step that reads it"),
        _ if is_group => Some("is the group that is still running"),
        _ => None,
    }
}

/// A template or expression that cannot be read.
pub fn syntax(context: &Context, findings: &mut Findings) {
    for malformed in &context.malformed {
        let general = "templates and expressions are Jinja: {{ steps.x.outputs.y | default(0) }}";
        let help = malformed.help.as_deref().unwrap_or(general);
        findings.report(malformed.span, malformed.message.clone(), help);
    }
}

/// `steps.<id>.<what>` that no step has, and `steps.<id>.outputs.<name>` that the step does not declare.
pub fn unknown_output(context: &Context, findings: &mut Findings) {
    for (reference, id) in reads(context, "steps") {
        let (Some(at), [_, of_step, names @ ..]) = (context.step_named(id), reference.rest.as_slice()) else {
            continue;
        };
        if let Some(Outcome::Examined(included)) = context.includes.get(&at) {
            inside(findings, reference, included);
            continue;
        }
        if !results::of_step().contains(&of_step.as_str()) {
            let help = suggest::help(of_step, results::of_step(), "names");
            findings.report(reference.span, format!("a step has no `{of_step}`"), help);
            continue;
        }
        let step = &context.steps[at];
        let (Some(name), "outputs", true) = (names.first(), of_step.as_str(), step.sound) else { continue };
        // Another step was meant, most likely, and that is said already.
        if reference.step.is_some_and(|reader| not_run_yet(context, reader, at).is_some()) {
            continue;
        }
        let declared = context.outputs(step);
        if !declared.contains(&name.as_str()) && !reference.guarded {
            let help = if declared.is_empty() {
                let of_server = matches!(step.kind, Some(Kind::Sql | Kind::Query));
                let from = if of_server { format!("rows[0].{name}") } else { "stdout".to_owned() };
                format!("declare it there: `outputs: {{ {name}: \"{{{{ {from} }}}}\" }}`")
            } else {
                suggest::help(name, declared, "outputs")
            };
            findings.report(reference.span, format!("step `{id}` has no output `{name}`"), help);
        }
    }
}

/// `steps.<group>.<id>`: what is read of the steps of an included runbook.
fn inside(findings: &mut Findings, reference: &Reference, included: &Rc<Examined>) {
    let (mut included, mut at) = (included, 1);
    while let Some(id) = reference.rest.get(at) {
        let Some(step) = included.steps.get(id) else {
            if !results::of_step().contains(&id.as_str()) {
                let group = reference.rest[..at].join(".");
                let help = suggest::help(id, included.steps.keys().map(String::as_str), "steps");
                findings.report(reference.span, format!("there is no step `{id}` in the runbook of `{group}`"), help);
            }
            return;
        };
        at += 1;
        if let Some(further) = &step.included {
            included = further;
            continue;
        }
        let (of_step, name) = (reference.rest.get(at), reference.rest.get(at + 1));
        if let Some(of_step) = of_step.filter(|of_step| !results::of_step().contains(&of_step.as_str())) {
            let help = suggest::help(of_step, results::of_step(), "names");
            findings.report(reference.span, format!("a step has no `{of_step}`"), help);
        } else if let (Some("outputs"), Some(name), Some(outputs)) = (of_step.map(String::as_str), name, &step.outputs)
            && !outputs.contains(name)
            && !reference.guarded
        {
            let help = suggest::help(name, outputs.iter().map(String::as_str), "outputs");
            findings.report(reference.span, format!("step `{id}` has no output `{name}`"), help);
        }
        return;
    }
}
