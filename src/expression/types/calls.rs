//! Filters, tests and functions: that they are there, and what they are given.

use std::ops::Range;

use minijinja::machinery::ast::{Call, CallArg, Expr, Filter, Test};
use minijinja::tests::{is_filter, is_test};

use super::kind::{BOOLEAN, DURATION, INTEGER, NONE, NUMERIC, TEXT, TEXTUAL, Type};
use super::operators::{self, Comparison};
use super::results::{Given, gives};
use super::signatures::{self, COMPARISONS, FILTERS, FUNCTIONS, Gives, Signature, TESTS};
use super::walk::{Walk, cause_of};
use super::{Problem, ProblemKind};
use crate::expression::builtins::environment;
use crate::expression::names::{path_of, range_of};

/// A filter, test or function as it is used.
struct Use {
    /// Its name.
    place: Range<usize>,
    /// All of it, its operand included.
    whole: Range<usize>,
}

impl Walk<'_> {
    pub(super) fn filter(&mut self, node: &Filter<'_>, expr: &Expr<'_>) -> Type {
        let operand = node.expr.as_ref();
        let lenient = matches!(node.name, "default" | "d");
        let kind = operand.map_or(Type::of(TEXT), |operand| self.operand(operand, lenient));
        let start = expr.span().start_offset as usize;
        let used = Use { place: start..start + node.name.len(), whole: range_of(expr) };
        let Some(given) = self.arguments(&node.args) else { return Type::ANY };
        if !is_filter(&environment().empty_state(), node.name) {
            self.unknown("filter", node.name, FILTERS.iter().map(|filter| filter.name).collect(), &used);
            return Type::ANY;
        }
        let Some(signature) = signatures::find(FILTERS, node.name) else { return Type::ANY };
        let rescued = matches!(signature.gives, Gives::Number(_)) && !given.is_empty();
        if !kind.may_be(signature.takes) && !rescued {
            self.refused(signature, &kind, operand, &used);
            return Type::ANY;
        }
        if !self.fits(signature, &given, &used) {
            return Type::ANY;
        }
        self.literals(node.name, &given, &used);
        gives(signature.gives, &kind, &given)
    }

    pub(super) fn test(&mut self, node: &Test<'_>, expr: &Expr<'_>) -> Type {
        let start = expr.span().start_offset as usize;
        let used = Use { place: start..start + node.name.len(), whole: range_of(expr) };
        let truth = Type::of(BOOLEAN);
        if !is_test(&environment().empty_state(), node.name) {
            self.operand(&node.expr, false);
            self.arguments(&node.args);
            let known = TESTS.iter().map(|test| test.name).chain(COMPARISONS.iter().copied()).collect();
            self.unknown("test", node.name, known, &used);
            return truth;
        }
        let comparison = operators::compares_as(node.name);
        let comparison = comparison.or((node.name == "in").then_some(Comparison::In { negated: false }));
        if let (Some(comparison), [CallArg::Pos(other)]) = (comparison, node.args.as_slice()) {
            return self.compare(comparison, node.name, &node.expr, other);
        }
        let lenient = matches!(node.name, "defined" | "undefined");
        let kind = self.operand(&node.expr, lenient);
        let Some(given) = self.arguments(&node.args) else { return truth };
        let Some(signature) = signatures::find(TESTS, node.name) else { return truth };
        if !kind.may_be(signature.takes) {
            self.refused(signature, &kind, Some(&node.expr), &used);
        } else if self.fits(signature, &given, &used) {
            self.literals(node.name, &given, &used);
        }
        truth
    }

    pub(super) fn call(&mut self, node: &Call<'_>) -> Type {
        let place = range_of(&node.expr);
        let end = node.args.iter().map(|arg| range_of(expr_of(arg)).end).max().unwrap_or(place.end);
        let used = Use { place: place.clone(), whole: place.start..end + 1 };
        let local = |walk: &Self, name: &str| walk.locals.iter().any(|(known, _)| known == name);
        let given = self.arguments(&node.args);
        match &node.expr {
            Expr::Var(name) if local(self, name.id) => {}
            Expr::Var(name) => match (signatures::find(FUNCTIONS, name.id), given) {
                (Some(signature), Some(given)) => {
                    self.fits(signature, &given, &used);
                    let integers = Type::list(Type::of(INTEGER));
                    return if name.id == "range" { integers } else { gives(signature.gives, &Type::ANY, &given) };
                }
                (Some(_), None) => {}
                (None, _) => {
                    let known = FUNCTIONS.iter().map(|function| function.name).collect();
                    self.unknown("function", name.id, known, &used);
                }
            },
            Expr::GetAttr(method) if path_of(&method.expr).is_some_and(|path| local(self, &path[0])) => {}
            Expr::GetAttr(method) => {
                self.operand(&method.expr, false);
                let place = place.end - method.name.len()..place.end;
                self.unknown_method(method.name, &range_of(&method.expr), &Use { place, ..used });
            }
            other => {
                self.expr(other);
            }
        }
        Type::ANY
    }

    /// The operand of a filter or test; lenient where it may be missing.
    fn operand(&mut self, operand: &Expr<'_>, lenient: bool) -> Type {
        match operand {
            Expr::Var(_) | Expr::GetAttr(_) | Expr::GetItem(_) => self.lookup(operand, lenient),
            other => self.expr(other),
        }
    }

    /// What is given, or nothing where a list or mapping of arguments is.
    fn arguments<'t, 'a>(&mut self, args: &'t [CallArg<'a>]) -> Option<Vec<Given<'t, 'a>>> {
        let mut given = Some(Vec::new());
        for arg in args {
            let expr = expr_of(arg);
            let kind = self.expr(expr);
            let keyword = match arg {
                CallArg::Pos(_) => None,
                CallArg::Kwarg(name, _) => Some(*name),
                CallArg::PosSplat(_) | CallArg::KwargSplat(_) => {
                    given = None;
                    continue;
                }
            };
            if let Some(given) = &mut given {
                given.push(Given { keyword, expr, kind });
            }
        }
        given
    }

    fn unknown(&mut self, what: &str, name: &str, known: Vec<&'static str>, used: &Use) {
        let kind = ProblemKind::Unknown { name: name.to_owned(), known };
        self.problem(kind, format!("there is no {what} `{name}`"), String::new(), used.place.clone(), used, None);
    }

    fn unknown_method(&mut self, name: &str, of: &Range<usize>, used: &Use) {
        let written = self.written(of);
        let filters: Vec<_> = FILTERS.iter().map(|filter| filter.name).collect();
        let help = match name {
            "startswith" => format!("write it as a test: `{written} is startingwith(…)`"),
            "endswith" => format!("write it as a test: `{written} is endingwith(…)`"),
            "strip" => format!("write it as a filter: `{written} | trim`"),
            name if filters.contains(&name) => format!("write it as a filter: `{written} | {name}`"),
            _ => String::new(),
        };
        let kind = ProblemKind::Unknown { name: name.to_owned(), known: filters };
        let place = used.place.clone();
        self.problem(kind, format!("there is no method `{name}`: values have filters"), help, place, used, None);
    }

    fn problem(
        &mut self,
        kind: ProblemKind,
        message: String,
        help: String,
        place: Range<usize>,
        used: &Use,
        at: Option<(&Expr<'_>, &Type)>,
    ) {
        let operands = at.iter().map(|(expr, kind)| (range_of(expr), format!("this is {}", kind.name()))).collect();
        let cause = at.and_then(|(expr, _)| cause_of(&[expr]));
        self.problems.push(Problem { kind, message, help, place, operands, whole: used.whole.clone(), cause });
    }

    fn refused(&mut self, signature: &Signature, kind: &Type, operand: Option<&Expr<'_>>, used: &Use) {
        let written = operand.map(|operand| self.written(&range_of(operand))).unwrap_or_default();
        let name = signature.name;
        let duration = kind.is_certainly(DURATION) && signature.takes & TEXT != 0;
        let help = if kind.is_certainly(DURATION) {
            format!("take its seconds: {}", operators::filtered(written, "seconds"))
        } else if signature.takes == TEXTUAL && kind.is_certainly(NUMERIC | BOOLEAN) && name != "seconds" {
            format!("make it a text first: {}", operators::filtered(written, "string"))
        } else {
            format!("`{name}` takes {}", taken(signature.takes))
        };
        let kind_of = if duration { ProblemKind::Duration } else { ProblemKind::Argument };
        // What `int` makes of a text with a unit is an error while it runs as well.
        let kind_of = if matches!(signature.gives, Gives::Number(_)) { ProblemKind::Argument } else { kind_of };
        let message = format!("`{name}` cannot take {}", kind.name());
        self.problem(kind_of, message, help, used.place.clone(), used, operand.map(|operand| (operand, kind)));
    }

    /// Whether the arguments are ones that it takes. Says what is wrong with the first that is not.
    fn fits(&mut self, signature: &Signature, given: &[Given<'_, '_>], used: &Use) -> bool {
        let name = signature.name;
        let mut places = signature.parameters.iter().filter(|parameter| parameter.position);
        let mut seen = Vec::new();
        for argument in given {
            let parameter = match argument.keyword {
                None => places.next(),
                Some(word) => signature.parameters.iter().find(|known| known.keyword && known.name == word),
            };
            let Some(parameter) = parameter else {
                if signature.open {
                    continue;
                }
                self.superfluous(signature, argument, used);
                return false;
            };
            seen.push(parameter.name);
            if !argument.kind.may_be(parameter.takes) {
                let message = format!("`{name}` cannot take {} as its {}", argument.kind.name(), parameter.name);
                let help = format!("give {}", taken(parameter.takes));
                let place = range_of(argument.expr);
                let at = cause_of(&[argument.expr]).map(|_| (argument.expr, &argument.kind));
                self.problem(ProblemKind::Argument, message, help, place, used, at);
                return false;
            }
        }
        let missing = signature.parameters.iter().find(|known| known.required && !seen.contains(&known.name));
        if let Some(missing) = missing {
            let message = format!("`{name}` needs its {}", missing.name);
            let help = format!("write `{name}(…)` with {}", taken(missing.takes));
            self.problem(ProblemKind::Argument, message, help, used.place.clone(), used, None);
        }
        missing.is_none()
    }

    fn superfluous(&mut self, signature: &Signature, argument: &Given<'_, '_>, used: &Use) {
        let name = signature.name;
        let range = range_of(argument.expr);
        let (message, place) = match argument.keyword {
            Some(word) => {
                let start = self.text.get(..range.start).and_then(|before| before.rfind(word)).unwrap_or(range.start);
                (format!("`{name}` has no argument `{word}`"), start..start + word.len())
            }
            None => (format!("`{name}` takes no further argument"), range),
        };
        let known: Vec<_> = signature.parameters.iter().filter(|known| known.keyword).map(|known| known.name).collect();
        let help = if argument.keyword.is_some() && !known.is_empty() {
            format!("there are: {}", known.join(", "))
        } else {
            "remove it".to_owned()
        };
        self.problem(ProblemKind::Argument, message, help, place, used, None);
    }

    /// What is written out and can be read already: names of filters and tests, patterns, operators.
    fn literals(&mut self, name: &str, given: &[Given<'_, '_>], used: &Use) {
        let at = match name {
            "selectattr" | "rejectattr" | "version" => 1,
            _ => 0,
        };
        let Some(Given { keyword: None, expr: Expr::Const(literal), .. }) = given.get(at) else { return };
        let Some(text) = literal.value.as_str() else { return };
        let place = range_of(given[at].expr);
        let named = Use { place: place.clone(), whole: used.whole.clone() };
        let state = environment().empty_state();
        match name {
            "select" | "reject" | "selectattr" | "rejectattr" if !is_test(&state, text) => {
                let known = TESTS.iter().map(|test| test.name).chain(COMPARISONS.iter().copied()).collect();
                self.unknown("test", text, known, &named);
            }
            "map" if !is_filter(&state, text) => {
                self.unknown("filter", text, FILTERS.iter().map(|filter| filter.name).collect(), &named);
            }
            "version"
                if !matches!(
                    text,
                    "==" | "=" | "eq" | "!=" | "ne" | "<" | "lt" | "<=" | "le" | ">" | "gt" | ">=" | "ge"
                ) =>
            {
                let message = format!("`{text}` does not compare versions");
                let help = "write one of ==, !=, <, <=, >, >=".to_owned();
                self.problem(ProblemKind::Argument, message, help, place, used, None);
            }
            "regex_search" => {
                if let Err(error) = regex::Regex::new(text) {
                    let reason = error.to_string();
                    let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
                    let message = format!("this is not a regular expression: {reason}");
                    let help = "write \\\\ before a character that is meant literally".to_owned();
                    self.problem(ProblemKind::Argument, message, help, place, used, None);
                }
            }
            _ => {}
        }
    }
}

const fn expr_of<'t, 'a>(arg: &'t CallArg<'a>) -> &'t Expr<'a> {
    match arg {
        CallArg::Pos(expr) | CallArg::Kwarg(_, expr) | CallArg::PosSplat(expr) | CallArg::KwargSplat(expr) => expr,
    }
}

/// What may be given, as a sentence calls it: nobody is told to give none, or a duration where a text will do.
fn taken(kinds: super::kind::Kinds) -> String {
    let kinds = if kinds & TEXT != 0 { kinds & !DURATION } else { kinds };
    Type::of(kinds & !NONE).name()
}
