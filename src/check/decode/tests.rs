//! Tests of decoding: nodes to typed fields, with all mistakes at once.

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

#[test]
fn every_missing_field_is_found_whatever_its_type() {
    #[derive(Debug, Deserialize)]
    #[serde(transparent)]
    struct Seconds(#[expect(dead_code, reason = "only decoded")] u64);

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only decoded")]
    struct Demanding {
        name: Spanned<String>,
        target: Target,
        delay: Seconds,
        list: Vec<u8>,
        pair: (bool, f64),
        inner: Document,
        any: serde_json::Value,
        optional: Option<String>,
        number: i32,
    }
    let (value, found) = mistakes::<Demanding>("number: x\n");
    assert!(value.is_none());
    let missing = ["name", "target", "delay", "list", "pair", "inner", "any"];
    let expected =
        std::iter::once("x: expected a whole number from -2147483648 to 2147483647, found text \"x\"".to_owned())
            .chain(missing.map(|field| format!("number: the field `{field}` is missing")));
    assert_eq!(found, expected.collect::<Vec<_>>());
}

#[test]
fn a_text_that_checks_itself_speaks_for_itself_and_the_rest_is_still_read() {
    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(try_from = "String")]
    struct Id(String);

    impl TryFrom<String> for Id {
        type Error = String;
        fn try_from(text: String) -> Result<Self, String> {
            if text.is_empty() || text.contains(' ') { Err(format!("`{text}` is no id")) } else { Ok(Self(text)) }
        }
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only decoded")]
    struct Item {
        id: Spanned<Id>,
        size: u8,
    }
    let (items, found) = mistakes::<Vec<Item>>("- {id: a b, size: x}\n- {size: 1}\n- {id: c, size: y}\n");
    assert!(items.is_none());
    assert_eq!(
        found,
        [
            "a b: `a b` is no id",
            "x: expected a whole number from 0 to 255, found text \"x\"",
            "size: the field `id` is missing",
            "y: expected a whole number from 0 to 255, found text \"y\"",
        ]
    );
}

#[test]
fn places_survive_in_options_and_as_keys() {
    let text = "b: ~\na: 5\n";
    let tree = tree_of(text);
    let values: BTreeMap<Spanned<String>, Option<Spanned<u8>>> = decode(&tree, tree.root()).unwrap();
    let places: Vec<_> =
        values.iter().map(|(key, value)| (&*key.value, key.span.start, value.map(|value| value.span.start))).collect();
    assert_eq!(places, [("a", 5, Some(8)), ("b", 0, None)]);
}

#[test]
fn an_unknown_field_names_its_key_its_mapping_and_what_is_known() {
    let tree = tree_of("name: n\nextra: 1\n");
    let error = decode::<Document>(&tree, tree.root()).unwrap_err();
    assert_eq!(error.kind, DecodeErrorKind::UnknownField { name: "extra".to_owned(), expected: &["name", "steps"] });
    assert_eq!((error.node, error.key), (tree.root(), tree.get(tree.root(), "extra").map(|entry| entry.key)));
}
