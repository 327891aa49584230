//! Removing secrets from bytes as they come.
//!
//! A secret is recognised as it is, in base64 (both alphabets, at any of the three alignments), URL-encoded and
//! JSON-escaped. What a program transforms in any other way is not recognised.

use std::collections::BTreeSet;

use aho_corasick::AhoCorasick;
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
    forms: Vec<Vec<u8>>,
    automaton: Option<AhoCorasick>,
    held: Vec<u8>,
    /// How many bytes of `held` are part of a secret that is complete.
    held_covered: usize,
    /// Whether the last byte given out belonged to a secret, whose mark is out already.
    in_secret: bool,
}

impl Redactor {
    /// A redactor for these secrets. Empty ones are passed over.
    ///
    /// # Errors
    ///
    /// When the secrets are too large to search for (gigabytes).
    pub fn new(secrets: &[String]) -> Result<Self, aho_corasick::BuildError> {
        let forms: BTreeSet<Vec<u8>> =
            secrets.iter().filter(|secret| !secret.is_empty()).flat_map(|secret| forms(secret)).collect();
        let automaton = if forms.is_empty() { None } else { Some(AhoCorasick::new(&forms)?) };
        Ok(Self { forms: forms.into_iter().collect(), automaton, held: Vec::new(), held_covered: 0, in_secret: false })
    }

    /// Takes the next bytes and gives back those that are safe to store.
    pub fn write(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.advance(bytes, false)
    }

    /// Gives back what was held. Nothing may be written afterwards.
    pub fn finish(&mut self) -> Vec<u8> {
        self.advance(&[], true)
    }

    fn advance(&mut self, bytes: &[u8], last: bool) -> Vec<u8> {
        let Some(automaton) = &self.automaton else { return bytes.to_vec() };
        let mut buffer = std::mem::take(&mut self.held);
        buffer.extend_from_slice(bytes);
        let mut covered = vec![false; buffer.len()];
        covered[..self.held_covered].fill(true);
        for found in automaton.find_overlapping_iter(&buffer) {
            covered[found.range()].fill(true);
        }
        let safe = if last { buffer.len() } else { buffer.len() - self.beginning_at_end(&buffer) };
        let mut given = Vec::with_capacity(safe);
        for (byte, covered) in buffer.iter().zip(&covered).take(safe) {
            match (covered, self.in_secret) {
                (true, false) => given.extend_from_slice(MARK),
                (true, true) => {}
                (false, _) => given.push(*byte),
            }
            self.in_secret = *covered;
        }
        self.held_covered = covered[safe..].iter().take_while(|covered| **covered).count();
        self.held = buffer.split_off(safe);
        given
    }

    /// The length of the longest end of `buffer` with which a form begins that is not complete yet.
    fn beginning_at_end(&self, buffer: &[u8]) -> usize {
        let longest = |form: &Vec<u8>| {
            (1..form.len().min(buffer.len() + 1)).rev().find(|&length| buffer.ends_with(&form[..length])).unwrap_or(0)
        };
        self.forms.iter().map(longest).max().unwrap_or(0)
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
    fn bytes_that_cannot_begin_a_secret_are_given_at_once() {
        let mut redactor = Redactor::new(&["hunter22".to_owned()]).unwrap();
        assert_eq!(redactor.write(b"progress 50%\nhun"), b"progress 50%\n");
        assert_eq!(redactor.write(b"ger"), b"hunger");
        assert_eq!(redactor.finish(), b"");
    }

    proptest! {
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
