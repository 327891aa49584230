//! The names that a text reads, for static checking.

use std::ops::Range;

use minijinja::machinery::ast::{BinOpKind, Call, CallArg, Expr, Filter, Stmt, Test, UnaryOpKind};
use minijinja::value::ValueKind;

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
    /// The conditions under which it is read at all, and whether each holds or not.
    pub under: Vec<(Range<usize>, bool)>,
}

#[derive(Default)]
pub(super) struct Walk {
    pub found: Vec<Name>,
    /// Names of loops, `with` and `set`, innermost last.
    locals: Vec<String>,
    /// Paths that are defined where the walk is.
    defined: Vec<Vec<String>>,
    /// Whether the walk is below `is defined` or `default`.
    lenient: bool,
    /// The conditions under which the walk is where it is.
    under: Vec<(Range<usize>, bool)>,
}

impl Walk {
    pub(super) fn expr(&mut self, expr: &Expr<'_>) {
        match expr {
            Expr::Var(_) | Expr::GetAttr(_) | Expr::GetItem(_) => self.lookup(expr),
            Expr::Const(_) => {}
            Expr::Slice(node) => {
                self.expr(&node.expr);
                self.all(node.start.iter().chain(&node.stop).chain(&node.step));
            }
            Expr::UnaryOp(node) => self.expr(&node.expr),
            Expr::BinOp(node) => {
                self.expr(&node.left);
                match node.op {
                    BinOpKind::ScAnd => self.guarded_by(&node.left, true, |walk| walk.expr(&node.right)),
                    BinOpKind::ScOr => self.guarded_by(&node.left, false, |walk| walk.expr(&node.right)),
                    _ => self.expr(&node.right),
                }
            }
            Expr::Compare(node) => {
                self.expr(&node.expr);
                self.all(node.ops.iter().map(|part| &part.expr));
            }
            Expr::IfExpr(node) => {
                self.expr(&node.test_expr);
                self.guarded_by(&node.test_expr, true, |walk| walk.expr(&node.true_expr));
                self.guarded_by(&node.test_expr, false, |walk| walk.all(&node.false_expr));
            }
            Expr::Filter(node) => self.filter(node),
            Expr::Test(node) => self.test(node),
            Expr::Call(node) => self.call(node),
            Expr::List(node) => self.all(&node.items),
            Expr::Tuple(node) => self.all(&node.items),
            Expr::Map(node) => self.all(node.keys.iter().chain(&node.values)),
        }
    }

    fn all<'t, 'a: 't>(&mut self, exprs: impl IntoIterator<Item = &'t Expr<'a>>) {
        for expr in exprs {
            self.expr(expr);
        }
    }

    fn lookup(&mut self, expr: &Expr<'_>) {
        if let Some(path) = path_of(expr) {
            self.read(path, expr);
            return;
        }
        match expr {
            Expr::GetAttr(node) => self.expr(&node.expr),
            Expr::GetItem(node) => {
                self.expr(&node.expr);
                self.expr(&node.subscript_expr);
            }
            _ => {}
        }
    }

    fn read(&mut self, path: Vec<String>, expr: &Expr<'_>) {
        if self.locals.contains(&path[0]) {
            return;
        }
        let guarded = self.lenient || self.defined.iter().any(|defined| path.starts_with(defined));
        let (offset, end) = (start_of(expr), expr.span().end_offset as usize);
        self.found.push(Name { path, offset, end, guarded, under: self.under.clone() });
    }

    fn filter(&mut self, node: &Filter<'_>) {
        let lenient = matches!(node.name, "default" | "d");
        if let Some(operand) = &node.expr {
            self.leniently(lenient, |walk| walk.expr(operand));
        }
        self.args(&node.args);
    }

    fn test(&mut self, node: &Test<'_>) {
        let lenient = matches!(node.name, "defined" | "undefined");
        self.leniently(lenient, |walk| walk.expr(&node.expr));
        self.args(&node.args);
    }

    /// A function's name is no root, a method's object may be one.
    fn call(&mut self, node: &Call<'_>) {
        match &node.expr {
            Expr::Var(_) => {}
            Expr::GetAttr(method) => self.expr(&method.expr),
            other => self.expr(other),
        }
        self.args(&node.args);
    }

    fn args(&mut self, args: &[CallArg<'_>]) {
        self.all(args.iter().map(|arg| match arg {
            CallArg::Pos(expr) | CallArg::Kwarg(_, expr) | CallArg::PosSplat(expr) | CallArg::KwargSplat(expr) => expr,
        }));
    }

    fn leniently(&mut self, lenient: bool, walk: impl FnOnce(&mut Self)) {
        let before = self.lenient;
        self.lenient |= lenient;
        walk(self);
        self.lenient = before;
    }

    /// Walks on where a condition holds, or where it does not.
    fn guarded_by(&mut self, condition: &Expr<'_>, holds: bool, walk: impl FnOnce(&mut Self)) {
        let before = self.defined.len();
        self.defined.extend(defined_by(condition, holds));
        self.under.push((range_of(condition), holds));
        walk(self);
        self.under.pop();
        self.defined.truncate(before);
    }

    pub(super) fn stmt(&mut self, stmt: &Stmt<'_>) {
        match stmt {
            Stmt::Template(node) => self.body(&node.children),
            Stmt::EmitExpr(node) => self.expr(&node.expr),
            Stmt::ForLoop(node) => {
                self.expr(&node.iter);
                self.scoped(|walk| {
                    walk.locals.push("loop".to_owned());
                    walk.declare(&node.target);
                    walk.all(&node.filter_expr);
                    walk.body(&node.body);
                });
                self.body(&node.else_body);
            }
            Stmt::IfCond(node) => {
                self.expr(&node.expr);
                self.guarded_by(&node.expr, true, |walk| walk.body(&node.true_body));
                self.guarded_by(&node.expr, false, |walk| walk.body(&node.false_body));
            }
            Stmt::WithBlock(node) => self.scoped(|walk| {
                for (target, value) in &node.assignments {
                    walk.expr(value);
                    walk.declare(target);
                }
                walk.body(&node.body);
            }),
            Stmt::Set(node) => {
                self.expr(&node.expr);
                self.declare(&node.target);
            }
            Stmt::SetBlock(node) => {
                self.all(&node.filter);
                self.scoped(|walk| walk.body(&node.body));
                self.declare(&node.target);
            }
            Stmt::FilterBlock(node) => {
                self.expr(&node.filter);
                self.body(&node.body);
            }
            _ => {}
        }
    }

    fn body(&mut self, body: &[Stmt<'_>]) {
        for stmt in body {
            self.stmt(stmt);
        }
    }

    fn scoped(&mut self, walk: impl FnOnce(&mut Self)) {
        let before = self.locals.len();
        walk(self);
        self.locals.truncate(before);
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
pub(super) fn path_of(expr: &Expr<'_>) -> Option<Vec<String>> {
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

/// The paths that are defined where a condition holds, or where it does not.
fn defined_by(condition: &Expr<'_>, holds: bool) -> Vec<Vec<String>> {
    match condition {
        Expr::Test(test) if test.name == if holds { "defined" } else { "undefined" } => {
            path_of(&test.expr).into_iter().collect()
        }
        Expr::UnaryOp(node) if matches!(node.op, UnaryOpKind::Not) => defined_by(&node.expr, !holds),
        Expr::BinOp(node) if matches!((&node.op, holds), (BinOpKind::ScAnd, true) | (BinOpKind::ScOr, false)) => {
            let mut both = defined_by(&node.left, holds);
            both.extend(defined_by(&node.right, holds));
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

/// Where an expression stands, its operand included.
pub(super) fn range_of(expr: &Expr<'_>) -> Range<usize> {
    let span = expr.span();
    let first = match expr {
        Expr::Filter(node) => node.expr.as_ref().map(range_of),
        Expr::Test(node) => Some(range_of(&node.expr)),
        Expr::BinOp(node) => Some(range_of(&node.left)),
        Expr::Compare(node) => Some(range_of(&node.expr)),
        Expr::GetAttr(node) => Some(range_of(&node.expr)),
        Expr::GetItem(node) => Some(range_of(&node.expr)),
        Expr::Slice(node) => Some(range_of(&node.expr)),
        _ => None,
    };
    let start = first.map_or(start_of(expr), |first| first.start.min(span.start_offset as usize));
    start..(span.end_offset as usize).max(start)
}
