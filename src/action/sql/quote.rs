//! Values as SQL: the same quoting that psql does for `:'name'` and `:"name"`.

use serde_json::Value;

/// A value as a literal: always in quotes, so that a type is taken from where it stands, except null.
///
/// # Errors
///
/// For a zero byte, which PostgreSQL cannot store.
pub fn literal(value: &Value) -> Result<String, &'static str> {
    let text = match value {
        Value::Null => return Ok("NULL".to_owned()),
        other => plain(other)?,
    };
    let doubled = text.replace('\'', "''");
    if text.contains('\\') {
        // A space keeps the E from becoming part of a word before it.
        return Ok(format!(" E'{}'", doubled.replace('\\', "\\\\")));
    }
    Ok(format!("'{doubled}'"))
}

/// A value as a name.
///
/// # Errors
///
/// For what cannot be a name: nothing, an empty text, a list, a zero byte.
pub fn identifier(value: &Value) -> Result<String, &'static str> {
    let text = match value {
        Value::Null | Value::Array(_) | Value::Object(_) => return Err("cannot be a name: it is not text"),
        other => plain(other)?,
    };
    if text.is_empty() {
        return Err("cannot be a name: it is empty");
    }
    Ok(format!("\"{}\"", text.replace('"', "\"\"")))
}

fn plain(value: &Value) -> Result<String, &'static str> {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    if text.contains('\0') { Err("holds a zero byte, which PostgreSQL has no place for") } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_kind_of_value_has_its_literal() {
        let cases = [
            (json!("it's"), "'it''s'"),
            (json!(r"a\'b"), r" E'a\\''b'"),
            (json!(5), "'5'"),
            (json!(true), "'true'"),
            (json!(null), "NULL"),
            (json!(["a", 1]), r#"'["a",1]'"#),
        ];
        for (value, wanted) in cases {
            assert_eq!(literal(&value).unwrap(), wanted);
        }
        assert!(literal(&json!("a\0b")).is_err());
    }

    #[test]
    fn a_name_is_quoted_whatever_is_in_it() {
        assert_eq!(identifier(&json!(r#"a"; drop table b; --"#)).unwrap(), r#""a""; drop table b; --""#);
        assert!(identifier(&json!("")).is_err());
        assert!(identifier(&json!(null)).is_err());
    }
}
