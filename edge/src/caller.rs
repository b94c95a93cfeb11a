//! The client's address and the name by which it reaches the application: what the connection
//! shows, or what a trusted proxy says.

use crate::headers::{FORWARDED_FOR, FORWARDED_HOST, FORWARDED_PROTO};
use http::{HeaderMap, HeaderName, HeaderValue, header, uri::Authority};
use ipnet::IpNet;
use std::net::IpAddr;

/// Networks whose `X-Forwarded-For`, `-Proto` and `-Host` are believed: proxies in front.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies(Vec<IpNet>);

impl FromIterator<IpNet> for TrustedProxies {
    fn from_iter<T: IntoIterator<Item = IpNet>>(networks: T) -> Self {
        Self(networks.into_iter().collect())
    }
}

impl TrustedProxies {
    /// Whether `address` is in one of the networks.
    #[must_use]
    pub fn has(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// The client of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The client's address.
    pub address: IpAddr,
    /// Whether the client speaks TLS.
    pub is_tls: bool,
    /// The host that the client asks for, `name[:port]`; `None` when it names none that could be
    /// one.
    pub host: Option<HeaderValue>,
}

/// Whether text may be the host of a URL: letters, digits and a few signs, perhaps a port.
#[must_use]
pub fn is_host(value: &HeaderValue) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%:[]".contains(&byte);
    let is_authority = |host: &str| {
        host.parse::<Authority>().is_ok_and(|host| {
            // An authority may end in a colon, or in a port that is none.
            let port = host.as_str().rsplit_once(':').map(|(_, port)| port);
            let has_port = port.is_some_and(|port| !port.contains(']'));
            !host.host().is_empty() && has_port == host.port_u16().is_some()
        })
    };
    value
        .to_str()
        .is_ok_and(|host| host.bytes().all(is_plain) && is_authority(host))
}

/// The values of a list header over all its lines, the last one first: that of the nearest proxy.
fn listed<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let lines: Vec<&str> = headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .collect();
    lines
        .into_iter()
        .rev()
        .flat_map(|line| line.rsplit(','))
        .map(str::trim)
}

impl Caller {
    /// The client of a request that came from `peer`. Forwarding headers count only when `peer` is
    /// a trusted proxy; then its client is the last one that is no such proxy.
    #[must_use]
    pub fn of(peer: IpAddr, is_tls: bool, headers: &HeaderMap, proxies: &TrustedProxies) -> Self {
        let host = headers
            .get(header::HOST)
            .filter(|host| is_host(host))
            .cloned();
        let mut caller = Self {
            address: peer,
            is_tls,
            host,
        };
        if !proxies.has(peer) {
            return caller;
        }
        for address in listed(headers, &FORWARDED_FOR) {
            let Some(address) = admission::parse_address(address) else {
                break;
            };
            caller.address = address;
            if !proxies.has(address) {
                break;
            }
        }
        match listed(headers, &FORWARDED_PROTO).next() {
            Some(scheme) if scheme.eq_ignore_ascii_case("https") => caller.is_tls = true,
            Some(scheme) if scheme.eq_ignore_ascii_case("http") => caller.is_tls = false,
            _ => {}
        }
        let told = listed(headers, &FORWARDED_HOST).next();
        let told = told.and_then(|host| HeaderValue::from_str(host).ok());
        if let Some(host) = told.filter(is_host) {
            caller.host = Some(host);
        }
        caller
    }

    /// The scheme that the client uses.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        if self.is_tls { "https" } else { "http" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(peer: &str, lines: &[(&'static str, &'static str)]) -> Caller {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_static(value));
        }
        let proxies = ["10.0.0.0/8", "fd00::/8"].map(|network| network.parse().unwrap());
        Caller::of(
            peer.parse().unwrap(),
            false,
            &headers,
            &proxies.into_iter().collect(),
        )
    }

    #[test]
    fn a_client_speaks_for_nobody() {
        let told = caller(
            "192.0.2.1",
            &[
                ("host", "app.example"),
                ("x-forwarded-for", "203.0.113.1"),
                ("x-forwarded-proto", "https"),
                ("x-forwarded-host", "evil.example"),
            ],
        );
        assert_eq!(told.address.to_string(), "192.0.2.1");
        assert_eq!(told.scheme(), "http");
        assert_eq!(told.host.unwrap(), "app.example");
    }

    #[test]
    fn a_trusted_proxy_says_who_its_client_is() {
        let told = caller(
            "10.1.2.3",
            &[
                ("host", "inside:8080"),
                // What the client itself sent comes first.
                ("x-forwarded-for", "203.0.113.1, 192.0.2.1"),
                ("x-forwarded-for", "10.9.9.9"),
                ("x-forwarded-proto", "http, HTTPS"),
                ("x-forwarded-host", "app.example:444"),
            ],
        );
        assert_eq!(told.address.to_string(), "192.0.2.1");
        assert_eq!(told.scheme(), "https");
        assert_eq!(told.host.unwrap(), "app.example:444");
    }

    #[test]
    fn what_a_proxy_says_must_make_sense() {
        let told = caller(
            "::ffff:10.1.2.3",
            &[
                ("host", "app.example"),
                ("x-forwarded-for", "unknown"),
                ("x-forwarded-proto", "gopher"),
                ("x-forwarded-host", "a/../b"),
            ],
        );
        assert_eq!(told.address.to_string(), "::ffff:10.1.2.3");
        assert_eq!(told.scheme(), "http");
        assert_eq!(told.host.unwrap(), "app.example");
    }

    #[test]
    fn only_a_host_is_a_host() {
        for host in [
            "a",
            "app.example",
            "app.example:8080",
            "192.0.2.1:1",
            "[::1]:3000",
        ] {
            assert!(is_host(&HeaderValue::from_static(host)), "{host}");
        }
        for host in [
            "",
            ":80",
            "a/../b",
            "a b",
            "a\";for=evil",
            "user@a",
            "a,b",
            "a?b",
            "a#b",
            "a\\b",
            "a:x",
            "[::1",
        ] {
            assert!(!is_host(&HeaderValue::from_static(host)), "{host}");
        }
    }
}
