//! Tests of the tree: what YAML becomes, and what of it is refused.

use std::fmt::Write;

use super::*;

/// The findings of a text, each as `code line:column-line:column message`.
fn found(text: &str) -> Vec<String> {
    let source = Source::new("a.yaml", text);
    let place = |offset| {
        let (line, column) = source.line_column(offset);
        format!("{line}:{column}")
    };
    let show = |found: &Diagnostic| {
        format!("{} {}-{} {}", found.code, place(found.span.start), place(found.span.end), found.message)
    };
    parse(&source).err().unwrap_or_default().iter().map(show).collect()
}

fn tree_of(text: &str) -> Tree {
    parse(&Source::new("a.yaml", text)).unwrap()
}

/// The source text of the node at the end of a path.
fn written<'a>(text: &'a str, path: &[Seg<'_>]) -> &'a str {
    let tree = tree_of(text);
    let span = tree.span(tree.at(tree.root(), path).unwrap());
    &text[span.start..span.end]
}

#[test]
fn every_value_keeps_its_place() {
    let text = "a: 1\nb:\n  c: |\n    x\n    y\n\n# in between\nd:\n- e: 'f'\n- {x: [y, \"z\"]}\nk:\n";
    assert_eq!(written(text, &[Seg::Key("a")]), "1");
    assert_eq!(written(text, &[Seg::Key("b")]), "c: |\n    x\n    y");
    assert_eq!(written(text, &[Seg::Key("b"), Seg::Key("c")]), "x\n    y");
    assert_eq!(written(text, &[Seg::Key("d")]), "e: 'f'\n- {x: [y, \"z\"]}");
    assert_eq!(written(text, &[Seg::Key("d"), Seg::Index(0), Seg::Key("e")]), "'f'");
    assert_eq!(written(text, &[Seg::Key("d"), Seg::Index(1)]), "{x: [y, \"z\"]}");
    assert_eq!(written(text, &[Seg::Key("d"), Seg::Index(1), Seg::Key("x")]), "[y, \"z\"]");
    assert_eq!(written(text, &[Seg::Key("k")]), "");
    assert_eq!(
        tree_of(text).comments(),
        [Comment { span: Span { start: 28, end: 40 }, text: " in between".to_owned() }]
    );
}

#[test]
fn a_key_is_found_with_its_own_place() {
    let tree = tree_of("a: 1\n\"b c\": 2\n");
    let entry = tree.get(tree.root(), "b c").unwrap();
    assert_eq!(tree.span(entry.key), Span { start: 5, end: 10 });
    assert_eq!(tree.node(entry.value).kind, Kind::Scalar { text: "2".to_owned(), plain: true });
    assert_eq!(tree.get(tree.root(), "c"), None);
    assert_eq!(tree.at(tree.root(), &[Seg::Key("a"), Seg::Index(0)]), None);
}

#[test]
fn an_alias_has_the_id_of_what_it_stands_for() {
    let tree = tree_of("a: &x [1, 2]\nb: *x\n");
    assert_eq!(tree.get(tree.root(), "a").map(|a| a.value), tree.get(tree.root(), "b").map(|b| b.value));
}

#[test]
fn duplicate_keys_are_found_with_the_first_one() {
    let source = Source::new("a.yaml", "a: 1\nb: {c: 1, c: 2}\na: 3\n");
    let findings = parse(&source).unwrap_err();
    let places: Vec<_> = findings.iter().map(|found| (found.code, found.span, found.labels[0].span)).collect();
    assert_eq!(
        places,
        [
            ("RB0102", Span { start: 15, end: 16 }, Span { start: 9, end: 10 }),
            ("RB0102", Span { start: 21, end: 22 }, Span { start: 0, end: 1 }),
        ]
    );
    assert_eq!(findings[0].labels[0].text, "first defined here");
    assert_eq!(findings[0].message, "the key `c` is defined twice in the same mapping");
}

#[test]
fn tags_are_found_at_the_tag() {
    assert_eq!(
        found("check: ! grep -q x y\n"),
        ["RB0103 1:8-1:9 `!` is read as a tag here, so that the command loses its negation"]
    );
    assert_eq!(found("a: !!str 5\n"), ["RB0103 1:4-1:9 a runbook has no tags, found `!!str`"]);
}

#[test]
fn an_empty_document_is_found() {
    for text in ["", "\n\n", "# only a comment\n", "---\n", "---\n...\n"] {
        assert_eq!(found(text).len(), 1, "{text:?}");
        assert!(found(text)[0].starts_with("RB0104 1:1-"), "{text:?}");
    }
}

#[test]
fn a_second_document_is_found_at_its_marker() {
    assert_eq!(found("a: b\n---\nc: d\n"), ["RB0105 2:1-2:4 a second document begins here"]);
    assert_eq!(found("---\na: b\n...\n"), [""; 0]);
}

#[test]
fn nesting_is_limited() {
    let nested = |depth: usize| format!("a: {}{}\n", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(found(&nested(63)), [""; 0]);
    assert_eq!(found(&nested(64)), ["RB0106 1:67-1:68 values are nested deeper than 64 levels"]);
    assert_eq!(found(&nested(5000)).len(), 1);
}

#[test]
fn values_are_limited_and_aliases_count_with_what_they_stand_for() {
    assert_eq!(found(&format!("[{}]", "a,".repeat(NODE_LIMIT - 1))), [""; 0]);
    assert_eq!(
        found(&format!("[{}]", "a,".repeat(NODE_LIMIT))),
        ["RB0106 1:1000000-1:1000001 the document has more than 500000 values"]
    );
    let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..9 {
        let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
        writeln!(laughs, "a{level}: &a{level} [{aliases}]").unwrap();
    }
    assert_eq!(found(&laughs), ["RB0106 6:25-6:28 aliases make the document larger than 500000 values"]);
    assert_eq!(found("a: &x [1, *x]\n"), ["RB0106 1:11-1:13 the alias stands for something that contains it"]);
}

#[test]
fn aliases_are_limited() {
    let aliases = |count: usize| format!("a: &x 1\nb: [{}]\n", "*x, ".repeat(count));
    assert_eq!(found(&aliases(ALIAS_LIMIT)), [""; 0]);
    assert_eq!(found(&aliases(ALIAS_LIMIT + 1)), ["RB0106 2:4005-2:4007 the document has more than 1000 aliases"]);
}

#[test]
fn keys_of_a_mapping_are_limited() {
    let keys = |count: usize| (0..count).fold(String::new(), |text, key| text + &format!("k{key}: v\n"));
    assert_eq!(found(&keys(KEY_LIMIT)), [""; 0]);
    assert_eq!(found(&keys(KEY_LIMIT + 1)), ["RB0106 10001:1-10001:7 a mapping has more than 10000 keys"]);
}

#[test]
fn the_length_of_a_value_is_limited() {
    let long = |length: usize| format!("a: |\n  {}\nb: c\n", "x".repeat(length - 1));
    assert_eq!(found(&long(SCALAR_LIMIT)), [""; 0]);
    assert_eq!(found(&long(SCALAR_LIMIT + 1)), ["RB0106 2:3-2:131075 a value is longer than 128 KiB"]);
}

#[test]
fn aliases_count_towards_the_depth() {
    let mut text = "a0: &a0 [x]\n".to_owned();
    for level in 1..80 {
        writeln!(text, "a{level}: &a{level} [*a{}]", level - 1).unwrap();
    }
    assert_eq!(found(&text), ["RB0106 64:12-64:16 values are nested deeper than 64 levels"]);
}

#[test]
fn keys_that_are_not_text_are_found() {
    assert_eq!(found("1: a\n"), ["RB0107 1:1-1:2 a key must be text, found the number 1"]);
    assert_eq!(found("true: a\n"), ["RB0107 1:1-1:5 a key must be text, found the boolean true"]);
    assert_eq!(found("? [a]\n: b\n"), ["RB0107 1:3-1:6 a key must be text, found a list"]);
    assert_eq!(found("? {a: b}\n: c\n"), ["RB0107 1:3-1:9 a key must be text, found a mapping"]);
    assert_eq!(found(": a\n"), ["RB0107 1:1-1:1 a key must be text, found nothing"]);
    assert_eq!(found("\"1\": a\non: b\n"), [""; 0]);
}

#[test]
fn an_unquoted_template_is_one_finding_over_the_whole_value() {
    let message = "an unquoted `{{` begins a mapping, not a template";
    assert_eq!(found("a: {{ vars.x }}\n"), [format!("RB0108 1:4-1:16 {message}")]);
    assert_eq!(found("a:\n  - {{ vars.x }}\n"), [format!("RB0108 2:5-2:17 {message}")]);
    assert_eq!(found("a: {{ vars.x }} and more\n"), [format!("RB0108 1:4-1:16 {message}")]);
    assert_eq!(found("a: {{ f('x: y') }}\nb: c\n"), [format!("RB0108 1:4-1:19 {message}")]);
    assert_eq!(found("a: \"{{ vars.x }}\"\nb: x {{ y }}\n"), [""; 0]);
}

#[test]
fn what_the_parser_refuses_has_its_place_and_says_what_is_wrong() {
    for (text, expected) in [
        ("a:\n\tb: c\n", "RB0101 2:1-2:2 a tab cannot indent YAML"),
        ("a: b: c\n", "RB0101 1:5-1:6 a `: ` inside an unquoted value looks like another key"),
        ("a:\n   b: c\n  d: e\n", "RB0101 3:3-3:4 the indentation of this line fits nothing above it"),
        ("steps:\n  - id: a\n   name: b\n", "RB0101 3:4-3:8 the indentation of this line fits nothing above it"),
        (
            "a: [1, 2\nb: c\n",
            "RB0101 1:4-1:5 a bracket is opened here, and a line that is not indented follows before it is closed",
        ),
        ("a: {b: c\n", "RB0101 1:4-1:5 a `{` is opened here and never closed"),
        ("a: {\n  b: c\n}\n", "RB0101 3:1-3:2 the closing bracket is not indented"),
        ("a: b\ntitle:c\n", "RB0101 2:1-2:6 a space is missing behind the `:`"),
        ("- a\n-b\n", "RB0101 2:1-2:3 a space is missing behind the dash"),
        ("a: |\nb c\n", "RB0101 2:1-2:2 a `:` is missing behind a key"),
        ("a: b\n c: d\n", "RB0101 2:2-2:3 the indentation of this line fits nothing above it"),
        ("a: - b\n", "RB0101 1:4-1:5 a list cannot begin on the line of its key"),
        ("a: [b]]\n", "RB0101 1:7-1:8 a bracket is closed here that was not opened"),
        ("a: [b}\n", "RB0101 1:4-1:5 a `[` is closed by `}`"),
        ("a: 'it's'\n", "RB0101 1:8-1:10 something follows the closing quote"),
        ("k: *nope\n", "RB0101 1:4-1:9 this alias stands for nothing"),
        ("a: @x\n", "RB0101 1:4-1:6 an unquoted value cannot begin with `@`"),
        ("a: \"\\q\"\n", "RB0101 1:4-1:8 double quotes hold an escape that YAML does not know"),
        ("a: \"x\nb: c\n", "RB0101 1:4-1:6 a quote is opened here and never closed"),
        ("a: \"x\n", "RB0101 1:4-1:6 a quote is opened here and never closed"),
    ] {
        assert_eq!(found(text), [expected], "{text:?}");
    }
}
