//! The shipped database runbook, whole: the real program in front of a real server. What is planned happens; whatever
//! fails, at whichever step, leaves the database and the server's settings as they were.

#![expect(clippy::expect_used, reason = "helpers of tests")]

#[cfg(feature = "crash-points")]
#[path = "orders/killed.rs"]
mod killed;
#[path = "support/postgres.rs"]
mod postgres;
#[path = "support/program.rs"]
mod program;
#[path = "orders/scene.rs"]
mod scene;
#[path = "orders/trouble.rs"]
mod trouble;

use std::collections::BTreeMap;

use program::{Ran, event};
use scene::{MUTATING, Scene, Stage, World, ids, reload};
use serde_json::{Value, json};

/// Id and status of each planned step.
fn planned(scene: &Scene<'_>) -> Vec<(String, String)> {
    let ran = scene.run("plan", &["--json"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let plan: Value = serde_json::from_str(&ran.stdout).expect("a plan");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    plan["steps"].as_array().expect("steps").iter().map(|step| (text(&step["id"]), text(&step["status"]))).collect()
}

/// What the records say of each step that was not passed over: `in_place`, or `began`.
fn happened(records: &[Value]) -> BTreeMap<String, &'static str> {
    let kinds = [("step_in_place", "in_place"), ("attempt_started", "began")];
    let seen = records.iter().filter_map(|record| {
        let (kind, step) = event(record);
        let (_, word) = kinds.iter().find(|(wanted, _)| *wanted == kind)?;
        Some((step.to_owned(), *word))
    });
    seen.collect()
}

fn ended(ran: &Ran, code: i32, state: &str) {
    let status = ran.status();
    assert_eq!((ran.code, status["state"].as_str()), (Some(code), Some(state)), "{status:#}\n{}", ran.stderr);
}

/// What the README promises of a run that succeeded.
fn all_is_in_place(scene: &Scene<'_>, world: &World) {
    let facts = "select
        (select count(*) from order_references),
        (select count(*) from order_references where reference = 'L-' || order_id),
        (select count(*) from orders where channel = 'web'),
        (select indisvalid from pg_index where indexrelid = 'orders_status_placed_at'::regclass),
        (select count(*) from pg_attribute where attrelid = 'orders'::regclass and attname = 'legacy_reference')";
    assert_eq!(scene.database.psql(facts), "1250|1250|5000|t|0");
    assert_eq!(world.slow, "500");
    assert!(world.settings.ends_with("log_min_duration_statement = '500'\n"), "{}", world.settings);
}

#[test]
fn what_is_planned_is_what_happens_and_a_second_run_finds_it_in_place() {
    let stage = Stage::set();
    let scene = stage.scene();
    let before = scene.world();
    let reads = |id: &str| (id.to_owned(), "reads".to_owned());
    let changes = |id: &str| (id.to_owned(), "changes".to_owned());
    let plan = planned(&scene);
    assert_eq!(
        plan,
        [
            ["server", "fit", "quiet", "counts-before", "setting-before"].map(reads).to_vec(),
            MUTATING[..5].iter().map(|id| changes(id)).collect(),
            // It reads the table that is not there yet.
            vec![("counts-after".to_owned(), "unknown".to_owned()), reads("nothing-lost")],
            vec![("go".to_owned(), "person".to_owned()), changes("drop-reference")],
            vec![("after".to_owned(), "unknown".to_owned())],
        ]
        .concat()
    );
    assert_eq!(scene.world(), before);
    assert!(!scene.program.state().exists(), "a plan keeps nothing");

    let ran = scene.run("exec", &["--yes", "--json"]);
    ended(&ran, 0, "succeeded");
    let done = scene.world();
    all_is_in_place(&scene, &done);
    let began = plan.into_iter().map(|(id, _)| (id, "began")).collect();
    assert_eq!(happened(&ran.lines()), began);

    // Each check holds; what has none only looks, asks, or finds nothing to clear.
    let plan = planned(&scene);
    let ran = scene.run("exec", &["--yes", "--json"]);
    ended(&ran, 0, "succeeded");
    assert_eq!(scene.world(), done);
    let again = happened(&ran.lines());
    for (id, status) in plan {
        let in_place = MUTATING.contains(&&*id) && id != "clear-index";
        assert_eq!(again[&id], if in_place { "in_place" } else { "began" }, "{id}");
        assert_eq!(status == "in_place", in_place, "{id}: {status}");
    }
}

#[test]
fn a_precondition_that_fails_at_any_step_leaves_everything_as_it_was() {
    let stage = Stage::set();
    let mut done = None;
    for id in ids() {
        let scene = stage.scene();
        let before = scene.world();
        scene.roll_back_on_failure_of(&id);
        scene.edit_step(&id, "preconditions", json!([{"that": "1 == 2", "message": "as the test wants it"}]));
        let ran = scene.run("exec", &["--yes", "--json"]);
        if id == "after" {
            ended_past_the_line(&ran);
            done = Some(scene.world());
        } else {
            ended(&ran, 4, "rolled_back");
            assert_eq!(ran.status()["remaining"], json!([]), "{id}");
            assert_eq!(scene.world(), before, "{id}");
        }
        assert_eq!(happened(&ran.lines()).get(&id), None, "{id} began");
    }
    assert!(done.is_some_and(|world| world.slow == "500"), "what is past the line stays");
}

/// Past the point of no return nothing is undone, and each thing that stays is named.
fn ended_past_the_line(ran: &Ran) {
    ended(ran, 5, "partly_rolled_back");
    let status = ran.status();
    let remaining = status["remaining"].as_array().expect("a list").iter();
    let named: Vec<&str> = remaining.clone().filter_map(|left| left["step"].as_str()).collect();
    assert_eq!(named, ["drop-reference", "log-slow", "build-index", "clear-index", "add-references"]);
    let reasons: Vec<&str> = remaining.filter_map(|left| left["reason"].as_str()).collect();
    assert!(reasons[0].starts_with("point of no return: the column's content is gone"), "{reasons:?}");
    assert!(reasons[1..].iter().all(|reason| *reason == "it lies before the point of no return"), "{reasons:?}");
}

#[test]
fn a_step_whose_effect_does_not_verify_is_undone_with_all_before_it() {
    let stage = Stage::set();
    for id in MUTATING {
        // A setting that was there comes back with its value.
        let had: &[Option<&str>] = if id == "reload" { &[None, Some("250")] } else { &[None] };
        for own in had {
            let scene = stage.scene();
            if let Some(own) = own {
                scene.database.psql(&format!("alter system set log_min_duration_statement = {own}"));
                reload(&scene.database, own);
            }
            let before = scene.world();
            scene.roll_back_on_failure_of(id);
            scene.edit_step(id, "verify", json!({"query": "select false", "timeout": "5s"}));
            let ran = scene.run("exec", &["--yes", "--json"]);
            if id == "drop-reference" {
                ended_past_the_line(&ran);
                all_is_in_place(&scene, &scene.world());
            } else {
                ended(&ran, 4, "rolled_back");
                assert_eq!(scene.world_once_reloaded(&before.slow), before, "{id}, {own:?}");
            }
            assert_eq!(happened(&ran.lines()).get(id), Some(&"began"), "{id}");
        }
    }
}

#[test]
fn a_no_at_the_last_moment_undoes_everything() {
    let stage = Stage::set();
    let scene = stage.scene();
    let before = scene.world();
    let ran = scene.run("exec", &[]);
    assert_eq!(ran.code, Some(7), "{}", ran.stdout);
    let run = scene.program.records()[0]["run"].as_str().expect("its id").to_owned();
    assert!(ran.stdout.contains(&format!("runbook answer {run} go")), "{}", ran.stdout);
    let answered = scene.program.run(&["answer", &run, "go", "no", "--reason", "the shop is busy"]);
    assert_eq!(answered.code, Some(0), "{}", answered.stderr);
    ended(&scene.program.run(&["resume", "--json"]), 4, "rolled_back");
    assert_eq!(scene.world_once_reloaded(&before.slow), before);
}
