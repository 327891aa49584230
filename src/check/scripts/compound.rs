//! The words that only the shell knows: `if`, `for`, `case`, `[[`, and what they open.

use super::scan::{Partial, Scanner};
use super::word::Word;

/// What a word that only the shell knows has opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Open {
    /// After `if` and its kind, true until `then` or `do`.
    Condition(bool),
    /// After `case`, true where a pattern comes.
    Case(bool),
    /// `(` and `{`.
    Block,
}

impl<'s> Scanner<'s> {
    /// Whether a word is one that only the shell knows; then it is not part of a command.
    pub(super) fn reserved(&mut self, word: &Word<'s>, command: &mut Partial<'s>, open: &mut Vec<Open>) -> bool {
        match word.text {
            "if" | "while" | "until" => open.push(Open::Condition(true)),
            "elif" => set(open, true),
            "then" | "do" | "else" => set(open, false),
            "fi" | "done" | "esac" | "}" => drop(open.pop()),
            "{" => open.push(Open::Block),
            "for" | "select" => {
                open.push(Open::Condition(false));
                self.header(false);
            }
            "case" => {
                self.header(true);
                open.push(Open::Case(true));
            }
            "function" => {
                self.blanks();
                self.word();
            }
            "!" => command.negated = Some(word.offset),
            "time" | "coproc" => {}
            _ => return self.defines(),
        }
        true
    }

    /// `name()` before what a function does.
    fn defines(&mut self) -> bool {
        let rest = &self.text[self.at..self.end];
        let inner = rest.trim_start_matches([' ', '\t']);
        let Some(inside) = inner.strip_prefix('(') else { return false };
        let inside = inside.trim_start_matches([' ', '\t']);
        if !inside.starts_with(')') {
            return false;
        }
        self.at += rest.len() - inside.len() + 1;
        true
    }

    /// What stands between `for` or `case` and the commands: to the end of the line, `do`, or the `in` of a `case`.
    fn header(&mut self, of_case: bool) {
        loop {
            self.blanks();
            if self.text[self.at..self.end].starts_with("((") {
                self.at += 1;
                self.arithmetic();
            }
            let before = self.at;
            match self.word() {
                None => return,
                Some(word) if word.is("in") && of_case => return,
                Some(word) if word.is("do") => {
                    self.at = before;
                    return;
                }
                Some(_) => {}
            }
        }
    }

    /// The pattern of a `case` up to its parenthesis. False where `esac` comes.
    pub(super) fn pattern(&mut self, open: &mut [Open]) -> bool {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b';')) {
            self.at += 1;
        }
        if self.peek() == Some(b'#') {
            self.skip_to(b'\n');
            return true;
        }
        let rest = &self.text[self.at..self.end];
        if rest.is_empty() || rest.starts_with("esac") {
            return false;
        }
        if rest.starts_with('(') {
            self.at += 1;
        }
        while let Some(byte) = self.peek() {
            if byte == b')' {
                self.at += 1;
                break;
            }
            if self.word().is_none() {
                self.skip(1);
            }
        }
        if let Some(last) = open.last_mut() {
            *last = Open::Case(false);
        }
        true
    }

    /// `[[ … ]]`, in which `&&`, `<` and parentheses separate nothing.
    pub(super) fn conditional(&mut self, command: &mut Partial<'s>) {
        while self.at < self.end {
            while matches!(self.peek(), Some(b' ' | b'\t' | b'\n')) {
                self.at += 1;
            }
            match self.word() {
                Some(word) => {
                    let last = word.is("]]");
                    command.words.push(word);
                    if last {
                        return;
                    }
                }
                None => self.skip(1),
            }
        }
    }
}

/// Whether the innermost `if` or loop is in its condition.
fn set(open: &mut [Open], condition: bool) {
    if let Some(last) = open.iter_mut().rev().find(|open| matches!(open, Open::Condition(_))) {
        *last = Open::Condition(condition);
    }
}
