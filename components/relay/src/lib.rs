//! The component `relay`: the WebSocket protocol over plain HTTP: which clients may connect, and
//! their messages. The edge holds the sockets; edge/PROTOCOL.md is the contract with it. Nothing
//! is kept between requests.
//!
//! Start at `answer`: a `GET` opens a socket, and its answer is the stream of what the socket is
//! to be told (`stream`); a `POST` brings what the client says (`message`), or asks
//! about the streams of silent jobs, event streams included (`parked`). `session` is what the
//! edge hands back with each of them, `token` whether the client may see the job.

mod message;
mod parked;
mod session;
mod stream;
mod token;

use api::error::ApiError;
use job::constant_time_eq;
use job::effects::Log;
use platform::stream::RETRY_POLLING;
use platform::{Exchange, Response, config};
use serde_json::json;

platform::component!("relay", handle);

/// The path of the edge's requests about a socket. Without the edge's secret it does not exist, if
/// one is configured.
const SESSION: &str = "/ws/session";

/// The header of a request that asks about many streams instead of bringing a message.
const PARKED: &str = "x-edge-parked";

async fn handle(exchange: &mut Exchange) {
    let answer = match answer(exchange).await {
        Ok(Some(answer)) => answer,
        Ok(None) => return,
        Err(error) => exchange.failure(&error),
    };
    exchange.send(answer).await;
}

async fn answer(exchange: &mut Exchange) -> Result<Option<Response>, ApiError> {
    if exchange.request.path != SESSION {
        return Err(ApiError::upgrade_required());
    }
    let sockets = config::sockets();
    let shown = exchange.request.header("x-edge-secret");
    let is_edge = (sockets.edge_secret.as_deref())
        .is_none_or(|secret| constant_time_eq(secret, shown.unwrap_or_default()));
    if !is_edge {
        if shown.is_some() {
            exchange.spin.log(
                "edge-secret-wrong",
                json!({"level": "warn", "message": "this edge has another secret"}),
            );
        }
        return Err(ApiError::no_such_route());
    }
    match exchange.request.method.as_str() {
        // There is no room for another stream; an edge asks again later.
        "GET" if platform::stream::is_refused(exchange) => Err(ApiError::busy(RETRY_POLLING)),
        "GET" => {
            let session = session::of(exchange)?;
            stream::serve(exchange, session, sockets.hold).await
        }
        "POST" if exchange.request.header(PARKED).is_some() => {
            parked::serve(exchange).await.map(Some)
        }
        "POST" => {
            let session = session::of(exchange)?;
            message::serve(exchange, &session).await.map(Some)
        }
        _ => Err(ApiError::method_not_allowed("GET, POST, OPTIONS")),
    }
}
