//! The executor killed at every record that it writes, and while each step is under way, then resumed: the end is as
//! if it had never been killed, and nobody has to be asked what became of it.

use serde_json::{Value, json};

use crate::ended;
use crate::program::{crash_points, event};
use crate::scene::{Scene, Stage};

/// The records without the status that follows them.
fn records(scene: &Scene<'_>) -> Vec<Value> {
    let mut lines = scene.run("exec", &["--yes", "--json"]).lines();
    lines.pop();
    lines
}

/// Kills a run at that point, resumes it, and holds its end against what is wanted.
fn killed_and_resumed(scene: &Scene<'_>, point: &str, code: i32, state: &str) {
    let crashed = scene.crash(point);
    assert_eq!(crashed.code, None, "{point}: it did not stop there: {}", crashed.stderr);
    let ran = scene.program.run(&["resume", "--yes", "--json"]);
    assert_eq!(ran.code, Some(code), "{point}: {}{}", ran.stdout, ran.stderr);
    ended(&ran, code, state);
    let asked: Vec<Value> = scene.program.records();
    let asked = asked.iter().map(event).filter(|(kind, step)| *kind == "question_asked" && *step != "go").count();
    assert_eq!(asked, 0, "{point}: a person was asked");
}

/// Every `part`-th of `of` points on the way forward.
fn forward(part: usize, of: usize) {
    let stage = Stage::set();
    let scene = stage.scene();
    let records = records(&scene);
    let done = scene.world_once_reloaded("500");
    for point in crash_points(&records, 0).into_iter().skip(part).step_by(of) {
        let scene = stage.scene();
        killed_and_resumed(&scene, &point, 0, "succeeded");
        assert_eq!(scene.world_once_reloaded("500"), done, "{point}");
    }
}

#[test]
fn killed_at_any_point_on_the_way_forward_it_goes_on_to_the_same_end() {
    forward(0, 2);
}

#[test]
fn killed_at_any_other_point_on_the_way_forward_it_goes_on_to_the_same_end() {
    forward(1, 2);
}

#[test]
fn killed_at_any_point_of_the_rollback_it_goes_on_to_undo_everything() {
    let stage = Stage::set();
    let failing = |scene: &Scene<'_>| scene.edit_step("nothing-lost", "assert", json!([{"that": "1 == 2"}]));
    let scene = stage.scene();
    let before = scene.world();
    failing(&scene);
    let records = records(&scene);
    assert_eq!(scene.world_once_reloaded(&before.slow), before);
    let begins = records.iter().position(|record| event(record).0 == "rollback_started").expect("a rollback");
    for point in crash_points(&records, begins) {
        let scene = stage.scene();
        failing(&scene);
        killed_and_resumed(&scene, &point, 4, "rolled_back");
        assert_eq!(scene.world_once_reloaded(&before.slow), before, "{point}");
    }
}

#[test]
fn killed_while_a_step_changes_something_it_can_be_rolled_back_instead_without_a_question() {
    let stage = Stage::set();
    let scene = stage.scene();
    let before = scene.world();
    let records = records(&scene);
    let done = scene.world_once_reloaded("500");
    for (index, record) in records.iter().enumerate().filter(|(_, record)| record["intent"].is_object()) {
        for name in ["after_spawn", "after_effect"] {
            let scene = stage.scene();
            let point = format!("{}:{name}", index + 1);
            assert_eq!(scene.crash(&point).code, None, "{point}: it did not stop there");
            let ran = scene.program.run(&["rollback", "--json"]);
            if (event(record).1, name) == ("drop-reference", "after_effect") {
                ended(&ran, 5, "partly_rolled_back");
                assert_eq!(scene.world_once_reloaded("500"), done, "{point}");
            } else {
                ended(&ran, 4, "rolled_back");
                assert_eq!(scene.world_once_reloaded(&before.slow), before, "{point}");
            }
        }
    }
}
