//! CORS: the pages that may use the service (Fetch standard, "CORS protocol"), and headers that
//! keep browsers from misreading responses.

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, CONTENT_SECURITY_POLICY, HeaderMap,
    HeaderValue, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
};

/// The origins that are allowed unless configured otherwise.
pub const DEFAULT_ORIGINS: &str = "capacitor://localhost, http://localhost:*, http://127.0.0.1:*";

/// Request headers that pages may set: each that the service reads and no browser sets by itself.
const REQUEST_HEADERS: &str = "Authorization, Content-Type, Idempotency-Key, If-None-Match, \
    Last-Event-ID, X-AI-Provider, X-Auth-Token, X-Client-Ref, X-Import-Mapping, X-Request-ID, \
    traceparent, tracestate";

/// Response headers that pages may read beyond those that every page may.
const RESPONSE_HEADERS: &str = "Retry-After, ETag, X-Request-ID, Content-Disposition, Allow";

/// The origins whose pages are allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origins(Vec<Pattern>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Pattern {
    Exact(String),
    /// Any port, or none, after this scheme and host.
    AnyPort(String),
}

impl Origins {
    /// Reads a comma-separated list; `scheme://host:*` allows every port of the host.
    pub fn parse(list: &str) -> Self {
        Self(
            list.split(',')
                .map(|origin| origin.trim().trim_end_matches('/').to_ascii_lowercase())
                .filter(|origin| !origin.is_empty())
                .map(|origin| match origin.strip_suffix(":*") {
                    Some(host) => Pattern::AnyPort(host.to_owned()),
                    None => Pattern::Exact(origin),
                })
                .collect(),
        )
    }

    /// Whether pages of `origin`, as browsers send it, may use the service.
    pub fn allow(&self, origin: &str) -> bool {
        self.0.iter().any(|pattern| match pattern {
            Pattern::Exact(allowed) => origin == allowed,
            Pattern::AnyPort(host) => match origin.strip_prefix(host.as_str()) {
                Some("") => true,
                Some(port) => port.strip_prefix(':').is_some_and(is_port),
                None => false,
            },
        })
    }

    /// Headers of every response to a request with this `Origin`.
    pub fn headers(&self, origin: Option<&str>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(VARY, HeaderValue::from_static("Origin"));
        if let Some(allowed) = self.echo(origin) {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
            headers.insert(
                ACCESS_CONTROL_EXPOSE_HEADERS,
                HeaderValue::from_static(RESPONSE_HEADERS),
            );
        }
        headers
    }

    /// Headers of the `204` that answers a preflight request, an `OPTIONS`.
    pub fn preflight(&self, origin: Option<&str>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(VARY, HeaderValue::from_static("Origin"));
        if let Some(allowed) = self.echo(origin) {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
            headers.insert(
                ACCESS_CONTROL_ALLOW_METHODS,
                HeaderValue::from_static("GET, POST, PUT, DELETE, OPTIONS"),
            );
            headers.insert(
                ACCESS_CONTROL_ALLOW_HEADERS,
                HeaderValue::from_static(REQUEST_HEADERS),
            );
            headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
        }
        headers
    }

    fn echo(&self, origin: Option<&str>) -> Option<HeaderValue> {
        origin
            .filter(|origin| self.allow(origin))
            .and_then(|origin| HeaderValue::from_str(origin).ok())
    }
}

fn is_port(text: &str) -> bool {
    (1..=5).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Headers of every response: browsers guess no types, and do not pass on addresses with job names.
pub fn security_headers() -> HeaderMap {
    HeaderMap::from_iter([
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ])
}

/// Further headers of the page and its files.
pub fn page_headers() -> HeaderMap {
    HeaderMap::from_iter([(
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; script-src 'self'; style-src 'self'; \
             img-src 'self' https: data: blob:; connect-src 'self' ws: wss:; base-uri 'none'; \
             form-action 'none'; frame-ancestors 'none'",
        ),
    )])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A page that asks with a header which is not on the list gets no answer at all.
    #[test]
    fn pages_may_set_every_header_that_is_described() {
        let description: serde_json::Value =
            serde_json::from_slice(crate::openapi::DESCRIPTION).unwrap();
        let parameters = description["components"]["parameters"].as_object().unwrap();
        let headers: Vec<&str> = parameters
            .values()
            .filter(|parameter| parameter["in"] == "header")
            .map(|parameter| parameter["name"].as_str().unwrap())
            .collect();
        assert!(headers.len() >= 6, "{headers:?}");
        let allowed: Vec<&str> = REQUEST_HEADERS.split(", ").collect();
        for header in headers {
            assert!(allowed.contains(&header), "{header}");
        }
    }

    #[test]
    fn origins_on_the_list_and_no_others() {
        let origins = Origins::parse(&format!("{DEFAULT_ORIGINS}, https://App.example/,"));
        for good in [
            "capacitor://localhost",
            "http://localhost",
            "http://localhost:3000",
            "http://127.0.0.1:1",
            "https://app.example",
        ] {
            assert!(origins.allow(good), "{good}");
        }
        for bad in [
            "",
            "null",
            "capacitor://localhost:1",
            "http://localhost.evil.example",
            "http://localhost:",
            "http://localhost:1@evil.example",
            "http://localhost:123456",
            "http://127.0.0.1:1.evil.example",
            "https://localhost:3000",
            "https://app.example.evil",
            "http://app.example",
        ] {
            assert!(!origins.allow(bad), "{bad}");
        }
        assert!(!Origins::parse("").allow(""));
    }

    #[test]
    fn without_an_allowed_origin_only_vary_is_sent() {
        let origins = Origins::parse(DEFAULT_ORIGINS);
        for headers in [
            origins.headers(None),
            origins.headers(Some("https://evil.example")),
            origins.preflight(Some("https://evil.example")),
        ] {
            assert_eq!(headers.len(), 1);
            assert_eq!(headers[VARY], "Origin");
        }
        let headers = origins.preflight(Some("http://localhost:5173"));
        assert_eq!(
            headers[ACCESS_CONTROL_ALLOW_ORIGIN],
            "http://localhost:5173"
        );
        assert_eq!(headers[ACCESS_CONTROL_MAX_AGE], "86400");
    }

    proptest::proptest! {
        #[test]
        fn what_is_echoed_is_allowed(origin: String, list: String) {
            let origins = Origins::parse(&list);
            let headers = origins.headers(Some(&origin));
            let echoed = headers.get(ACCESS_CONTROL_ALLOW_ORIGIN);
            proptest::prop_assert!(echoed.is_none() || origins.allow(&origin));
            proptest::prop_assert!(!Origins::parse(DEFAULT_ORIGINS).allow(&origin));
        }
    }
}
