//! The marker of an SQL step: where it is, who may have one, and what it says to whoever comes later.

#[expect(dead_code, reason = "every file of tests uses a part of it")]
#[path = "support/sql.rs"]
mod calls;
#[path = "support/postgres.rs"]
mod postgres;

use std::time::Duration;

use calls::{LONG, call, recovered, ticket, watcher};
use postgres::{Cluster, Database};
use runbook::action::execute::{End, Ended};
use runbook::action::sql;
use runbook::action::target::Environment;
use runbook::model::call::{SqlCall, Ticket};
use runbook::model::event::{Intent, Marker};
use serde_json::json;

async fn prepared(call: &SqlCall, ticket: &Ticket) -> (Intent, sql::Prepared) {
    sql::prepare(&Environment::new(), call, ticket).await.map_err(|failure| panic!("{failure:?}")).unwrap()
}

/// An attempt from its beginning to its end.
async fn done(call: &SqlCall, step: &str) -> (Intent, Ended) {
    let (intent, prepared) = prepared(call, &ticket(step, LONG)).await;
    (intent, sql::carry_out(prepared, &watcher().control).await)
}

/// The schema of the marker, or why there is none.
fn marker(intent: &Intent) -> Result<&str, &str> {
    match intent {
        Intent::Session { marker: Some(Marker::Held { schema, .. }), .. } => Ok(schema),
        Intent::Session { marker: Some(Marker::Denied { reason }), .. } => Err(reason),
        other => panic!("{other:?}"),
    }
}

/// The same database for another role.
fn as_role(database: &Database<'_>, role: &str) -> String {
    database.connection().replace("user=postgres", &format!("user={role}"))
}

#[tokio::test]
async fn a_marker_says_which_attempt_of_which_step_it_is_of_and_what_it_gave() {
    let cluster = Cluster::start();
    let database = cluster.database("row");
    database.psql("create table t (a int)");
    let text = "insert into t values (1), (2) returning a, 'hunter22' as b";
    let (intent, ended) = done(&call(database.connection(), text, &[], true), "load").await;
    assert_eq!((marker(&intent), ended.end), (Ok("runbook"), End::Returned));
    let row = "select run, step, direction, attempt, state, result from runbook.marker";
    let kept =
        r#"{"row_count":2,"rows":[{"a":1,"b":"[secret]"},{"a":2,"b":"[secret]"}],"stdout":"","truncated":false}"#;
    assert_eq!(database.psql(row), format!("20260201-2200-test|load|do|1|done|{kept}"));

    let undo = Ticket { undo: Some(2), attempt: 3, sensitive: true, ..ticket("load", LONG) };
    let (intent, prepared) = prepared(&call(database.connection(), "delete from t", &[], true), &undo).await;
    assert_eq!(sql::carry_out(prepared, &watcher().control).await.end, End::Returned);
    let kept = r#"undo 2|3|done|{"row_count":2,"truncated":true}"#;
    assert_eq!(database.psql("select direction, attempt, state, result from runbook.marker offset 1"), kept);

    let found = recovered(&intent, &call(database.connection(), "delete from t", &[], true), &undo).await;
    assert_eq!((found.end, found.result.row_count), (End::Returned, Some(2)));
}

#[tokio::test]
async fn what_was_not_committed_can_never_be_and_every_later_recovery_finds_the_same() {
    let cluster = Cluster::start();
    let database = cluster.database("void");
    database.psql("create table t (a int)");
    let call = call(database.connection(), "insert into t values (1)", &[], true);
    let step = ticket("void", LONG);
    let (intent, prepared) = prepared(&call, &step).await;
    for _ in 0..2 {
        let found = recovered(&intent, &call, &step).await;
        assert!(matches!(&found.end, End::NotStarted { evidence } if evidence.contains("marker")), "{found:?}");
    }
    assert_eq!(database.psql("select state from runbook.marker"), "void");
    let late = sql::carry_out(prepared, &watcher().control).await;
    let End::Failed(failure) = &late.end else { panic!("{late:?}") };
    assert!(failure.message.contains("another executor of this run has settled it"), "{failure:?}");
    assert_eq!(database.psql("select count(*) from t"), "0");
}

#[tokio::test]
async fn a_new_attempt_begins_only_when_the_transaction_of_the_one_before_is_over() {
    let cluster = Cluster::start();
    let database = cluster.database("over");
    let call = call(database.connection(), "select pg_sleep(2)", &[], true);
    let step = ticket("over", LONG);
    let (intent, prepared) = prepared(&call, &step).await;
    let watcher = watcher();
    let works = "select count(*) from pg_stat_activity where application_name like 'runbook/%' and state = 'active'";
    tokio::select! {
        ended = sql::carry_out(prepared, &watcher.control) => panic!("{ended:?}"),
        () = async {
            while database.psql(&works.replace("state", "query like '%pg_sleep(2)%' and state")) != "1" {
                tokio::task::yield_now().await;
            }
        } => {}
    }
    let found = recovered(&intent, &call, &step).await;
    assert_eq!(database.psql(works), "0", "it still works: {found:?}");
    assert!(matches!(found.end, End::NotStarted { .. }), "{found:?}");
}

#[tokio::test]
async fn many_that_make_the_marker_table_at_once_all_have_their_marker() {
    let cluster = Cluster::start();
    let database = cluster.database("race");
    let attempts = (0..12).map(|number| {
        let call = call(database.connection(), "select 1 as one", &[], true);
        async move { done(&call, &format!("step{number}")).await }
    });
    for (intent, ended) in futures_util::future::join_all(attempts).await {
        assert_eq!((marker(&intent), ended.end), (Ok("runbook"), End::Returned));
    }
    assert_eq!(database.psql("select count(*) from runbook.marker where state = 'done'"), "12");
}

#[tokio::test]
async fn who_may_not_hold_a_marker_is_at_most_once_and_the_intent_says_why() {
    let cluster = Cluster::start();
    let database = cluster.database("rights");
    database.psql("create role clerk login; create table t (a int); grant all on t to clerk");
    let insert = call(as_role(&database, "clerk"), "insert into t values (1)", &[], true);
    let why = "clerk may neither write to runbook.marker nor make it in rights";
    let (intent, ended) = done(&insert, "denied").await;
    assert_eq!((marker(&intent), ended.end), (Err(why), End::Returned));
    let found = recovered(&intent, &insert, &ticket("denied", LONG)).await;
    assert!(matches!(found.end, End::Lost { may_run: false, .. }), "{found:?}");

    // What somebody with the right makes for it does.
    done(&call(database.connection(), "select 1 as one", &[], true), "makes").await;
    assert_eq!(marker(&done(&insert, "still-denied").await.0), Err(why));
    database.psql("grant usage on schema runbook to clerk; grant select, insert, update on runbook.marker to clerk");
    assert_eq!(marker(&done(&insert, "granted").await.0), Ok("runbook"));

    database.psql("alter role clerk set default_transaction_read_only = on");
    assert_eq!(marker(&prepared(&insert, &ticket("reads", LONG)).await.0), Err("its sessions are read-only"));
}

#[tokio::test]
async fn a_table_of_another_role_is_not_written_to_because_its_owner_could_let_anything_run() {
    let cluster = Cluster::start();
    let database = cluster.database("trust");
    database.psql("create role mallory login; grant create on database trust to mallory");
    let mine = call(as_role(&database, "mallory"), "select 1 as one", &[], true);
    assert_eq!(marker(&done(&mine, "hers").await.0), Ok("runbook"));
    let (intent, ended) = done(&call(database.connection(), "select 1 as one", &[], true), "root").await;
    assert_eq!((marker(&intent), ended.end), (Ok("runbook_postgres"), End::Returned));

    let other = cluster.database("other");
    other.psql("create schema runbook; create table runbook.marker (id int); create publication p for all tables");
    let (intent, _) = done(&call(other.connection(), "select 1 as one", &[], true), "published").await;
    let why = "a publication of all tables would take it to subscribers that do not have it";
    assert_eq!(marker(&intent), Err(why));
}

#[tokio::test]
async fn what_a_text_sets_for_its_transaction_counts_and_no_role_that_it_takes_is_in_the_way() {
    let cluster = Cluster::start();
    let database = cluster.database("settings");
    database.psql("create role clerk; create table t (a text); grant all on t to clerk");
    let text = "set transaction isolation level serializable; set local lock_timeout = '7s'; \
                insert into t select current_setting('transaction_isolation') || current_setting('lock_timeout'); \
                set local role clerk; insert into t values (current_user) returning a";
    let (intent, ended) = done(&call(database.connection(), text, &[], true), "set").await;
    assert_eq!((ended.end, json!(ended.result.rows)), (End::Returned, json!([{"a": "clerk"}])));
    assert_eq!(database.psql("select string_agg(a, ' ') from t"), "serializable7s clerk");
    let found = recovered(&intent, &call(database.connection(), text, &[], true), &ticket("set", LONG)).await;
    assert_eq!(found.end, End::Returned);
}

#[tokio::test]
async fn a_commit_that_the_server_would_forget_in_a_crash_is_not_acknowledged() {
    let cluster = Cluster::start();
    let database = cluster.database("durable");
    database.psql("alter database durable set synchronous_commit = off");
    let text = "select current_setting('synchronous_commit') as level";
    let (_, ended) = done(&call(database.connection(), text, &[], true), "durable").await;
    assert_eq!(json!(ended.result.rows), json!([{"level": "on"}]));
}

#[tokio::test]
async fn statements_that_are_no_transaction_say_which_was_reached() {
    let cluster = Cluster::start();
    let database = cluster.database("reached");
    let text = "create table t (a int);\nvacuum t;\nselect pg_sleep(60);\nvacuum t";
    let call = call(database.connection(), text, &[], false);
    let step = ticket("reached", Duration::from_secs(2));
    let (intent, prepared) = prepared(&call, &step).await;
    let watcher = watcher();
    tokio::select! {
        ended = sql::carry_out(prepared, &watcher.control) => panic!("{ended:?}"),
        () = async {
            let sleeps = "select count(*) from pg_stat_activity where query = 'select pg_sleep(60)' and state = 'active'";
            while database.psql(sleeps) != "1" {
                tokio::task::yield_now().await;
            }
        } => {}
    }
    let found = recovered(&intent, &call, &step).await;
    let End::Lost { may_run: false, evidence } = &found.end else { panic!("{found:?}") };
    assert!(evidence.starts_with("statement 3 was begun, and nothing after it is recorded; session "), "{evidence}");
    assert!(evidence.ends_with(" is gone"), "{evidence}");

    let (intent, _) = self::prepared(&call, &Ticket { attempt: 2, ..step.clone() }).await;
    let found = recovered(&intent, &call, &step).await;
    assert!(matches!(found.end, End::NotStarted { .. }), "nothing of it was sent: {found:?}");
}
