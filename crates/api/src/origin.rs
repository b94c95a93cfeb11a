//! Absolute URLs: the scheme and host under which a client reached the server.

/// Scheme and authority of the server as its client knows it, or nothing where either is unknown:
/// URLs are then paths.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin(Option<(Scheme, String)>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    Http,
    Https,
}

impl Origin {
    /// The origin of these two; unknown when either cannot be one (RFC 3986, 3.1 and 3.2).
    pub fn new(scheme: &str, authority: &str) -> Self {
        let scheme = if scheme.eq_ignore_ascii_case("https") {
            Scheme::Https
        } else if scheme.eq_ignore_ascii_case("http") {
            Scheme::Http
        } else {
            return Self::default();
        };
        let fits = (1..=255).contains(&authority.len())
            && authority
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-._~:[]".contains(&byte));
        Self(fits.then(|| (scheme, authority.to_owned())))
    }

    /// The URL of a path on this server.
    pub fn url(&self, path: &str) -> String {
        self.with(path, "http", "https")
    }

    /// The URL of a WebSocket on this server.
    pub fn socket_url(&self, path: &str) -> String {
        self.with(path, "ws", "wss")
    }

    fn with(&self, path: &str, plain: &str, secure: &str) -> String {
        match &self.0 {
            None => path.to_owned(),
            Some((Scheme::Http, authority)) => format!("{plain}://{authority}{path}"),
            Some((Scheme::Https, authority)) => format!("{secure}://{authority}{path}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_have_the_scheme_of_the_request() {
        let plain = Origin::new("http", "127.0.0.1:3000");
        assert_eq!(plain.url("/v3"), "http://127.0.0.1:3000/v3");
        assert_eq!(plain.socket_url("/ws"), "ws://127.0.0.1:3000/ws");
        let secure = Origin::new("HTTPS", "[2001:db8::1]:8443");
        assert_eq!(secure.url("/v3"), "https://[2001:db8::1]:8443/v3");
        assert_eq!(secure.socket_url("/ws"), "wss://[2001:db8::1]:8443/ws");
    }

    #[test]
    fn what_is_no_origin_gives_paths() {
        for (scheme, authority) in [
            ("http", ""),
            ("ftp", "a"),
            ("", "a"),
            ("http", "a/b"),
            ("http", "user@host"),
            ("http", "a b"),
            ("http", "a\r\nx: y"),
        ] {
            assert_eq!(Origin::new(scheme, authority).url("/v3"), "/v3");
        }
    }
}
