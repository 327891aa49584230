//! One word of a shell script: its quotes and what it expands.

use super::scan::Scanner;

/// A word as it is typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word<'s> {
    /// Where it begins in the script.
    pub offset: usize,
    /// With its quotes.
    pub text: &'s str,
    /// The variables that it expands, outside of what it substitutes.
    pub variables: Vec<Variable<'s>>,
    /// Whether it has anything in it that bash replaces, a substituted command for example.
    pub expands: bool,
}

/// A variable that is expanded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable<'s> {
    /// Without `$` and braces.
    pub name: &'s str,
    /// Where its `$` stands in the script.
    pub offset: usize,
    /// Where what follows it begins.
    pub end: usize,
    /// Whether it stands in double quotes.
    pub quoted: bool,
    /// Whether something takes the place of an empty value, or ends the script: `${x:?}`, `${x:-y}`.
    pub guarded: bool,
}

impl<'s> Word<'s> {
    /// What it is once quotes are removed, where it always is the same.
    #[must_use]
    pub fn literal(&self) -> Option<String> {
        if self.expands {
            return None;
        }
        let mut literal = String::new();
        let mut quote = None;
        let mut rest = self.text.chars();
        while let Some(next) = rest.next() {
            match (next, quote) {
                ('\\', None) => literal.extend(rest.next().filter(|next| *next != '\n')),
                ('\'' | '"', None) => quote = Some(next),
                (next, Some(open)) if next == open => quote = None,
                (next, _) => literal.push(next),
            }
        }
        Some(literal)
    }

    /// Whether it is exactly that, without a quote.
    #[must_use]
    pub fn is(&self, text: &str) -> bool {
        self.text == text
    }

    /// Where it ends.
    #[must_use]
    pub fn end(&self) -> usize {
        self.offset + self.text.len()
    }

    /// The name that it assigns a value to, as in `name=value` or `name+=value`.
    #[must_use]
    pub fn assigned(&self) -> Option<&'s str> {
        let name = &self.text[..name_length(self.text)];
        let rest = &self.text[name.len()..];
        (!name.is_empty() && (rest.starts_with('=') || rest.starts_with("+=") || rest.starts_with('['))).then_some(name)
    }
}

/// How many bytes at the beginning are a name.
#[must_use]
pub fn name_length(text: &str) -> usize {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    if text.starts_with(|first: char| first.is_ascii_digit()) { 0 } else { text.bytes().take_while(is_part).count() }
}

impl<'s> Scanner<'s> {
    /// Reads a word; `None` where none begins here.
    pub(super) fn word(&mut self) -> Option<Word<'s>> {
        let offset = self.at;
        let mut word = Word { offset, text: "", variables: Vec::new(), expands: false };
        while let Some(byte) = self.peek() {
            match byte {
                b' ' | b'\t' | b'\n' | b';' | b'&' | b'|' | b')' => break,
                b'<' | b'>' if self.peek_at(1) != Some(b'(') || self.at > offset => break,
                b'<' | b'>' => {
                    self.at += 2;
                    word.expands = true;
                    self.substituted();
                }
                b'(' if self.at == offset || !self.opens_within_word() => break,
                b'(' => {
                    self.at += 1;
                    self.skip_parentheses();
                }
                _ => self.piece(&mut word, false),
            }
        }
        word.text = &self.text[offset..self.at];
        (self.at > offset).then_some(word)
    }

    /// `a=(` and the patterns of `extglob`.
    fn opens_within_word(&self) -> bool {
        matches!(self.text.as_bytes()[self.at - 1], b'=' | b'?' | b'*' | b'+' | b'@' | b'!')
    }

    /// To the parenthesis that closes one, over quotes.
    fn skip_parentheses(&mut self) {
        let mut open = 1;
        let mut ignored = Word { offset: self.at, text: "", variables: Vec::new(), expands: false };
        while let Some(byte) = self.peek() {
            match byte {
                b'(' => open += 1,
                b')' => open -= 1,
                _ => {
                    self.piece(&mut ignored, false);
                    continue;
                }
            }
            self.at += 1;
            if open == 0 {
                return;
            }
        }
    }

    /// One character, or all that a quote or a `$` begins.
    fn piece(&mut self, word: &mut Word<'s>, quoted: bool) {
        match self.peek() {
            Some(b'\\') => self.skip(2),
            Some(b'\'') if !quoted => {
                self.at += 1;
                self.skip_to(b'\'');
            }
            Some(b'"') if !quoted => self.double_quoted(word),
            Some(b'`') => {
                word.expands = true;
                self.backticks();
            }
            Some(b'$') => self.nested(|scanner| scanner.dollar(word, quoted)),
            _ => self.skip(1),
        }
    }

    fn double_quoted(&mut self, word: &mut Word<'s>) {
        self.at += 1;
        while let Some(byte) = self.peek() {
            if byte == b'"' {
                self.at += 1;
                return;
            }
            self.piece(word, true);
        }
    }

    fn dollar(&mut self, word: &mut Word<'s>, quoted: bool) {
        let offset = self.at;
        self.at += 1;
        match self.peek() {
            Some(b'\'') if !quoted => {
                self.at += 1;
                word.expands = true;
                while let Some(byte) = self.peek() {
                    self.skip(if byte == b'\\' { 2 } else { 1 });
                    if byte == b'\'' {
                        break;
                    }
                }
            }
            Some(b'(') => {
                self.at += 1;
                word.expands = true;
                if self.peek() == Some(b'(') { self.arithmetic() } else { self.substituted() }
            }
            Some(b'{') => {
                self.at += 1;
                word.expands = true;
                self.braced(word, offset, quoted);
            }
            Some(byte) if byte.is_ascii_alphabetic() || byte == b'_' => {
                word.expands = true;
                let name = &self.text[self.at..self.at + name_length(&self.text[self.at..self.end])];
                self.at += name.len();
                word.variables.push(Variable { name, offset, end: self.at, quoted, guarded: false });
            }
            Some(byte) if byte.is_ascii_digit() || b"@*#?-$!".contains(&byte) => {
                word.expands = true;
                let name = &self.text[self.at..=self.at];
                self.at += 1;
                word.variables.push(Variable { name, offset, end: self.at, quoted, guarded: false });
            }
            _ => {}
        }
    }

    /// `${…}`, its `{` read.
    fn braced(&mut self, word: &mut Word<'s>, offset: usize, quoted: bool) {
        let name = &self.text[self.at..self.at + name_length(&self.text[self.at..self.end])];
        self.at += name.len();
        let rest = &self.text[self.at..self.end];
        let guarded = [":?", ":-", ":="].iter().any(|operator| {
            rest.strip_prefix(operator).is_some_and(|value| *operator == ":?" || !value.starts_with('}'))
        });
        let mut ignored = Word { offset, text: "", variables: Vec::new(), expands: false };
        while let Some(byte) = self.peek() {
            if byte == b'}' {
                self.at += 1;
                break;
            }
            if byte == b'"' { self.double_quoted(&mut ignored) } else { self.piece(&mut ignored, quoted) }
        }
        if !name.is_empty() {
            word.variables.push(Variable { name, offset, end: self.at, quoted, guarded });
        }
    }

    /// `((…))` or `$((…))`, standing on the second parenthesis.
    pub(super) fn arithmetic(&mut self) {
        self.at += 1;
        self.skip_parentheses();
        // `$((a); b)` are commands in parentheses.
        if self.peek() == Some(b')') { self.at += 1 } else { self.skip_parentheses() }
    }

    /// The commands between backticks.
    fn backticks(&mut self) {
        self.at += 1;
        let start = self.at;
        while let Some(byte) = self.peek() {
            if byte == b'`' {
                break;
            }
            self.skip(if byte == b'\\' { 2 } else { 1 });
        }
        let (close, end) = (self.at, self.end);
        (self.at, self.end) = (start, close);
        self.substituted();
        (self.at, self.end) = (close, end);
        self.skip(1);
    }
}
