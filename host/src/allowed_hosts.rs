//! The hosts that a component may call: `allowed_outbound_hosts`, by Spin's rules.
//!
//! An entry is `scheme://host[:port]`. The scheme is a word or `*`; the host is a name, an address,
//! a network (`10.0.0.0/8`), `*.domain`, `*`, or `self` for the application itself; the port is a
//! number, a range (`a..b`, `b` excluded) or `*`, and defaults to the scheme's.

use std::net::IpAddr;
use std::ops::Range;

use ipnet::IpNet;
use thiserror::Error;
use url::Url;

/// The reason why an entry of `allowed_outbound_hosts` cannot be used.
#[derive(Debug, Error)]
#[error(
    "allowed_outbound_hosts: {entry:?} {reason}; expected scheme://host[:port], with `*` allowed for each"
)]
pub struct InvalidEntry {
    entry: String,
    reason: &'static str,
}

/// The hosts to which a component may send requests.
#[derive(Debug, Default)]
pub struct AllowedHosts(Vec<Entry>);

impl AllowedHosts {
    /// Reads entries whose templates are already expanded.
    ///
    /// # Errors
    /// [`InvalidEntry`] names the first that is no host.
    pub fn parse<S: AsRef<str>>(
        entries: impl IntoIterator<Item = S>,
    ) -> Result<Self, InvalidEntry> {
        let parse = |entry: S| {
            let entry = entry.as_ref().trim();
            Entry::parse(entry).map_err(|reason| InvalidEntry {
                entry: entry.to_owned(),
                reason,
            })
        };
        entries
            .into_iter()
            .map(parse)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Whether a request to `url` may be sent.
    pub fn allows(&self, url: &Url) -> bool {
        self.0.iter().any(|entry| entry.allows(url))
    }

    /// Whether a request to the application itself may be sent.
    pub fn allows_self(&self) -> bool {
        self.0.iter().any(|entry| {
            matches!(entry.host, Host::Any | Host::Itself)
                && (entry.scheme.allows("http") || entry.scheme.allows("https"))
        })
    }
}

#[derive(Debug)]
struct Entry {
    scheme: Scheme,
    host: Host,
    port: Port,
}

impl Entry {
    fn parse(entry: &str) -> Result<Self, &'static str> {
        let (scheme, rest) = entry.split_once("://").ok_or("has no scheme")?;
        let (host, port) = rest.rsplit_once(':').unwrap_or((rest, ""));
        let port = match port.split_once('/') {
            Some((port, "")) => port,
            Some(_) => return Err("has a path"),
            None => port,
        };
        Ok(Self {
            scheme: Scheme::parse(scheme)?,
            host: Host::parse(host)?,
            port: Port::parse(port, scheme)?,
        })
    }

    fn allows(&self, url: &Url) -> bool {
        self.scheme.allows(url.scheme())
            && url.host_str().is_some_and(|host| self.host.allows(host))
            && self.port.allows(url)
    }
}

#[derive(Debug)]
enum Scheme {
    Any,
    Is(String),
}

impl Scheme {
    fn parse(scheme: &str) -> Result<Self, &'static str> {
        match scheme {
            "*" => Ok(Self::Any),
            "" => Err("has no scheme"),
            word if word.chars().all(char::is_alphabetic) => Ok(Self::Is(word.to_owned())),
            _ => Err("has a scheme that is no word"),
        }
    }

    fn allows(&self, scheme: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Is(word) => word == scheme,
        }
    }
}

#[derive(Debug)]
enum Host {
    Any,
    Itself,
    Is(String),
    /// Any subdomain of this domain, given with its leading dot.
    SubdomainOf(String),
    Network(IpNet),
}

impl Host {
    fn parse(host: &str) -> Result<Self, &'static str> {
        let host = host.trim();
        match host {
            "*" => return Ok(Self::Any),
            "self" | "self.alt" => return Ok(Self::Itself),
            "" => return Err("has no host"),
            _ => {}
        }
        if let Ok(network) = host.parse::<IpNet>() {
            return Ok(Self::Network(network));
        }
        let host = host.trim_end_matches('/');
        if host.contains('/') {
            return Err("has a path");
        }
        match host.strip_prefix("*.") {
            Some(domain) if domain.contains('*') => Err("has a `*` inside the host"),
            Some(domain) => Ok(Self::SubdomainOf(format!(".{domain}"))),
            None if host.contains('*') => Err("has a `*` inside the host"),
            None => Ok(Self::Is(host.to_owned())),
        }
    }

    fn allows(&self, host: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Itself => false,
            Self::Is(name) => name == host,
            Self::SubdomainOf(suffix) => host.ends_with(suffix),
            Self::Network(network) => host
                .parse::<IpAddr>()
                .is_ok_and(|address| network.contains(&address)),
        }
    }
}

#[derive(Debug)]
enum Port {
    Any,
    In(Range<u16>),
    Is(u16),
}

impl Port {
    fn parse(port: &str, scheme: &str) -> Result<Self, &'static str> {
        let number = |text: &str| {
            text.parse::<u16>()
                .map_err(|_| "has a port that is no number")
        };
        match port {
            "*" => Ok(Self::Any),
            "" => match scheme {
                "http" => Ok(Self::Is(80)),
                "https" => Ok(Self::Is(443)),
                _ => Err("has no port, and its scheme no default one"),
            },
            _ => match port.split_once("..") {
                Some((from, to)) => Ok(Self::In(number(from)?..number(to)?)),
                None => number(port).map(Port::Is),
            },
        }
    }

    fn allows(&self, url: &Url) -> bool {
        let port = url.port_or_known_default();
        match self {
            Self::Any => true,
            Self::In(range) => port.is_some_and(|port| range.contains(&port)),
            Self::Is(number) => port == Some(*number),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_allow_what_they_say() {
        let table: &[(&str, &[&str], &[&str])] = &[
            (
                "http://example.com",
                &["http://example.com/a/b?c", "http://EXAMPLE.com:80"],
                &[
                    "https://example.com",
                    "http://example.com:81",
                    "http://a.example.com",
                ],
            ),
            (
                "https://example.com/",
                &["https://example.com", "https://user:pass@example.com/x@y"],
                &["http://example.com:443", "https://example.org"],
            ),
            (
                "https://*.example.com:443",
                &["https://a.example.com", "https://a.b.example.com"],
                &["https://example.com", "https://badexample.com"],
            ),
            (
                "http://127.0.0.1:*",
                &["http://127.0.0.1", "http://127.0.0.1:9999"],
                &["http://127.0.0.2", "https://127.0.0.1", "http://localhost"],
            ),
            (
                "*://localhost:3000..3010",
                &["http://localhost:3000", "https://localhost:3009"],
                &["http://localhost:3010", "http://localhost"],
            ),
            (
                "https://*",
                &["https://example.com"],
                &["https://example.com:8443", "http://a.b"],
            ),
            ("*://*:*", &["http://a.b:1", "https://c"], &[]),
            (
                "http://10.0.0.0/8:8080",
                &["http://10.1.2.3:8080"],
                &[
                    "http://11.0.0.1:8080",
                    "http://10.1.2.3",
                    "http://ten.example:8080",
                ],
            ),
            ("http://[::1]:80", &["http://[::1]/"], &["http://[::2]/"]),
            ("http://self", &[], &["http://self/x", "http://example.com"]),
        ];
        for (entry, allowed, refused) in table {
            let hosts = AllowedHosts::parse([entry]).unwrap();
            for url in *allowed {
                assert!(hosts.allows(&url.parse().unwrap()), "{entry} refuses {url}");
            }
            for url in *refused {
                assert!(!hosts.allows(&url.parse().unwrap()), "{entry} allows {url}");
            }
        }
    }

    #[test]
    fn the_application_itself_needs_its_own_entry() {
        for (entry, allowed) in [
            ("http://self", true),
            ("https://self", true),
            ("*://self:*", true),
            ("http://self.alt", true),
            ("http://*", true),
            ("*://*:*", true),
            ("http://example.com", false),
            ("redis://*:6379", false),
        ] {
            let hosts = AllowedHosts::parse([entry]).unwrap();
            assert_eq!(hosts.allows_self(), allowed, "{entry}");
        }
        assert!(!AllowedHosts::default().allows_self());
    }

    #[test]
    fn nonsense_is_refused() {
        for entry in [
            "*",
            "",
            "example.com",
            "http://example.com/path",
            "http://a.com:80/path",
            "http://*.*.com",
            "http://a*b.com",
            "http://a.com:port",
            "ftp://a.com",
            "ht-tp://a.com",
            "http://",
            "{http,https}://a.com",
            "insecure:allow-all",
        ] {
            assert!(AllowedHosts::parse([entry]).is_err(), "{entry}");
        }
    }
}
