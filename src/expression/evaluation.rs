//! Evaluates expressions and templates against a scope.

use std::collections::BTreeMap;

use minijinja::machinery::ast::{Expr, Stmt};
use minijinja::machinery::{CodeGenerator, eval, make_string_output};
use minijinja::value::Value as Engine;
use minijinja::{AutoEscape, Error, ErrorKind};
use serde_json::Value;

use super::builtins::environment;
use super::context::Context;
use super::error::ExpressionError;
use super::scope::Scope;
use super::syntax::{self, Checked};
use super::value::{TOO_MUCH, json_to_text, kind_name, to_json};

/// The value of a bare expression.
///
/// # Errors
///
/// Where it is not one, reads what is not there or not known, or does too much.
pub fn evaluate(expression: &str, scope: &Scope) -> Result<Value, ExpressionError> {
    settle(expression, &Context::new(scope), |context| {
        bare(expression, context).and_then(|value| json(expression, &value))
    })
}

/// Whether a bare expression holds.
///
/// # Errors
///
/// As [`evaluate`], and where it gives anything but `true` or `false`.
pub fn truth(expression: &str, scope: &Scope) -> Result<bool, ExpressionError> {
    settle(expression, &Context::new(scope), |context| {
        let value = bare(expression, context)?;
        bool::try_from(value.clone()).map_err(|_| {
            let message = format!("the condition gives {}, not true or false", kind_name(&value));
            ExpressionError::failed(expression, message)
        })
    })
}

/// The value of a template: one that is exactly one `{{ … }}` keeps its type, anything else is text.
///
/// # Errors
///
/// As [`evaluate`].
pub fn render(template: &str, scope: &Scope) -> Result<Value, ExpressionError> {
    settle(template, &Context::new(scope), |context| text_or_value(template, context))
}

/// A template as text: booleans are `true` and `false`, lists and mappings JSON.
///
/// # Errors
///
/// As [`evaluate`], and where a value is none.
pub fn render_text(template: &str, scope: &Scope) -> Result<String, ExpressionError> {
    let value = render(template, scope)?;
    json_to_text(&value).map_err(|message| ExpressionError::failed(template, message))
}

/// A plain value whose texts, at any depth, are templates.
///
/// # Errors
///
/// As [`evaluate`].
pub fn render_value(value: &Value, scope: &Scope) -> Result<Value, ExpressionError> {
    let context = Context::new(scope);
    settle(value.as_str().unwrap_or("a list or mapping"), &context, |context| value_in(value, context))
}

/// Whether a plain value whose texts are templates reads a secret, so that what it gives must not be shown. One that
/// cannot be evaluated may.
#[must_use]
pub fn reads_secret(value: &Value, scope: &Scope) -> bool {
    let context = Context::new(scope);
    let given = value_in(value, &context);
    let trace = context.trace();
    trace.secret || trace.unknown.as_ref().is_some_and(|path| path.starts_with("secrets.")) || given.is_err()
}

/// As [`render_value`], as a part of an evaluation that is already going on.
pub(super) fn value_in(value: &Value, context: &Context) -> Result<Value, ExpressionError> {
    match value {
        Value::String(text) => text_or_value(text, context),
        Value::Array(items) => items.iter().map(|item| value_in(item, context)).collect(),
        Value::Object(fields) => {
            let field = |(key, value): (&String, &Value)| Ok((key.clone(), value_in(value, context)?));
            fields.iter().map(field).collect::<Result<_, _>>().map(Value::Object)
        }
        plain => Ok(plain.clone()),
    }
}

/// What an evaluation touched outweighs what it gave.
fn settle<T>(
    text: &str,
    context: &Context,
    evaluation: impl FnOnce(&Context) -> Result<T, ExpressionError>,
) -> Result<T, ExpressionError> {
    let given = evaluation(context);
    let trace = context.trace();
    if let Some(path) = &trace.unknown {
        return Err(ExpressionError::Unknown { path: path.clone() });
    }
    let given = trace.failure.clone().map_or(given, Err);
    given.map_err(|error| match error {
        ExpressionError::Failed { .. } if trace.secret => {
            ExpressionError::failed(text, "it cannot be evaluated; why is not shown, because it reads a secret")
        }
        other => other,
    })
}

fn text_or_value(template: &str, context: &Context) -> Result<Value, ExpressionError> {
    if !syntax::has_template(template) {
        return Ok(Value::from(template));
    }
    let refused = |error: super::SyntaxError| ExpressionError::failed(template, error.message);
    let tree = syntax::template(template).map_err(refused)?;
    if let Some(sole) = syntax::sole_expression(&tree) {
        let sole = Checked::default().expr(sole).map_err(refused)?;
        return run_expression(template, &sole, context).and_then(|value| json(template, &value));
    }
    let tree = Checked::default().stmt(&tree).map_err(refused)?;
    run_template(template, &tree, context).map(Value::from)
}

fn bare(expression: &str, context: &Context) -> Result<Engine, ExpressionError> {
    let refused = |error: super::SyntaxError| ExpressionError::failed(expression, error.message);
    let tree = syntax::expression(expression).map_err(refused)?;
    let tree = Checked::default().expr(&tree).map_err(refused)?;
    run_expression(expression, &tree, context)
}

fn run_expression(text: &str, tree: &Expr<'_>, context: &Context) -> Result<Engine, ExpressionError> {
    let mut generator = CodeGenerator::new("", text);
    generator.compile_expr(tree);
    let (instructions, blocks) = generator.finish();
    let root = Engine::from_object(context.clone());
    let mut unused = String::new();
    let mut output = make_string_output(&mut unused);
    let (value, _) = eval(environment(), &instructions, root, &blocks, &mut output, AutoEscape::None)
        .map_err(|error| describe(&error, text))?;
    value.filter(|value| !value.is_undefined()).ok_or_else(|| ExpressionError::failed(text, "the value is not defined"))
}

fn run_template(text: &str, tree: &Stmt<'_>, context: &Context) -> Result<String, ExpressionError> {
    let mut generator = CodeGenerator::new("", text);
    generator.compile_stmt(tree);
    let (instructions, _) = generator.finish();
    let root = Engine::from_object(context.clone());
    let mut rendered = String::new();
    let mut output = make_string_output(&mut rendered);
    let blocks = BTreeMap::new();
    eval(environment(), &instructions, root, &blocks, &mut output, AutoEscape::None)
        .map_err(|error| describe(&error, text))?;
    Ok(rendered)
}

fn json(text: &str, value: &Engine) -> Result<Value, ExpressionError> {
    to_json(value).map_err(|message| ExpressionError::failed(text, message))
}

/// In our words, without the engine's debug information, which would show values.
fn describe(error: &Error, text: &str) -> ExpressionError {
    let message = match (error.kind(), error.detail()) {
        (ErrorKind::OutOfFuel, _) => TOO_MUCH.to_owned(),
        (ErrorKind::UndefinedError, None) => "a value is not defined".to_owned(),
        (_, Some(detail)) => detail.replace(" is undefined", " is not defined"),
        (kind, None) => kind.to_string(),
    };
    ExpressionError::failed(text, message)
}
