//! The one door to the environment: variables, the user's and the machine's name.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::report::terminal::Looks;

/// What surrounds the program.
#[derive(Debug, Clone)]
pub struct Environment {
    /// All variables that are text.
    pub variables: BTreeMap<String, String>,
}

impl Environment {
    /// As it is now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the environment's one door")]
    pub fn read() -> Self {
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Self { variables }
    }

    /// A variable that is set to something.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Where runs are kept: `$RUNBOOK_STATE`, else `$XDG_STATE_HOME/runbook`, else `~/.local/state/runbook`. Nowhere
    /// where none is set: a folder that others could make first is no place for a log.
    #[must_use]
    pub fn state(&self) -> Option<PathBuf> {
        if let Some(state) = self.get("RUNBOOK_STATE") {
            return Some(std::path::absolute(state).unwrap_or_else(|_| PathBuf::from(state)));
        }
        let xdg = self.get("XDG_STATE_HOME").map(|state| PathBuf::from(state).join("runbook"));
        xdg.or_else(|| self.get("HOME").map(|home| PathBuf::from(home).join(".local/state/runbook")))
    }

    /// The person, as records have them: the name of the account that runs the program.
    #[must_use]
    pub fn user(&self) -> String {
        let uid = rustix::process::getuid().as_raw().to_string();
        let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        let named = accounts.lines().find_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            (fields.nth(1)? == uid).then(|| name.to_owned())
        });
        // Accounts of a directory service are not in the file.
        named.or_else(|| self.get("USER").map(str::to_owned)).unwrap_or_else(|| format!("uid {uid}"))
    }

    /// The machine's name.
    #[must_use]
    pub fn host(&self) -> String {
        rustix::system::uname().nodename().to_string_lossy().into_owned()
    }

    /// What standard output can show.
    #[must_use]
    pub fn looks(&self) -> Looks {
        Looks::of_stdout(|name| self.get(name))
    }
}
