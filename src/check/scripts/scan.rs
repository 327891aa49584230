//! The commands of a shell script and how they are joined, as far as rules ask for it.
//!
//! Not a parser: whether bash can read a script says bash itself. This is for scripts that it can read, never fails,
//! and where one is stranger than the rules need, it sees fewer commands. Comments, quoted texts and here-documents are
//! passed over, so that nothing in them is taken for a command. The crates that parse bash in Rust were looked at:
//! they build longer than all else here that reads a text, or know only POSIX, or are under the GPL.

#[cfg(test)]
mod tests;

use super::compound::Open;
use super::word::Word;
use crate::check::scripts::program_name;

/// How deep expansions may stand in each other before the rest is left alone.
const NESTING_LIMIT: usize = 40;

/// What stands between a command and the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Join {
    /// A pipe.
    Pipe,
    /// `&&` or `||`.
    Logic,
    /// A line's end, `;`, `&`, or the end of what it stands in.
    End,
}

/// One simple command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command<'s> {
    /// Its words; redirections and the values assigned before it are not among them.
    pub words: Vec<Word<'s>>,
    /// What is assigned before it, or alone.
    pub assignments: Vec<Word<'s>>,
    /// Where the `!` before its pipe stands.
    pub negated: Option<usize>,
    /// What comes before it.
    pub before: Join,
    /// What comes after it.
    pub after: Join,
    /// Whether its success decides where the script goes on: after `if`, `while`, `until`, `elif`.
    pub condition: bool,
    /// In how many substitutions it stands.
    pub depth: usize,
}

impl Command<'_> {
    /// Where it begins.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.assignments.first().or_else(|| self.words.first()).map_or(0, |word| word.offset)
    }

    /// The program, where that can be known: `sudo` and the like are not it.
    #[must_use]
    pub fn program(&self) -> Option<(String, &[Word<'_>])> {
        let mut words = self.words.as_slice();
        loop {
            let (first, rest) = words.split_first()?;
            let name = first.literal()?;
            let name = program_name(&name).to_owned();
            if !["sudo", "exec", "command", "env", "nohup", "time", "nice", "doas"].contains(&name.as_str()) {
                return Some((name, rest));
            }
            let passed = |word: &&Word<'_>| word.text.starts_with('-') || word.assigned().is_some();
            words = &rest[rest.iter().take_while(passed).count()..];
        }
    }
}

/// Every command of a script, in the order in which they end.
#[must_use]
pub fn commands(text: &str) -> Vec<Command<'_>> {
    let mut scanner =
        Scanner { text, at: 0, end: text.len(), depth: 0, nesting: 0, commands: Vec::new(), documents: Vec::new() };
    while scanner.at < scanner.end {
        scanner.list();
        // What closes nothing.
        scanner.skip(1);
    }
    scanner.commands.sort_by_key(Command::offset);
    scanner.commands
}

/// Where in a script one is.
#[derive(Debug)]
pub struct Scanner<'s> {
    pub(super) text: &'s str,
    pub(super) at: usize,
    pub(super) end: usize,
    depth: usize,
    nesting: usize,
    commands: Vec<Command<'s>>,
    documents: Vec<(String, bool)>,
}

/// The command that is being read.
#[derive(Debug, Default)]
pub(super) struct Partial<'s> {
    pub(super) words: Vec<Word<'s>>,
    assignments: Vec<Word<'s>>,
    pub(super) negated: Option<usize>,
}

impl<'s> Scanner<'s> {
    pub(super) fn peek(&self) -> Option<u8> {
        self.peek_at(0)
    }

    pub(super) fn peek_at(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes()[..self.end].get(self.at + ahead).copied()
    }

    pub(super) fn skip(&mut self, characters: usize) {
        for _ in 0..characters {
            let next = self.text[self.at..self.end].chars().next();
            self.at += next.map_or(0, char::len_utf8);
        }
    }

    /// Behind the next such byte, or to the end.
    pub(super) fn skip_to(&mut self, byte: u8) {
        let found = self.text.as_bytes()[self.at..self.end].iter().position(|next| *next == byte);
        self.at = found.map_or(self.end, |found| self.at + found + 1);
    }

    /// Reads something within something else; passes over all that is left where that goes too deep.
    pub(super) fn nested(&mut self, read: impl FnOnce(&mut Self)) {
        if self.nesting == NESTING_LIMIT {
            self.at = self.end;
            return;
        }
        self.nesting += 1;
        read(self);
        self.nesting -= 1;
    }

    /// The commands of a substitution, to its closing parenthesis.
    pub(super) fn substituted(&mut self) {
        self.nested(|scanner| {
            scanner.depth += 1;
            scanner.list();
            scanner.depth -= 1;
            scanner.skip(1);
        });
    }

    /// Commands up to a parenthesis that closes nothing here, or to the end.
    fn list(&mut self) {
        let mut open: Vec<Open> = Vec::new();
        let mut before = Join::End;
        loop {
            let command = self.command(&mut open);
            let Some(after) = self.separator(&mut open) else {
                self.take(command, before, Join::End, &open);
                return;
            };
            let empty = command.words.is_empty() && command.assignments.is_empty();
            self.take(command, before, after, &open);
            // `if`, `then` and a line's end do not separate what a pipe or `&&` joins.
            if !empty || after != Join::End {
                before = after;
            }
        }
    }

    fn take(&mut self, command: Partial<'s>, before: Join, after: Join, open: &[Open]) {
        let Partial { words, assignments, negated } = command;
        if words.is_empty() && assignments.is_empty() {
            return;
        }
        let condition = open.iter().rev().take(NESTING_LIMIT).any(|open| *open == Open::Condition(true));
        self.commands.push(Command { words, assignments, negated, before, after, condition, depth: self.depth });
    }

    /// Words up to what separates commands.
    fn command(&mut self, open: &mut Vec<Open>) -> Partial<'s> {
        let mut command = Partial::default();
        loop {
            self.blanks();
            if open.last() == Some(&Open::Case(true)) && command.words.is_empty() && self.pattern(open) {
                continue;
            }
            if self.redirection() {
                continue;
            }
            let first = command.words.is_empty() && command.assignments.is_empty();
            if first && self.text[self.at..self.end].starts_with("((") {
                self.at += 1;
                self.arithmetic();
                continue;
            }
            let Some(word) = self.word() else { return command };
            if first && self.reserved(&word, &mut command, open) {
                continue;
            }
            if command.words.is_empty() && word.assigned().is_some() {
                command.assignments.push(word);
            } else if first && word.is("[[") {
                command.words.push(word);
                self.conditional(&mut command);
            } else {
                command.words.push(word);
            }
        }
    }

    /// Space, continued lines and comments.
    pub(super) fn blanks(&mut self) {
        loop {
            match self.peek() {
                Some(b' ' | b'\t' | b'\r') => self.at += 1,
                Some(b'\\') if self.peek_at(1) == Some(b'\n') => self.at += 2,
                Some(b'#') => {
                    let rest = &self.text.as_bytes()[self.at..self.end];
                    self.at += rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
                }
                _ => return,
            }
        }
    }

    /// A redirection with where it leads to.
    fn redirection(&mut self) -> bool {
        let rest = &self.text[self.at..self.end];
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let operators = ["&>>", "&>", "<<<", "<<-", "<<", "<&", "<>", ">>", ">&", ">|", "<", ">"];
        let Some(operator) = operators.iter().find(|operator| rest[digits..].starts_with(**operator)) else {
            return false;
        };
        // A process substitution is a word.
        if matches!(*operator, "<" | ">") && rest[digits + 1..].starts_with('(') {
            return false;
        }
        self.at += digits + operator.len();
        self.blanks();
        let word = self.word();
        if matches!(*operator, "<<" | "<<-") {
            let delimiter = word.map(|word| word.text.replace(['\'', '"', '\\'], "")).unwrap_or_default();
            self.documents.push((delimiter, *operator == "<<-"));
        }
        true
    }

    /// What separates this command from the next; `None` at the end of the list, standing on what closes it.
    fn separator(&mut self, open: &mut Vec<Open>) -> Option<Join> {
        let rest = &self.text[self.at..self.end];
        let (length, join) = match rest.as_bytes() {
            [] => return None,
            [b'&', b'&', ..] | [b'|', b'|', ..] => (2, Join::Logic),
            [b'|', b'&', ..] => (2, Join::Pipe),
            [b'|', ..] => (1, Join::Pipe),
            [b';', b';' | b'&', ..] => {
                if let Some(case @ Open::Case(_)) = open.last_mut() {
                    *case = Open::Case(true);
                }
                (2, Join::End)
            }
            [b'(', ..] => {
                open.push(Open::Block);
                (1, Join::End)
            }
            [b')', ..] => {
                // What is open inside of the parentheses ends with them.
                while let Some(last) = open.pop() {
                    if last == Open::Block {
                        self.at += 1;
                        return Some(Join::End);
                    }
                }
                return None;
            }
            _ => (1, Join::End),
        };
        let newline = rest.starts_with('\n');
        self.at += length;
        if newline {
            self.skip_documents();
        }
        Some(join)
    }

    /// The here-documents that the line before has named.
    fn skip_documents(&mut self) {
        for (delimiter, tabs) in std::mem::take(&mut self.documents) {
            while self.at < self.end {
                let rest = &self.text[self.at..self.end];
                let line = rest.split('\n').next().unwrap_or_default();
                self.at = (self.at + line.len() + 1).min(self.end);
                if (if tabs { line.trim_start_matches('\t') } else { line }) == delimiter {
                    break;
                }
            }
        }
    }
}
