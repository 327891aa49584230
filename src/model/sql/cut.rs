//! Where the statements of a text are.

use std::ops::Range;

use super::lexer::{Kind, Piece};

/// The words that tell what a statement is: no kind needs more.
pub const WORDS: usize = 4;

/// Each statement's pieces, without its semicolon and without the blank ones at both ends. Empty ones are left out.
#[must_use]
pub fn statements<'p>(text: &str, pieces: &'p [Piece]) -> Vec<&'p [Piece]> {
    cut(text, pieces).into_iter().map(|range| solid(&pieces[range])).filter(|pieces| !pieces.is_empty()).collect()
}

/// The first words of a statement, lower case.
#[must_use]
pub fn words(text: &str, statement: &[Piece]) -> Vec<String> {
    let words = statement.iter().filter(|piece| piece.kind == Kind::Word).take(WORDS);
    words.map(|piece| text[piece.range.clone()].to_ascii_lowercase()).collect()
}

/// Whether a statement is a `COPY` from or to the client.
#[must_use]
pub fn copies(text: &str, statement: &[Piece]) -> bool {
    let mut words = statement.iter().filter(|piece| piece.kind == Kind::Word).map(|piece| &text[piece.range.clone()]);
    words.next().is_some_and(|first| first.eq_ignore_ascii_case("copy"))
        && words.any(|word| word.eq_ignore_ascii_case("stdin") || word.eq_ignore_ascii_case("stdout"))
}

/// A semicolon in parentheses (`CREATE RULE`) or in the `BEGIN ATOMIC … END` of a function does not end a statement.
/// The method is psql's: count parentheses, and `begin`, `case` and `end` in what starts as
/// `create [or replace] function` or `procedure`.
fn cut(text: &str, pieces: &[Piece]) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let (mut start, mut parentheses, mut blocks) = (0, 0_usize, 0_usize);
    let mut words: Vec<String> = Vec::new();
    for (index, piece) in pieces.iter().enumerate() {
        match (piece.kind, &text[piece.range.clone()]) {
            (Kind::Symbol, "(") => parentheses += 1,
            (Kind::Symbol, ")") => parentheses = parentheses.saturating_sub(1),
            (Kind::Symbol, ";") if parentheses == 0 && blocks == 0 => {
                ranges.push(start..index);
                start = index + 1;
                words.clear();
            }
            (Kind::Word, word) => {
                let word = word.to_ascii_lowercase();
                if parentheses == 0 && makes_routine(&words) {
                    match word.as_str() {
                        "begin" => blocks += 1,
                        "case" if blocks > 0 => blocks += 1,
                        "end" => blocks = blocks.saturating_sub(1),
                        _ => {}
                    }
                }
                if words.len() < WORDS {
                    words.push(word);
                }
            }
            _ => {}
        }
    }
    ranges.push(start..pieces.len());
    ranges
}

fn makes_routine(words: &[String]) -> bool {
    let words = words.iter().map(String::as_str).collect::<Vec<_>>();
    matches!(
        words.as_slice(),
        ["create", "function" | "procedure", ..] | ["create", "or", "replace", "function" | "procedure", ..]
    )
}

fn solid(pieces: &[Piece]) -> &[Piece] {
    let solid = |piece: &Piece| piece.kind != Kind::Blank;
    let (first, last) = (pieces.iter().position(solid), pieces.iter().rposition(solid));
    first.zip(last).map_or(&[], |(first, last)| &pieces[first..=last])
}
