//! The head of a request: what it is taken for, and what is refused whatever it asks for. A host
//! and an edge in front decide alike.

use crate::{answer, caller::is_host, upstream::Body};
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, Version, header,
    request::Parts,
    uri::{PathAndQuery, Scheme},
};

/// Largest number of bytes of a request's head that is read; a larger one is answered `431`.
pub const LARGEST_HEAD: usize = 32 << 10;

/// Takes a request whose target is a URL for one of its path. The URL's authority overrides `Host`
/// (RFC 9112 section 3.2.2). URLs that clients do not send stay, and are [refused](head_error).
#[must_use]
pub fn in_origin_form<B>(mut request: Request<B>) -> Request<B> {
    let uri = request.uri();
    let is_http = uri.scheme() == Some(&Scheme::HTTP) || uri.scheme() == Some(&Scheme::HTTPS);
    let authority = uri.authority().map(|authority| authority.as_str());
    let host = authority.and_then(|host| HeaderValue::from_str(host).ok());
    if let Some(host) = host.filter(is_host)
        && is_http
    {
        let path = uri.path_and_query().cloned();
        *request.uri_mut() = Uri::from(path.unwrap_or(PathAndQuery::from_static("/")));
        // Two of them are refused all the same.
        if request.headers().get_all(header::HOST).iter().count() < 2 {
            request.headers_mut().insert(header::HOST, host);
        }
    }
    request
}

/// The error for a request's head that is malformed or has a method that is not proxied: `400` or
/// `405`.
#[must_use]
pub fn head_error(parts: &Parts) -> Option<Response<Body>> {
    let bad = |message| {
        Some(answer::refuse(
            StatusCode::BAD_REQUEST,
            "INVALID_REQUEST",
            message,
        ))
    };
    if matches!(parts.method, Method::CONNECT | Method::TRACE) {
        return Some(answer::refuse(
            StatusCode::METHOD_NOT_ALLOWED,
            "METHOD_NOT_ALLOWED",
            "not through this proxy",
        ));
    }
    if parts.uri.scheme().is_some() || !parts.uri.path().starts_with('/') {
        return bad("the request target must be a path, or a URL of HTTP");
    }
    if let Some(refusal) = coding_error(&parts.headers) {
        return Some(refusal);
    }
    // RFC 9112 section 3.2: a request without Host, or with two, or with an invalid one, is
    // answered 400.
    let mut hosts = parts.headers.get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) if is_host(host) => None,
        (Some(_), None) => bad("the Host header is no host"),
        (None, None) if parts.version < Version::HTTP_11 => None,
        _ => bad("exactly one Host header is required"),
    }
}

/// The error for a body that has another transfer coding than `chunked`, or that one twice. The
/// server underneath looks at the last one only.
fn coding_error(headers: &HeaderMap) -> Option<Response<Body>> {
    let values = headers.get_all(header::TRANSFER_ENCODING).iter();
    let codings = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    let mut codings = codings.map(<[u8]>::trim_ascii).peekable();
    codings.peek()?;
    let (chunked, other): (Vec<_>, Vec<_>) =
        codings.partition(|coding| coding.eq_ignore_ascii_case(b"chunked"));
    let (status, message) = match (chunked.len(), other.len()) {
        (1, 0) => return None,
        (_, 0) => (StatusCode::BAD_REQUEST, "a body is chunked only once"),
        _ => (
            StatusCode::NOT_IMPLEMENTED,
            "of the transfer codings only chunked is understood",
        ),
    };
    let mut refusal = answer::refuse(status, "INVALID_REQUEST", message);
    // Where the body ends is a matter of opinion.
    let headers = refusal.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    Some(refusal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(request: http::request::Builder) -> Option<StatusCode> {
        head_error(&request.body(()).unwrap().into_parts().0).map(|response| response.status())
    }

    #[test]
    fn odd_heads_are_refused() {
        let get = || Request::get("/x");
        let bad = Some(StatusCode::BAD_REQUEST);
        assert_eq!(status(get().header("host", "a")), None);
        assert_eq!(status(get()), bad);
        assert_eq!(status(get().version(Version::HTTP_10)), None);
        assert_eq!(status(get().header("host", "a").header("host", "a")), bad);
        assert_eq!(status(get().header("host", "a/../b")), bad);
        assert_eq!(status(Request::options("*").header("host", "a")), bad);
        for url in ["ftp://a/x", "http://u:p@a/x", "http://a/x"] {
            assert_eq!(status(Request::get(url).header("host", "a")), bad, "{url}");
        }
        let coded = |coding| {
            get()
                .header("host", "a")
                .header("transfer-encoding", coding)
        };
        assert_eq!(status(coded("Chunked")), None);
        for twice in [
            coded("chunked, chunked"),
            coded("chunked").header("transfer-encoding", "chunked"),
        ] {
            assert_eq!(status(twice), bad);
        }
        for another in [
            coded("gzip, chunked"),
            coded("gzip").header("transfer-encoding", "chunked"),
            coded("chunked, identity"),
            coded("chunked;q=1"),
            coded(", chunked"),
            coded(""),
        ] {
            assert_eq!(status(another), Some(StatusCode::NOT_IMPLEMENTED));
        }
        for request in [Request::trace("/"), Request::connect("a:1")] {
            assert_eq!(
                status(request.header("host", "a")),
                Some(StatusCode::METHOD_NOT_ALLOWED)
            );
        }
    }

    #[test]
    fn a_url_is_a_path_of_its_host() {
        let taken = |url: &str, hosts: &[&str]| {
            let mut request = Request::get(url);
            for host in hosts {
                request = request.header("host", *host);
            }
            let request = in_origin_form(request.body(()).unwrap());
            let refused = head_error(&request.clone().into_parts().0).is_some();
            let target = request.uri().to_string();
            let host = request.headers().get("host");
            let host = host.map_or("", |host| host.to_str().unwrap()).to_owned();
            (!refused).then_some((target, host))
        };
        let is = |target: &str, host: &str| Some((target.to_owned(), host.to_owned()));
        assert_eq!(taken("/x?y", &["a"]), is("/x?y", "a"));
        assert_eq!(taken("http://b:80/x?y", &["a"]), is("/x?y", "b:80"));
        assert_eq!(taken("HTTPS://b", &[]), is("/", "b"));
        assert_eq!(taken("http://b/", &["a", "b"]), None);
        for url in ["ftp://a/x", "http://u:p@a/x", "http://u@a/x"] {
            assert_eq!(taken(url, &["a"]), None, "{url}");
        }
    }
}
