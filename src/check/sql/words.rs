//! What the grammar wanted, in words: from the parser's errors to one mistake for each statement.

use super::body::Mistake;
use crate::check::suggest;
use crate::model::sql::lexer::{Kind, Piece};

/// The words that are most often mistyped, and those that statements begin with.
const KEYWORDS: [&str; 78] = [
    "add",
    "alter",
    "analyze",
    "and",
    "begin",
    "between",
    "call",
    "cascade",
    "case",
    "cluster",
    "column",
    "comment",
    "commit",
    "concurrently",
    "conflict",
    "constraint",
    "copy",
    "create",
    "cross",
    "default",
    "delete",
    "distinct",
    "drop",
    "else",
    "end",
    "except",
    "execute",
    "exists",
    "explain",
    "extension",
    "foreign",
    "from",
    "function",
    "generated",
    "grant",
    "group",
    "having",
    "index",
    "inner",
    "insert",
    "interval",
    "into",
    "join",
    "lateral",
    "left",
    "limit",
    "lock",
    "materialized",
    "merge",
    "nothing",
    "offset",
    "order",
    "primary",
    "publication",
    "references",
    "refresh",
    "reindex",
    "rename",
    "returning",
    "revoke",
    "rollback",
    "schema",
    "select",
    "sequence",
    "set",
    "show",
    "subscription",
    "table",
    "then",
    "truncate",
    "union",
    "unique",
    "update",
    "using",
    "vacuum",
    "values",
    "when",
    "where",
];

/// The first mistake of each statement. `found` has the pieces of each statement, `errors` the parser's, by place.
pub fn mistakes(text: &str, pieces: &[Piece], found: &[&[Piece]], errors: &[(usize, &str)]) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    let mut last = None;
    for (at, message) in errors {
        // An error behind the last piece is one of the last statement.
        let of = found.iter().rposition(|pieces| pieces[0].range.start <= *at).unwrap_or(0);
        if last != Some(of) {
            last = Some(of);
            mistakes.push(mistake(text, pieces, *at, message));
        }
    }
    mistakes
}

fn mistake(text: &str, pieces: &[Piece], at: usize, message: &str) -> Mistake {
    let solid: Vec<&Piece> = pieces.iter().filter(|piece| piece.kind != Kind::Blank).collect();
    let here = solid.iter().position(|piece| piece.range.end > at);
    let before = here.unwrap_or(solid.len()).checked_sub(1);
    let wanted = wanted(message);
    let word = |at: Option<usize>| {
        let piece = solid.get(at?)?;
        (piece.kind == Kind::Word).then(|| &text[piece.range.clone()])
    };
    let meant = [before, here].into_iter().find_map(|at| {
        let typed = word(at).filter(|typed| !KEYWORDS.iter().any(|known| known.eq_ignore_ascii_case(typed)))?;
        suggest::nearest(typed, KEYWORDS).map(ToOwned::to_owned)
    });
    let is_end = here.is_none();
    let range = here.or(before).and_then(|at| solid.get(at)).map_or(0..0, |piece| piece.range.clone());
    Mistake { range, is_end, wanted, meant }
}

/// `expected SET_KW, found IDENT` is `SET`; `None` where it is only that nothing goes on like this.
fn wanted(message: &str) -> Option<String> {
    let rest = message.strip_prefix("expected ")?.split([',', ';']).next().unwrap_or_default().trim();
    let is_guess = matches!(rest, "command" | "COMMA" | "missing comma");
    (!is_guess).then(|| rest.split(' ').map(token).collect::<Vec<_>>().join(" "))
}

/// A token as it is typed.
fn token(name: &str) -> String {
    let sign = match name {
        "L_PAREN" => "`(`",
        "R_PAREN" => "`)`",
        "SEMICOLON" => "`;`",
        "EQ" => "`=`",
        "DOT" => "`.`",
        "IDENT" => "a name",
        "STRING" => "a string",
        "INT_NUMBER" => "a number",
        "EOF" => "the end",
        other => return other.strip_suffix("_KW").unwrap_or(other).to_owned(),
    };
    sign.to_owned()
}
