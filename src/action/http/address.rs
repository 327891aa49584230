//! Where a request goes: a URL taken apart, and where a redirect leads from there.

use std::fmt;

use hyper::Uri;

use crate::model::result::{Failure, FailureKind};

/// A URL of HTTP, whole and without a user, a password or a fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Whether it is asked over TLS.
    pub secure: bool,
    /// A name or an address, IPv6 without its brackets, in lower case.
    pub host: String,
    /// Where it listens.
    pub port: u16,
    /// Path and query, as they are sent.
    pub target: String,
    /// Host and port as the URL has them, for the `Host` header.
    pub authority: String,
}

impl Address {
    /// Takes a URL apart.
    ///
    /// # Errors
    ///
    /// Where it is not one that a request can be sent to. A value that was put into it may be the reason.
    pub fn read(url: &str) -> Result<Self, Failure> {
        let bad = |why: &str| Failure::new(FailureKind::Expression, format!("`{}` cannot be asked: {why}", one(url)));
        // The parser drops a fragment silently, and what came by a value would be gone with it.
        if url.contains('#') {
            return Err(bad("a request has no fragment; write # as %23"));
        }
        let uri: Uri =
            url.parse().map_err(|_| bad("it is not a URL; what is not ASCII, and spaces, are written %XX"))?;
        let secure = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(bad("it begins with neither https:// nor http://")),
        };
        let authority = uri.authority().ok_or_else(|| bad("there is no host in it"))?;
        if authority.as_str().contains('@') {
            return Err(bad("a user and a password go into an Authorization header"));
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        if host.is_empty() {
            return Err(bad("there is no host in it"));
        }
        let port = match (authority.port_u16(), authority.as_str().rsplit_once(']').unwrap_or(("", authority.as_str())))
        {
            (Some(0), _) => return Err(bad("0 is not a port")),
            (Some(port), _) => port,
            (None, (_, rest)) if rest.contains(':') => return Err(bad("its port is not a number up to 65535")),
            (None, _) if secure => 443,
            (None, _) => 80,
        };
        let target = uri.path_and_query().map_or("/", |target| target.as_str());
        let target = if target.starts_with('?') { format!("/{target}") } else { target.to_owned() };
        Ok(Self { secure, host, port, target, authority: authority.as_str().to_owned() })
    }

    /// Scheme, host and port: what a redirect must not leave.
    #[must_use]
    pub fn origin(&self) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        format!("{scheme}://{host}:{}", self.port)
    }

    /// Where a `Location` leads from here.
    ///
    /// # Errors
    ///
    /// Where it leads nowhere that could be asked.
    pub fn follow(&self, location: &str) -> Result<Self, Failure> {
        let location = location.split('#').next().unwrap_or_default();
        let scheme = if self.secure { "https" } else { "http" };
        if location.split_once(':').is_some_and(|(scheme, _)| !scheme.contains(['/', '?'])) {
            return Self::read(location);
        }
        if location.starts_with("//") {
            return Self::read(&format!("{scheme}:{location}"));
        }
        let (path, query) =
            self.target.split_once('?').map_or((self.target.as_str(), None), |(path, query)| (path, Some(query)));
        let target = match location.chars().next() {
            None => query.map_or_else(|| path.to_owned(), |query| format!("{path}?{query}")),
            Some('?') => format!("{path}{location}"),
            Some('/') => without_dots(location),
            Some(_) => without_dots(&format!("{}/{location}", path.rsplit_once('/').map_or("", |(folder, _)| folder))),
        };
        Self::read(&format!("{scheme}://{}{target}", self.authority))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.secure { "https" } else { "http" };
        write!(formatter, "{scheme}://{}{}", self.authority, self.target)
    }
}

/// A path whose `.` and `..` are taken away, with the query that it has.
fn without_dots(target: &str) -> String {
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    let mut kept: Vec<&str> = Vec::new();
    let mut parts = path.split('/').skip(1).peekable();
    while let Some(part) = parts.next() {
        let last = parts.peek().is_none();
        match part {
            "." => {}
            ".." => drop(kept.pop()),
            part => kept.push(part),
        }
        if last && [".", ".."].contains(&part) {
            kept.push("");
        }
    }
    let path = format!("/{}", kept.join("/"));
    query.map_or(path.clone(), |query| format!("{path}?{query}"))
}

/// A text on one line, as far as a message has room for it.
fn one(text: &str) -> String {
    text.chars().take(200).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str) -> Address {
        Address::read(url).unwrap()
    }

    #[test]
    fn a_url_is_taken_apart() {
        let all = read("https://API.example:8443/a/b?c=d");
        assert_eq!(
            (all.secure, all.host.as_str(), all.port, all.target.as_str()),
            (true, "api.example", 8443, "/a/b?c=d")
        );
        assert_eq!(read("http://x").target, "/");
        assert_eq!(read("http://x?q=1").target, "/?q=1");
        assert_eq!((read("http://x").port, read("https://x").port), (80, 443));
        let six = read("http://[::1]:8080/");
        assert_eq!((six.host.as_str(), six.port, six.authority.as_str()), ("::1", 8080, "[::1]:8080"));
        assert_eq!(six.origin(), "http://[::1]:8080");
        assert_eq!(read("http://[::1]/").port, 80);
    }

    #[test]
    fn what_cannot_be_asked_is_refused() {
        for (url, why) in [
            ("ftp://x/", "neither"),
            ("x/y", "not a URL"),
            ("/path", "neither"),
            ("http://x/a b", "%XX"),
            ("http://x/a\r\nHost: y", "%XX"),
            ("http://ü.example/", "%XX"),
            ("http://ana:secret@x/", "Authorization"),
            ("http://x/#part", "%23"),
            ("http://x:0/", "not a port"),
            ("http://x:65536/", "65535"),
            ("http:///path", ""),
            ("", "not a URL"),
        ] {
            let failure = Address::read(url).unwrap_err();
            assert!(failure.message.contains(why), "{url}: {}", failure.message);
            assert!(!failure.message.contains(['\r', '\n']), "{}", failure.message);
        }
    }

    #[test]
    fn a_redirect_leads_from_where_it_was_given() {
        let from = read("http://x:8080/a/b?c");
        for (location, to) in [
            ("/d", "http://x:8080/d"),
            ("d", "http://x:8080/a/d"),
            ("../d/./e", "http://x:8080/d/e"),
            ("../../..", "http://x:8080/"),
            ("?z", "http://x:8080/a/b?z"),
            ("", "http://x:8080/a/b?c"),
            ("#top", "http://x:8080/a/b?c"),
            ("//y/d", "http://y/d"),
            ("https://x:8080/d", "https://x:8080/d"),
            ("d?to=http://y/", "http://x:8080/a/d?to=http://y/"),
        ] {
            assert_eq!(from.follow(location).unwrap().to_string(), to, "{location}");
        }
        assert!(from.follow("javascript:alert(1)").is_err());
        assert!(from.follow("http://ana:x@y/").is_err());
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let from = read("http://x/");
        assert_eq!(from.origin(), read("http://X:80/y").origin());
        for other in ["https://x:80/", "http://x:81/", "http://y/", "http://x.y/"] {
            assert_ne!(from.origin(), read(other).origin(), "{other}");
        }
    }
}
