//! Connection strings as libpq reads them: `host=a dbname=b`, `postgresql://…`, or a bare database name.
//!
//! Reference: PostgreSQL manual, "Connection Strings" in the chapter on libpq.

use std::collections::BTreeMap;

/// Options by their libpq names. May hold a password.
pub type Options = BTreeMap<String, String>;

/// Why a connection string cannot be read. Never repeats a value of the string: it may be a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConninfoError {
    /// A word without `=`.
    #[error("a word without `=` in the connection string (wanted: `host=… dbname=…`, values with spaces in quotes)")]
    NoEquals,
    /// A quote that nothing closes.
    #[error("the quote after `{0}=` in the connection string is never closed")]
    OpenQuote(String),
    /// `%` without two hexadecimal digits.
    #[error("`%` without two hexadecimal digits in the connection URI (a literal one is `%25`)")]
    BadEscape,
    /// `[` without `]`.
    #[error("`[` without `]` in the connection URI")]
    OpenBracket,
}

/// Reads a connection string into its options.
///
/// # Errors
///
/// [`ConninfoError`] where libpq would refuse it too.
pub fn parse(text: &str) -> Result<Options, ConninfoError> {
    let text = text.trim();
    for scheme in ["postgresql://", "postgres://"] {
        if let Some(rest) = text.strip_prefix(scheme) {
            return uri(rest);
        }
    }
    if !text.is_empty() && !text.contains('=') && !text.contains(char::is_whitespace) {
        return Ok(Options::from([("dbname".to_owned(), text.to_owned())]));
    }
    pairs(text)
}

fn pairs(text: &str) -> Result<Options, ConninfoError> {
    let mut options = Options::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let end = rest.find(|c: char| c == '=' || c.is_whitespace()).unwrap_or(rest.len());
        let name = rest[..end].to_owned();
        let after = rest[end..].trim_start().strip_prefix('=').ok_or(ConninfoError::NoEquals)?;
        let (value, after) = value(&name, after.trim_start())?;
        options.insert(name, value);
        rest = after.trim_start();
    }
    Ok(options)
}

fn value<'a>(name: &str, text: &'a str) -> Result<(String, &'a str), ConninfoError> {
    let (quoted, body) = text.strip_prefix('\'').map_or((false, text), |body| (true, body));
    let mut value = String::new();
    let mut characters = body.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            '\'' if quoted => return Ok((value, &body[at + 1..])),
            space if !quoted && space.is_whitespace() => return Ok((value, &body[at..])),
            other => value.push(other),
        }
    }
    if quoted { Err(ConninfoError::OpenQuote(name.to_owned())) } else { Ok((value, "")) }
}

fn uri(rest: &str) -> Result<Options, ConninfoError> {
    let mut options = Options::new();
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    // A socket folder in the host part is written `%2Frun%2Fpg`, so the first slash ends the hosts.
    let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
    let (user, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
    let (user, password) = user.split_once(':').unwrap_or((user, ""));
    let (mut names, mut ports) = (Vec::new(), Vec::new());
    for host in hosts.split(',') {
        let (name, port) = host_and_port(host)?;
        names.push(name);
        ports.push(port);
    }
    set(&mut options, "user", user)?;
    set(&mut options, "password", password)?;
    for (option, values) in [("host", names), ("port", ports)] {
        if values.iter().any(|value| !value.is_empty()) {
            set(&mut options, option, &values.join(","))?;
        }
    }
    set(&mut options, "dbname", database)?;
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=').ok_or(ConninfoError::NoEquals)? {
            ("ssl", "true") => set(&mut options, "sslmode", "require")?,
            (name, value) => set(&mut options, &decode(name)?, value)?,
        }
    }
    Ok(options)
}

fn set(options: &mut Options, name: &str, encoded: &str) -> Result<(), ConninfoError> {
    if !encoded.is_empty() {
        options.insert(name.to_owned(), decode(encoded)?);
    }
    Ok(())
}

fn host_and_port(text: &str) -> Result<(&str, &str), ConninfoError> {
    if let Some(bracketed) = text.strip_prefix('[') {
        let (host, after) = bracketed.split_once(']').ok_or(ConninfoError::OpenBracket)?;
        return Ok((host, after.strip_prefix(':').unwrap_or_default()));
    }
    Ok(text.split_once(':').unwrap_or((text, "")))
}

fn decode(text: &str) -> Result<String, ConninfoError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        if first != b'%' {
            bytes.push(first);
            continue;
        }
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()).ok_or(ConninfoError::BadEscape)?;
        bytes.push(byte);
        rest = &after[2..];
    }
    String::from_utf8(bytes).map_err(|_| ConninfoError::BadEscape)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(pairs: &[(&str, &str)]) -> Options {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn keywords_and_values_may_be_quoted_and_escaped() {
        let read = parse(r"host=/run/pg dbname = 'my db' password='it\'s \\' user=a\ b").unwrap();
        let wanted = [("host", "/run/pg"), ("dbname", "my db"), ("password", r"it's \"), ("user", "a b")];
        assert_eq!(read, options(&wanted));
    }

    #[test]
    fn a_uri_gives_user_password_hosts_ports_database_and_options() {
        let read = parse("postgresql://ana:p%40ss@db1:5433,[::1]:5434/orders?application_name=x&ssl=true").unwrap();
        let wanted = [
            ("user", "ana"),
            ("password", "p@ss"),
            ("host", "db1,::1"),
            ("port", "5433,5434"),
            ("dbname", "orders"),
            ("application_name", "x"),
            ("sslmode", "require"),
        ];
        assert_eq!(read, options(&wanted));
    }

    #[test]
    fn a_uri_names_a_socket_folder_encoded_or_as_an_option() {
        let wanted = options(&[("host", "/run/pg"), ("dbname", "a")]);
        assert_eq!(parse("postgres://%2Frun%2Fpg/a").unwrap(), wanted);
        assert_eq!(parse("postgres:///a?host=/run/pg").unwrap(), wanted);
    }

    #[test]
    fn a_bare_word_is_a_database_and_nothing_is_all_defaults() {
        assert_eq!(parse("orders").unwrap(), options(&[("dbname", "orders")]));
        assert_eq!(parse("").unwrap(), Options::new());
    }

    #[test]
    fn mistakes_are_named_without_repeating_values() {
        assert_eq!(parse("host=a port"), Err(ConninfoError::NoEquals));
        assert_eq!(parse("password='x"), Err(ConninfoError::OpenQuote("password".to_owned())));
        assert_eq!(parse("postgres://a%zz/"), Err(ConninfoError::BadEscape));
        assert_eq!(parse("postgres://[::1/"), Err(ConninfoError::OpenBracket));
    }
}
