//! Outcomes that nobody recorded, for every kind of action: what is settled without a person, and what is asked, in
//! which words.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(clippy::disallowed_methods, reason = "a test that waits has a limit")]

#[path = "support/postgres.rs"]
mod postgres;
#[expect(dead_code, reason = "every file of tests uses a part of it")]
#[path = "support/scenario.rs"]
mod scenario;

use std::fs;
use std::time::{Duration, Instant};

use postgres::Cluster;
use regex::Regex;
use runbook::action::proc;
use scenario::{Ran, Scenario, kind};

/// A step that ends its supervisor in its first attempt, and one after it.
fn forsaken(action: &str, fields: &str) -> Scenario {
    Scenario::new(&format!(
        r#"
runbook: 1
name: forsaken
defaults: {{ timeout: 1m }}
steps:
  - id: act
    {action}
    {fields}
  - id: later
    command: [./witness]
    verify: {{ command: ["true"] }}
    rollback: {{ command: [./witness] }}
"#
    ))
    .file("forsaken", "./witness\n[ \"$RUNBOOK_ATTEMPT\" != 1 ] || kill -9 \"$@\"\n")
}

/// Ends its supervisor.
const SUPERVISOR: &str = "shell: sh forsaken $PPID";

/// Ends its executor and its supervisor.
const BOTH: &str = "shell: sh forsaken $(cut -d' ' -f4 /proc/$PPID/stat) $PPID";

const ATTESTED: &str = "verify: { command: [\"true\"] }\n    rollback: { command: [./witness] }";

/// Executes it up to the loss, and sees to it that nothing of the step is left.
fn lost(scenario: &Scenario) -> Ran {
    let ran = scenario.exec(&[]);
    let intent = scenario.records().iter().rev().find_map(|record| record["intent"].get("process").cloned());
    let intent = intent.unwrap_or_else(|| panic!("nothing began:\n{}{}", ran.stdout(), ran.stderr()));
    let session = i32::try_from(intent["pid"].as_i64().unwrap()).unwrap();
    let limit = Instant::now() + Duration::from_secs(30);
    while !proc::session_members(session).unwrap().is_empty() {
        assert!(Instant::now() < limit, "the step never ends");
        std::thread::yield_now();
    }
    ran
}

/// What a run says at its halt, with one word for what is another each time.
fn said(ran: &Ran) -> String {
    let rules = [
        (r"process \d+ on \S+, start time \d+", "process PID on HOST, start time TICKS"),
        (r"process \d+", "process PID"),
        (r"(?m)^    evidence: .*$", "    evidence: EVIDENCE"),
        (r"[0-9a-f]{64} (\d{4}) \d+:\d+", "DIGEST $1 OWNER"),
        (r"(?s)^.*\nA person has", "A person has"),
    ];
    let shown = ran.shown();
    rules.iter().fold(shown, |text, (rule, word)| Regex::new(rule).unwrap().replace_all(&text, *word).into_owned())
}

/// The settlements of the run, as `as by`.
fn settlements(scenario: &Scenario) -> Vec<String> {
    let records = scenario.records();
    let settled = records.iter().filter(|record| kind(record) == "step_settled");
    settled.map(|record| format!("{} {}", record["as"].as_str().unwrap(), record["by"].as_str().unwrap())).collect()
}

const ASKED: &str = r#"A person has to answer before this can go on.
  act asks:
    Nobody recorded how attempt 1 of act ended; it began at TIME.
    It may have had its effect or not.
    it ran on local, in FOLDER:
    | COMMAND
    evidence: EVIDENCE
    its supervisor was process PID on HOST, start time TICKS: it is gone, and nothing of the step is left
  next: runbook resume RUN
          asks this again at your terminal
        runbook answer RUN act succeeded --reason "WHY"
          it had its effect: the run goes on after it; a later rollback undoes it
        runbook answer RUN act failed --reason "WHY"
          it counts as failed: the run ends as failed, to be resumed or rolled back; a later rollback undoes it
        runbook answer RUN act not-started --reason "WHY"
          it had no effect: it is run now
        runbook answer RUN act run-again --reason "WHY"
          runs it again; only if you are sure that it is over; a later rollback undoes it, once
        runbook resume RUN
          after an answer: goes on with it
"#;

#[test]
fn a_shell_step_that_lost_its_supervisor_and_its_executor_is_asked_about_with_all_that_is_known() {
    let scenario = forsaken(BOTH, ATTESTED);
    lost(&scenario).dies_of(9);
    let wanted = ASKED.replace("COMMAND", BOTH.strip_prefix("shell: ").unwrap());
    let resumed = scenario.resume().exits(7).says("is gone without having left a status");
    assert_eq!(said(&resumed), wanted);
    let status = scenario.run(&["status"]).exits(0);
    assert_eq!(said(&status), wanted, "the status says the same");
    assert_eq!(scenario.witness(), ["do act 1"]);
}

#[test]
fn a_command_is_shown_as_it_would_be_typed_and_without_secrets() {
    let fields = format!("env: {{ TOKEN: '{{{{ secrets.token }}}}' }}\n    {ATTESTED}");
    let scenario = forsaken("command: [sh, -c, 'sh forsaken $PPID', \"it's\", hunter2222]", &fields);
    let declared = "secrets: { token: { env: TOKEN } }\nsteps:\n";
    let runbook = scenario.read("runbook.yaml").replace("steps:\n", declared);
    let scenario = scenario.file("runbook.yaml", &runbook).env("TOKEN", "hunter2222");
    lost(&scenario).exits(7).says(r"    | sh -c 'sh forsaken $PPID' 'it'\''s' ");
    let status = scenario.run(&["status"]);
    assert!(!status.stdout().contains("hunter2222"), "{}", status.stdout());
}

#[test]
fn a_check_settles_what_nobody_recorded_and_is_shown_where_it_cannot() {
    let checked = |check: &str| format!("check: {{ command: {check} }}\n    {ATTESTED}");
    let cases = [
        ("[test, -e, witness.log]", 0, vec!["succeeded check"], vec!["do act 1", "do later 1"]),
        ("[test, -e, nothing]", 0, vec!["not_started check"], vec!["do act 1", "do act 2", "do later 1"]),
        ("[sh, -c, 'test -e witness.log && exit 3; exit 1']", 7, vec![], vec!["do act 1"]),
    ];
    for (check, code, settled, witness) in cases {
        let scenario = forsaken(BOTH, &checked(check));
        lost(&scenario).dies_of(9);
        let resumed = scenario.resume().exits(code);
        assert_eq!((settlements(&scenario), scenario.witness()), (owned(&settled), owned(&witness)), "{check}");
        if code == 7 {
            resumed
                .says("is gone without having left a status; nothing of its session is left; its check says: exit 3");
        }
    }
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn an_idempotent_step_is_run_again_where_its_executor_is_gone_and_has_failed_where_it_is_there() {
    let idempotent = format!("idempotent: true\n    {ATTESTED}");
    let scenario = forsaken(BOTH, &idempotent);
    lost(&scenario).dies_of(9);
    scenario.resume().exits(0);
    assert_eq!(settlements(&scenario), ["run_again idempotent"]);
    assert_eq!(scenario.witness(), ["do act 1", "do act 2", "do later 1"]);
    let scenario = forsaken(SUPERVISOR, &idempotent);
    lost(&scenario).exits(1);
    assert_eq!((settlements(&scenario), scenario.witness()), (owned(&["failed idempotent"]), owned(&["do act 1"])));
}

#[test]
fn each_answer_says_what_a_later_rollback_would_do() {
    let undos = [
        ("rollback: { not_needed: it leaves nothing }", "a later rollback has nothing to undo of it"),
        ("irreversible: it was sent", "a later rollback leaves it in place"),
        ("point_of_no_return: it is on", "a later rollback ends at it"),
    ];
    for (undo, later) in undos {
        let scenario = forsaken(SUPERVISOR, &format!("verify: {{ command: [\"true\"] }}\n    {undo}"));
        let ran = lost(&scenario).exits(7);
        ran.says(&format!("          it had its effect: the run goes on after it; {later}\n"))
            .says(&format!("          runs it again; only if you are sure that it is over; {later}\n"));
    }
    let turns = format!("on_failure: rollback\n    {ATTESTED}");
    lost(&forsaken(SUPERVISOR, &turns)).exits(7).says("it counts as failed: what was done is undone, this step too\n");
}

const FILED: &str = r#"
runbook: 1
name: filed
defaults: { timeout: 1m }
steps:
  - id: config
    file: { path: config, content: "new\n" }
"#;

/// The number of the record that makes the attempt of `config` known.
const BEGUN: u64 = 2;

#[test]
fn a_file_is_settled_by_its_bytes_and_a_foreign_one_is_asked_about_with_all_three_digests() {
    let filed = || Scenario::new(FILED).file("config", "old\n");
    let before = filed();
    before.crash_at(BEGUN, "after_sync").exec(&[]).dies_of(6);
    before.resume().exits(0);
    assert_eq!((settlements(&before), before.read("config")), (owned(&["not_started supervisor"]), "new\n".to_owned()));
    let after = filed();
    after.crash_at(BEGUN, "after_effect").exec(&[]).dies_of(6);
    after.resume().exits(0);
    assert_eq!((settlements(&after), after.read("config")), (Vec::new(), "new\n".to_owned()));
    let foreign = filed();
    foreign.crash_at(BEGUN, "after_sync").exec(&[]).dies_of(6);
    fs::write(foreign.path("config"), "of somebody else\n").unwrap();
    let asked = foreign.resume().exits(7);
    let wanted = "    Nobody recorded how attempt 1 of config ended; it began at TIME.
    It may have had its effect or not.
    it makes the file FOLDER/config
    evidence: EVIDENCE
    FOLDER/config before the step: DIGEST 0644 OWNER
    as it was to be: DIGEST 0644 OWNER
    as it is now: DIGEST 0644 OWNER, which is neither
  next: runbook resume RUN
";
    let text = said(&asked);
    assert!(text.contains(wanted), "{text}");
    asked.says("config is neither before nor after: changed by somebody else");
    assert_eq!(foreign.read("config"), "of somebody else\n", "nothing is touched before a person answered");
}

#[test]
fn what_a_person_was_to_do_is_never_unknown_but_asked_again() {
    let scenario = Scenario::new(
        r#"
runbook: 1
name: asking
defaults: { timeout: 1m }
steps:
  - { id: go, confirm: { message: "Go?" }, estimate: 1m }
  - id: call
    manual: { instructions: Call the desk. }
    estimate: 1m
    rollback: { not_needed: it was only a call }
"#,
    );
    scenario.crash_at(BEGUN, "after_sync").exec(&[]).dies_of(6);
    let asked = scenario.run(&["resume"]).exits(7);
    asked.says("          no-go: the step fails, and the run ends as failed, to be resumed or rolled back\n");
    scenario.answer("go", "yes", &[]).exits(0);
    scenario.run(&["resume"]).exits(7).says("call asks:\n    Call the desk.\n").says("          it is done\n");
    assert_eq!(settlements(&scenario), Vec::<String>::new());
}

#[test]
fn a_failure_that_asks_shows_the_last_twenty_lines_and_where_the_rest_is() {
    let scenario = Scenario::new(
        r#"
runbook: 1
name: failing
defaults: { timeout: 1m }
steps:
  - id: load
    shell: seq 25; exit 3
    verify: { command: ["true"] }
    rollback: { not_needed: nothing is kept }
    on_failure: ask
"#,
    );
    let rows = (6..=25).fold(String::new(), |rows, row| format!("{rows}    | {row}\n"));
    let wanted = format!(
        "  load asks:
    load failed: exit 3
    it ran on local, in FOLDER:
    | seq 25; exit 3
    the last lines that it wrote:
{rows}    all of it: FOLDER/state/runs/RUN/output/load.1.std*
  next: runbook resume RUN
"
    );
    let ran = scenario.exec(&[]).exits(7).says(&wanted);
    ran.says("asks: load failed: exit 3\n");
    scenario.run(&["status"]).exits(0).says(&wanted);
}

#[test]
fn statements_one_at_a_time_are_settled_by_their_check_and_asked_about_with_their_session_where_it_cannot() {
    let cluster = Cluster::start();
    let cases = [
        ("held", "select count(*) = 1 from done", 0, owned(&["succeeded check"])),
        ("torn", "select case when count(*) = 0 then false else 1 / (count(*) - 1) = 1 end from done", 7, Vec::new()),
    ];
    for (name, check, code, settled) in cases {
        let database = cluster.database(name);
        database.psql("create table done (n int)");
        let connection = database.connection();
        let scenario = Scenario::new(&format!(
            r#"
runbook: 1
name: stated
defaults: {{ timeout: 1m }}
targets: {{ orders: {{ postgres: "{connection}" }} }}
steps:
  - id: act
    sql: |
      insert into done values (:'n');
      select pg_terminate_backend(pg_backend_pid());
    variables: {{ n: 7 }}
    transaction: false
    target: orders
    check: {{ query: "{check}", target: orders }}
    rollback: {{ sql: "delete from done where true", target: orders }}
"#
        ));
        let ran = scenario.exec(&[]).exits(code);
        assert_eq!((settlements(&scenario), database.psql("select n from done")), (settled, "7".to_owned()), "{name}");
        if code == 7 {
            let text = said(&ran);
            let wanted = "    it ran on orders, one statement at a time:
    | insert into done values (:'n');
    | select pg_terminate_backend(pg_backend_pid());
    | -- n = 7
    evidence: EVIDENCE
    its session on orders: session ";
            assert!(text.contains(wanted) && text.contains(" is gone\n  next: "), "{text}");
            ran.says("division by zero");
        }
    }
}

#[test]
fn a_transaction_is_settled_by_its_marker_and_nobody_is_asked() {
    let cluster = Cluster::start();
    for (point, name) in [("after_sync", "before"), ("after_effect", "after")] {
        let database = cluster.database(name);
        database.psql("create table done (n int)");
        let connection = database.connection();
        let scenario = Scenario::new(&format!(
            r#"
runbook: 1
name: stated
defaults: {{ timeout: 1m }}
targets: {{ orders: {{ postgres: "{connection}" }} }}
steps:
  - id: act
    sql: insert into done values (7)
    target: orders
    verify: {{ query: "select true", target: orders }}
    rollback: {{ sql: "delete from done where true", target: orders }}
"#
        ));
        scenario.crash_at(BEGUN, point).exec(&[]).dies_of(6);
        scenario.resume().exits(0);
        assert_eq!(database.psql("select count(*) from done"), "1", "{name}");
        assert!(!scenario.journal().contains(&"question_asked act".to_owned()), "{name}");
    }
}

#[test]
fn an_undo_that_is_stuck_is_given_up_with_a_reason_and_the_rollback_goes_on_with_the_rest() {
    let runbook = r#"
runbook: 1
name: stuck
defaults: { timeout: 1m }
steps:
  - id: first
    command: [./witness]
    verify: { command: ["true"] }
    rollback: { command: [./witness] }
  - id: act
    command: [./witness]
    verify: { command: ["true"] }
    rollback: { shell: ./witness; exit 4 }
  - id: last
    command: ["false"]
    verify: { command: ["true"] }
    rollback: { not_needed: it did nothing }
    on_failure: rollback
"#;
    for command in ["answer", "skip"] {
        let scenario = Scenario::new(runbook);
        scenario.exec(&[]).exits(5).says(
            "        runbook skip RUN act --reason \"…\"
          leaves it in place, then runbook rollback goes on with the rest
",
        );
        let id = scenario.id();
        let words: &[&str] = if command == "skip" { &[] } else { &["skip"] };
        let given_up = |reason: &[&str]| scenario.run(&[&[command, &id, "act"], words, reason].concat());
        given_up(&[]).exits(2).warns("needs a reason");
        given_up(&["--reason", "the node is gone"]).exits(0).says("Next: runbook rollback RUN\n");
        scenario.run(&["rollback"]).exits(5).says("remains: act: its undo was given up: ").says("the node is gone");
        assert_eq!(scenario.state(), "partly_rolled_back");
        assert_eq!(scenario.witness(), ["do first 1", "do act 1", "undo act 1", "undo first 1"], "{command}");
    }
}
