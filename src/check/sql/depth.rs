//! How deep a text nests, reckoned before it is parsed: the parser calls itself for each level, and a text of
//! brackets alone must not end the program.

use crate::model::sql::lexer::{Kind, Piece, pieces};

/// No text that a person wrote comes near it. A bracket counts twice.
pub const DEEPEST: usize = 400;

/// Words that nest what follows them, or join it to what stands before.
const NESTING: [&str; 20] = [
    "and",
    "begin",
    "between",
    "case",
    "else",
    "elsif",
    "except",
    "explain",
    "for",
    "if",
    "in",
    "intersect",
    "is",
    "join",
    "like",
    "loop",
    "not",
    "or",
    "union",
    "when",
];

/// What a bracket counts.
const BRACKET: usize = 2;

/// Bodies within bodies are looked into so often.
const BODIES: usize = 3;

/// At least the depth of the tree that a text becomes, as far as that grows with the text.
#[must_use]
pub fn depth(text: &str, found: &[Piece]) -> usize {
    measure(text, found, 0)
}

fn measure(text: &str, found: &[Piece], level: usize) -> usize {
    // What is open: what each bracket counts, and what was joined within it so far.
    let mut open = vec![0_usize];
    let mut deepest = 0;
    let mut sum = 0;
    let mut before = "";
    for piece in found.iter().filter(|piece| piece.kind != Kind::Blank) {
        let written = &text[piece.range.clone()];
        let nests = |word: &&str| word.eq_ignore_ascii_case(written);
        match (piece.kind, written) {
            (Kind::Symbol, "(" | "[") => {
                open.push(0);
                sum += BRACKET;
            }
            (Kind::Symbol, ")" | "]") if open.len() > 1 => sum -= BRACKET + open.pop().unwrap_or_default(),
            (Kind::Symbol, "," | ";") => sum -= open.last_mut().map(std::mem::take).unwrap_or_default(),
            (Kind::Symbol, ".") => {}
            (Kind::Quoted, body) if level < BODIES && is_body(before, body) => {
                let inner = body.trim_matches(['\'', '$']);
                deepest = deepest.max(measure(inner, &pieces(inner).unwrap_or_default(), level + 1));
            }
            (Kind::Symbol, _) => sum += join(&mut open),
            (Kind::Word, _) if NESTING.iter().any(nests) => sum += join(&mut open),
            _ => {}
        }
        before = written;
        deepest = deepest.max(sum);
    }
    deepest
}

fn join(open: &mut [usize]) -> usize {
    open.last_mut().map_or(0, |joined| {
        *joined += 1;
        1
    })
}

/// Whether a quoted text may be the body of a function, which is parsed too.
fn is_body(before: &str, quoted: &str) -> bool {
    let words = ["as", "do", "e", "plpgsql", "sql"];
    quoted.starts_with('$') || words.iter().any(|word| word.eq_ignore_ascii_case(before))
}

#[cfg(test)]
mod tests {
    use crate::check::sql::body::{Problem, Reading};

    fn is_read(text: &str) -> bool {
        !matches!(Reading::of(text).problem(), Some(Problem::Deep))
    }

    #[test]
    fn what_a_person_writes_is_read() {
        let rows = "(1, 'a-b-c', now() - interval '1 day'), ".repeat(5000);
        assert!(is_read(&format!("insert into t values {rows} (1, 'x', null)")));
        assert!(is_read(&format!("select {} true", "a = 1 and ".repeat(150))));
        assert!(is_read(&format!("select '{}'", "(-".repeat(5000))));
        assert!(is_read(&format!("select {}1{}", "(".repeat(150), ")".repeat(150))));
    }

    #[test]
    fn what_would_end_the_program_is_not_read() {
        let deep = 5_000;
        for opening in ["(", "(1, (2, ", "not ", "- ", "case when ", "1 + ", "(select ", "array[", "a or "] {
            assert!(!is_read(&format!("select {}", opening.repeat(deep))), "{opening}");
            assert!(!is_read(&format!("do $$ begin perform {} end $$", opening.repeat(deep))), "{opening}");
            assert!(!is_read(&format!("create function f() as 'select {}'", opening.repeat(deep))), "{opening}");
        }
        assert!(!is_read(&"select 1 union ".repeat(deep)));
    }
}
