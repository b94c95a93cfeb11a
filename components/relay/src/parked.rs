//! `POST /ws/session` with `X-Edge-Parked`: which of the streams that an edge keeps have something
//! to say again.

use std::time::Duration;

use api::error::ApiError;
use api::parked::{MAX_ASKED, MAX_REQUEST, Parked, ParkedStream};
use api::sse;
use api::ws::Schema;
use api::ws::frame::{self, Lasting};
use futures::future::join_all;
use job::effects::{Clock, within};
use job::{StillSilent, Time};
use platform::{Exchange, Response};

use crate::stream::HEARTBEAT;
use crate::token;

/// Time for a look at one stream: one that takes longer is not to keep the others waiting.
const LOOK: Duration = Duration::from_secs(2);

pub(crate) async fn serve(exchange: &Exchange) -> Result<Response, ApiError> {
    let body = exchange.body(MAX_REQUEST).await?;
    let texts: Vec<String> =
        serde_json::from_slice(&body).map_err(|_| ApiError::invalid_body("is no list of texts"))?;
    if texts.len() > MAX_ASKED {
        return Err(ApiError::invalid_body("asks about too many streams"));
    }
    // What another version has written: the edge is to know that it cannot ask.
    let streams: Option<Vec<ParkedStream>> =
        texts.iter().map(|text| ParkedStream::read(text)).collect();
    let streams = streams.ok_or_else(|| ApiError::invalid_body("is of another version"))?;
    let looks = streams.into_iter().map(|stream| async {
        let unknown = stream.clone();
        match within(&exchange.spin, LOOK, look(exchange, stream)).await {
            Some(answer) => answer,
            None => Some(unknown.parked(LOOK, String::new())),
        }
    });
    let answers: Vec<Option<Parked>> = join_all(looks).await;
    let body =
        serde_json::to_vec(&answers).map_err(|error| exchange.internal(&error.to_string()))?;
    Ok(Response::json(200, body))
}

/// The stream if it is to stay parked; `None` when it is to be opened again.
async fn look(exchange: &Exchange, mut stream: ParkedStream) -> Option<Parked> {
    let (engine, settings) = (exchange.engine(), &exchange.config.settings);
    let now = exchange.spin.now();
    if let Some(socket) = &stream.socket
        && (socket.until <= now || socket.until > now.plus(token::look_interval(settings)))
    {
        return None;
    }
    let Ok(look) = engine.still_silent(stream.silence.clone()).await else {
        // A store that refuses is asked again. What cannot be verified now is not told to anybody.
        let pause = stream.silence.pause(now, settings).max(settings.retry);
        return Some(stream.parked(pause, String::new()));
    };
    let look = look?;
    stream.silence = look.silence.clone();
    let interval = match stream.socket {
        Some(_) => settings.heartbeat.min(HEARTBEAT),
        None => settings.heartbeat,
    };
    let mut say = Vec::new();
    if stream.silence.is_beat_due(now, interval, settings) {
        say = beat(&stream, &look, now)?;
        stream.silence.beat = now.plus(interval);
    }
    let pause = stream.silence.pause(now, settings);
    let pause = match &stream.socket {
        Some(socket) => pause.min(socket.until.since(now)),
        None => pause,
    };
    Some(stream.parked(pause, String::from_utf8(say).ok()?))
}

/// The sign of life that the stream gives when it is not parked.
fn beat(stream: &ParkedStream, look: &StillSilent, now: Time) -> Option<Vec<u8>> {
    Some(match &stream.socket {
        None => sse::HEARTBEAT.to_vec(),
        Some(socket) if socket.schema == Schema::V3 => frame::COMMENT.to_vec(),
        Some(socket) => {
            let message = socket.schema.keep_alive(&look.root()?, now);
            frame::event(socket.encoding, Lasting::State(0), None, &message)
        }
    })
}
