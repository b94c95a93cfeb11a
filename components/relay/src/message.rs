//! `POST /ws/session`: one message of a client, and the replies to it. The edge may post a message
//! twice, so everything here may be done twice.

use api::error::ApiError;
use api::ws::frame::{Close, Encoding, Reply};
use api::ws::{ClientMessage, Handshake, MAX_MESSAGE, RAW_PONG};
use futures::future::join_all;
use http::HeaderMap;
use job::Root;
use job::effects::{Clock, Log};
use platform::{Disconnected, Exchange, Response};
use serde_json::json;

use crate::session;

pub(crate) async fn serve(exchange: &Exchange, session: &Handshake) -> Result<Response, ApiError> {
    let mut roots = Vec::new();
    for job in &session.jobs {
        roots.extend(session::look(exchange, job).await?.root().cloned());
    }
    let body = match exchange.request.body().all(MAX_MESSAGE).await {
        Ok(Some(body)) => body,
        Ok(None) => return Err(ApiError::too_large("A message", MAX_MESSAGE)),
        Err(Disconnected) => return Err(ApiError::invalid_body("broke off")),
    };
    let is_binary = exchange.request.header("content-type") == Some("application/msgpack");
    let message = match session.encoding {
        Encoding::MessagePack if is_binary => ClientMessage::parse_packed(&body),
        Encoding::Json | Encoding::MessagePack => ClientMessage::parse(&body),
    };
    let replies = answer(exchange, session, &roots, &message).await?;
    if replies.is_empty() {
        return Ok(Response {
            status: 204,
            headers: HeaderMap::new(),
            body: Vec::new(),
        });
    }
    let body =
        serde_json::to_vec(&replies).map_err(|error| exchange.internal(&error.to_string()))?;
    Ok(Response::json(200, body))
}

async fn answer(
    exchange: &Exchange,
    session: &Handshake,
    roots: &[Root],
    message: &ClientMessage,
) -> Result<Vec<Reply>, ApiError> {
    let (now, first) = (exchange.spin.now(), roots.first());
    let schema = session.schema_of(roots.iter());
    let say = |message: Vec<u8>| Reply::message(session.encoding, &message);
    Ok(match message {
        ClientMessage::RawPing => vec![Reply::Text(RAW_PONG.to_owned())],
        ClientMessage::Ready => vec![say(schema.ready_ack(first, now))],
        ClientMessage::Ping { client_time } => {
            vec![say(schema.pong(first, now, client_time.as_ref()))]
        }
        // The end of a job is the stream's to tell, once.
        ClientMessage::SyncRequest => roots
            .iter()
            .filter(|root| !root.stage.is_terminal())
            .map(|root| say(schema.resuming(root, now)))
            .collect(),
        ClientMessage::Cancel => {
            let engine = exchange.engine();
            let canceling = roots.iter().map(|root| engine.cancel(&root.id));
            for canceled in join_all(canceling).await {
                canceled.map_err(|error| exchange.store_failed(&error))?;
            }
            Vec::new()
        }
        ClientMessage::Ack(seq) => {
            exchange.spin.log(
                "socket-ack",
                json!({"jobIds": session.job_ids(), "seq": seq, "schema": schema.name()}),
            );
            Vec::new()
        }
        ClientMessage::Ignored => Vec::new(),
        ClientMessage::Malformed(problem) => schema
            .protocol_error(first, now, problem)
            .map(say)
            .into_iter()
            .chain([Reply::Close(Close::PROTOCOL)])
            .collect(),
    })
}
