//! Whole runs with SQL steps, the program killed and the connection disturbed around `COMMIT`, then taken up again.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "support/postgres.rs"]
mod postgres;
#[expect(dead_code, reason = "every file of tests uses a part of it")]
#[path = "support/proxy.rs"]
mod proxy;
#[expect(dead_code, reason = "every file of tests uses a part of it")]
#[path = "support/scenario.rs"]
mod scenario;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use postgres::Cluster;
use proxy::{Fault, Message, Plan, Proxy, Way};
use scenario::Scenario;
use tokio::sync::Semaphore;
use tokio::task::{JoinSet, LocalSet};

/// A step that goes forward through the proxy.
const FORWARD: &str = r#"
runbook: 1
name: forward
targets: { orders: { postgres: "PROXIED" } }
defaults: { timeout: 3s }
steps:
  - id: count
    sql: update counter set n = n + 1 where name = 'NAME' returning n
    target: orders
    outputs: { now: "{{ rows[0].n }}" }
    verify: { query: select n = 1 from counter where name = 'NAME' }
    rollback: { sql: update counter set n = n - 1 where name = 'NAME' }
  - id: seen
    assert: [{ that: steps.count.outputs.now == 1 }]
"#;

/// A step whose undo goes through the proxy.
const BACK: &str = r#"
runbook: 1
name: back
targets: { orders: { postgres: "PROXIED" }, beside: { postgres: "DIRECT" } }
defaults: { timeout: 3s }
steps:
  - id: count
    sql: update counter set n = n + 0 where name = 'NAME'
    target: beside
    verify: { query: select true }
    rollback: { sql: update counter set n = n + 1 where name = 'NAME', target: orders }
  - id: break
    shell: exit 3
    timeout: 1m
    verify: { command: ["true"] }
    rollback: { not_needed: it does nothing }
    on_failure: rollback
"#;

#[derive(Clone)]
struct Case {
    name: String,
    runbook: &'static str,
    server: PathBuf,
    direct: String,
    plans: Vec<Plan>,
    killed: bool,
}

impl Case {
    /// Runs it and takes it up again until it has ended with that code.
    async fn run(&self, code: i32) -> Vec<Message> {
        let proxy = Proxy::start(&self.server, self.plans.clone()).await;
        let text = self.runbook.replace("PROXIED", &proxy.connection("once")).replace("DIRECT", &self.direct);
        let scenario = Scenario::new(&text.replace("NAME", &self.name));
        let mut executor = scenario.start(&["exec", "runbook.yaml", "--yes", "--json"]);
        if self.killed {
            proxy.fired().await;
            executor.kill().unwrap();
        }
        let mut ended = ended(&scenario, executor).await;
        for _ in 0..10 {
            if ended.0 == Some(code) {
                return proxy.messages();
            }
            let again = scenario.start(&["resume", "--yes", "--json"]);
            ended = self::ended(&scenario, again).await;
        }
        panic!("{:?}, killed: {}: {ended:?}\n{:#?}", self.plans, self.killed, scenario.journal());
    }
}

/// The exit code of the program, and what it said.
async fn ended(scenario: &Scenario, mut program: std::process::Child) -> (Option<i32>, String) {
    let limit = tokio::time::Instant::now() + Duration::from_secs(90);
    while program.try_wait().unwrap().is_none() {
        assert!(tokio::time::Instant::now() < limit, "it hangs: {:#?}", scenario.journal());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let ran = scenario.wait(program);
    (ran.output.status.code(), format!("{}{}", ran.stdout(), ran.stderr()))
}

fn cluster() -> Cluster {
    let cluster = Cluster::start();
    let database = cluster.database("once");
    database.psql(
        "create table counter (name text, n int); insert into counter select 'c' || i, 0 from generate_series(0, 200) i",
    );
    cluster
}

/// Every disturbance of what goes to the server last and of what comes back, with an executor that is killed and without.
async fn around_commit(runbook: &'static str, code: i32) {
    let cluster = cluster();
    let database = cluster.known("once");
    let case = |name: &str, plans| Case {
        name: name.to_owned(),
        runbook,
        server: cluster.socket_folder().join(".s.PGSQL.5432"),
        direct: database.connection(),
        plans,
        killed: false,
    };
    case("c0", Vec::new()).run(code).await;
    let messages = case("c1", Vec::new()).run(code).await;
    let count = |way| messages.iter().filter(|(seen, _)| *seen == way).count();
    let kinds = messages.iter().filter(|(way, _)| *way == Way::ToServer).map(|(_, kind)| *kind).collect::<Vec<_>>();
    let commit = kinds.iter().rposition(|kind| *kind == 'Q').unwrap();
    let answered = count(Way::ToClient);
    let mut cases = Vec::new();
    let late = Duration::from_secs(1);
    for (way, indexes, faults) in [
        (Way::ToServer, commit - 1..commit + 1, [Fault::Cut, Fault::BlackHole, Fault::Late(late), Fault::Terminate]),
        (Way::ToClient, answered - 2..answered, [Fault::Cut, Fault::BlackHole, Fault::Delay(late), Fault::Terminate]),
    ] {
        for index in indexes {
            for fault in faults {
                for killed in [false, true] {
                    let plan = Plan { session: "runbook/", way, index, fault };
                    cases.push(Case { killed, ..case(&format!("c{}", cases.len() + 2), vec![plan]) });
                }
            }
        }
    }
    let (gate, mut running) = (Arc::new(Semaphore::new(8)), JoinSet::new());
    let names = cases.iter().map(|case| format!("'{}'", case.name)).collect::<Vec<_>>().join(", ");
    for case in cases {
        let gate = gate.clone();
        running.spawn_local(async move {
            let _permit = gate.acquire_owned().await.unwrap();
            case.run(code).await
        });
    }
    while let Some(done) = running.join_next().await {
        done.unwrap();
    }
    let wrong =
        format!("select string_agg(name || ' counted ' || n, ', ') from counter where n <> 1 and name in ({names})");
    assert_eq!(database.psql(&wrong), "");
}

#[tokio::test]
async fn a_run_that_is_killed_or_loses_its_server_around_commit_takes_effect_once() {
    LocalSet::new().run_until(around_commit(FORWARD, 0)).await;
}

#[tokio::test]
async fn an_undo_that_is_killed_or_loses_its_server_around_commit_takes_effect_once() {
    LocalSet::new().run_until(around_commit(BACK, 4)).await;
}

#[test]
fn a_plan_says_which_step_is_at_most_once_and_why() {
    let cluster = cluster();
    let database = cluster.known("once");
    database.psql("create role clerk login; grant all on counter to clerk");
    let direct = database.connection();
    let plan = |connection: &str| {
        let scenario = Scenario::new(&FORWARD.replace("PROXIED", connection).replace("NAME", "c0"));
        scenario.run(&["plan", "runbook.yaml"]).exits(0).shown()
    };
    let why =
        "at most once, because it can leave no marker: clerk may neither write to runbook.marker nor make it in once";
    let shown = plan(&direct.replace("user=postgres", "user=clerk"));
    assert!(shown.contains(why), "{shown}");
    assert!(!plan(&direct).contains("at most once"));
    assert_eq!(database.psql("select count(*) from pg_namespace where nspname = 'runbook'"), "0", "a plan only looks");
}

/// A check that asks only whether there is an index of that name.
const INDEX: &str = r#"
runbook: 1
name: index
targets: { orders: { postgres: "DIRECT" } }
defaults: { timeout: 30s }
steps:
  - id: build
    sql: create index concurrently counter_name on counter (name)
    target: orders
    transaction: false
    check: { query: select to_regclass('counter_name') is not null }
    rollback: { sql: drop index concurrently if exists counter_name, transaction: false }
    on_failure: stop
"#;

#[test]
fn a_check_that_finds_only_the_remains_of_a_broken_build_is_not_believed() {
    let cluster = cluster();
    let database = cluster.known("once");
    database.psql("create index counter_name on counter (name)");
    let scenario = Scenario::new(&INDEX.replace("DIRECT", &database.connection()));
    let plan = |scenario: &Scenario| scenario.run(&["plan", "runbook.yaml"]).exits(0).shown();
    assert!(plan(&scenario).contains("check holds now"), "a valid one is the effect");
    database.psql("update pg_index set indisvalid = false where indexrelid = 'counter_name'::regclass");
    assert!(!plan(&scenario).contains("check holds now"));
    scenario.exec(&["--yes"]).exits(1).says("index public.counter_name of public.counter is INVALID");
    assert!(!scenario.journal().iter().any(|line| line == "step_in_place build"));
    scenario.run(&["rollback", "--yes"]).exits(4);
    assert_eq!(database.psql("select to_regclass('counter_name') is null"), "t", "what it left is undone");
}
