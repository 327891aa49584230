//! What keeps a file from being read as the text of a runbook: its encoding, and characters that no runbook may hold.

use std::path::Path;

use super::characters::{Unusual, name, unusual};
use super::source::{LIMIT, Source};
use crate::model::diagnostic::{Diagnostic, Severity, Span};

/// So many characters are reported one by one.
const REPORTED: usize = 100;

/// The finding for a file that is not read at all.
pub(super) fn size(path: &Path) -> Diagnostic {
    let message = format!("the file is larger than {} MiB, and is not read", LIMIT >> 20);
    let help = "a runbook is text for people; keep data in files of their own";
    finding("RB0106", path, Span::default(), message, help.to_owned())
}

/// The finding for bytes that are not UTF-8; `valid` of them are.
pub(super) fn encoding(path: &Path, bytes: &[u8], valid: usize) -> Diagnostic {
    let byte = bytes.get(valid).copied().unwrap_or_default();
    let (message, help) = if let Some((name, codec)) = wide(bytes) {
        (
            format!("the file is {name}, not UTF-8"),
            format!("save it as UTF-8, for instance with: iconv -f {codec} -t UTF-8"),
        )
    } else if let Some(letter) = latin(bytes, valid) {
        let message = format!("the file is not UTF-8: the byte 0x{byte:02x} is `{letter}` in Latin-1 (Windows-1252)");
        (message, "save it as UTF-8, for instance with: iconv -f WINDOWS-1252 -t UTF-8".to_owned())
    } else {
        (
            format!("the file is not UTF-8: the byte 0x{byte:02x} starts no character"),
            "save the file as UTF-8".to_owned(),
        )
    };
    let mark = if bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    let start = valid - mark;
    let span = Span { start, end: start + char::REPLACEMENT_CHARACTER.len_utf8() };
    finding("RB0101", path, span, message, help)
}

/// The encoding in two or four bytes that a file is in, and what `iconv` calls it: by its mark, or by the zero bytes
/// that every text of ours has in it.
pub(super) fn wide(bytes: &[u8]) -> Option<(&'static str, &'static str)> {
    match bytes {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => Some(("UTF-32", "UTF-32")),
        [one, 0, 0, 0, ..] if *one > 0 => Some(("UTF-32 without a byte order mark", "UTF-32LE")),
        [0, 0, 0, one, ..] if *one > 0 => Some(("UTF-32 without a byte order mark", "UTF-32BE")),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some(("UTF-16", "UTF-16")),
        [one, 0, other, 0, ..] if *one > 0 && *other > 0 => Some(("UTF-16 without a byte order mark", "UTF-16LE")),
        [0, one, 0, other, ..] if *one > 0 && *other > 0 => Some(("UTF-16 without a byte order mark", "UTF-16BE")),
        _ => None,
    }
}

/// The letter that a byte is in Latin-1 or Windows-1252, where what stands around it looks like that.
fn latin(bytes: &[u8], at: usize) -> Option<char> {
    const PUNCTUATION: [(u8, char); 10] = [
        (0x80, '€'),
        (0x82, '‚'),
        (0x84, '„'),
        (0x85, '…'),
        (0x91, '‘'),
        (0x92, '’'),
        (0x93, '“'),
        (0x94, '”'),
        (0x96, '–'),
        (0x97, '—'),
    ];
    let byte = *bytes.get(at)?;
    let is_text = |at: Option<usize>| {
        at.and_then(|at| bytes.get(at)).is_none_or(|byte| matches!(byte, b'\t' | b'\n' | b'\r' | b' '..=b'~' | 0xa0..))
    };
    if !is_text(at.checked_sub(1)) || !is_text(at.checked_add(1)) {
        return None;
    }
    match byte {
        0xa1.. => Some(char::from(byte)),
        _ => PUNCTUATION.iter().find(|(code, _)| *code == byte).map(|(_, letter)| *letter),
    }
}

/// A finding for every character that commands a terminal, means nothing, or ends lines for some programs only. The
/// last one says where there are more than 100.
pub(super) fn characters(source: &Source) -> Vec<Diagnostic> {
    let mut found: Vec<Diagnostic> = Vec::new();
    let mut refused = source.text.char_indices().filter(|(at, c)| is_refused(&source.text, *at, *c)).peekable();
    while let Some((at, c)) = refused.next() {
        let span = Span { start: at, end: at + c.len_utf8() };
        let (message, help) = words(c);
        found.push(finding("RB0109", &source.path, span, message, help.to_owned()));
        if found.len() == REPORTED && refused.peek().is_some() {
            if let Some(last) = found.last_mut() {
                last.message.push_str(", and more such characters follow");
            }
            break;
        }
    }
    found
}

fn is_refused(text: &str, at: usize, c: char) -> bool {
    match c {
        ' '..='~' | '\n' | '\t' => false,
        '\r' => text.as_bytes().get(at + 1) != Some(&b'\n'),
        _ => matches!(unusual(c), Some(Unusual::Control | Unusual::Break)),
    }
}

fn words(c: char) -> (String, &'static str) {
    let name = name(c);
    match c {
        '\r' => (
            format!("a line ends with {name} alone, which most programs do not take as the end of a line"),
            "end lines with a line feed, or with carriage return and line feed",
        ),
        '\u{feff}' => (
            format!("{name} stands within the file, where nobody sees it"),
            "remove it; it may stand only at the very beginning, and need not",
        ),
        _ if unusual(c) == Some(Unusual::Break) => (
            format!("{name} begins a new line in some programs and not in others"),
            "replace it with a line feed or a space; where a value needs it, write it as an escape in double quotes",
        ),
        _ => (
            format!("{name} is not allowed in a runbook"),
            "remove it; where a value needs it, write it as an escape in double quotes",
        ),
    }
}

fn finding(code: &'static str, file: &Path, span: Span, message: String, help: String) -> Diagnostic {
    let (file, labels) = (file.to_owned(), Vec::new());
    Diagnostic { code, severity: Severity::Error, message, file, span, labels, help: Some(help) }
}
