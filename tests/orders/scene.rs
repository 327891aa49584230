//! The shipped orders runbook in front of a real server: a copy of its folder that a test may change, a fresh database
//! for each case, and everything that the runbook may touch, to be compared.

#![expect(clippy::expect_used, reason = "a test that cannot have its scene has failed")]

use std::cell::Cell;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::postgres::{Cluster, Database};
use crate::program::{Program, Ran};

/// The steps that change something, in their order.
pub const MUTATING: [&str; 6] =
    ["add-references", "clear-index", "build-index", "log-slow", "reload", "drop-reference"];

/// What counts now, asked by a session that has just begun.
const SLOW: &str = "select setting from pg_settings where name = 'log_min_duration_statement'";

/// One server with the sample database to copy from.
pub struct Stage {
    cluster: Cluster,
    first_settings: String,
    cases: Cell<u32>,
}

/// One case: its database, its copy of the runbook, its state folder.
pub struct Scene<'a> {
    pub database: Database<'a>,
    pub program: Program,
    stage: &'a Stage,
    folder: TempDir,
    connection: String,
}

/// All that the runbook may change outside of its own state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct World {
    /// Schema and rows.
    pub dump: String,
    /// `postgresql.auto.conf`, byte by byte.
    pub settings: String,
    /// What the server does by now.
    pub slow: String,
    /// Indexes that a broken build left: `pg_dump` passes over them.
    pub invalid: String,
}

impl Stage {
    pub fn set() -> Self {
        let cluster = Cluster::start();
        cluster.database("sample").load(shipped().join("schema.sql"));
        let mut stage = Self { cluster, first_settings: String::new(), cases: Cell::new(0) };
        stage.first_settings = stage.settings();
        stage
    }

    /// The server's own file.
    fn settings(&self) -> String {
        std::fs::read_to_string(self.cluster.data().join("postgresql.auto.conf")).expect("the server's own file")
    }

    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// A case of its own, on a server that has its first settings again.
    pub fn scene(&self) -> Scene<'_> {
        self.cases.set(self.cases.get() + 1);
        let database = self.cluster.copy(&format!("case{}", self.cases.get()), "sample");
        if self.settings() != self.first_settings {
            database.psql("alter system reset all");
            reload(&database, "-1");
        }
        let folder = tempfile::tempdir().expect("a folder");
        for entry in std::fs::read_dir(shipped()).expect("the runbook").map(|entry| entry.expect("a file")) {
            std::fs::copy(entry.path(), folder.path().join(entry.file_name())).expect("a copy");
        }
        let connection = format!("connection={}", database.connection());
        let program = Program::new(folder.path().join("state"));
        Scene { database, program, stage: self, folder, connection }
    }
}

/// Lets the server read its settings, and waits until they count.
pub fn reload(database: &Database<'_>, wanted: &str) {
    database.psql("select pg_reload_conf()");
    settled(database, wanted);
}

fn settled(database: &Database<'_>, wanted: &str) {
    assert!((0..500).any(|_| database.psql(SLOW) == wanted), "log_min_duration_statement never became {wanted}");
}

impl Scene<'_> {
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Changes the copy of the runbook.
    pub fn edit(&self, edit: impl FnOnce(&mut Value)) {
        let path = self.file("runbook.yaml");
        let text = std::fs::read_to_string(&path).expect("the runbook");
        let mut runbook: Value = serde_yaml::from_str(&text).expect("YAML");
        edit(&mut runbook);
        std::fs::write(path, serde_yaml::to_string(&runbook).expect("YAML")).expect("the copy");
    }

    /// Changes one step of the copy.
    pub fn edit_step(&self, id: &str, field: &str, value: Value) {
        self.edit(|runbook| step(&mut runbook["steps"], id).expect("a step of that id")[field] = value);
    }

    /// Takes a failure of that step, once, for the end of the way forward.
    pub fn roll_back_on_failure_of(&self, id: &str) {
        self.edit_step(id, "on_failure", json!("rollback"));
        self.edit(|runbook| {
            step(&mut runbook["steps"], id).and_then(Value::as_object_mut).expect("a step").remove("retry");
        });
    }

    /// Replaces a text in a file of the copy.
    pub fn replace(&self, name: &str, old: &str, new: &str) {
        let text = std::fs::read_to_string(self.file(name)).expect("a file of the runbook");
        assert!(text.contains(old), "{name} has no {old}");
        std::fs::write(self.file(name), text.replace(old, new)).expect("the copy");
    }

    fn arguments<'s>(&'s self, command: &'s str, options: &[&'s str], runbook: &'s str) -> Vec<&'s str> {
        let mut arguments = vec![command, runbook, "-p", &self.connection];
        arguments.extend(options);
        arguments
    }

    /// `runbook <command> runbook.yaml <options>`, pointed at the database.
    pub fn run(&self, command: &str, options: &[&str]) -> Ran {
        let runbook = self.file("runbook.yaml").display().to_string();
        self.program.run(&self.arguments(command, options, &runbook))
    }

    /// The same, until it stops itself at a crash point.
    #[cfg(feature = "crash-points")]
    pub fn crash(&self, point: &str) -> Ran {
        let runbook = self.file("runbook.yaml").display().to_string();
        self.program.crash(point, &self.arguments("exec", &["--yes", "--json"], &runbook))
    }

    /// The same, and nobody waits for it.
    pub fn start(&self) -> std::process::Child {
        let runbook = self.file("runbook.yaml").display().to_string();
        self.program.start(&self.arguments("exec", &["--yes", "--json"], &runbook))
    }

    /// What there is outside of the run's own state.
    pub fn world(&self) -> World {
        self.world_that_logs(self.database.psql(SLOW))
    }

    /// The same, as soon as the server logs statements as slow as that: it reads its settings a moment after it was asked
    /// to.
    pub fn world_once_reloaded(&self, slow: &str) -> World {
        settled(&self.database, slow);
        self.world_that_logs(slow.to_owned())
    }

    fn world_that_logs(&self, slow: String) -> World {
        let invalid = self.database.psql("select indexrelid::regclass from pg_index where not indisvalid");
        World { dump: self.database.dump(), settings: self.stage.settings(), slow, invalid }
    }
}

/// The folder that is shipped.
pub fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("runbooks/orders-maintenance")
}

/// The ids of the shipped runbook's acting steps, in order.
pub fn ids() -> Vec<String> {
    let text = std::fs::read_to_string(shipped().join("runbook.yaml")).expect("the runbook");
    let runbook: Value = serde_yaml::from_str(&text).expect("YAML");
    let mut ids = Vec::new();
    collect(&runbook["steps"], &mut ids);
    ids
}

fn collect(steps: &Value, ids: &mut Vec<String>) {
    for step in steps.as_array().into_iter().flatten() {
        if step.get("steps").is_some() {
            collect(&step["steps"], ids);
        } else {
            ids.extend(step["id"].as_str().map(str::to_owned));
        }
    }
}

fn step<'a>(steps: &'a mut Value, id: &str) -> Option<&'a mut Value> {
    steps
        .as_array_mut()?
        .iter_mut()
        .find_map(|found| if found["id"] == json!(id) { Some(found) } else { step(found.get_mut("steps")?, id) })
}
