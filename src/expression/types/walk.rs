//! From a syntax tree to its type, and to the problems on the way.

use std::ops::Range;

use minijinja::machinery::ast::{BinOp, BinOpKind, Compare, Expr, IfExpr, UnaryOp, UnaryOpKind};

use super::kind::{BOOLEAN, MAPPING, TEXT, Type};
use super::operators::{self, Comparison, Misfit, Operand};
use super::{Names, Problem, ProblemKind};
use crate::expression::names::{path_of, range_of};

/// One walk through a text.
pub(super) struct Walk<'w> {
    pub text: &'w str,
    pub names: &'w dyn Names,
    /// Names of loops, `with` and `set`, innermost last.
    pub locals: Vec<(String, Type)>,
    pub problems: Vec<Problem>,
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
            operands: [(from, one), (to, other)]
                .into_iter()
                .filter(|(_, kind)| **kind != Type::ANY)
                .map(|(range, kind)| (range, kind.name()))
                .collect(),
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
