//! Accepting connections.

use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use admission::{ClientKey, is_private};
use edge::{
    Asked, ClientStream, Connections, LARGEST_HEAD, Presence, TrustedProxies, in_origin_form,
    raise_open_files, when_over,
};
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
#[cfg(target_os = "linux")]
use socket2::SockRef;
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::App;
use crate::edge::Sockets;

/// Time that a client may take for a request's head; also the time for which an idle connection is
/// kept.
const HEAD_TIMEOUT: Duration = Duration::from_secs(60);

/// Largest number of connections, in all and of one client that is no proxy, if the system allows
/// so many. Beyond that those that are silent are closed for new ones.
const MOST_CONNECTIONS: usize = 32_768;
const MOST_OF_ONE_CLIENT: usize = 1_024;

/// Time that a client may take nothing of what it is sent: as long as a socket may be silent.
#[cfg(target_os = "linux")]
const READER_TIMEOUT: Duration = Duration::from_secs(75);

/// Time that an answer has to begin once its client has shut down its writing side.
const SHUT_DOWN: Duration = Duration::from_secs(15);

/// Serves `app` on `listener`, and its WebSockets if it has any, until `shutdown`; then gives what
/// is under way at most `drain` to end.
pub async fn serve(
    listener: TcpListener,
    app: Arc<App>,
    sockets: Option<Sockets>,
    shutdown: impl Future<Output = ()>,
    drain: Duration,
) -> io::Result<()> {
    app.set_local_addr(listener.local_addr()?);
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(LARGEST_HEAD)
        .half_close(true);
    // What instances need besides, connections to providers say, are files, too.
    let open = Connections::new(MOST_CONNECTIONS.min(raise_open_files() / 4 * 3));
    let (connections, ending) = (TaskTracker::new(), CancellationToken::new());
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut shutdown => break,
        };
        let (stream, client) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, most likely: others will be closed.
                tracing::error!("cannot accept a connection: {error}");
                sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        // Events are small and must not wait for more.
        let _ = stream.set_nodelay(true);
        // A reader that takes nothing holds an instance: the kernel drops it.
        #[cfg(target_os = "linux")]
        let _ = SockRef::from(&stream).set_tcp_user_timeout(Some(READER_TIMEOUT));
        let of_client = most_connections(client.ip(), app.clients().trusted_proxies());
        let Ok(place) = open.open(ClientKey::of(client.ip()), of_client) else {
            tracing::debug!("too many connections");
            continue;
        };
        let place = Arc::new(place);
        let stream = ClientStream::new(stream);
        let presence = Arc::new(Presence::of(stream.clone(), SHUT_DOWN));
        let (app, sockets) = (app.clone(), sockets.clone());
        let (of_requests, of_client) = (place.clone(), presence.clone());
        let service = service_fn(move |request: Request<Incoming>| {
            let (app, sockets, busy) = (app.clone(), sockets.clone(), of_requests.busy());
            let presence = of_client.clone();
            presence.asks();
            let request = in_origin_form(request);
            // In a box of its own: the connection keeps what it is as long as it lasts.
            Box::pin(async move {
                let asked = Asked::of(request.uri(), request.headers());
                let response = match sockets {
                    Some(sockets) if sockets.are_asked_for(&request) => {
                        let clients = app.clients();
                        clients.open_socket(request, client.ip(), &sockets).await
                    }
                    _ => app.answer(request, client, sockets.as_ref()).await,
                };
                let response = asked.complete(response, |bytes| {
                    let body = Full::new(bytes).map_err(|never| match never {});
                    body.boxed_unsync()
                });
                presence.is_answered(response.headers());
                let response = when_over(response, move |_| drop(busy));
                Ok::<_, std::convert::Infallible>(response)
            })
        });
        let connection = builder
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        let ending = ending.clone();
        connections.spawn(async move {
            let mut connection = pin!(connection);
            let serving = async {
                tokio::select! {
                    ended = &mut connection => ended,
                    () = ending.cancelled() => {
                        connection.as_mut().graceful_shutdown();
                        connection.await
                    }
                }
            };
            let ended = tokio::select! {
                ended = serving => ended,
                () = place.closed() => return,
                () = presence.left() => return,
            };
            if let Err(error) = ended {
                tracing::debug!("connection of {client}: {error}");
            }
        });
    }
    drop(listener);
    ending.cancel();
    connections.close();
    let ended = async {
        if let Some(sockets) = &sockets {
            sockets.shut_down().await;
        }
        connections.wait().await;
        app.drain(drain).await;
    };
    if timeout(drain, ended).await.is_err() {
        tracing::warn!("not everything ended within {drain:?}");
    }
    Ok(())
}

/// The largest number of connections of one client. A proxy, or an edge, stands for many, and each
/// of these may have a stream.
fn most_connections(client: IpAddr, proxies: &TrustedProxies) -> usize {
    match proxies.has(client) || is_private(client) {
        true => usize::MAX,
        false => MOST_OF_ONE_CLIENT,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_has_as_many_connections_as_its_clients_need() {
        let proxies: TrustedProxies = ["203.0.113.0/29".parse().unwrap()].into_iter().collect();
        for (client, expected) in [
            ("203.0.113.7", usize::MAX),
            ("203.0.113.8", MOST_OF_ONE_CLIENT),
            ("2001:db8::1", MOST_OF_ONE_CLIENT),
            ("127.0.0.1", usize::MAX),
            ("::1", usize::MAX),
            ("10.0.0.3", usize::MAX),
            ("::ffff:192.168.1.2", usize::MAX),
        ] {
            let most = most_connections(client.parse().unwrap(), &proxies);
            assert_eq!(most, expected, "{client}");
        }
    }
}
