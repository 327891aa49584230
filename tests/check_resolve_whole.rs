//! What becomes of each key that makes a step more than one attempt of one action, and of what stands around the steps.

use std::io;
use std::path::Path;
use std::time::Duration;

use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;
use runbook::check::check;
use runbook::check::source::Source;
use runbook::model::flow::{Background, Items, Observe, Repeat, Serial, Trip, Way};
use runbook::model::http::{HttpAction, HttpBody, HttpExpect};
use runbook::model::length::Length;
use runbook::model::runbook::{Expression, Hosts, Overrun, Review, Runbook, Target, Template};
use runbook::model::step::{Action, ConfirmAction, OnFailure, Place, ProcessOptions, Step, Undo, WaitAction};
use runbook::model::window::{Occasion, Opening, Window};
use serde_json::json;

const HEADER: &str = "\
runbook: 1
name: example
targets:
  db: { postgres: \"service=db\" }
  web: { hosts: [web-1, web-2], user: deploy }
  one: { hosts: [lb-1], become: root }
groups: { dba: [ana@example.org] }
defaults: { timeout: 5m }
";

fn whole(text: &str) -> Runbook {
    let none = |_: &Path| Err(io::ErrorKind::NotFound.into());
    let checked = check(&Source::new("example.yaml", text), Path::new("/runbooks"), &none);
    checked.runbook.unwrap_or_else(|| panic!("{:#?}", checked.diagnostics))
}

fn only(steps: &str) -> Step {
    let mut steps = whole(&format!("{HEADER}steps:\n{steps}")).steps;
    assert_eq!(steps.len(), 1);
    steps.remove(0)
}

fn seconds(number: u64) -> Length {
    Length::Known(Duration::from_secs(number))
}

fn template(text: &str) -> Template {
    Template(text.to_owned())
}

fn process(action: &Action) -> &ProcessOptions {
    match action {
        Action::Shell { process, .. } | Action::Command { process, .. } => process,
        other => panic!("{other:?}"),
    }
}

fn ids(steps: &[Step]) -> Vec<&str> {
    steps.iter().map(|step| step.id.as_str()).collect()
}

#[test]
fn when_it_may_run_and_who_approves_it() {
    let steps = "steps: [{ id: a, wait: 5s }]\n";
    let runbook = whole(&format!(
        "runbook: 1
name: example
timezone: Europe/Berlin
window: {{ opens: 2026-02-01T22:00, closes: 2026-02-02T02:00, overrun: rollback }}
review: {{ deadline: 2026-01-31T18:00, approvals: 2, approvers: [\"@dba\"], allow_self: true }}
groups: {{ dba: [ana@example.org, ben@example.org] }}
locks: [orders-db]
{steps}"
    ));
    let moment = |text: &str| format!("{text}+01:00[Europe/Berlin]").parse().expect("a moment");
    let opening = Opening::Once(Occasion { opens: moment("2026-02-01T22:00"), closes: moment("2026-02-02T02:00") });
    assert_eq!(runbook.window, Some(Window { opening, overrun: Overrun::Rollback }));
    let review = Review {
        deadline: Some(moment("2026-01-31T18:00")),
        approvals: 2,
        approvers: vec!["@dba".to_owned()],
        allow_self: true,
    };
    assert_eq!(runbook.review, Some(review));
    assert_eq!(runbook.timezone.as_deref(), Some("Europe/Berlin"));
    assert_eq!(json!(runbook.groups), json!({ "dba": ["ana@example.org", "ben@example.org"] }));
    assert_eq!(runbook.locks, [template("orders-db")]);

    let header = "runbook: 1\nname: example\ntimezone: UTC\n";
    let runbook = whole(&format!("{header}window: {{ every: Sunday 22:00, duration: 4h }}\nreview: {{}}\n{steps}"));
    let opening = Opening::Weekly {
        day: Weekday::Sunday,
        time: Time::constant(22, 0, 0, 0),
        lasts: Duration::from_hours(4),
        zone: TimeZone::UTC,
    };
    assert_eq!(runbook.window, Some(Window { opening, overrun: Overrun::Stop }));
    let review = Review { deadline: None, approvals: 1, approvers: Vec::new(), allow_self: false };
    assert_eq!(runbook.review, Some(review));
}

#[test]
fn hosts_are_written_out_or_found() {
    let runbook = whole(
        "runbook: 1
name: example
parameters: { hosts: { type: list, default: [a] } }
targets:
  web: { hosts: \"{{ parameters.hosts }}\", user: deploy }
  router: { hosts: [lb-1], become: root }
steps: [{ id: a, wait: 5s }]
",
    );
    let web = Target::Hosts {
        hosts: Hosts::Template(template("{{ parameters.hosts }}")),
        user: Some(template("deploy")),
        r#become: None,
    };
    let router =
        Target::Hosts { hosts: Hosts::List(vec![template("lb-1")]), user: None, r#become: Some(template("root")) };
    assert_eq!((&runbook.targets["web"], &runbook.targets["router"]), (&web, &router));
}

#[test]
fn a_request_says_all_of_what_it_is() {
    let step = only("- { id: a, http: \"https://example.org\" }\n");
    let get = HttpAction {
        method: "GET".to_owned(),
        url: template("https://example.org"),
        headers: [].into(),
        body: None,
        expect: HttpExpect::default(),
        ca: None,
        cert: None,
        key: None,
    };
    assert_eq!(
        (step.action, step.timeout, step.undo),
        (Action::Http(get), Some(seconds(300)), Undo::NotNeeded { why: None })
    );
    let step = only(
        "
- id: a
  http:
    method: post
    url: https://example.org
    headers: { Accept: text/plain }
    json: { on: true }
    expect: { status: [200, 204], body: fine, json: { ok: true } }
    ca: ca.pem
    cert: own.pem
    key: own.key
  irreversible: sent
",
    );
    let Action::Http(post) = step.action else { panic!("{:?}", step.action) };
    assert_eq!((post.method.as_str(), &post.headers["Accept"]), ("POST", &json!("text/plain")));
    assert_eq!(post.body, Some(HttpBody::Json(json!({ "on": true }))));
    let expect = HttpExpect { status: vec![200, 204], body: Some(template("fine")), json: Some(json!({ "ok": true })) };
    assert_eq!(post.expect, expect);
    assert_eq!(
        (post.ca, post.cert, post.key),
        (Some(template("ca.pem")), Some(template("own.pem")), Some(template("own.key")))
    );
    let step = only("- { id: a, shell: x, effect: read_only, verify: { http: \"http://x\" } }\n");
    assert!(matches!(*step.verify.expect("a verify").action, Action::Http(http) if http.url == template("http://x")));
}

#[test]
fn a_loop_says_over_what_and_how() {
    let step = only(
        "
- id: roll
  for_each: [1, 2]
  as: number
  serial: 25%
  canary: 1
  max_failures: 2
  between: [{ wait: 30s }]
  steps: [{ id: look, shell: x, effect: read_only }]
",
    );
    let each = step.each.expect("a loop");
    assert_eq!(each.items, Items::List(vec![json!(1), json!(2)]));
    assert_eq!((each.name.as_str(), each.serial, each.canary), ("number", Serial::Percent(25), Some(1)));
    assert_eq!((each.max_failures, ids(&each.between)), (2, vec!["roll.between0"]));
    let step = only("- { id: a, wait: 1s, for_each: \"{{ [1] }}\" }\n");
    let each = step.each.expect("a loop");
    assert_eq!((each.items, each.name.as_str()), (Items::Template(template("{{ [1] }}")), "item"));
    assert_eq!((each.serial, each.canary, each.max_failures), (Serial::Count(1), None, 0));
}

#[test]
fn what_runs_on_several_hosts_is_a_loop_and_its_parts_run_on_the_one_it_has_come_to() {
    let step = only(
        "
- id: a
  shell: x
  target: web
  become: root
  cwd: /srv
  serial: 2
  verify: { shell: y }
  rollback: [{ shell: z }, { shell: z, target: local }, { shell: z, target: one }]
",
    );
    let each = step.each.as_ref().expect("a loop");
    assert_eq!((&each.items, each.serial), (&Items::Hosts("web".to_owned()), Serial::Count(2)));
    let there = ProcessOptions {
        cwd: Some(template("/srv")),
        place: Place::Target("web".to_owned()),
        r#become: Some(template("root")),
        ..ProcessOptions::default()
    };
    assert_eq!(process(&step.action), &there);
    assert_eq!(process(&step.verify.as_ref().expect("a verify").action), &there);
    let Undo::Steps(undo) = &step.undo else { panic!("{:?}", step.undo) };
    assert!(undo.iter().all(|step| step.each.is_none()), "{undo:?}");
    assert_eq!(process(&undo[0].action), &there);
    assert_eq!(process(&undo[1].action), &ProcessOptions::default());
    assert_eq!(
        process(&undo[2].action),
        &ProcessOptions { place: Place::Target("one".to_owned()), ..ProcessOptions::default() }
    );
    let step = only("- { id: a, shell: x, effect: read_only, target: \"{{ run.id }}\" }\n");
    assert_eq!(process(&step.action).place, Place::Host(template("{{ run.id }}")));
}

#[test]
fn members_take_what_their_group_says_of_where_they_run() {
    let step = only(
        "
- id: group
  target: web
  become: root
  parallel: 4
  timeout: 10m
  estimate: 2m
  on_failure: { do: [{ shell: f }], then: rollback }
  steps:
    - { id: a, shell: x, effect: read_only }
    - { id: b, file: { path: /etc/x, absent: true } }
    - { id: c, shell: x, effect: read_only, on_failure: continue }
",
    );
    assert_eq!((step.limit(), step.estimate), (Some(Duration::from_mins(10)), Some(Duration::from_mins(2))));
    assert!(step.each.is_none(), "each member loops, not the group");
    let Action::Group { steps, parallel: Some(4) } = &step.action else { panic!("{:?}", step.action) };
    assert!(steps.iter().all(|step| step.each.is_some()));
    let Action::File(file) = &steps[1].action else { panic!("{:?}", steps[1].action) };
    assert_eq!((&file.place, &file.r#become), (&Place::Target("web".to_owned()), &Some(template("root"))));
    let handler = steps[0].handler.as_ref().expect("a handler");
    assert_eq!(
        (steps[0].on_failure, handler.retry, ids(&handler.steps)),
        (OnFailure::Rollback, false, vec!["group.failure0"])
    );
    assert_eq!((steps[2].on_failure, &steps[2].handler), (OnFailure::Continue, &None));
}

#[test]
fn what_follows_a_failure_comes_from_the_defaults_last() {
    let runbook = whole(
        "
runbook: 1
name: example
defaults: { timeout: 5m, on_failure: { do: [{ shell: f }], then: retry } }
targets: { one: { hosts: [lb-1] } }
steps:
  - { id: a, shell: x, effect: read_only, target: one }
  - { id: b, shell: x, effect: read_only, on_failure: ask }
",
    );
    let handler = runbook.steps[0].handler.as_ref().expect("a handler");
    assert_eq!((runbook.steps[0].on_failure, handler.retry), (OnFailure::Stop, true));
    assert_eq!(ids(&handler.steps), ["a.failure0"]);
    assert_eq!(process(&handler.steps[0].action).place, Place::Target("one".to_owned()));
    assert_eq!(handler.steps[0].handler, None);
    assert_eq!((runbook.steps[1].on_failure, &runbook.steps[1].handler), (OnFailure::Ask, &None));
}

#[test]
fn a_hold_is_taken_and_given_back_where_its_group_runs() {
    let step = only(
        "
- id: held
  target: one
  hold: { acquire: { shell: a }, release: [{ shell: b }, { shell: c }], expires: 110s }
  release_on: [success, rollback]
  retake: false
",
    );
    assert_eq!(step.action, Action::Hold);
    let hold = step.hold.expect("a hold");
    assert_eq!(
        (ids(&hold.acquire), ids(&hold.release)),
        (vec!["held.acquire0"], vec!["held.release0", "held.release1"])
    );
    assert_eq!(process(&hold.acquire[0].action).place, Place::Target("one".to_owned()));
    assert_eq!((hold.expires, hold.retake), (Some(seconds(110)), false));
    assert_eq!(hold.release_on, [Way::Success, Way::Rollback].into());
    let step =
        only("- { id: a, hold: { acquire: { shell: a }, release: { shell: b } }, steps: [{ id: b, wait: 1s }] }\n");
    let hold = step.hold.expect("a hold");
    assert_eq!((hold.release_on, hold.retake, hold.expires), (Way::ALL.into(), true, None));
}

#[test]
fn a_watch_looks_until_it_trips() {
    let step = only(
        "
- id: watched
  watch:
    - query: select 1 as n
      target: db
      every: 7s
      trip_when: rows[0].n > 20
      action: ask
      do: [{ sql: select 1, target: db }]
    - { command: [x], trip_when: exit_code > 0, action: warn, timeout: 2s }
  steps: [{ id: a, wait: 1s }]
",
    );
    let [first, second] = step.watches.as_slice() else { panic!("{:?}", step.watches) };
    assert_eq!((&first.every, &first.probe.timeout), (&seconds(7), &Some(seconds(7))));
    assert_eq!((first.action, &first.trip_when), (Trip::Ask, &Expression("rows[0].n > 20".into())));
    assert_eq!(ids(&first.steps), ["watched.watch0"]);
    assert_eq!((&second.every, &second.probe.timeout), (&seconds(5), &Some(seconds(2))));
    assert_eq!((second.action, second.steps.len()), (Trip::Warn, 0));
}

#[test]
fn steps_are_repeated_and_go_on_in_the_background() {
    let step = only("- { id: a, query: select 1, target: db, repeat: { until: row_count == 0, max: 9, delay: 1s } }\n");
    let until = Some(Expression("row_count == 0".into()));
    assert_eq!(step.repeat, Some(Repeat { until, max: Some(9), delay: seconds(1) }));
    let background = |more: &str| only(&format!("- {{ id: a, wait: 1s, {more} }}\n")).background;
    assert_eq!(background("background: true, until_end: true"), Some(Background::UntilEnd));
    assert_eq!(background("background: false"), None);
    let steps = "- { id: a, wait: 1s, background: true }\n- { id: b, wait: { for: [a] } }\n";
    let runbook = whole(&format!("{HEADER}steps:\n{steps}"));
    assert_eq!(runbook.steps[0].background, Some(Background::Joined));
    assert_eq!(runbook.steps[1].action, Action::Wait(WaitAction::Steps(vec!["a".into()])));
}

#[test]
fn what_is_looked_at_beside_a_step_is_its_own() {
    let step = only(
        "
- id: a
  command: [x]
  preview: { command: [y], timeout: 3s }
  observe: { shell: z }
  artifacts: [\"/var/log/**\"]
  verify: { command: [x] }
  rollback: { not_needed: x }
",
    );
    assert_eq!(step.preview.as_ref().and_then(|probe| probe.timeout.clone()), Some(seconds(3)));
    assert!(matches!(&step.observe, Some(Observe::Probe(probe)) if probe.action.kind() == "shell"));
    assert_eq!(step.artifacts, [template("/var/log/**")]);
    let step = only("- { id: a, file: { path: /x, absent: true }, observe: /x }\n");
    assert_eq!(step.observe, Some(Observe::File(template("/x"))));
    let step = only(
        "- { id: a, sql: x, target: db, rehearse: true, check: { query: select true } , rollback: { not_needed: x } }\n",
    );
    assert!(matches!(step.action, Action::Sql(sql) if sql.rehearse));
}

#[test]
fn who_may_answer_a_question() {
    let step = only(
        "- { id: a, confirm: { message: go?, by: ana@example.org, second_person: true }, estimate: 1m, timeout: 2m }\n",
    );
    let wanted = ConfirmAction {
        message: template("go?"),
        show: Vec::new(),
        by: vec!["ana@example.org".into()],
        second_person: true,
    };
    assert_eq!((step.action, step.timeout), (Action::Confirm(wanted), Some(seconds(120))));
}

#[test]
fn durations_may_be_known_only_when_the_step_runs() {
    let step = only(
        "
- id: a
  shell: x
  effect: read_only
  timeout: \"{{ run.id }}\"
  estimate: 1m
  retry: { max_attempts: 2, delay: \"{{ run.id }}\", max_delay: 9s }
",
    );
    let later = Length::Template(template("{{ run.id }}"));
    assert_eq!(
        (&step.timeout, step.limit(), step.estimate),
        (&Some(later.clone()), None, Some(Duration::from_mins(1)))
    );
    assert_eq!((&step.retry.delay, &step.retry.max_delay), (&later, &Some(seconds(9))));
    assert_eq!(
        only("- { id: a, wait: \"{{ run.id }}\", estimate: 1m }\n").action,
        Action::Wait(WaitAction::For(later))
    );
}

#[test]
fn a_time_that_a_step_waits_for_is_one_moment_by_the_clocks_of_the_zone() {
    let runbook = whole(
        "runbook: 1
name: example
timezone: America/New_York
steps:
  - { id: winter, wait: { time: \"2026-02-01T22:00\" } }
  - { id: summer, wait: { time: 2026-07-01T22:00:30 } }
  - { id: late, wait: { time: \"{{ window.closes }}\" } }
window: { opens: 2026-02-01T20:00, closes: 2026-07-02T00:00 }
",
    );
    let until = |text: &str| Action::Wait(WaitAction::Until(template(text)));
    let actions: Vec<_> = runbook.steps.into_iter().map(|step| step.action).collect();
    let winter = until("2026-02-01T22:00:00-05:00");
    assert_eq!(actions, [winter, until("2026-07-01T22:00:30-04:00"), until("{{ window.closes }}")]);
}
