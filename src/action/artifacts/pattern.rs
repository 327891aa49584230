//! Patterns of file names, and the search for what they match.
//!
//! A search goes into no folder through a link, so it always comes to its end, and it gives up after a number of names.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use glob::Pattern as Name;
use tokio::time::Instant;

/// The most names that one search reads.
const MOST_NAMES: usize = 200_000;

/// A pattern, taken apart.
#[derive(Debug)]
pub struct Pattern {
    text: String,
    /// The folder that it begins with, links resolved; as it is written where that is not there.
    base: PathBuf,
    parts: Vec<Part>,
}

#[derive(Debug)]
enum Part {
    /// Any number of folders.
    Any,
    /// One name that matches.
    Name(Name),
}

impl Pattern {
    /// Reads a pattern; a relative one begins at `from`.
    ///
    /// # Errors
    ///
    /// Where it is none, in words.
    pub fn read(from: &Path, text: &str) -> Result<Self, String> {
        let whole = from.join(text);
        let written: Vec<Component<'_>> = whole.components().collect();
        let begins = from.components().count();
        // The folder that the runbook names by itself is not a pattern, whatever is in its name.
        let plain = |(at, part): (usize, &Component<'_>)| {
            (!Path::new(text).is_absolute() && at < begins)
                || !part.as_os_str().to_string_lossy().contains(['*', '?', '['])
        };
        let fixed = written.iter().enumerate().take_while(|(at, part)| plain((*at, part))).count();
        let fixed = fixed.min(written.len().saturating_sub(1));
        let base: PathBuf = written[..fixed].iter().collect();
        let base = base.canonicalize().unwrap_or(base);
        let mut parts = Vec::new();
        for part in &written[fixed..] {
            let name = part.as_os_str().to_string_lossy();
            parts.push(match (part, name.as_ref()) {
                (Component::ParentDir, _) => return Err("`..` cannot come after a pattern".to_owned()),
                (_, "**") => Part::Any,
                (_, name) => Part::Name(Name::new(name).map_err(|error| error.msg.to_owned())?),
            });
        }
        Ok(Self { text: text.to_owned(), base, parts })
    }

    /// As it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is just a path.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        !self.text.contains(['*', '?', '['])
    }

    /// The folder that it begins with.
    #[must_use]
    pub fn base(&self) -> &Path {
        &self.base
    }

    /// Whether a file, links resolved, is below that folder.
    #[must_use]
    pub fn reaches(&self, real: &Path) -> bool {
        real.starts_with(&self.base)
    }
}

/// Where a search goes on.
#[derive(Debug)]
struct Open {
    folder: PathBuf,
    /// The part that the names in it are compared with.
    part: usize,
}

/// Everything that a pattern matches: files, and folders where they match by themselves.
pub struct Search<'p> {
    pattern: &'p Pattern,
    limit: Instant,
    open: Vec<Open>,
    found: Vec<Result<PathBuf, (PathBuf, io::Error)>>,
    gone_into: BTreeSet<(PathBuf, usize)>,
    names: usize,
    gave_up: Option<&'static str>,
}

impl<'p> Search<'p> {
    /// From the pattern's folder on, until `limit`.
    #[must_use]
    pub fn of(pattern: &'p Pattern, limit: Instant) -> Self {
        let open = vec![Open { folder: pattern.base.clone(), part: 0 }];
        let (found, gone_into) = (Vec::new(), BTreeSet::new());
        Self { pattern, limit, open, found, gone_into, names: 0, gave_up: None }
    }

    /// Why it ended before its end.
    #[must_use]
    pub fn gave_up(&self) -> Option<&'static str> {
        self.gave_up
    }

    fn go_into(&mut self, Open { folder, part }: Open) {
        if !self.gone_into.insert((folder.clone(), part)) {
            return;
        }
        let names = match names(&folder, MOST_NAMES - self.names) {
            Ok(names) => names,
            // What a pattern would match were it there.
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return,
            Err(error) => return self.found.push(Err((folder, error))),
        };
        self.names += names.len();
        if self.names >= MOST_NAMES {
            self.gave_up = Some("there are too many names to look through");
        }
        let parts = &self.pattern.parts;
        let last = part + 1 == parts.len();
        for name in names.into_iter().rev() {
            let path = folder.join(&name);
            let is_folder = fs::symlink_metadata(&path).is_ok_and(|kind| kind.is_dir());
            match &parts[part] {
                Part::Any if is_folder => self.open.push(Open { folder: path, part }),
                Part::Any if last => self.found.push(Ok(path)),
                Part::Any => {}
                Part::Name(pattern) if !pattern.matches(&name.to_string_lossy()) => {}
                Part::Name(_) if last => self.found.push(Ok(path)),
                Part::Name(_) => self.open.push(Open { folder: path, part: part + 1 }),
            }
        }
        if matches!(parts[part], Part::Any) && !last {
            self.open.push(Open { folder, part: part + 1 });
        }
    }
}

impl Iterator for Search<'_> {
    type Item = Result<PathBuf, (PathBuf, io::Error)>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(found) = self.found.pop() {
                return Some(found);
            }
            if self.gave_up.is_none() && Instant::now() >= self.limit {
                self.gave_up = Some("looking for it took too long");
            }
            if self.gave_up.is_some() {
                return None;
            }
            let open = self.open.pop()?;
            self.go_into(open);
        }
    }
}

/// The names in a folder, sorted, at most so many.
fn names(folder: &Path, most: usize) -> io::Result<Vec<OsString>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)?.take(most) {
        names.push(entry?.file_name());
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::time::Duration;

    use super::*;

    fn found(folder: &Path, pattern: &str) -> Vec<String> {
        let pattern = Pattern::read(folder, pattern).unwrap();
        let search = Search::of(&pattern, Instant::now() + Duration::from_mins(1));
        let base = folder.canonicalize().unwrap();
        search.map(|path| path.unwrap().strip_prefix(&base).unwrap().display().to_string()).collect()
    }

    #[test]
    fn a_pattern_matches_names_and_any_number_of_folders_and_no_link_to_a_folder() {
        let folder = tempfile::Builder::new().prefix("odd[name]").tempdir().unwrap();
        let at = folder.path();
        fs::create_dir_all(at.join("a/b/c")).unwrap();
        for file in ["a/1.log", "a/2.txt", "a/b/3.log", "a/b/c/4.log", "a/b/.5.log", "6.log"] {
            fs::write(at.join(file), "x").unwrap();
        }
        symlink(at, at.join("a/round")).unwrap();
        assert_eq!(found(at, "a/1.log"), ["a/1.log"]);
        assert_eq!(found(at, "*.log"), ["6.log"]);
        assert_eq!(found(at, "a/*.log"), ["a/1.log"]);
        assert_eq!(found(at, "a/?.[lt]*"), ["a/1.log", "a/2.txt"]);
        let mut all = found(at, "**/*.log");
        all.sort();
        assert_eq!(all, ["6.log", "a/1.log", "a/b/.5.log", "a/b/3.log", "a/b/c/4.log"]);
        let mut below = found(at, "a/b/**");
        below.sort();
        assert_eq!(below, ["a/b/.5.log", "a/b/3.log", "a/b/c/4.log"]);
        assert_eq!(found(at, "a/**/c/*"), ["a/b/c/4.log"]);
        assert!(found(at, "none/*").is_empty());
        assert!(found(at, "a/1.log/*").is_empty());
    }

    #[test]
    fn a_pattern_that_could_match_anything_else_is_refused() {
        assert!(Pattern::read(Path::new("/"), "a/*/../b").is_err());
        assert!(Pattern::read(Path::new("/"), "a**").is_err());
        assert!(Pattern::read(Path::new("/"), "[").is_err());
    }
}
