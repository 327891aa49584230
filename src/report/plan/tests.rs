//! What people and programs see of a plan.

use super::*;
use crate::model::plan::{Plan, PlannedFollowup, PlannedHook, PlannedWindow};
use crate::model::runbook::Overrun;

const LOOKS: Looks = Looks { color: false, unicode: true, width: 80, is_terminal: true };

fn step(id: &str, action: &str, status: PlanStatus, reason: &str) -> PlannedStep {
    PlannedStep {
        id: id.to_owned(),
        action: action.to_owned(),
        status,
        reason: Some(reason.to_owned()).filter(|reason| !reason.is_empty()),
        diff: None,
        detail: Vec::new(),
        groups: Vec::new(),
        point_of_no_return: None,
        latest_start: None,
    }
}

fn undo(step: &str, kind: UndoKind, detail: &str, worst_ms: u64) -> PlannedUndo {
    PlannedUndo { step: step.to_owned(), kind, detail: vec![detail.to_owned()], worst_ms }
}

fn plan() -> Plan {
    let mut config = step("haproxy-config", "file", PlanStatus::Changes, "/etc/haproxy/haproxy.cfg  +2 −1");
    config.diff = Some(
        "--- /etc/haproxy/haproxy.cfg\n+++ /etc/haproxy/haproxy.cfg\n@@ -14,3 +14,4 @@\n backend ws\n\
         -  balance roundrobin\n+  balance source\n+  cookie SRV insert indirect nocache"
            .to_owned(),
    );
    let mut switch =
        step("switch-traffic", "shell", PlanStatus::Unknown, "depends on steps.promote_new.outputs.timeline");
    switch.point_of_no_return = Some("traffic is on the new primary".to_owned());
    let mut promote = step("promote-new", "sql", PlanStatus::Changes, "on new, in one transaction");
    promote.detail = vec!["select pg_promote(wait => true)".to_owned()];
    Plan {
        runbook: "sunday-database-upgrade".to_owned(),
        title: None,
        digest: format!("sha256:4f1c{}9a02", "0".repeat(56)),
        window: None,
        groups: Vec::new(),
        steps: vec![
            step("measure-lag", "query", PlanStatus::Reads, "lag_bytes = 0"),
            config,
            step("create-index", "sql", PlanStatus::InPlace, "check holds: index orders_ts exists"),
            promote,
            switch,
            step("tell-teams", "manual", PlanStatus::Person, "\"Post in #ops that writes are open\""),
        ],
        rollback: vec![
            undo("tell-teams", UndoKind::Steps, "a person: say so", 0),
            undo("switch-traffic", UndoKind::PointOfNoReturn, "traffic is on the new primary", 0),
            undo("promote-new", UndoKind::Steps, "pg_ctl stop", 60_000),
            undo("haproxy-config", UndoKind::BuiltIn, "restore /etc/haproxy/haproxy.cfg, reload", 1000),
        ],
        budget: Budget {
            work_expected_s: 4320.0,
            work_worst_s: Some(9600.0),
            rollback_worst_s: Some(1080.0),
            window_s: None,
            people_by_estimate: true,
            spare_s: None,
            fits_at_worst: None,
        },
        hooks: vec![PlannedHook { hook: "on_failure".to_owned(), steps: vec!["page: page --now".to_owned()] }],
        followups: vec![PlannedFollowup {
            due_s: 259_200.0,
            title: "Delete the old cluster".to_owned(),
            owner: Some("dba".to_owned()),
        }],
    }
}

#[test]
fn a_plan_for_people_at_80_columns() {
    assert_eq!(human(&plan(), LOOKS), include_str!("plan.txt"));
}

#[test]
fn a_plan_on_a_screen_without_unicode_is_ascii() {
    let text = human(&plan(), Looks { unicode: false, ..LOOKS });
    assert!(text.is_ascii(), "{text}");
    assert!(text.contains("-- point of no return --") && text.contains("+2 -1") && text.contains("4f1c...9a02"));
}

#[test]
fn a_plan_without_a_point_of_no_return_and_without_limits() {
    let mut plan = plan();
    plan.steps.truncate(1);
    plan.rollback.clear();
    plan.budget.work_worst_s = None;
    plan.budget.people_by_estimate = false;
    plan.hooks.clear();
    plan.followups.clear();
    let text = human(&plan, LOOKS);
    let end = text.split_once("lag_bytes = 0\n\n").unwrap().1;
    assert_eq!(
        end,
        "Rollback  nothing to undo\n\
         Budget    work 1 h 12 m expected, no limit at worst; rollback 18 m at worst\n\
         nothing changes, 1 reads\n"
    );
}

#[test]
fn no_line_of_the_columns_is_wider_than_the_screen() {
    for width in [40, 60, 80, 120] {
        let text = human(&plan(), Looks { width, ..LOOKS });
        let steps = text.lines().filter(|line| line.starts_with("  "));
        for line in steps.filter(|line| !line.contains("cookie") && !line.contains("pg_promote")) {
            assert!(line.chars().count() <= width.max(46), "{width}: {line}");
        }
    }
}

#[test]
fn colour_is_there_only_when_asked_for() {
    assert!(human(&plan(), Looks { color: true, ..LOOKS }).contains("\u{1b}["));
    assert!(!human(&plan(), LOOKS).contains('\u{1b}'));
}

#[test]
fn nothing_from_outside_reaches_the_terminal_raw() {
    let mut plan = plan();
    let evil = "\u{1b}]0;owned\u{7}";
    for step in &mut plan.steps {
        step.reason = Some(evil.to_owned());
        step.diff = Some(format!("{evil}\n@@ -1 +1 @@\n-{evil}\n+{evil}2"));
        step.detail = vec![evil.to_owned()];
        step.groups = vec![evil.to_owned()];
    }
    for undo in &mut plan.rollback {
        undo.detail = vec![evil.to_owned()];
    }
    for color in [false, true] {
        let text = human(&plan, Looks { color, ..LOOKS });
        assert!(!text.contains("\u{1b}]") && !text.contains('\u{7}'));
        assert!(text.contains("\\u{1b}]0;owned\\u{7}"));
    }
}

#[test]
fn the_json_has_the_documented_keys_first_and_in_their_order() {
    let value = json(&plan());
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&value)[..6], ["format", "runbook", "digest", "steps", "rollback", "budget"]);
    assert_eq!(keys(&value["steps"][0])[..5], ["id", "action", "status", "reason", "diff"]);
    assert_eq!(
        keys(&value["budget"]),
        [
            "work_expected_s",
            "work_worst_s",
            "rollback_worst_s",
            "window_s",
            "people_by_estimate",
            "spare_s",
            "fits_at_worst"
        ]
    );
    let statuses: Vec<&str> =
        value["steps"].as_array().unwrap().iter().map(|step| step["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["reads", "changes", "in_place", "changes", "unknown", "person"]);
    assert_eq!(value["format"], 1);
    assert_eq!(value["steps"][0]["diff"], Value::Null);
}

/// The plan with a window of four hours, and steps that have to begin at some time.
fn windowed() -> Plan {
    let mut plan = plan();
    let [opens, closes] = ["2026-02-01T22:00:00-05:00", "2026-02-02T02:00:00-05:00"]
        .map(|text| format!("{text}[America/New_York]").parse().unwrap());
    plan.window =
        Some(PlannedWindow { occasion: crate::model::window::Occasion { opens, closes }, overrun: Overrun::Stop });
    for (at, latest) in [(0, "00:55"), (1, "00:41"), (3, "00:58"), (4, "01:12"), (5, "01:30")] {
        let latest = format!("2026-02-02T{latest}:00-05:00[America/New_York]");
        plan.steps[at].latest_start = Some(latest.parse().unwrap());
    }
    plan.budget.window_s = Some(14_400.0);
    plan.budget.spare_s = Some(3720.0);
    plan.budget.fits_at_worst = Some(true);
    plan
}

#[test]
fn a_plan_with_a_window_says_until_when_each_step_can_begin_and_what_is_to_spare() {
    let text = human(&windowed(), Looks { width: 100, ..LOOKS });
    assert_eq!(
        text.lines().next().unwrap(),
        "Plan for sunday-database-upgrade  ·  sha256 4f1c…9a02  ·  window Sun 1 Feb 22:00 – 02:00 EST, 4 h"
    );
    let with = |what: &str| text.lines().find(|line| line.contains(what)).unwrap().to_owned();
    assert_eq!(
        with("haproxy-config"),
        "  2  haproxy-config      file      changes     /etc/haproxy/haproxy.cfg  +2 −1    latest start 00:41"
    );
    assert_eq!(with("measure-lag"), "  1  measure-lag         query     reads       lag_bytes = 0");
    let tight = human(&windowed(), LOOKS);
    assert_eq!(
        tight.lines().take(2).collect::<Vec<_>>(),
        ["Plan for sunday-database-upgrade  ·  sha256 4f1c…9a02", "window Sun 1 Feb 22:00 – 02:00 EST, 4 h"]
    );
    assert!(
        tight.contains("  5  switch-traffic      shell     unknown                    latest start 01:12\n"),
        "{tight}"
    );
    let wide = human(&windowed(), Looks { width: 200, ..LOOKS });
    assert!(wide.contains("rollback 18 m at worst; window 4 h: fits, 1 h 02 m to spare"), "{wide}");
}

#[test]
fn a_plan_that_does_not_fit_says_by_how_much() {
    let said = |spare: f64, at_worst: bool| {
        let mut plan = windowed();
        plan.budget.people_by_estimate = false;
        plan.budget.spare_s = Some(spare);
        plan.budget.fits_at_worst = Some(at_worst);
        let text = human(&plan, Looks { width: 200, ..LOOKS });
        text.split_once("window 4 h: ").unwrap().1.lines().next().unwrap().to_owned()
    };
    assert_eq!(said(60.0, true), "fits, 1 m to spare");
    assert_eq!(said(60.0, false), "fits by the estimates, 1 m to spare, and not at worst");
    assert_eq!(said(-90.0, false), "does not fit, 1 m 30 s too long by the estimates");
}

#[test]
fn a_window_across_a_change_of_the_clocks_says_both_zones() {
    let mut plan = windowed();
    let [opens, closes] = ["2026-03-08T00:00:00-05:00", "2026-03-08T06:00:00-04:00"]
        .map(|text| format!("{text}[America/New_York]").parse().unwrap());
    plan.window =
        Some(PlannedWindow { occasion: crate::model::window::Occasion { opens, closes }, overrun: Overrun::Rollback });
    let text = human(&plan, Looks { width: 140, ..LOOKS });
    assert!(text.contains("  ·  window Sun 8 Mar 00:00 EST – 06:00 EDT, 5 h, then rolls back\n"), "{text}");
    assert!(text.contains("can never begin"), "{text}");
}
