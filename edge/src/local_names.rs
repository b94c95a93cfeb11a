//! The names by which a browser on this machine may ask for what is served on it.

use admission::parse_address;
use http::{HeaderValue, uri::Authority};
use std::net::IpAddr;

/// The names that a request from this machine may ask for besides addresses and `localhost`. A web
/// page can make its own name stand for this machine ("DNS rebinding"): the browser then takes what
/// is served here for the page's own site.
#[derive(Clone, Debug, Default)]
pub struct LocalNames(Vec<String>);

impl FromIterator<String> for LocalNames {
    fn from_iter<T: IntoIterator<Item = String>>(names: T) -> Self {
        Self(names.into_iter().collect())
    }
}

impl LocalNames {
    /// Whether a request from `peer` for this host comes from this machine and asks for a site that
    /// is not served here.
    #[must_use]
    pub fn refuse(&self, peer: IpAddr, host: Option<&HeaderValue>) -> bool {
        if !peer.to_canonical().is_loopback() {
            return false;
        }
        let host = host.and_then(|host| host.to_str().ok());
        let Some(host) = host.and_then(|host| host.parse::<Authority>().ok()) else {
            return false;
        };
        let name = host.host().to_ascii_lowercase();
        let is_address = parse_address(&name).is_some();
        let is_local = name == "localhost" || name.ends_with(".localhost");
        let is_known = self.0.iter().any(|known| known.eq_ignore_ascii_case(&name));
        !(is_address || is_local || is_known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_another_site_is_refused_from_this_machine_only() {
        let names: LocalNames = ["App.example".to_owned()].into_iter().collect();
        let refuses = |peer: &str, host: &'static str| {
            let host = HeaderValue::from_static(host);
            names.refuse(peer.parse().unwrap(), Some(&host))
        };
        for own in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            for host in [
                "localhost:1",
                "a.localhost",
                "127.0.0.1:3000",
                "[::1]:3000",
                "app.EXAMPLE:8",
            ] {
                assert!(!refuses(own, host), "{own} {host}");
            }
            for host in [
                "evil.example",
                "localhost.evil.example:1",
                "app.example.evil",
            ] {
                assert!(refuses(own, host), "{own} {host}");
            }
        }
        assert!(!refuses("192.0.2.1", "evil.example"));
        assert!(!names.refuse("127.0.0.1".parse().unwrap(), None));
    }
}
