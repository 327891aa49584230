//! Names, and the parts of values.

use std::ops::Range;

use minijinja::machinery::ast::{Expr, Slice};

use super::kind::{BOOLEAN, LIST, MAPPING, NONE, NUMERIC, TEXT, TEXTUAL, Type};
use super::walk::{Walk, cause_of};
use super::{Problem, ProblemKind, signatures};
use crate::expression::names::{path_of, range_of};

impl Walk<'_> {
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
            let is_filter =
                signatures::find(signatures::FILTERS, name).is_some_and(|filter| whole.may_be(filter.takes));
            let help = if is_filter {
                format!("write it as a filter: `{written} | {name}`")
            } else if whole.is_certainly(LIST) {
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

    pub(super) fn slice(&mut self, node: &Slice<'_>) -> Type {
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
}
