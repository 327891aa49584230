//! `bash -n` on all scripts of a file, by one process.
//!
//! One process reads a [`DRIVER`], which is a constant, and gets the scripts as data on its standard input, each with
//! its length before it. For each it forks a subshell that evaluates a text of two parts: the line `set -n`, and then
//! the script. Bash reads such a text command by command; the first one is executed, and from then on everything is
//! read and nothing executed, until the subshell ends. No script can undo that: `set +n` would have to be executed.
//! The first line is complete before the script begins, so nothing in a script can become a part of it, as it could
//! with a function or braces put around it. A quote or here-document that is not closed ends with the script's own
//! text, so it swallows no other. What a subshell says ends with a NUL, which no script can have in it.
//!
//! A run gives a script to `bash -c`, which reads it in the same way, so what is found here is what would happen there.

use super::{Question, Remark, Shell, line};
use crate::check::scripts::Script;

/// Reads a length and that many bytes, again and again. One that sets `extglob` gets it before it is read, as the line
/// that sets it is not executed here.
const DRIVER: &str = r#"while read -r size; do
script=
[ "$size" = 0 ] || IFS= read -r -N "$size" script
(
case $script in *extglob*) shopt -s extglob ;; esac
eval "set -n
$script"
) 2>&1 </dev/null
printf '\n%s\0' "$?"
done"#;

/// The last is the name by which it begins what it says, wherever it was found.
const ARGV: [&str; 6] = ["bash", "--noprofile", "--norc", "-c", DRIVER, "bash"];

/// It is known what is wrong with it, and where: the lines of all others are counted from this one's.
const KNOWN: &str = ")";

/// Gives what bash cannot read, at most one remark a script.
#[must_use]
pub fn ask(shell: &dyn Shell, scripts: &[Script<'_>]) -> Vec<Remark> {
    let mut remarks = Vec::new();
    let mut asked = Vec::new();
    let mut input = framed(KNOWN);
    for (number, script) in scripts.iter().enumerate().filter(|(_, script)| script.dialect.is_shell()) {
        if let Some(offset) = script.text.find('\0') {
            let message = "a NUL character in a script: no shell can be given it".to_owned();
            remarks.push(Remark { script: number, offset, length: 1, message, help: "remove it".to_owned() });
        } else {
            asked.push(number);
            input.extend(framed(script.text));
        }
    }
    if asked.is_empty() {
        return remarks;
    }
    let Ok(answer) = shell.ask(&Question { argv: &ARGV, input: &input, files: &[] }) else { return remarks };
    let answer = String::from_utf8_lossy(&answer);
    let mut answers = answer.split('\0').map(Answer::read);
    // The line of a script that bash calls its first.
    let first = answers.next().and_then(|known| known.line);
    for number in asked {
        let answer = answers.next().filter(|answer| !answer.status.is_empty());
        let Some((first, answer)) = first.zip(answer) else {
            // All that follow have not been read either.
            remarks.push(unread(number, scripts[number].text));
            break;
        };
        remarks.extend(remark(number, scripts[number].text, first, &answer));
    }
    remarks.sort_by_key(|remark| remark.script);
    remarks
}

fn unread(script: usize, text: &str) -> Remark {
    let (offset, length) = line(text, 1);
    let message = "bash ended before it had read this script".to_owned();
    let help = "try it with bash -n; `--no-shell-checks` leaves bash out".to_owned();
    Remark { script, offset, length, message, help }
}

fn framed(script: &str) -> Vec<u8> {
    format!("{}\n{script}", script.len()).into_bytes()
}

/// What was said of one script.
#[derive(Debug, Default, PartialEq, Eq)]
struct Answer<'a> {
    line: Option<usize>,
    message: Option<&'a str>,
    status: &'a str,
}

impl<'a> Answer<'a> {
    /// An error before a warning, and the first of them: the others follow from it.
    fn read(text: &'a str) -> Self {
        let (said, status) = text.rsplit_once('\n').unwrap_or((text, ""));
        let all = || said.lines().filter_map(located);
        let of_weight = all().find(|(_, message)| !message.starts_with("warning: ")).or_else(|| all().next());
        Self { line: of_weight.map(|(line, _)| line), message: of_weight.map(|(_, message)| message), status }
    }
}

/// `bash: eval: line 3: message`.
fn located(said: &str) -> Option<(usize, &str)> {
    let said = said.strip_prefix("bash: ")?;
    let said = said.strip_prefix("eval: ").unwrap_or(said);
    let (number, message) = said.strip_prefix("line ")?.split_once(": ")?;
    Some((number.parse().ok()?, message))
}

/// `first` is what bash calls the script's first line.
fn remark(script: usize, text: &str, first: usize, answer: &Answer<'_>) -> Option<Remark> {
    let Some(message) = answer.message else {
        let crashed = answer.status != "0";
        let (offset, length) = line(text, 1);
        let message = format!("bash cannot read this script: it ended with status {}", answer.status);
        let help = "try it with bash -n, and write it in another way".to_owned();
        return crashed.then_some(Remark { script, offset, length, message, help });
    };
    // Of a here-document bash tells where it ends, and within the message where it begins.
    // Since 5.3 it tells also where what is not closed was opened.
    let opened = between(message, "here-document at line ", " ")
        .or_else(|| message.rsplit_once(" command on line ").map(|(_, number)| number))
        .and_then(|number| number.parse().ok());
    let number = opened.or(answer.line).map_or(1, |number| (number + 1).saturating_sub(first));
    let (message, help) = worded(message);
    let (offset, length) = line(text, number);
    let here = &text[offset..offset + length];
    // Bash tells the line only. Where the token is on it once, that is the place.
    let token = between(&message, "unexpected token `", "`").filter(|token| *token != "newline");
    let (offset, length) = match token.map(|token| (token, here.match_indices(token).collect::<Vec<_>>())) {
        Some((token, found)) if found.len() == 1 => (offset + found[0].0, token.len()),
        _ => (offset, length),
    };
    Some(Remark { script, offset, length, message, help })
}

/// As we say it, with what to do.
fn worded(said: &str) -> (String, String) {
    // Bash opens its quotes with a backtick and closes them with what may itself be what it quotes.
    let said = said.replace("`''", "`\u{1}`").replace('\'', "`").replace('\u{1}', "'");
    if let Some(wanted) = between(&said, "(wanted `", "`)") {
        let message = format!("the here-document is not closed: there is no line `{wanted}`");
        return (message, format!("end it with a line that is `{wanted}` and nothing else"));
    }
    let message = said.strip_prefix("syntax error: ").unwrap_or(&said);
    let message = message.rsplit_once(" on line ").map_or(message, |(message, _)| message);
    let help = if let Some(open) = between(&said, "matching `", "`") {
        format!("add the `{}` that is missing", if open.is_empty() { "`" } else { open })
    } else if said.contains("unexpected end of file") {
        "close what is open: `if` with `fi`, `do` with `done`, `case` with `esac`, `{` with `}`".to_owned()
    } else if let Some(token) = between(&said, "unexpected token `", "`") {
        format!("look at what stands before `{token}`")
    } else {
        "mend it; bash -n on the script says the same".to_owned()
    };
    (format!("bash cannot read this script: {message}"), help)
}

fn between<'t>(text: &'t str, before: &str, after: &str) -> Option<&'t str> {
    let start = text.find(before)? + before.len();
    let length = text[start..].find(after)?;
    Some(&text[start..start + length])
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::check::scripts::collect;
    use crate::check::source::Source;
    use crate::check::tree;

    /// A bash that gives this answer.
    struct Says(&'static str);

    impl Shell for Says {
        fn ask(&self, question: &Question<'_>) -> io::Result<Vec<u8>> {
            assert_eq!(question.argv, ARGV);
            Ok(self.0.as_bytes().to_vec())
        }
    }

    /// What is remarked of three scripts of two lines: which, where, and what.
    fn remarks(answer: &'static str) -> Vec<(usize, usize, String)> {
        let source = Source::new(
            "a.yaml",
            "steps:\n- { shell: \"if a\\nthen b\" }\n- { shell: \"c\\nd\" }\n- { shell: \"e\\nf\" }\n",
        );
        let tree = tree::parse(&source).unwrap();
        let found = ask(&Says(answer), &collect(&tree).scripts);
        found.into_iter().map(|remark| (remark.script, remark.offset, remark.message)).collect()
    }

    #[test]
    fn lines_are_counted_from_those_of_a_known_mistake() {
        let found = remarks("bash: line 9: syntax error\n\n2\0\n0\0bash: eval: line 10: bad\n\n2\0\n0\0");
        assert_eq!(found, [(1, 2, "bash cannot read this script: bad".to_owned())]);
    }

    #[test]
    fn what_is_not_closed_is_found_where_it_was_opened() {
        let found = remarks(
            "bash: eval: line 3: x\n\n2\0\
             bash: eval: line 5: syntax error: unexpected end of file from `if' command on line 3\n\n2\0\n0\0\n0\0",
        );
        assert_eq!(
            found,
            [(0, 0, "bash cannot read this script: unexpected end of file from `if` command".to_owned())]
        );
    }

    #[test]
    fn a_bash_that_fails_without_a_word_has_not_read_the_script() {
        let found = remarks("bash: eval: line 3: x\n\n2\0\n139\0\n0\0\n0\0");
        assert_eq!(found, [(0, 0, "bash cannot read this script: it ended with status 139".to_owned())]);
    }

    #[test]
    fn an_answer_that_ends_too_early_is_no_good_one() {
        let ended = |script| vec![(script, 0, "bash ended before it had read this script".to_owned())];
        assert_eq!(remarks("bash: eval: line 3: x\n\n2\0\n0\0"), ended(1));
        assert_eq!(remarks(""), ended(0));
        assert_eq!(remarks("what bash?\n\n0\0\n0\0\n0\0\n0\0"), ended(0));
    }
}
