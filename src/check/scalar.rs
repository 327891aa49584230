//! What an unquoted scalar means: the core schema of YAML 1.2 (specification, 10.3.2).
//!
//! `yes`, `no`, `on`, `off` and `1:30` are text here, as they are for the author.

/// The value of an unquoted scalar.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Plain {
    /// Nothing, `null` or `~`.
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// A whole number; one beyond 128 bits is the nearest that fits, which no field takes.
    Integer(i128),
    /// A number with a fraction or an exponent, an infinity, or not a number.
    Float(f64),
    /// Anything else.
    Text,
}

/// Reads an unquoted scalar.
#[must_use]
pub fn resolve(text: &str) -> Plain {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Plain::Null,
        "true" | "True" | "TRUE" => Plain::Boolean(true),
        "false" | "False" | "FALSE" => Plain::Boolean(false),
        ".nan" | ".NaN" | ".NAN" => Plain::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Plain::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => Plain::Float(f64::NEG_INFINITY),
        _ => number(text),
    }
}

/// What YAML 1.1 takes as a boolean and YAML 1.2 does not.
#[must_use]
pub fn older_boolean(written: &str) -> Option<bool> {
    match written {
        "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Some(true),
        "no" | "No" | "NO" | "off" | "Off" | "OFF" => Some(false),
        _ => None,
    }
}

fn number(text: &str) -> Plain {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if !unsigned.starts_with(|first: char| first.is_ascii_digit() || first == '.') {
        return Plain::Text;
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return radix(digits, 8);
    }
    if let Some(digits) = text.strip_prefix("0x") {
        return radix(digits, 16);
    }
    if unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
        let nearest = if text.starts_with('-') { i128::MIN } else { i128::MAX };
        return Plain::Integer(text.parse().unwrap_or(nearest));
    }
    match text.parse() {
        // Rust reads the same decimals as the core schema, and words that were ruled out above.
        Ok(value) if unsigned.bytes().any(|byte| byte.is_ascii_digit()) => Plain::Float(value),
        _ => Plain::Text,
    }
}

fn radix(digits: &str, radix: u32) -> Plain {
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
        return Plain::Text;
    }
    Plain::Integer(i128::from_str_radix(digits, radix).unwrap_or(i128::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_the_core_schema_have_their_meaning() {
        assert_eq!(resolve("~"), Plain::Null);
        assert_eq!(resolve("True"), Plain::Boolean(true));
        assert_eq!(resolve("-12"), Plain::Integer(-12));
        assert_eq!(resolve("0644"), Plain::Integer(644));
        assert_eq!(resolve("0o644"), Plain::Integer(0o644));
        assert_eq!(resolve("0xFf"), Plain::Integer(255));
        assert_eq!(resolve("1.5e3"), Plain::Float(1500.0));
        assert_eq!(resolve(".5"), Plain::Float(0.5));
        assert_eq!(resolve("1."), Plain::Float(1.0));
        assert_eq!(resolve("-.inf"), Plain::Float(f64::NEG_INFINITY));
        assert_eq!(resolve("99999999999999999999999999999999999999999"), Plain::Integer(i128::MAX));
    }

    #[test]
    fn everything_else_is_text() {
        for text in [
            "yes", "no", "on", "off", "1:30", "1_000", "0b1", "0o8", "0x", "+", "-", ".", "1e", "inf", "nan", "tRue",
            "5m",
        ] {
            assert_eq!(resolve(text), Plain::Text, "{text}");
        }
    }
}
