//! Queries and statements on a real PostgreSQL server.

#[path = "support/sql.rs"]
mod calls;
#[path = "support/postgres.rs"]
mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use calls::{LONG, call, recovered, ticket, watcher};
use runbook::action::execute::{End, Ended};
use runbook::action::sql;
use runbook::action::target::Environment;
use runbook::model::call::{Hidden, SqlCall, Ticket};
use runbook::model::event::{Intent, Marker};
use runbook::model::result::{Failure, FailureKind, StepResult};
use serde_json::{Value, json};
use support::{Cluster, Database};

async fn query(database: &Database<'_>, text: &str, variables: &[(&str, Value)]) -> Result<StepResult, Failure> {
    let call = call(database.connection(), text, variables, true);
    sql::look(&Environment::new(), &call, &ticket("look", LONG)).await
}

async fn attempt(call: &SqlCall, ticket: &Ticket) -> Ended {
    match sql::prepare(&Environment::new(), call, ticket).await {
        Ok((_, prepared)) => sql::carry_out(prepared, &watcher().control).await,
        Err(failure) => panic!("{failure:?}"),
    }
}

async fn change(database: &Database<'_>, text: &str, transaction: bool) -> Ended {
    attempt(&call(database.connection(), text, &[], transaction), &ticket("change", LONG)).await
}

fn failed(ended: &Ended) -> &Failure {
    match &ended.end {
        End::Failed(failure) => failure,
        other => panic!("not failed but {other:?}"),
    }
}

/// Waits until a query, asked beside the program, gives the wanted text.
async fn eventually(database: &Database<'_>, question: &str, wanted: &str) {
    for _ in 0..200 {
        if database.psql(question) == wanted {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("{question} never gave {wanted}");
}

#[tokio::test]
async fn rows_become_json_by_their_types() {
    let cluster = Cluster::start();
    let database = cluster.database("types");
    let text = "select 1::int2 a, 2::int8 b, 3.50::numeric c, 0.5::float8 d, true e, null::int f, \
                '{\"x\": [1]}'::jsonb g, 'text' h, date '2026-02-01' i, '{1,2}'::int[] j, 'NaN'::numeric k";
    let result = query(&database, text, &[]).await.unwrap();
    let wanted = json!({"a": 1, "b": 2, "c": 3.5, "d": 0.5, "e": true, "f": null, "g": {"x": [1]}, "h": "text",
                        "i": "2026-02-01", "j": "{1,2}", "k": "NaN"});
    assert_eq!(json!(result.rows.unwrap()), json!([wanted]));
    assert_eq!(result.row_count, Some(1));
}

#[tokio::test]
async fn a_long_result_is_cut_and_counted() {
    let cluster = Cluster::start();
    let result = query(&cluster.database("long"), "select n from generate_series(1, 1500) n", &[]).await.unwrap();
    assert_eq!(result.rows.unwrap().len(), 1000);
    assert_eq!((result.row_count, result.truncated), (Some(1500), true));
}

#[tokio::test]
async fn a_query_cannot_write_whatever_it_tries() {
    let cluster = Cluster::start();
    let database = cluster.database("readonly");
    database.psql("create table t (a int); create sequence s");
    for text in [
        "insert into t values (1)",
        "with w as (insert into t values (1) returning a) select * from w",
        "select nextval('s')",
        "create table u ()",
        "do $$ begin set transaction read write; insert into t values (1); end $$",
        "select set_config('transaction_read_only', 'off', false), (select count(*) from t)",
    ] {
        let failure = query(&database, text, &[]).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Sql, "{text}: {failure:?}");
    }
    let failure = query(&database, "select 1; commit; insert into t values (1)", &[]).await.unwrap_err();
    assert_eq!(failure.message, "a query is one statement; this one has 3");
    assert_eq!(database.psql("select count(*) from t"), "0");
}

#[tokio::test]
async fn a_transaction_is_all_or_nothing_and_names_the_statement_that_failed() {
    let cluster = Cluster::start();
    let database = cluster.database("atomic");
    let text = "create table t (a int primary key);\ninsert into t values (1);\n\ninsert into t\n  values (1);";
    let before = database.dump();
    let ended = change(&database, text, true).await;
    let failure = failed(&ended);
    assert_eq!(
        failure.message,
        "statement 3 of 3 (line 4): ERROR 23505: duplicate key value violates unique constraint \"t_pkey\"; \
         nothing was committed"
    );
    assert_eq!(failure.chain, ["detail: Key (a)=(1) already exists."]);
    assert_eq!(database.dump(), before);

    let ended = change(&database, &text.replace("values (1);", "values (2), (3);"), true).await;
    assert_eq!(failed(&ended).kind, FailureKind::Sql);
    let ended = change(&database, "create table t (a int); insert into t values (2), (3)", true).await;
    assert_eq!((ended.end, ended.result.row_count), (End::Returned, Some(2)));
}

#[tokio::test]
async fn an_error_has_the_line_of_its_word() {
    let cluster = Cluster::start();
    let ended = change(&cluster.database("line"), "select 1;\nselect 1,\n  nonsense\nfrom pg_class", true).await;
    assert!(failed(&ended).message.starts_with("statement 2 of 2 (line 3): ERROR 42703:"), "{ended:?}");
}

#[tokio::test]
async fn a_constraint_that_fails_at_commit_is_a_failure_and_nothing_is_committed() {
    let cluster = Cluster::start();
    let database = cluster.database("deferred");
    database.psql("create table t (a int unique deferrable initially deferred)");
    let ended = change(&database, "insert into t values (1), (1)", true).await;
    assert!(failed(&ended).message.starts_with("COMMIT: ERROR 23505:"), "{ended:?}");
    assert_eq!(database.psql("select count(*) from t"), "0");
}

#[tokio::test]
async fn without_a_transaction_what_came_before_the_failure_stays() {
    let cluster = Cluster::start();
    let database = cluster.database("single");
    let text = "create table t (a int);\ncreate index concurrently t_a on t (a);\nselect 1/0;\ncreate table u ()";
    let ended = change(&database, text, false).await;
    assert_eq!(
        failed(&ended).message,
        "statement 3 of 4 (line 3): ERROR 22012: division by zero; statements 1 to 2 took effect before it"
    );
    assert_eq!(database.psql("select indisvalid from pg_index where indexrelid = 't_a'::regclass"), "t");
    assert_eq!(database.psql("select to_regclass('u') is null"), "t");
}

#[tokio::test]
async fn rows_and_notices_of_statements_are_given_back_without_secrets() {
    let cluster = Cluster::start();
    let database = cluster.database("notices");
    let text = "do $$ begin raise notice 'one hunter22'; raise warning 'two'; end $$;\
                create table t (a int, b text); insert into t values (1, 'a hunter22 b') returning *";
    let call = call(database.connection(), text, &[], true);
    let (_, prepared) = sql::prepare(&Environment::new(), &call, &ticket("notices", LONG)).await.unwrap();
    let mut watcher = watcher();
    let ended = sql::carry_out(prepared, &watcher.control).await;
    assert_eq!(ended.end, End::Returned);
    assert_eq!(ended.result.stdout.as_deref(), Some("NOTICE: one [secret]\nWARNING: two"));
    assert_eq!(json!(ended.result.rows), json!([{"a": 1, "b": "a [secret] b"}]));
    assert_eq!(watcher.lines.recv().await.as_deref(), Some("NOTICE: one [secret]"));
}

#[tokio::test]
async fn no_value_becomes_code() {
    let cluster = Cluster::start();
    let database = cluster.database("quoting");
    database.psql("create table victim (a int)");
    for value in ["'; drop table victim; --", "\\'; drop table victim; --", "$$ || 'x", "\u{2019}\n\\", "E'\\''"] {
        for scs in ["on", "off"] {
            let text = "select :'v' as v, ':''v''' as same";
            let connection = format!("{} options='-c standard_conforming_strings={scs}'", database.connection());
            let call = call(connection, text, &[("v", json!(value))], true);
            let result = sql::look(&Environment::new(), &call, &ticket("quoting", LONG)).await.unwrap();
            assert_eq!(result.rows.unwrap()[0]["v"], json!(value));
        }
        let text = "create table :\"v\" (a int); drop table :\"v\"";
        let call = call(database.connection(), text, &[("v", json!(value))], true);
        assert_eq!(attempt(&call, &ticket("names", LONG)).await.end, End::Returned);
    }
    assert_eq!(database.psql("select count(*) from victim"), "0");
    let values = [("n", json!(5)), ("b", json!(true)), ("z", json!(null))];
    let text = "select :'n'::int + 1 as n, :'b'::boolean as b, :'z'::int as z";
    let result = query(&database, text, &values).await.unwrap();
    assert_eq!(json!(result.rows), json!([{"n": 6, "b": true, "z": null}]));
}

#[tokio::test]
async fn waiting_for_a_lock_ends_long_before_the_limit_of_the_step() {
    let cluster = Cluster::start();
    let database = cluster.database("locks");
    database.psql("create table t (a int)");
    let holder = call(database.connection(), "lock table t; select pg_sleep(60)", &[], true);
    let (_, holder) = sql::prepare(&Environment::new(), &holder, &ticket("holder", LONG)).await.unwrap();
    let watcher = watcher();
    let waiting = async {
        eventually(&database, "select count(*) from pg_locks where relation = 't'::regclass and granted", "1").await;
        let text = "set local lock_timeout = '100ms'; alter table t add b int";
        let ended = attempt(&call(database.connection(), text, &[], true), &ticket("waiter", LONG)).await;
        watcher.cancel.send(true).unwrap();
        ended
    };
    let (held, waited) = tokio::join!(sql::carry_out(holder, &watcher.control), waiting);
    assert!(failed(&waited).message.contains("55P03"), "{waited:?}");
    assert_eq!(held.end, End::Cancelled);
    let limit = query(&database, "show lock_timeout", &[]).await.unwrap();
    assert_eq!(limit.rows.unwrap()[0]["lock_timeout"], json!("10s"));
}

#[tokio::test]
async fn the_time_limit_ends_the_statement_on_the_server_too() {
    let cluster = Cluster::start();
    let database = cluster.database("limit");
    let short = ticket("limit", Duration::from_millis(300));
    let text = "set statement_timeout = 0; create table t (); select pg_sleep(60)";
    for transaction in [true, false] {
        let ended = attempt(&call(database.connection(), text, &[], transaction), &short).await;
        assert_eq!(ended.end, End::TimedOut);
        eventually(&database, "select count(*) from pg_stat_activity where application_name like 'runbook/%'", "0")
            .await;
        assert_eq!(database.psql("select to_regclass('t') is null"), if transaction { "t" } else { "f" });
    }
    let asked = call(database.connection(), "select pg_sleep(60)", &[], true);
    let failure = sql::look(&Environment::new(), &asked, &short).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Timeout);
}

#[tokio::test]
async fn a_session_that_is_terminated_in_a_transaction_has_failed_and_without_one_is_lost() {
    let cluster = Cluster::start();
    let database = cluster.database("terminated");
    for transaction in [true, false] {
        let running = call(database.connection(), "create table t (); select pg_sleep(60)", &[], transaction);
        let step = ticket("terminated", LONG);
        let killing = async {
            let mine = "application_name like 'runbook/%' and wait_event = 'PgSleep'";
            eventually(&database, &format!("select count(*) from pg_stat_activity where {mine}"), "1").await;
            database.psql(&format!("select pg_terminate_backend(pid) from pg_stat_activity where {mine}"));
        };
        let (ended, ()) = tokio::join!(attempt(&running, &step), killing);
        match (transaction, &ended.end) {
            (true, End::Failed(failure)) => assert!(
                failure.message.contains("FATAL 57P01") && failure.message.ends_with("nothing was committed"),
                "{failure:?}"
            ),
            (false, End::Lost { may_run: false, evidence }) => assert!(evidence.contains("57P01"), "{evidence}"),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn what_the_server_said_when_it_closed_an_idle_session_is_told() {
    let cluster = Cluster::start();
    let database = cluster.database("idle");
    let step = ticket("idle", LONG);
    let waits = call(database.connection(), "create table t ()", &[], true);
    let (_intent, prepared) = sql::prepare(&Environment::new(), &waits, &step).await.unwrap();
    let mine = "from pg_stat_activity where application_name like 'runbook/%'";
    database.psql(&format!("select pg_terminate_backend(pid) {mine}"));
    eventually(&database, &format!("select count(*) {mine}"), "0").await;
    // A session of its own: what came for the other one is read meanwhile.
    query(&database, "select 1", &[]).await.unwrap();
    let watcher = watcher();
    let ended = sql::carry_out(prepared, &watcher.control).await;
    let message = &failed(&ended).message;
    assert!(message.contains("the connection was lost: FATAL 57P01: terminating"), "{message}");
}

#[tokio::test]
async fn a_server_that_dies_within_a_transaction_and_stays_away_leaves_an_attempt_that_may_run() {
    let cluster = Cluster::start();
    let database = cluster.database("crash");
    let running = call(database.connection(), "select pg_sleep(60)", &[], true);
    let step = ticket("crash", Duration::from_secs(3));
    let killing = async {
        eventually(&database, "select count(*) from pg_stat_activity where query like 'select pg_sleep%'", "1").await;
        cluster.stop_immediate();
    };
    let (ended, ()) = tokio::join!(attempt(&running, &step), killing);
    assert!(matches!(ended.end, End::Lost { may_run: true, .. }), "{ended:?}");
}

/// An intent as it was before there were markers.
fn without_marker(intent: &Intent) -> Intent {
    let Intent::Session { application_name, .. } = intent else { panic!("{intent:?}") };
    Intent::Session { application_name: application_name.clone(), backend: None, marker: None }
}

#[tokio::test]
async fn without_a_marker_recovery_waits_for_a_session_that_still_works_and_then_says_that_it_is_gone() {
    let cluster = Cluster::start();
    let database = cluster.database("recover");
    let working = call(database.connection(), "select pg_sleep(60)", &[], true);
    let step = Ticket { secrets: Hidden(Vec::new()), ..ticket("recover", LONG) };
    let (intent, prepared) = sql::prepare(&Environment::new(), &working, &step).await.unwrap();
    let intent = without_marker(&intent);
    let Intent::Session { application_name, .. } = &intent else { panic!("{intent:?}") };
    assert!(application_name.starts_with("runbook/") && application_name.len() <= 63);
    let worker = watcher();
    let mine = format!("application_name = '{application_name}'");
    let recovering = async {
        let short = Ticket { timeout: Some(Duration::from_millis(300)), ..step.clone() };
        eventually(
            &database,
            &format!("select count(*) from pg_stat_activity where {mine} and query like '%sleep%'"),
            "1",
        )
        .await;
        let early = recovered(&intent, &working, &short).await;
        let ending = async {
            let asked = "application_name = 'runbook-recover' and state is not null";
            eventually(&database, &format!("select count(*) > 0 from pg_stat_activity where {asked}"), "t").await;
            worker.cancel.send(true).unwrap();
        };
        let (late, ()) = tokio::join!(recovered(&intent, &working, &step), ending);
        (early, late)
    };
    let (_, (early, late)) = tokio::join!(sql::carry_out(prepared, &worker.control), recovering);
    assert!(
        matches!(&early.end, End::Lost { may_run: true, evidence } if evidence.ends_with("active: select pg_sleep(60)")),
        "{early:?}"
    );
    let evidence = format!("session {application_name} is gone");
    assert_eq!(late.end, End::Lost { may_run: false, evidence });
}

#[tokio::test]
async fn recovery_without_a_server_proves_nothing() {
    let gone = call("host=/nonexistent connect_timeout=1".to_owned(), "select 1", &[], true);
    let short = ticket("gone", Duration::from_millis(300));
    let held = Marker::Held { schema: "runbook".to_owned(), id: "x".to_owned() };
    for marker in [None, Some(held)] {
        let intent = Intent::Session { application_name: "runbook/x".to_owned(), backend: None, marker };
        let ended = recovered(&intent, &gone, &short).await;
        assert!(matches!(ended.end, End::Lost { may_run: true, .. }), "{ended:?}");
    }
}

#[tokio::test]
async fn a_refused_connection_says_what_was_tried_and_what_to_type_and_never_the_password() {
    let call = call("host=127.0.0.1 port=1 user=ana dbname=orders password=hunter22".to_owned(), "select 1", &[], true);
    let failure = sql::look(&Environment::new(), &call, &ticket("refused", LONG)).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Connection);
    assert_eq!(
        failure.message,
        "target orders: cannot connect to 127.0.0.1 port 1, database orders, as ana: Connection refused (os error 111)"
    );
    assert_eq!(
        failure.chain,
        ["to try it by hand: psql 'host=127.0.0.1 port=1 dbname=orders user=ana sslmode=prefer'"]
    );
}

#[tokio::test]
async fn a_service_and_a_password_file_are_read_as_by_psql() {
    let cluster = Cluster::start();
    let database = cluster.database("orders");
    database.psql("create role ana login password 'open sesame'");
    cluster.use_passwords_for("ana");
    let home = tempfile::tempdir().unwrap();
    let socket = cluster.socket_folder().display().to_string();
    let service = format!("[orders]\nhost={socket}\ndbname=orders\nuser=ana\n");
    std::fs::write(home.path().join("services"), service).unwrap();
    let password = home.path().join(".pgpass");
    std::fs::write(&password, format!("{socket}:5432:orders:ana:open sesame\n")).unwrap();
    let environment = BTreeMap::from([
        ("HOME".to_owned(), home.path().display().to_string()),
        ("PGSERVICEFILE".to_owned(), home.path().join("services").display().to_string()),
    ]);
    let who = call("service=orders".to_owned(), "select current_user as who", &[], true);

    std::fs::set_permissions(&password, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    let failure = sql::look(&environment, &who, &ticket("service", LONG)).await.unwrap_err();
    assert!(failure.chain[0].contains("chmod 600"), "{failure:?}");

    std::fs::set_permissions(&password, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let result = sql::look(&environment, &who, &ticket("service", LONG)).await.unwrap();
    assert_eq!(json!(result.rows), json!([{"who": "ana"}]));

    let unknown = call("service=order".to_owned(), "select 1", &[], true);
    let failure = sql::look(&environment, &unknown, &ticket("service", LONG)).await.unwrap_err();
    assert!(failure.message.starts_with("target orders: no service [order] in "), "{failure:?}");
}

#[tokio::test]
async fn tls_proves_what_sslmode_asks_for() {
    let cluster = Cluster::start();
    let (port, authority) = cluster.listen_with_tls();
    let other = support::authority(cluster.socket_folder(), "other");
    let encrypted = async |host: &str, options: &str| {
        let connection = format!("host={host} hostaddr=127.0.0.1 port={port} user=postgres dbname=postgres {options}");
        let call = call(connection, "select ssl from pg_stat_ssl where pid = pg_backend_pid()", &[], true);
        let looked = sql::look(&Environment::new(), &call, &ticket("tls", LONG)).await;
        looked.map(|result| result.rows.unwrap_or_default()[0]["ssl"] == json!(true)).map_err(|failure| failure.message)
    };
    let (ca, wrong) = (format!("sslrootcert={}", authority.display()), format!("sslrootcert={}", other.display()));

    assert_eq!(encrypted("localhost", "sslmode=disable").await, Ok(false));
    assert_eq!(encrypted("localhost", "").await, Ok(true));
    assert_eq!(encrypted("elsewhere", "sslmode=require").await, Ok(true));
    assert_eq!(encrypted("elsewhere", &format!("sslmode=verify-ca {ca}")).await, Ok(true));
    assert_eq!(encrypted("localhost", &format!("sslmode=verify-full {ca}")).await, Ok(true));

    let name = encrypted("elsewhere", &format!("sslmode=verify-full {ca}")).await.unwrap_err();
    assert!(name.contains("not valid for name"), "{name}");
    for mode in ["require", "verify-ca", "verify-full"] {
        let unknown = encrypted("localhost", &format!("sslmode={mode} {wrong}")).await.unwrap_err();
        assert!(unknown.contains("invalid peer certificate"), "{unknown}");
    }
    let missing = encrypted("localhost", "sslmode=verify-ca sslrootcert=/nonexistent").await.unwrap_err();
    assert!(missing.starts_with("target orders: /nonexistent: "), "{missing}");
}

#[tokio::test]
async fn a_statement_is_cancelled_over_tls_too() {
    let cluster = Cluster::start();
    let (port, authority) = cluster.listen_with_tls();
    let options = format!("sslmode=verify-full sslrootcert={}", authority.display());
    let connection = format!("host=localhost hostaddr=127.0.0.1 port={port} user=postgres dbname=postgres {options}");
    let text = "set statement_timeout = 0; select pg_sleep(60)";
    let ended = attempt(&call(connection, text, &[], true), &ticket("tls", Duration::from_millis(500))).await;
    assert_eq!(ended.end, End::TimedOut);
}

/// A table whose rows make `COMMIT` take a minute.
const SLOW_COMMIT: &str = "create table slow (a int); \
    create function dawdle() returns trigger language plpgsql as 'begin perform pg_sleep(60); return null; end'; \
    create constraint trigger dawdle after insert on slow deferrable initially deferred \
    for each row execute function dawdle()";

#[tokio::test]
async fn a_session_that_is_terminated_in_commit_is_proven_to_have_committed_nothing() {
    let cluster = Cluster::start();
    let database = cluster.database("commit");
    database.psql(SLOW_COMMIT);
    let inserting = call(database.connection(), "insert into slow values (1)", &[], true);
    let step = ticket("commit", LONG);
    let killing = async {
        let mine = "application_name like 'runbook/%' and query = 'commit' and wait_event = 'PgSleep'";
        eventually(&database, &format!("select count(*) from pg_stat_activity where {mine}"), "1").await;
        database.psql(&format!("select pg_terminate_backend(pid) from pg_stat_activity where {mine}"));
    };
    let (ended, ()) = tokio::join!(attempt(&inserting, &step), killing);
    let failure = failed(&ended);
    assert!(failure.message.starts_with("COMMIT: FATAL 57P01"), "{failure:?}");
    assert!(failure.message.ends_with("; nothing was committed"), "{failure:?}");
    assert_eq!(database.psql("select count(*) from slow"), "0");
}

#[tokio::test]
async fn a_commit_that_is_cancelled_by_the_time_limit_has_committed_nothing() {
    let cluster = Cluster::start();
    let database = cluster.database("late");
    database.psql(SLOW_COMMIT);
    let inserting = call(database.connection(), "insert into slow values (1)", &[], true);
    let ended = attempt(&inserting, &ticket("late", Duration::from_millis(500))).await;
    assert_eq!(ended.end, End::TimedOut);
    assert_eq!(database.psql("select count(*) from slow"), "0");
}

#[tokio::test]
async fn nothing_happens_between_being_prepared_and_being_let_go() {
    let cluster = Cluster::start();
    let database = cluster.database("gate");
    let before = database.dump();
    let creating = call(database.connection(), "create table t ()", &[], true);
    let step = ticket("gate", LONG);
    let (intent, prepared) = sql::prepare(&Environment::new(), &creating, &step).await.unwrap();
    let Intent::Session { application_name, .. } = intent else { panic!("{intent:?}") };
    let mine = format!("select count(*) from pg_stat_activity where application_name = '{application_name}'");
    assert_eq!(database.psql(&mine), "1");
    drop(prepared);
    eventually(&database, &mine, "0").await;
    assert_eq!(database.dump(), before);
}
