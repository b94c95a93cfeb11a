//! Accepting connections.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use admission::ClientKey;
use edge::{Asked, Connections, raise_open_files, when_over};
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

/// Largest number of connections, in all and of one client, if the system allows so many. Beyond
/// that those that are silent are closed for new ones.
const MOST_CONNECTIONS: usize = 32_768;
const MOST_OF_ONE_CLIENT: usize = 1_024;

/// Time that a client may take nothing of what it is sent: as long as a socket may be silent.
#[cfg(target_os = "linux")]
const READER_TIMEOUT: Duration = Duration::from_secs(75);

/// Largest size of a request's head, in bytes; a larger one is answered 431.
const LARGEST_HEAD: usize = 64 * 1024;

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
        .max_buf_size(LARGEST_HEAD);
    // What instances need besides, connections to providers say, are files, too.
    let open = Connections::new(MOST_CONNECTIONS.min(raise_open_files() / 4 * 3));
    let per_client = MOST_OF_ONE_CLIENT;
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
        let of_client = match app.clients().trusted_proxies().has(client.ip()) {
            true => usize::MAX,
            false => per_client,
        };
        let Ok(place) = open.open(ClientKey::of(client.ip()), of_client) else {
            tracing::debug!("too many connections");
            continue;
        };
        let place = Arc::new(place);
        let (app, sockets, of_requests) = (app.clone(), sockets.clone(), place.clone());
        let service = service_fn(move |request: Request<Incoming>| {
            let (app, sockets, busy) = (app.clone(), sockets.clone(), of_requests.busy());
            async move {
                let asked = Asked::of(request.uri(), request.headers());
                let response = match sockets {
                    Some(sockets) if sockets.are_asked_for(&request) => {
                        let caller = app.clients().caller(request.headers(), client.ip());
                        sockets.open(request, &caller).await
                    }
                    _ => app.answer(request, client, sockets.as_ref()).await,
                };
                let response = asked.complete(response, |bytes| {
                    let body = Full::new(bytes).map_err(|never| match never {});
                    body.boxed_unsync()
                });
                let response = when_over(response, move |_| drop(busy));
                Ok::<_, std::convert::Infallible>(response)
            }
        });
        let connection = builder
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        let ending = ending.clone();
        connections.spawn(async move {
            let mut connection = pin!(connection);
            let ended = tokio::select! {
                ended = &mut connection => ended,
                () = place.closed() => return,
                () = ending.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
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
