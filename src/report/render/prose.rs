//! Markdown that somebody wrote in a runbook, made harmless: no HTML of its own, no link that runs something, nothing
//! that is fetched by itself.

use std::ops::Range;

use pulldown_cmark::{CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd, html};

use crate::report::text::escape_lines;

/// What an address may begin with.
const SCHEMES: [&str; 3] = ["https://", "http://", "mailto:"];

fn options() -> Options {
    Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS
}

/// Whether following an address can do nothing but open a page or begin a letter.
pub fn is_harmless(address: &str) -> bool {
    let start = address.get(..8).unwrap_or(address).to_ascii_lowercase();
    SCHEMES.iter().any(|scheme| start.starts_with(scheme))
}

/// As HTML. Its headings stand below those of the page.
pub fn html(text: &str) -> String {
    let text = escape_lines(text);
    let mut refused = Vec::new();
    let events = Parser::new_ext(&text, options()).filter_map(|event| harmless(event, &mut refused));
    let mut written = String::new();
    html::push_html(&mut written, events);
    written
}

/// An event without what could harm; `refused` remembers, for each open link, whether its end is left out too.
fn harmless<'t>(event: Event<'t>, refused: &mut Vec<bool>) -> Option<Event<'t>> {
    match event {
        Event::Html(markup) | Event::InlineHtml(markup) => Some(Event::Text(markup)),
        Event::Start(Tag::Link { ref dest_url, .. }) => {
            let is_refused = !is_harmless(dest_url);
            refused.push(is_refused);
            (!is_refused).then_some(event)
        }
        Event::End(TagEnd::Link) => (!refused.pop().unwrap_or(false)).then_some(event),
        // A picture would be fetched from somewhere; its words stay.
        Event::Start(Tag::Image { .. } | Tag::HtmlBlock) | Event::End(TagEnd::Image | TagEnd::HtmlBlock) => None,
        Event::Start(Tag::Heading { level, .. }) => {
            Some(Event::Start(Tag::Heading { level: lower(level), id: None, classes: Vec::new(), attrs: Vec::new() }))
        }
        Event::End(TagEnd::Heading(level)) => Some(Event::End(TagEnd::Heading(lower(level)))),
        Event::Start(Tag::CodeBlock(_)) => {
            Some(Event::Start(Tag::CodeBlock(pulldown_cmark::CodeBlockKind::Fenced(CowStr::Borrowed("")))))
        }
        other => Some(other),
    }
}

const fn lower(level: HeadingLevel) -> HeadingLevel {
    match level {
        HeadingLevel::H1 => HeadingLevel::H3,
        HeadingLevel::H2 => HeadingLevel::H4,
        HeadingLevel::H3 => HeadingLevel::H5,
        HeadingLevel::H4 | HeadingLevel::H5 | HeadingLevel::H6 => HeadingLevel::H6,
    }
}

/// As Markdown again: what could harm is escaped, all else stays as it was written.
pub fn markdown(text: &str) -> String {
    let mut text = escape_lines(text);
    // What was HTML is read as Markdown once it is escaped, and may hold what could harm in its turn.
    for _ in 0..ROUNDS {
        let escapes = escapes(&text);
        if escapes.is_empty() {
            return text;
        }
        text = escaped(&text, &escapes);
    }
    // Whoever writes such a thing is shown every letter of it.
    let indented = text.lines().map(|line| format!("    {line}"));
    indented.collect::<Vec<_>>().join("\n")
}

/// So often a text is looked at again after something in it was escaped.
const ROUNDS: usize = 8;

/// The places before which a backslash has to stand, in order.
fn escapes(text: &str) -> Vec<usize> {
    let mut escapes: Vec<usize> = Vec::new();
    for (event, range) in Parser::new_ext(text, options()).into_offset_iter() {
        match event {
            Event::Html(_) | Event::InlineHtml(_) => escapes.extend(each(text, range, '<')),
            Event::Start(Tag::Link { dest_url, .. }) if !is_harmless(&dest_url) => escapes.push(range.start),
            Event::Start(Tag::Image { dest_url, .. }) => {
                escapes.push(range.start);
                escapes.extend((!is_harmless(&dest_url)).then_some(range.start + 1));
            }
            _ => {}
        }
    }
    escapes.sort_unstable();
    escapes.dedup();
    escapes
}

fn escaped(text: &str, escapes: &[usize]) -> String {
    let mut written = String::with_capacity(text.len() + escapes.len());
    let mut from = 0;
    for &at in escapes {
        written.push_str(&text[from..at]);
        written.push('\\');
        from = at;
    }
    written + &text[from..]
}

/// Every place of a letter in a part of a text.
fn each(text: &str, range: Range<usize>, letter: char) -> impl Iterator<Item = usize> {
    text[range.clone()].match_indices(letter).map(move |(at, _)| range.start + at).collect::<Vec<_>>().into_iter()
}
