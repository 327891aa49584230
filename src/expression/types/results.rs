//! What filters and functions give.

use minijinja::machinery::ast::Expr;

use super::kind::{LIST, MAPPING, TEXT, Type};
use super::signatures::{self, FILTERS, Gives};

/// An argument with what it is and where it stands.
pub(super) struct Given<'t, 'a> {
    /// Its name, where it is given by it.
    pub keyword: Option<&'a str>,
    /// It.
    pub expr: &'t Expr<'a>,
    /// What it is.
    pub kind: Type,
}

/// What comes out of a filter or function that is given these.
pub(super) fn gives(out: Gives, operand: &Type, given: &[Given<'_, '_>]) -> Type {
    let first = || given.first().map_or(Type::ANY, |given| given.kind.clone());
    match out {
        Gives::Kinds(kinds) => Type::of(kinds),
        Gives::Same if operand.may_be(MAPPING) => Type::ANY,
        Gives::Same => operand.clone(),
        Gives::Element => operand.elements(),
        Gives::Elements => Type::list(operand.elements()),
        Gives::Texts => Type::list(Type::of(TEXT)),
        Gives::Groups => Type::list(Type::list(operand.elements())),
        Gives::Default if given.is_empty() => operand.or(&Type::of(TEXT)),
        Gives::Default => operand.or(&first()),
        Gives::Number(kinds) if given.is_empty() => Type::of(kinds),
        Gives::Number(kinds) => Type::of(kinds).or(&first()),
        Gives::Mapped => {
            let named = given.first().filter(|given| given.keyword.is_none()).map(|given| given.expr);
            let Some(Expr::Const(name)) = named else { return Type::of(LIST) };
            match name.value.as_str().and_then(|name| signatures::find(FILTERS, name)).map(|filter| filter.gives) {
                Some(Gives::Kinds(kinds) | Gives::Number(kinds)) => Type::list(Type::of(kinds)),
                _ => Type::of(LIST),
            }
        }
    }
}
