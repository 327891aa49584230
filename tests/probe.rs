//! Probes: processes that only look, run without a supervisor.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use runbook::action::observe::Observer;
use runbook::action::world::Eyes;
use runbook::model::call::{Call, Hidden, ProcessCall, Ticket};
use runbook::model::result::{Failure, FailureKind, StepResult};

fn ticket() -> Ticket {
    Ticket {
        run: "20260201-2200-test".to_owned(),
        step: "step".to_owned(),
        attempt: 1,
        undo: None,
        timeout: Some(Duration::from_mins(1)),
        sensitive: false,
        secrets: Hidden(vec!["correct-horse".to_owned()]),
    }
}

async fn look(script: &str, folder: &Path, ticket: &Ticket) -> Result<StepResult, Failure> {
    let environment: BTreeMap<String, String> =
        [("PATH", "/usr/bin:/bin"), ("EDITOR", "vi")].map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let call = ProcessCall {
        argv: ["bash", "-c", script].map(str::to_owned).to_vec(),
        env: [("PW".to_owned(), Hidden("correct-horse".to_owned()))].into(),
        stdin: None,
        cwd: folder.to_owned(),
    };
    Eyes { environment }.look(&Call::Process(call), ticket).await
}

#[tokio::test]
async fn another_code_than_zero_is_a_result() {
    let folder = tempfile::tempdir().unwrap();
    let script = "echo \"$PW ${EDITOR-none} $RUNBOOK_DIRECTION\"; pwd >&2; exit 4";
    let result = look(script, folder.path(), &ticket()).await.unwrap();
    assert_eq!(result.exit_code, Some(4));
    assert_eq!(result.stdout.as_deref(), Some("[secret] none do"));
    assert_eq!(result.stderr.as_deref(), folder.path().canonicalize().unwrap().to_str());
}

#[tokio::test]
async fn the_time_limit_kills_the_whole_group() {
    let folder = tempfile::tempdir().unwrap();
    let held = folder.path().join("held");
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, &held, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    // The read ends when the last process that holds the FIFO for writing is gone.
    let gone = tokio::task::spawn_blocking(move || std::fs::read(held).unwrap());
    let ticket = Ticket { timeout: Some(Duration::from_millis(1500)), ..ticket() };
    let failure = look("exec 9>held; trap '' TERM; sleep 1000 & sleep 1000", folder.path(), &ticket).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Timeout);
    assert_eq!(failure.message, "`bash` did not end within 1.5s");
    gone.await.unwrap();
}

#[tokio::test]
async fn a_signal_and_a_missing_folder_are_failures() {
    let folder = tempfile::tempdir().unwrap();
    let signal = look("kill -9 $$", folder.path(), &ticket()).await.unwrap_err();
    assert_eq!((signal.kind, signal.message.as_str()), (FailureKind::Signal, "`bash` was ended by signal 9"));
    let missing = look("true", &folder.path().join("none"), &ticket()).await.unwrap_err();
    assert_eq!(missing.kind, FailureKind::Spawn);
    assert!(missing.chain[0].ends_with("/none is not there"), "{missing:?}");
}

#[tokio::test]
async fn output_is_cut_and_the_cut_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let result = look("head -c 10000000 /dev/zero | tr '\\0' x", folder.path(), &ticket()).await.unwrap();
    assert_eq!(result.stdout.map(|text| text.len()), Some(64 * 1024));
    assert!(result.truncated);
}
