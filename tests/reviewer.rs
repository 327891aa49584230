//! What somebody types who looks at a runbook before the window: findings in every format, and what they mean.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[expect(dead_code, reason = "every file of tests uses a part of it")]
#[path = "support/scenario.rs"]
mod scenario;
#[expect(dead_code, reason = "every file of tests uses a part of it")]
#[path = "support/schema.rs"]
mod schema;

use scenario::Scenario;
use serde_json::{Value, json};

/// An error with a second place, two warnings, one of them silenced, in lines with a tab and wide letters.
const FLAWED: &str = r#"runbook: 1
name: flawed
steps:
  - { id: 日本, shell: uptime, effect: read_only, timeout: 5s }
  - id: ask
    confirm: { message: "go?" }
  - id: again
    # runbook: allow RB0405 nobody waits for it
    confirm: { message: "go?" }
  - { id: again, 	shell: uptime, effect: read_only, timeout: 5s }
"#;

const WARNED: &str = "runbook: 1\nname: warned\nsteps:\n  - { id: ask, confirm: { message: now } }\n";

#[test]
fn findings_are_drawn_for_a_person_with_what_explains_them() {
    Scenario::new(FLAWED).run(&["validate", "runbook.yaml"]).exits(1).shows(
        "\
error[RB0210]: an id may have only a-z, 0-9, _ and -
 --> runbook.yaml:4:11
  |
4 |   - { id: 日本, shell: uptime, effect: read_only, timeout: 5s }
  |           ^^^^
  |
  = help: write, for example, `upgrade-db`

warning[RB0405]: step `ask` waits for a person and has no estimate
 --> runbook.yaml:6:5
  |
6 |     confirm: { message: \"go?\" }
  |     ^^^^^^^
  |
  = help: add `estimate: 5m`: what it normally takes

error[RB0301]: the id `again` is given twice
  --> runbook.yaml:10:11
   |
 7 |   - id: again
   |         ----- first defined here
...
10 |   - { id: again,     shell: uptime, effect: read_only, timeout: 5s }
   |           ^^^^^
   |
   = help: give this step another id

for more: runbook explain RB0210 RB0301 RB0405
1 file, 2 errors, 1 warning",
    );
}

#[test]
fn findings_are_one_json_document_for_programs() {
    let scenario = Scenario::new(FLAWED);
    let said = scenario.run(&["validate", "--format", "json", "runbook.yaml"]).exits(1).stdout();
    let found: Value = serde_json::from_str(&said).unwrap();
    let finding = |code: &str, severity: &str, message: &str, help: &str, (line, column, end): (u32, u32, u32)| {
        json!({
            "code": code, "severity": severity, "message": message, "help": help, "file": "runbook.yaml",
            "start": { "line": line, "column": column }, "end": { "line": line, "column": end }, "labels": [],
        })
    };
    let mut twice =
        finding("RB0301", "error", "the id `again` is given twice", "give this step another id", (10, 11, 16));
    twice["labels"] = json!([{
        "message": "first defined here", "start": { "line": 7, "column": 9 }, "end": { "line": 7, "column": 14 },
    }]);
    let id = finding(
        "RB0210",
        "error",
        "an id may have only a-z, 0-9, _ and -",
        "write, for example, `upgrade-db`",
        (4, 11, 13),
    );
    let message = "step `ask` waits for a person and has no estimate";
    let ask = finding("RB0405", "warning", message, "add `estimate: 5m`: what it normally takes", (6, 5, 12));
    assert_eq!(found, json!({ "format": 1, "files": 1, "diagnostics": [id, ask, twice] }));
    assert_eq!(scenario.run(&["validate", "--json", "runbook.yaml"]).exits(1).stdout(), said);
}

#[test]
fn findings_are_annotations_for_github() {
    let ran = Scenario::new(FLAWED).run(&["validate", "--format", "github", "runbook.yaml"]).exits(1);
    ran.warns("1 file, 2 errors, 1 warning").shows(
        "\
::error file=runbook.yaml,line=4,col=11,endLine=4,endColumn=12,title=RB0210 malformed id or name::\
an id may have only a-z, 0-9, _ and -%0Ahelp: write, for example, `upgrade-db`
::warning file=runbook.yaml,line=6,col=5,endLine=6,endColumn=11,title=RB0405 no estimate where a person is waited for::\
step `ask` waits for a person and has no estimate%0Ahelp: add `estimate: 5m`: what it normally takes
::error file=runbook.yaml,line=10,col=11,endLine=10,endColumn=15,title=RB0301 id given twice::\
the id `again` is given twice%0Ahelp: give this step another id",
    );
}

#[test]
fn findings_are_a_sarif_log_that_fits_its_schema() {
    let scenario = Scenario::new(FLAWED).file("with space.yaml", WARNED);
    let said = scenario.run(&["validate", "--format", "sarif", "."]).exits(1).stdout();
    let log: Value = serde_json::from_str(&said).unwrap();
    let run = &log["runs"][0];
    let of = |result: &Value| {
        let place = &result["locations"][0]["physicalLocation"];
        let rule = &run["tool"]["driver"]["rules"][usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap()];
        assert_eq!(rule["id"], result["ruleId"]);
        let why = result["suppressions"][0]["justification"].as_str().unwrap_or("-").to_owned();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        [text(&result["ruleId"]), text(&result["level"]), text(&place["artifactLocation"]["uri"]), why].join(" ")
    };
    let results: Vec<String> = run["results"].as_array().unwrap().iter().map(of).collect();
    let expected = [
        "RB0210 error runbook.yaml -",
        "RB0405 warning runbook.yaml -",
        "RB0301 error runbook.yaml -",
        "RB0405 warning with%20space.yaml -",
        "RB0405 warning runbook.yaml nobody waits for it",
    ];
    assert_eq!(results, expected);
    let Some(schema) = schema::beside("RUNBOOK_SARIF_SCHEMA", "sarif-2.1.0.json") else { return };
    let broken = said.replace("\"unicodeCodePoints\"", "\"letters\"");
    let scenario = scenario.file("log.sarif", &said).file("broken.sarif", &broken);
    let Some(verdict) = schema::check(&schema, &[scenario.path("log.sarif")]) else { return };
    assert!(verdict.fits, "{}", verdict.said);
    let refused = schema::check(&schema, &[scenario.path("broken.sarif")]).unwrap();
    assert!(!refused.fits && refused.said.contains("letters"), "{}", refused.said);
}

#[test]
fn warnings_fail_where_they_are_denied_and_the_summary_says_so() {
    let scenario = Scenario::new(WARNED);
    scenario.run(&["validate", "runbook.yaml"]).exits(0).says("\n1 file, 0 errors, 1 warning\n");
    let denied = scenario.run(&["validate", "--deny-warnings", "runbook.yaml"]).exits(1);
    denied.says("\n1 file, 0 errors, 1 warning (denied)\n");
    for format in ["json", "sarif", "github"] {
        scenario.run(&["validate", "--format", format, "--deny-warnings", "runbook.yaml"]).exits(1);
        scenario.run(&["validate", "--format", format, "runbook.yaml"]).exits(0);
    }
    let silenced = WARNED.replace("} }", "} } # runbook: allow RB0405 it is answered at once");
    Scenario::new(&silenced).run(&["validate", "--deny-warnings"]).exits(0).shows("1 file, 0 errors, 0 warnings");
}

#[test]
fn colours_are_drawn_where_they_are_forced_and_not_where_they_are_refused() {
    let scenario = Scenario::new(WARNED).env("CLICOLOR_FORCE", "1");
    scenario.run(&["validate"]).exits(0).says("\u{1b}[33mwarning[RB0405]");
    let plain = scenario.env("NO_COLOR", "1").run(&["validate"]).exits(0);
    assert!(!plain.stdout().contains('\u{1b}'));
}

#[test]
fn a_code_is_explained_however_it_is_written() {
    let scenario = Scenario::new("");
    let page = scenario.run(&["explain", "RB0403"]).exits(0).shows(
        "\
error[RB0403]: `until` without timeout

`until` asks again and again, and without a `timeout` of its own it would go on
for ever when what it waits for does not come. The limit in `defaults` is for
one attempt of a step, not for a whole wait.

Say how long to wait at most, beside `until`.

Bad

    runbook: 1
    name: poll
    steps:
      - { id: poll, shell: test -e /run/ready, effect: read_only, until: exit_code == 0 }

Good

    runbook: 1
    name: poll
    steps:
      - { id: poll, shell: test -e /run/ready, effect: read_only, until: exit_code == 0, timeout: 10m }",
    );
    for written in ["rb0403", "Rb0403", "403", "0403"] {
        assert_eq!(scenario.run(&["explain", written]).exits(0).stdout(), page.stdout(), "{written}");
    }
    let both = scenario.run(&["explain", "RB0101", "403"]).exits(0).stdout();
    assert!(both.starts_with("error[RB0101]: malformed YAML\n") && both.ends_with(&page.stdout()), "{both}");
}

#[test]
fn a_code_that_there_is_not_is_answered_with_those_that_are_near() {
    let scenario = Scenario::new("");
    let near = scenario.run(&["explain", "RB0400"]).exits(2).warns("there is no finding with the code `RB0400`");
    near.warns("help: did you mean RB0401 (malformed duration) or RB0402 (no timeout) or RB0403 (");
    scenario.run(&["explain", "time zone"]).exits(2).warns("did you mean RB0406 (unknown time zone)");
    let far = scenario.run(&["explain", "RB9999\u{1b}[2J"]).exits(2).warns("help: `runbook explain` lists all codes");
    assert!(!far.stderr().contains('\u{1b}'));
}

#[test]
fn all_codes_are_listed_for_people_and_programs() {
    let scenario = Scenario::new("");
    let list = scenario.run(&["explain"]).exits(0);
    let lines = list.stdout();
    assert!(lines.starts_with("RB0101  error    malformed YAML\n"), "{lines}");
    assert!(lines.contains("\nRB0405  warning  no estimate where a person is waited for\n"), "{lines}");
    let all: Value = serde_json::from_str(&scenario.run(&["explain", "--json"]).exits(0).stdout()).unwrap();
    let codes = all["rules"].as_array().unwrap().len();
    assert!(lines.ends_with(&format!("\n{codes} codes; more on each: runbook explain CODE\n")), "{lines}");
    assert_eq!(lines.lines().filter(|line| line.starts_with("RB")).count(), codes);
    let one: Value = serde_json::from_str(&scenario.run(&["explain", "--json", "403"]).exits(0).stdout()).unwrap();
    assert_eq!((&one["format"], &one["rules"][0]["code"]), (&json!(1), &json!("RB0403")));
    assert!(one["rules"][0]["good"].as_str().unwrap().contains("timeout: 10m"));
}
