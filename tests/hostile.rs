//! What nobody would write on purpose: too much of everything, damaged runbooks, folders with more than runbooks in
//! them. Each ends with words, soon, and never with a panic.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[expect(dead_code, reason = "every file of tests uses a part of it")]
#[path = "support/scenario.rs"]
mod scenario;

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

use proptest::prelude::*;
use runbook::check::context::STEP_LIMIT;
use runbook::check::source::Source;
use runbook::check::{Checked, check};
use scenario::Scenario;

const FINE: &str = "runbook: 1\nname: fine\nsteps:\n  - { id: look, shell: uptime, effect: read_only, timeout: 5s }\n";
const SPELT_WRONG: &str =
    "runbook: 1\nname: wrong\nsteps:\n  - { id: look, shell: uptime, effekt: read_only, timeout: 5s }\n";
const PLAYBOOK: &str = "- hosts: web\n  tasks:\n    - ansible.builtin.apt: { name: nginx }\n";

fn checked(text: &str) -> Checked {
    let no_file = |_: &Path| Err(io::ErrorKind::NotFound.into());
    match Source::from_bytes("runbook.yaml", text.as_bytes()) {
        Ok(source) => check(&source, Path::new("/runbooks"), &no_file),
        Err(found) => Checked { diagnostics: vec![*found], ..Checked::default() },
    }
}

/// A runbook of so many steps, all but the first thousand of which an alias repeats.
fn steps(count: usize) -> String {
    let mut text = "runbook: 1\nname: many\ndefaults: { timeout: 5s }\nsteps:\n".to_owned();
    let (groups, single) = (count / 1000, count % 1000);
    for group in 0..groups {
        if group == 0 {
            text.push_str("  - { id: g, steps: &all [");
            (1..1000).for_each(|step| write!(text, "{{ wait: 1s, id: s{step} }}, ").unwrap());
            text.push_str("] }\n");
        } else {
            writeln!(text, "  - {{ id: g{group}, steps: *all }}").unwrap();
        }
    }
    (0..single).for_each(|step| writeln!(text, "  - {{ id: t{step}, wait: 1s }}").unwrap());
    text
}

#[test]
fn steps_are_limited_and_those_that_aliases_repeat_count() {
    let limits = |count| {
        let found = checked(&steps(count)).diagnostics;
        found.into_iter().filter(|found| found.code == "RB0106").map(|found| found.message).collect::<Vec<_>>()
    };
    assert_eq!(limits(STEP_LIMIT), [""; 0]);
    assert_eq!(limits(STEP_LIMIT + 1), ["the runbook has more than 20000 steps, and this one is not read"]);
}

#[test]
fn a_folder_is_checked_in_the_order_of_its_names() {
    let mut scenario = Scenario::new("");
    for number in 10..50 {
        scenario = scenario.file(&format!("{number}.yaml"), SPELT_WRONG);
    }
    let shown = scenario.run(&["validate", "--no-shell-checks", "."]).exits(1).stdout();
    let places: Vec<String> =
        shown.lines().filter_map(|line| line.trim().strip_prefix("--> ")).map(str::to_owned).collect();
    let expected: Vec<String> = (10..50).map(|number| format!("./{number}.yaml:4:32")).collect();
    assert_eq!(places, expected);
    assert!(shown.ends_with("40 files, 40 errors, 0 warnings\n"), "{shown}");
    assert_eq!(scenario.run(&["validate", "--no-shell-checks", "."]).stdout(), shown);
}

#[test]
fn what_is_no_runbook_is_left_alone_in_a_folder_and_recognised_when_it_is_named() {
    let scenario = Scenario::new(FINE).file("playbook.yaml", PLAYBOOK);
    scenario.run(&["validate", "."]).exits(0).says("1 file, 0 errors, 0 warnings");
    let ran = scenario.run(&["validate", "playbook.yaml"]).exits(1);
    ran.says("error[RB0119]: this is an Ansible playbook, not a runbook").says("1 file, 1 error, 0 warnings");
}

#[test]
fn what_is_no_regular_file_is_left_out_of_a_folder_and_what_never_ends_is_not_read_to_its_end() {
    let scenario = Scenario::new(FINE);
    scenario.fifo("pipe.yaml");
    std::os::unix::fs::symlink("gone.yaml", scenario.path("dangling.yaml")).unwrap();
    fs::create_dir(scenario.path("folder.yaml")).unwrap();
    scenario.run(&["validate", "."]).exits(0).says("1 file, 0 errors, 0 warnings");
    let ran = scenario.run(&["validate", "/dev/zero"]).exits(1);
    ran.says("error[RB0106]: the file is larger than 4 MiB, and is not read");
    let source = FINE.replace("shell: uptime, effect: read_only", "file: { path: /x, source: /dev/zero }");
    let scenario = Scenario::new(&source);
    scenario.run(&["validate", "runbook.yaml"]).exits(1).says("`/dev/zero` cannot be read: it is no regular file");
}

#[test]
fn a_pipe_that_nobody_writes_to_is_not_waited_for() {
    let scenario = Scenario::new(FINE);
    scenario.fifo("pipe.yaml");
    for command in ["validate", "plan", "exec", "render"] {
        let ran = scenario.run(&[command, "pipe.yaml"]).exits(2);
        ran.warns("error: cannot read pipe.yaml: it is a pipe that nobody writes to");
    }
    scenario.run(&["validate", "-"]).exits(2).warns("help: standard input is /dev/stdin");
}

#[test]
fn thousands_of_findings_in_one_text_are_soon_found() {
    let sql = "begin;".repeat(10_000);
    let text = format!(
        "runbook: 1\nname: x\ntargets: {{ db: {{ postgres: \"host=h\" }} }}\nsteps:\n  \
         - {{ id: a, target: db, timeout: 5s, irreversible: it is so, point_of_no_return: here, sql: \"{sql}\" }}\n"
    );
    #[expect(clippy::disallowed_methods, reason = "how long it takes is what is asked")]
    let begun = std::time::Instant::now();
    let found = checked(&text).diagnostics;
    assert!(found.iter().any(|found| found.message.contains("transaction already")), "{} findings", found.len());
    assert!(begun.elapsed().as_secs() < 15, "it took {:?}", begun.elapsed());
}

#[test]
fn a_line_of_a_megabyte_is_shown_around_the_place() {
    let text = format!("runbook: 1\nname: [{}{{ a: 1, a: 2 }}]\n", "x, ".repeat(300_000));
    let scenario = Scenario::new(&text);
    let shown = scenario.run(&["validate", "runbook.yaml"]).exits(1).stdout();
    assert!(shown.contains("runbook.yaml:2:900016"), "{shown}");
    assert!(shown.len() < 10_000, "{} bytes are shown", shown.len());
}

/// The texts of good runbooks.
fn good() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/good");
    let mut texts = vec![FINE.to_owned(), steps(3), fs::read_to_string("runbooks/quickstart.yaml").unwrap()];
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            texts.push(fs::read_to_string(path).unwrap());
        }
    }
    assert!(texts.len() > 10);
    texts
}

/// One change to a text.
#[derive(Debug, Clone)]
enum Change {
    Remove(usize, usize),
    Insert(usize, String),
    Repeat(usize, usize, usize),
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let part = prop_oneof![
        "[-:{}\\[\\],#&*!|>'\"%@`~ \t\r\né\u{200b}\u{202e}\u{a0}\u{feff}\u{0}]{1,4}",
        "[a-z0-9]{1,6}: ",
        Just("{{ ".to_owned()),
        Just(" }}".to_owned()),
        Just("{% if x %}".to_owned()),
        Just("\n  # runbook: allow RB0507 why".to_owned()),
    ];
    let change = prop_oneof![
        (any::<usize>(), 0..200_usize).prop_map(|(at, length)| Change::Remove(at, length)),
        (any::<usize>(), part).prop_map(|(at, text)| Change::Insert(at, text)),
        (any::<usize>(), 0..80_usize, any::<usize>()).prop_map(|(at, length, to)| Change::Repeat(at, length, to)),
    ];
    prop::collection::vec(change, 1..6)
}

fn changed(text: &str, changes: &[Change]) -> String {
    let mut text = text.to_owned();
    for change in changes {
        let place = |at: usize| text.floor_char_boundary(at % (text.len() + 1));
        match change {
            Change::Remove(at, length) => {
                let (start, end) = (place(*at), text.floor_char_boundary(place(*at) + length));
                text.replace_range(start..end.max(start), "");
            }
            Change::Insert(at, part) => {
                let at = place(*at);
                text.insert_str(at, part);
            }
            Change::Repeat(at, length, to) => {
                let start = place(*at);
                let part = text[start..text.floor_char_boundary(start + length).max(start)].to_owned();
                let to = place(*to);
                text.insert_str(to, &part);
            }
        }
    }
    text
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_runbook_ends_with_words(which in any::<prop::sample::Index>(), changes in changes()) {
        let texts = good();
        let text: &String = which.get(&texts);
        let text = changed(text, &changes);
        let source = Source::new("runbook.yaml", text.strip_prefix('\u{feff}').unwrap_or(&text));
        for found in checked(&text).diagnostics {
            let (start, end) = (source.line_column(found.span.start), source.line_column(found.span.end));
            prop_assert_eq!(start.0, end.0, "{:?} in\n{}", found, &text);
            prop_assert!(!found.message.is_empty());
        }
    }
}
