//! Servers that die, and sessions that are ended, while a statement of a step runs.

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
use runbook::model::event::Intent;

/// Statements of each kind, each of which waits for what somebody else holds.
const KINDS: [&str; 6] = [
    "insert into other select 1 from pg_advisory_xact_lock(1)",
    "update other set a = 1 from pg_advisory_xact_lock(1)",
    "select pg_advisory_xact_lock(1)",
    "do $$ begin perform pg_advisory_xact_lock(1); end $$",
    "alter table held add column if not exists b int",
    "insert into deferred values (1)",
];

/// What ends a statement.
#[derive(Debug, Clone, Copy)]
enum Blow {
    /// The server dies and is started again.
    Crash,
    /// Only the session is ended.
    Terminate,
}

fn database(cluster: &Cluster) -> Database<'_> {
    let database = cluster.database("server");
    database.psql(
        "create table effect (name text); create table other (a int); insert into other values (0); \
         create table held (a int); create table deferred (a int); \
         create function waits() returns trigger language plpgsql as \
         'begin perform pg_advisory_xact_lock(1); return null; end'; \
         create constraint trigger waits after insert on deferred deferrable initially deferred \
         for each row execute function waits()",
    );
    database
}

/// Waits until a session of a step waits for a lock.
async fn waits(database: &Database<'_>) {
    let question = "select count(*) from pg_stat_activity where application_name like 'runbook/%' \
                    and wait_event_type = 'Lock'";
    while database.psql(question) != "1" {
        tokio::task::yield_now().await;
    }
}

fn strike(blow: Blow, cluster: &Cluster, database: &Database<'_>) {
    match blow {
        Blow::Crash => {
            cluster.stop_immediate();
            cluster.boot();
        }
        Blow::Terminate => {
            database
                .psql("select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'runbook/%'");
        }
    }
}

async fn prepared(call: &SqlCall, ticket: &Ticket) -> (Intent, sql::Prepared) {
    sql::prepare(&Environment::new(), call, ticket).await.map_err(|failure| panic!("{failure:?}")).unwrap()
}

/// The end of an attempt that somebody struck while it waited; of its executor too, where that is killed.
async fn struck(
    (cluster, database): (&Cluster, &Database<'_>),
    call: &SqlCall,
    ticket: &Ticket,
    blow: Blow,
    killed: bool,
) -> Ended {
    let mut holder = database.session();
    holder.say("select pg_advisory_lock(1)");
    holder.say("begin; lock table held; insert into effect values ('holder')");
    let (intent, prepared) = prepared(call, ticket).await;
    let watcher = watcher();
    if killed {
        tokio::select! {
            ended = sql::carry_out(prepared, &watcher.control) => panic!("{ended:?}"),
            () = waits(database) => {}
        }
        strike(blow, cluster, database);
        drop(holder);
        return recovered(&intent, call, ticket).await;
    }
    let striking = async {
        waits(database).await;
        strike(blow, cluster, database);
        drop(holder);
    };
    tokio::join!(sql::carry_out(prepared, &watcher.control), striking).0
}

#[tokio::test]
async fn a_transaction_that_is_struck_in_any_kind_of_statement_and_tried_again_takes_effect_once() {
    let cluster = Cluster::start();
    let database = database(&cluster);
    let mut number = 0;
    for kind in KINDS {
        for (blow, killed) in
            [(Blow::Crash, false), (Blow::Crash, true), (Blow::Terminate, false), (Blow::Terminate, true)]
        {
            number += 1;
            let text = format!("set local lock_timeout = 0; insert into effect values ('c{number}'); {kind}");
            let call = call(database.connection(), &text, &[], true);
            let step = Ticket { run: format!("run{number}"), ..ticket("struck", LONG) };
            let ended = struck((&cluster, &database), &call, &step, blow, killed).await;
            match (&ended.end, killed) {
                (End::Failed(failure), false) if failure.message.ends_with("; nothing was committed") => {}
                (End::NotStarted { .. }, true) => {}
                _ => panic!("{kind}, {blow:?}, killed: {killed}: {ended:?}"),
            }
            let again = Ticket { attempt: 2, ..step };
            let (_, prepared) = prepared(&call, &again).await;
            let ended = sql::carry_out(prepared, &watcher().control).await;
            assert_eq!(ended.end, End::Returned, "{kind}, {blow:?}, killed: {killed}");
            let effects = format!("select count(*) from effect where name = 'c{number}'");
            assert_eq!(database.psql(&effects), "1", "{kind}, {blow:?}, killed: {killed}");
        }
    }
}

const BUILD: &str = "insert into effect values ('before');\n\
                     create index concurrently if not exists effect_name on effect (name);\n\
                     insert into effect values ('after')";

#[tokio::test]
async fn an_index_that_a_broken_build_leaves_behind_is_in_the_evidence_and_is_never_the_effect() {
    for (blow, killed) in [(Blow::Crash, false), (Blow::Terminate, false), (Blow::Terminate, true)] {
        let cluster = Cluster::start();
        let database = database(&cluster);
        let build = call(database.connection(), BUILD, &[], false);
        let step = Ticket { timeout: Some(Duration::from_secs(8)), ..ticket("build", LONG) };
        let ended = struck((&cluster, &database), &build, &step, blow, killed).await;
        let End::Lost { may_run: false, evidence } = &ended.end else { panic!("{blow:?}, {killed}: {ended:?}") };
        let reached = if killed { "statement 2 was begun" } else { "statement 2 of 3 (line 2): " };
        assert!(evidence.starts_with(reached), "{evidence}");
        assert!(evidence.ends_with("; index public.effect_name of public.effect is INVALID"), "{evidence}");

        let (_, prepared) = prepared(&build, &Ticket { attempt: 2, ..step }).await;
        let again = sql::carry_out(prepared, &watcher().control).await;
        let End::Failed(failure) = &again.end else { panic!("{again:?}") };
        let wanted = "every statement ended well, but index public.effect_name of public.effect is INVALID";
        assert_eq!(failure.message, wanted);
    }
}
