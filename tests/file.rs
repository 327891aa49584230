//! File steps on real files, through the same hands as a run.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::PathBuf;
use std::time::Duration;

use runbook::action::execute::{Control, End, Ended, Executor};
use runbook::action::observe::Observer;
use runbook::action::world::{Eyes, World};
use runbook::model::call::{Call, Desired, DesiredEdit, FileCall, Hidden, RestoreCall, Ticket};
use runbook::model::event::{FileIntent, Intent};
use runbook::model::result::Failure;
use runbook::model::step::Expect;
use tokio::sync::{mpsc, watch};

struct Scene {
    folder: tempfile::TempDir,
    world: World,
    control: Control,
    _cancel: watch::Sender<bool>,
    _lines: mpsc::UnboundedReceiver<String>,
}

fn environment() -> BTreeMap<String, String> {
    [("PATH".to_owned(), "/usr/bin:/bin".to_owned())].into()
}

fn scene() -> Scene {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("etc")).unwrap();
    let executable = PathBuf::from(env!("CARGO_BIN_EXE_runbook"));
    let world = World::new(&folder.path().join("run"), executable, environment());
    let (cancel, watched) = watch::channel(false);
    let (output, lines) = mpsc::unbounded_channel();
    Scene { folder, world, control: Control { cancel: watched, output }, _cancel: cancel, _lines: lines }
}

impl Scene {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("etc").join(name)
    }

    /// A file with the mode 0640.
    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        path
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn call(&self, name: &str, content: Option<Desired>) -> FileCall {
        FileCall {
            path: self.path(name),
            content,
            mode: None,
            owner: None,
            group: None,
            validate: None,
            reload: None,
            backup: None,
            cwd: self.folder.path().to_owned(),
        }
    }

    async fn act(&self, call: Call, ticket: &Ticket) -> Result<(FileIntent, Ended), Failure> {
        let (intent, prepared) = self.world.prepare(&call, ticket).await?;
        let Intent::File(intent) = intent else { panic!("{intent:?}") };
        Ok((intent, self.world.carry_out(prepared, &self.control).await))
    }

    async fn make(&self, call: &FileCall) -> (FileIntent, Ended) {
        self.act(Call::File(call.clone()), &ticket(1)).await.unwrap()
    }

    async fn restore(&self, intent: &FileIntent, reload: Option<Vec<String>>) -> Result<Ended, Failure> {
        let cwd = self.folder.path().to_owned();
        let (intent, latest) = (intent.clone(), intent.clone());
        let call = RestoreCall { intent, latest, step: "config".to_owned(), reload, cwd };
        let ticket = Ticket { undo: Some(0), ..ticket(1) };
        self.act(Call::Restore(call), &ticket).await.map(|(_, ended)| ended)
    }

    async fn recover(&self, call: &FileCall, intent: &FileIntent) -> End {
        let (intent, call) = (Intent::File(intent.clone()), Call::File(call.clone()));
        self.world.recover(&intent, &call, &ticket(1), &self.control).await.end
    }

    /// What is in the folder of the files, hidden ones too.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path("")).unwrap();
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn ticket(attempt: u32) -> Ticket {
    Ticket {
        run: "20260201-2200-test".to_owned(),
        step: "config".to_owned(),
        attempt,
        undo: None,
        timeout: Some(Duration::from_mins(1)),
        sensitive: false,
        secrets: Hidden(Vec::new()),
    }
}

fn bytes(text: &str) -> Desired {
    Desired::Bytes(text.as_bytes().to_vec())
}

fn argv(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[tokio::test]
async fn a_file_is_replaced_with_its_mode_and_owner_kept_and_restored_byte_for_byte() {
    let scene = scene();
    let path = scene.write("a.cfg", "old\r\n\0bytes");
    let owner = if rustix::process::geteuid().is_root() { 65534 } else { fs::metadata(&path).unwrap().uid() };
    std::os::unix::fs::chown(&path, Some(owner), Some(fs::metadata(&path).unwrap().gid())).unwrap();
    let before = fs::metadata(&path).unwrap();

    let (intent, ended) = scene.make(&scene.call("a.cfg", Some(bytes("new")))).await;
    assert_eq!((ended.end, ended.result.changed), (End::Returned, Some(true)));
    let after = fs::metadata(&path).unwrap();
    assert_eq!(scene.read("a.cfg"), "new");
    assert_eq!((after.mode(), after.uid(), after.gid()), (before.mode(), before.uid(), before.gid()));

    assert_eq!(scene.restore(&intent, None).await.unwrap().end, End::Returned);
    let restored = fs::metadata(&path).unwrap();
    assert_eq!(scene.read("a.cfg"), "old\r\n\0bytes");
    assert_eq!((restored.mode(), restored.uid(), restored.gid()), (before.mode(), before.uid(), before.gid()));
    let again = scene.restore(&intent, None).await.unwrap();
    assert_eq!((again.end, again.result.changed), (End::Returned, Some(false)));
    assert_eq!(scene.names(), ["a.cfg"]);
}

#[tokio::test]
async fn a_new_file_is_0644_and_its_restoration_removes_it() {
    let scene = scene();
    let (intent, _) = scene.make(&scene.call("new", Some(bytes("x")))).await;
    assert_eq!(fs::metadata(scene.path("new")).unwrap().mode() & 0o7777, 0o644);
    scene.restore(&intent, None).await.unwrap();
    assert!(scene.names().is_empty());
}

#[tokio::test]
async fn a_mode_alone_can_be_changed_and_reloads_nothing() {
    let scene = scene();
    let path = scene.write("key", "k");
    let reload = Some(argv(&["touch", "reloaded"]));
    let call = FileCall { mode: Some(0o600), reload: reload.clone(), ..scene.call("key", None) };
    let (intent, ended) = scene.make(&call).await;
    assert_eq!((ended.result.changed, intent.reload), (Some(true), false));
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
    scene.restore(&intent, reload).await.unwrap();
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o640);
    assert!(!scene.folder.path().join("reloaded").exists());
}

#[tokio::test]
async fn a_file_that_is_as_wanted_is_not_touched() {
    let scene = scene();
    let path = scene.write("same", "text");
    let inode = fs::metadata(&path).unwrap().ino();
    let (_, ended) = scene.make(&scene.call("same", Some(bytes("text")))).await;
    assert_eq!((ended.end, ended.result.changed), (End::Returned, Some(false)));
    assert_eq!(fs::metadata(&path).unwrap().ino(), inode);
}

#[tokio::test]
async fn a_new_file_that_does_not_validate_leaves_the_old_one() {
    let scene = scene();
    scene.write("a.cfg", "old");
    let validate = Some(argv(&["sh", "-c", "echo \"bad: $(cat $0)\" >&2; exit 3", "%s"]));
    let call = FileCall { validate, ..scene.call("a.cfg", Some(bytes("new"))) };
    let (_, ended) = scene.make(&call).await;
    let End::Failed(failure) = ended.end else { panic!("{:?}", ended.end) };
    assert_eq!(failure.message, "the new file does not validate: `sh` ended with exit code 3");
    assert_eq!(failure.chain, ["bad: new"]);
    assert_eq!((scene.read("a.cfg").as_str(), scene.names()), ("old", vec!["a.cfg".to_owned()]));
}

#[tokio::test]
async fn nothing_has_changed_until_the_attempt_is_let_go() {
    let scene = scene();
    scene.write("a.cfg", "old");
    let call = scene.call("a.cfg", Some(bytes("new")));
    let _prepared = scene.world.prepare(&Call::File(call), &ticket(1)).await.unwrap();
    assert_eq!((scene.read("a.cfg").as_str(), scene.names()), ("old", vec!["a.cfg".to_owned()]));
}

#[tokio::test]
async fn what_a_crash_left_beside_the_file_is_taken_away() {
    let scene = scene();
    scene.write("a.cfg", "old");
    let validate = Some(argv(&["sh", "-c", "echo \"$0\" > \"$(dirname \"$0\")/name\"", "%s"]));
    let call = FileCall { validate, ..scene.call("a.cfg", Some(bytes("new"))) };
    let (intent, _) = scene.make(&call).await;
    // As a crash before the rename leaves it.
    let beside = fs::read_to_string(scene.path("name")).unwrap();
    fs::write(beside.trim(), "new").unwrap();
    scene.write("a.cfg", "old");
    assert!(matches!(scene.recover(&call, &intent).await, End::NotStarted { .. }));
    assert_eq!(scene.names(), ["a.cfg", "name"]);
}

#[tokio::test]
async fn an_attempt_whose_executor_died_is_told_by_the_bytes_and_reloaded_again() {
    let scene = scene();
    scene.write("a.cfg", "old");
    let reload = Some(argv(&["sh", "-c", "echo once >> reloads"]));
    let call = FileCall { reload, ..scene.call("a.cfg", Some(bytes("new"))) };
    let (intent, _) = scene.make(&call).await;
    assert_eq!(scene.recover(&call, &intent).await, End::Returned);
    let reloads = fs::read_to_string(scene.folder.path().join("reloads")).unwrap();
    assert_eq!(reloads, "once\nonce\n");
    fs::write(scene.path("a.cfg"), "theirs").unwrap();
    let End::Lost { may_run: false, evidence } = scene.recover(&call, &intent).await else { panic!() };
    assert!(evidence.ends_with("is neither before nor after: changed by somebody else"), "{evidence}");
}

#[tokio::test]
async fn what_somebody_else_changed_is_neither_overwritten_nor_restored() {
    let scene = scene();
    scene.write("a.cfg", "old");
    let call = scene.call("a.cfg", Some(bytes("new")));
    let (_, prepared) = scene.world.prepare(&Call::File(call.clone()), &ticket(1)).await.unwrap();
    fs::write(scene.path("a.cfg"), "theirs").unwrap();
    let ended = scene.world.carry_out(prepared, &scene.control).await;
    let End::Failed(failure) = ended.end else { panic!() };
    assert!(failure.message.ends_with("was changed by somebody else just now; nothing was done"));

    fs::write(scene.path("a.cfg"), "old").unwrap();
    let (intent, _) = scene.make(&call).await;
    fs::write(scene.path("a.cfg"), "theirs").unwrap();
    let failure = scene.restore(&intent, None).await.unwrap_err();
    assert!(failure.message.contains("was changed by somebody else since the step"), "{}", failure.message);
    assert_eq!(scene.read("a.cfg"), "theirs");
}

#[tokio::test]
async fn the_state_before_the_first_attempt_is_what_a_restoration_brings_back() {
    let scene = scene();
    scene.write("a.cfg", "first");
    let call = FileCall { reload: Some(argv(&["false"])), ..scene.call("a.cfg", Some(bytes("new"))) };
    let (first, ended) = scene.make(&call).await;
    let End::Failed(failure) = ended.end else { panic!() };
    assert_eq!(failure.message, "the file is in place, but the reload failed: `false` ended with exit code 1");
    let call = FileCall { reload: Some(argv(&["touch", "reloaded"])), ..call };
    scene.act(Call::File(call), &ticket(2)).await.unwrap();
    assert!(scene.folder.path().join("reloaded").exists(), "a later attempt has to reload what is in place already");
    scene.restore(&first, None).await.unwrap();
    assert_eq!(scene.read("a.cfg"), "first");
}

#[tokio::test]
async fn a_link_stays_and_its_file_is_replaced() {
    let scene = scene();
    scene.write("real", "old");
    symlink("real", scene.path("link")).unwrap();
    let (intent, _) = scene.make(&scene.call("link", Some(bytes("new")))).await;
    assert!(scene.path("link").is_symlink());
    assert_eq!(scene.read("real"), "new");
    assert!(intent.path.ends_with("/real"));
    let removed = scene.act(Call::File(scene.call("link", Some(Desired::Absent))), &ticket(1)).await;
    assert!(removed.unwrap_err().message.contains("is a symbolic link"));
}

#[tokio::test]
async fn an_absent_file_comes_back_with_its_mode() {
    let scene = scene();
    scene.write("gone", "text");
    let (intent, _) = scene.make(&scene.call("gone", Some(Desired::Absent))).await;
    assert!(scene.names().is_empty());
    scene.restore(&intent, None).await.unwrap();
    assert_eq!(scene.read("gone"), "text");
    assert_eq!(fs::metadata(scene.path("gone")).unwrap().mode() & 0o7777, 0o640);
}

#[tokio::test]
async fn what_is_absent_already_needs_no_folder() {
    let scene = scene();
    let (_, ended) = scene.make(&scene.call("no/such/file", Some(Desired::Absent))).await;
    assert_eq!((ended.end, ended.result.changed), (End::Returned, Some(false)));
}

#[tokio::test]
async fn a_copy_stays_where_it_was_asked_for() {
    let scene = scene();
    scene.write("a.cfg", "old");
    let call = FileCall { backup: Some(scene.path("a.cfg.orig")), ..scene.call("a.cfg", Some(bytes("new"))) };
    scene.make(&call).await;
    assert_eq!((scene.read("a.cfg.orig").as_str(), scene.read("a.cfg").as_str()), ("old", "new"));
}

#[tokio::test]
async fn a_source_that_is_not_what_was_approved_is_refused() {
    let scene = scene();
    let source = scene.write("source", "swapped");
    let approved = "0".repeat(64);
    let desired = Desired::Source { path: source, sha256: approved.clone() };
    let failure = scene.act(Call::File(scene.call("x", Some(desired))), &ticket(1)).await.unwrap_err();
    assert!(failure.message.ends_with(&format!(", not {approved}")), "{}", failure.message);
    assert_eq!(scene.names(), ["source"]);
}

#[tokio::test]
async fn a_preview_needs_no_run_and_touches_nothing() {
    let scene = scene();
    scene.write("a.cfg", "port = 1\n");
    let edit = DesiredEdit {
        pattern: r"^(port) = \d+$".to_owned(),
        replace: r"\1 = 2".to_owned(),
        expect: Expect::Exactly(1),
    };
    let call = scene.call("a.cfg", Some(Desired::Edits(vec![edit])));
    let preview = Eyes { environment: environment() }.preview_file(&call).await.unwrap();
    assert!(preview.changes());
    assert_eq!(preview.after.unwrap().bytes, b"port = 2\n");
    assert_eq!((scene.read("a.cfg").as_str(), scene.names()), ("port = 1\n", vec!["a.cfg".to_owned()]));
    assert!(!scene.folder.path().join("run").exists());
}
