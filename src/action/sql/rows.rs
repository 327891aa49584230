//! Rows as mappings from column to JSON value.
//!
//! Values come as text, which is exact for every type, and become JSON by the column's type.

use serde_json::{Map, Number, Value};
use tokio_postgres::types::Type;

/// How many rows are kept; the rest is counted.
pub const MOST_ROWS: usize = 1000;

/// How many bytes of values are kept.
pub const MOST_BYTES: usize = 8 * 1024 * 1024;

/// The largest whole number below which every one is exact in a binary float.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// A value of a column. Integers, `numeric` and floats are numbers, `boolean` a boolean, `json` its value, and the
/// rest text. What JSON numbers cannot hold stays text: `NaN`, infinities, and a `numeric` whose whole part is not
/// exact.
#[must_use]
pub fn value(kind: &Type, text: Option<&str>) -> Value {
    let Some(text) = text else { return Value::Null };
    let read = match *kind {
        Type::BOOL => Some(Value::Bool(text == "t")),
        Type::INT2 | Type::INT4 | Type::INT8 | Type::OID | Type::NUMERIC => number(text),
        Type::FLOAT4 | Type::FLOAT8 => text.parse().ok().and_then(Number::from_f64).map(Value::Number),
        Type::JSON | Type::JSONB => serde_json::from_str(text).ok(),
        _ => None,
    };
    read.unwrap_or_else(|| Value::String(text.to_owned()))
}

fn number(text: &str) -> Option<Value> {
    if let Ok(whole) = text.parse::<i64>() {
        return Some(Value::from(whole));
    }
    if let Ok(whole) = text.parse::<u64>() {
        return Some(Value::from(whole));
    }
    let near: f64 = text.parse().ok()?;
    (near.abs() < EXACT && text.contains('.')).then(|| Number::from_f64(near).map(Value::Number)).flatten()
}

/// One row. A column whose name was taken before gets a number: `?column?`, `?column?_2`.
#[must_use]
pub fn row<'a>(columns: impl Iterator<Item = (&'a str, Value)>) -> Map<String, Value> {
    let mut row = Map::new();
    for (name, value) in columns {
        let (mut free, mut number) = (name.to_owned(), 1);
        while row.contains_key(&free) {
            number += 1;
            free = format!("{name}_{number}");
        }
        row.insert(free, value);
    }
    row
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_are_numbers_only_where_nothing_that_matters_is_lost() {
        let cases = [
            ("42", json!(42)),
            ("18446744073709551615", json!(18_446_744_073_709_551_615_u64)),
            ("18446744073709551616", json!("18446744073709551616")),
            ("1.50", json!(1.5)),
            ("6.6666666666666667", json!(6.666_666_666_666_667)),
            ("12345678901234567890.25", json!("12345678901234567890.25")),
            ("NaN", json!("NaN")),
        ];
        for (text, wanted) in cases {
            assert_eq!(value(&Type::NUMERIC, Some(text)), wanted);
        }
    }

    #[test]
    fn columns_of_one_name_are_all_kept() {
        let row = row([("a", json!(1)), ("a", json!(2)), ("a", json!(3))].into_iter());
        assert_eq!(Value::Object(row), json!({"a": 1, "a_2": 2, "a_3": 3}));
    }
}
