//! What bash and shellcheck say of the scripts of one file. Processes are others' work: see [`Shell`].

use std::io;

use super::scripts::Script;

pub mod bash;
pub mod shellcheck;

/// The programs that read shell scripts. The only way in which this layer reaches a process.
pub trait Shell: Sync {
    /// Lets a program read what it is asked about, and gives what it wrote to its standard output.
    ///
    /// # Errors
    ///
    /// When the program is not there or not wanted, or has not answered. Nothing is found then: whoever is asked
    /// knows why, and has to say so.
    fn ask(&self, question: &Question<'_>) -> io::Result<Vec<u8>>;
}

/// What a program is asked. It must not be given anything to act with.
#[derive(Debug, Clone, Copy)]
pub struct Question<'q> {
    /// The program and its arguments.
    pub argv: &'q [&'q str],
    /// Its standard input.
    pub input: &'q [u8],
    /// The files of its folder, called `0`, `1` and so on.
    pub files: &'q [&'q str],
}

/// Something that is wrong with one script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// Which, counted from 0 in the list of scripts.
    pub script: usize,
    /// Where it begins, in bytes of the script's text.
    pub offset: usize,
    /// How many bytes, as far as they are on one line.
    pub length: usize,
    /// What.
    pub message: String,
    /// What to do.
    pub help: String,
}

/// Everything that was said of the scripts of a file.
#[derive(Debug, Default)]
pub struct Remarks {
    /// By bash: it could not read the script.
    pub syntax: Vec<Remark>,
    /// By shellcheck, on those that bash can read.
    pub lint: Vec<Remark>,
}

/// Asks about all scripts at once.
#[must_use]
pub fn ask(shell: &dyn Shell, scripts: &[Script<'_>]) -> Remarks {
    let syntax = bash::ask(shell, scripts);
    let readable = |number: &usize| {
        scripts[*number].dialect.is_shell() && syntax.iter().all(|remark: &Remark| remark.script != *number)
    };
    let readable: Vec<usize> = (0..scripts.len()).filter(readable).collect();
    let lint = shellcheck::ask(shell, scripts, &readable);
    Remarks { syntax, lint }
}

/// A line of a text, counted from 1, without the space around it: its offset and length. The last that has something
/// on it where the text has no such line.
fn line(text: &str, number: usize) -> (usize, usize) {
    let mut start = 0;
    let mut last = (0, 0);
    for (index, line) in text.split('\n').enumerate() {
        let words = line.trim();
        if !words.is_empty() {
            last = (start + line.len() - line.trim_start().len(), words.len());
        }
        if index + 1 == number {
            break;
        }
        start += line.len() + 1;
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_found_by_its_number_and_behind_the_end_is_the_last() {
        let part = |number| {
            let (offset, length) = line("one\n  two \n\n", number);
            &"one\n  two \n\n"[offset..offset + length]
        };
        assert_eq!([part(1), part(2), part(3), part(9)], ["one", "two", "two", "two"]);
        assert_eq!(line("", 1), (0, 0));
    }
}
