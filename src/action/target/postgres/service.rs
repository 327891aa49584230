//! `pg_service.conf`: connection options under a name.
//!
//! Reference: PostgreSQL manual, "The Connection Service File".

use std::path::PathBuf;

use super::conninfo::Options;
use super::settings::SettingsError;
use crate::action::target::Environment;

/// Where distributions keep the service file of the whole machine when `PGSYSCONFDIR` does not say.
const SYSTEM_FOLDERS: [&str; 2] = ["/etc/postgresql-common", "/etc"];

/// The options of a service: those of the user's file, else those of the machine's.
///
/// # Errors
///
/// Where no file has that service, or a line of it cannot be understood.
pub fn read(environment: &Environment, service: &str) -> Result<Options, SettingsError> {
    let files = files(environment);
    for file in &files {
        let Ok(text) = std::fs::read_to_string(file) else { continue };
        let found = section(&text, service)
            .map_err(|line| SettingsError::ServiceSyntax { file: file.display().to_string(), line })?;
        if let Some(options) = found {
            return Ok(options);
        }
    }
    let looked = files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(", ");
    Err(SettingsError::NoService { service: service.to_owned(), looked })
}

fn files(environment: &Environment) -> Vec<PathBuf> {
    let own = environment
        .get("PGSERVICEFILE")
        .map(PathBuf::from)
        .or_else(|| environment.get("HOME").map(|home| PathBuf::from(home).join(".pg_service.conf")));
    let system = environment
        .get("PGSYSCONFDIR")
        .map_or_else(|| SYSTEM_FOLDERS.iter().map(PathBuf::from).collect(), |folder| vec![PathBuf::from(folder)]);
    own.into_iter().chain(system.into_iter().map(|folder| folder.join("pg_service.conf"))).collect()
}

/// The options under `[service]`, or the number of the line that cannot be read.
fn section(text: &str, service: &str) -> Result<Option<Options>, usize> {
    let mut found: Option<Options> = None;
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_prefix('[') {
            if found.is_some() {
                break;
            }
            if name.strip_suffix(']') == Some(service) {
                found = Some(Options::new());
            }
        } else if let Some(options) = &mut found {
            let (name, value) = line.split_once('=').ok_or(number + 1)?;
            // As in libpq, a service cannot name another one, and the first of two values counts.
            if name.trim() == "service" {
                return Err(number + 1);
            }
            options.entry(name.trim().to_owned()).or_insert_with(|| value.trim().to_owned());
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_ends_where_the_next_begins_and_comments_do_not_count() {
        let text = "# ours\n[a]\nhost=one\n\n[b]\n# port\nhost=two\nport = 6000\n[c]\nhost=three\n";
        let options = section(text, "b").unwrap().unwrap();
        assert_eq!(options, Options::from([("host".into(), "two".into()), ("port".into(), "6000".into())]));
        assert_eq!(section(text, "d"), Ok(None));
    }

    #[test]
    fn a_line_without_equals_is_named_by_its_number() {
        assert_eq!(section("[a]\nhost one\n", "a"), Err(2));
    }

    #[test]
    fn the_users_file_comes_before_the_machines() {
        let pairs = [("HOME".to_owned(), "/home/ana".to_owned()), ("PGSYSCONFDIR".to_owned(), "/s".to_owned())];
        let wanted = [PathBuf::from("/home/ana/.pg_service.conf"), PathBuf::from("/s/pg_service.conf")];
        assert_eq!(files(&Environment::from(pairs)), wanted);
    }
}
