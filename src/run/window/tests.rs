//! Verdicts at the edges of a window, and their words.

use jiff::civil::{Time, Weekday};
use proptest::prelude::*;

use super::*;
use crate::model::window::Opening;

const NEW_YORK: &str = "America/New_York";

fn window(opens: &str, closes: &str) -> Window {
    let [opens, closes] = [opens, closes].map(|text| text.parse().unwrap());
    Window { opening: Opening::Once(Occasion { opens, closes }), overrun: Overrun::Stop }
}

fn gate(allowed_at: Option<&str>) -> Gate {
    let window = window("2026-02-01T22:00:00-05:00[America/New_York]", "2026-02-02T02:00:00-05:00[America/New_York]");
    let now = at(allowed_at.unwrap_or("2026-02-02T03:00:00Z"));
    Gate::new(&window, now, now, allowed_at.is_some()).unwrap()
}

fn at(moment: &str) -> Timestamp {
    moment.parse().unwrap()
}

fn minutes(minutes: u64) -> Duration {
    Duration::from_mins(minutes)
}

#[test]
fn a_step_fits_up_to_its_latest_start_and_not_a_moment_longer() {
    let gate = gate(None);
    let latest_start = at("2026-02-02T06:30:00Z");
    let verdict = |now: &str| gate.may_begin(at(now), minutes(10), minutes(20));
    assert_eq!(verdict("2026-02-02T03:00:00Z"), Verdict::Fits { latest_start: Some(latest_start) });
    assert_eq!(verdict("2026-02-02T06:30:00Z"), Verdict::Fits { latest_start: Some(latest_start) });
    let late = verdict("2026-02-02T06:30:00.000001Z");
    let Verdict::TooLate(late) = late else { panic!("{late:?}") };
    assert_eq!((late.latest_start, late.closes), (latest_start, at("2026-02-02T07:00:00Z")));
    let zone = TimeZone::get(NEW_YORK).unwrap();
    assert_eq!(
        late.told("promote", &zone),
        "promote may take 10m and the rollback from there 20m, and the window closes at Mon 2 Feb 02:00 EST, in \
         29m59s: the latest start was Mon 2 Feb 01:30 EST"
    );
}

#[test]
fn what_takes_nothing_fits_to_the_very_closing_and_nothing_begins_before_the_opening() {
    let gate = gate(None);
    let none = Duration::ZERO;
    assert!(matches!(gate.may_begin(at("2026-02-02T07:00:00Z"), none, none), Verdict::Fits { .. }));
    assert!(matches!(gate.may_begin(at("2026-02-02T07:00:00.001Z"), none, none), Verdict::TooLate(_)));
    let opens = at("2026-02-02T03:00:00Z");
    assert_eq!(gate.may_begin(at("2026-02-02T02:59:59Z"), none, none), Verdict::NotOpen { opens });
}

#[test]
fn after_the_closing_it_is_said_that_it_closed() {
    let Verdict::TooLate(late) = gate(None).may_begin(at("2026-02-02T07:05:00Z"), minutes(1), Duration::ZERO) else {
        panic!("it does not fit")
    };
    assert_eq!(
        late.told("a", &TimeZone::UTC),
        "a may take 1m, and the window closed at Mon 2 Feb 07:00 UTC: the latest start was Mon 2 Feb 06:59 UTC"
    );
}

#[test]
fn a_turn_begins_within_the_window_only() {
    let gate = gate(None);
    assert!(matches!(gate.admits(at("2026-02-02T02:59:59Z")), Err(Outside::NotOpen(_))));
    assert_eq!(gate.admits(at("2026-02-02T03:00:00Z")), Ok(()));
    assert_eq!(gate.admits(at("2026-02-02T06:59:59Z")), Ok(()));
    assert!(matches!(gate.admits(at("2026-02-02T07:00:00Z")), Err(Outside::Closed(_))));
}

#[test]
fn what_is_allowed_early_still_closes_and_what_is_allowed_late_does_not() {
    let early = gate(Some("2026-02-02T02:50:00Z"));
    assert_eq!((early.lifted, early.admits(at("2026-02-02T02:50:00Z"))), (Lifted::Opening, Ok(())));
    assert!(matches!(early.may_begin(at("2026-02-02T02:51:00Z"), minutes(5), minutes(5)), Verdict::Fits { .. }));
    assert!(matches!(early.may_begin(at("2026-02-02T06:51:00Z"), minutes(5), minutes(5)), Verdict::TooLate(_)));
    for now in ["2026-02-02T06:59:00Z", "2026-02-02T07:30:00Z"] {
        let late = gate(Some(now));
        assert_eq!((late.lifted, late.admits(at(now))), (Lifted::Closing, Ok(())));
        assert_eq!(late.may_begin(at(now), minutes(90), minutes(90)), Verdict::Fits { latest_start: None });
    }
}

#[test]
fn a_weekly_window_is_the_one_that_the_run_began_in() {
    let opening = Opening::Weekly {
        day: Weekday::Sunday,
        time: Time::constant(22, 0, 0, 0),
        lasts: Duration::from_hours(4),
        zone: TimeZone::get(NEW_YORK).unwrap(),
    };
    let window = Window { opening, overrun: Overrun::Stop };
    let began = at("2026-02-02T03:30:00Z");
    let resumed = |now: &str| Gate::new(&window, began, at(now), false).unwrap().admits(at(now)).is_ok();
    assert!(resumed("2026-02-02T06:59:00Z"));
    assert!(!resumed("2026-02-02T07:00:00Z"));
    assert!(!resumed("2026-02-09T03:30:00Z"), "a week later is another occasion");
}

#[test]
fn the_clocks_of_the_zone_may_change_within_it() {
    // The clocks go forward at 02:00, so that six hours on them are five.
    let spring = window("2026-03-08T00:00:00-05:00[America/New_York]", "2026-03-08T06:00:00-04:00[America/New_York]");
    // They go back at 02:00, so that six hours on them are seven.
    let autumn = window("2026-11-01T00:00:00-04:00[America/New_York]", "2026-11-01T06:00:00-05:00[America/New_York]");
    for (window, opens, hours, latest) in [
        (spring, "2026-03-08T05:00:00Z", 5, "Sun 8 Mar 01:30 EST"),
        (autumn, "2026-11-01T04:00:00Z", 7, "Sun 1 Nov 01:30 EST"),
    ] {
        let opens = at(opens);
        let gate = Gate::new(&window, opens, opens, false).unwrap();
        let whole = Duration::from_hours(hours);
        assert_eq!(gate.may_begin(opens, whole, Duration::ZERO), Verdict::Fits { latest_start: Some(opens) });
        assert!(matches!(gate.may_begin(opens, whole, Duration::from_millis(1)), Verdict::TooLate(_)));
        let before_end = if hours == 5 { minutes(210) } else { minutes(270) };
        assert_eq!(gate.shown(gate.leaving(before_end)), latest);
    }
}

#[test]
fn the_operator_is_told_when_in_both_zones() {
    let gate = gate(None);
    let early = gate.admits(at("2026-02-02T00:00:00Z")).unwrap_err();
    let now = at("2026-02-02T00:00:00Z");
    let berlin = TimeZone::get("Europe/Berlin").unwrap();
    assert_eq!(early.told(now, &berlin), "the window opens Sun 1 Feb 22:00 EST (Mon 2 Feb 04:00 CET here), in 3h");
    assert_eq!(early.told(now, gate.zone()), "the window opens Sun 1 Feb 22:00 EST, in 3h");
    let late = gate.admits(at("2026-02-02T08:30:00Z")).unwrap_err();
    assert_eq!(
        late.told(at("2026-02-02T08:30:00Z"), &TimeZone::UTC),
        "the window closed Mon 2 Feb 02:00 EST (Mon 2 Feb 07:00 UTC here), 1h30m ago"
    );
}

proptest! {
    #[test]
    fn whatever_begins_ends_and_is_undone_before_the_closing(
        now in 0_u64..20_000, limit in 0_u64..20_000, undo in 0_u64..20_000,
    ) {
        let gate = gate(None);
        let (opens, closes) = (gate.occasion.opens.timestamp(), gate.occasion.closes.timestamp());
        let now = opens.checked_add(Duration::from_secs(now)).unwrap();
        let (limit, undo) = (Duration::from_secs(limit), Duration::from_secs(undo));
        let over = now.checked_add(limit + undo).unwrap();
        let fits = matches!(gate.may_begin(now, limit, undo), Verdict::Fits { .. });
        prop_assert_eq!(fits, over <= closes);
    }
}
