//! Every key that the format has is either carried out, or refused by its name before anything runs: none is ignored.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]
#![expect(clippy::too_many_lines, reason = "tables of every key")]

#[expect(dead_code, reason = "every file of tests uses a part of it")]
#[path = "support/scenario.rs"]
mod scenario;

use std::path::Path;

use runbook::check::check;
use runbook::check::decode::{DecodeErrorKind, decode_all};
use runbook::check::document::action::{Condition, Confirm, Edit, Expect, File, Http, Include, Manual, SqlFile};
use runbook::check::document::step::{Hold, Probe, Repeat, Retry, Step, Success};
use runbook::check::document::{Declaration, Defaults, Document, Followup, Handler, Review, Secret, Target, Window};
use runbook::check::source::Source;
use runbook::check::tree;
use scenario::Scenario;
use serde::de::DeserializeOwned;

/// A runbook that has every key which is carried out.
const CARRIED: &str = r#"
runbook: 1
name: trial
title: A trial
description: All that is carried out
owner: ana
links: [https://tickets.example/1]
timezone: UTC
window: { every: Sunday 22:00, duration: 20h, overrun: finish }
locks: ["orders-{{ parameters.mode }}"]
parameters:
  mode: { type: string, enum: [a], default: a, pattern: "^a$", description: which }
  count: { type: integer, minimum: 0, maximum: 9, default: 1 }
  hosts: { type: list, items: string, default: [a] }
vars: { one: "{{ parameters.count }}" }
secrets: { a: { env: A_SECRET }, b: { file: /run/secret }, c: { command: [pass, c] } }
targets: { db: { postgres: "service=db", password: "{{ secrets.a }}" } }
defaults: { timeout: 1m, on_failure: stop }
steps:
  - id: shell
    name: A script
    when: parameters.count == 1
    shell: "true"
    interpreter: bash
    env: { A: "1" }
    stdin: x
    cwd: /
    target: local
    check: { shell: "true", interpreter: bash, env: { A: "1" }, stdin: x, cwd: /, timeout: 5s, target: local }
    verify: { command: ["true"], until: exit_code == 0, every: 1s, timeout: 5s }
    preconditions:
      - { that: parameters.count == 1, message: one }
      - { query: "select :'x' = 1", variables: { x: 1 }, database: orders, target: db }
    success: { exit_codes: [0], stdout: "", stdout_not: x, stderr: "", stderr_not: x, that: exit_code == 0, message: no }
    outputs: { a: "{{ stdout }}" }
    effect: mutating
    timeout: 5s
    estimate: 1s
    retry: { max_attempts: 2, delay: 1s, backoff: 2, max_delay: 2s }
    on_failure: stop
    rollback: { command: ["true"] }
    idempotent: true
    sensitive: false
    notes: for people
    preview: { shell: "true" }
    observe: { shell: "true" }
    artifacts: ["/x/**"]
  - { id: polls, shell: "true", effect: read_only, until: exit_code == 0, every: 1s }
  - id: statements
    sql: { file: a.sql }
    transaction: true
    variables: { x: 1 }
    database: orders
    target: db
    verify: { query: select true }
    irreversible: the rows are gone # runbook: allow RB0506 nothing comes after it
  - { id: ask-server, query: select true, target: db }
  - id: config
    file: { path: /x, content: x, mode: "0644", owner: root, group: root, validate: [a, "%s"], reload: [b], backup: /y }
  - { id: from-template, file: { path: /x, template: there.txt } }
  - { id: from-source, file: { path: /x, source: there.txt } }
  - { id: edited, file: { path: /x, edits: [{ match: a, replace: b, expect: 1 }] } }
  - { id: gone, file: { path: /x, absent: true } }
  - { id: pause, wait: 1s }
  - { id: later, wait: { time: "{{ run.started }}" }, estimate: 1s }
  - { id: ask-web, http: https://x.example }
  - id: tell-web
    http:
      url: https://x.example
      method: PUT
      headers: { a: b }
      json: {}
      expect: { status: 200, body: x, json: {} }
      ca: a
      cert: b
      key: c
    verify: { http: https://x.example }
    rollback: { http: { url: https://x.example, method: POST, body: x } }
  - { id: go, confirm: { message: go, show: [parameters.count] }, estimate: 1m, timeout: 5m, point_of_no_return: moved }
  - id: person
    manual: { instructions: do it, evidence: required, inputs: { a: string } }
    estimate: 1m
    rollback: { not_needed: nothing }
  - { id: sure, assert: [{ that: parameters.count == 1, message: one }] }
  - { id: group, timeout: 1m, estimate: 1s, parallel: 2, steps: [{ id: member, wait: 1s }, { id: beside, wait: 1s }] }
  - id: each
    for_each: [1, 2]
    as: number
    serial: 1
    canary: 1
    max_failures: 1
    between: [{ wait: 1s }]
    steps: [{ id: one-of-them, wait: 1s }]
  - { id: rounds, shell: "true", effect: read_only, repeat: { until: exit_code == 0, max: 3, delay: 1s } }
  - { id: beside-it, shell: "true", effect: read_only, background: true }
  - { id: joined, wait: { for: [beside-it] }, timeout: 1m }
  - { id: to-the-end, shell: "true", effect: read_only, background: true, until_end: true }
  - id: held
    hold: { acquire: { shell: "true" }, release: { shell: "true" }, expires: 5m }
    release_on: [success, failure, stop]
    retake: false
    steps: [{ id: in-the-hold, wait: 1s }]
  - id: watched
    watch: [{ shell: "true", every: 1s, trip_when: exit_code > 0, action: warn, do: [{ wait: 1s }] }]
    steps: [{ id: in-sight, wait: 1s, on_failure: { do: [{ wait: 1s }], then: continue } }]
  - { id: other, runbook: { path: other.yaml, parameters: { count: 2 } } }
hooks:
  on_start: [{ id: h1, wait: 1s }]
  on_success: [{ id: h2, wait: 1s }]
  on_failure: [{ id: h3, wait: 1s }]
  on_rollback: [{ id: h4, wait: 1s }]
  always: [{ id: h5, wait: 1s }]
followups: [{ due: 3d, title: Look again, owner: ana }]
"#;

/// What cannot stand beside something in [`CARRIED`].
const CARRIED_TOO: &str = "
runbook: 1
name: trial
timezone: UTC
window: { opens: 2026-02-01T22:00, closes: 2026-02-02T02:00 }
defaults: { timeout: \"{{ parameters.limit }}\" }
parameters: { limit: { type: duration, default: 1m } }
steps:
  - id: a
    shell: \"true\"
    estimate: 1s
    verify: { shell: \"true\", timeout: \"{{ parameters.limit }}\" }
    rollback: { not_needed: it ends by itself }
  - { id: b, wait: \"{{ parameters.limit }}\", estimate: 1s }
  - { id: c, confirm: { message: \"Until {{ window.closes }}?\" }, estimate: 1s }
";

/// The keys of one mapping of the format.
struct Mapping {
    what: &'static str,
    /// All of them, as the program knows them.
    keys: Vec<&'static str>,
    /// Those that [`CARRIED`] has.
    carried: &'static [&'static str],
    /// The others: together in a runbook, and the name by which it is refused.
    refused: &'static [(&'static [&'static str], &'static str, &'static str)],
}

/// The keys that a type has: what it says of one that it has not.
fn keys<T: DeserializeOwned>(text: &str) -> Vec<&'static str> {
    let tree = tree::parse(&Source::new("x.yaml", text)).expect("this is YAML");
    let mut mistakes = Vec::new();
    decode_all::<T>(&tree, tree.root(), &mut mistakes);
    let known = mistakes.into_iter().find_map(|mistake| match mistake.kind {
        DecodeErrorKind::UnknownField { name, expected } if name == "zz" => Some(expected.to_vec()),
        _ => None,
    });
    known.expect("a mapping that is not open")
}

fn of<T: DeserializeOwned>(
    what: &'static str,
    carried: &'static [&'static str],
    refused: &'static [(&'static [&'static str], &'static str, &'static str)],
) -> Mapping {
    Mapping { what, keys: keys::<T>("zz: 1"), carried, refused }
}

fn mappings() -> Vec<Mapping> {
    let mut all = around();
    all.extend(steps());
    all.extend(actions());
    all
}

fn around() -> Vec<Mapping> {
    let hooks = keys::<Document>("hooks: { zz: 1 }");
    let of_hooks = &["on_start", "on_success", "on_failure", "on_rollback", "always"];
    vec![
        of::<Document>(
            "the document",
            &[
                "runbook",
                "name",
                "title",
                "description",
                "owner",
                "links",
                "timezone",
                "window",
                "locks",
                "parameters",
                "vars",
                "secrets",
                "targets",
                "defaults",
                "steps",
                "hooks",
                "followups",
            ],
            &[
                (&["review"], "timezone: UTC\nreview: { deadline: 2026-01-31T18:00 }\nSTEPS", "review"),
                (&["groups"], "groups: { dba: [ana@example.org] }\nSTEPS", "groups"),
            ],
        ),
        of::<Window>("window", &["opens", "closes", "every", "duration", "overrun"], &[]),
        of::<Review>(
            "review",
            &[],
            &[(
                &["deadline", "approvals", "approvers", "allow_self"],
                "timezone: UTC
review: { deadline: 2026-01-31T18:00, approvals: 1, approvers: [ana@example.org], allow_self: true }\nSTEPS",
                "review",
            )],
        ),
        of::<Declaration>(
            "a parameter",
            &["type", "items", "default", "description", "enum", "pattern", "minimum", "maximum"],
            &[],
        ),
        of::<Secret>("a secret", &["env", "file", "command"], &[]),
        of::<Target>(
            "a target",
            &["postgres", "password"],
            &[(
                &["hosts", "user", "become"],
                "targets: { web: { hosts: [a], user: b, become: root } }\nSTEPS",
                "hosts",
            )],
        ),
        of::<Defaults>("defaults", &["timeout", "on_failure"], &[]),
        of::<Followup>("a followup", &["due", "title", "owner"], &[]),
        Mapping { what: "hooks", keys: hooks, carried: of_hooks, refused: &[] },
    ]
}

fn steps() -> Vec<Mapping> {
    vec![
        of::<Step>(
            "a step",
            &[
                "id",
                "name",
                "when",
                "preconditions",
                "check",
                "verify",
                "success",
                "outputs",
                "effect",
                "timeout",
                "estimate",
                "retry",
                "until",
                "every",
                "on_failure",
                "rollback",
                "irreversible",
                "point_of_no_return",
                "idempotent",
                "sensitive",
                "notes",
                "preview",
                "observe",
                "artifacts",
                "target",
                "env",
                "stdin",
                "cwd",
                "shell",
                "interpreter",
                "command",
                "sql",
                "transaction",
                "variables",
                "database",
                "query",
                "file",
                "http",
                "wait",
                "confirm",
                "manual",
                "assert",
                "steps",
                "runbook",
                "parallel",
                "hold",
                "release_on",
                "retake",
                "for_each",
                "as",
                "serial",
                "canary",
                "between",
                "max_failures",
                "repeat",
                "background",
                "until_end",
                "watch",
            ],
            &[
                (
                    &["rehearse"],
                    "targets: { db: { postgres: service=x } }
steps: [{ id: a, sql: select 1, target: db, rehearse: true, rollback: { not_needed: x } }]",
                    "rehearse",
                ),
                (&["become"], "steps: [{ id: a, ACT, become: root }]", "become"),
            ],
        ),
        of::<Probe>(
            "a probe",
            &[
                "http",
                "shell",
                "interpreter",
                "command",
                "query",
                "variables",
                "database",
                "target",
                "env",
                "stdin",
                "cwd",
                "timeout",
                "until",
                "every",
                "that",
                "message",
                "trip_when",
                "action",
                "do",
            ],
            &[(&["become"], "steps: [{ id: a, ACT, check: { shell: x, become: root } }]", "become")],
        ),
        of::<Success>(
            "success",
            &["exit_codes", "stdout", "stdout_not", "stderr", "stderr_not", "that", "message"],
            &[],
        ),
        of::<Retry>("retry", &["max_attempts", "delay", "backoff", "max_delay"], &[]),
        of::<Hold>("hold", &["acquire", "release", "expires"], &[]),
        of::<Repeat>("repeat", &["until", "max", "delay"], &[]),
        of::<Handler>("on_failure", &["do", "then"], &[]),
    ]
}

fn actions() -> Vec<Mapping> {
    let wait = keys::<Step>("wait: { zz: 1 }");
    vec![
        of::<SqlFile>("sql", &["file"], &[]),
        of::<File>(
            "file",
            &[
                "path", "content", "template", "source", "edits", "absent", "mode", "owner", "group", "validate",
                "reload", "backup",
            ],
            &[],
        ),
        of::<Edit>("an edit", &["match", "replace", "expect"], &[]),
        Mapping { what: "wait", keys: wait, carried: &["time", "for"], refused: &[] },
        of::<Confirm>(
            "confirm",
            &["message", "show"],
            &[
                (&["by"], "steps: [{ id: a, confirm: { message: go, by: ana@example.org }, estimate: 1m }]", "by"),
                (
                    &["second_person"],
                    "steps: [{ id: a, confirm: { message: go, second_person: true }, estimate: 1m }]",
                    "second_person",
                ),
            ],
        ),
        of::<Manual>("manual", &["instructions", "evidence", "inputs"], &[]),
        of::<Condition>("a condition", &["that", "message"], &[]),
        of::<Http>("http", &["url", "method", "headers", "body", "json", "expect", "ca", "cert", "key"], &[]),
        of::<Expect>("expect", &["status", "body", "json"], &[]),
        of::<Include>("runbook", &["path", "parameters"], &[]),
    ]
}

fn runbook(rest: &str) -> String {
    let act = "shell: ./witness, verify: { shell: \"true\" }, rollback: { not_needed: x }";
    let steps = format!("steps: [{{ id: a, {act} }}]");
    let rest = rest.replace("STEPS", &steps).replace("ACT", act);
    format!("runbook: 1\nname: trial\ndefaults: {{ timeout: 1m }}\n{rest}\n")
}

const OTHER: &str = "\
runbook: 1
name: other
parameters: { count: { type: integer, default: 1 } }
steps: [{ id: a, wait: 1s }]
";

#[test]
fn every_key_is_carried_out_or_refused() {
    for mapping in mappings() {
        let refused = mapping.refused.iter().flat_map(|(keys, ..)| keys.iter());
        let mut listed: Vec<&str> = mapping.carried.iter().chain(refused).copied().collect();
        let mut keys = mapping.keys.clone();
        listed.sort_unstable();
        keys.sort_unstable();
        assert_eq!(listed, keys, "the keys of {}", mapping.what);
        for key in mapping.carried {
            let stands = |text: &str| text.contains(&format!("{key}: ")) || text.contains(&format!("{key}:\n"));
            assert!(stands(CARRIED) || stands(CARRIED_TOO), "{key}");
        }
    }
}

#[test]
fn what_is_carried_out_is_not_refused() {
    let files = |path: &Path| match path.to_str() {
        Some("/runbooks/there.txt") => Ok(b"x".to_vec()),
        Some("/runbooks/a.sql") => Ok(b"select :'x'".to_vec()),
        Some("/runbooks/other.yaml") => Ok(OTHER.as_bytes().to_vec()),
        _ => Err(std::io::ErrorKind::NotFound.into()),
    };
    for text in [CARRIED, CARRIED_TOO] {
        let checked = check(&Source::new("runbook.yaml", text.trim_start()), Path::new("/runbooks"), &files);
        assert!(checked.runbook.is_some(), "{:#?}", checked.diagnostics);
        assert_eq!(checked.refusals, []);
    }
}

#[test]
fn what_is_not_carried_out_is_refused_by_its_name_before_anything_runs() {
    for (keys, rest, name) in mappings().iter().flat_map(|mapping| mapping.refused) {
        for key in *keys {
            assert!(rest.contains(&format!("{key}:")), "{key} stands in\n{rest}");
        }
        let trial = Scenario::new(&runbook(rest)).file("other.yaml", OTHER);
        let ran = trial.exec(&[]).exits(2).warns("this version cannot carry it out yet").warns("nothing was run");
        let said = ran.stderr();
        assert!(said.contains("error[RB0208]") && !said.contains("error[RB03"), "{said}");
        assert!(said.contains(&format!("`{name}`")), "{name}: {said}");
        assert_eq!((trial.witness().len(), trial.runs().len()), (0, 0), "{rest}");
    }
}

#[test]
fn a_key_that_is_carried_out_elsewhere_is_refused_where_it_is_not() {
    let cases = [
        (
            "steps: [{ id: a, shell: x, verify: { shell: x },
  rollback: { shell: y, timeout: \"{{ run.id }}\", estimate: 1s } }]",
            "a duration from a template of the rollback of `a`",
        ),
        (
            "steps: [{ id: a, shell: x, verify: { shell: x }, rollback: { wait: 1s, repeat: { max: 2 } } }]",
            "`repeat` of the rollback of `a`",
        ),
        ("steps: [{ id: a, ACT, target: \"{{ run.id }}\" }]", "a target from a template of step `a`"),
        (
            "steps: [{ id: a, shell: x, verify: { shell: x }, rollback: { shell: y, on_failure: continue } }]",
            "`on_failure` of the rollback of `a`",
        ),
        (
            "steps: [{ id: a, shell: x, verify: { shell: x }, rollback: { shell: y, observe: /x } }]",
            "`observe` of the rollback of `a`",
        ),
        (
            "steps: [{ id: a, shell: x, verify: { shell: x }, rollback: { shell: y, check: { shell: z } } }]",
            "`check` of the rollback of `a`",
        ),
    ];
    for (rest, message) in cases {
        let trial = Scenario::new(&runbook(rest));
        trial.exec(&[]).exits(2).warns("error[RB0208]").warns(message).warns("nothing was run");
        assert_eq!(trial.runs().len(), 0, "{rest}");
    }
}
