//! The pieces of an SQL text that matter for finding where statements end and where variables stand.
//!
//! Not PostgreSQL's grammar: only its quoting rules (manual, "Lexical Structure"), as psql follows them, with
//! `standard_conforming_strings` on.

use std::ops::Range;

/// What a piece of text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A word: a keyword, a name, a number.
    Word,
    /// White space or a comment.
    Blank,
    /// A string, a quoted name or a dollar-quoted text.
    Quoted,
    /// `:'name'`.
    LiteralVariable,
    /// `:"name"`.
    IdentifierVariable,
    /// Anything else: one character, or `::`, or `:=`.
    Symbol,
}

/// One piece: its kind and its bytes in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// What it is.
    pub kind: Kind,
    /// Where it is.
    pub range: Range<usize>,
}

/// Something that was opened and never closed, at a byte of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unclosed {
    /// What it is, for people.
    pub what: &'static str,
    /// Where it was opened.
    pub at: usize,
}

/// Cuts a text into pieces that follow each other without gaps.
///
/// # Errors
///
/// [`Unclosed`] for a quote or a comment that does not end.
pub fn pieces(text: &str) -> Result<Vec<Piece>, Unclosed> {
    let mut pieces = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let (kind, length) = piece(&text[at..], escapes(text, &pieces)).map_err(|what| Unclosed { what, at })?;
        pieces.push(Piece { kind, range: at..at + length });
        at += length;
    }
    Ok(pieces)
}

/// Whether a quote that comes now is one in which a backslash escapes: right after an `E`.
fn escapes(text: &str, before: &[Piece]) -> bool {
    before.last().is_some_and(|piece| piece.kind == Kind::Word && text[piece.range.clone()].eq_ignore_ascii_case("e"))
}

fn piece(rest: &str, escapes: bool) -> Result<(Kind, usize), &'static str> {
    let first = rest.chars().next().unwrap_or(' ');
    match first {
        _ if rest.starts_with("--") => Ok((Kind::Blank, line_end(rest))),
        _ if rest.starts_with("/*") => Ok((Kind::Blank, comment(rest).ok_or("a comment")?)),
        _ if rest.starts_with("::") || rest.starts_with(":=") => Ok((Kind::Symbol, 2)),
        ':' => Ok(variable(rest).unwrap_or((Kind::Symbol, 1))),
        '\'' => Ok((Kind::Quoted, string(rest, escapes).ok_or("a string")?)),
        '"' => Ok((Kind::Quoted, quoted(rest, '"', false).ok_or("a quoted name")?)),
        '$' => dollar(rest),
        space if is_space(space) => Ok((Kind::Blank, rest.find(|c| !is_space(c)).unwrap_or(rest.len()))),
        word if is_word(word) => Ok((Kind::Word, word_end(rest))),
        other => Ok((Kind::Symbol, other.len_utf8())),
    }
}

fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c')
}

fn is_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_' || !character.is_ascii()
}

fn word_end(rest: &str) -> usize {
    rest.find(|character| !is_word(character) && character != '$').unwrap_or(rest.len())
}

fn line_end(rest: &str) -> usize {
    rest.find(['\n', '\r']).unwrap_or(rest.len())
}

/// Comments nest.
fn comment(rest: &str) -> Option<usize> {
    let (mut depth, mut at) = (0_usize, 0);
    loop {
        let here = rest.get(at..)?;
        if here.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if here.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return Some(at);
            }
        } else {
            at += here.chars().next()?.len_utf8();
        }
    }
}

/// The bytes up to the closing quote. A doubled quote is one quote of the content.
fn quoted(rest: &str, quote: char, escapes: bool) -> Option<usize> {
    let mut characters = rest.char_indices().skip(1).peekable();
    while let Some((at, character)) = characters.next() {
        if escapes && character == '\\' {
            characters.next();
        } else if character == quote {
            if characters.peek().is_some_and(|(_, next)| *next == quote) {
                characters.next();
            } else {
                return Some(at + 1);
            }
        }
    }
    None
}

/// A string goes on behind a line break: `'a'` newline `'b'` is one string, with the escapes of its first part.
fn string(rest: &str, escapes: bool) -> Option<usize> {
    let mut end = quoted(rest, '\'', escapes)?;
    while let Some(next) = continuation(&rest[end..]) {
        end += next;
        end += quoted(&rest[end..], '\'', escapes)?;
    }
    Some(end)
}

fn continuation(rest: &str) -> Option<usize> {
    let (mut at, mut broken) = (0, false);
    loop {
        let here = &rest[at..];
        let next = here.chars().next()?;
        if here.starts_with("--") {
            at += line_end(here);
        } else if is_space(next) {
            broken |= matches!(next, '\n' | '\r');
            at += 1;
        } else {
            return (broken && next == '\'').then_some(at);
        }
    }
}

fn dollar(rest: &str) -> Result<(Kind, usize), &'static str> {
    let tag = rest[1..].find('$').map(|end| &rest[..end + 2]);
    let name = tag.map(|tag| &tag[1..tag.len() - 1]);
    let is_tag = name.is_some_and(|name| name.chars().all(is_word) && !name.starts_with(|c: char| c.is_ascii_digit()));
    let Some(tag) = tag.filter(|_| is_tag) else { return Ok((Kind::Symbol, 1)) };
    let end = rest[tag.len()..].find(tag).ok_or("a dollar-quoted text")?;
    Ok((Kind::Quoted, end + 2 * tag.len()))
}

fn variable(rest: &str) -> Option<(Kind, usize)> {
    let quote = rest[1..].chars().next()?;
    let kind = match quote {
        '\'' => Kind::LiteralVariable,
        '"' => Kind::IdentifierVariable,
        _ => return None,
    };
    let name = &rest[2..];
    let end = name.find(|character| !is_word(character)).filter(|end| *end > 0)?;
    name[end..].starts_with(quote).then_some((kind, end + 3))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<(Kind, &str)> {
        let pieces = pieces(text).unwrap();
        pieces.into_iter().filter(|piece| piece.kind != Kind::Blank).map(|p| (p.kind, &text[p.range])).collect()
    }

    #[test]
    fn a_cast_to_a_quoted_type_is_not_a_variable() {
        use Kind::{IdentifierVariable, LiteralVariable, Quoted, Symbol};
        assert_eq!(kinds(r#"'5'::"t""#), [(Quoted, "'5'"), (Symbol, "::"), (Quoted, r#""t""#)]);
        assert_eq!(kinds(":'a' :\"b\""), [(LiteralVariable, ":'a'"), (IdentifierVariable, ":\"b\"")]);
        assert_eq!(kinds(":'a b'"), [(Symbol, ":"), (Quoted, "'a b'")]);
    }

    #[test]
    fn a_backslash_escapes_only_after_e_and_on_into_the_next_line() {
        assert_eq!(kinds(r"'\' x").last(), Some(&(Kind::Word, "x")));
        assert_eq!(kinds(r"E'\'' x"), [(Kind::Word, "E"), (Kind::Quoted, r"'\''"), (Kind::Word, "x")]);
        assert_eq!(kinds("e'a' -- c\n '\\'' x").last(), Some(&(Kind::Word, "x")));
        assert_eq!(kinds(r"type'\' x").last(), Some(&(Kind::Word, "x")));
    }

    #[test]
    fn dollar_quotes_close_with_their_own_tag_and_a_name_may_hold_a_dollar() {
        assert_eq!(kinds("$a$ ; $b$ ' $a$"), [(Kind::Quoted, "$a$ ; $b$ ' $a$")]);
        assert_eq!(kinds("a$b$c"), [(Kind::Word, "a$b$c")]);
        assert_eq!(kinds("$1"), [(Kind::Symbol, "$"), (Kind::Word, "1")]);
    }

    #[test]
    fn comments_nest_and_what_is_not_closed_is_named_with_its_place() {
        assert_eq!(kinds("/* a /* ; */ ' */x"), [(Kind::Word, "x")]);
        assert_eq!(pieces("a /* /* */"), Err(Unclosed { what: "a comment", at: 2 }));
        assert_eq!(pieces("a 'b"), Err(Unclosed { what: "a string", at: 2 }));
        assert_eq!(pieces("$x$ $$"), Err(Unclosed { what: "a dollar-quoted text", at: 0 }));
    }
}
