//! `.pgpass`: passwords by host, port, database and user.
//!
//! Reference: PostgreSQL manual, "The Password File".

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// What a password is looked up by, as it stands in the file.
#[derive(Debug, Clone, Copy)]
pub struct Key<'a> {
    /// `localhost` for the default socket folder.
    pub host: &'a str,
    /// In digits.
    pub port: &'a str,
    /// Database.
    pub database: &'a str,
    /// User.
    pub user: &'a str,
}

/// What the file has for a connection.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    /// A password.
    Password(String),
    /// No file, or no line in it that fits.
    Nothing,
    /// Others than its owner may read the file, so it does not count. The text says so to a person.
    Ignored(String),
}

/// Looks a password up. A file that others may read is ignored, as by libpq.
#[must_use]
pub fn look_up(file: &Path, key: Key<'_>) -> Found {
    let Ok(metadata) = std::fs::metadata(file) else { return Found::Nothing };
    if !metadata.is_file() {
        return Found::Nothing;
    }
    if metadata.permissions().mode() & 0o077 != 0 {
        let file = file.display();
        return Found::Ignored(format!(
            "the password file {file} was ignored: others may read it; to mend that: chmod 600 {file}"
        ));
    }
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.lines().find_map(|line| password(line, key)).map_or(Found::Nothing, Found::Password)
}

fn password(line: &str, key: Key<'_>) -> Option<String> {
    if line.starts_with('#') {
        return None;
    }
    let fields = fields(line);
    let [host, port, database, user, password] = fields.as_slice() else { return None };
    let wanted = [(host, key.host), (port, key.port), (database, key.database), (user, key.user)];
    let fits = wanted.iter().all(|(field, value)| field.as_str() == "*" || field == value);
    (fits && !password.is_empty()).then(|| password.clone())
}

/// The five fields, `\:` and `\\` resolved. What follows a fifth colon is dropped.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        let last = fields.len() - 1;
        match character {
            '\\' => fields[last].extend(characters.next()),
            ':' if fields.len() == 5 => break,
            ':' => fields.push(String::new()),
            other => fields[last].push(other),
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Key<'_> = Key { host: "db", port: "5432", database: "orders", user: "ana" };

    #[test]
    fn the_first_line_that_fits_gives_the_password() {
        assert_eq!(password("db:5432:orders:ana:one", KEY), Some("one".to_owned()));
        assert_eq!(password("*:*:*:ana:two", KEY), Some("two".to_owned()));
        assert_eq!(password("db:5433:orders:ana:three", KEY), None);
        assert_eq!(password("# db:5432:orders:ana:four", KEY), None);
    }

    #[test]
    fn colons_and_backslashes_are_escaped() {
        assert_eq!(password(r"*:*:*:*:a\:b\\c", KEY), Some(r"a:b\c".to_owned()));
    }

    #[test]
    fn a_file_that_others_may_read_is_ignored_and_that_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pgpass");
        std::fs::write(&file, "*:*:*:*:word\n").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(look_up(&file, KEY), Found::Ignored(text) if text.contains("chmod 600")));
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(look_up(&file, KEY), Found::Password("word".to_owned()));
    }
}
