//! A transactional step takes effect exactly once, whatever becomes of any message of its protocol.
//!
//! The effect is a row of its own and a number that is counted up. An executor is played that does what the engine does:
//! what failed is tried again as a new attempt, what was lost is recovered first. The witness is psql.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[expect(dead_code, reason = "every file of tests uses a part of it")]
#[path = "support/sql.rs"]
mod calls;
#[path = "support/postgres.rs"]
mod postgres;
#[path = "support/proxy.rs"]
mod proxy;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use calls::{call, recovered, ticket, watcher};
use postgres::{Cluster, Database};
use proxy::{Fault, Message, Plan, Proxy, Way};
use runbook::action::execute::{End, Ended};
use runbook::action::sql;
use runbook::action::target::Environment;
use runbook::model::call::Ticket;
use runbook::model::event::{Intent, Marker};
use runbook::model::result::StepResult;
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// The time limit of each attempt.
const LIMIT: Duration = Duration::from_secs(2);

/// So many cases go on at once. Most of them only wait.
const AT_ONCE: usize = 48;

const EFFECT: &str = "insert into effect (name) values ('NAME'); \
                      update counter set n = n + 1 where name = 'NAME' returning n";

/// One run of one step.
#[derive(Clone)]
struct Case {
    name: String,
    server: PathBuf,
    text: &'static str,
    transaction: bool,
    plans: Vec<Plan>,
    /// The executor is gone from the moment of the first disturbance on.
    killed: bool,
    /// Requests to cancel are lost too.
    swallows_cancels: bool,
}

/// How a run of one step went.
#[derive(Debug)]
struct Went {
    result: StepResult,
    attempts: u32,
    recoveries: u32,
    messages: Vec<Message>,
}

impl Case {
    fn new(cluster: &Cluster, name: impl Into<String>, plans: Vec<Plan>) -> Self {
        let server = cluster.socket_folder().join(".s.PGSQL.5432");
        let name = name.into();
        Self { name, server, text: EFFECT, transaction: true, plans, killed: false, swallows_cancels: false }
    }

    async fn proxy(&self) -> Proxy {
        let plans = self.plans.clone();
        if self.swallows_cancels {
            Proxy::without_cancels(&self.server, plans).await
        } else {
            Proxy::start(&self.server, plans).await
        }
    }

    /// Tries until the step has succeeded.
    async fn run(&self) -> Went {
        let proxy = self.proxy().await;
        let call = call(proxy.connection("once"), &self.text.replace("NAME", &self.name), &[], self.transaction);
        let mut recoveries = 0;
        for attempts in 1..=12 {
            let ticket = Ticket { run: self.name.clone(), attempt: attempts, ..ticket("step", LIMIT) };
            let Ok((intent, prepared)) = sql::prepare(&Environment::new(), &call, &ticket).await else { continue };
            assert!(matches!(&intent, Intent::Session { marker: Some(Marker::Held { .. }), .. }), "{intent:?}");
            let watcher = watcher();
            let mut ended = tokio::select! {
                biased;
                () = proxy.fired(), if self.killed && attempts == 1 => None,
                ended = sql::carry_out(prepared, &watcher.control) => Some(ended),
            };
            for _ in 0..10 {
                match ended {
                    Some(ended) if ended.end == End::Returned => {
                        let messages = proxy.messages();
                        return Went { result: ended.result, attempts, recoveries, messages };
                    }
                    None | Some(Ended { end: End::Lost { .. }, .. }) => {
                        recoveries += 1;
                        ended = Some(recovered(&intent, &call, &ticket).await);
                    }
                    Some(_) => break,
                }
            }
        }
        panic!("{} was never done", self.name);
    }
}

/// A server with room for many sessions, and an effect to be had.
fn cluster() -> Cluster {
    let cluster = Cluster::start();
    cluster.configure("max_connections = 400\n");
    cluster.stop_immediate();
    cluster.boot();
    let database = cluster.database("once");
    database.psql(
        "create table effect (number serial primary key, name text); create table counter (name text, n int); \
         insert into counter select 'c' || i, 0 from generate_series(0, 2000) i",
    );
    cluster
}

fn once(cluster: &Cluster) -> Database<'_> {
    cluster.known("once")
}

/// The messages of a step that nothing disturbs; makes the marker table too.
async fn undisturbed(cluster: &Cluster, name: &str) -> Vec<Message> {
    let mut messages = Vec::new();
    // The first makes the table and needs more messages than any after it.
    for number in 0..2 {
        let went = Case::new(cluster, format!("{name}{number}"), Vec::new()).run().await;
        assert_eq!((went.attempts, went.recoveries), (1, 0));
        messages = went.messages;
    }
    messages
}

/// For each message, its number among those of its way.
fn numbered(messages: &[Message]) -> Vec<(Way, usize, char)> {
    let mut next = [0, 0];
    let number = |way: Way| {
        let counter = &mut next[usize::from(way == Way::ToClient)];
        *counter += 1;
        *counter - 1
    };
    let ways = messages.iter().map(|(way, _)| *way).map(number).collect::<Vec<_>>();
    messages.iter().zip(ways).map(|((way, kind), index)| (*way, index, *kind)).collect()
}

/// Runs all cases, many at once, and looks whether each took effect exactly once and said so.
async fn each_exactly_once(cluster: &Cluster, cases: Vec<Case>) {
    let gate = Arc::new(Semaphore::new(AT_ONCE));
    let mut running = JoinSet::new();
    let names: Vec<String> = cases.iter().map(|case| case.name.clone()).collect();
    for case in cases {
        let gate = gate.clone();
        running.spawn(async move {
            let _permit = gate.acquire_owned().await.unwrap();
            let limit = Duration::from_mins(2);
            let went = tokio::time::timeout(limit, case.run()).await;
            let went = went.unwrap_or_else(|_| panic!("{:?}, killed: {} hangs", case.plans, case.killed));
            (case, went)
        });
    }
    while let Some(done) = running.join_next().await {
        let (case, went) = done.unwrap();
        let said = (went.result.row_count, json!(went.result.rows));
        assert_eq!(said, (Some(1), json!([{"n": 1}])), "{:?}, killed: {}: {went:?}", case.plans, case.killed);
    }
    let database = once(cluster);
    let wrong = "select string_agg(name || ' happened ' || effects || ' times, counted ' || n, ', ') from \
                 (select c.name, n, (select count(*) from effect e where e.name = c.name) effects from counter c) x";
    let names = names.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ");
    let wrong = format!("{wrong} where (n, effects) <> (1, 1) and name in ({names})");
    assert_eq!(database.psql(&wrong), "");
}

/// Every disturbance of these messages, with its executor and without.
fn disturbances(cluster: &Cluster, messages: &[Message], faults: &[Fault]) -> Vec<Case> {
    let mut cases = Vec::new();
    for (way, index, kind) in numbered(messages) {
        for fault in faults {
            // A setting that the server reports is like any other; what is late is late for the server.
            let alike = kind == 'S' && way == Way::ToClient && *fault != Fault::Cut;
            if alike || (matches!(fault, Fault::Late(_)) && way == Way::ToClient) {
                continue;
            }
            for killed in [false, true] {
                let plan = Plan { session: "runbook/", way, index, fault: *fault };
                let name = format!("c{}", cases.len() + 10);
                cases.push(Case { killed, ..Case::new(cluster, name, vec![plan]) });
            }
        }
    }
    assert!(cases.len() > messages.len(), "{} cases", cases.len());
    cases
}

#[tokio::test]
async fn a_cut_at_any_message_in_any_direction_is_made_good() {
    let cluster = cluster();
    let messages = undisturbed(&cluster, "c").await;
    each_exactly_once(&cluster, disturbances(&cluster, &messages, &[Fault::Cut])).await;
}

#[tokio::test]
async fn any_message_that_is_lost_without_a_word_is_made_good() {
    let cluster = cluster();
    let messages = undisturbed(&cluster, "c").await;
    each_exactly_once(&cluster, disturbances(&cluster, &messages, &[Fault::BlackHole])).await;
}

#[tokio::test]
async fn any_message_that_comes_late_is_made_good() {
    let cluster = cluster();
    let messages = undisturbed(&cluster, "c").await;
    let faults = [Duration::from_millis(300), LIMIT + Duration::from_secs(2)].map(Fault::Delay);
    each_exactly_once(&cluster, disturbances(&cluster, &messages, &faults)).await;
}

#[tokio::test]
async fn any_message_that_reaches_the_server_after_its_connection_was_given_up_is_made_good() {
    let cluster = cluster();
    let messages = undisturbed(&cluster, "c").await;
    let faults = [Duration::from_millis(700), LIMIT + Duration::from_secs(2)].map(Fault::Late);
    each_exactly_once(&cluster, disturbances(&cluster, &messages, &faults)).await;
}

#[tokio::test]
async fn a_session_that_is_terminated_at_any_message_is_made_good() {
    let cluster = cluster();
    let messages = undisturbed(&cluster, "c").await;
    // Before it has said who it is there is nothing to terminate.
    let known = numbered(&messages).iter().position(|(_, _, kind)| *kind == 'K').unwrap();
    let first = numbered(&messages)[known..].to_vec();
    let all = disturbances(&cluster, &messages, &[Fault::Terminate]);
    let after = all.into_iter().filter(|case| {
        let plan = &case.plans[0];
        first.iter().any(|(way, index, _)| (plan.way, plan.index) == (*way, *index))
    });
    each_exactly_once(&cluster, after.collect()).await;
}

/// The place of `COMMIT` among the messages to the server: the last before the end.
fn commit(messages: &[Message]) -> usize {
    let mut queries = numbered(messages).into_iter().filter(|(way, _, kind)| *way == Way::ToServer && *kind == 'Q');
    queries.next_back().unwrap().1
}

/// The first message of the answer to `COMMIT`.
fn answer(messages: &[Message]) -> usize {
    let to_client = messages.iter().filter(|(way, _)| *way == Way::ToClient).count();
    to_client - 2
}

#[tokio::test]
async fn a_recovery_that_is_disturbed_itself_at_any_message_finds_the_same() {
    let cluster = cluster();
    let messages = undisturbed(&cluster, "c").await;
    let lost = |fault| Plan { session: "runbook/", way: Way::ToServer, index: commit(&messages), fault };
    let done = Plan { session: "runbook/", way: Way::ToClient, index: answer(&messages), fault: Fault::Cut };
    let first = [lost(Fault::Cut), lost(Fault::Late(Duration::from_millis(700))), done];
    let mut cases = Vec::new();
    for fault in [Fault::Cut, Fault::BlackHole, Fault::Delay(Duration::from_secs(6))] {
        for (way, index) in
            (0..6).map(|index| (Way::ToServer, index)).chain((0..36).map(|index| (Way::ToClient, index)))
        {
            let reports = way == Way::ToClient && (2..13).contains(&index);
            for first in first.iter().filter(|_| fault == Fault::Cut || !reports) {
                let again = Plan { session: "runbook-recover", way, index, fault };
                let name = format!("c{}", cases.len() + 10);
                cases.push(Case { killed: true, ..Case::new(&cluster, name, vec![first.clone(), again]) });
            }
        }
    }
    each_exactly_once(&cluster, cases).await;
}

#[tokio::test]
async fn where_requests_to_cancel_are_lost_the_session_is_ended_from_another_one() {
    let cluster = cluster();
    let database = once(&cluster);
    let text = "set statement_timeout = 0; insert into effect (name) values ('deaf'); select pg_sleep(60)";
    let proxy = Case { swallows_cancels: true, ..Case::new(&cluster, "deaf", Vec::new()) }.proxy().await;
    let call = call(proxy.connection("once"), text, &[], true);
    let (_, prepared) = sql::prepare(&Environment::new(), &call, &ticket("deaf", LIMIT)).await.unwrap();
    let ended = sql::carry_out(prepared, &watcher().control).await;
    assert_eq!(ended.end, End::TimedOut);
    let left = "select count(*) from pg_stat_activity where application_name like 'runbook/%'";
    assert_eq!(database.psql(left), "0");
    assert_eq!(database.psql("select count(*) from effect where name = 'deaf'"), "0");
}
