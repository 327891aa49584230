//! The filters, tests and functions that there are: what they take and what they give.

use super::kind::{ANY, BOOLEAN, INTEGER, Kinds, LIST, MAPPING, NONE, NUMBER, NUMERIC, TEXT, TEXTUAL};

/// What comes out of a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gives {
    /// One of the kinds.
    Kinds(Kinds),
    /// What came in; a mapping gives its keys.
    Same,
    /// One of the elements of what came in.
    Element,
    /// A list of the elements of what came in.
    Elements,
    /// A list of texts.
    Texts,
    /// A list of lists of the elements.
    Groups,
    /// What came in, or its first argument where that is missing.
    Default,
    /// A number, or what its first argument is where it is none.
    Number(Kinds),
    /// What the filter gives that its first argument names.
    Mapped,
}

/// What a filter, test or function takes beside its operand.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parameter {
    /// Its name, as a keyword where it may be one.
    pub name: &'static str,
    /// What it may be.
    pub takes: Kinds,
    /// Whether it may be given by position.
    pub position: bool,
    /// Whether it may be given by its name.
    pub keyword: bool,
    /// Whether it has to be given.
    pub required: bool,
}

const fn position(name: &'static str, takes: Kinds) -> Parameter {
    Parameter { name, takes, position: true, keyword: false, required: false }
}

const fn required(name: &'static str, takes: Kinds) -> Parameter {
    Parameter { name, takes, position: true, keyword: false, required: true }
}

const fn keyword(name: &'static str, takes: Kinds) -> Parameter {
    Parameter { name, takes, position: false, keyword: true, required: false }
}

const fn either(name: &'static str, takes: Kinds) -> Parameter {
    Parameter { name, takes, position: true, keyword: true, required: false }
}

/// A filter, a test or a function.
#[derive(Debug, Clone, Copy)]
pub(super) struct Signature {
    /// As it is written.
    pub name: &'static str,
    /// What its operand may be.
    pub takes: Kinds,
    /// What it gives.
    pub gives: Gives,
    /// Beside the operand.
    pub parameters: &'static [Parameter],
    /// Whether more may follow, which nothing is said of.
    pub open: bool,
}

const fn one(name: &'static str, takes: Kinds, gives: Gives) -> Signature {
    Signature { name, takes, gives, parameters: &[], open: false }
}

const fn with(name: &'static str, takes: Kinds, gives: Gives, parameters: &'static [Parameter]) -> Signature {
    Signature { name, takes, gives, parameters, open: false }
}

const fn open(name: &'static str, takes: Kinds, gives: Gives, parameters: &'static [Parameter]) -> Signature {
    Signature { name, takes, gives, parameters, open: true }
}

const AS_TEXT: Gives = Gives::Kinds(TEXT);
const TRUTH: Gives = Gives::Kinds(BOOLEAN);
/// What has elements.
const SEVERAL: Kinds = TEXTUAL | LIST | MAPPING;
/// The same and none, which counts as empty.
const FEW: Kinds = SEVERAL | NONE;
const ATTRIBUTE: Parameter = keyword("attribute", TEXTUAL | NONE);
const CASE: Parameter = keyword("case_sensitive", BOOLEAN | NONE);
/// What takes a switch: nothing but true, false or none.
const REVERSE: Parameter = keyword("reverse", BOOLEAN | NONE);

/// Every filter.
pub(super) const FILTERS: &[Signature] = &[
    with("abs", NUMERIC, Gives::Same, &[]),
    with("attr", ANY, Gives::Kinds(ANY), &[required("name", ANY)]),
    with("batch", FEW, Gives::Groups, &[required("count", NUMERIC | BOOLEAN), position("fill_with", ANY)]),
    one("bool", ANY, TRUTH),
    one("capitalize", ANY, AS_TEXT),
    open("chain", ANY, Gives::Kinds(LIST | MAPPING), &[]),
    one("count", SEVERAL, Gives::Kinds(INTEGER)),
    open("d", ANY, Gives::Default, &[]),
    open("default", ANY, Gives::Default, &[]),
    with("dictsort", MAPPING, Gives::Kinds(LIST), &[keyword("by", TEXTUAL | NONE), CASE, REVERSE]),
    one("e", ANY, AS_TEXT),
    one("escape", ANY, AS_TEXT),
    one("first", SEVERAL, Gives::Element),
    with("float", NONE | BOOLEAN | NUMERIC | TEXT, Gives::Number(NUMBER), &[either("default", ANY)]),
    open("format", TEXTUAL, AS_TEXT, &[]),
    one("from_json", TEXTUAL, Gives::Kinds(ANY)),
    with("groupby", FEW, Gives::Kinds(LIST), &[either("attribute", TEXTUAL), keyword("default", ANY), CASE]),
    open("indent", ANY, AS_TEXT, &[]),
    with(
        "int",
        NONE | BOOLEAN | NUMERIC | TEXT,
        Gives::Number(INTEGER),
        &[either("default", ANY), either("base", NUMERIC | BOOLEAN | NONE)],
    ),
    one("items", MAPPING, Gives::Kinds(LIST)),
    with("join", FEW, AS_TEXT, &[position("separator", TEXTUAL | NONE)]),
    one("last", SEVERAL, Gives::Element),
    one("length", SEVERAL, Gives::Kinds(INTEGER)),
    one("lines", TEXTUAL, Gives::Texts),
    one("list", FEW, Gives::Elements),
    with("lookup", ANY, Gives::Kinds(ANY), &[required("name", ANY)]),
    one("lower", ANY, AS_TEXT),
    open("map", FEW, Gives::Mapped, &[]),
    with("max", SEVERAL, Gives::Element, &[ATTRIBUTE, CASE]),
    with("min", SEVERAL, Gives::Element, &[ATTRIBUTE, CASE]),
    one("pprint", ANY, AS_TEXT),
    with("regex_search", TEXTUAL, Gives::Kinds(TEXT | NONE), &[required("pattern", TEXTUAL)]),
    open("reject", FEW, Gives::Elements, &[]),
    open("rejectattr", FEW, Gives::Elements, &[required("attribute", ANY)]),
    open("replace", ANY, AS_TEXT, &[]),
    one("reverse", SEVERAL, Gives::Same),
    with(
        "round",
        NUMERIC,
        Gives::Kinds(NUMERIC),
        &[either("precision", NUMERIC | BOOLEAN | NONE), either("method", TEXTUAL | NONE)],
    ),
    one("safe", ANY, AS_TEXT),
    one("seconds", TEXTUAL, Gives::Kinds(NUMERIC)),
    open("select", FEW, Gives::Elements, &[]),
    open("selectattr", FEW, Gives::Elements, &[required("attribute", ANY)]),
    with("slice", FEW, Gives::Groups, &[required("count", NUMERIC | BOOLEAN), position("fill_with", ANY)]),
    with("sort", FEW, Gives::Elements, &[ATTRIBUTE, CASE, REVERSE]),
    with(
        "split",
        TEXTUAL,
        Gives::Texts,
        &[position("separator", TEXTUAL | NONE), position("maxsplits", NUMERIC | BOOLEAN | NONE)],
    ),
    one("string", ANY & !NONE, AS_TEXT),
    open("sum", FEW, Gives::Kinds(ANY), &[]),
    one("title", ANY, AS_TEXT),
    open("tojson", ANY, AS_TEXT, &[]),
    with("trim", ANY, AS_TEXT, &[position("letters", ANY)]),
    with("unique", FEW, Gives::Elements, &[ATTRIBUTE, CASE]),
    one("upper", ANY, AS_TEXT),
    open("zip", ANY, Gives::Kinds(LIST), &[]),
];

/// Every test but those that are comparisons.
pub(super) const TESTS: &[Signature] = &[
    one("boolean", ANY, TRUTH),
    one("defined", ANY, TRUTH),
    with("divisibleby", ANY, TRUTH, &[required("number", ANY)]),
    with("endingwith", ANY, TRUTH, &[required("text", ANY)]),
    one("escaped", ANY, TRUTH),
    one("even", ANY, TRUTH),
    one("false", ANY, TRUTH),
    one("filter", TEXTUAL, TRUTH),
    one("float", ANY, TRUTH),
    with("in", ANY, TRUTH, &[required("several", ANY)]),
    one("int", ANY, TRUTH),
    one("integer", ANY, TRUTH),
    one("iterable", ANY, TRUTH),
    one("lower", ANY, TRUTH),
    one("mapping", ANY, TRUTH),
    one("none", ANY, TRUTH),
    one("number", ANY, TRUTH),
    one("odd", ANY, TRUTH),
    one("safe", ANY, TRUTH),
    one("sequence", ANY, TRUTH),
    with("startingwith", ANY, TRUTH, &[required("text", ANY)]),
    one("string", ANY, TRUTH),
    one("test", TEXTUAL, TRUTH),
    one("true", ANY, TRUTH),
    one("undefined", ANY, TRUTH),
    one("upper", ANY, TRUTH),
    with("version", TEXT, TRUTH, &[required("version", TEXTUAL), position("operator", TEXTUAL | NONE)]),
];

/// The tests that are comparisons.
pub(super) const COMPARISONS: &[&str] =
    &["eq", "equalto", "sameas", "ne", "lt", "lessthan", "le", "gt", "greaterthan", "ge"];

/// Every function.
pub(super) const FUNCTIONS: &[Signature] = &[
    open("dict", ANY, Gives::Kinds(MAPPING), &[]),
    open("namespace", ANY, Gives::Kinds(ANY), &[]),
    with(
        "range",
        ANY,
        Gives::Kinds(LIST),
        &[
            required("first", NUMERIC | BOOLEAN),
            position("last", NUMERIC | BOOLEAN | NONE),
            position("step", NUMERIC | BOOLEAN | NONE),
        ],
    ),
];

/// The signature of a name.
pub(super) fn find(among: &'static [Signature], name: &str) -> Option<&'static Signature> {
    among.iter().find(|signature| signature.name == name)
}
