//! Routing: which component answers a path, and what it is told about the match.
//!
//! Patterns and precedence are Spin's, by the same matcher: `/a/b` exactly, `:name` for one
//! segment, a trailing `/...` for the rest; segment by segment an exact one beats a `:name`, and
//! that beats a `...`.

use std::net::SocketAddr;

use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use thiserror::Error;

/// The error when a text is not a pattern of routes.
#[derive(Debug, Error)]
#[error("the route {pattern:?} of component `{component}` cannot be used: {reason}")]
pub struct InvalidRoute {
    pattern: String,
    component: String,
    reason: String,
}

/// The application's routes.
pub struct Router {
    matcher: routefinder::Router<usize>,
    routes: Vec<Route>,
}

/// One route of the manifest.
#[derive(Debug)]
pub struct Route {
    /// The pattern as the manifest has it.
    pub raw: String,
    /// The pattern with a leading and without a trailing slash.
    pattern: String,
    /// The component that answers the route.
    pub component: String,
}

/// A path's route, and what the pattern's placeholders stand for.
#[derive(Debug)]
pub struct Match<'a> {
    /// The route.
    pub route: &'a Route,
    /// The rest of the path that `/...` stands for, with its leading slash; empty without one.
    trailing: String,
    named: Vec<(String, String)>,
}

impl Router {
    /// Reads (pattern, component) pairs. Of two equal patterns the last counts, as in Spin.
    ///
    /// # Errors
    /// [`InvalidRoute`] names the first pattern that cannot be matched.
    pub fn new<'a>(
        routes: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, InvalidRoute> {
        let mut unique: Vec<Route> = Vec::new();
        for (raw, component) in routes {
            if let Some(same) = unique.iter_mut().find(|route| route.raw == raw) {
                component.clone_into(&mut same.component);
                continue;
            }
            let trimmed = raw.strip_suffix('/').unwrap_or(raw);
            let pattern = match trimmed.starts_with('/') || trimmed.is_empty() {
                true => trimmed.to_owned(),
                false => format!("/{trimmed}"),
            };
            unique.push(Route {
                raw: raw.to_owned(),
                pattern,
                component: component.to_owned(),
            });
        }
        let mut matcher = routefinder::Router::new();
        for (index, route) in unique.iter().enumerate() {
            let spec = match route.pattern.strip_suffix("/...") {
                Some(prefix) => format!("{prefix}/*"),
                None => route.pattern.clone(),
            };
            matcher
                .add(spec.as_str(), index)
                .map_err(|reason| InvalidRoute {
                    pattern: route.raw.clone(),
                    component: route.component.clone(),
                    reason,
                })?;
        }
        Ok(Self {
            matcher,
            routes: unique,
        })
    }

    /// The routes in the order of the manifest.
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// The route of a path, if any.
    pub fn find(&self, path: &str) -> Option<Match<'_>> {
        let best = self.matcher.best_match(path)?;
        let captures = best.captures();
        // The matcher ignores trailing slashes; Spin hands them on.
        let trailing = match captures.wildcard() {
            None => String::new(),
            Some(rest) => {
                let start = if rest.is_empty() { "" } else { "/" };
                let end = if path.ends_with('/') { "/" } else { "" };
                format!("{start}{rest}{end}")
            }
        };
        let named = captures
            .iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        Some(Match {
            route: self.routes.get(*best.handler())?,
            trailing,
            named,
        })
    }
}

const PATH_INFO: HeaderName = HeaderName::from_static("spin-path-info");
const FULL_URL: HeaderName = HeaderName::from_static("spin-full-url");
const MATCHED_ROUTE: HeaderName = HeaderName::from_static("spin-matched-route");
const BASE_PATH: HeaderName = HeaderName::from_static("spin-base-path");
const RAW_COMPONENT_ROUTE: HeaderName = HeaderName::from_static("spin-raw-component-route");
const COMPONENT_ROUTE: HeaderName = HeaderName::from_static("spin-component-route");
const CLIENT_ADDR: HeaderName = HeaderName::from_static("spin-client-addr");
const PATH_MATCH_PREFIX: &str = "spin-path-match-";

impl Match<'_> {
    /// Sets Spin's headers, in place of any that a client sent under these names.
    ///
    /// `uri` is the absolute URI of the request.
    pub fn set_headers(&self, headers: &mut HeaderMap, uri: &Uri, client: SocketAddr) {
        let forged: Vec<HeaderName> = headers
            .keys()
            .filter(|name| name.as_str().starts_with(PATH_MATCH_PREFIX))
            .cloned()
            .collect();
        for name in forged {
            headers.remove(name);
        }

        let route = &self.route;
        let component_route = route.raw.strip_suffix("/...").unwrap_or(&route.raw);
        for (name, value) in [
            (PATH_INFO, self.trailing.as_str()),
            (FULL_URL, &uri.to_string()),
            (MATCHED_ROUTE, &route.pattern),
            (BASE_PATH, "/"),
            (RAW_COMPONENT_ROUTE, &route.raw),
            (COMPONENT_ROUTE, component_route),
            (CLIENT_ADDR, &client.to_string()),
        ] {
            headers.remove(&name);
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        }
        for (name, value) in &self.named {
            let name = format!("{PATH_MATCH_PREFIX}{}", name.replace('_', "-"));
            if let (Ok(name), Ok(value)) = (
                HeaderName::from_bytes(name.as_bytes()),
                HeaderValue::from_str(value),
            ) {
                headers.insert(name, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn router(patterns: &[&str]) -> Router {
        Router::new(patterns.iter().map(|p| (*p, *p))).unwrap()
    }

    #[test]
    fn precedence_is_spins() {
        for (patterns, path, expected) in [
            (&["/foo", "/foo/bar"][..], "/foo/bar", Some("/foo/bar")),
            (&["/foo", "/foo/bar"], "/foo/", Some("/foo")),
            (&["/foo"], "/foo/bar", None),
            (&["/foo"], "/Foo", None),
            (&["/..."], "/", Some("/...")),
            (&["/..."], "/a/b/c/", Some("/...")),
            (&["/one/..."], "/one", Some("/one/...")),
            (&["/one/..."], "/onetwo", None),
            (&["/...", "/one"], "/one", Some("/one")),
            (
                &["/one/...", "/one/two/..."],
                "/one/two/three",
                Some("/one/two/..."),
            ),
            (
                &["/one/two/...", "/one/..."],
                "/one/two/three",
                Some("/one/two/..."),
            ),
            (&["/:a", "/x"], "/x", Some("/x")),
            (&["/...", "/:a"], "/x", Some("/:a")),
            (&["/v/:id/run", "/v/..."], "/v/7/run", Some("/v/:id/run")),
            (&["/v/:id/run", "/v/..."], "/v/7/stop", Some("/v/...")),
            (&["/v/:id/...", "/v/fixed"], "/v/fixed", Some("/v/fixed")),
            (&["/"], "/", Some("/")),
            (&["/"], "/x", None),
        ] {
            let router = router(patterns);
            let found = router.find(path).map(|m| m.route.raw.as_str());
            assert_eq!(found, expected, "{patterns:?} {path}");
        }
    }

    #[test]
    fn the_last_of_two_equal_routes_counts() {
        let router = Router::new([("/x", "first"), ("/x", "second")]).unwrap();
        assert_eq!(router.find("/x").unwrap().route.component, "second");
    }

    #[test]
    fn trailing_slashes_are_handed_on() {
        for (path, expected) in [
            ("/test", ""),
            ("/test/", "/"),
            ("/test/hello", "/hello"),
            ("/test/hello/", "/hello/"),
        ] {
            let router = router(&["/test/..."]);
            assert_eq!(router.find(path).unwrap().trailing, expected, "{path}");
        }
    }

    #[test]
    fn headers_are_named_and_valued_like_spins() {
        let router = router(&["/foo/:user_id/..."]);
        let found = router.find("/foo/42/bar").unwrap();
        let uri: Uri = "http://example.com:81/foo/42/bar?a=b".parse().unwrap();
        let mut headers = HeaderMap::new();
        for forged in [
            "spin-client-addr",
            "spin-path-match-user-id",
            "spin-path-match-x",
        ] {
            headers.append(forged, HeaderValue::from_static("forged"));
            headers.append(forged, HeaderValue::from_static("twice"));
        }
        headers.insert("x-other", HeaderValue::from_static("kept"));
        found.set_headers(&mut headers, &uri, "127.0.0.1:8777".parse().unwrap());

        let mut got: Vec<_> = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
            .collect();
        got.sort_unstable();
        assert_eq!(
            got,
            [
                ("spin-base-path", "/"),
                ("spin-client-addr", "127.0.0.1:8777"),
                ("spin-component-route", "/foo/:user_id"),
                ("spin-full-url", "http://example.com:81/foo/42/bar?a=b"),
                ("spin-matched-route", "/foo/:user_id/..."),
                ("spin-path-info", "/bar"),
                ("spin-path-match-user-id", "42"),
                ("spin-raw-component-route", "/foo/:user_id/..."),
                ("x-other", "kept"),
            ]
        );
    }
}
