//! A page as Markdown, as tickets and code hosts read it.

use super::block::{Block, Fact, Line, Span};
use super::prose;

/// The page. Ends with a newline.
pub fn write(page: &[Block]) -> String {
    blocks(page) + "\n"
}

fn blocks(blocks: &[Block]) -> String {
    blocks.iter().map(block).filter(|block| !block.is_empty()).collect::<Vec<_>>().join("\n\n")
}

fn block(block: &Block) -> String {
    match block {
        Block::Heading(level, words, _) => format!("{} {}", "#".repeat(usize::from(*level)), line(words)),
        Block::Paragraph(words) => line(words),
        Block::Prose(text) => quoted(&prose::markdown(text)),
        Block::Code(language, text) => {
            let fence = "`".repeat(longest_run(text).max(2) + 1);
            format!("{fence}{language}\n{text}\n{fence}")
        }
        Block::List(entries) => {
            let entries = entries.iter().map(|(words, below)| entry(&line(words), below));
            entries.collect::<Vec<_>>().join("\n")
        }
        Block::Facts(facts) => facts.iter().map(fact).collect::<Vec<_>>().join("\n"),
        Block::Table(head, rows) => table(head, rows),
        Block::Bar(words) => format!("---\n\n**{}**\n\n---", line(words)),
    }
}

fn fact(fact: &Fact) -> String {
    let label = format!("**{}:**", fact.label);
    let words = line(&fact.line);
    entry(&if words.is_empty() { label } else { format!("{label} {words}") }, &fact.below)
}

/// An entry of a list; what belongs to it is indented, so that it stays a part of it.
fn entry(words: &str, below: &[Block]) -> String {
    let mut entry = format!("- {words}");
    for block in below {
        let is_list = matches!(block, Block::List(_) | Block::Facts(_));
        entry.push_str(if is_list { "\n" } else { "\n\n" });
        entry.push_str(&indented(&self::block(block)));
    }
    entry
}

fn indented(text: &str) -> String {
    let lines = text.lines().map(|line| if line.is_empty() { String::new() } else { format!("  {line}") });
    lines.collect::<Vec<_>>().join("\n")
}

/// Whatever the text holds, it ends with its quotation.
fn quoted(text: &str) -> String {
    text.lines().map(|line| format!("> {line}").trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

fn table(head: &[&'static str], rows: &[Vec<Line>]) -> String {
    let row = |cells: Vec<String>| format!("| {} |", cells.join(" | "));
    let mut lines = vec![row(head.iter().map(|&name| name.to_owned()).collect())];
    lines.push(format!("|{}", "---|".repeat(head.len())));
    // A bar ends a cell even within code.
    lines.extend(rows.iter().map(|cells| row(cells.iter().map(|cell| line(cell).replace('|', "\\|")).collect())));
    lines.join("\n")
}

fn line(words: &Line) -> String {
    words.iter().map(span).collect()
}

fn span(span: &Span) -> String {
    match span {
        Span::Text(words) | Span::Jump(words, _) => escaped(words),
        Span::Strong(words) => format!("**{}**", escaped(words)),
        Span::Code(text) => code(text),
        Span::Address(address) if prose::is_harmless(address) && !address.contains(['<', '>', ' ']) => {
            format!("<{address}>")
        }
        Span::Address(address) => code(address),
    }
}

/// Code within a line, whatever backticks it holds.
fn code(text: &str) -> String {
    let fence = "`".repeat(longest_run(text) + 1);
    let pad = if text.is_empty() || text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']) { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// The most backticks that follow one another.
fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

/// Words in which nothing is markup. The bar of tables is written by [`table`].
fn escaped(words: &str) -> String {
    let mut safe = String::with_capacity(words.len());
    let mut before = ' ';
    for (at, letter) in words.char_indices() {
        let next = words[at + letter.len_utf8()..].chars().next().unwrap_or(' ');
        let is_markup = match letter {
            '\\' | '`' | '*' | '[' | ']' | '<' | '>' | '~' | '&' | '$' => true,
            // Within a word it is a letter of a name.
            '_' => !(before.is_alphanumeric() && next.is_alphanumeric()),
            // At the beginning of a line.
            '#' | '+' | '-' | '=' => at == 0,
            '.' | ')' => at > 0 && words[..at].bytes().all(|byte| byte.is_ascii_digit()) && next.is_whitespace(),
            // A name that would be told of it, a picture.
            '@' | '!' => !before.is_alphanumeric() && !next.is_whitespace(),
            _ => false,
        };
        if is_markup {
            safe.push('\\');
        }
        safe.push(letter);
        before = letter;
    }
    safe
}
