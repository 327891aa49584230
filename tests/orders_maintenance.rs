//! The statements of the shipped database runbook on a real server: each check tells the truth, each undo undoes.

#[path = "support/postgres.rs"]
mod support;

use std::path::{Path, PathBuf};
use std::time::Duration;

use runbook::action::execute::{Control, End};
use runbook::action::observe::answer;
use runbook::action::sql;
use runbook::action::target::Environment;
use runbook::model::call::{Connection, Hidden, SqlCall, Ticket};
use runbook::model::event::Answer;
use serde_json::{Value, json};
use support::{Cluster, Database};
use tokio::sync::{mpsc, watch};

/// What can be undone, in its order.
const STEPS: [&str; 5] = ["add-references", "clear-index", "build-index", "log-slow", "reload"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("runbooks/orders-maintenance")
}

struct Scene<'a> {
    database: Database<'a>,
    runbook: Value,
    variables: Vec<(&'static str, Value)>,
}

impl<'a> Scene<'a> {
    fn new(cluster: &'a Cluster) -> Self {
        let database = cluster.database("orders");
        database.load(folder().join("schema.sql"));
        let text = std::fs::read_to_string(folder().join("runbook.yaml")).unwrap_or_default();
        let runbook = serde_yaml::from_str(&text).unwrap_or_default();
        let last_order = json!(database.psql("select max(id) from orders"));
        Self { database, runbook, variables: vec![("milliseconds", json!(500)), ("last_order", last_order)] }
    }

    fn step(&self, id: &str) -> &Value {
        find(&self.runbook["steps"], id).unwrap_or_else(|| panic!("no step {id}"))
    }

    fn call(&self, action: &Value) -> SqlCall {
        let text = match action.get("sql").or(action.get("query")) {
            Some(Value::String(text)) => text.clone(),
            Some(file) => {
                let name = file["file"].as_str().unwrap_or_default();
                std::fs::read_to_string(folder().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
            }
            None => panic!("no text in {action}"),
        };
        SqlCall {
            connection: Connection {
                name: "orders".to_owned(),
                string: Hidden(self.database.connection()),
                password: None,
                database: None,
            },
            text,
            variables: self.variables.iter().map(|(name, value)| ((*name).to_owned(), Hidden(value.clone()))).collect(),
            transaction: action["transaction"] != json!(false),
        }
    }

    async fn run(&self, action: &Value) {
        let (_keep, cancel) = watch::channel(false);
        let control = Control { cancel, output: mpsc::unbounded_channel().0 };
        match sql::prepare(&Environment::new(), &self.call(action), &ticket()).await {
            Ok((_, prepared)) => assert_eq!(sql::carry_out(prepared, &control).await.end, End::Returned, "{action}"),
            Err(failure) => panic!("{failure:?}"),
        }
    }

    async fn undo(&self, id: &str) {
        let rollback = self.step(id)["rollback"].clone();
        let parts = rollback.as_array().cloned().unwrap_or_else(|| vec![rollback]);
        for part in parts {
            let restores = part["id"] == json!("log-slow-restore");
            if part.get("sql").is_some() && (!restores || self.variables.iter().any(|(name, _)| *name == "own")) {
                self.run(&part).await;
            }
        }
    }

    async fn holds(&self, id: &str, probe: &str) -> Answer {
        let asked = &self.step(id)[probe];
        answer(&sql::look(&Environment::new(), &self.call(asked), &ticket()).await).0
    }

    /// A reload counts a moment after it was asked for.
    async fn eventually_holds(&self, id: &str, probe: &str) {
        for _ in 0..200 {
            if self.holds(id, probe).await == Answer::Holds {
                return;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("{probe} of {id} never held");
    }

    async fn expand(&self) {
        for id in STEPS {
            if self.step(id).get("check").is_some() {
                assert_eq!(self.holds(id, "check").await, Answer::DoesNotHold, "{id} before");
            }
            self.run(self.step(id)).await;
            let probe = if self.step(id).get("verify").is_some() { "verify" } else { "check" };
            self.eventually_holds(id, probe).await;
        }
    }

    /// What the server's own file sets.
    fn settings(&self) -> String {
        self.database.psql("select name, setting from pg_file_settings where sourcefile like '%auto.conf' order by 1")
    }
}

fn find<'a>(steps: &'a Value, id: &str) -> Option<&'a Value> {
    steps
        .as_array()?
        .iter()
        .find_map(|step| if step["id"] == json!(id) { Some(step) } else { find(&step["steps"], id) })
}

fn ticket() -> Ticket {
    Ticket {
        run: "20260201-2200-orders-maintenance".to_owned(),
        step: "step".to_owned(),
        attempt: 1,
        undo: None,
        timeout: Some(Duration::from_secs(30)),
        sensitive: false,
        secrets: Hidden(Vec::new()),
    }
}

#[tokio::test]
async fn undoing_every_step_twice_leaves_the_dump_and_the_settings_as_they_were() {
    let cluster = Cluster::start();
    let mut scene = Scene::new(&cluster);
    let (dump, settings) = (scene.database.dump(), scene.settings());
    for own in [None, Some("250")] {
        if let Some(own) = own {
            scene.database.psql(&format!("alter system set log_min_duration_statement = '{own}'"));
            scene.variables.push(("own", json!(own)));
        }
        let settings = own.map_or(settings.clone(), |own| format!("log_min_duration_statement|{own}"));
        scene.expand().await;
        assert_ne!(scene.database.dump(), dump);
        for _ in 0..2 {
            for id in STEPS.iter().rev() {
                scene.undo(id).await;
            }
            assert_eq!(scene.database.dump(), dump);
            assert_eq!(scene.settings(), settings);
        }
        for id in ["add-references", "build-index", "log-slow"] {
            assert_eq!(scene.holds(id, "check").await, Answer::DoesNotHold, "{id} after");
        }
    }
}

#[tokio::test]
async fn the_leftover_of_a_failed_index_build_is_cleared_by_the_undo_and_by_a_second_attempt() {
    let cluster = Cluster::start();
    let scene = Scene::new(&cluster);
    let index = "public.orders_status_placed_at";
    let breaking = format!("update pg_index set indisvalid = false where indexrelid = '{index}'::regclass");
    scene.run(scene.step("build-index")).await;
    scene.database.psql(&breaking);
    assert_eq!(scene.holds("build-index", "check").await, Answer::DoesNotHold);
    scene.run(scene.step("build-index")).await;
    assert_eq!(scene.holds("build-index", "check").await, Answer::Holds);
    scene.undo("clear-index").await;
    assert_eq!(scene.holds("build-index", "check").await, Answer::Holds);
    scene.database.psql(&breaking);
    assert_eq!(scene.holds("clear-index", "verify").await, Answer::DoesNotHold);
    scene.undo("clear-index").await;
    assert_eq!(scene.database.psql(&format!("select to_regclass('{index}') is null")), "t");
}

#[tokio::test]
async fn the_old_column_goes_and_what_it_held_stays() {
    let cluster = Cluster::start();
    let scene = Scene::new(&cluster);
    for id in ["server", "quiet", "counts-before", "setting-before"] {
        let looked = sql::look(&Environment::new(), &scene.call(scene.step(id)), &ticket()).await;
        assert_eq!(looked.map(|result| result.row_count), Ok(Some(1)), "{id}");
    }
    scene.expand().await;
    scene.database.psql("update orders set legacy_reference = 'late' where id = 1");
    assert_eq!(scene.holds("drop-reference", "check").await, Answer::DoesNotHold);
    scene.run(scene.step("drop-reference")).await;
    assert_eq!(scene.holds("drop-reference", "check").await, Answer::Holds);
    let after = sql::look(&Environment::new(), &scene.call(scene.step("after")), &ticket()).await;
    let wanted = json!([{"moved": 1251, "orders": 5000, "indexed": true}]);
    assert_eq!(after.map(|result| json!(result.rows)), Ok(wanted));
    assert_eq!(
        scene.database.psql("select reference from order_references where order_id in (1, 4) order by order_id"),
        "late\nL-4"
    );
}
