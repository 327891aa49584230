//! The times of the document and its window, by the clocks of its zone.

use jiff::tz::TimeZone;
use jiff::{ToSpan, Zoned};

use super::Findings;
use crate::check::context::Context;
use crate::check::moment::{self, clock, weekly};
use crate::check::steps::Role;
use crate::check::suggest;
use crate::check::window::{instant, local, occasion, part, said_length, times, zone};
use crate::check::zone::{Change, Shown, change_within, shown, weekly_change};
use crate::expression::duration;
use crate::model::window::day_name;

/// A name that the time zone database does not have.
pub fn unknown_time_zone(context: &Context, findings: &mut Findings) {
    let Some(node) = context.field(context.root, "timezone") else { return };
    let Some(name) = context.text(node) else { return };
    if TimeZone::get(name).is_ok_and(|zone| !zone.is_unknown()) {
        return;
    }
    let mut known: Vec<String> = jiff::tz::db().available().map(|zone| zone.to_string()).collect();
    known.sort_unstable();
    // Names such as `Etc/GMT+1` mean the contrary of what they say, and are not suggested.
    let is_place = |zone: &&str| zone.contains('/') && !zone.starts_with("Etc/") || *zone == "UTC";
    let names = || known.iter().map(String::as_str).filter(is_place);
    let city = || {
        let city = suggest::nearest(name, names().filter_map(|zone| zone.rsplit('/').next()))?;
        names().find(|zone| zone.rsplit('/').next() == Some(city))
    };
    let help = suggest::nearest(name, names()).or_else(city).map_or_else(
        || "write an IANA name, such as Europe/Berlin or America/New_York".to_owned(),
        |near| format!("did you mean `{near}`?"),
    );
    findings.report(context.span(node), format!("there is no time zone `{name}`"), help);
}

/// A text where a date and a time, or a day of the week and one, is wanted that is none.
pub fn malformed_time(context: &Context, findings: &mut Findings) {
    let zone = zone(context);
    let every = part(context, "every").into_iter().map(|node| (node, true));
    for (node, weekly) in times(context).into_iter().map(|time| (time.node, false)).chain(every) {
        let Some(text) = context.text(node) else { continue };
        let (message, help) = if text.contains("{{") {
            let message = "this time has to be known before anything runs, so it takes no template";
            (message.to_owned(), "write the time itself, such as 2026-02-01T22:00".to_owned())
        } else if weekly {
            let Err(error) = weekly::parse(text) else { continue };
            (error.to_string(), error.help())
        } else {
            let Err(error) = moment::parse(text) else { continue };
            (error.to_string(), error.help(zone.as_ref()))
        };
        findings.report(context.first_line(context.span(node)), message, help);
    }
}

/// Wall-clock times, and nobody knows by whose clocks.
pub fn no_time_zone(context: &Context, findings: &mut Findings) {
    if context.field(context.root, "timezone").is_some() || context.is_misspelt("timezone") {
        return;
    }
    let keys = [("window", "the window has no time zone"), ("review", "the review has no time zone")];
    let said = keys.into_iter().find(|(key, _)| context.field(context.root, key).is_some());
    let wait = || times(context).first().map(|time| context.span(time.node));
    let place = said.map(|(key, _)| context.entry_key_span(context.root, key)).or_else(wait);
    // Where it stands in the wrong place, that is said already.
    let mut misplaced = keys.into_iter().filter_map(|(key, _)| context.field(context.root, key));
    if misplaced.any(|node| context.field(node, "timezone").is_some()) {
        return;
    }
    if let Some(span) = place {
        let message = said.map_or("this time has no time zone", |(_, message)| message);
        findings.report(span, message, "add `timezone: Europe/Berlin`: the place whose clocks are meant");
    }
}

/// A time that the clocks of the zone skip, or show twice.
pub fn skipped_or_doubled(context: &Context, findings: &mut Findings) {
    let Some(zone) = zone(context) else { return };
    for time in times(context) {
        let Some(moment) = local(context, time.node) else { continue };
        let typed = moment::written(moment);
        let (message, help) = match shown(&zone, moment) {
            Some(Shown::Never(change)) => (
                format!("there is no {typed} in {}: {}", name(&zone), change.told()),
                format!("write {} or later, or a time before {}", after(change), before(change)),
            ),
            Some(Shown::Twice(change)) => (
                format!("{typed} is there twice in {}: {}", name(&zone), change.told()),
                format!("write a time before {}, or {} or later", after(change), before(change)),
            ),
            Some(Shown::Once(_)) | None => continue,
        };
        findings.report(context.span(time.node), message, help);
    }
}

fn before(change: Change) -> String {
    moment::written(change.before)
}

fn after(change: Change) -> String {
    moment::written(change.after)
}

fn name(zone: &TimeZone) -> &str {
    zone.iana_name().unwrap_or("the zone")
}

/// A weekly time that is skipped or shown twice when the clocks change.
pub fn weekly_skipped_or_doubled(context: &Context, findings: &mut Findings) {
    let Some(zone) = zone(context) else { return };
    let Some(node) = part(context, "every") else { return };
    let Some(weekly) = context.text(node).and_then(|text| weekly::parse(text).ok()) else { return };
    let Some((date, shown)) = weekly_change(&zone, weekly) else { return };
    let (day, name, time) = (day_name(weekly.day), name(&zone), clock::written(weekly.time));
    let (often, change, opens) = match shown {
        Shown::Never(change) => {
            let opens = date.to_datetime(weekly.time).to_zoned(zone.clone());
            let opens = opens.map_or_else(|_| String::new(), |opens| clock::written(opens.time()));
            (format!("{day} {time} is not there every week in {name}"), change, format!("at {opens}"))
        }
        Shown::Twice(change) => {
            (format!("{day} {time} is there twice in some weeks in {name}"), change, "at the first".to_owned())
        }
        Shown::Once(_) => return,
    };
    findings.report(
        context.span(node),
        format!("{often}: on {date} {}", change.told()),
        format!("the window then opens {opens}; write another time if that will not do"),
    );
}

/// A window of which it is not said, or said twice, when it opens or closes.
pub fn unclear_window(context: &Context, findings: &mut Findings) {
    let Some(window) = context.field(context.root, "window") else { return };
    let sound = !context.entries(window).is_empty() && !context.mistakes.iter().any(|mistake| mistake.node == window);
    let key = context.entry_key_span(context.root, "window");
    let key_of = |part| context.entry_key_span(window, part);
    let has = |part| context.field(window, part).is_some();
    if has("opens") && has("every") {
        let other = (key_of("opens"), "and here");
        let message = "when the window opens is said twice";
        findings.report_with(key_of("every"), message, "keep `opens` for one date, `every` for every week", other);
    } else if sound && !has("opens") && !has("every") {
        let help = "add `opens: 2026-02-01T22:00` for one date, or `every: Sunday 22:00` for every week";
        findings.report(key, "the window does not say when it opens", help);
    }
    if has("closes") && has("duration") {
        let other = (key_of("closes"), "and here");
        findings.report_with(key_of("duration"), "when the window closes is said twice", "keep one of them", other);
    } else if has("closes") && has("every") && !has("opens") {
        let message = "`closes` is one date, and the window opens every week";
        findings.report(key_of("closes"), message, "write how long it is open: `duration: 4h`");
    } else if sound && !has("closes") && !has("duration") {
        let help = "add `duration: 4h`, or `closes: …` with the date and the time";
        findings.report(key, "the window does not say when it closes", help);
    }
}

/// A window that is over before it begins.
pub fn closes_too_early(context: &Context, findings: &mut Findings) {
    let (Some(from), Some(to)) = (part(context, "opens"), part(context, "closes")) else { return };
    let (Some(opens), Some(closes)) = (instant(context, from), instant(context, to)) else { return };
    if closes > opens {
        return;
    }
    let next_day = closes.checked_add(1.day()).ok().filter(|next| *next > opens);
    let help = next_day.map_or_else(
        || format!("write a time after {}, or `duration: 4h`", moment::written(opens.datetime())),
        |next| format!("write {} if the next day is meant, or `duration: 4h`", moment::written(next.datetime())),
    );
    findings.report_with(
        context.span(to),
        "the window closes before it opens",
        help,
        (context.span(from), "it opens here"),
    );
}

/// A window that narrows nothing.
pub fn long_window(context: &Context, findings: &mut Findings) {
    let weekly = part(context, "every").is_some();
    let length = if weekly { said_length(context) } else { occasion(context).map(|occasion| occasion.length()) };
    let Some(length) = length.filter(|length| length.as_secs() > 7 * 86_400) else { return };
    let Some(node) = part(context, "closes").or_else(|| part(context, "duration")) else { return };
    let length = duration::written(length);
    let message = if weekly {
        format!("the window is open for {length}, and opens again before that is over")
    } else {
        format!("the window is open for {length}")
    };
    findings.report(
        context.span(node),
        message,
        "a window is the hours in which the work may be done: look at the date",
    );
}

/// The clocks change while the window is open, so that its length is not what the clock shows.
pub fn change_within_window(context: &Context, findings: &mut Findings) {
    let Some(zone) = zone(context) else { return };
    let Some(occasion) = occasion(context) else { return };
    let (opens, closes) = (&occasion.opens, &occasion.closes);
    let Some(change) = change_within(&zone, opens.timestamp(), closes.timestamp()) else { return };
    let why = format!("on {} {} in {}", change.before.date(), change.told(), name(&zone));
    if let Some(node) = part(context, "closes") {
        let shown = opens.datetime().duration_until(closes.datetime());
        let shown = duration::written(shown.try_into().unwrap_or_default());
        let real = duration::written(occasion.length());
        let message = format!("the window is open for {real}, not for the {shown} that its times suggest: {why}");
        findings.report(context.span(node), message, format!("count on {real}, or move the window"));
    } else if let Some(node) = part(context, "duration") {
        let expected = opens.datetime().checked_add(opens.duration_until(closes));
        let expected = expected.map_or_else(|_| String::new(), |shown| clock::written(shown.time()));
        let real = clock::written(closes.time());
        let message = format!("the window closes at {real}, not at {expected}: {why}");
        findings.report(context.span(node), message, format!("tell everybody {real}, or move the window"));
    }
}

/// Waiting for a moment at which the window is not open.
pub fn waits_outside(context: &Context, findings: &mut Findings) {
    let Some(occasion) = occasion(context) else { return };
    for time in times(context) {
        let Some(step) = time.step.map(|at| &context.steps[at]).filter(|step| step.role == Role::Forward) else {
            continue;
        };
        let Some(until) = instant(context, time.node) else { continue };
        let title = context.title(step);
        let (end, message) = if until >= occasion.closes {
            ("closes", format!("{title} waits until the window has closed, so nothing after it could begin"))
        } else if until < occasion.opens {
            ("opens", format!("{title} waits for a time before the window opens, so it does not wait at all"))
        } else {
            continue;
        };
        let help = format!("write a time between {} and {}", told(&occasion.opens), told(&occasion.closes));
        let found = findings.report(context.span(time.node), message, help);
        if let Some(node) = part(context, end).or_else(|| part(context, "duration")) {
            let text = format!(
                "the window {end} at {}",
                told(if end == "opens" { &occasion.opens } else { &occasion.closes })
            );
            found.labels.push(crate::model::diagnostic::Label { span: context.span(node), text });
        }
    }
}

fn told(moment: &Zoned) -> String {
    moment::written(moment.datetime())
}
