//! The first runbook that somebody runs, whole: in a folder of its own, with the real program.

#![expect(clippy::expect_used, reason = "helpers of tests")]

#[path = "support/program.rs"]
mod program;

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use program::{Program, Ran, event};
use serde_json::{Value, json};
use tempfile::TempDir;

/// One service's folder and one state folder. The runbook's second of rest is left out of a copy.
struct Scene {
    root: TempDir,
    program: Program,
    folder: String,
}

/// Every entry below a folder: its kind and mode, its owner, its bytes.
type Tree = BTreeMap<PathBuf, (u32, u32, u32, Vec<u8>)>;

const OLD: &str = "# Ours.\nname = shop\nworkers = 3\nlisten = 8080\n";

impl Scene {
    fn new() -> Self {
        let root = tempfile::tempdir().expect("a folder");
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("runbooks/quickstart.yaml");
        let text = std::fs::read_to_string(shipped).expect("the runbook");
        assert!(text.contains("wait: 1s"));
        std::fs::write(root.path().join("quickstart.yaml"), text.replace("wait: 1s", "wait: 1ms")).expect("a copy");
        std::fs::create_dir(root.path().join("world")).expect("a folder");
        let program = Program::new(root.path().join("state"));
        let folder = format!("folder={}", root.path().join("world/service").display());
        Self { root, program, folder }
    }

    /// The service is there already, with settings that are not ours to change.
    fn with_service() -> Self {
        let scene = Self::new();
        let service = scene.world().join("service");
        std::fs::create_dir(&service).expect("a folder");
        let config = service.join("service.conf");
        std::fs::write(&config, OLD).expect("a file");
        std::fs::set_permissions(&config, std::fs::Permissions::from_mode(0o604)).expect("a mode");
        scene
    }

    fn world(&self) -> PathBuf {
        self.root.path().join("world")
    }

    fn config(&self) -> String {
        std::fs::read_to_string(self.world().join("service/service.conf")).expect("the configuration")
    }

    fn tree(&self) -> Tree {
        let mut tree = Tree::new();
        collect(&self.world(), &mut tree);
        tree
    }

    fn arguments<'s>(&'s self, command: &'s str, options: &[&'s str], file: &'s str) -> Vec<&'s str> {
        [&[command, file, "-p", &self.folder], options].concat()
    }

    fn file(&self) -> String {
        self.root.path().join("quickstart.yaml").display().to_string()
    }

    /// Makes the fifth step say that it began, wait for a word, and count how often it was run.
    fn wait_in_the_fifth_step(&self) -> [PathBuf; 3] {
        let files = ["began", "word", "count"].map(|name| self.root.path().join(name));
        let [began, word, count] = files.each_ref().map(|file| file.display());
        for pipe in &files[..2] {
            rustix::fs::mkfifoat(rustix::fs::CWD, pipe, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR)
                .expect("a pipe");
        }
        let text = std::fs::read_to_string(self.file()).expect("the runbook");
        let waits = format!("echo >{began}; read <{word}; echo once >>{count}; touch \"$FLAG\"");
        assert!(text.contains("touch \"$FLAG\""));
        std::fs::write(self.file(), text.replace("touch \"$FLAG\"", &waits)).expect("a copy");
        files
    }

    fn start(&self) -> std::process::Child {
        self.program.start(&self.arguments("exec", &YES, &self.file()))
    }

    fn run(&self, command: &str, options: &[&str]) -> Ran {
        self.program.run(&self.arguments(command, options, &self.file()))
    }

    #[cfg(feature = "crash-points")]
    fn crash(&self, point: &str, options: &[&str]) -> Ran {
        self.program.crash(point, &self.arguments("exec", options, &self.file()))
    }
}

fn collect(folder: &Path, tree: &mut Tree) {
    for entry in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        let about = entry.symlink_metadata().expect("its modes");
        let bytes = if about.is_file() { std::fs::read(&entry).expect("a file") } else { Vec::new() };
        if about.is_dir() {
            collect(&entry, tree);
        }
        tree.insert(entry, (about.mode(), about.uid(), about.gid(), bytes));
    }
}

fn ended(ran: &Ran, code: i32, state: &str) {
    let status = ran.status();
    assert_eq!((ran.code, status["state"].as_str()), (Some(code), Some(state)), "{status:#}\n{}", ran.stderr);
}

/// Id and status of each planned step, with what a `file` step would change.
fn planned(scene: &Scene) -> Vec<(String, String)> {
    let ran = scene.run("plan", &["--json"]);
    let plan: Value = serde_json::from_str(&ran.stdout).expect("a plan");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    plan["steps"].as_array().expect("steps").iter().map(|step| (text(&step["id"]), text(&step["status"]))).collect()
}

const YES: [&str; 2] = ["--yes", "--json"];
const FAIL: [&str; 4] = ["--yes", "--json", "-p", "fail=true"];

#[test]
fn a_plan_changes_nothing_and_says_what_two_runs_then_do() {
    let scene = Scene::new();
    let statuses = |words: [&str; 9]| {
        let ids = ["make-folder", "write-config", "raise-workers", "read-back", "begin-maintenance", "settle"];
        let ids = [&ids[..], &["right-number", "keep-it", "end-maintenance"]].concat();
        ids.into_iter().zip(words).map(|(id, word)| (id.to_owned(), word.to_owned())).collect::<Vec<_>>()
    };
    let first = ["changes", "unknown", "unknown", "reads", "changes", "reads", "reads", "person", "changes"];
    assert_eq!(planned(&scene), statuses(first));
    assert_eq!((scene.tree(), scene.program.state().exists()), (Tree::new(), false));
    ended(&scene.run("exec", &YES), 0, "succeeded");
    assert_eq!(scene.config(), "# The sample service.\nname = quickstart\nworkers = 4\n");
    let names: Vec<PathBuf> = scene.tree().into_keys().collect();
    let service = scene.world().join("service");
    assert_eq!(names, [service.clone(), service.join("service.conf")]);
    assert_eq!(scene.tree()[&service.join("service.conf")].0 & 0o7777, 0o640);

    let done = scene.tree();
    let again = ["in_place", "in_place", "in_place", "reads", "changes", "reads", "reads", "person", "changes"];
    assert_eq!(planned(&scene), statuses(again));
    let ran = scene.run("exec", &YES);
    ended(&ran, 0, "succeeded");
    let found: Vec<Value> = ran.lines().into_iter().filter(|record| event(record).0 == "step_in_place").collect();
    let found: Vec<&str> = found.iter().map(|record| event(record).1).collect();
    assert_eq!(found, ["make-folder", "write-config", "raise-workers"]);
    assert_eq!(scene.tree(), done);
}

#[test]
fn a_service_that_is_there_keeps_its_other_settings_and_its_mode() {
    let scene = Scene::with_service();
    ended(&scene.run("exec", &YES), 0, "succeeded");
    assert_eq!(scene.config(), OLD.replace("workers = 3", "workers = 4"));
    assert_eq!(scene.tree()[&scene.world().join("service/service.conf")].0 & 0o7777, 0o604);
}

#[test]
fn the_fifth_step_fails_when_it_is_told_to_and_every_byte_and_mode_comes_back() {
    for scene in [Scene::new(), Scene::with_service()] {
        let before = scene.tree();
        let ran = scene.run("exec", &FAIL);
        ended(&ran, 4, "rolled_back");
        let lines = ran.lines();
        let failed: Vec<&Value> = lines.iter().filter(|record| record["outcome"] == json!("failed")).collect();
        assert_eq!(failed.iter().map(|record| event(record).1).collect::<Vec<_>>(), ["begin-maintenance"]);
        assert_eq!(failed[0]["result"]["stderr"], json!("failing, as -p fail=true wanted it"));
        assert_eq!(scene.tree(), before);
    }
}

#[test]
fn a_no_to_the_question_puts_everything_back() {
    for scene in [Scene::new(), Scene::with_service()] {
        let before = scene.tree();
        ended(&scene.run("exec", &["--json"]), 7, "blocked");
        let run = scene.program.records()[0]["run"].as_str().expect("its id").to_owned();
        assert_eq!(scene.program.run(&["answer", &run, "keep-it", "no", "--reason", "too many"]).code, Some(0));
        ended(&scene.program.run(&["resume", "--json"]), 4, "rolled_back");
        assert_eq!(scene.tree(), before);
    }
}

#[test]
fn a_step_whose_executor_is_killed_goes_on_and_is_not_run_twice() {
    let scene = Scene::with_service();
    let [began, word, count] = scene.wait_in_the_fifth_step();
    let mut child = scene.start();
    assert_eq!(std::fs::read_to_string(began).expect("the step began"), "\n");
    child.kill().expect("it runs");
    child.wait().expect("its end");
    let resumed = scene.program.start(&["resume", "--yes", "--json"]);
    std::fs::write(word, "go on\n").expect("the step reads it");
    let ran = Ran::of(&resumed.wait_with_output().expect("its end"));
    ended(&ran, 0, "succeeded");
    assert_eq!(std::fs::read_to_string(count).expect("it was run"), "once\n");
    assert_eq!(scene.config(), OLD.replace("workers = 3", "workers = 4"));
}

/// Kills runs with these options at every point from the first record of that kind on, resumes each, and holds the end
/// against that of a run that nobody killed.
#[cfg(feature = "crash-points")]
fn killed_and_resumed(scene: fn() -> Scene, options: &[&str], from: &str, code: i32, state: &str) {
    let whole = scene();
    let mut records = whole.run("exec", options).lines();
    records.pop();
    let first = records.iter().position(|record| event(record).0 == from).expect("a record of that kind");
    let relative = |scene: &Scene| -> Tree {
        let root = scene.world();
        let inside = |path: PathBuf| path.strip_prefix(&root).expect("a path inside").to_owned();
        scene.tree().into_iter().map(|(path, about)| (inside(path), about)).collect()
    };
    for point in program::crash_points(&records, first) {
        let scene = scene();
        let crashed = scene.crash(&point, options);
        assert_eq!(crashed.code, None, "{point}: it did not stop there: {}", crashed.stderr);
        let ran = scene.program.run(&["resume", "--yes", "--json"]);
        assert_eq!(ran.code, Some(code), "{point}: {}{}", ran.stdout, ran.stderr);
        ended(&ran, code, state);
        assert_eq!(relative(&scene), relative(&whole), "{point}");
    }
}

#[cfg(feature = "crash-points")]
#[test]
fn killed_at_any_point_it_goes_on_to_the_same_end() {
    killed_and_resumed(Scene::new, &YES, "run_started", 0, "succeeded");
}

#[cfg(feature = "crash-points")]
#[test]
fn killed_at_any_point_of_a_rollback_it_goes_on_to_put_everything_back() {
    killed_and_resumed(Scene::with_service, &FAIL, "rollback_started", 4, "rolled_back");
    killed_and_resumed(Scene::new, &FAIL, "rollback_started", 4, "rolled_back");
}
