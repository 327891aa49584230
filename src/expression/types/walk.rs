//! From a syntax tree to its type, and to the problems on the way.

use std::ops::Range;

use minijinja::machinery::ast::{BinOp, BinOpKind, Compare, Expr, IfExpr, Slice, Stmt, UnaryOp, UnaryOpKind};

use super::kind::{BOOLEAN, INTEGER, LIST, MAPPING, NONE, NUMERIC, TEXT, TEXTUAL, Type};
use super::operators::{self, Comparison, Misfit, Operand};
use super::{Names, Problem, ProblemKind};
use crate::expression::names::{path_of, start_of};

/// One walk through a text.
pub(super) struct Walk<'w> {
    pub text: &'w str,
    pub names: &'w dyn Names,
    /// Names of loops, `with` and `set`, innermost last.
    pub locals: Vec<(String, Type)>,
    pub problems: Vec<Problem>,
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

/// The name whose declaration explains what an operand is.
pub(super) fn cause_of(exprs: &[&Expr<'_>]) -> Option<Vec<String>> {
    exprs.iter().find_map(|expr| path_of(expr).filter(|path| path.len() > 1))
}

impl<'w> Walk<'w> {
    pub(super) const fn new(text: &'w str, names: &'w dyn Names) -> Self {
        Self { text, names, locals: Vec::new(), problems: Vec::new() }
    }

    pub(super) fn written(&self, range: &Range<usize>) -> &'w str {
        self.text.get(range.clone()).unwrap_or_default()
    }

    /// The type of an expression.
    pub(super) fn expr(&mut self, expr: &Expr<'_>) -> Type {
        match expr {
            Expr::Var(_) | Expr::GetAttr(_) | Expr::GetItem(_) => self.lookup(expr, false),
            Expr::Const(node) => Type::of_value(&node.value),
            Expr::Slice(node) => self.slice(node),
            Expr::UnaryOp(node) => self.unary(node, expr),
            Expr::BinOp(node) => self.binary(node, expr),
            Expr::Compare(node) => self.chain(node),
            Expr::IfExpr(node) => self.choice(node),
            Expr::Filter(node) => self.filter(node, expr),
            Expr::Test(node) => self.test(node, expr),
            Expr::Call(node) => self.call(node),
            Expr::List(node) => self.list(&node.items),
            Expr::Tuple(node) => self.list(&node.items),
            Expr::Map(node) => {
                for part in node.keys.iter().chain(&node.values) {
                    self.expr(part);
                }
                Type::of(MAPPING)
            }
        }
    }

    fn list(&mut self, items: &[Expr<'_>]) -> Type {
        let types: Vec<Type> = items.iter().map(|item| self.expr(item)).collect();
        Type::list(types.into_iter().reduce(|one, other| one.or(&other)).unwrap_or(Type::ANY))
    }

    fn choice(&mut self, node: &IfExpr<'_>) -> Type {
        self.expr(&node.test_expr);
        let yes = self.expr(&node.true_expr);
        node.false_expr.as_ref().map_or(yes.clone(), |no| yes.or(&self.expr(no)))
    }

    /// Reads a name, or a part of a value. Below `is defined` and `default` a part may be missing.
    pub(super) fn lookup(&mut self, expr: &Expr<'_>, lenient: bool) -> Type {
        if let Some(path) = path_of(expr) {
            let local = self.locals.iter().rev().find(|(name, _)| *name == path[0]);
            match local {
                Some((_, kind)) if path.len() == 1 => return kind.clone(),
                Some(_) => {}
                None => {
                    if let Some((kind, known)) = self.names.typed(&path)
                        && known == path.len()
                    {
                        return kind;
                    }
                }
            }
        }
        match expr {
            Expr::Var(_) => Type::ANY,
            Expr::GetAttr(node) => {
                let whole = self.lookup(&node.expr, lenient);
                let end = expr.span().end_offset as usize;
                self.named_part(&whole, &node.expr, node.name, end - node.name.len()..end, lenient)
            }
            Expr::GetItem(node) => {
                let whole = self.lookup(&node.expr, lenient);
                let key = self.expr(&node.subscript_expr);
                let place = range_of(&node.subscript_expr);
                if key.is_certainly(TEXTUAL) {
                    let name = self.written(&place).trim_matches(['\'', '"']).to_owned();
                    self.named_part(&whole, &node.expr, &name, place, lenient)
                } else {
                    self.item(&whole, &node.expr, &key, place, lenient)
                }
            }
            other => self.expr(other),
        }
    }

    fn named_part(&mut self, whole: &Type, of: &Expr<'_>, name: &str, place: Range<usize>, lenient: bool) -> Type {
        if !whole.may_be(MAPPING) && !lenient {
            let range = range_of(of);
            let written = self.written(&range);
            let help = if whole.is_certainly(LIST) {
                format!("take an item of the list first: `{written}[0].{name}`")
            } else if whole.is_certainly(TEXT) {
                format!("where the text is JSON, read it first: `({written} | from_json).{name}`")
            } else {
                "remove it".to_owned()
            };
            let message = format!("{} has no `{name}`", whole.name());
            self.at_part(message, help, place, whole, of);
        }
        Type::ANY
    }

    fn item(&mut self, whole: &Type, of: &Expr<'_>, key: &Type, place: Range<usize>, lenient: bool) -> Type {
        if !whole.may_be(LIST | TEXTUAL | MAPPING) {
            if !lenient {
                let message = format!("{} has no items", whole.name());
                self.at_part(message, "remove it".to_owned(), place, whole, of);
            }
            return Type::ANY;
        }
        if whole.may_be(MAPPING) || !key.is_certainly(NUMERIC | BOOLEAN) {
            return Type::ANY;
        }
        whole.elements()
    }

    fn at_part(&mut self, message: String, help: String, place: Range<usize>, whole: &Type, of: &Expr<'_>) {
        let range = range_of(of);
        self.problems.push(Problem {
            kind: ProblemKind::Lookup,
            message,
            help,
            operands: vec![(range.clone(), format!("this is {}", whole.name()))],
            whole: range.start..self.closed(place.end),
            place,
            cause: cause_of(&[of]),
        });
    }

    /// Behind the bracket that closes a subscript.
    fn closed(&self, end: usize) -> usize {
        let rest = self.text.get(end..).unwrap_or_default();
        let bracket = rest.trim_start().starts_with(']');
        if bracket { end + rest.len() - rest.trim_start().len() + 1 } else { end }
    }

    fn slice(&mut self, node: &Slice<'_>) -> Type {
        let whole = self.expr(&node.expr);
        for bound in node.start.iter().chain(&node.stop).chain(&node.step) {
            self.expr(bound);
        }
        if whole.may_be(LIST | TEXTUAL | NONE) {
            let text = if whole.may_be(TEXTUAL) { Type::of(TEXT) } else { Type::of(0) };
            let list = if whole.may_be(LIST | NONE) { Type::list(whole.items()) } else { Type::of(0) };
            return text.or(&list);
        }
        let range = range_of(&node.expr);
        let end = node.start.iter().chain(&node.stop).chain(&node.step).map(|bound| range_of(bound).end).max();
        let end = end.unwrap_or(range.end);
        let message = format!("{} has no items to take some of", whole.name());
        self.at_part(message, "remove it".to_owned(), range.start..end, &whole, &node.expr);
        Type::ANY
    }

    fn unary(&mut self, node: &UnaryOp<'_>, expr: &Expr<'_>) -> Type {
        let kind = self.expr(&node.expr);
        if matches!(node.op, UnaryOpKind::Not) {
            return Type::of(BOOLEAN);
        }
        let range = range_of(&node.expr);
        let misfit = operators::negation(Operand { kind: &kind, text: self.written(&range) });
        let Some((problem, message, help)) = misfit else { return kind };
        self.problems.push(Problem {
            kind: problem,
            message,
            help,
            place: range.clone(),
            operands: Vec::new(),
            whole: expr.span().start_offset as usize..range.end,
            cause: cause_of(&[&node.expr]),
        });
        Type::ANY
    }

    fn binary(&mut self, node: &BinOp<'_>, expr: &Expr<'_>) -> Type {
        if let Some(op) = operators::compares(node.op) {
            let (comparison, symbol) = operators::comparison(op);
            return self.compare(comparison, symbol, &node.left, &node.right);
        }
        let left = self.expr(&node.left);
        let right = self.expr(&node.right);
        match node.op {
            BinOpKind::ScAnd | BinOpKind::ScOr => left.or(&right),
            BinOpKind::Concat => {
                for (kind, operand) in [(&left, &node.left), (&right, &node.right)] {
                    self.must_have_text(kind, operand, range_of(expr));
                }
                Type::of(TEXT)
            }
            op => {
                let (from, to) = (range_of(&node.left), range_of(&node.right));
                let one = Operand { kind: &left, text: self.written(&from) };
                let other = Operand { kind: &right, text: self.written(&to) };
                operators::arithmetic(op, one, other).unwrap_or_else(|misfit| {
                    self.at_operator(misfit, symbol(op), (&node.left, &left), (&node.right, &right));
                    Type::ANY
                })
            }
        }
    }

    fn chain(&mut self, node: &Compare<'_>) -> Type {
        let mut left = &node.expr;
        for part in &node.ops {
            let (comparison, symbol) = operators::comparison(part.op);
            self.compare(comparison, symbol, left, &part.expr);
            left = &part.expr;
        }
        Type::of(BOOLEAN)
    }

    /// Two sides of a comparison, of which the left one may have been looked at already.
    pub(super) fn compare(&mut self, comparison: Comparison, symbol: &str, left: &Expr<'_>, right: &Expr<'_>) -> Type {
        let before = self.problems.len();
        let (one, other) = (self.expr(left), self.expr(right));
        let (from, to) = (range_of(left), range_of(right));
        let first = Operand { kind: &one, text: self.written(&from) };
        let second = Operand { kind: &other, text: self.written(&to) };
        let comparison = match comparison {
            // `a not in b` is read as `not (a in b)`.
            Comparison::In { negated } => {
                Comparison::In { negated: negated || self.between(&from, &to).contains("not") }
            }
            other => other,
        };
        if let Some(misfit) = operators::compare(comparison, first, second) {
            self.at_operator(misfit, symbol, (left, &one), (right, &other));
        }
        // The middle of a chain is looked at twice, and is wrong once.
        let found = self.problems.split_off(before);
        for problem in found {
            if !self.problems.contains(&problem) {
                self.problems.push(problem);
            }
        }
        Type::of(BOOLEAN)
    }

    /// What stands between two operands: the operator, and brackets.
    fn between(&self, from: &Range<usize>, to: &Range<usize>) -> &'w str {
        self.text.get(from.end..to.start).unwrap_or_default()
    }

    fn at_operator(
        &mut self,
        (kind, message, help): Misfit,
        symbol: &str,
        (left, one): (&Expr<'_>, &Type),
        (right, other): (&Expr<'_>, &Type),
    ) {
        let (from, to) = (range_of(left), range_of(right));
        let gap = self.between(&from, &to);
        let start = gap.find("not").or_else(|| gap.find(symbol));
        let end = gap.rfind(symbol).map(|at| at + symbol.len());
        let place = start.zip(end).map_or(from.start..to.end, |(start, end)| from.end + start..from.end + end);
        self.problems.push(Problem {
            kind,
            message,
            help,
            place,
            whole: from.start..to.end,
            operands: vec![(from, one.name()), (to, other.name())],
            cause: cause_of(&[left, right]),
        });
    }

    pub(super) fn must_have_text(&mut self, kind: &Type, expr: &Expr<'_>, whole: Range<usize>) {
        if let Some((message, help)) = operators::none_as_text(kind) {
            let place = range_of(expr);
            let kind = ProblemKind::None;
            self.problems.push(Problem {
                kind,
                message,
                help,
                place,
                operands: Vec::new(),
                whole,
                cause: cause_of(&[expr]),
            });
        }
    }

    /// The problems of a statement.
    pub(super) fn stmt(&mut self, stmt: &Stmt<'_>) {
        match stmt {
            Stmt::Template(node) => self.body(&node.children),
            Stmt::EmitExpr(node) => {
                let kind = self.expr(&node.expr);
                self.must_have_text(&kind, &node.expr, range_of(&node.expr));
            }
            Stmt::ForLoop(node) => {
                let several = self.iterated(&node.iter);
                self.scoped(|walk| {
                    walk.locals.push(("loop".to_owned(), Type::of(MAPPING)));
                    walk.declare(&node.target, &several);
                    if let Some(filter) = &node.filter_expr {
                        walk.expr(filter);
                    }
                    walk.body(&node.body);
                });
                self.body(&node.else_body);
            }
            Stmt::IfCond(node) => {
                self.expr(&node.expr);
                self.body(&node.true_body);
                self.body(&node.false_body);
            }
            Stmt::WithBlock(node) => self.scoped(|walk| {
                for (target, value) in &node.assignments {
                    let kind = walk.expr(value);
                    walk.declare(target, &kind);
                }
                walk.body(&node.body);
            }),
            Stmt::Set(node) => {
                let kind = self.expr(&node.expr);
                self.declare(&node.target, &kind);
            }
            Stmt::SetBlock(node) => {
                self.scoped(|walk| walk.body(&node.body));
                let kind = node.filter.as_ref().map_or(Type::of(TEXT), |filter| self.expr(filter));
                self.declare(&node.target, &kind);
            }
            Stmt::FilterBlock(node) => {
                self.expr(&node.filter);
                self.body(&node.body);
            }
            _ => {}
        }
    }

    fn iterated(&mut self, several: &Expr<'_>) -> Type {
        let kind = self.expr(several);
        if !kind.may_be(LIST | MAPPING | TEXTUAL | NONE) {
            let place = range_of(several);
            self.problems.push(Problem {
                kind: ProblemKind::Argument,
                message: format!("{} has no items to go through", kind.name()),
                help: if kind.may_be(INTEGER) {
                    format!("count up to it: `range({})`", self.written(&place))
                } else {
                    "give a list".to_owned()
                },
                operands: Vec::new(),
                whole: place.clone(),
                place,
                cause: cause_of(&[several]),
            });
            return Type::ANY;
        }
        kind.elements()
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

    fn declare(&mut self, target: &Expr<'_>, kind: &Type) {
        match target {
            Expr::Var(name) => {
                // Set again, perhaps under a condition: it may be either.
                let again = self.locals.iter().any(|(known, _)| known == name.id);
                self.locals.push((name.id.to_owned(), if again { Type::ANY } else { kind.clone() }));
            }
            Expr::List(node) => node.items.iter().for_each(|item| self.declare(item, &Type::ANY)),
            Expr::Tuple(node) => node.items.iter().for_each(|item| self.declare(item, &Type::ANY)),
            _ => {}
        }
    }
}

const fn symbol(op: BinOpKind) -> &'static str {
    match op {
        BinOpKind::Add => "+",
        BinOpKind::Sub => "-",
        BinOpKind::Mul => "*",
        BinOpKind::Div => "/",
        BinOpKind::FloorDiv => "//",
        BinOpKind::Rem => "%",
        _ => "**",
    }
}
