//! What expressions mean.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;
use crate::model::call::Hidden;
use crate::model::result::StepResult;

fn map(value: &Value) -> BTreeMap<String, Value> {
    value.as_object().unwrap().iter().map(|(key, value)| (key.clone(), value.clone())).collect()
}

fn scope() -> Scope {
    let parameters = json!({
        "text": "0", "number": 20, "flag": true, "hosts": ["web-1", "web 2"], "nothing": null, "table": {"a": 1},
    });
    let vars = json!({
        "greeting": "hello {{ parameters.text }}", "list": "{{ parameters.hosts }}", "plain": 7,
        "one": "{{ vars.two }}", "two": "{{ vars.one }}", "later": "{{ steps.later.outputs.x }}",
        "hidden": "{{ secrets.token }}", "nested": ["{{ parameters.number }}", {"k": "{{ parameters.flag }}"}],
    });
    let mut scope = Scope::new(&map(&parameters), &map(&vars));
    scope.set_secret("token", Hidden("hunter2-hunter2".to_owned()));
    let result = StepResult {
        stdout: Some("{\"version\": \"3.10\"}".to_owned()),
        exit_code: Some(0),
        outputs: [("bytes".to_owned(), json!(5))].into(),
        ..StepResult::default()
    };
    scope.set_step("measure-lag", SeenStep { result, state: "succeeded".to_owned(), ..SeenStep::default() }.into());
    scope.set_unknown("later");
    scope
}

fn value(expression: &str) -> Value {
    evaluate(expression, &scope()).unwrap_or_else(|error| panic!("{error}"))
}

fn error(expression: &str) -> String {
    evaluate(expression, &scope()).unwrap_err().to_string()
}

#[test]
fn a_number_is_never_compared_with_a_text() {
    assert_eq!(
        error("parameters.text > 20"),
        "a text cannot be compared with a number; make the text a number with `| int` or `| float`, \
         in `parameters.text > 20`"
    );
    for expression in [
        "'0' > 20",
        "20 < '0'",
        "parameters.text == 0",
        "0 != parameters.text",
        "parameters.flag == 'true'",
        "1 < 2 < '3'",
        "not parameters.text == 0",
        "parameters.flag and parameters.text >= 1",
        "1 if parameters.text <= 1 else 2",
        "[1, '2'] | select('>', 1) | list",
        "[{'n': '3'}] | selectattr('n', 'gt', 2) | list",
        "(1, 2) < (1, 'x')",
    ] {
        assert!(error(expression).contains("cannot be compared with"), "{expression}: {}", error(expression));
    }
}

#[test]
fn comparisons_of_like_values_work_in_chains_and_with_and_or_not_if() {
    for expression in [
        "parameters.number > 19.5",
        "1 < 2 < 3 <= 3",
        "not 1 < 3 < 2",
        "'b' > 'a'",
        "parameters.text | int < 20",
        "parameters.nothing == none",
        "parameters.text != none",
        "parameters.flag == true",
        "1 in [1, 2] and 'web-1' in parameters.hosts and 'x' not in parameters.hosts",
        "1 < 2 in [2, 3]",
        "(1 if parameters.number == 20 else 0) == 1",
        "parameters.hosts | length == 2",
        "[1, 2] < [1, 3]",
        "false or parameters.flag",
    ] {
        assert_eq!(truth(expression, &scope()), Ok(true), "{expression}");
    }
}

#[test]
fn a_chain_stops_at_its_first_false_half() {
    assert_eq!(truth("2 < 1 < parameters.absent", &scope()), Ok(false));
}

#[test]
fn a_condition_that_is_not_a_boolean_is_an_error_that_says_what_it_was() {
    assert_eq!(
        truth("parameters.text", &scope()).unwrap_err().to_string(),
        "the condition gives a text, not true or false, in `parameters.text`"
    );
    assert!(truth("parameters.number", &scope()).unwrap_err().to_string().contains("a number"));
}

#[test]
fn what_is_undefined_is_an_error_everywhere_but_under_default_and_is_defined() {
    assert_eq!(error("parameters.absent"), "the value is not defined, in `parameters.absent`");
    assert!(error("parameters.absent.deeper").contains("`parameters.absent` is not defined"));
    assert!(error("parameters.absent == 1").contains("not defined"));
    assert!(error("nowhere + 1").contains("not"));
    assert!(error("parameters.absent | join(',')").contains("not defined"));
    assert!(error("[][0] | join").contains("not defined"));
    assert!(render("x {{ parameters.absent }}", &scope()).is_err());
    assert_eq!(value("parameters.absent | default(3)"), json!(3));
    assert_eq!(value("parameters.absent is defined"), json!(false));
    assert_eq!(value("steps.skipped.outputs.x is defined"), json!(false));
    assert_eq!(value("steps.skipped.rows[0]['n'] | default(4)"), json!(4));
    assert_eq!(value("steps.measure_lag.outputs.bytes | default(4)"), json!(5));
}

#[test]
fn one_template_keeps_its_type_and_anything_else_is_text() {
    assert_eq!(render("{{ parameters.hosts }}", &scope()), Ok(json!(["web-1", "web 2"])));
    assert_eq!(render("{{ parameters.number }}", &scope()), Ok(json!(20)));
    assert_eq!(render("{{ parameters.flag }}!", &scope()), Ok(json!("true!")));
    assert_eq!(
        render("{{ parameters.hosts }} {{ parameters.table }}", &scope()),
        Ok(json!("[\"web-1\",\"web 2\"] {\"a\":1}"))
    );
    assert_eq!(render("{{ 'a' ~ true ~ [1] }}", &scope()), Ok(json!("atrue[1]")));
    assert_eq!(render("plain", &scope()), Ok(json!("plain")));
    assert_eq!(render("{% if parameters.flag %}yes{% endif %}\n", &scope()), Ok(json!("yes\n")));
    assert_eq!(render("{{ parameters.nothing }}", &scope()), Ok(Value::Null));
    assert!(render_text("{{ parameters.nothing }}", &scope()).unwrap_err().to_string().contains("none"));
    assert_eq!(render("{{ 9007199254740993 }}", &scope()), Ok(json!(9_007_199_254_740_993_i64)));
}

#[test]
fn vars_are_read_when_used_and_a_circle_is_an_error() {
    assert_eq!(value("vars.greeting"), json!("hello 0"));
    assert_eq!(value("vars.list[1]"), json!("web 2"));
    assert_eq!(value("vars.plain + 1"), json!(8));
    assert_eq!(value("vars.nested"), json!([20, {"k": true}]));
    assert!(error("vars.one").contains("read through itself"), "{}", error("vars.one"));
}

#[test]
fn vars_that_double_each_other_are_each_read_once() {
    let mut vars = BTreeMap::from([("v0".to_owned(), json!("x"))]);
    for at in 1..20 {
        let before = at - 1;
        let text = format!("{{{{ vars.v{before} == vars.v{before} and vars.v{before} is defined }}}}");
        vars.insert(format!("v{at}"), json!(text));
    }
    let scope = Scope::new(&BTreeMap::new(), &vars);
    assert_eq!(evaluate("vars.v19", &scope), Ok(json!(true)));
}

#[test]
fn what_touches_a_step_that_has_not_run_is_unknown_with_the_whole_path() {
    let unknown = |text: &str| match evaluate(text, &scope()) {
        Err(ExpressionError::Unknown { path }) => path,
        other => panic!("{text}: {other:?}"),
    };
    assert_eq!(unknown("steps.later.outputs.x > 3"), "steps.later.outputs.x");
    assert_eq!(unknown("vars.later"), "steps.later.outputs.x");
    assert_eq!(unknown("steps.later is defined"), "steps.later");
    assert_eq!(unknown("steps.later.rows[0].n | default(1)"), "steps.later.rows[0].n");
    assert_eq!(unknown("secrets.other"), "secrets.other");
    assert_eq!(value("parameters.number == 20 or steps.later.outputs.x"), json!(true));
}

#[test]
fn another_step_and_the_steps_own_result_are_seen() {
    assert_eq!(value("steps.measure_lag.outputs.bytes"), json!(5));
    assert_eq!(value("steps.measure_lag.state"), json!("succeeded"));
    assert_eq!(value("steps.measure_lag.json.version is version('3.5', '>=')"), json!(true));
    let rows = vec![json!({"lag": 0}).as_object().unwrap().clone()];
    let own = StepResult { rows: Some(rows), row_count: Some(1), stdout: Some("no".into()), ..StepResult::default() };
    let scope = scope().with_result(own);
    assert_eq!(truth("rows[0].lag == 0 and row_count == 1", &scope), Ok(true));
    assert_eq!(evaluate("json", &scope), Ok(Value::Null));
    assert!(evaluate("exit_code", &scope).is_err());
}

#[test]
fn filters_and_tests_of_ours() {
    assert_eq!(value("'a,b' | split(',')"), json!(["a", "b"]));
    assert_eq!(value("['90s', '1h30m', '250ms'] | map('seconds')"), json!([90, 5400, 0.25]));
    assert!(error("'90' | seconds").contains("`90` has no unit"));
    assert_eq!(value("'{\"a\": [1]}' | from_json"), json!({"a": [1]}));
    assert_eq!(value("'lag=17 bytes' | regex_search('lag=(\\\\d+)')"), json!("17"));
    assert_eq!(value("'abc' | regex_search('x')"), Value::Null);
    assert_eq!(value("[1, true] | join(' ')"), json!("1 true"));
    for (left, operator, right) in [
        ("3.5.32", ">=", "3.5"),
        ("3.10", ">", "3.9"),
        ("18rc1", "<", "18"),
        ("v2", "==", "2.0"),
        ("1.0-beta", "<", "1.0"),
    ] {
        assert_eq!(value(&format!("'{left}' is version('{right}', '{operator}')")), json!(true), "{left} {right}");
    }
}

#[test]
fn work_and_text_are_limited() {
    assert!(error("'x' * 100000000").contains("too much"), "{}", error("'x' * 100000000"));
    assert!(error("range(100000) | map('string') | join(range(100000) | join)").contains("too much"));
    let doubled = format!("{{% set a = ['x'] %}}{}{{{{ a }}}}", "{% set a = [a, a] %}".repeat(40));
    assert!(render(&doubled, &scope()).unwrap_err().to_string().contains("too much"));
    let wide = format!("1{}", "+1".repeat(50_000));
    assert!(error(&wide).contains("more than 500 parts"));
    let longest = format!("1{}", "+1".repeat(249));
    assert_eq!(value(&longest), json!(250));
    let nested = format!("{}1{}", "(0 < ".repeat(60), " < 2)".repeat(60));
    assert!(error(&nested).contains("more than 20000 parts"), "{}", error(&nested));
    let template = format!("{{{{ '}}}}' ~ 1{} }}}}", "+1".repeat(50_000));
    assert!(render(&template, &scope()).unwrap_err().to_string().contains("more than 500 parts"));
}

#[test]
fn a_secret_is_in_no_error() {
    for text in ["secrets.token | int", "vars.hidden > 3", "secrets.token | from_json", "[secrets.token].x.y"] {
        let shown = format!("{:?}", evaluate(text, &scope()).unwrap_err());
        assert!(!shown.contains("hunter2"), "{shown}");
    }
    assert!(!format!("{:?}", scope()).contains("hunter2"));
}

#[test]
fn statements_that_need_other_templates_are_refused() {
    assert!(render("{% include 'x' %}", &scope()).unwrap_err().to_string().contains("`include` cannot be used"));
    assert!(Parsed::new("{% macro f() %}{% endmacro %}", true).unwrap_err().message.contains("`macro` cannot be used"));
}

fn paths(text: &str, is_template: bool) -> Vec<String> {
    let found = Parsed::new(text, is_template).unwrap().names();
    found.iter().map(|name| format!("{}{}", name.path.join("."), if name.guarded { "?" } else { "" })).collect()
}

#[test]
fn names_are_root_paths_without_local_ones() {
    assert_eq!(paths("steps.a.rows[0].n > parameters['b'] and x", false), ["steps.a.rows", "parameters.b", "x"]);
    assert_eq!(paths("{% for h in vars.hosts %}{{ h.name }}{{ loop.index }}{% endfor %}", true), ["vars.hosts"]);
    assert_eq!(paths("{% set a = steps.b.state %}{{ a }} {{ c }}", true), ["steps.b.state", "c"]);
    assert_eq!(paths("range(parameters.n) | map('int')", false), ["parameters.n"]);
    assert_eq!(paths("no template", true), Vec::<String>::new());
}

#[test]
fn names_are_guarded_by_default_and_is_defined() {
    assert_eq!(paths("steps.a.x | default(steps.b.y)", false), ["steps.a.x?", "steps.b.y"]);
    assert_eq!(paths("steps.a is defined and steps.a.state == 'x'", false), ["steps.a?", "steps.a.state?"]);
    assert_eq!(paths("steps.a.x if steps.a is defined else steps.a.y", false), ["steps.a.x?", "steps.a?", "steps.a.y"]);
    assert_eq!(paths("{% if a is defined %}{{ a.b }}{% endif %}{{ a }}", true), ["a?", "a.b?", "a"]);
    assert_eq!(paths("a is undefined or a.b", false), ["a?", "a.b?"]);
    assert_eq!(paths("0 if not (a is defined and x) else a.b", false), ["a?", "x", "a.b?"]);
    assert_eq!(paths("0 if not (a is defined or x) else a.b", false), ["a?", "x", "a.b"]);
    assert_eq!(paths("0 if a is not defined or x else a.b", false), ["a?", "x", "a.b?"]);
}

#[test]
fn names_say_where_they_are() {
    let text = "é {{ steps.a.outputs.b }} {{ x }}";
    let found = Parsed::new(text, true).unwrap().names();
    assert_eq!(&text[found[0].offset..found[0].end], "steps.a.outputs.b");
    assert_eq!(&text[found[1].offset..found[1].end], "x");
}

#[test]
fn what_does_not_parse_is_a_syntax_error_with_its_place() {
    assert_eq!(Parsed::new("a ==", false).unwrap_err().offset, 2);
    assert!(Parsed::new("{{ a", true).is_err());
}

#[test]
fn a_window_and_the_item_of_a_loop_are_read_and_not_known_until_they_have_a_value() {
    let mut scope = Scope::default();
    let unknown = |path: &str| Err(ExpressionError::Unknown { path: path.to_owned() });
    assert_eq!(evaluate("window.closes", &scope), unknown("window.closes"));
    scope.set_window("closes", "2026-02-02T02:00:00-05:00");
    assert_eq!(render("until {{ window.closes }}", &scope), Ok(json!("until 2026-02-02T02:00:00-05:00")));
    scope.set_item("host", None);
    assert_eq!(evaluate("host.name", &scope), unknown("host.name"));
    scope.set_item("host", Some(json!({"name": "web-1"})));
    assert_eq!(evaluate("host.name", &scope), Ok(json!("web-1")));
    scope.forget_item("host");
    assert!(matches!(evaluate("host.name", &scope), Err(ExpressionError::Failed { .. })));
}
