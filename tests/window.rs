//! The window, with the real program: when it may begin, what still fits, what happens when nothing does, and clocks
//! that change, jump or stand still meanwhile.
#![cfg(feature = "crash-points")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[expect(dead_code, reason = "every file of tests uses a part of it")]
#[path = "support/scenario.rs"]
mod scenario;

use std::fs;

use jiff::{SignedDuration, Timestamp};
use runbook::run::clock;
use scenario::{Scenario, kind};

const WINDOW: &str = "timezone: America/New_York
window: { opens: 2026-02-01T22:00, closes: 2026-02-02T02:00, overrun: OVERRUN }
";
const OPENS: &str = "2026-02-02T03:00:00Z";
const CLOSES: &str = "2026-02-02T07:00:00Z";

/// A step that may take 10 m and a second, and 5 m to be undone. `first` is done before its effect.
fn step(id: &str, first: &str, more: &str) -> String {
    let undo = if more.contains("return") { "" } else { "rollback: { shell: ./witness, timeout: 5m }," };
    format!(
        "  - {{ id: {id}, shell: \"{first} ./witness\", timeout: 10m, verify: {{ shell: \"true\", timeout: 1s }},
      {undo} {more} }}\n"
    )
}

/// What a step does to the clocks: the file `later` takes the place of the one that they are read from.
const LATER: &str = "cp later next; mv next clock;";

/// A runbook whose clocks are the test's.
struct Evening {
    scenario: Scenario,
}

impl Evening {
    fn new(overrun: &str, steps: &[String]) -> Self {
        Self::of(&WINDOW.replace("OVERRUN", overrun), steps)
    }

    fn of(window: &str, steps: &[String]) -> Self {
        let text = format!("runbook: 1\nname: trial\n{window}steps:\n{}", steps.concat());
        let scenario = Scenario::new(&text);
        let clock = scenario.path("clock").display().to_string();
        Self { scenario: scenario.env("RUNBOOK_TEST_CLOCK", &clock) }
    }

    /// The wall clock shows that moment from now on; so much time is said to have gone by since the test began.
    fn write(&self, file: &str, moment: &str, passed: SignedDuration) {
        let ahead = moment.parse::<Timestamp>().unwrap().duration_since(clock::now());
        let next = self.scenario.path("made");
        fs::write(&next, format!("{} {}", ahead.as_millis(), passed.as_millis())).unwrap();
        fs::rename(next, self.scenario.path(file)).unwrap();
    }

    fn at(&self, moment: &str) -> &Self {
        self.write("clock", moment, SignedDuration::ZERO);
        self
    }

    /// A step that does [`LATER`] brings this moment about, after the time that lies between.
    fn later(&self, from: &str, moment: &str) -> &Self {
        let passed = moment.parse::<Timestamp>().unwrap().duration_since(from.parse().unwrap());
        self.write("later", moment, passed);
        self
    }

    /// A step that does [`LATER`] brings this moment about, and no time goes by.
    fn jumps(&self, moment: &str) -> &Self {
        self.write("later", moment, SignedDuration::ZERO);
        self
    }

    /// The records of a kind: what, by whom, and why.
    fn told(&self, wanted: &str) -> Vec<String> {
        let records = self.scenario.records();
        let text = |record: &serde_json::Value, key: &str| record[key].as_str().unwrap_or_default().to_owned();
        let found = records.iter().filter(|record| kind(record) == wanted);
        found
            .map(|record| {
                let parts = ["what", "by", "reason"].map(|key| text(record, key));
                parts.iter().filter(|part| !part.is_empty()).cloned().collect::<Vec<_>>().join(" | ")
            })
            .collect()
    }
}

fn two(first: &str) -> [String; 2] {
    [step("one", first, ""), step("two", "", "")]
}

#[test]
fn before_the_opening_nothing_runs_and_the_operator_is_told_when_it_opens() {
    let evening = Evening::new("stop", &two(""));
    evening.at("2026-02-02T02:00:00Z");
    let ran = evening.scenario.exec(&[]).exits(3);
    let said = ran.stderr();
    assert!(said.contains("the window opens Sun 1 Feb 22:00 EST (Mon 2 Feb 03:00 UTC here), in 59m5"), "{said}");
    assert!(said.contains("wait for it, or type: runbook exec runbook.yaml --outside-window \"WHY\""), "{said}");
    assert_eq!((evening.scenario.runs().len(), evening.scenario.witness().len()), (0, 0));
    evening.scenario.exec(&["--outside-window", " "]).exits(2).warns("--outside-window needs a reason");
    assert_eq!(evening.scenario.runs().len(), 0);
}

#[test]
fn with_a_reason_a_run_begins_early_and_the_reason_is_its_second_record() {
    let evening = Evening::new("stop", &two(""));
    evening.at("2026-02-02T02:00:00Z");
    evening.scenario.exec(&["--outside-window", "the site is down"]).exits(0);
    assert_eq!(evening.scenario.journal()[..2], ["run_started", "override_given"]);
    let by = scenario::user();
    assert_eq!(evening.told("override_given"), [format!("window opening | {by} | the site is down")]);
    assert_eq!(evening.scenario.witness(), ["do one 1", "do two 1"]);
}

#[test]
fn at_the_opening_it_runs() {
    let evening = Evening::new("stop", &two(""));
    evening.at(OPENS);
    let ran = evening.scenario.exec(&[]).exits(0);
    assert!(ran.stdout().contains("window: 3 h 59 m left, to 07:00 UTC"), "{}", ran.stdout());
    assert_eq!(evening.told("override_given"), Vec::<String>::new());
}

#[test]
fn after_the_closing_nothing_runs_and_with_a_reason_it_does() {
    let evening = Evening::new("stop", &two(""));
    evening.at("2026-02-02T07:30:00Z");
    let ran = evening.scenario.exec(&[]).exits(3);
    assert!(ran.stderr().contains("the window closed Mon 2 Feb 02:00 EST (Mon 2 Feb 07:00 UTC here), 30m"));
    assert!(ran.stderr().contains("type: runbook exec runbook.yaml --outside-window"), "{}", ran.stderr());
    evening.scenario.exec(&["--outside-window", "agreed with ops"]).exits(0);
    let by = scenario::user();
    assert_eq!(evening.told("override_given"), [format!("window closing | {by} | agreed with ops")]);
}

#[test]
fn a_step_begins_up_to_its_latest_start_and_not_after_it() {
    let only = [step("one", "", "")];
    let reached = Evening::new("stop", &only);
    reached.at("2026-02-02T06:44:00Z");
    reached.scenario.exec(&[]).exits(0);
    let missed = Evening::new("stop", &only);
    missed.at("2026-02-02T06:45:00Z");
    missed.scenario.exec(&[]).exits(6).says("stopping: one may take 10m1s and the rollback from there 5m");
    assert_eq!(missed.scenario.journal(), ["run_started", "stop_requested", "run_finished"]);
    let told = missed.told("stop_requested").remove(0);
    assert!(told.starts_with("window | one may take 10m1s and the rollback from there 5m, and the window closes at"));
    assert!(told.ends_with(": the latest start was Mon 2 Feb 01:44 EST"), "{told}");
    assert_eq!(missed.scenario.witness().len(), 0);
}

#[test]
fn the_way_back_counts_what_was_done() {
    // Alone it would fit; with five minutes more for the first it does not.
    let evening = Evening::new("stop", &two(LATER));
    evening.at(OPENS).later(OPENS, "2026-02-02T06:42:00Z");
    evening.scenario.exec(&[]).exits(6).says("two may take 10m1s and the rollback from there 10m");
    assert_eq!(evening.scenario.witness(), ["do one 1"]);
    evening.scenario.run(&["resume"]).exits(6).says("two may take");
    evening.scenario.run(&["resume", "--outside-window", "it is quick"]).exits(0);
    let by = scenario::user();
    assert_eq!(evening.told("override_given"), [format!("window closing | {by} | it is quick")]);
    assert_eq!(evening.scenario.witness(), ["do one 1", "do two 1"]);
}

#[test]
fn what_to_type_next_is_the_command_that_was_typed_and_what_the_window_needs() {
    let parameters = "parameters: { workers: { type: integer, default: 1 }, who: { type: string, default: x } }\n";
    let evening = Evening::of(&(parameters.to_owned() + &WINDOW.replace("OVERRUN", "stop")), &two(LATER));
    evening.at("2026-02-02T02:00:00Z");
    let typed = ["-p", "workers=4", "-p", "who=Ana's team", "--yes"];
    let again = r"type: runbook exec runbook.yaml -p workers=4 -p 'who=Ana'\''s team' --yes --outside-window";
    evening.scenario.exec(&typed).exits(3).warns(again);
    evening.at(OPENS).later(OPENS, "2026-02-02T06:46:00Z");
    let ran =
        evening.scenario.exec(&typed).exits(6).says("Stopped before two. Nothing was undone.\n  by the window: two");
    ran.says(
        "next: runbook resume RUN --outside-window \"WHY\"\n          goes on with two, whatever the window says\n",
    );
    evening.scenario.run(&["resume", "--outside-window", "it is quick"]).exits(0);
}

#[test]
fn of_two_side_by_side_only_one_begins_where_not_both_can_be_undone_in_time() {
    // Each fits by itself: 10 m 1 s, and 5 m to be undone. Together they take 10 m to be undone.
    // What is read before each lets the other be asked about meanwhile.
    let more = "observe: { shell: \"true\", timeout: 9s }";
    let both = [step("one", "", more), step("two", "", more)]
        .concat()
        .replace("\n  ", "\n      ")
        .replacen("  - ", "      - ", 1);
    let group = format!("  - id: both\n    parallel: 2\n    steps:\n{both}");
    let evening = Evening::new("stop", &[group]);
    evening.at("2026-02-02T06:42:00Z");
    evening.scenario.exec(&[]).exits(6).says("may take 10m1s and the rollback from there 10m");
    assert_eq!(evening.scenario.witness().len(), 1, "{:?}", evening.scenario.witness());
}

#[test]
fn a_step_does_not_begin_where_what_runs_beside_it_may_end_too_late_for_its_undo() {
    let seen = "test -e ran || grep -q stop_requested state/runs/*/journal.jsonl";
    let long = format!(
        "  - {{ id: long, shell: \"until {seen}; do sleep 0.05; done\", timeout: 30m, background: true,
      verify: {{ shell: \"true\", timeout: 1s }}, rollback: {{ not_needed: it leaves nothing }} }}\n"
    );
    let short =
        "  - { id: short, shell: \"touch ran; ./witness\", timeout: 1m, verify: { shell: \"true\", timeout: 1s },
      rollback: { shell: ./witness, timeout: 15m } }
  - { id: joined, wait: { for: [long] }, timeout: 1h }\n";
    let evening = Evening::new("stop", &[long, short.to_owned()]);
    // By itself it fits, a minute and a quarter of an hour; what runs beside it takes half an hour.
    evening.at("2026-02-02T06:20:00Z");
    evening.scenario.exec(&[]).exits(6);
    let told = evening.told("stop_requested").remove(0);
    assert!(
        told.starts_with("window | what runs beside short may take ") && told.contains(" from there 15m,"),
        "{told}"
    );
    assert_eq!(
        (evening.scenario.witness().len(), evening.scenario.steps()),
        (0, vec!["long succeeded".to_owned(), "short pending".to_owned(), "joined pending".to_owned(),])
    );
}

#[test]
fn what_waits_for_others_takes_no_time_once_they_have_ended() {
    let done = "  - { id: beside, shell: \"true\", effect: read_only, timeout: 1m, background: true }
  - { id: joined, wait: { for: [beside] }, timeout: 1h }\n";
    let evening = Evening::new("stop", &[done.to_owned()]);
    evening.at("2026-02-02T06:30:00Z");
    evening.scenario.exec(&[]).exits(0);
}

#[test]
fn what_only_reads_does_not_begin_either() {
    let look = "  - { id: look, shell: ./witness, effect: read_only, timeout: 10m }\n".to_owned();
    let evening = Evening::new("stop", &[step("one", LATER, ""), look]);
    evening.at(OPENS).later(OPENS, "2026-02-02T06:46:00Z");
    evening.scenario.exec(&[]).exits(6).says("look may take 10m and the rollback from there 5m");
    assert_eq!(evening.scenario.witness(), ["do one 1"]);
}

#[test]
fn what_no_longer_fits_is_rolled_back_where_the_window_says_so() {
    let evening = Evening::new("rollback", &two(LATER));
    evening.at(OPENS).later(OPENS, "2026-02-02T06:42:00Z");
    evening.scenario.exec(&[]).exits(4);
    assert!(evening.told("rollback_started")[0].starts_with("two may take 10m1s and the rollback from there 10m"));
    assert_eq!(evening.scenario.witness(), ["do one 1", "undo one 1"]);
}

#[test]
fn a_run_that_finishes_records_once_that_it_goes_past_its_window() {
    let steps = [step("one", LATER, ""), step("two", "", ""), step("three", "", "")];
    let evening = Evening::new("finish", &steps);
    evening.at(OPENS).later(OPENS, "2026-02-02T07:10:00Z");
    let ran = evening.scenario.exec(&[]).exits(0);
    assert!(ran.stdout().contains("the window closed at 07:00 UTC, 10 m ago; nothing that runs is ended"));
    let told = evening.told("override_given");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("window overrun | runbook | two may take 10m1s and the rollback from there 10m"));
    assert_eq!(evening.scenario.witness(), ["do one 1", "do two 1", "do three 1"]);
}

#[test]
fn after_a_point_of_no_return_a_run_finishes_whatever_the_window_says() {
    let cut = step("cut", LATER, "point_of_no_return: traffic has moved");
    for overrun in ["stop", "rollback"] {
        let evening = Evening::new(overrun, &[step("one", "", ""), cut.clone(), step("two", "", "")]);
        evening.at(OPENS).later(OPENS, "2026-02-02T06:59:00Z");
        evening.scenario.exec(&[]).exits(0);
        let told = evening.told("override_given");
        assert!(told[0].starts_with("window overrun | runbook | two may take 10m1s and the rollback from there 5m"));
        assert!(told[0].ends_with("and a point of no return was passed"), "{told:?}");
        assert_eq!(evening.scenario.witness(), ["do one 1", "do cut 1", "do two 1"]);
    }
}

#[test]
fn a_step_that_runs_past_the_closing_is_not_ended_and_going_back_is_always_allowed() {
    let evening = Evening::new("stop", &two(LATER));
    evening.at(OPENS).later(OPENS, "2026-02-02T08:00:00Z");
    evening.scenario.exec(&[]).exits(6).says("the window closed at");
    assert_eq!(evening.scenario.steps(), ["one succeeded", "two pending"]);
    let ran = evening.scenario.run(&["resume"]).exits(3);
    assert!(ran.stderr().contains("going back is always allowed: runbook rollback"), "{}", ran.stderr());
    assert_eq!(evening.told("run_resumed").len(), 0, "a refused turn leaves no record");
    evening.scenario.run(&["rollback"]).exits(4);
    assert_eq!(evening.scenario.witness(), ["do one 1", "undo one 1"]);
}

#[test]
fn a_question_says_until_when_it_has_to_be_answered_and_an_answer_that_is_late_begins_nothing() {
    let ask = "  - { id: go, confirm: { message: Go on? }, estimate: 1m }\n".to_owned();
    let evening = Evening::new("stop", &[step("one", "", ""), ask, step("two", "", "")]);
    evening.at(OPENS);
    let ran = evening.scenario.exec(&[]).exits(7);
    let line = "must be answered by Mon 2 Feb 01:55 EST to leave time for the rollback";
    assert!(ran.stdout().contains(line), "{}", ran.stdout());
    evening.at("2026-02-02T06:56:00Z");
    evening.scenario.answer("go", "yes", &[]).exits(0);
    evening.scenario.run(&["resume"]).exits(6).says("stopping: two may take");
    evening.at("2026-02-02T07:01:00Z");
    evening.scenario.run(&["resume"]).exits(3);
    assert_eq!(evening.scenario.witness(), ["do one 1"]);
}

#[test]
fn the_clocks_may_be_put_forward_or_back_within_the_window() {
    let only = [step("one", "", "")];
    for (day, fits, late) in [
        // The clocks go forward at 02:00: it closes at 10:00 UTC.
        ("2026-03-08", "2026-03-08T09:44:00Z", "2026-03-08T09:46:00Z"),
        // They go back at 02:00: it closes at 11:00 UTC.
        ("2026-11-01", "2026-11-01T10:44:00Z", "2026-11-01T10:46:00Z"),
    ] {
        let window = format!("timezone: America/New_York\nwindow: {{ opens: {day}T00:00, closes: {day}T06:00 }}\n");
        let evening = Evening::of(&window, &only);
        evening.at(fits).scenario.exec(&[]).exits(0);
        evening.at(late).scenario.exec(&[]).exits(6);
        assert_eq!(evening.scenario.runs().len(), 2);
    }
}

#[test]
fn a_wall_clock_that_jumps_pauses_the_run_before_the_next_step() {
    for (moment, by) in [("2026-02-02T03:10:00Z", 600_000), ("2026-02-02T02:59:00Z", -60_000)] {
        let evening = Evening::new("stop", &two(LATER));
        evening.at(OPENS).jumps(moment);
        evening.scenario.exec(&[]).exits(6);
        let records = evening.scenario.records();
        let jump = records.iter().find(|record| kind(record) == "clock_jumped").unwrap();
        let found = jump["by_ms"].as_i64().unwrap();
        assert!((found - by).abs() < 5000, "{found}");
        assert!(evening.told("stop_requested")[0].starts_with("clock | the wall clock jumped "));
        assert_eq!(evening.scenario.witness(), ["do one 1"]);
        evening.at("2026-02-02T03:20:00Z");
        evening.scenario.run(&["resume"]).exits(0);
        assert_eq!(evening.told("clock_jumped").len(), 1, "what happened between two turns is no jump");
        assert_eq!(evening.scenario.witness(), ["do one 1", "do two 1"]);
    }
}

#[test]
fn a_wall_clock_that_jumps_while_a_step_is_looked_at_pauses_the_run_before_that_step() {
    let check = format!("check: {{ shell: \"{LATER} exit 1\", timeout: 9s }}");
    let evening = Evening::new("stop", &[step("one", "", &check)]);
    evening.at(OPENS).jumps("2026-02-02T03:10:00Z");
    evening.scenario.exec(&[]).exits(6);
    let kinds = ["run_started", "clock_jumped", "stop_requested", "run_finished"];
    assert_eq!((evening.scenario.journal(), evening.scenario.witness().len()), (kinds.map(str::to_owned).to_vec(), 0));
}

#[test]
fn a_machine_that_slept_has_a_later_clock_that_did_not_jump() {
    let evening = Evening::new("stop", &two(LATER));
    evening.at(OPENS).later(OPENS, "2026-02-02T05:00:00Z");
    evening.scenario.exec(&[]).exits(0);
    assert_eq!(evening.told("clock_jumped").len(), 0);
}

#[test]
fn a_wait_and_the_limit_of_a_group_are_over_when_the_machine_slept_through_them() {
    let until = "      - { id: until, wait: { time: 2026-02-01T22:30 } }\n      - { id: pause, wait: 20m }\n";
    let sleeps = step("one", LATER, "").replace("\n  ", "\n      ").replacen("  - ", "      - ", 1);
    let group = format!("  - id: all\n    parallel: 3\n    steps:\n{until}{sleeps}");
    let evening = Evening::new("stop", &[group]);
    evening.at(OPENS).later(OPENS, "2026-02-02T03:30:00Z");
    evening.scenario.exec(&[]).exits(0);
    let limited = "  - id: all\n    timeout: 20m\n    parallel: 2\n    steps:\n      - { id: long, wait: 3h }\n";
    let evening = Evening::new("stop", &[format!("{limited}{sleeps}")]);
    evening.at(OPENS).later(OPENS, "2026-02-02T03:30:00Z");
    evening.scenario.exec(&[]).exits(1);
    assert_eq!(evening.scenario.steps(), ["long failed", "one succeeded"]);
}

#[test]
fn a_weekly_window_is_the_one_that_the_run_began_in() {
    let window = "timezone: America/New_York\nwindow: { every: Sunday 22:00, duration: 4h }\n";
    let ask = "  - { id: go, confirm: { message: Go on? }, estimate: 1m }\n".to_owned();
    let evening = Evening::of(window, &[ask]);
    evening.at("2026-01-31T12:00:00Z").scenario.exec(&[]).exits(3).warns("the window opens Sun 1 Feb 22:00 EST");
    evening.at("2026-02-02T03:30:00Z").scenario.exec(&[]).exits(7);
    evening.at("2026-02-09T03:30:00Z").scenario.resume().exits(3).warns("the window closed Mon 2 Feb 02:00 EST");
    evening.scenario.run(&["resume", "--yes", "--outside-window", "the next one"]).exits(0);
}

#[test]
fn expressions_read_the_moments_of_the_window() {
    let show = "  - { id: show, shell: 'echo \"$O $C\" > shown', env: { O: \"{{ window.opens }}\", C: \"{{ window.closes }}\" },
      timeout: 1m, verify: { shell: \"true\", timeout: 1s }, rollback: { not_needed: x } }\n";
    let evening = Evening::new("stop", &[show.to_owned()]);
    evening.at(OPENS).scenario.exec(&[]).exits(0);
    assert_eq!(evening.scenario.read("shown"), "2026-02-01T22:00:00-05:00 2026-02-02T02:00:00-05:00\n");
    let plan = evening.at("2026-02-01T00:00:00Z").scenario.run(&["plan", "runbook.yaml", "--json"]).exits(0);
    let plan: serde_json::Value = serde_json::from_str(&plan.stdout()).unwrap();
    assert_eq!(plan["steps"][0]["latest_start"], "2026-02-02T01:58:59-05:00[America/New_York]");
    assert_eq!(plan["budget"]["window_s"], 14_400.0);
    assert!(CLOSES.parse::<Timestamp>().is_ok());
}

#[test]
fn a_duration_from_a_template_is_found_when_its_step_begins() {
    let text = "runbook: 1\nname: trial\nparameters: { limit: { type: duration } }\nsteps:
  - { id: slow, shell: 'sleep 60', effect: read_only, timeout: \"{{ parameters.limit }}\", estimate: 1s }\n";
    let scenario = Scenario::new(text);
    scenario.exec(&["-p", "limit=300ms"]).exits(1);
    assert_eq!(scenario.steps(), ["slow timed_out"]);
}

#[test]
fn no_two_runs_have_a_lock_at_once() {
    let runbook = |name: &str| {
        format!(
            "runbook: 1\nname: {name}\nparameters: {{ db: {{ type: string, default: orders }} }}
locks: [other, \"{{{{ parameters.db }}}}-db\"]\ndefaults: {{ timeout: 1m }}\nsteps:
  - {{ id: wait, shell: 'echo x > begun; cat hold', effect: read_only }}\n"
        )
    };
    let scenario = Scenario::new(&runbook("first")).file("second.yaml", &runbook("second"));
    let (hold, begun) = (scenario.fifo("hold"), scenario.fifo("begun"));
    let first = scenario.start(&["exec", "runbook.yaml"]);
    assert_eq!(fs::read_to_string(begun).unwrap(), "x\n");
    let refused = scenario.run(&["exec", "second.yaml"]).exits(3);
    let said = refused.stderr();
    assert!(said.contains("the lock orders-db is held by ") && said.contains("-first, process "), "{said}");
    assert_eq!(scenario.runs().len(), 1, "a refused run leaves nothing");
    fs::write(hold, "").unwrap();
    scenario.wait(first).exits(0);
}
