//! Indexes that a text builds concurrently. A build that breaks leaves its index behind, INVALID: there for whoever
//! asks for its name, and of no use.

use serde_json::{Map, Value};

use super::cut;
use super::lexer::{Kind, Piece, pieces};
use crate::model::call::SqlCall;

/// One `CREATE INDEX CONCURRENTLY` or `REINDEX … CONCURRENTLY`. Names are expressions of SQL; `None` is any.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Build {
    schema: Option<String>,
    table: Option<String>,
    index: Option<String>,
    again: bool,
}

/// The question, for the database of the call, which of the indexes that its text builds concurrently are INVALID now.
/// `None` where it builds none. Each row has the `index` and its `table`.
#[must_use]
pub fn invalid(call: &SqlCall) -> Option<SqlCall> {
    let pieces = pieces(&call.text).ok()?;
    let statements = cut::statements(&call.text, &pieces);
    let builds: Vec<Build> = statements.iter().filter_map(|statement| build(&call.text, statement)).collect();
    (!builds.is_empty()).then(|| SqlCall { text: question(&builds), transaction: true, ..call.clone() })
}

/// What the answer says in words; empty where none is INVALID.
#[must_use]
pub fn in_words(rows: &[Map<String, Value>]) -> String {
    let text = |row: &Map<String, Value>, name: &str| row.get(name).and_then(Value::as_str).unwrap_or("?").to_owned();
    let one = |row: &Map<String, Value>| format!("index {} of {} is INVALID", text(row, "index"), text(row, "table"));
    rows.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn question(builds: &[Build]) -> String {
    let name = |name: &Option<String>| name.as_ref().map_or_else(|| "null".to_owned(), |name| format!("{name}::text"));
    let rows = builds.iter().map(|build| {
        let again = build.again;
        format!("({}, {}, {}, {again})", name(&build.schema), name(&build.table), name(&build.index))
    });
    let rows = rows.collect::<Vec<_>>().join(", ");
    format!(
        "select distinct pg_catalog.format('%I.%I', n.nspname, c.relname) as index, \
         pg_catalog.format('%I.%I', n.nspname, t.relname) as \"table\" \
         from (values {rows}) built(in_schema, on_table, named, again) \
         join pg_catalog.pg_class t on on_table is null or t.relname = on_table \
         join pg_catalog.pg_namespace n on n.oid = t.relnamespace and (in_schema is null or n.nspname = in_schema) \
         join pg_catalog.pg_index i on i.indrelid = t.oid and not (i.indisvalid and i.indisready) \
         join pg_catalog.pg_class c on c.oid = i.indexrelid and (named is null or c.relname = named \
         or again and pg_catalog.starts_with(c.relname, named || '_cc')) \
         where in_schema is not null or on_table is null or pg_catalog.pg_table_is_visible(t.oid) \
         or not exists (select from pg_catalog.pg_class v where v.relname = on_table \
         and pg_catalog.pg_table_is_visible(v.oid)) order by 1"
    )
}

fn build(text: &str, statement: &[Piece]) -> Option<Build> {
    let solid = statement.iter().filter(|piece| piece.kind != Kind::Blank).collect();
    let mut reader = Reader { text, pieces: solid, at: 0 };
    if reader.word("create") {
        reader.word("unique");
        (reader.word("index") && reader.word("concurrently")).then_some(())?;
        if reader.word("if") {
            (reader.word("not") && reader.word("exists")).then_some(())?;
        }
        let index = if reader.word("on") { None } else { Some(reader.name()?) };
        if index.is_some() {
            reader.word("on").then_some(())?;
        }
        reader.word("only");
        let (schema, table) = reader.qualified()?;
        return Some(Build { schema, table: Some(table), index, again: false });
    }
    reader.word("reindex").then_some(())?;
    let within = reader.parenthesis();
    let kinds = ["index", "table", "schema", "database", "system"];
    let kind = kinds.into_iter().find(|kind| reader.word(kind))?;
    (reader.word("concurrently") || within).then_some(())?;
    let build = Build { again: true, ..Build::default() };
    Some(match (kind, reader.qualified()) {
        ("index", Some((schema, index))) => Build { schema, index: Some(index), ..build },
        ("table", Some((schema, table))) => Build { schema, table: Some(table), ..build },
        ("schema", Some((_, schema))) => Build { schema: Some(schema), ..build },
        _ => build,
    })
}

/// Reads pieces one after the other.
struct Reader<'a> {
    text: &'a str,
    pieces: Vec<&'a Piece>,
    at: usize,
}

impl<'a> Reader<'a> {
    fn piece(&self) -> Option<(Kind, &'a str)> {
        self.pieces.get(self.at).map(|piece| (piece.kind, &self.text[piece.range.clone()]))
    }

    /// Goes on behind that word, where it comes next.
    fn word(&mut self, wanted: &str) -> bool {
        let found = self.piece().is_some_and(|(kind, text)| kind == Kind::Word && text.eq_ignore_ascii_case(wanted));
        self.at += usize::from(found);
        found
    }

    fn symbol(&mut self, wanted: &str) -> bool {
        let found = self.piece() == Some((Kind::Symbol, wanted));
        self.at += usize::from(found);
        found
    }

    /// Goes on behind options in parentheses; whether `concurrently` is among them and not switched off.
    fn parenthesis(&mut self) -> bool {
        let mut concurrently = false;
        if self.symbol("(") {
            while self.at < self.pieces.len() && !self.symbol(")") {
                if self.word("concurrently") {
                    concurrently = !["false", "off", "0"].into_iter().any(|off| self.word(off));
                } else {
                    self.at += 1;
                }
            }
        }
        concurrently
    }

    /// A name as an expression that gives it as the catalogue has it.
    fn name(&mut self) -> Option<String> {
        let (kind, text) = self.piece()?;
        let literal = |name: &str| format!("'{}'", name.replace('\'', "''"));
        let name = match kind {
            Kind::Word => literal(&text.to_ascii_lowercase()),
            Kind::Quoted if text.starts_with('"') => literal(&text[1..text.len() - 1].replace("\"\"", "\"")),
            Kind::IdentifierVariable => format!(":'{}'", &text[2..text.len() - 1]),
            _ => return None,
        };
        self.at += 1;
        Some(name)
    }

    fn qualified(&mut self) -> Option<(Option<String>, String)> {
        let first = self.name()?;
        if self.symbol(".") { self.name().map(|second| (Some(first), second)) } else { Some((None, first)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn builds(text: &str) -> Vec<Build> {
        let pieces = pieces(text).unwrap();
        cut::statements(text, &pieces).iter().filter_map(|statement| build(text, statement)).collect()
    }

    fn made(schema: Option<&str>, table: &str, index: Option<&str>) -> Build {
        let own = |text: &str| text.to_owned();
        Build { schema: schema.map(own), table: Some(own(table)), index: index.map(own), again: false }
    }

    #[test]
    fn every_way_to_build_an_index_concurrently_is_found() {
        let cases = [
            ("create index concurrently a on t (x)", made(None, "'t'", Some("'a'"))),
            ("CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS A ON ONLY S.T (x)", made(Some("'s'"), "'t'", Some("'a'"))),
            ("create /* x */ index concurrently on \"T\"\"t\" (x)", made(None, "'T\"t'", None)),
            ("create index concurrently :\"i\" on :\"s\".:\"t\" (x)", made(Some(":'s'"), ":'t'", Some(":'i'"))),
            ("create index concurrently \"it's\" on t (x)", made(None, "'t'", Some("'it''s'"))),
        ];
        for (text, wanted) in cases {
            assert_eq!(builds(text), [wanted], "{text}");
        }
        let again = Build { again: true, ..Build::default() };
        let index = Build { index: Some("'a'".to_owned()), schema: Some("'s'".to_owned()), ..again.clone() };
        assert_eq!(builds("reindex index concurrently s.a"), [index]);
        let table = Build { table: Some("'t'".to_owned()), ..again.clone() };
        assert_eq!(
            builds("reindex (verbose, concurrently) table t; reindex table concurrently t"),
            [table.clone(), table]
        );
        assert_eq!(builds("reindex database concurrently"), [again]);
    }

    #[test]
    fn what_is_not_built_concurrently_is_not_found() {
        for text in ["create index a on t (x)", "reindex table t", "reindex (concurrently false) table t", "select 1"] {
            assert_eq!(builds(text), [], "{text}");
        }
        assert_eq!(builds("select 'create index concurrently a on t (x)'"), []);
    }
}
