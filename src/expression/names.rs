//! The names that a text reads, for static checking.

use minijinja::machinery::ast::{BinOpKind, Call, CallArg, Expr, Filter, Stmt, Test, UnaryOpKind};
use minijinja::tests::{is_filter, is_test};
use minijinja::value::ValueKind;

use super::builtins::environment;
use super::error::SyntaxError;
use super::syntax::{self, Checked, unsupported_statement};

/// The engine's functions.
const FUNCTIONS: [&str; 3] = ["range", "dict", "namespace"];

/// One reading of a root name and what is below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// The root and the names below it, up to the first that is computed: `steps.x.rows[0].n` gives
    /// `["steps", "x", "rows"]`.
    pub path: Vec<String>,
    /// Where it begins in the text, in bytes.
    pub offset: usize,
    /// Where it ends.
    pub end: usize,
    /// Whether it may be missing: it stands under `is defined` or `default`, or behind a test that it is defined.
    pub guarded: bool,
}

/// Every root name that a template or a bare expression reads, in the order of the text; loop names and names that
/// it sets itself are not among them.
///
/// # Errors
///
/// Where the text is not a template or expression, or calls a filter, test or function that does not exist.
pub fn names(text: &str, is_template: bool) -> Result<Vec<Name>, SyntaxError> {
    if is_template && !syntax::has_template(text) {
        return Ok(Vec::new());
    }
    let mut walk = Walk::default();
    if is_template {
        let tree = syntax::template(text)?;
        Checked::default().stmt(&tree)?;
        walk.stmt(&tree)?;
    } else {
        let tree = syntax::expression(text)?;
        Checked::default().expr(&tree)?;
        walk.expr(&tree)?;
    }
    walk.found.sort_by_key(|name| (name.offset, name.end));
    Ok(walk.found)
}

type Walked = Result<(), SyntaxError>;

#[derive(Default)]
struct Walk {
    found: Vec<Name>,
    /// Names of loops, `with` and `set`, innermost last.
    locals: Vec<String>,
    /// Paths that are defined where the walk is.
    defined: Vec<Vec<String>>,
    /// Whether the walk is below `is defined` or `default`.
    lenient: bool,
}

impl Walk {
    fn expr(&mut self, expr: &Expr<'_>) -> Walked {
        match expr {
            Expr::Var(_) | Expr::GetAttr(_) | Expr::GetItem(_) => self.lookup(expr),
            Expr::Const(_) => Ok(()),
            Expr::Slice(node) => {
                self.expr(&node.expr)?;
                self.all(node.start.iter().chain(&node.stop).chain(&node.step))
            }
            Expr::UnaryOp(node) => self.expr(&node.expr),
            Expr::BinOp(node) => {
                self.expr(&node.left)?;
                let guards = if matches!(node.op, BinOpKind::ScAnd) { defined_by(&node.left) } else { Vec::new() };
                self.guarded_by(guards, |walk| walk.expr(&node.right))
            }
            Expr::Compare(node) => {
                self.expr(&node.expr)?;
                self.all(node.ops.iter().map(|part| &part.expr))
            }
            Expr::IfExpr(node) => {
                self.expr(&node.test_expr)?;
                self.guarded_by(defined_by(&node.test_expr), |walk| walk.expr(&node.true_expr))?;
                self.all(&node.false_expr)
            }
            Expr::Filter(node) => self.filter(node, expr),
            Expr::Test(node) => self.test(node, expr),
            Expr::Call(node) => self.call(node, expr),
            Expr::List(node) => self.all(&node.items),
            Expr::Tuple(node) => self.all(&node.items),
            Expr::Map(node) => self.all(node.keys.iter().chain(&node.values)),
        }
    }

    fn all<'t, 'a: 't>(&mut self, exprs: impl IntoIterator<Item = &'t Expr<'a>>) -> Walked {
        exprs.into_iter().try_for_each(|expr| self.expr(expr))
    }

    fn lookup(&mut self, expr: &Expr<'_>) -> Walked {
        if let Some(path) = path_of(expr) {
            self.read(path, expr);
            return Ok(());
        }
        match expr {
            Expr::GetAttr(node) => self.expr(&node.expr),
            Expr::GetItem(node) => {
                self.expr(&node.expr)?;
                self.expr(&node.subscript_expr)
            }
            _ => Ok(()),
        }
    }

    fn read(&mut self, path: Vec<String>, expr: &Expr<'_>) {
        if self.locals.contains(&path[0]) {
            return;
        }
        let guarded = self.lenient || self.defined.iter().any(|defined| path.starts_with(defined));
        let (offset, end) = (start_of(expr), expr.span().end_offset as usize);
        self.found.push(Name { path, offset, end, guarded });
    }

    fn filter(&mut self, node: &Filter<'_>, expr: &Expr<'_>) -> Walked {
        if !is_filter(&environment().empty_state(), node.name) {
            return Err(missing("filter", node.name, expr));
        }
        let lenient = matches!(node.name, "default" | "d");
        if let Some(operand) = &node.expr {
            self.leniently(lenient, |walk| walk.expr(operand))?;
        }
        self.args(&node.args)
    }

    fn test(&mut self, node: &Test<'_>, expr: &Expr<'_>) -> Walked {
        if !is_test(&environment().empty_state(), node.name) {
            return Err(missing("test", node.name, expr));
        }
        let lenient = matches!(node.name, "defined" | "undefined");
        self.leniently(lenient, |walk| walk.expr(&node.expr))?;
        self.args(&node.args)
    }

    fn call(&mut self, node: &Call<'_>, expr: &Expr<'_>) -> Walked {
        match &node.expr {
            Expr::Var(name) if FUNCTIONS.contains(&name.id) => {}
            Expr::Var(name) => return Err(missing("function", name.id, expr)),
            Expr::GetAttr(method) if path_of(&method.expr).is_some_and(|path| self.locals.contains(&path[0])) => {}
            Expr::GetAttr(method) => {
                let message = format!("there is no method `{0}`; filters are written `value | {0}`", method.name);
                return Err(SyntaxError { message, offset: start_of(expr) });
            }
            other => self.expr(other)?,
        }
        self.args(&node.args)
    }

    fn args(&mut self, args: &[CallArg<'_>]) -> Walked {
        self.all(args.iter().map(|arg| match arg {
            CallArg::Pos(expr) | CallArg::Kwarg(_, expr) | CallArg::PosSplat(expr) | CallArg::KwargSplat(expr) => expr,
        }))
    }

    fn leniently(&mut self, lenient: bool, walk: impl FnOnce(&mut Self) -> Walked) -> Walked {
        let before = self.lenient;
        self.lenient |= lenient;
        let walked = walk(self);
        self.lenient = before;
        walked
    }

    fn guarded_by(&mut self, guards: Vec<Vec<String>>, walk: impl FnOnce(&mut Self) -> Walked) -> Walked {
        let before = self.defined.len();
        self.defined.extend(guards);
        let walked = walk(self);
        self.defined.truncate(before);
        walked
    }

    fn stmt(&mut self, stmt: &Stmt<'_>) -> Walked {
        match stmt {
            Stmt::Template(node) => self.body(&node.children),
            Stmt::EmitExpr(node) => self.expr(&node.expr),
            Stmt::EmitRaw(_) => Ok(()),
            Stmt::ForLoop(node) => {
                self.expr(&node.iter)?;
                self.scoped(|walk| {
                    walk.locals.push("loop".to_owned());
                    walk.declare(&node.target);
                    walk.all(&node.filter_expr)?;
                    walk.body(&node.body)
                })?;
                self.body(&node.else_body)
            }
            Stmt::IfCond(node) => {
                self.expr(&node.expr)?;
                self.guarded_by(defined_by(&node.expr), |walk| walk.body(&node.true_body))?;
                self.body(&node.false_body)
            }
            Stmt::WithBlock(node) => self.scoped(|walk| {
                for (target, value) in &node.assignments {
                    walk.expr(value)?;
                    walk.declare(target);
                }
                walk.body(&node.body)
            }),
            Stmt::Set(node) => {
                self.expr(&node.expr)?;
                self.declare(&node.target);
                Ok(())
            }
            Stmt::SetBlock(node) => {
                self.all(&node.filter)?;
                self.scoped(|walk| walk.body(&node.body))?;
                self.declare(&node.target);
                Ok(())
            }
            Stmt::FilterBlock(node) => {
                self.expr(&node.filter)?;
                self.body(&node.body)
            }
            other => Err(unsupported_statement(other)),
        }
    }

    fn body(&mut self, body: &[Stmt<'_>]) -> Walked {
        body.iter().try_for_each(|stmt| self.stmt(stmt))
    }

    fn scoped(&mut self, walk: impl FnOnce(&mut Self) -> Walked) -> Walked {
        let before = self.locals.len();
        let walked = walk(self);
        self.locals.truncate(before);
        walked
    }

    fn declare(&mut self, target: &Expr<'_>) {
        match target {
            Expr::Var(name) => self.locals.push(name.id.to_owned()),
            Expr::List(node) => node.items.iter().for_each(|item| self.declare(item)),
            Expr::Tuple(node) => node.items.iter().for_each(|item| self.declare(item)),
            _ => {}
        }
    }
}

/// The path of a lookup, if it is all of names.
fn path_of(expr: &Expr<'_>) -> Option<Vec<String>> {
    match expr {
        Expr::Var(node) => Some(vec![node.id.to_owned()]),
        Expr::GetAttr(node) => {
            let mut path = path_of(&node.expr)?;
            path.push(node.name.to_owned());
            Some(path)
        }
        Expr::GetItem(node) => {
            let Expr::Const(key) = &node.subscript_expr else { return None };
            let key = key.value.as_str().filter(|_| key.value.kind() == ValueKind::String)?.to_owned();
            let mut path = path_of(&node.expr)?;
            path.push(key);
            Some(path)
        }
        _ => None,
    }
}

/// The paths that are defined where a condition holds.
fn defined_by(condition: &Expr<'_>) -> Vec<Vec<String>> {
    match condition {
        Expr::Test(test) if test.name == "defined" => path_of(&test.expr).into_iter().collect(),
        Expr::UnaryOp(node) if matches!(node.op, UnaryOpKind::Not) => match &node.expr {
            Expr::Test(test) if test.name == "undefined" => path_of(&test.expr).into_iter().collect(),
            _ => Vec::new(),
        },
        Expr::BinOp(node) if matches!(node.op, BinOpKind::ScAnd) => {
            let mut both = defined_by(&node.left);
            both.extend(defined_by(&node.right));
            both
        }
        _ => Vec::new(),
    }
}

fn start_of(expr: &Expr<'_>) -> usize {
    match expr {
        Expr::GetAttr(node) => start_of(&node.expr),
        Expr::GetItem(node) => start_of(&node.expr),
        other => other.span().start_offset as usize,
    }
}

fn missing(what: &str, name: &str, expr: &Expr<'_>) -> SyntaxError {
    SyntaxError { message: format!("there is no {what} `{name}`"), offset: start_of(expr) }
}
