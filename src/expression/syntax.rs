//! From text to a syntax tree that the engine compiles, with limits, and with comparisons turned into tests.
//!
//! The engine orders a number and a text by their kinds. Its tests can be replaced by ours, its operators cannot: so
//! each comparison `a < b` is compiled as the test `a is lt(b)`, and `a < b < c` as both of its halves.

use std::sync::OnceLock;

use minijinja::machinery::ast::{
    BinOp, BinOpKind, Call, CallArg, Compare, CompareOpKind, EmitExpr, Expr, Filter, FilterBlock, ForLoop, GetAttr,
    GetItem, IfCond, IfExpr, List, Map, Set, SetBlock, Slice, Spanned, Stmt, Template, Test, Tuple, UnaryOp,
    UnaryOpKind, Var, WithBlock,
};
use minijinja::machinery::ast::{Const, EmitRaw};
use minijinja::machinery::{Span, Token, parse, parse_expr, tokenize};
use minijinja::syntax::SyntaxConfig;

use super::error::SyntaxError;

/// Longest expression in tokens. It bounds the depth of the tree.
const MAX_TOKENS: usize = 500;

/// Most `elif` of a template; each is a level of the tree.
const MAX_ELIF: usize = 100;

/// Most nodes of a tree; chained comparisons copy their middle.
const MAX_NODES: usize = 20_000;

/// Whether a text has any template syntax in it.
pub(super) fn has_template(text: &str) -> bool {
    text.contains("{{") || text.contains("{%") || text.contains("{#")
}

/// Parses a bare expression.
pub(super) fn expression(text: &str) -> Result<Expr<'_>, SyntaxError> {
    limit(text, true)?;
    parse_expr(text).map_err(|error| syntax_error(&error, text))
}

/// Parses a template.
pub(super) fn template(text: &str) -> Result<Stmt<'_>, SyntaxError> {
    limit(text, false)?;
    parse(text, "", config()).map_err(|error| syntax_error(&error, text))
}

/// The expression of a template that is exactly one `{{ … }}`.
pub(super) fn sole_expression<'t, 'a>(tree: &'t Stmt<'a>) -> Option<&'t Expr<'a>> {
    let Stmt::Template(template) = tree else { return None };
    match template.children.as_slice() {
        [Stmt::EmitExpr(emit)] => Some(&emit.expr),
        _ => None,
    }
}

/// Newlines at the end belong to a file's content.
fn config() -> SyntaxConfig {
    static CONFIG: OnceLock<SyntaxConfig> = OnceLock::new();
    CONFIG
        .get_or_init(|| {
            SyntaxConfig::builder().keep_trailing_newline(true).build().unwrap_or_else(|_| SyntaxConfig::default())
        })
        .clone()
}

fn limit(text: &str, in_expression: bool) -> Result<(), SyntaxError> {
    // Each part takes at least a byte, and each `elif` several.
    if text.len() <= MAX_TOKENS {
        return Ok(());
    }
    let (mut count, mut branches) = (0, 0);
    for token in tokenize(text, in_expression, config()) {
        let Ok((token, span)) = token else { break };
        match token {
            Token::VariableStart | Token::BlockStart => count = 0,
            Token::Ident("elif") => branches += 1,
            _ => count += 1,
        }
        let offset = span.start_offset as usize;
        if count > MAX_TOKENS {
            return Err(SyntaxError { message: format!("the expression has more than {MAX_TOKENS} parts"), offset });
        }
        if branches > MAX_ELIF {
            return Err(SyntaxError { message: format!("the template has more than {MAX_ELIF} `elif`"), offset });
        }
    }
    Ok(())
}

fn syntax_error(error: &minijinja::Error, text: &str) -> SyntaxError {
    let message = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    let offset = error.range().map_or(text.len(), |range| range.start);
    SyntaxError { message, offset }
}

fn at<T>(node: T, span: Span) -> Spanned<T> {
    Spanned::new(node, span)
}

/// Copies a tree with its comparisons turned into tests.
#[derive(Default)]
pub(super) struct Checked {
    nodes: usize,
}

type Copied<T> = Result<T, SyntaxError>;

impl Checked {
    fn count(&mut self, span: Span) -> Copied<()> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            let message = format!("the expression has more than {MAX_NODES} parts");
            return Err(SyntaxError { message, offset: span.start_offset as usize });
        }
        Ok(())
    }

    /// Copies one expression.
    pub(super) fn expr<'a>(&mut self, expr: &Expr<'a>) -> Copied<Expr<'a>> {
        self.count(expr.span())?;
        let span = expr.span();
        Ok(match expr {
            Expr::Var(node) => Expr::Var(at(Var { id: node.id }, span)),
            Expr::Const(node) => Expr::Const(at(Const { value: node.value.clone() }, span)),
            Expr::Slice(node) => Expr::Slice(at(
                Slice {
                    expr: self.expr(&node.expr)?,
                    start: self.option(node.start.as_ref())?,
                    stop: self.option(node.stop.as_ref())?,
                    step: self.option(node.step.as_ref())?,
                },
                span,
            )),
            Expr::UnaryOp(node) => {
                let negated = matches!(node.op, UnaryOpKind::Not);
                let op = if negated { UnaryOpKind::Not } else { UnaryOpKind::Neg };
                Expr::UnaryOp(at(UnaryOp { op, expr: self.expr(&node.expr)? }, span))
            }
            Expr::BinOp(node) => self.binary(node, span)?,
            Expr::Compare(node) => self.chain(node, span)?,
            Expr::IfExpr(node) => Expr::IfExpr(at(
                IfExpr {
                    test_expr: self.expr(&node.test_expr)?,
                    true_expr: self.expr(&node.true_expr)?,
                    false_expr: self.option(node.false_expr.as_ref())?,
                },
                span,
            )),
            Expr::List(node) => Expr::List(at(List { items: self.exprs(&node.items)? }, span)),
            Expr::Tuple(node) => Expr::Tuple(at(Tuple { items: self.exprs(&node.items)? }, span)),
            Expr::Map(node) => {
                Expr::Map(at(Map { keys: self.exprs(&node.keys)?, values: self.exprs(&node.values)? }, span))
            }
            _ => self.lookup(expr)?,
        })
    }

    /// The expressions that look something up or call something.
    fn lookup<'a>(&mut self, expr: &Expr<'a>) -> Copied<Expr<'a>> {
        let span = expr.span();
        Ok(match expr {
            Expr::Filter(node) => {
                let operand = match &node.expr {
                    Some(expr) if matches!(node.name, "default" | "d") => Some(self.lenient(expr)?),
                    expr => self.option(expr.as_ref())?,
                };
                Expr::Filter(at(Filter { name: node.name, expr: operand, args: self.args(&node.args)? }, span))
            }
            Expr::Test(node) => {
                let lenient = matches!(node.name, "defined" | "undefined");
                let operand = if lenient { self.lenient(&node.expr)? } else { self.expr(&node.expr)? };
                Expr::Test(at(Test { name: node.name, expr: operand, args: self.args(&node.args)? }, span))
            }
            Expr::GetAttr(node) => Expr::GetAttr(at(GetAttr { expr: self.expr(&node.expr)?, name: node.name }, span)),
            Expr::GetItem(node) => Expr::GetItem(at(
                GetItem { expr: self.expr(&node.expr)?, subscript_expr: self.expr(&node.subscript_expr)? },
                span,
            )),
            Expr::Call(node) => {
                Expr::Call(at(Call { expr: self.expr(&node.expr)?, args: self.args(&node.args)? }, span))
            }
            other => return Err(unsupported(other.description(), span)),
        })
    }

    /// Under `default` and `is defined`, what is below something undefined is undefined and not an error: a step that
    /// was skipped is not there at all.
    fn lenient<'a>(&mut self, expr: &Expr<'a>) -> Copied<Expr<'a>> {
        let span = expr.span();
        let (below, key) = match expr {
            Expr::GetAttr(node) => {
                (&node.expr, Expr::Const(at(Const { value: minijinja::Value::from(node.name) }, span)))
            }
            Expr::GetItem(node) => (&node.expr, self.expr(&node.subscript_expr)?),
            other => return self.expr(other),
        };
        self.count(span)?;
        let args = vec![CallArg::Pos(key)];
        Ok(Expr::Filter(at(Filter { name: "lookup", expr: Some(self.lenient(below)?), args }, span)))
    }

    fn option<'a>(&mut self, expr: Option<&Expr<'a>>) -> Copied<Option<Expr<'a>>> {
        expr.map(|expr| self.expr(expr)).transpose()
    }

    fn exprs<'a>(&mut self, exprs: &[Expr<'a>]) -> Copied<Vec<Expr<'a>>> {
        exprs.iter().map(|expr| self.expr(expr)).collect()
    }

    fn args<'a>(&mut self, args: &[CallArg<'a>]) -> Copied<Vec<CallArg<'a>>> {
        args.iter()
            .map(|arg| {
                Ok(match arg {
                    CallArg::Pos(expr) => CallArg::Pos(self.expr(expr)?),
                    CallArg::Kwarg(name, expr) => CallArg::Kwarg(name, self.expr(expr)?),
                    CallArg::PosSplat(expr) => CallArg::PosSplat(self.expr(expr)?),
                    CallArg::KwargSplat(expr) => CallArg::KwargSplat(self.expr(expr)?),
                })
            })
            .collect()
    }

    fn binary<'a>(&mut self, node: &BinOp<'a>, span: Span) -> Copied<Expr<'a>> {
        let (left, right) = (self.expr(&node.left)?, self.expr(&node.right)?);
        Ok(match node.op {
            BinOpKind::Eq => test("eq", left, right, span),
            BinOpKind::Ne => test("ne", left, right, span),
            BinOpKind::Lt => test("lt", left, right, span),
            BinOpKind::Lte => test("le", left, right, span),
            BinOpKind::Gt => test("gt", left, right, span),
            BinOpKind::Gte => test("ge", left, right, span),
            BinOpKind::Concat => {
                let (left, right) = (as_text(left, span), as_text(right, span));
                Expr::BinOp(at(BinOp { op: BinOpKind::Concat, left, right }, span))
            }
            op => Expr::BinOp(at(BinOp { op, left, right }, span)),
        })
    }

    fn chain<'a>(&mut self, node: &Compare<'a>, span: Span) -> Copied<Expr<'a>> {
        let mut left = &node.expr;
        let mut whole: Option<Expr<'a>> = None;
        for part in &node.ops {
            let half = self.half(left, part.op, &part.expr, span)?;
            whole = Some(match whole {
                Some(before) => Expr::BinOp(at(BinOp { op: BinOpKind::ScAnd, left: before, right: half }, span)),
                None => half,
            });
            left = &part.expr;
        }
        whole.ok_or_else(|| unsupported("comparison", span))
    }

    fn half<'a>(&mut self, left: &Expr<'a>, op: CompareOpKind, right: &Expr<'a>, span: Span) -> Copied<Expr<'a>> {
        let (left, right) = (self.expr(left)?, self.expr(right)?);
        Ok(match op {
            CompareOpKind::Eq => test("eq", left, right, span),
            CompareOpKind::Ne => test("ne", left, right, span),
            CompareOpKind::Lt => test("lt", left, right, span),
            CompareOpKind::Lte => test("le", left, right, span),
            CompareOpKind::Gt => test("gt", left, right, span),
            CompareOpKind::Gte => test("ge", left, right, span),
            CompareOpKind::In => Expr::BinOp(at(BinOp { op: BinOpKind::In, left, right }, span)),
            CompareOpKind::NotIn => {
                let inside = Expr::BinOp(at(BinOp { op: BinOpKind::In, left, right }, span));
                Expr::UnaryOp(at(UnaryOp { op: UnaryOpKind::Not, expr: inside }, span))
            }
        })
    }

    /// Copies one statement. Those that need other templates, or define functions, are not part of the format.
    pub(super) fn stmt<'a>(&mut self, stmt: &Stmt<'a>) -> Copied<Stmt<'a>> {
        Ok(match stmt {
            Stmt::Template(node) => Stmt::Template(at(Template { children: self.body(&node.children)? }, node.span())),
            Stmt::EmitExpr(node) => Stmt::EmitExpr(at(EmitExpr { expr: self.expr(&node.expr)? }, node.span())),
            Stmt::EmitRaw(node) => Stmt::EmitRaw(at(EmitRaw { raw: node.raw }, node.span())),
            Stmt::ForLoop(node) => Stmt::ForLoop(at(self.for_loop(node)?, node.span())),
            Stmt::IfCond(node) => Stmt::IfCond(at(
                IfCond {
                    expr: self.expr(&node.expr)?,
                    true_body: self.body(&node.true_body)?,
                    false_body: self.body(&node.false_body)?,
                },
                node.span(),
            )),
            Stmt::WithBlock(node) => Stmt::WithBlock(at(self.with(node)?, node.span())),
            Stmt::Set(node) => {
                Stmt::Set(at(Set { target: self.expr(&node.target)?, expr: self.expr(&node.expr)? }, node.span()))
            }
            Stmt::SetBlock(node) => Stmt::SetBlock(at(
                SetBlock {
                    target: self.expr(&node.target)?,
                    filter: self.option(node.filter.as_ref())?,
                    body: self.body(&node.body)?,
                },
                node.span(),
            )),
            Stmt::FilterBlock(node) => Stmt::FilterBlock(at(
                FilterBlock {
                    filter: self.expr(&node.filter)?,
                    filter_span: node.filter_span,
                    body: self.body(&node.body)?,
                },
                node.span(),
            )),
            other => return Err(unsupported_statement(other)),
        })
    }

    fn body<'a>(&mut self, body: &[Stmt<'a>]) -> Copied<Vec<Stmt<'a>>> {
        body.iter().map(|stmt| self.stmt(stmt)).collect()
    }

    fn for_loop<'a>(&mut self, node: &ForLoop<'a>) -> Copied<ForLoop<'a>> {
        Ok(ForLoop {
            target: self.expr(&node.target)?,
            iter: self.expr(&node.iter)?,
            filter_expr: self.option(node.filter_expr.as_ref())?,
            recursive: node.recursive,
            body: self.body(&node.body)?,
            else_body: self.body(&node.else_body)?,
        })
    }

    fn with<'a>(&mut self, node: &WithBlock<'a>) -> Copied<WithBlock<'a>> {
        let assignments = node
            .assignments
            .iter()
            .map(|(target, value)| Ok((self.expr(target)?, self.expr(value)?)))
            .collect::<Copied<_>>()?;
        Ok(WithBlock { assignments, body: self.body(&node.body)? })
    }
}

fn test<'a>(name: &'a str, left: Expr<'a>, right: Expr<'a>, span: Span) -> Expr<'a> {
    Expr::Test(at(Test { name, expr: left, args: vec![CallArg::Pos(right)] }, span))
}

fn as_text(expr: Expr<'_>, span: Span) -> Expr<'_> {
    Expr::Filter(at(Filter { name: "string", expr: Some(expr), args: Vec::new() }, span))
}

fn unsupported(what: &str, span: Span) -> SyntaxError {
    SyntaxError { message: format!("{what} is not supported"), offset: span.start_offset as usize }
}

/// The refusal of a statement that is not part of the format.
pub(super) fn unsupported_statement(stmt: &Stmt<'_>) -> SyntaxError {
    let (what, span) = match stmt {
        Stmt::AutoEscape(node) => ("autoescape", node.span()),
        Stmt::Block(node) => ("block", node.span()),
        Stmt::Import(node) => ("import", node.span()),
        Stmt::FromImport(node) => ("from", node.span()),
        Stmt::Extends(node) => ("extends", node.span()),
        Stmt::Include(node) => ("include", node.span()),
        Stmt::Macro(node) => ("macro", node.span()),
        Stmt::CallBlock(node) => ("call", node.span()),
        Stmt::Do(node) => ("do", node.span()),
        _ => ("this statement", Span::default()),
    };
    SyntaxError {
        message: format!("`{what}` cannot be used in a runbook's templates"),
        offset: span.start_offset as usize,
    }
}
