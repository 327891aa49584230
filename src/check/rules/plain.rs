//! Secrets that stand in the file: by the name of what they are given to, and by how they look.

use std::sync::LazyLock;

use regex::{Regex, RegexSet};

use super::Findings;
use crate::check::context::Context;
use crate::check::scripts::word::Word;
use crate::check::scripts::{Script, program_name};
use crate::check::tree::{Kind as NodeKind, NodeId};
use crate::model::diagnostic::Span;

/// What to do where a secret may be referred to.
const HERE: &str = "declare it under `secrets: { NAME: { env: VARIABLE } }` and write {{ secrets.NAME }} here; this one is \
                    known now, so change it";
/// Where only a process needs it.
const BY_ENV: &str = "declare it under `secrets: { NAME: { env: VARIABLE } }` and give it by `env:` or `stdin:`; this one \
                      is known now, so change it";
/// Where no secret belongs.
const ELSEWHERE: &str = "declare it under `secrets: { NAME: { env: VARIABLE } }` and write {{ secrets.NAME }} where it is \
                         used; this one is known now, so change it";

/// Nobody's secret is shorter, in characters.
const SHORTEST: usize = 4;

/// What has one look and no other use, and what it is.
const LOOKS: [(&str, &str); 12] = [
    (r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----", "a private key"),
    (r"(?-u:\b)(?:AKIA|ASIA)[0-9A-Z]{16}(?-u:\b)", "an access key of AWS"),
    (r"(?-u:\b)gh[pousr]_[A-Za-z0-9]{36,}", "a token of GitHub"),
    (r"(?-u:\b)github_pat_[A-Za-z0-9_]{22,}", "a token of GitHub"),
    (r"(?-u:\b)glpat-[A-Za-z0-9_-]{20,}", "a token of GitLab"),
    (r"(?-u:\b)xox[abeoprs]-[A-Za-z0-9-]{10,}", "a token of Slack"),
    (r"(?-u:\b)eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}", "a signed token (JWT)"),
    (r"(?-u:\b)AIza[0-9A-Za-z_-]{35}(?-u:\b)", "a key of Google"),
    (r"(?-u:\b)[rs]k_live_[0-9A-Za-z]{20,}", "a key of Stripe"),
    (r"(?-u:\b)npm_[A-Za-z0-9]{36}(?-u:\b)", "a token of npm"),
    (r"(?-u:\b)hv[bs]\.[A-Za-z0-9_-]{24,}", "a token of Vault"),
    (r"(?-u:\b)dop_v1_[a-f0-9]{64}(?-u:\b)", "a token of DigitalOcean"),
];

static LOOK: LazyLock<Vec<Regex>> =
    LazyLock::new(|| LOOKS.iter().filter_map(|(pattern, _)| Regex::new(pattern).ok()).collect());
static ANY_LOOK: LazyLock<Option<RegexSet>> =
    LazyLock::new(|| RegexSet::new(LOOKS.iter().map(|(pattern, _)| *pattern)).ok());
/// `scheme://user:password@`, without the password of a template or a variable.
static IN_URL: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"[a-z][a-z0-9+.-]*://[^\s/:@'\x22{}$<>]*:([^\s/:@'\x22{}$<>*]+)@").ok());
/// `password=…` of a connection string or a configuration.
static IN_SETTING: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?m)(?:^|[\s?&;\x22'])(?:ssl)?password\s*=\s*([^\s'\x22&;{}$<>*()]+|'[^'{}$]+'|\x22[^\x22{}$]+\x22)")
        .ok()
});
/// `alter role … password '…'`.
static IN_ROLE: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?is)(?:create|alter)\s+(?:role|user)\s[^;]*?password\s+('[^'{}$]+')").ok());

const PATTERNS: [(&LazyLock<Option<Regex>>, &str); 3] = [
    (&IN_URL, "a password in a URL, in plain text"),
    (&IN_SETTING, "a password in plain text"),
    (&IN_ROLE, "a password in plain text"),
];
/// Keys of texts for people, in which a password may be talked about.
const PROSE: [&str; 9] = [
    "description",
    "title",
    "notes",
    "name",
    "message",
    "instructions",
    "irreversible",
    "point_of_no_return",
    "not_needed",
];

/// A text that is a secret wherever it stands, in a comment too; also in the files that the runbook names.
pub fn by_look(context: &Context, findings: &mut Findings) {
    for (span, what) in looks(&context.source.text) {
        findings.report(span, format!("{what} stands in the runbook"), ELSEWHERE);
    }
    let mut loaded: Vec<_> = context.files.iter().collect();
    loaded.sort_by_key(|(node, _)| **node);
    for (node, file) in loaded {
        let text = file.content.as_deref().unwrap_or_default();
        let Some((_, what)) = looks(&String::from_utf8_lossy(text)).into_iter().next() else { continue };
        let message = format!("{what} stands in {}", file.path.display());
        findings.report(context.first_line(context.span(*node)), message, ELSEWHERE);
    }
}

fn looks(text: &str) -> Vec<(Span, &'static str)> {
    let Some(set) = ANY_LOOK.as_ref() else { return Vec::new() };
    let mut found: Vec<(Span, &str)> = Vec::new();
    for kind in set.matches(text) {
        for place in LOOK[kind].find_iter(text).filter(|place| !place.as_str().contains("EXAMPLE")) {
            let span = Span { start: place.start(), end: place.end() };
            found.push((span, LOOKS[kind].1));
        }
    }
    found
}

/// A constant under a name that says it is a secret, in a connection string, or in an argument.
pub fn by_name(context: &Context, findings: &mut Findings) {
    let mut search = Search { context, found: Vec::new() };
    search.below(context.root);
    for script in &context.code.scripts {
        search.script(script);
    }
    for argv in &context.code.arguments {
        search.argv(*argv);
    }
    let by_look = looks(&context.source.text);
    let within = |span: Span| by_look.iter().any(|(other, _)| other.start < span.end && span.start < other.end);
    search.found.sort_unstable();
    let mut end = 0;
    for (span, message, help) in search.found {
        // What two ways lead to is found once.
        if span.start >= end && !within(span) {
            findings.report(span, message, help);
        }
        end = end.max(span.end);
    }
}

struct Search<'c, 'a> {
    context: &'c Context<'a>,
    found: Vec<(Span, String, &'static str)>,
}

impl Search<'_, '_> {
    fn below(&mut self, node: NodeId) {
        let context = self.context;
        match &context.tree.node(node).kind {
            NodeKind::Scalar { text, .. } => self.places(node, text, &PATTERNS),
            NodeKind::Sequence(items) => items.iter().for_each(|item| self.below(*item)),
            NodeKind::Mapping(entries) => {
                for entry in entries {
                    let name = context.text(entry.key).unwrap_or_default();
                    match name {
                        // Where a secret is found is no secret.
                        "secrets" if node == context.root => continue,
                        "env" | "variables" | "headers" | "json" => self.named(entry.value, HERE),
                        "vars" if node == context.root => self.named(entry.value, ELSEWHERE),
                        "targets" if node == context.root => {
                            context.entries(entry.value).iter().for_each(|target| self.named(target.value, HERE));
                        }
                        "parameters" if node == context.root => self.defaults(entry.value),
                        "parameters" => self.named(entry.value, ELSEWHERE),
                        _ => {}
                    }
                    match context.text(entry.value) {
                        Some(text) if PROSE.contains(&name) => self.places(entry.value, text, &PATTERNS[..1]),
                        _ => self.below(entry.value),
                    }
                }
            }
        }
    }

    /// The constants of a mapping whose keys are names.
    fn named(&mut self, node: NodeId, help: &'static str) {
        for entry in self.context.entries(node) {
            self.value(self.context.text(entry.key).unwrap_or_default(), entry.value, help);
        }
    }

    fn defaults(&mut self, node: NodeId) {
        for entry in self.context.entries(node) {
            if let Some(default) = self.context.field(entry.value, "default") {
                self.value(self.context.text(entry.key).unwrap_or_default(), default, ELSEWHERE);
            }
        }
    }

    fn value(&mut self, name: &str, node: NodeId, help: &'static str) {
        let Some(text) = self.context.text(node) else { return };
        let authorizes = name.eq_ignore_ascii_case("authorization") || name.eq_ignore_ascii_case("proxy-authorization");
        if (authorizes || is_secret_name(name)) && is_constant(text) {
            let message = format!("`{name}` is given a constant: a secret in plain text");
            self.found.push((self.context.first_line(self.context.span(node)), message, help));
        }
    }

    /// What may stand in any text.
    fn places(&mut self, node: NodeId, text: &str, patterns: &[(&LazyLock<Option<Regex>>, &str)]) {
        if !["://", "assword", "ASSWORD"].iter().any(|part| text.contains(part)) {
            return;
        }
        let places = self.context.places(node);
        for (pattern, message) in patterns {
            let Some(pattern) = pattern.as_ref() else { continue };
            for found in pattern.captures_iter(text).filter_map(|found| found.get(1)) {
                let span = self.context.begin_within(node, &places, found.start(), found.len());
                self.found.push((span, (*message).to_owned(), ELSEWHERE));
            }
        }
    }

    /// `PGPASSWORD=… psql`, `--password=…`, `curl -u name:…`.
    fn script(&mut self, script: &Script<'_>) {
        let places = self.context.places(script.node);
        for command in &script.commands {
            let words: Vec<Option<String>> = command.words.iter().map(Word::literal).collect();
            let exported = command.words.first().is_some_and(|word| ["export", "declare", "env"].contains(&word.text));
            let more = command.words.iter().filter(|_| exported);
            for word in command.assignments.iter().chain(more) {
                let literal = word.literal().unwrap_or_default();
                let Some((name, value)) = literal.split_once('=') else { continue };
                if word.assigned() == Some(name) && is_secret_name(name) && is_constant(value) {
                    let span = self.context.begin_within(script.node, &places, word.offset, word.text.len());
                    self.found.push((span, format!("`{name}` is given a constant: a secret in plain text"), BY_ENV));
                }
            }
            for (at, message) in options(&words) {
                let word = &command.words[at];
                let span = self.context.begin_within(script.node, &places, word.offset, word.text.len());
                self.found.push((span, message, BY_ENV));
            }
        }
    }

    fn argv(&mut self, argv: NodeId) {
        let items = self.context.items(argv);
        let words: Vec<Option<String>> =
            items.iter().map(|item| self.context.text(*item).map(ToOwned::to_owned)).collect();
        for (at, message) in options(&words) {
            self.found.push((self.context.first_line(self.context.span(items[at])), message, BY_ENV));
        }
    }
}

/// The words of a command that are a secret, each with what is said of it.
fn options(words: &[Option<String>]) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let program = words.first().and_then(Option::as_deref).unwrap_or_default();
    for (at, word) in words.iter().enumerate().skip(1) {
        let Some(word) = word else { continue };
        let next = words.get(at + 1).and_then(Option::as_deref);
        if let Some(option) = word.strip_prefix("--") {
            let (name, value) = match option.split_once('=') {
                Some((name, value)) => (name, Some((at, value))),
                None => (option, next.filter(|next| !next.starts_with('-')).map(|next| (at + 1, next))),
            };
            if let Some((at, _)) =
                value.filter(|(_, value)| name != "secret" && is_secret_name(name) && is_constant(value))
            {
                found.push((at, format!("`--{name}` is given a constant: a secret in plain text")));
            }
        }
        let user = next
            .filter(|_| ["-u", "--user"].contains(&word.as_str()) && ["curl", "wget"].contains(&program_name(program)));
        if let Some((_, password)) = user.and_then(|user| user.split_once(':'))
            && is_constant(password)
        {
            found.push((at + 1, format!("`{word}` is given a password in plain text")));
        }
    }
    found
}

/// The last words of the names of secrets. A key is one only of some things.
const ENDS: [&str; 10] =
    ["password", "passwd", "pwd", "passphrase", "secret", "token", "apikey", "credentials", "pgpassword", "key"];

/// Whether a name ends like one of a secret: `DB_PASSWORD`, `apiKey`, but not `TOKEN_FILE` or `password_encryption`.
fn is_secret_name(name: &str) -> bool {
    let ends_like = |word: &str| {
        let start = name.len().checked_sub(word.len());
        start.and_then(|start| name.get(start..)).is_some_and(|end| end.eq_ignore_ascii_case(word))
    };
    if !ENDS.into_iter().any(ends_like) {
        return false;
    }
    let mut words: Vec<String> = Vec::new();
    let mut was_lower = false;
    for c in name.chars() {
        if !c.is_ascii_alphanumeric() {
            words.push(String::new());
        } else if words.is_empty() || c.is_ascii_uppercase() && was_lower {
            words.push(c.to_ascii_lowercase().to_string());
        } else if let Some(word) = words.last_mut() {
            word.push(c.to_ascii_lowercase());
        }
        was_lower = c.is_ascii_lowercase();
    }
    let last = words.last().map_or("", String::as_str);
    let before = words.len().checked_sub(2).map_or("", |at| words[at].as_str());
    // The shell keeps its folder in PWD, and `--secret` names one.
    name != "PWD" && name != "OLDPWD" && ENDS.contains(&last) && last != "key"
        || last == "key" && ["api", "access", "private", "secret", "auth", "signing", "encryption"].contains(&before)
}

/// Whether a value is one that somebody typed, and no reference to another.
fn is_constant(value: &str) -> bool {
    let reference = value.contains("{{") || value.starts_with(['$', '/', '<', '@', '*']) || value.ends_with('*');
    let word = ["true", "false", "null", "none"].contains(&value);
    !reference && !word && value.chars().count() >= SHORTEST
}
