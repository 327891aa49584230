//! How long steps take: normally, at worst, and to be undone, with all that a step may be.

use std::io;
use std::path::Path;

use runbook::check::check;
use runbook::check::source::Source;
use runbook::expression::duration::written;
use runbook::model::fit;
use runbook::model::runbook::Runbook;
use runbook::model::time::{Kind, Reckoner};
use runbook::model::way_back::{Done, WayBack};

const HEADER: &str = "\
runbook: 1
name: example
parameters: { hosts: { type: list, default: [a, b, c, d, e] }, found: { type: list }, none: { type: list, default: [] } }
targets: { web: { hosts: [web-1, web-2, web-3] }, some: { hosts: \"{{ parameters.hosts }}\" } }
steps:
";

fn runbook(text: &str) -> Runbook {
    let other = "runbook: 1\nname: other\nparameters: { list: { type: list, default: [1] } }\nsteps:
  - { id: one, shell: x, effect: read_only, timeout: 2m, for_each: \"{{ parameters.list }}\" }\n";
    let files = |path: &Path| match path.to_str() {
        Some("/runbooks/other.yaml") => Ok(other.as_bytes().to_vec()),
        _ => Err(io::ErrorKind::NotFound.into()),
    };
    let checked = check(&Source::new("example.yaml", text), Path::new("/runbooks"), &files);
    checked.runbook.unwrap_or_else(|| panic!("{:#?}", checked.diagnostics))
}

/// What the first step takes normally, at worst, and to be undone.
fn times(step: &str) -> String {
    let runbook = runbook(&format!("{HEADER}  - {{ id: a, {step} }}\n"));
    let (reckoner, step) = (Reckoner::new(&runbook), &runbook.steps[0]);
    let time = |kind| reckoner.time(step, kind).map_or_else(|| "unknown".to_owned(), written);
    format!("{} {} {}", time(Kind::Normal), time(Kind::Worst), written(reckoner.undo(step)))
}

const LOOK: &str = "shell: x, effect: read_only";

#[test]
fn a_step_takes_its_estimate_and_at_worst_every_attempt() {
    assert_eq!(times(&format!("{LOOK}, timeout: 5m")), "5m 5m 0s");
    assert_eq!(times(&format!("{LOOK}, timeout: 5m, estimate: 10s")), "10s 5m 0s");
    let retry = "retry: { max_attempts: 4, delay: 10s, backoff: 2, max_delay: 30s }";
    assert_eq!(times(&format!("{LOOK}, timeout: 5m, estimate: 10s, {retry}")), "10s 21m 0s");
    assert_eq!(times(&format!("{LOOK}, until: exit_code == 0, timeout: 5m")), "5m 5m 0s");
    assert_eq!(times("wait: 90s"), "1m30s 1m30s 0s");
    assert_eq!(times("wait: \"{{ run.id }}\", estimate: 2m"), "2m unknown 0s");
    assert_eq!(times("confirm: { message: go? }, estimate: 2m"), "2m 2m 0s");
    assert_eq!(times("assert: [ { that: 1 == 1 } ]"), "0s 0s 0s");
}

#[test]
fn verifying_belongs_to_each_attempt_and_undoing_counts_at_worst() {
    let change = "shell: x, timeout: 1m, estimate: 5s, verify: { shell: x, timeout: 10s }";
    assert_eq!(times(&format!("{change}, rollback: {{ shell: y, timeout: 3m, estimate: 1s }}")), "5s 1m10s 3m");
    let steps = "[ { shell: y, timeout: 3m }, { wait: 1m } ]";
    assert_eq!(times(&format!("{change}, rollback: {steps}")), "5s 1m10s 4m");
    assert_eq!(times(&format!("{change}, point_of_no_return: so it is")), "5s 1m10s 0s");
    let file = "file: { path: /x, content: y, reload: [z] }, timeout: 20s";
    assert_eq!(times(file), "20s 20s 21s");
    assert_eq!(times("file: { path: /x, content: y }, timeout: 20s"), "20s 20s 1s");
}

#[test]
fn a_loop_takes_as_long_as_all_its_items() {
    let each = |items: &str| times(&format!("{LOOK}, timeout: 1m, estimate: 20s, {items}"));
    assert_eq!(each("for_each: [1, 2, 3]"), "1m 3m 0s");
    assert_eq!(each("for_each: [1, 2, 3], between: [ { wait: 10s } ]"), "1m20s 3m20s 0s");
    assert_eq!(each("for_each: \"{{ parameters.hosts }}\", serial: 2"), "1m 3m 0s");
    assert_eq!(each("for_each: \"{{ parameters.hosts }}\", serial: 50%"), "1m 3m 0s");
    assert_eq!(each("for_each: \"{{ parameters.hosts }}\", serial: 1%"), "1m40s 5m 0s");
    assert_eq!(each("for_each: \"{{ parameters.found }}\""), "20s 1m 0s");
    assert_eq!(each("for_each: \"{{ parameters.none }}\""), "0s 0s 0s");
    assert_eq!(each("target: web"), "1m 3m 0s");
    assert_eq!(each("target: some"), "1m40s 5m 0s");
    let undo = "shell: x, timeout: 1m, verify: { shell: x, timeout: 1s }, rollback: { shell: y, timeout: 2m }";
    assert_eq!(times(&format!("{undo}, for_each: [1, 2, 3]")), "3m 3m3s 6m");
}

#[test]
fn a_repetition_takes_its_estimate_or_all_its_rounds() {
    let repeat = |more: &str| times(&format!("{LOOK}, timeout: 1m, {more}"));
    assert_eq!(repeat("repeat: { max: 10, delay: 6s }"), "11m 11m 0s");
    assert_eq!(repeat("repeat: { max: 10, delay: 6s }, estimate: 90s"), "1m30s 11m 0s");
    assert_eq!(repeat("repeat: { until: exit_code == 0 }, estimate: 90s"), "1m30s unknown 0s");
}

#[test]
fn members_count_one_after_the_other_or_side_by_side() {
    let member = |id: &str, timeout: &str| format!("{{ id: {id}, {LOOK}, timeout: {timeout} }}");
    let members = format!("steps: [ {}, {}, {} ]", member("one", "3m"), member("two", "2m"), member("three", "90s"));
    assert_eq!(times(&members), "6m30s 6m30s 0s");
    assert_eq!(times(&format!("{members}, parallel: 2")), "3m30s 3m30s 0s");
    assert_eq!(times(&format!("{members}, parallel: 9")), "3m 3m 0s");
    assert_eq!(times(&format!("{members}, timeout: 5m")), "6m30s 5m 0s");
    assert_eq!(times(&format!("{members}, estimate: 1m")), "1m 6m30s 0s");
}

#[test]
fn what_goes_on_in_the_background_counts_where_it_is_waited_for() {
    let beside = format!("{{ id: long, {LOOK}, timeout: 10m, background: true }}");
    let helper = format!("{{ id: helper, {LOOK}, timeout: 1h, background: true, until_end: true }}");
    let short = format!("{{ id: short, {LOOK}, timeout: 1m }}");
    let joined = |limit: &str| format!("{{ id: joined, wait: {{ for: [long] }}, timeout: {limit} }}");
    let last = format!("{{ id: last, {LOOK}, timeout: 2m }}");
    let waits = |limit: &str| times(&format!("steps: [ {helper}, {beside}, {short}, {}, {last} ]", joined(limit)));
    assert_eq!(waits("1h"), "12m 12m 0s");
    assert_eq!(waits("5m"), "8m 8m 0s");
}

#[test]
fn a_hold_takes_its_acquire_and_release_and_is_taken_again_around_an_undo() {
    let hold = "hold: { acquire: { shell: x, timeout: 10s }, release: { shell: y, timeout: 5s } }";
    let look = format!("steps: [ {{ id: b, {LOOK}, timeout: 1m }} ]");
    assert_eq!(times(&format!("{hold}, {look}")), "1m15s 1m15s 0s");
    let change = "steps: [ { id: b, shell: x, timeout: 1m, verify: { shell: x, timeout: 1s }, \
                  rollback: { shell: y, timeout: 2m } } ]";
    assert_eq!(times(&format!("{hold}, {change}")), "1m15s 1m16s 2m15s");
    assert_eq!(times(&format!("{hold}, {change}, retake: false")), "1m15s 1m16s 2m");
}

/// When each step is over, and what a rollback from there takes.
fn points(steps: &str) -> String {
    let header =
        "runbook: 1\nname: example\ntimezone: UTC\nwindow: { opens: 2026-02-01T22:00, duration: 3d }\nsteps:\n";
    let runbook = runbook(&format!("{header}{steps}"));
    let told = |point: fit::Point<'_>| format!("{} {} {}", point.step.id, written(point.over), written(point.undo));
    let points: Vec<String> = fit::points(&runbook).into_iter().map(told).collect();
    format!("{}; at worst {}", points.join(", "), written(fit::worst(&runbook)))
}

#[test]
fn a_rollback_grows_with_the_work_and_ends_at_a_point_of_no_return() {
    let change = |id: &str, undo: &str| {
        format!(
            "{{ id: {id}, shell: x, timeout: 1m, estimate: 30s, verify: {{ shell: x, timeout: 1s }}, \
             rollback: {{ shell: y, timeout: {undo} }} }}"
        )
    };
    let cut = "{ id: cut, shell: x, timeout: 1m, verify: { shell: x, timeout: 1s }, point_of_no_return: so it is }";
    let steps = format!(
        "  - {}\n  - id: phase\n    steps: [ {}, {cut} ]\n  - {}\n",
        change("one", "5m"),
        change("two", "3m"),
        change("three", "2m")
    );
    assert_eq!(points(&steps), "one 30s 5m, two 1m 8m, cut 2m 0s, three 2m30s 2m; at worst 4m4s");
}

#[test]
fn a_time_that_is_waited_for_is_that_long_after_the_opening() {
    let steps = format!(
        "  - {{ id: one, {LOOK}, timeout: 10m, estimate: 1m }}\n  - {{ id: quiet, wait: {{ time: 2026-02-02T00:30 }} }}
  - {{ id: two, {LOOK}, timeout: 5m }}\n  - {{ id: late, wait: {{ time: 2026-02-02T00:10 }} }}\n"
    );
    let wanted = "one 1m 0s, quiet 2h30m 0s, two 2h35m 0s, late 2h35m 0s; at worst 2h35m";
    assert_eq!(points(&steps), wanted);
}

/// What undoing these takes at worst, in the order in which they began. A name with `?` was not answered with a go.
fn way_back(steps: &str, done: &[&str]) -> String {
    let way = WayBack::of(&runbook(&format!("{HEADER}{steps}")));
    let done = done.iter().map(|name| match name.strip_suffix('?') {
        Some(name) => Done { name, went: false },
        None => Done { name, went: true },
    });
    written(way.undo(done))
}

#[test]
fn the_way_back_is_that_of_what_was_done_item_by_item() {
    let change = "shell: x, timeout: 1m, verify: { shell: x, timeout: 1s }, rollback: { shell: y, timeout: 2m }";
    let steps = format!(
        "  - {{ id: one, {change} }}\n  - {{ id: each, {change}, for_each: \"{{{{ parameters.hosts }}}}\" }}
  - {{ id: go, confirm: {{ message: Over? }}, estimate: 1m, point_of_no_return: so it is }}\n  - {{ id: two, {change} }}\n"
    );
    assert_eq!(way_back(&steps, &[]), "0s");
    assert_eq!(way_back(&steps, &["one", "each[a]", "each[b]"]), "6m");
    assert_eq!(way_back(&steps, &["one", "go?"]), "2m", "a question that is open leaves the way back open");
    assert_eq!(way_back(&steps, &["one", "go"]), "0s");
    assert_eq!(way_back(&steps, &["one", "go", "two"]), "2m");
}

#[test]
fn the_way_back_gives_back_what_is_held_and_takes_it_again_for_what_is_undone() {
    let change = "shell: x, timeout: 1m, verify: { shell: x, timeout: 1s }, rollback: { shell: y, timeout: 2m }";
    let hold = |more: &str| {
        format!(
            "  - id: held
    hold: {{ acquire: {{ shell: x, timeout: 10s }}, release: {{ shell: y, timeout: 5s }} }}
    {more}
    steps: [ {{ id: look, {LOOK}, timeout: 1m }}, {{ id: one, {change} }}, {{ id: two, {change} }} ]\n"
        )
    };
    let again = hold("retake: true");
    assert_eq!(way_back(&again, &["held.acquire"]), "5s", "it is given back");
    assert_eq!(way_back(&again, &["held.acquire", "look"]), "5s");
    assert_eq!(way_back(&again, &["held.acquire", "look", "held.release"]), "0s");
    assert_eq!(way_back(&again, &["held.acquire", "one", "two"]), "4m15s", "taken once around both");
    assert_eq!(way_back(&again, &["held.acquire", "one", "two", "held.release"]), "4m15s");
    assert_eq!(way_back(&hold("retake: false"), &["held.acquire", "one"]), "2m5s");
}
