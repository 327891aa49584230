//! Removing secrets from bytes as they come.
//!
//! A secret is recognised as it is, in base64 (both alphabets, at any of the three alignments), URL-encoded and
//! JSON-escaped. What a program transforms in any other way is not recognised.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use aho_corasick::{AhoCorasick, MatchKind};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

/// What stands in the place of a secret.
pub const MARK: &[u8] = b"[secret]";

/// What RFC 3986 leaves as it is.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Removes secrets from one stream, also where they are split between two writes.
///
/// It holds back only bytes that may be the beginning of a secret, at most one less than the longest form has.
/// Secrets that touch or overlap become one mark.
#[derive(Debug)]
pub struct Redactor {
    forms: Option<Forms>,
    /// What is held, followed by room for what comes.
    buffer: Vec<u8>,
    held: usize,
    /// How many of the bytes held are part of a secret that is complete.
    held_covered: usize,
    /// Whether the last byte given out belonged to a secret, whose mark is out already.
    in_secret: bool,
}

/// How much is looked through for every form at once, from where a first one was found.
const BLOCK: usize = 4096;

/// The forms of all secrets, made ready to be searched for once for several streams.
#[derive(Debug, Clone)]
pub struct Forms {
    all: Arc<[Vec<u8>]>,
    longest: usize,
    /// Finds where the first form begins, and passes over what holds none with vector instructions.
    first: AhoCorasick,
    /// Finds all, also where they overlap. Made when it is needed first: most output holds no secret.
    every: Arc<OnceLock<Option<AhoCorasick>>>,
}

impl Forms {
    /// The forms of these secrets, `None` where there is none. Empty ones are passed over.
    ///
    /// # Errors
    ///
    /// When the secrets are too large to search for (gigabytes).
    pub fn of(secrets: &[String]) -> Result<Option<Self>, aho_corasick::BuildError> {
        // Of a secret of one byte base64 leaves nothing that is its own at some alignments.
        let all = secrets.iter().flat_map(|secret| forms(secret)).filter(|form| !form.is_empty());
        let all: BTreeSet<Vec<u8>> = all.collect();
        let Some(longest) = all.iter().map(Vec::len).max() else { return Ok(None) };
        let first = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(&all)?;
        Ok(Some(Self { all: all.into_iter().collect(), longest, first, every: Arc::default() }))
    }

    /// What of `buffer` belongs to a form, in order; what touches is one range.
    fn covered(&self, buffer: &[u8], from: Range<usize>) -> Vec<Range<usize>> {
        let mut covered = Vec::new();
        if !from.is_empty() {
            covered.push(from);
        }
        let mut at = 0;
        while let Some(found) = self.first.find(&buffer[at..]) {
            let start = at + found.start();
            let end = buffer.len().min(start + BLOCK);
            // A form that begins within the block may end behind it.
            let window = &buffer[start..buffer.len().min(end + self.longest)];
            if let Some(every) = self.every.get_or_init(|| AhoCorasick::new(self.all.iter()).ok()) {
                for found in every.find_overlapping_iter(window) {
                    join(&mut covered, start + found.start()..start + found.end());
                }
                at = end;
            } else {
                join(&mut covered, start..at + found.end());
                at = start + 1;
            }
        }
        covered
    }

    /// The length of the longest end of `buffer` with which a form begins that is not complete yet.
    fn beginning_at_end(&self, buffer: &[u8]) -> usize {
        let longest = |form: &Vec<u8>| {
            (1..form.len().min(buffer.len() + 1)).rev().find(|&length| buffer.ends_with(&form[..length])).unwrap_or(0)
        };
        self.all.iter().map(longest).max().unwrap_or(0)
    }
}

/// Adds a range to ranges that are in order, of which it may overlap the last ones.
fn join(ranges: &mut Vec<Range<usize>>, mut range: Range<usize>) {
    while let Some(last) = ranges.pop_if(|last| last.end >= range.start) {
        range = last.start.min(range.start)..last.end.max(range.end);
    }
    ranges.push(range);
}

impl Redactor {
    /// A redactor for these secrets. Empty ones are passed over.
    ///
    /// # Errors
    ///
    /// As [`Forms::of`].
    pub fn new(secrets: &[String]) -> Result<Self, aho_corasick::BuildError> {
        Forms::of(secrets).map(Self::with)
    }

    /// A redactor for these forms.
    #[must_use]
    pub const fn with(forms: Option<Forms>) -> Self {
        Self { forms, buffer: Vec::new(), held: 0, held_covered: 0, in_secret: false }
    }

    /// Takes the next bytes and gives back those that are safe to store.
    pub fn write(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut clean = Vec::with_capacity(bytes.len());
        self.room(bytes.len())[..bytes.len()].copy_from_slice(bytes);
        self.pass(bytes.len(), |part| clean.extend_from_slice(part));
        clean
    }

    /// Gives back what was held. Nothing may be written afterwards.
    pub fn finish(&mut self) -> Vec<u8> {
        let mut clean = Vec::new();
        self.end(|part| clean.extend_from_slice(part));
        clean
    }

    /// Room for at least so many bytes, to be filled from its beginning and then passed on.
    pub fn room(&mut self, size: usize) -> &mut [u8] {
        if self.buffer.len() < self.held + size {
            let longest = self.forms.as_ref().map_or(0, |forms| forms.longest);
            let mut larger = vec![0; size + longest];
            larger[..self.held].copy_from_slice(&self.buffer[..self.held]);
            self.buffer = larger;
        }
        &mut self.buffer[self.held..]
    }

    /// Takes the first bytes of [`Self::room`], and gives those that are safe to store to `sink`, piece by piece.
    pub fn pass(&mut self, bytes: usize, sink: impl FnMut(&[u8])) {
        self.advance(bytes, false, sink);
    }

    /// Gives what was held to `sink`. Nothing may be passed afterwards.
    pub fn end(&mut self, sink: impl FnMut(&[u8])) {
        self.advance(0, true, sink);
    }

    fn advance(&mut self, bytes: usize, last: bool, mut sink: impl FnMut(&[u8])) {
        let filled = self.held + bytes;
        let Some(forms) = &self.forms else {
            if bytes > 0 {
                sink(&self.buffer[..bytes]);
            }
            return;
        };
        let buffer = &self.buffer[..filled];
        let covered = forms.covered(buffer, 0..self.held_covered);
        let safe = if last { filled } else { filled - forms.beginning_at_end(buffer) };
        let mut at = 0;
        self.held_covered = 0;
        for secret in covered {
            let (start, end) = (secret.start.min(safe), secret.end.min(safe));
            if at < start {
                sink(&buffer[at..start]);
                self.in_secret = false;
            }
            if start < end && !std::mem::replace(&mut self.in_secret, true) {
                sink(MARK);
            }
            at = at.max(end);
            if secret.start <= safe && safe < secret.end {
                self.held_covered = secret.end - safe;
            }
        }
        if at < safe {
            sink(&buffer[at..safe]);
            self.in_secret = false;
        }
        self.buffer.copy_within(safe..filled, 0);
        self.held = filled - safe;
    }
}

/// `text` without the secrets in it.
///
/// # Errors
///
/// As [`Redactor::new`].
pub fn redact(text: &[u8], secrets: &[String]) -> Result<Vec<u8>, aho_corasick::BuildError> {
    let mut redactor = Redactor::new(secrets)?;
    let mut clean = redactor.write(text);
    clean.extend(redactor.finish());
    Ok(clean)
}

/// Every way in which a secret is recognised.
fn forms(secret: &str) -> Vec<Vec<u8>> {
    let mut forms = vec![secret.as_bytes().to_vec()];
    let url = percent_encode(secret.as_bytes(), RESERVED).to_string();
    forms.push(url.replace("%20", "+").into_bytes());
    forms.push(lower_case_escapes(&url).into_bytes());
    forms.push(url.into_bytes());
    let quoted = serde_json::Value::from(secret).to_string();
    let json = &quoted[1..quoted.len() - 1];
    forms.push(json.replace('/', "\\/").into_bytes());
    forms.push(ascii_only(json).into_bytes());
    forms.push(ascii_only(&json.replace('/', "\\/")).into_bytes());
    forms.push(json.as_bytes().to_vec());
    for alignment in 0..3 {
        let shifted = [&[0; 2][..alignment], secret.as_bytes()].concat();
        // Characters that hold bits of a neighbour are left out: what stands beside the secret decides them.
        let whole = (alignment * 8).div_ceil(6)..shifted.len() * 8 / 6;
        forms.push(STANDARD_NO_PAD.encode(&shifted)[whole.clone()].as_bytes().to_vec());
        forms.push(URL_SAFE_NO_PAD.encode(&shifted)[whole].as_bytes().to_vec());
    }
    forms
}

fn lower_case_escapes(url: &str) -> String {
    let mut parts = url.split('%');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        text.push('%');
        text.extend(part.chars().take(2).map(|digit| digit.to_ascii_lowercase()));
        text.extend(part.chars().skip(2));
    }
    text
}

/// JSON text as encoders write it that escape everything beyond ASCII.
fn ascii_only(json: &str) -> String {
    let escaped = |unit: u16| match u8::try_from(unit) {
        Ok(byte) if byte.is_ascii() => char::from(byte).to_string(),
        _ => format!("\\u{unit:04x}"),
    };
    json.encode_utf16().map(escaped).collect::<Vec<_>>().concat()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn split_everywhere(text: &[u8], secrets: &[String]) -> Vec<String> {
        (0..=text.len())
            .map(|at| {
                let mut redactor = Redactor::new(secrets).unwrap();
                let mut clean = redactor.write(&text[..at]);
                clean.extend(redactor.write(&text[at..]));
                clean.extend(redactor.finish());
                String::from_utf8(clean).unwrap()
            })
            .collect()
    }

    #[test]
    fn a_secret_split_at_any_byte_becomes_one_mark() {
        for clean in split_everywhere(b"user=ana password=tr0ub4dor&3 done", &["tr0ub4dor&3".to_owned()]) {
            assert_eq!(clean, "user=ana password=[secret] done");
        }
    }

    #[test]
    fn every_documented_form_is_recognised() {
        let secret = "p\"w/ é+ü?".to_owned();
        let encoded = |prefix: &str| STANDARD_NO_PAD.encode(format!("{prefix}{secret}xyz"));
        for text in [
            "p\\\"w/ é+ü?".to_owned(),
            "p\\\"w\\/ é+ü?".to_owned(),
            "p\\\"w/ \\u00e9+\\u00fc?".to_owned(),
            "p%22w%2F%20%C3%A9%2B%C3%BC%3F".to_owned(),
            "p%22w%2f%20%c3%a9%2b%c3%bc%3f".to_owned(),
            "p%22w%2F+%C3%A9%2B%C3%BC%3F".to_owned(),
        ] {
            assert_eq!(redact(text.as_bytes(), std::slice::from_ref(&secret)).unwrap(), MARK, "{text}");
        }
        for prefix in ["", "a", "ab"] {
            let clean = redact(encoded(prefix).as_bytes(), std::slice::from_ref(&secret)).unwrap();
            assert!(clean.windows(MARK.len()).any(|part| part == MARK), "{prefix}");
            assert!(clean.len() <= MARK.len() + 10, "{}", String::from_utf8_lossy(&clean));
        }
    }

    #[test]
    fn a_secret_that_is_the_beginning_of_another_hides_the_longer_one_whole() {
        let secrets = ["secret".to_owned(), "secret-and-more".to_owned(), "moreover".to_owned()];
        for clean in split_everywhere(b"<secret-and-moreover>", &secrets) {
            assert_eq!(clean, "<[secret]>");
        }
    }

    #[test]
    fn a_secret_in_any_form_written_in_three_writes_cut_anywhere_leaves_nothing_of_it() {
        let secret = "Zm9v\"/+é".to_owned();
        for form in forms(&secret) {
            let text = [b"<", &form[..], b"><", &form[..], b">"].concat();
            let whole = redact(&text, std::slice::from_ref(&secret)).unwrap();
            assert_eq!(whole, b"<[secret]><[secret]>");
            for first in 0..=text.len() {
                for second in first..=text.len() {
                    let mut redactor = Redactor::new(std::slice::from_ref(&secret)).unwrap();
                    let mut clean = redactor.write(&text[..first]);
                    clean.extend(redactor.write(&text[first..second]));
                    clean.extend(redactor.write(&text[second..]));
                    clean.extend(redactor.finish());
                    assert_eq!(clean, whole, "{first} {second}");
                }
            }
        }
    }

    #[test]
    fn secrets_are_found_wherever_they_stand_to_the_blocks_that_are_searched() {
        let secrets = ["hunter22".to_owned(), "22-and-more".to_owned()];
        for distance in BLOCK - 24..BLOCK + 24 {
            let text = format!("hunter22{}<hunter22-and-more>{}hunter22", ".".repeat(distance), "-".repeat(BLOCK));
            let wanted = format!("[secret]{}<[secret]>{}[secret]", ".".repeat(distance), "-".repeat(BLOCK));
            assert_eq!(redact(text.as_bytes(), &secrets).unwrap(), wanted.as_bytes(), "{distance}");
        }
    }

    #[test]
    fn bytes_that_cannot_begin_a_secret_are_given_at_once() {
        let mut redactor = Redactor::new(&["hunter22".to_owned()]).unwrap();
        assert_eq!(redactor.write(b"progress 50%\nhun"), b"progress 50%\n");
        assert_eq!(redactor.write(b"ger"), b"hunger");
        assert_eq!(redactor.finish(), b"");
    }

    /// What the redactor has to give, looked for byte by byte.
    fn plain(text: &[u8], secrets: &[String]) -> Vec<u8> {
        let mut covered = vec![false; text.len()];
        for form in secrets.iter().flat_map(|secret| forms(secret)) {
            for at in 0..=text.len().saturating_sub(form.len()) {
                if text[at..].starts_with(&form) {
                    covered[at..at + form.len()].fill(true);
                }
            }
        }
        let mut clean = Vec::new();
        for (at, byte) in text.iter().enumerate() {
            match covered[at] {
                false => clean.push(*byte),
                true if at > 0 && covered[at - 1] => {}
                true => clean.extend_from_slice(MARK),
            }
        }
        clean
    }

    proptest! {
        #[test]
        fn secrets_that_overlap_in_every_way_are_removed_as_if_each_byte_was_looked_at(
            secrets in prop::collection::vec("[ab]{1,7}", 1..4),
            text in "[abc]{0,60}",
            cuts in prop::collection::vec(1_usize..9, 1..20),
        ) {
            let mut redactor = Redactor::new(&secrets).unwrap();
            let mut clean = Vec::new();
            let mut rest = text.as_bytes();
            for cut in cuts.iter().cycle() {
                let (now, later) = rest.split_at((*cut).min(rest.len()));
                clean.extend(redactor.write(now));
                rest = later;
                if rest.is_empty() {
                    break;
                }
            }
            clean.extend(redactor.finish());
            prop_assert_eq!(clean, plain(text.as_bytes(), &secrets));
        }

        #[test]
        fn however_the_output_is_written_no_form_of_a_secret_is_left(
            secret in "[ -~éü]{6,20}",
            parts in prop::collection::vec("[a-f ]{0,6}", 1..5),
            form in 0_usize..14,
            cuts in prop::collection::vec(1_usize..9, 1..20),
        ) {
            let form = forms(&secret)[form].clone();
            let text = parts.iter().map(|part| part.as_bytes().to_vec()).collect::<Vec<_>>().join(&form[..]);
            let mut redactor = Redactor::new(std::slice::from_ref(&secret)).unwrap();
            let mut clean = Vec::new();
            let mut rest = &text[..];
            for cut in cuts.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (now, later) = rest.split_at((*cut).min(rest.len()));
                clean.extend(redactor.write(now));
                rest = later;
            }
            clean.extend(redactor.finish());
            let whole = redact(&text, std::slice::from_ref(&secret)).unwrap();
            prop_assert_eq!(&clean, &whole);
            let between = clean.split(|byte| *byte == b'[').collect::<Vec<_>>().concat();
            prop_assert!(!between.windows(form.len()).any(|part| part == form));
        }
    }
}
