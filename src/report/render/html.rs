//! A page as one HTML file that needs nothing else.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::block::{Block, Fact, Line, Span};
use super::prose;

/// Readable on a telephone, at night and on paper. No colour says anything that words do not.
const STYLE: &str = include_str!("page.css");

/// Nothing is fetched, sent or run, whatever the page holds.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// The page. Ends with a newline.
pub fn write(title: &str, page: &[Block]) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (crate::report::text::escape(title)) }
                style { (PreEscaped(STYLE)) }
            }
            body { main { (blocks(page)) } }
        }
    };
    page.into_string() + "\n"
}

fn blocks(blocks: &[Block]) -> Markup {
    html! { @for block in blocks { (self::block(block)) "\n" } }
}

fn block(block: &Block) -> Markup {
    match block {
        Block::Heading(level, words, name) => heading(*level, words, *name),
        Block::Paragraph(words) => html! { p { (line(words)) } },
        Block::Prose(text) => html! { div.prose { (PreEscaped(prose::html(text))) } },
        Block::Code(_, text) => html! { pre { code { (text) } } },
        Block::List(entries) => html! {
            ul { @for (words, below) in entries { li { (line(words)) (blocks(below)) } } }
        },
        Block::Facts(facts) => html! { dl { @for fact in facts { (self::fact(fact)) } } },
        Block::Table(head, rows) => html! {
            div.table { table {
                thead { tr { @for name in head { th scope="col" { (name) } } } }
                tbody { @for row in rows { tr { @for cell in row { td { (line(cell)) } } } } }
            } }
        },
        Block::Bar(words) => html! { p.bar role="note" { (line(words)) } },
    }
}

fn heading(level: u8, words: &Line, name: Option<&str>) -> Markup {
    match level {
        1 => html! { h1 id=[name] { (line(words)) } },
        2 => html! { h2 id=[name] { (line(words)) } },
        3 => html! { h3 id=[name] { (line(words)) } },
        _ => html! { h4 id=[name] { (line(words)) } },
    }
}

fn fact(fact: &Fact) -> Markup {
    html! {
        dt { (fact.label) }
        dd { (line(&fact.line)) (blocks(&fact.below)) }
    }
}

fn line(words: &Line) -> Markup {
    html! { @for span in words { (self::span(span)) } }
}

fn span(span: &Span) -> Markup {
    match span {
        Span::Text(words) => html! { (words) },
        Span::Code(text) => html! { code { (text) } },
        Span::Strong(words) => html! { strong { (words) } },
        Span::Address(address) if prose::is_harmless(address) => {
            html! { a href=(address) rel="noopener noreferrer" { (address) } }
        }
        Span::Address(address) => html! { code { (address) } },
        Span::Jump(words, name) => html! { a href={ "#" (name) } { (words) } },
    }
}
