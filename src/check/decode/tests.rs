use std::collections::BTreeMap;

use serde::Deserialize;

use super::*;
use crate::check::source::Source;
use crate::check::tree::{self, Seg};

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    id: Spanned<String>,
    timeout: Option<Spanned<String>>,
    #[serde(default)]
    attempts: u8,
    #[serde(default)]
    env: BTreeMap<String, Spanned<String>>,
    on_failure: Option<OnFailure>,
    target: Option<Target>,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum OnFailure {
    Stop,
    Rollback,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Target {
    Local,
    Postgres(String),
    Hosts { user: Option<String>, hosts: Vec<Spanned<String>> },
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    name: String,
    #[serde(default)]
    steps: Vec<Step>,
}

fn tree_of(text: &str) -> tree::Tree {
    tree::parse(&Source::new("a.yaml", text)).unwrap()
}

/// Every mistake as `text of its place: message`.
fn mistakes<T: DeserializeOwned>(text: &str) -> (Option<T>, Vec<String>) {
    let tree = tree_of(text);
    let mut errors = Vec::new();
    let value = decode_all(&tree, tree.root(), &mut errors);
    (value, errors.iter().map(|error| format!("{}: {error}", &text[error.span.start..error.span.end])).collect())
}

#[test]
fn a_correct_document_decodes_with_its_places() {
    let text =
        "name: n\nsteps:\n  - id: \"a\"\n    env: {A: b}\n    on_failure: stop\n    target: {hosts: {hosts: [x, y]}}\n";
    let tree = tree_of(text);
    let document: Document = decode(&tree, tree.root()).unwrap();
    let step = &document.steps[0];
    assert_eq!((step.id.value.as_str(), step.id.span), ("a", Span { start: 23, end: 26 }));
    assert_eq!(Some(step.id.node), tree.at(tree.root(), &[Seg::Key("steps"), Seg::Index(0), Seg::Key("id")]));
    assert_eq!(step.env["A"].value, "b");
    assert_eq!(step.on_failure, Some(OnFailure::Stop));
    let Some(Target::Hosts { hosts, user: None }) = &step.target else { panic!("{:?}", step.target) };
    assert_eq!(hosts.iter().map(|host| &text[host.span.start..host.span.end]).collect::<Vec<_>>(), ["x", "y"]);
}

#[test]
fn every_mistake_is_found_in_one_go() {
    let (document, found) = mistakes::<Document>(
        "nmae: n\nname: [1]\nsteps:\n  - id: a\n    attempts: 300\n    env: {A: 5, B: true, C: c}\n  - timeout: 5\n    on_failure: halt\n  - 7\n",
    );
    assert_eq!(document, None);
    assert_eq!(
        found,
        [
            "nmae: unknown field `nmae`",
            "[1]: expected text, found a list",
            "300: expected a whole number from 0 to 255, found the number 300",
            "5: expected text, found the number 5",
            "true: expected text, found the boolean true",
            "5: expected text, found the number 5",
            "halt: expected one of `stop`, `rollback`, found `halt`",
            "timeout: the field `id` is missing",
            "7: expected a mapping, found the number 7",
        ]
    );
}

#[test]
fn what_is_right_comes_with_the_mistakes_where_nothing_required_is_lost() {
    let (document, found) =
        mistakes::<Document>("name: n\nsteps:\n  - id: a\n    attempts: many\n  - id: b\n    extra: 1\n");
    let ids: Vec<_> = document.unwrap().steps.into_iter().map(|step| (step.id.value, step.attempts)).collect();
    assert_eq!(ids, [("a".to_owned(), 0), ("b".to_owned(), 0)]);
    assert_eq!(
        found,
        ["many: expected a whole number from 0 to 255, found text \"many\"", "extra: unknown field `extra`"]
    );
}

#[test]
fn a_wrong_value_inside_a_variant_is_one_mistake() {
    let (document, found) = mistakes::<Document>(
        "name: n\nsteps:\n- {id: a, target: {postgres: 5}}\n- {id: b, target: {postgre: x}}\n- {id: c, target: postgres}\n- {id: d, target: {a: 1, b: 2}}\n",
    );
    assert_eq!(document.unwrap().steps.len(), 4);
    assert_eq!(
        found,
        [
            "5: expected text, found the number 5",
            "postgre: expected one of `local`, `postgres`, `hosts`, found `postgre`",
            "postgres: expected a mapping with the key `postgres`, found text \"postgres\"",
            "{a: 1, b: 2}: expected one of `local`, `postgres`, `hosts`, found a mapping",
        ]
    );
}

#[test]
fn a_number_where_text_is_wanted_says_to_quote_it() {
    let tree = tree_of("name: 0644\n");
    let error = decode::<Document>(&tree, tree.root()).unwrap_err();
    assert_eq!(error.to_string(), "expected text, found the number 0644");
    assert_eq!(error.help(&tree).unwrap(), "put quotes around it: \"0644\"");
    let tree = tree_of("name:\n");
    let error = decode::<Document>(&tree, tree.root()).unwrap_err();
    assert_eq!((error.to_string().as_str(), error.help(&tree)), ("expected text, found nothing", None));
}

#[test]
fn any_value_becomes_json_with_the_types_of_the_core_schema() {
    let tree = tree_of("a: [1, -2, 1.5, true, ~, yes, 1:30, \"5\"]\nb: {c: 18446744073709551615}\n");
    let value: serde_json::Value = decode(&tree, tree.root()).unwrap();
    let expected = serde_json::json!({
        "a": [1, -2, 1.5, true, null, "yes", "1:30", "5"],
        "b": {"c": 18_446_744_073_709_551_615_u64},
    });
    assert_eq!(value, expected);
}

#[test]
fn a_list_is_not_the_fields_of_a_struct_in_order() {
    let (_, found) = mistakes::<Document>("[n, []]\n");
    assert_eq!(found, ["[n, []]: expected a mapping, found a list"]);
}

#[test]
fn an_alias_that_is_wrong_in_one_place_is_right_in_another() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Both {
        number: Option<u8>,
        text: Option<String>,
    }
    let (both, found) = mistakes::<Both>("text: &a word\nnumber: *a\n");
    assert_eq!(both, Some(Both { number: None, text: Some("word".to_owned()) }));
    assert_eq!(found, ["word: expected a whole number from 0 to 255, found text \"word\""]);
}

#[test]
fn no_more_than_a_hundred_mistakes_are_collected() {
    let text = format!("[{}]\n", "x, ".repeat(300));
    let (numbers, found) = mistakes::<Vec<u8>>(&text);
    assert_eq!((numbers, found.len()), (None, 100));
}
