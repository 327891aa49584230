//! A text that was read once, for whatever is to be said of it.

use std::fmt;

use minijinja::machinery::ast::{Expr, Stmt};

use super::error::SyntaxError;
use super::names::{self, Name};
use super::syntax::{self, Checked};
use super::types::{self, Names, Typed};

/// A template or bare expression with its syntax tree. Reading it again costs nothing; evaluating it is another matter.
pub struct Parsed<'a> {
    text: &'a str,
    tree: Tree<'a>,
}

enum Tree<'a> {
    /// A template without anything of one.
    Plain,
    Template(Stmt<'a>),
    Expression(Expr<'a>),
}

impl<'a> Parsed<'a> {
    /// Reads a template or a bare expression.
    ///
    /// # Errors
    ///
    /// Where the text is neither, or has statements that need other templates.
    pub fn new(text: &'a str, is_template: bool) -> Result<Self, SyntaxError> {
        let tree = if !is_template {
            let tree = syntax::expression(text)?;
            Checked::default().expr(&tree)?;
            Tree::Expression(tree)
        } else if syntax::has_template(text) {
            let tree = syntax::template(text)?;
            Checked::default().stmt(&tree)?;
            Tree::Template(tree)
        } else {
            Tree::Plain
        };
        Ok(Self { text, tree })
    }

    /// Every root name that it reads, in the order of the text; loop names and names that it sets itself are not
    /// among them.
    #[must_use]
    pub fn names(&self) -> Vec<Name> {
        let mut walk = names::Walk::default();
        match &self.tree {
            Tree::Plain => {}
            Tree::Template(tree) => walk.stmt(tree),
            Tree::Expression(tree) => walk.expr(tree),
        }
        walk.found.sort_by_key(|name| (name.offset, name.end));
        walk.found
    }

    /// What it gives, and what of it cannot work.
    #[must_use]
    pub fn typed(&self, names: &dyn Names) -> Typed {
        match (&self.tree, self.sole()) {
            (_, Some(sole)) => types::of_expression(self.text, names, sole),
            (Tree::Template(tree), None) => types::of_template(self.text, names, tree),
            _ => Typed::text(),
        }
    }

    /// The expression whose value the text has: all of a bare expression, or of a template that is exactly one
    /// `{{ … }}`.
    fn sole(&self) -> Option<&Expr<'a>> {
        match &self.tree {
            Tree::Plain => None,
            Tree::Template(tree) => syntax::sole_expression(tree),
            Tree::Expression(tree) => Some(tree),
        }
    }
}

impl fmt::Debug for Parsed<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Parsed").field(&self.text).finish()
    }
}
