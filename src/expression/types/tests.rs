//! What the types of expressions say agrees with what a run does.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use super::kind::{ANY, BOOLEAN, DURATION, INTEGER, Kinds, LIST, MAPPING, NONE, NUMBER, NUMERIC, TEXT, TEXTUAL, Type};
use super::signatures::{FILTERS, FUNCTIONS, TESTS};
use super::{Names, Problem, ProblemKind, Typed};
use crate::expression::{ExpressionError, Parsed, Scope, evaluate};

/// Parameters of every type, by name, each with values that it can have.
const PARAMETERS: [(&str, &str); 9] = [
    ("nothing", "[null]"),
    ("flag", "[true, false]"),
    ("count", "[3, 0, -1]"),
    ("share", "[0.5, 2, -1.5]"),
    ("word", r#"["ab", "3", "", "2.5"]"#),
    ("pause", r#"["90s", "1h", "250ms"]"#),
    ("numbers", "[[2, 1], []]"),
    ("words", r#"[["b", "a"], []]"#),
    ("table", r#"[{"a": 1}, {}]"#),
];

fn type_of(name: &str) -> Type {
    match name {
        "nothing" => Type::of(NONE),
        "flag" => Type::of(BOOLEAN),
        "count" => Type::of(INTEGER),
        "share" => Type::of(NUMERIC),
        "word" => Type::of(TEXT),
        "pause" => Type::of(DURATION),
        "numbers" => Type::list(Type::of(INTEGER)),
        "words" => Type::list(Type::of(TEXT)),
        "table" => Type::of(MAPPING),
        _ => Type::ANY,
    }
}

struct Declared;

impl Names for Declared {
    fn typed(&self, path: &[String]) -> Option<(Type, usize)> {
        (path.len() > 1 && path[0] == "parameters").then(|| (type_of(&path[1]), 2))
    }
}

/// Says of a number that it is a text: what a bug in the types would be.
struct Lying;

impl Names for Lying {
    fn typed(&self, path: &[String]) -> Option<(Type, usize)> {
        let (kind, known) = Declared.typed(path)?;
        Some((if path[1] == "count" { Type::of(TEXT) } else { kind }, known))
    }
}

fn typed(text: &str) -> Typed {
    Parsed::new(text, false).unwrap_or_else(|error| panic!("{text}: {error}")).typed(&Declared)
}

fn problems(text: &str) -> Vec<Problem> {
    typed(text).problems
}

/// Scopes in which each parameter has each of its values at least once.
static SCOPES: LazyLock<Vec<Scope>> = LazyLock::new(|| {
    (0..12)
        .map(|round| {
            let value = |(name, values): &(&str, &str)| {
                let values: Vec<Value> = serde_json::from_str(values).unwrap();
                ((*name).to_owned(), values[round % values.len()].clone())
            };
            Scope::new(&PARAMETERS.iter().map(value).collect(), &BTreeMap::new())
        })
        .collect()
});

fn run(text: &str) -> Vec<Result<Value, ExpressionError>> {
    SCOPES.iter().map(|scope| evaluate(text, scope)).collect()
}

fn kinds_of(value: &Value) -> Kinds {
    match value {
        Value::Null => NONE,
        Value::Bool(_) => BOOLEAN,
        Value::Number(number) if number.is_f64() => NUMBER,
        Value::Number(_) => INTEGER,
        Value::String(_) => TEXTUAL,
        Value::Array(_) => LIST,
        Value::Object(_) => MAPPING,
    }
}

fn fits(value: &Value, kind: &Type) -> bool {
    let items = kind.items();
    kind.may_be(kinds_of(value)) && value.as_array().is_none_or(|list| list.iter().all(|item| fits(item, &items)))
}

/// Whether what is said of a text is so in a run.
fn agrees(text: &str, said: &Typed) -> Result<(), String> {
    for problem in &said.problems {
        let part = &text[problem.whole.clone()];
        let given = run(part);
        let holds = match problem.kind {
            ProblemKind::Duration => true,
            ProblemKind::Constant => {
                given.iter().flatten().all(|value| *value == json!(problem.message.contains("always")))
            }
            _ => given.iter().all(Result::is_err),
        };
        if !holds {
            return Err(format!("{text}: {} in `{part}`, which gives {given:?}", problem.message));
        }
    }
    for value in run(text).iter().flatten() {
        if said.problems.is_empty() && !fits(value, &said.result) {
            return Err(format!("{text} gives {value}, which is not {}", said.result.name()));
        }
    }
    Ok(())
}

fn parameters() -> Vec<String> {
    PARAMETERS.iter().map(|(name, _)| format!("parameters.{name}")).collect()
}

/// Whether a run fails with every value, which is more than the types may say but nothing less than they have to.
fn always_fails(text: &str) -> bool {
    run(text).iter().all(Result::is_err)
}

/// Whether a run is certain to fail where this is evaluated. Otherwise it means something else than it seems to.
fn fails(problem: &Problem) -> bool {
    !matches!(problem.kind, ProblemKind::Constant | ProblemKind::Duration)
}

#[test]
fn an_operator_is_refused_exactly_where_a_run_refuses_its_kinds() {
    for operator in ["+", "-", "*", "/", "//", "%", "**", "~", "<", "<=", ">", ">=", "==", "!=", "in", "not in"] {
        for left in parameters() {
            for right in parameters() {
                let text = format!("{left} {operator} {right}");
                let said = typed(&text);
                agrees(&text, &said).unwrap();
                let sure = said.problems.iter().any(fails);
                let duration = said.problems.iter().any(|problem| problem.kind == ProblemKind::Duration);
                assert!(duration || sure == always_fails(&text), "{text}: {:?}", said.problems);
            }
        }
    }
    for operator in ["-", "not "] {
        for operand in parameters() {
            let text = format!("{operator}{operand}");
            assert_eq!(!problems(&text).is_empty(), always_fails(&text), "{text}");
        }
    }
}

#[test]
fn a_filter_is_refused_exactly_where_a_run_refuses_its_operand() {
    let arguments = |name: &str| match name {
        "attr" | "lookup" => "(0)",
        "batch" | "slice" => "(2)",
        "regex_search" | "map" | "selectattr" | "rejectattr" => "('string')",
        "replace" => "('a', 'b')",
        "groupby" => "(attribute='a', default=1)",
        _ => "",
    };
    for filter in FILTERS {
        for operand in parameters() {
            let name = filter.name;
            let text = format!("{operand} | {name}{}", arguments(name));
            let said = typed(&text);
            agrees(&text, &said).unwrap();
            // What depends on what is in a value, or on parts that are missing, is left to the run.
            let depends =
                ["attr", "lookup", "min", "max", "first", "last", "sum", "from_json", "seconds", "chain", "zip"]
                    .contains(&name);
            let duration = operand.ends_with("pause");
            assert!(!always_fails(&text) || !said.problems.is_empty() || depends || duration, "{text} fails");
        }
    }
}

#[test]
fn a_test_is_refused_exactly_where_a_run_refuses_its_operand() {
    for test in TESTS {
        for operand in parameters() {
            let arguments = if test.parameters.is_empty() { "" } else { "('3')" };
            let text = format!("{operand} is {}{arguments}", test.name);
            let said = typed(&text);
            agrees(&text, &said).unwrap();
            let duration = operand.ends_with("pause");
            assert!(duration || said.problems.is_empty() != always_fails(&text), "{text}: {:?}", said.problems);
        }
    }
}

#[test]
fn a_part_of_a_value_is_refused_exactly_where_a_run_has_none() {
    for operand in parameters() {
        for part in [".a", "['a']", "[0]", "[0:1]", "[parameters.word]"] {
            let text = format!("{operand}{part}");
            let said = typed(&text);
            agrees(&text, &said).unwrap();
            let depends = operand.ends_with("table") || operand.ends_with("pause");
            assert!(depends || said.problems.is_empty() != always_fails(&text), "{text}: {:?}", said.problems);
            let lenient = if part.contains(':') { continue } else { format!("{text} is defined") };
            assert_eq!(problems(&lenient), [], "{lenient}");
            assert_eq!(problems(&format!("{text} | default(1)")), []);
        }
    }
}

#[test]
fn names_of_the_table_are_names_of_the_engine() {
    for filter in FILTERS {
        assert!(
            !message(&format!("parameters.word | {}", filter.name)).contains("there is no filter"),
            "{}",
            filter.name
        );
    }
    for function in FUNCTIONS {
        assert!(!message(&format!("{}(3)", function.name)).contains("there is no function"), "{}", function.name);
    }
    assert!(FILTERS.is_sorted_by(|one, other| one.name < other.name));
    assert!(TESTS.is_sorted_by(|one, other| one.name < other.name));
}

/// What is said first of a text.
fn message(text: &str) -> String {
    problems(text).into_iter().next().map(|problem| problem.message).unwrap_or_default()
}

/// What is said first of a text, and where.
fn said(text: &str) -> (String, &str) {
    let problem = problems(text).into_iter().next().unwrap_or_else(|| panic!("nothing is said of {text}"));
    (problem.message, &text[problem.place])
}

fn is(text: &str, message: &str, place: &str) {
    assert_eq!(said(text), (message.to_owned(), place), "{text}");
}

#[test]
fn a_problem_is_told_at_its_operator_name_or_argument() {
    is("parameters.count > 'x'", "an integer cannot be compared with a text", ">");
    is("(parameters.count) >= ('x')", "an integer cannot be compared with a text", ">=");
    is("1 < parameters.count < 'x'", "an integer cannot be compared with a text", "<");
    is("parameters.words == 'x'", "a list of texts is never equal to a text", "==");
    is("'x'  not  in parameters.numbers", "a text is always missing in a list of integers", "not  in");
    is("parameters.pause > '1m'", "a duration cannot be compared with a text, in which `90s` and `1m30s` differ", ">");
    is("parameters.word + 1", "a text and an integer cannot be added", "+");
    is("-parameters.word", "a text has no negative", "parameters.word");
    is("parameters.word | uper", "there is no filter `uper`", "uper");
    is("parameters.word is strng", "there is no test `strng`", "strng");
    is("rnge(3)", "there is no function `rnge`", "rnge");
    is("parameters.word.split(',')", "there is no method `split`: values have filters", "split");
    is("parameters.count | length", "`length` cannot take an integer", "length");
    is("parameters.words | sort(attribut='x')", "`sort` has no argument `attribut`", "attribut");
    is("parameters.words | sort(reverse='x')", "`sort` cannot take a text as its reverse", "'x'");
    is("parameters.words | join(',', 'x')", "`join` takes no further argument", "'x'");
    is("parameters.word | regex_search", "`regex_search` needs its pattern", "regex_search");
    is("parameters.word | regex_search('(')", "this is not a regular expression: unclosed group", "'('");
    is("parameters.word is version('3', '=>')", "`=>` does not compare versions", "'=>'");
    is("parameters.words | select('strng')", "there is no test `strng`", "'strng'");
    is("parameters.words | map('uper')", "there is no filter `uper`", "'uper'");
    is("parameters.count.bytes", "an integer has no `bytes`", "bytes");
    is("parameters.words.first", "a list of texts has no `first`", "first");
    is("none ~ 'x'", "the value is none, which has no text", "none");
}

#[test]
fn a_template_that_is_one_expression_has_its_type_and_any_other_is_text() {
    let result = |text: &str| Parsed::new(text, true).unwrap().typed(&Declared).result.name();
    assert_eq!(result("{{ parameters.words }}"), "a list of texts");
    assert_eq!(result("{{ parameters.words }}!"), "a text");
    assert_eq!(result("plain"), "a text");
    assert_eq!(result("{{ parameters.count if parameters.flag else none }}"), "an integer or none");
    assert_eq!(result("{{ parameters.words | map('length') }}"), "a list of integers");
    assert_eq!(result("{{ parameters.words | first }}"), "a text");
    assert_eq!(result("{{ range(3)[0] / 2 }}"), "a number");
    assert_eq!(Parsed::new("{{ steps.x.json }}", true).unwrap().typed(&Declared).result, Type::of(ANY));
}

#[test]
fn statements_of_a_template_are_looked_into() {
    let said = |text: &str| {
        let found = Parsed::new(text, true).unwrap().typed(&Declared).problems;
        found.into_iter().map(|problem| problem.message).collect::<Vec<_>>()
    };
    assert_eq!(
        said("{% for x in parameters.words %}{{ x + 1 }}{% endfor %}"),
        ["a text and an integer cannot be added"]
    );
    assert_eq!(said("{% for x in parameters.count %}{{ x }}{% endfor %}"), ["an integer has no items to go through"]);
    assert_eq!(said("{% set x = 1 %}{{ x > 'a' }}"), ["an integer cannot be compared with a text"]);
    assert_eq!(said("{% set x = 1 %}{% if parameters.flag %}{% set x = 'a' %}{% endif %}{{ x > 'a' }}"), [""; 0]);
    assert_eq!(said("{% with x = 1 %}{{ x > 'a' }}{% endwith %}").len(), 1);
    assert_eq!(said("a {{ none }}"), ["the value is none, which has no text"]);
    assert_eq!(said("{% if parameters.word %}{{ loop }}{% endif %}"), [""; 0]);
}

/// Any expression over the parameters, whether it can work or not.
fn expressions() -> impl Strategy<Value = String> {
    let names = proptest::sample::select(parameters());
    let literals =
        proptest::sample::select(vec!["1", "2.5", "'x'", "'3'", "true", "none", "[]", "[1, 2]", "{'a': 'x'}"]);
    let leaf = prop_oneof![3 => names, 1 => literals.prop_map(ToOwned::to_owned)];
    leaf.prop_recursive(4, 24, 3, |inner| {
        let operators = vec!["+", "-", "*", "/", "//", "%", "~", "<", ">=", "==", "!=", "in", "not in", "and", "or"];
        let filters: Vec<&str> = FILTERS.iter().map(|filter| filter.name).collect();
        let tests: Vec<&str> = TESTS.iter().filter(|test| test.parameters.is_empty()).map(|test| test.name).collect();
        prop_oneof![
            4 => (inner.clone(), proptest::sample::select(operators), inner.clone())
                .prop_map(|(left, operator, right)| format!("({left} {operator} {right})")),
            3 => (inner.clone(), proptest::sample::select(filters)).prop_map(|(value, name)| format!("({value} | {name})")),
            1 => (inner.clone(), proptest::sample::select(filters_of_one())).prop_map(|(value, use_)| format!("({value} | {use_})")),
            1 => (inner.clone(), proptest::sample::select(tests)).prop_map(|(value, name)| format!("({value} is {name})")),
            1 => (inner.clone(), inner.clone(), inner.clone()).prop_map(|(yes, test, no)| format!("({yes} if {test} else {no})")),
            1 => (inner.clone(), inner.clone()).prop_map(|(one, other)| format!("[{one}, {other}]")),
            1 => inner.clone().prop_map(|value| format!("({value})[0]")),
            1 => inner.clone().prop_map(|value| format!("({value}).a")),
            1 => inner.prop_map(|value| format!("(not {value})")),
        ]
    })
}

fn filters_of_one() -> Vec<&'static str> {
    vec![
        "map('string')",
        "select('string')",
        "default(1)",
        "join(',')",
        "split(',')",
        "int(0)",
        "regex_search('a')",
        "batch(2)",
        "sort(reverse=true)",
    ]
}

fn agreement(names: &dyn Names, cases: u32) -> Result<(), String> {
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let property = |text: String| {
        let said = Parsed::new(&text, false).map_err(|error| TestCaseError::fail(error.to_string()))?.typed(names);
        agrees(&text, &said).map_err(TestCaseError::fail)
    };
    runner.run(&expressions(), property).map_err(|error| error.to_string())
}

#[test]
fn whatever_is_said_of_an_expression_is_so_in_a_run() {
    agreement(&Declared, 2000).unwrap();
}

#[test]
fn a_type_that_is_wrong_would_be_noticed() {
    assert!(agreement(&Lying, 2000).is_err());
}

/// Expressions of which each part is of the type that its place takes: they have to be left alone, and to work.
fn numbers() -> impl Strategy<Value = String> {
    let leaf =
        proptest::sample::select(vec!["1", "2.5", "parameters.count", "parameters.share", "parameters.words | length"]);
    leaf.prop_map(|leaf| format!("({leaf})")).prop_recursive(3, 12, 2, |inner| {
        let operators = proptest::sample::select(vec!["+", "-", "*"]);
        prop_oneof![
            (inner.clone(), operators, inner.clone())
                .prop_map(|(left, operator, right)| format!("({left} {operator} {right})")),
            inner.clone().prop_map(|value| format!("({value} | abs)")),
            inner.clone().prop_map(|value| format!("({value} | string | float)")),
            inner.prop_map(|value| format!("(parameters.pause | seconds + {value})")),
        ]
    })
}

fn truths() -> impl Strategy<Value = String> {
    let order = proptest::sample::select(vec!["<", "<=", ">", ">=", "==", "!="]);
    let texts = proptest::sample::select(vec![
        "parameters.word",
        "'x'",
        "parameters.words | join(',')",
        "parameters.count | string",
        "parameters.words | sort | first | default('')",
    ]);
    let leaf = prop_oneof![
        (numbers(), order.clone(), numbers()).prop_map(|(left, order, right)| format!("({left} {order} {right})")),
        (texts.clone(), order, texts.clone()).prop_map(|(left, order, right)| format!("(({left}) {order} ({right}))")),
        texts.prop_map(|text| format!("(({text}) in parameters.words)")),
        Just("parameters.flag".to_owned()),
        Just("parameters.nothing == none".to_owned()),
        Just("'a' in parameters.table".to_owned()),
        Just("parameters.word is version('3', '>=')".to_owned()),
    ];
    leaf.prop_recursive(3, 12, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(left, right)| format!("({left} and {right})")),
            (inner.clone(), inner.clone()).prop_map(|(left, right)| format!("({left} or {right})")),
            inner.prop_map(|value| format!("(not {value})")),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_of_the_right_types_is_left_alone_and_works(text in truths()) {
        let said = typed(&text);
        prop_assert_eq!(&said.problems, &[]);
        prop_assert!(said.result.is_certainly(BOOLEAN));
        for scope in SCOPES.iter() {
            prop_assert!(crate::expression::truth(&text, scope).is_ok(), "{:?}", evaluate(&text, scope));
        }
    }
}
