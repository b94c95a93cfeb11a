//! The one application behind the edge, reached over HTTP or in the same process.

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderValue, Request, Response, Uri, Version, header};
use http_body_util::{BodyExt, combinators::UnsyncBoxBody};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{
        Client,
        connect::{
            HttpConnector,
            dns::{GaiResolver, Name},
        },
    },
    rt::{TokioExecutor, TokioTimer},
};
use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};
use std::time::Duration;
use tower_service::Service;

/// The error of a lower layer.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A request or response body in either direction.
pub type Body = UnsyncBoxBody<Bytes, BodyError>;

/// The error when a body ended before it was complete. (A type of its own, because a bare boxed
/// error in a body trips the compiler's reasoning about `Send` futures.)
#[derive(Debug, thiserror::Error)]
#[error("the body broke off: {0}")]
pub struct BodyError(#[source] pub BoxError);

impl BodyError {
    /// A body error with this cause.
    pub fn new(cause: impl Into<BoxError>) -> Self {
        Self(cause.into())
    }
}

/// The application.
///
/// Requests are in origin form (`/path?query`), have a `Host`, and no hop-by-hop headers. Dropping
/// the future or the response's body means that nobody waits for the rest; the implementation
/// should then stop. A body that ends with an error reaches the client cut short.
pub trait Upstream: Send + Sync + 'static {
    /// Answers one request.
    ///
    /// # Errors
    /// Any error means that there was no answer; the edge answers `502`, or tries again where that
    /// is safe.
    fn call(&self, request: Request<Body>) -> BoxFuture<'static, Result<Response<Body>, BoxError>>;
}

/// The reason why an upstream address cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UpstreamError {
    /// The text is not `http://host[:port]` or `https://host[:port]`.
    #[error("the upstream must be http://host[:port] or https://host[:port], without a path")]
    NotAnOrigin,
}

/// Resolver of the upstream's name. Where it stands for several machines each connection asks
/// another one first: the system may name them in the same order every time, and the first that
/// answers is the one that is taken.
#[derive(Clone)]
struct Resolver(GaiResolver);

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<Self::Response>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let found = self.0.call(name);
        Box::pin(async move { Ok(in_any_order(found.await?.collect()).into_iter()) })
    }
}

/// Shuffles addresses; those of the first one's protocol stay first, since the other may lead
/// nowhere.
fn in_any_order(mut addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    fastrand::shuffle(&mut addresses);
    addresses.sort_by_key(|address| address.is_ipv6() != is_v6);
    addresses
}

/// An upstream reached over HTTP/1.1, with or without TLS (certificates are checked against the
/// Mozilla roots).
pub struct HttpUpstream {
    client: Client<HttpsConnector<HttpConnector<Resolver>>, Body>,
    origin: Uri,
    host: HeaderValue,
}

impl HttpUpstream {
    /// An upstream at this origin. Connects when it is first used.
    ///
    /// # Errors
    /// When `origin` is more or less than a scheme and an authority.
    pub fn new(origin: &Uri) -> Result<Self, UpstreamError> {
        let is_web = matches!(origin.scheme_str(), Some("http" | "https"));
        let (Some(authority), true, "/" | "", None) =
            (origin.authority(), is_web, origin.path(), origin.query())
        else {
            return Err(UpstreamError::NotAnOrigin);
        };
        if authority.as_str().contains('@') {
            return Err(UpstreamError::NotAnOrigin);
        }
        let host =
            HeaderValue::from_str(authority.as_str()).map_err(|_| UpstreamError::NotAnOrigin)?;
        let mut http = HttpConnector::new_with_resolver(Resolver(GaiResolver::new()));
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_connect_timeout(Some(Duration::from_secs(5)));
        http.set_keepalive(Some(Duration::from_secs(30)));
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(tokio_rustls::rustls::crypto::ring::default_provider())
            .map_err(|_| UpstreamError::NotAnOrigin)?
            .https_or_http()
            .enable_http1()
            .wrap_connector(http);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(20))
            .pool_max_idle_per_host(64)
            // One stream of the application holds one of these: what is buffered for each should be
            // small.
            .http1_max_buf_size(64 * 1024)
            .build(connector);
        Ok(Self {
            client,
            origin: origin.clone(),
            host,
        })
    }
}

impl Upstream for HttpUpstream {
    fn call(
        &self,
        mut request: Request<Body>,
    ) -> BoxFuture<'static, Result<Response<Body>, BoxError>> {
        let mut parts = self.origin.clone().into_parts();
        parts.path_and_query = request.uri().path_and_query().cloned();
        match Uri::from_parts(parts) {
            Ok(uri) => *request.uri_mut() = uri,
            Err(error) => return Box::pin(std::future::ready(Err(error.into()))),
        }
        *request.version_mut() = Version::HTTP_11;
        request
            .headers_mut()
            .insert(header::HOST, self.host.clone());
        let answer = self.client.request(request);
        Box::pin(async move {
            Ok(answer
                .await?
                .map(|body| body.map_err(BodyError::new).boxed_unsync()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_machine_is_the_first_in_turn() {
        let parse = |text: &str| text.parse::<SocketAddr>().unwrap();
        let all = ["[::1]:1", "[::2]:1", "10.0.0.1:1", "10.0.0.2:1"].map(parse);
        let orders: Vec<_> = (0..200).map(|_| in_any_order(all.to_vec())).collect();
        for order in &orders {
            assert!(order[..2].iter().all(SocketAddr::is_ipv6), "{order:?}");
            assert!(all.iter().all(|address| order.contains(address)));
        }
        for address in &all[..2] {
            assert!(orders.iter().any(|order| order[0] == *address));
        }
        assert_eq!(in_any_order(Vec::new()), []);
    }

    #[test]
    fn only_an_origin_is_an_upstream() {
        for good in [
            "http://127.0.0.1:3000",
            "https://app.example",
            "https://app.example/",
        ] {
            assert!(HttpUpstream::new(&good.parse().unwrap()).is_ok(), "{good}");
        }
        for bad in [
            "app.example",
            "/x",
            "http://a/b",
            "http://a/?q",
            "ftp://a",
            "http://u:p@a",
        ] {
            assert!(HttpUpstream::new(&bad.parse().unwrap()).is_err(), "{bad}");
        }
    }
}
