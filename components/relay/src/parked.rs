//! `POST /ws/session` with `X-Edge-Parked`: which of the streams that an edge keeps have something
//! to say again.

use std::time::Duration;

use api::error::ApiError;
use api::parked::{Kept, MAX_ASKED, MAX_REQUEST, ParkedSocket, ParkedStream};
use api::sse;
use api::ws::Schema;
use api::ws::frame::{self, Lasting};
use futures::future::join_all;
use job::effects::Clock;
use platform::{Exchange, Response};

use crate::stream::HEARTBEAT;

pub(crate) async fn serve(exchange: &Exchange) -> Result<Response, ApiError> {
    let body = exchange.body(MAX_REQUEST).await?;
    let streams: Vec<String> =
        serde_json::from_slice(&body).map_err(|_| ApiError::invalid_body("is no list of texts"))?;
    if streams.len() > MAX_ASKED {
        return Err(ApiError::invalid_body("asks about too many streams"));
    }
    let looks = streams.iter().map(|stream| look(exchange, stream));
    let answers: Vec<Option<Kept>> = join_all(looks).await;
    let body =
        serde_json::to_vec(&answers).map_err(|error| exchange.internal(&error.to_string()))?;
    Ok(Response::json(200, body))
}

/// Whether the stream is still to be kept; `None` when it is to be opened again.
async fn look(exchange: &Exchange, stream: &str) -> Option<Kept> {
    let (engine, settings) = (exchange.engine(), &exchange.config.settings);
    let mut stream = ParkedStream::read(stream)?;
    let now = exchange.spin.now();
    if matches!(&stream.socket, Some(socket) if socket.until <= now) {
        return None;
    }
    // A store that refuses is asked again.
    if let Ok(silence) = engine.still_silent(stream.silence.clone()).await {
        stream.silence = silence?;
    }
    let mut say = Vec::new();
    if stream.silence.beat <= now {
        say = beat(exchange, &stream).await?;
        stream.silence.beat = now.plus(heartbeat(&stream, settings.heartbeat));
    }
    let pause = stream.silence.pause(now, settings);
    Some(stream.kept(pause, String::from_utf8(say).ok()?))
}

fn heartbeat(stream: &ParkedStream, configured: Duration) -> Duration {
    match stream.socket {
        Some(_) => configured.min(HEARTBEAT),
        None => configured,
    }
}

/// The sign of life that the stream gives when it is not kept.
async fn beat(exchange: &Exchange, stream: &ParkedStream) -> Option<Vec<u8>> {
    match &stream.socket {
        None => Some(sse::HEARTBEAT.to_vec()),
        Some(ParkedSocket { schema, .. }) if *schema == Schema::V3 => Some(frame::COMMENT.to_vec()),
        Some(ParkedSocket {
            schema, encoding, ..
        }) => {
            let inspection = exchange.engine().look(&stream.silence.id).await.ok()?;
            let message = schema.keep_alive(inspection.root()?, exchange.spin.now());
            Some(frame::event(*encoding, Lasting::State(0), None, &message))
        }
    }
}
