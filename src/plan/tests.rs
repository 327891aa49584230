//! What a plan says, with a world that is made up.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::action::observe::{FilePreview, FileSnapshot};
use crate::model::call::{Call, FileCall, Ticket};
use crate::model::event::FileState;
use crate::model::plan::UndoKind;
use crate::model::result::{Failure, FailureKind, StepResult};
use crate::model::runbook::{Expression, Target, Template};
use crate::model::step::*;

/// Answers queries and processes by their text, and files by their path.
#[derive(Default)]
struct World {
    answers: BTreeMap<&'static str, Result<StepResult, Failure>>,
    files: BTreeMap<&'static str, Result<FilePreview, Failure>>,
    looked: RefCell<Vec<String>>,
}

impl Observer for World {
    async fn look(&self, call: &Call, _ticket: &Ticket) -> Result<StepResult, Failure> {
        let text = match call {
            Call::Query(query) => query.text.clone(),
            Call::Process(process) => process.argv.last().unwrap().clone(),
            other => panic!("a plan looked at {other:?}"),
        };
        self.looked.borrow_mut().push(text.clone());
        let nothing = || Err(Failure::new(FailureKind::Connection, "no connection"));
        self.answers.get(text.as_str()).cloned().unwrap_or_else(nothing)
    }

    async fn preview_file(&self, call: &FileCall) -> Result<FilePreview, Failure> {
        let nothing = || Err(Failure::new(FailureKind::File, "edit 1 does not match"));
        self.files.get(call.path.to_str().unwrap()).cloned().unwrap_or_else(nothing)
    }
}

fn exit(code: i32) -> StepResult {
    StepResult { exit_code: Some(code), ..StepResult::default() }
}

fn row(value: &Value) -> StepResult {
    let row = value.as_object().unwrap().clone();
    StepResult { rows: Some(vec![row]), row_count: Some(1), ..StepResult::default() }
}

fn snapshot(bytes: &[u8], mode: u32) -> FileSnapshot {
    let state = FileState { sha256: format!("{:x}", bytes.len()), mode, uid: 0, gid: 0 };
    FileSnapshot { bytes: bytes.to_vec(), state }
}

fn step(id: &str, action: Action) -> Step {
    let mutating = matches!(action, Action::Shell { .. } | Action::Command { .. } | Action::Sql(_) | Action::File(_));
    Step {
        id: id.to_owned(),
        name: None,
        line: 1,
        when: Vec::new(),
        preconditions: Vec::new(),
        check: None,
        action,
        verify: None,
        success: Success::default(),
        outputs: BTreeMap::new(),
        effect: if mutating { Effect::Mutating } else { Effect::ReadOnly },
        timeout: Some(Duration::from_mins(1).into()),
        estimate: Some(Duration::from_secs(10)),
        retry: Retry::default(),
        until: None,
        on_failure: OnFailure::Stop,
        undo: Undo::NotNeeded { why: None },
        idempotent: false,
        sensitive: false,
        notes: None,
        file: None,
        handler: None,
        preview: None,
        observe: None,
        artifacts: Vec::new(),
        each: None,
        repeat: None,
        background: None,
        hold: None,
        watches: Vec::new(),
    }
}

fn shell(script: &str) -> Action {
    let interpreter = ["bash", "-c"].map(str::to_owned).to_vec();
    Action::Shell { script: script.to_owned(), interpreter, process: ProcessOptions::default() }
}

fn command(argv: &[&str]) -> Action {
    let argv = argv.iter().map(|argument| Template((*argument).to_owned())).collect();
    Action::Command { argv, process: ProcessOptions::default() }
}

fn statements(text: &str) -> SqlAction {
    SqlAction {
        target: "db".to_owned(),
        text: text.to_owned(),
        file: None,
        transaction: true,
        variables: BTreeMap::new(),
        database: None,
        rehearse: false,
    }
}

fn file(path: &str) -> Action {
    Action::File(FileAction {
        path: Template(path.to_owned()),
        content: Some(FileContent::Content(Template("x".to_owned()))),
        mode: None,
        owner: None,
        group: None,
        validate: None,
        reload: Some(vec![Template("reload".to_owned())]),
        backup: None,
        place: Place::Local,
        r#become: None,
    })
}

fn probe(action: Action) -> Probe {
    Probe { action: Box::new(action), timeout: None, until: None }
}

fn runbook(steps: Vec<Step>) -> Runbook {
    let connection = Template("host=db".to_owned());
    Runbook {
        name: "upgrade".to_owned(),
        title: None,
        description: None,
        owner: None,
        links: Vec::new(),
        folder: "/book".to_owned(),
        timezone: None,
        window: None,
        review: None,
        groups: BTreeMap::new(),
        locks: Vec::new(),
        parameters: BTreeMap::new(),
        vars: BTreeMap::new(),
        secrets: BTreeMap::new(),
        targets: [("db".to_owned(), Target::Postgres { connection, password: None })].into(),
        steps,
        hooks: BTreeMap::new(),
        followups: Vec::new(),
    }
}

fn planned_with(steps: Vec<Step>, world: &World) -> Plan {
    let parameters = BTreeMap::from([("on".to_owned(), json!(true)), ("hosts".to_owned(), json!(["a b", "c"]))]);
    let secrets = BTreeMap::from([("token".to_owned(), Hidden("hunter2-hunter2".to_owned()))]);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let given = Given { parameters: &parameters, secrets: &secrets, digest: "sha256:00", now: Timestamp::UNIX_EPOCH };
    runtime.block_on(plan(&runbook(steps), given, world))
}

fn only(step: Step, world: &World) -> PlannedStep {
    planned_with(vec![step], world).steps.remove(0)
}

fn said(step: Step, world: &World) -> (PlanStatus, String) {
    let planned = only(step, world);
    (planned.status, planned.reason.unwrap_or_default())
}

#[test]
fn a_step_whose_when_is_false_is_skipped_and_one_whose_when_is_not_known_is_unknown() {
    let mut off = step("a", shell("true"));
    off.when = vec![Expression("parameters.on".into()), Expression("not parameters.on".into())];
    assert_eq!(said(off, &World::default()), (PlanStatus::Skipped, "`not parameters.on` is false".into()));
    let mut later = step("b", shell("true"));
    later.when = vec![Expression("steps.mutate_it.exit_code == 0".into())];
    let plan = planned_with(vec![step("mutate-it", shell("true")), later], &World::default());
    assert_eq!(plan.steps[1].status, PlanStatus::Unknown);
    assert_eq!(plan.steps[1].reason.as_deref(), Some("depends on steps.mutate_it.exit_code"));
}

#[test]
fn a_check_that_holds_is_in_place_and_one_that_cannot_be_told_is_unknown() {
    let mut world = World::default();
    let timed_out = Failure::new(FailureKind::Timeout, "timed out");
    for (answer, status, reason) in [
        (Ok(exit(0)), PlanStatus::InPlace, "check holds now: exit 0"),
        (Ok(exit(1)), PlanStatus::Changes, "do it"),
        (Ok(exit(2)), PlanStatus::Unknown, "check cannot be told: exit 2"),
        (Err(timed_out), PlanStatus::Unknown, "check cannot be told: timed out"),
    ] {
        world.answers.insert("is it", answer);
        let mut step = step("a", shell("do it"));
        step.check = Some(probe(shell("is it")));
        assert_eq!(said(step, &world), (status, reason.into()));
    }
}

#[test]
fn a_probe_with_an_expression_is_read_by_it() {
    let mut world = World::default();
    world.answers.insert("select lag", Ok(row(&json!({"lag": 3}))));
    let mut step = step("a", shell("do it"));
    let until = Until { that: Expression("rows[0].lag == 3".into()), every: Duration::from_secs(1).into() };
    step.check =
        Some(Probe { action: Box::new(Action::Query(statements("select lag"))), timeout: None, until: Some(until) });
    assert_eq!(said(step, &world), (PlanStatus::InPlace, "check holds now: lag = 3".into()));
}

#[test]
fn only_probes_and_queries_are_looked_at() {
    let world = World::default();
    let mut reads = step("a", shell("df -h"));
    reads.effect = Effect::ReadOnly;
    let plan = planned_with(vec![reads, step("b", command(&["rm", "{{ parameters.hosts }}"]))], &world);
    assert!(world.looked.borrow().is_empty());
    assert_eq!(plan.steps[0].status, PlanStatus::Reads);
    assert_eq!(plan.steps[1].status, PlanStatus::Changes);
    assert_eq!(plan.steps[1].reason.as_deref(), Some("rm 'a b' c"));
}

#[test]
fn a_query_gives_its_result_to_later_steps() {
    let mut world = World::default();
    world.answers.insert("select lag", Ok(row(&json!({"lag": 7}))));
    let mut query = step("measure-lag", Action::Query(statements("select lag")));
    query.outputs = [("bytes".to_owned(), json!("{{ rows[0].lag }}"))].into();
    query.success.that = Some(Expression("row_count == 2".into()));
    let that = |text: &str| Condition { that: Expression(text.into()), message: Some(Template("lag!".into())) };
    let conditions = ["steps.measure_lag.outputs.bytes == 7", "steps.measure_lag.outputs.bytes < 7", "steps.gone.x"];
    let assert = step("b", Action::Assert { conditions: conditions.map(that).to_vec() });
    let plan = planned_with(vec![query, step("gone", shell("x")), assert], &world);
    assert_eq!(plan.steps[0].status, PlanStatus::Reads);
    assert_eq!(plan.steps[0].reason.as_deref(), Some("bytes = 7"));
    assert_eq!(plan.steps[0].detail, ["it would fail now: `row_count == 2`"]);
    assert_eq!(plan.steps[2].reason.as_deref(), Some("1 holds, 1 does not hold now, 1 is known later"));
    assert_eq!(
        plan.steps[2].detail,
        ["`steps.measure_lag.outputs.bytes < 7` is false now: lag!", "`steps.gone.x`: depends on steps.gone.x"]
    );
}

#[test]
fn a_skipped_step_is_not_there_for_later_expressions() {
    let mut off = step("off", shell("true"));
    off.when = vec![Expression("not parameters.on".into())];
    let mut next = step("next", shell("true"));
    next.when = vec![Expression("steps.off is defined".into())];
    let plan = planned_with(vec![off, next], &World::default());
    assert_eq!(plan.steps[1].status, PlanStatus::Skipped);
}

#[test]
fn a_file_is_in_place_or_changes_with_a_diff_or_cannot_be_told() {
    let mut world = World::default();
    let old = "a\nb\nc\nd\ne\n";
    let same = FilePreview { before: Some(snapshot(b"x", 0o644)), after: Some(snapshot(b"x", 0o644)) };
    world.files.insert("/same", Ok(same));
    let new = old.replace("c\n", "C\nC2\n");
    let edited =
        FilePreview { before: Some(snapshot(old.as_bytes(), 0o644)), after: Some(snapshot(new.as_bytes(), 0o600)) };
    world.files.insert("/book/edited", Ok(edited));
    world.files.insert("/new", Ok(FilePreview { before: None, after: Some(snapshot(b"one\n", 0o640)) }));
    world.files.insert("/bin", Ok(FilePreview { before: Some(snapshot(b"\0\0", 0o640)), after: None }));
    assert_eq!(said(step("a", file("/same")), &world), (PlanStatus::InPlace, "/same is so now".into()));
    let edited = only(step("a", file("edited")), &world);
    assert_eq!((edited.status, edited.reason.as_deref()), (PlanStatus::Changes, Some("/book/edited  +2 −1")));
    assert_eq!(
        edited.diff.as_deref(),
        Some("mode 0644 → 0600\n--- /book/edited\n+++ /book/edited\n@@ -1,5 +1,6 @@\n a\n b\n-c\n+C\n+C2\n d\n e")
    );
    assert_eq!(edited.detail, ["reload: reload"]);
    let new = only(step("a", file("/new")), &world);
    assert_eq!(new.reason.as_deref(), Some("/new is created  +1 −0"));
    assert_eq!(new.diff.as_deref(), Some("mode 0640, owner 0, group 0\n--- /dev/null\n+++ /new\n@@ -0,0 +1 @@\n+one"));
    let removed = only(step("a", file("/bin")), &world);
    assert_eq!(removed.reason.as_deref(), Some("/bin is removed"));
    assert_eq!(removed.diff.as_deref(), Some("binary or large: 2 bytes, sha256 2 → no file"));
    assert_eq!(said(step("a", file("/none")), &world), (PlanStatus::Unknown, "edit 1 does not match".into()));
    let mut hidden = step("a", file("/new"));
    hidden.sensitive = true;
    assert!(!only(hidden, &world).diff.unwrap().contains("one"));
}

#[test]
fn people_get_their_text_and_the_evidence() {
    let message = Template("Go on with {{ parameters.hosts[0] }}?".into());
    let show = vec![Expression("parameters.on".into()), Expression("steps.x.y".into())];
    let confirm = step("go", Action::Confirm(ConfirmAction { message, show, by: Vec::new(), second_person: false }));
    let plan = planned_with(vec![step("x", shell("x")), confirm], &World::default());
    assert_eq!(plan.steps[1].status, PlanStatus::Person);
    assert_eq!(plan.steps[1].reason.as_deref(), Some("\"Go on with a b?\""));
    assert_eq!(plan.steps[1].detail, ["parameters.on = true", "steps.x.y: known later"]);
}

#[test]
fn a_precondition_that_does_not_hold_now_is_shown_and_refuses_nothing() {
    let mut late = step("a", shell("do it"));
    let that = Some(Expression("not parameters.on".into()));
    late.preconditions = vec![Precondition { probe: None, that, message: Some(Template("it is on".into())) }];
    let planned = only(late, &World::default());
    assert_eq!(planned.status, PlanStatus::Changes);
    assert_eq!(planned.detail, ["a precondition does not hold now: it is on"]);
}

#[test]
fn no_secret_is_in_a_plan() {
    let mut world = World::default();
    world.answers.insert("select 1", Ok(row(&json!({"a": "hunter2-hunter2!"}))));
    let steps = vec![step("q", Action::Query(statements("select 1"))), step("c", shell("echo hunter2-hunter2"))];
    let plan = planned_with(steps, &world);
    assert!(!format!("{plan:?}").contains("hunter2"));
    assert_eq!(plan.steps[0].reason.as_deref(), Some("a = ***!"));
}

#[test]
fn the_rollback_is_newest_first_and_the_budget_counts_attempts_and_pauses() {
    let mut first = step("first", command(&["make"]));
    first.undo = Undo::Steps(vec![step("undo", command(&["unmake", "it"]))]);
    first.retry = Retry { max_attempts: 3, delay: Duration::from_secs(5).into(), backoff: 2.0, max_delay: None };
    let mut config = step("config", file("/etc/x"));
    config.undo = Undo::Steps(Vec::new());
    let mut line = step("line", shell("promote"));
    line.undo = Undo::PointOfNoReturn { why: "it is done".into() };
    let mut mail = step("mail", shell("mail"));
    mail.undo = Undo::Irreversible { why: "sent".into() };
    let mut group = step("phase", Action::Group { steps: vec![config, line], parallel: None });
    (group.timeout, group.estimate) = (None, None);
    let plan = planned_with(vec![first, group, mail], &World::default());
    assert_eq!(plan.steps[1].groups, ["phase"]);
    assert_eq!(plan.steps[2].point_of_no_return.as_deref(), Some("it is done"));
    let undos: Vec<_> = plan
        .rollback
        .iter()
        .map(|undo| (undo.step.as_str(), undo.kind, undo.detail.join("; "), undo.worst_ms))
        .collect();
    assert_eq!(
        undos,
        [
            ("mail", UndoKind::Irreversible, "sent".to_owned(), 0),
            ("line", UndoKind::PointOfNoReturn, "it is done".to_owned(), 0),
            ("config", UndoKind::BuiltIn, "restore /etc/x, reload".to_owned(), 61_000),
            ("first", UndoKind::Steps, "unmake it".to_owned(), 60_000),
        ]
    );
    // Three attempts of a minute with pauses of 5 s and 10 s, and three steps of a minute.
    assert_eq!(plan.budget.work_worst_s, Some(195.0 + 180.0));
    assert!((plan.budget.work_expected_s - 40.0).abs() < 1e-9);
    assert_eq!(plan.budget.rollback_worst_s, Some(121.0));
}

#[test]
fn an_undo_is_shown_with_the_values_that_are_known_now() {
    let mut first = step("first", command(&["make"]));
    first.undo = Undo::Steps(vec![step("u1", command(&["rm", "-f", "{{ parameters.hosts[0] }}"]))]);
    let mut second = step("second", command(&["make"]));
    second.undo =
        Undo::Steps(vec![step("u2", command(&["drop", "{{ steps.first.outputs.id }}", "{{ parameters.on }}"]))]);
    let mut third = step("third", command(&["make"]));
    let file = SqlAction { file: Some("back.sql".into()), ..statements("-- first the comment\nselect 1") };
    third.undo = Undo::Steps(vec![step("u3", Action::Sql(file))]);
    let plan = planned_with(vec![first, second, third], &World::default());
    let lines: Vec<&str> = plan.rollback.iter().flat_map(|undo| &undo.detail).map(String::as_str).collect();
    assert_eq!(lines, ["statements of back.sql", "drop {{ steps.first.outputs.id }} true", "rm -f 'a b'"]);
}

#[test]
fn a_person_without_a_limit_counts_by_the_estimate_and_a_wait_without_one_has_no_limit() {
    let manual =
        ManualAction { instructions: Template("call them".into()), evidence_required: false, inputs: BTreeMap::new() };
    let mut call = step("call", Action::Manual(manual));
    call.timeout = None;
    let budget = planned_with(vec![call.clone()], &World::default()).budget;
    assert_eq!((budget.work_worst_s, budget.people_by_estimate), (Some(10.0), true));
    let mut wait = step("wait", Action::Wait(WaitAction::Until(Template("2026-02-02T00:30:00Z".into()))));
    wait.timeout = None;
    let budget = planned_with(vec![call, wait], &World::default()).budget;
    assert_eq!(budget.work_worst_s, None);
}

fn any_step() -> impl Strategy<Value = Step> {
    let whens = prop::sample::select(vec!["parameters.on", "not parameters.on", "steps.s1.rows[0].n == 1", "1 < '2'"]);
    let texts = prop::sample::select(vec!["yes", "no", "odd", "gone"]);
    (0..7_usize, prop::option::of(whens), texts, prop::bool::ANY).prop_map(|(kind, when, text, checked)| {
        let action = match kind {
            0 => shell(text),
            1 => command(&[text, "{{ steps.s0.stdout }}"]),
            2 => Action::Query(statements(text)),
            3 => Action::Sql(statements(text)),
            4 => file(&format!("/{text}")),
            5 => Action::Wait(WaitAction::For(Duration::from_secs(1).into())),
            _ => Action::Manual(ManualAction {
                instructions: Template(text.into()),
                evidence_required: false,
                inputs: BTreeMap::new(),
            }),
        };
        let mut step = step("", action);
        step.when = when.map(|when| Expression(when.into())).into_iter().collect();
        step.check = checked.then(|| probe(shell(text)));
        step
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn planning_twice_gives_the_same_and_every_step_stands_once_in_its_order(
        steps in prop::collection::vec(any_step(), 0..12),
    ) {
        let mut steps = steps;
        for (at, step) in steps.iter_mut().enumerate() {
            step.id = format!("s{at}");
        }
        let mut world = World::default();
        world.answers.insert("yes", Ok(exit(0)));
        world.answers.insert("no", Ok(exit(1)));
        world.answers.insert("odd", Ok(row(&json!({"n": 1}))));
        world.files.insert("/yes", Ok(FilePreview { before: None, after: Some(snapshot(b"1", 0o600)) }));
        let one = planned_with(steps.clone(), &world);
        let two = planned_with(steps.clone(), &world);
        prop_assert_eq!(serde_json::to_string(&one).unwrap(), serde_json::to_string(&two).unwrap());
        let ids: Vec<&str> = one.steps.iter().map(|step| step.id.as_str()).collect();
        let wanted: Vec<String> = (0..steps.len()).map(|at| format!("s{at}")).collect();
        prop_assert_eq!(ids, wanted);
    }
}
