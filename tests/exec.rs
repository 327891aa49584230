//! What `exec` and its companions show and do, exactly, with real processes and without a terminal.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[expect(dead_code, reason = "every file of tests uses a part of it")]
#[path = "support/scenario.rs"]
mod scenario;

use std::fs;

use scenario::{Scenario, user};
use serde_json::{Value, json};

/// A runbook with these steps. `act` and `ok` stand for fields that most steps need.
fn runbook(rest: &str) -> String {
    let act = "command: [./witness], verify: { command: [\"true\"] }, rollback: { command: [./witness] }";
    let bad = "shell: ./witness; exit 3, verify: { command: [\"true\"] }, rollback: { command: [./witness] }";
    let fields = rest.replace("ACT", act).replace("BAD", bad);
    format!("runbook: 1\nname: trial\ntitle: A trial\ndefaults: {{ timeout: 1m }}\n{fields}")
}

fn scenario(rest: &str) -> Scenario {
    Scenario::new(&runbook(rest))
}

#[test]
fn a_run_that_succeeds_is_shown_line_by_line() {
    let trial = scenario(
        r#"
steps:
  - { id: one, ACT, outputs: { answer: "{{ 6 * 7 }}" } }
  - { id: never, when: "false", ACT }
  - { id: there, ACT, check: { command: ["true"] } }
  - { id: sure, assert: [{ that: steps.one.outputs.answer == 42 }] }
"#,
    );
    trial.exec(&[]).exits(0).shows(
        r"
Run RUN  ·  A trial
TIME -- one: attempt 1 begins
TIME ok one: SOME  answer = 42
TIME -- never: skipped, when: false is false
TIME -- there: in place, its check holds: exit 0
TIME -- sure: attempt 1 begins
TIME ok sure: SOME
TIME the run succeeded

Succeeded: 2 steps done, 2 in place or skipped.
  next: runbook audit show RUN
",
    );
    assert_eq!(trial.witness(), ["do one 1"]);
}

#[test]
fn a_failure_stops_the_run_which_is_taken_up_at_the_failed_step() {
    let trial = scenario(
        r#"
steps:
  - { id: one, ACT }
  - id: two
    shell: ./witness; echo out; echo err >&2; test -e mended
    verify: { command: ["true"] }
    rollback: { command: [./witness] }
"#,
    );
    trial.exec(&[]).exits(1).shows(
        r"
Run RUN  ·  A trial
TIME -- one: attempt 1 begins
TIME ok one: SOME
TIME -- two: attempt 1 begins
TIME FAILED two: failed after SOME: exit 1
        shell at line 8 of the runbook
      | out
      | err
  all of it: FOLDER/state/runs/RUN/output/two.1.std*
TIME the run failed

Failed at step 2, two: exit 1
Nothing was undone.
  next: runbook resume RUN
          tries two again, and goes on
        runbook rollback RUN
          undoes what was done, newest first
",
    );
    assert_eq!(trial.state(), "failed");
    fs::write(trial.path("mended"), "").unwrap();
    trial.resume().exits(0);
    assert_eq!(trial.witness(), ["do one 1", "do two 1", "do two 2"]);
    trial.resume().exits(0).shows(
        r"
RUN has ended.

Succeeded: 2 steps done.
  next: runbook audit show RUN
",
    );
    trial.run(&["rollback"]).exits(2).warns("RUN succeeded; only a run that did not is rolled back");
}

#[test]
fn of_long_output_the_last_lines_are_shown() {
    let trial = scenario("steps: [ { id: long, shell: 'seq 100000; exit 3', effect: read_only } ]\n");
    let ran = trial.exec(&[]).exits(1);
    let last: Vec<String> = (99_981..=100_000).map(|line| format!("      | {line}\n")).collect();
    assert!(ran.stdout().contains(&last.concat()), "{}", ran.stdout());
    assert!(!ran.stdout().contains("| 99980\n"), "{}", ran.stdout());
}

#[test]
fn what_was_ended_says_by_whom() {
    let trial = scenario(
        r"
steps:
  - id: group
    timeout: 1s
    on_failure: continue
    steps: [ { id: long, shell: sleep 60, effect: read_only } ]
  - id: list
    steps:
      - { id: tail, shell: sleep 60, effect: read_only, background: true, until_end: true }
      - { id: one, ACT }
  - { id: beside, shell: sleep 60, effect: read_only, background: true }
  - { id: two, BAD, on_failure: rollback }
  - { id: joined, wait: { for: [beside] } }
",
    );
    trial.exec(&[]).exits(4);
    let ends = trial.records().into_iter().filter(|record| record["failure"]["kind"] == "cancelled");
    let ends = ends.map(|end| format!("{} {}", end["step"], end["failure"]["message"]).replace('"', ""));
    assert_eq!(
        ends.collect::<Vec<_>>(),
        [
            "long the time limit of its group ended it",
            "tail the end of its list ended it",
            "beside the rollback ended it",
        ]
    );
}

#[test]
fn what_failed_of_a_loop_or_a_hold_says_where_it_is_written() {
    let trial = scenario(
        r#"
steps:
  - id: each
    for_each: [web-1]
    shell: exit 3
    rollback: { not_needed: it only fails }
    on_failure: continue
  - id: held
    hold:
      acquire: { shell: exit 4 }
      release: { shell: "true" }
    steps: [ { id: one, ACT } ]
"#,
    );
    let ran = trial.exec(&[]).exits(1);
    assert!(
        ran.shown().contains("FAILED each[web-1]: failed after SOME: exit 3\n        shell at line "),
        "{}",
        ran.shown()
    );
    assert!(
        ran.shown().contains("FAILED held.acquire: failed after SOME: exit 4\n        shell at line "),
        "{}",
        ran.shown()
    );
    assert!(!ran.shown().contains("at line 0"), "{}", ran.shown());
}

#[test]
fn a_failure_rolls_back_newest_first_the_failed_step_included() {
    let trial = scenario(
        r#"
steps:
  - { id: one, ACT }
  - { id: note, file: { path: note, content: "new\n" } }
  - id: two
    shell: ./witness; exit 3
    verify: { command: ["true"] }
    rollback: [{ shell: ./witness }, { command: [./witness] }]
    on_failure: rollback
"#,
    )
    .file("note", "old\n");
    trial.exec(&[]).exits(4).shows(
        r"
Run RUN  ·  A trial
TIME -- one: attempt 1 begins
TIME ok one: SOME
TIME -- note: attempt 1 begins
TIME ok note: SOME
TIME -- two: attempt 1 begins
TIME FAILED two: failed after SOME: exit 3
        shell at line 9 of the runbook
TIME rolling back: two failed: exit 3
TIME undone two: undone, SOME
TIME undone two: undone, SOME
TIME undone note: undone, SOME
TIME undone one: undone, SOME
TIME the run is rolled back

Rolled back whole: 3 steps undone.
  next: runbook audit show RUN
",
    );
    assert_eq!(trial.witness(), ["do one 1", "do two 1", "undo two 1", "undo two 1", "undo one 1"]);
    assert_eq!(trial.read("note"), "old\n");
    trial.resume().exits(4).says("RUN has ended.");
    trial.run(&["rollback"]).exits(4).says("RUN has ended.");
}

#[test]
fn a_failure_may_be_passed_over_and_is_never_green() {
    let trial = scenario(
        r#"
steps:
  - { id: one, command: ["false"], effect: read_only, on_failure: continue }
  - { id: two, ACT }
"#,
    );
    trial.exec(&[]).exits(0).says(
        r"
Succeeded, but one failed and was passed over.
  remains: one: failed and passed over: exit 1
  next: runbook audit show RUN
",
    );
    assert_eq!(trial.steps(), ["one failed", "two succeeded"]);
}

const ASKS: &str = r#"
steps:
  - { id: one, ACT }
  - id: two
    shell: ./witness; test -e mended
    verify: { command: ["true"] }
    rollback: { command: [./witness] }
    on_failure: ask
  - { id: three, ACT }
"#;

#[test]
fn a_failure_that_asks_waits_for_one_of_four_words() {
    let cases = [
        ("retry", 7, "blocked", ["do one 1", "do two 1", "do two 2"].as_slice()),
        ("skip", 0, "succeeded", &["do one 1", "do two 1", "do three 1"]),
        ("rollback", 4, "rolled_back", &["do one 1", "do two 1", "undo two 1", "undo one 1"]),
        ("stop", 1, "failed", &["do one 1", "do two 1"]),
    ];
    for (word, code, state, witness) in cases {
        let trial = scenario(ASKS);
        trial.exec(&["--yes"]).exits(7).says(
            r#"
A person has to answer before this can go on.
  two asks:
    two failed: exit 1
    it ran on local, in FOLDER:
    | ./witness; test -e mended
  next: runbook resume RUN
          asks this again at your terminal
        runbook answer RUN two retry
          tries the step once more
        runbook answer RUN two skip --reason "WHY"
          leaves it failed and goes on; a later rollback undoes what it may have left
        runbook answer RUN two rollback
          undoes what was done, newest first, this step too
        runbook answer RUN two stop
          ends the run here; it can be resumed or rolled back
        runbook resume RUN
          after an answer: goes on with it
"#,
        );
        trial.answer("two", "perhaps", &[]).exits(2).warns("type one of: retry, skip, rollback, stop");
        trial.answer("one", word, &[]).exits(3).warns("it asks about two");
        trial
            .answer("two", word, &["--reason", "so"])
            .exits(0)
            .says(&format!("Recorded: two {word}. Next: runbook resume RUN"));
        trial.resume().exits(code);
        assert_eq!((trial.state().as_str(), trial.witness().join(", ")), (state, witness.join(", ")), "{word}");
    }
}

#[test]
fn a_rollback_to_a_step_leaves_what_came_before_it() {
    let trial = scenario("steps:\n  - { id: one, ACT }\n  - { id: two, ACT }\n  - { id: three, BAD }\n");
    trial.exec(&[]).exits(1);
    trial.run(&["rollback", "--to", "nothing"]).exits(2).warns("the runbook has no step nothing");
    trial.run(&["rollback", "--to", "two"]).exits(5).says(
        r"
Rolled back in part.
  remains: one: the rollback was asked to end before it
  next: runbook audit show RUN
",
    );
    assert_eq!(trial.state(), "partly_rolled_back");
    assert_eq!(trial.witness(), ["do one 1", "do two 1", "do three 1", "undo three 1", "undo two 1"]);
}

#[test]
fn what_is_irreversible_is_passed_over_and_named() {
    let trial = scenario(
        r#"
steps:
  - { id: one, ACT }
  - { id: mail, command: [./witness], verify: { command: ["true"] }, irreversible: a mail is gone }
  - { id: three, BAD, on_failure: rollback }
"#,
    );
    trial.exec(&[]).exits(5).says("remains: mail: irreversible: a mail is gone");
    assert_eq!(trial.state(), "partly_rolled_back");
    assert_eq!(trial.witness(), ["do one 1", "do mail 1", "do three 1", "undo three 1", "undo one 1"]);
}

#[test]
fn a_rollback_ends_at_the_point_of_no_return() {
    let trial = scenario(
        r#"
steps:
  - { id: one, ACT }
  - { id: cut, command: [./witness], verify: { command: ["true"] }, point_of_no_return: traffic has moved }
  - { id: three, BAD, on_failure: rollback }
"#,
    );
    trial.exec(&[]).exits(5).says(
        r"
Rolled back in part.
  remains: cut: point of no return: traffic has moved
  remains: one: it lies before the point of no return
  next: runbook audit show RUN
",
    );
    assert_eq!(
        (trial.state().as_str(), trial.witness().join(", ").as_str()),
        ("partly_rolled_back", "do one 1, do cut 1, do three 1, undo three 1")
    );
}

#[test]
fn a_rollback_that_is_stuck_goes_on_once_the_way_is_mended() {
    let trial = scenario(
        r#"
steps:
  - { id: one, ACT }
  - id: two
    command: [./witness]
    verify: { command: ["true"] }
    rollback: { shell: "./witness; test -e mended" }
  - { id: three, BAD, on_failure: rollback }
"#,
    );
    trial.exec(&[]).exits(5).says(
        r"
The rollback is stuck.
  remains: two: its undo failed: exit 1
  remains: one: the rollback did not come to it
  next: mend what stands in the way of it, then
        runbook rollback RUN
          once mended: tries that undo again, and goes on
",
    );
    assert_eq!(trial.steps(), ["one succeeded", "two undo_failed", "three undone"]);
    fs::write(trial.path("mended"), "").unwrap();
    trial.run(&["rollback"]).exits(4);
    assert_eq!(trial.steps(), ["one undone", "two undone", "three undone"]);
    assert_eq!(trial.witness()[3..], ["undo three 1", "undo two 1", "undo two 2", "undo one 1"]);
}

#[test]
fn a_precondition_that_does_not_hold_refuses_the_step_with_its_message() {
    let trial = scenario(
        r#"
parameters: { lag: { type: integer, default: 0 } }
steps:
  - id: one
    preconditions:
      - { that: parameters.lag < 5, message: "{{ parameters.lag }} bytes behind" }
      - { command: [test, -e, ready] }
      - { command: [cat, ready], that: stdout == 'yes', message: "ready says {{ stdout }}" }
    command: [./witness]
    verify: { command: ["true"] }
    rollback: { command: [./witness] }
"#
        .replace(
            "ACTS",
            "command: [./witness]\n    verify: { command: [\"true\"] }\n    rollback: { command: [./witness] }",
        )
        .as_str(),
    );
    trial.exec(&["-p", "lag=7"]).exits(1).says("TIME FAILED one: did not begin: 7 bytes behind");
    trial.run(&["rollback"]).exits(4);
    trial.exec(&[]).exits(1).says("TIME FAILED one: did not begin: a precondition does not hold: exit 1");
    fs::write(trial.path("ready"), "no\n").unwrap();
    trial.resume().exits(1).says("TIME FAILED one: did not begin: ready says no");
    assert_eq!(trial.witness().len(), 0);
    fs::write(trial.path("ready"), "yes\n").unwrap();
    trial.resume().exits(0);
    assert_eq!(trial.witness(), ["do one 1"]);
}

#[test]
fn a_check_without_an_answer_refuses_the_step() {
    let trial = scenario("steps:\n  - { id: one, ACT, check: { shell: exit 2 } }\n");
    trial.exec(&[]).exits(1).says("did not begin: its check has no answer: exit 2");
    assert_eq!(trial.witness().len(), 0);
}

#[test]
fn a_retry_waits_and_succeeds_at_the_third_attempt() {
    let trial = scenario(
        r#"
steps:
  - id: one
    shell: ./witness; test "$(wc -l < witness.log)" -eq 3
    idempotent: true
    retry: { max_attempts: 3, delay: 50ms, backoff: 2 }
    verify: { command: ["true"] }
    rollback: { command: [./witness] }
"#,
    );
    trial.exec(&[]).exits(0).says("ok one: SOME, attempt 3");
    assert_eq!(trial.witness(), ["do one 1", "do one 2", "do one 3"]);
    let moments: Vec<i64> =
        trial.records().iter().filter(|record| record["event"] == "attempt_started").map(moment).collect();
    assert!(moments[1] - moments[0] >= 50 && moments[2] - moments[1] >= 100, "{moments:?}");
}

fn moment(record: &Value) -> i64 {
    record["at"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_millisecond()
}

#[test]
fn a_poll_goes_on_until_its_condition_holds_or_its_time_is_over() {
    let poll = |timeout: &str| {
        format!(
            r#"
steps:
  - id: poll
    shell: echo x >> polls; wc -l < polls
    effect: read_only
    until: stdout | int >= 3
    every: 1ms
    timeout: {timeout}
    outputs: {{ seen: "{{{{ stdout | int }}}}" }}
"#
        )
    };
    let trial = scenario(&poll("1m"));
    trial.exec(&[]).exits(0).says("seen = 3");
    assert_eq!(trial.read("polls").lines().count(), 3);
    let trial = scenario(&poll("1s").replace(">= 3", "< 0"));
    trial
        .exec(&[])
        .exits(1)
        .says("FAILED poll: failed after SOME: `stdout | int < 0` did not come true within its timeout of 1s");
    assert_eq!(trial.steps(), ["poll timed_out"]);
}

#[test]
fn a_step_that_outlasts_its_timeout_is_ended() {
    let trial = scenario("steps:\n  - { id: one, command: [sleep, \"600\"], effect: read_only, timeout: 100ms }\n");
    trial.exec(&[]).exits(1).says("it did not end within its timeout of 100ms");
    assert_eq!(trial.steps(), ["one timed_out"]);
}

#[test]
fn a_step_that_ran_but_does_not_verify_has_failed() {
    let trial = scenario(
        r"
steps:
  - id: one
    command: [./witness]
    verify: { command: [test, -e, nothing] }
    rollback: { command: [./witness] }
",
    );
    trial.exec(&[]).exits(1).says("failed after SOME: it ran, but verify does not hold: exit 1");
    assert_eq!(trial.witness(), ["do one 1"]);
}

#[test]
fn success_is_what_the_runbook_says_it_is() {
    let cases = [
        ("shell: exit 2", "success: { exit_codes: [0, 2] }", 0, "ok one"),
        ("shell: exit 1", "success: { exit_codes: [0, 2], message: no luck }", 1, "no luck (exit 1)"),
        ("shell: echo all compatible", "success: { stdout: '^all .*ible$' }", 0, "ok one"),
        ("shell: echo none", "success: { stdout: compatible }", 1, "stdout does not match `compatible`"),
        ("shell: echo warning >&2", "success: { stderr_not: warn }", 1, "stderr matches `warn`"),
        ("shell: echo 3", "success: { that: \"stdout | int > 2\" }", 0, "ok one"),
        ("shell: echo 1", "success: { that: \"stdout | int > 2\" }", 1, "stdout | int > 2 is false"),
    ];
    for (action, success, code, said) in cases {
        let trial = scenario(&format!("steps:\n  - id: one\n    {action}\n    effect: read_only\n    {success}\n"));
        trial.exec(&[]).exits(code).says(said);
    }
}

#[test]
fn values_reach_every_place_and_keep_their_types() {
    let trial = scenario(
        r#"
parameters:
  who: { type: string }
  hosts: { type: list, items: string, default: [a, b] }
vars: { greeting: "hello {{ parameters.who }}" }
steps:
  - id: facts
    name: Facts of {{ parameters.who }}
    command: [printf, "%s|", "{{ parameters.hosts }}", "{{ vars.greeting }}", "n={{ 1 + 1 }}"]
    effect: read_only
    outputs: { number: "{{ 2 + 3 }}", text: "is {{ stdout }}", list: "{{ stdout | split('|') }}" }
  - id: script
    shell: |
      test "$(cat)" = "given {{ 5"
    stdin: "given {% raw %}{{ {% endraw %}{{ steps.facts.outputs.number }}"
    effect: read_only
    when: "true"
  - id: place
    shell: 'pwd; echo "$LIST $FLAG $RUN"'
    cwd: "{{ 'sub' }}"
    env: { LIST: "{{ steps.facts.outputs.list }}", FLAG: "{{ 1 == 1 }}", RUN: "{{ run.operator }}" }
    effect: read_only
  - id: written
    file: { path: "{{ parameters.who }}.txt", content: "{{ steps.place.stdout }}\n" }
  - id: sure
    assert:
      - that: steps.facts.outputs.number == 5 and steps.facts.outputs.list[0] == 'a'
      - { that: steps.written.changed, message: "nothing changed" }
"#,
    );
    fs::create_dir(trial.path("sub")).unwrap();
    trial.exec(&["-p", "who=it's $HOME; `x`"]).exits(0);
    let folder = fs::canonicalize(trial.path("sub")).unwrap().display().to_string();
    assert_eq!(
        trial.read("it's $HOME; `x`.txt"),
        format!("{folder}\n[\"a\",\"b\",\"hello it's $HOME; `x`\",\"n=2\",\"\"] true {}\n", user())
    );
}

#[test]
fn a_person_attests_with_values_that_later_steps_read() {
    let trial = scenario(
        r#"
steps:
  - id: call
    manual: { instructions: "Call the desk, {{ run.operator }}.", evidence: required, inputs: { ticket: integer, urgent: boolean } }
    estimate: 5m
    rollback: { not_needed: a call is a call }
  - id: sure
    assert: [{ that: steps.call.outputs.ticket == 42 and steps.call.outputs.urgent }]
"#,
    );
    trial.exec(&["--yes"]).exits(7).says(&format!("call asks:\n    Call the desk, {}.", user()));
    let values = ["--value", "ticket=42", "--value", "urgent=true"];
    trial.answer("call", "succeeded", &values).exits(2).warns("this answer needs a reason");
    trial.answer("call", "succeeded", &["--reason", "done"]).exits(2).warns("add --value ticket=…");
    let wrong = ["--reason", "done", "--value", "ticket=many", "--value", "urgent=true"];
    trial.answer("call", "succeeded", &wrong).exits(2).warns("ticket: `many` is not a whole number");
    trial
        .answer("call", "succeeded", &["--reason", "x", "--value", "other=1"])
        .exits(2)
        .warns("is not an input of call");
    trial.answer("call", "succeeded", &[&["--reason", "spoke to Ben"], &values[..]].concat()).exits(0);
    trial.resume().exits(0);
    trial.run(&["audit", "show"]).exits(0).says("spoke to Ben");
    trial.answer("call", "succeeded", &["--reason", "again"]).exits(3).warns("it asks nothing now");
}

#[test]
fn a_person_who_could_not_do_it_fails_the_step() {
    let trial = scenario(
        "steps:\n  - { id: call, manual: { instructions: Call. }, estimate: 5m, rollback: { not_needed: a call } }\n",
    );
    trial.exec(&[]).exits(7);
    trial.answer("call", "failed", &["--reason", "no line"]).exits(0);
    trial.resume().exits(1).says(&format!("FAILED call: failed after SOME: {} said no: no line", user()));
}

#[test]
fn a_no_go_fails_its_step_with_the_evidence_that_was_shown() {
    let trial = scenario(
        r"
vars: { lag: 3 }
steps:
  - { id: one, ACT }
  - { id: go, confirm: { message: Cut over?, show: [vars.lag, steps.one.exit_code] }, estimate: 1m, on_failure: rollback }
",
    );
    trial.exec(&[]).exits(7).says("go asks:\n    Cut over?").says("vars.lag = 3").says("steps.one.exit_code = 0");
    trial.answer("go", "no", &["--reason", "too late"]).exits(0);
    trial.resume().exits(4).says(&format!("rolling back: go failed: {} said no: too late", user()));
    assert_eq!(trial.witness(), ["do one 1", "undo one 1"]);
}

#[test]
fn a_secret_is_in_no_file_and_no_output() {
    let trial = scenario(
        r#"
secrets:
  from_env: { env: TRIAL_SECRET }
  from_file: { file: secret }
  from_command: { command: [cat, other] }
steps:
  - id: one
    shell: 'echo "$A $B"; cat; echo "$C" >&2; test "${#A} ${#B} ${#C}" = "10 11 14" && exit 4'
    env: { A: "{{ secrets.from_env }}", B: "{{ secrets.from_file }}", C: "{{ secrets.from_command }}" }
    stdin: "{{ secrets.from_env }}"
    effect: read_only
"#,
    )
    .file("secret", "file-sesame\n")
    .file("other", "command-sesame\n")
    .env("TRIAL_SECRET", "env-sesame");
    let ran = trial.exec(&["-p", "x=1"]).exits(2);
    assert!(!ran.stderr().contains("sesame"));
    let ran = trial.exec(&[]).exits(1).says("exit 4");
    let shown = trial.run(&["audit", "show"]).exits(0).stdout() + &trial.run(&["audit", "show", "--json"]).stdout();
    let status = trial.run(&["status", "--json"]).stdout();
    for text in [ran.stdout(), ran.stderr(), shown, status] {
        assert!(!text.contains("sesame"), "{text}");
    }
    let found = scenario::command("grep").args(["-rl", "sesame"]).arg(trial.path("state")).output().unwrap();
    assert_eq!(String::from_utf8(found.stdout).unwrap(), "");
    assert!(trial.read(&format!("state/runs/{}/output/one.1.stdout", trial.id())).contains('\n'));
}

#[test]
fn a_secret_that_is_not_there_refuses_the_step() {
    let trial = scenario(
        r#"
secrets: { key: { env: NOT_SET_ANYWHERE } }
steps:
  - { id: one, command: ["true"], env: { KEY: "{{ secrets.key }}" }, effect: read_only }
"#,
    );
    trial.exec(&[]).exits(1).says("FAILED one: did not begin").says("NOT_SET_ANYWHERE");
}

#[test]
fn what_a_sensitive_step_prints_is_not_stored() {
    let trial = scenario("steps:\n  - { id: one, shell: echo sesame; exit 1, effect: read_only, sensitive: true }\n");
    let ran = trial.exec(&[]).exits(1);
    assert!(!ran.stdout().contains("sesame"), "{}", ran.stdout());
    let found = scenario::command("grep").args(["-rl", "sesame"]).arg(trial.path("state")).output().unwrap();
    let found = String::from_utf8(found.stdout).unwrap();
    let names: Vec<&str> = found.lines().filter_map(|path| path.rsplit('/').next()).collect();
    assert!(names.iter().all(|name| name.starts_with("runbook.")), "{names:?}");
    let finished = trial.records().into_iter().find(|record| record["event"] == "attempt_finished").unwrap();
    assert_eq!((&finished["output"]["bytes"], &finished["result"]), (&json!(7), &json!({ "exit_code": 1 })));
}

const HOOKED: &str = r"
hooks:
  on_start: [{ id: a, command: [./witness] }]
  on_success: [{ id: b, command: [./witness] }]
  on_failure: [{ id: c, command: [./witness] }]
  on_rollback: [{ id: d, command: [./witness] }]
  always: [{ id: e, command: [./witness] }]
steps:
";

#[test]
fn each_hook_runs_when_its_time_comes() {
    let good = "  - { id: one, ACT }\n";
    let cases = [
        (good, 0, "do on_start/a 1, do one 1, do on_success/b 1, do always/e 1"),
        ("  - { id: one, BAD }\n", 1, "do on_start/a 1, do one 1, do on_failure/c 1, do always/e 1"),
        (
            "  - { id: one, BAD, on_failure: rollback }\n",
            4,
            "do on_start/a 1, do one 1, do on_failure/c 1, undo one 1, do on_rollback/d 1, do always/e 1",
        ),
    ];
    for (steps, code, witness) in cases {
        let trial = scenario(&format!("{HOOKED}{steps}"));
        trial.exec(&[]).exits(code);
        assert_eq!(trial.witness().join(", "), witness);
    }
}

#[test]
fn a_hook_that_fails_is_recorded_and_holds_nothing_up() {
    let trial = scenario(
        r#"
hooks:
  on_start: [{ id: a, command: ["false"] }]
  on_failure: [{ id: c, command: ["false"] }]
  on_rollback: [{ id: d, command: ["false"] }]
  always: [{ id: e, command: ["false"] }]
steps:
  - { id: one, BAD, on_failure: rollback }
"#,
    );
    let mut ran = trial.exec(&[]).exits(4);
    for (hook, id) in [("on_start", "a"), ("on_failure", "c"), ("on_rollback", "d"), ("always", "e")] {
        ran = ran.says(&format!("hook {hook} failed, and the run goes on: {hook}/{id}: exit 1"));
    }
    assert_eq!(trial.witness(), ["do one 1", "undo one 1"]);
}

#[test]
fn json_is_the_records_one_a_line_and_the_status_last() {
    let trial = scenario("steps:\n  - { id: one, ACT }\n  - { id: two, BAD }\n");
    let ran = trial.exec(&["--json"]).exits(1);
    let mut lines: Vec<Value> = ran.stdout().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(ran.stderr(), "");
    let status = lines.pop().unwrap();
    assert_eq!(lines, trial.records());
    assert_eq!(status, trial.status());
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ");
    assert_eq!(keys(&status), "format run runbook state steps question remaining pending");
    assert_eq!(keys(&status["steps"][0]), "id state attempts started finished");
    assert_eq!(keys(&status["steps"][1]), "id state attempts started finished reason");
    let fixed = json!([status["format"], status["runbook"], status["state"], status["question"], status["run"]]);
    assert_eq!(fixed, json!([1, "trial", "failed", null, trial.id()]));
    let ran = trial.run(&["rollback", "--json"]).exits(4);
    let ended: Value = serde_json::from_str(ran.stdout().lines().last().unwrap()).unwrap();
    assert_eq!(ended["state"], "rolled_back");
    let ran = trial.run(&["resume", "--json"]).exits(4);
    assert_eq!(serde_json::from_str::<Value>(&ran.stdout()).unwrap(), ended, "a run that ended gives its status alone");
}

#[test]
fn an_open_question_is_in_the_status() {
    let trial = scenario("steps:\n  - { id: go, confirm: { message: Go? }, estimate: 1m }\n");
    trial.exec(&["--json"]).exits(7);
    let no = "no-go: the step fails, and the run ends as failed, to be resumed or rolled back";
    let answers = json!([{ "choice": "yes", "does": "go" }, { "choice": "no", "does": no }]);
    let question =
        json!({ "step": "go", "question": "confirm", "text": "Go?", "choices": ["yes", "no"], "answers": answers });
    assert_eq!(trial.status()["question"], question);
    assert_eq!(trial.state(), "blocked");
}

#[test]
fn a_step_that_gives_more_than_a_record_can_keep_fails_and_says_so() {
    let trial = scenario(
        r#"steps:
  - id: much
    command: [printf, "%01000d", "0"]
    effect: read_only
    timeout: 5s
    outputs: { all: "{{ stdout * 5000 }}" }
"#,
    );
    trial.exec(&[]).exits(1).says("what it gave is larger than 4194304 bytes and is not kept; let it give less");
    trial.resume().exits(1);
    assert_eq!(trial.state(), "failed");
}
