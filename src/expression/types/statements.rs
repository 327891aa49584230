//! The statements of a template: what they set, and what they go through.

use minijinja::machinery::ast::{Expr, Stmt};

use super::kind::{INTEGER, LIST, MAPPING, NONE, TEXT, TEXTUAL, Type};
use super::walk::{Walk, cause_of};
use super::{Problem, ProblemKind};
use crate::expression::names::range_of;

impl Walk<'_> {
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
