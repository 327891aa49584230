//! Trouble on the server's side: an executor killed while its statement runs, a backend ended, a server that fails in
//! the middle of a transaction, a lock that somebody keeps, the invalid index that a broken build leaves.

use std::process::{Child, Output};

use serde_json::json;

use crate::postgres::Database;
use crate::program::{Ran, event};
use crate::scene::{Scene, Stage, World};
use crate::{all_is_in_place, ended, happened, planned};

/// Sessions that wait for somebody in the middle of a statement that begins so.
fn waiting(statement: &str) -> String {
    format!("from pg_stat_activity where wait_event_type = 'Lock' and ltrim(query, E' \\n') ilike '{statement}%'")
}

fn until(database: &Database<'_>, condition: &str) {
    let asked = format!("select {condition}");
    assert!((0..1000).any(|_| database.psql(&asked) == "t"), "it never came to this: {condition}");
}

fn until_it_waits(database: &Database<'_>, statement: &str) {
    until(database, &format!("count(*) > 0 {}", waiting(statement)));
}

fn output(child: Child) -> Ran {
    let output: Output = child.wait_with_output().expect("its end");
    Ran::of(&output)
}

/// Kills it as a person would who is out of patience.
fn kill(mut child: Child) {
    child.kill().expect("it runs");
    child.wait().expect("its end");
}

const BUILD: &str = "create index concurrently";
const INVALID: &str = "count(*) = 1 from pg_index where not indisvalid";

fn done(stage: &Stage) -> World {
    let scene = stage.scene();
    ended(&scene.run("exec", &["--yes", "--json"]), 0, "succeeded");
    scene.world_once_reloaded("500")
}

/// A run whose index build waits for an old snapshot, which is given back when the session is dropped.
fn building(stage: &Stage) -> (Scene<'_>, crate::postgres::Session, Child) {
    let scene = stage.scene();
    let mut reader = scene.database.session();
    reader.say("begin isolation level repeatable read; select 1");
    let child = scene.start();
    until_it_waits(&scene.database, BUILD);
    (scene, reader, child)
}

#[test]
fn a_broken_index_build_is_never_taken_for_done() {
    let stage = Stage::set();
    let done = done(&stage);

    // Killed while the server works: what the server finishes by itself is waited for and not done twice.
    let (scene, reader, child) = building(&stage);
    kill(child);
    let resumed = scene.program.start(&["resume", "--yes", "--json"]);
    until(&scene.database, "count(*) > 0 from pg_stat_activity where application_name = 'runbook-recover'");
    drop(reader);
    ended(&output(resumed), 0, "succeeded");
    assert_eq!(scene.world_once_reloaded("500"), done);
    let attempts = scene.program.records();
    let attempts = attempts.iter().filter(|record| event(record) == ("attempt_started", "build-index")).count();
    assert_eq!(attempts, 1);

    // Killed, and its session ended too: an invalid index is left, and is built anew.
    let (scene, reader, child) = building(&stage);
    kill(child);
    scene.database.psql(&format!("select pg_terminate_backend(pid) {}", waiting(BUILD)));
    until(&scene.database, INVALID);
    drop(reader);
    ended(&scene.program.run(&["resume", "--yes", "--json"]), 0, "succeeded");
    assert_eq!(scene.world_once_reloaded("500"), done);

    // Left by somebody else, long ago.
    let scene = stage.scene();
    scene.database.psql("create index orders_status_placed_at on orders (status, placed_at)");
    scene
        .database
        .psql("update pg_index set indisvalid = false where indexrelid = 'orders_status_placed_at'::regclass");
    assert!(planned(&scene).contains(&("build-index".to_owned(), "changes".to_owned())));
    ended(&scene.run("exec", &["--yes", "--json"]), 0, "succeeded");
    all_is_in_place(&scene, &scene.world_once_reloaded("500"));
}

#[test]
fn an_index_build_that_the_server_ends_is_rolled_back_with_what_it_left() {
    let stage = Stage::set();
    for end in ["pg_terminate_backend", "pg_cancel_backend"] {
        let before = stage.scene().world();
        let (scene, reader, child) = building(&stage);
        scene.database.psql(&format!("select {end}(pid) {}", waiting(BUILD)));
        let ran = output(child);
        drop(reader);
        ended(&ran, 4, "rolled_back");
        assert_eq!(scene.world_once_reloaded(&before.slow), before, "{end}");
    }
}

#[test]
fn a_lock_that_somebody_keeps_fails_the_step_and_says_what_to_do() {
    let stage = Stage::set();
    let scene = stage.scene();
    scene.replace("expand.sql", "lock_timeout = '2s'", "lock_timeout = '100ms'");
    scene.edit_step("add-references", "retry", json!({"max_attempts": 3, "delay": "10ms"}));
    let before = scene.world();
    let mut writer = scene.database.session();
    writer.say("begin; update orders set status = status where id = 1");
    let ran = scene.run("exec", &["--yes"]);
    drop(writer);
    assert_eq!(ran.code, Some(4), "{}", ran.stdout);
    // Lines are broken where the screen ends.
    let said = ran.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    for wanted in [
        "statement 2 of 5 (line 7): ERROR 55P03: canceling statement due to lock timeout; nothing was committed",
        "another session holds a lock that it needs, most likely the oldest of: select pid,",
        "let it end, or end it with pg_terminate_backend(pid), then try again",
    ] {
        assert!(said.matches(wanted).count() >= 3, "{wanted}\n{}", ran.stdout);
    }
    assert_eq!(scene.world(), before);
}

#[test]
fn a_backend_that_is_ended_within_the_migration_fails_one_attempt_and_the_next_succeeds() {
    let stage = Stage::set();
    let done = done(&stage);
    let scene = stage.scene();
    scene.replace("expand.sql", "lock_timeout = '2s'", "lock_timeout = '30s'");
    scene.edit_step("add-references", "retry", json!({"max_attempts": 2, "delay": "10ms"}));
    let mut writer = scene.database.session();
    writer.say("begin; update orders set status = status where id = 1");
    let child = scene.start();
    until_it_waits(&scene.database, "alter table");
    scene.database.psql(&format!("select pg_terminate_backend(pid) {}", waiting("alter table")));
    drop(writer);
    ended(&output(child), 0, "succeeded");
    assert_eq!(scene.world_once_reloaded("500"), done);
    let records = scene.program.records();
    let first = records.iter().find(|record| event(record) == ("attempt_finished", "add-references"));
    let said = "statement 2 of 5 (line 7): FATAL 57P01: terminating connection due to administrator command; nothing \
                was committed";
    assert_eq!(first.expect("its end")["failure"]["message"], json!(said));
}

#[test]
fn a_server_that_fails_within_the_migration_is_waited_for_and_the_migration_done_once() {
    let stage = Stage::set();
    let done = done(&stage);
    let scene = stage.scene();
    scene.replace("expand.sql", "lock_timeout = '2s'", "lock_timeout = '30s'");
    let mut writer = scene.database.session();
    writer.say("begin; update orders set status = status where id = 1");
    let child = scene.start();
    until_it_waits(&scene.database, "alter table");
    stage.cluster().stop_immediate();
    let ran = output(child);
    ended(&ran, 7, "blocked");
    drop(writer);
    stage.cluster().boot();
    let ran = scene.program.run(&["resume", "--yes", "--json"]);
    ended(&ran, 0, "succeeded");
    assert_eq!(scene.world_once_reloaded("500"), done);
    assert_eq!(happened(&scene.program.records()).get("add-references"), Some(&"began"));
}
