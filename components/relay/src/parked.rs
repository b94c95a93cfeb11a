//! `POST /ws/session` with `X-Edge-Parked`: which of the streams that an edge keeps have something
//! to say again.

use std::collections::BTreeMap;
use std::time::Duration;

use api::error::ApiError;
use api::parked::{MAX_ASKED, MAX_REQUEST, Parked, ParkedStream};
use api::sse;
use api::ws::Schema;
use api::ws::frame::{self, Lasting};
use futures::future::join_all;
use job::effects::{Clock, within};
use job::{JobId, SilenceLook, Time};
use platform::{Exchange, Response, Spin};

use crate::stream::HEARTBEAT;
use crate::token;

/// Time for a look at one job: one that takes longer is not to keep the others waiting.
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
    let mut jobs: BTreeMap<JobId, Vec<(usize, ParkedStream)>> = BTreeMap::new();
    for (number, stream) in streams.into_iter().enumerate() {
        let of_job = jobs.entry(stream.silence.id.clone()).or_default();
        of_job.push((number, stream));
    }
    let mut answers: Vec<Option<Parked>> = Vec::new();
    answers.resize_with(texts.len(), || None);
    let looks = jobs.into_iter().map(|(id, streams)| async move {
        let unknown = streams.clone();
        match within(&exchange.spin, LOOK, look(exchange, &id, streams)).await {
            Some(answers) => answers,
            None => later(unknown, |_| LOOK),
        }
    });
    for (number, answer) in join_all(looks).await.into_iter().flatten() {
        if let Some(place) = answers.get_mut(number) {
            *place = answer;
        }
    }
    let body =
        serde_json::to_vec(&answers).map_err(|error| exchange.internal(&error.to_string()))?;
    Ok(Response::json(200, body))
}

/// What is answered about a stream of this number.
type Answer = (usize, Option<Parked>);

/// Keeps streams as they are, each for so long.
fn later(
    streams: impl IntoIterator<Item = (usize, ParkedStream)>,
    pause: impl Fn(&ParkedStream) -> Duration,
) -> Vec<Answer> {
    let streams = streams.into_iter();
    streams
        .map(|(number, stream)| (number, Some(stream.parked(pause(&stream), String::new()))))
        .collect()
}

/// Looks at a job once for all these streams, which are its.
async fn look(exchange: &Exchange, id: &JobId, streams: Vec<(usize, ParkedStream)>) -> Vec<Answer> {
    let (engine, settings) = (exchange.engine(), &exchange.config.settings);
    // A store that refuses is asked again. What cannot be verified now is not told to anybody.
    let refused = |stream: &ParkedStream| {
        let pause = stream.silence.pause(exchange.spin.now(), settings);
        pause.max(settings.retry)
    };
    let Ok(mut look) = engine.look_at_silence(id).await else {
        return later(streams, refused);
    };
    let mut answers = Vec::with_capacity(streams.len());
    let mut streams = streams.into_iter();
    while let Some((number, mut stream)) = streams.next() {
        let answer = match look.still_silent(stream.silence.clone()).await {
            Ok(None) => None,
            Ok(Some(silence)) => {
                stream.silence = silence;
                keep(exchange, &look, stream)
            }
            // It would refuse the others, too.
            Err(_) => {
                let rest = std::iter::once((number, stream)).chain(streams);
                answers.extend(later(rest, refused));
                return answers;
            }
        };
        answers.push((number, answer));
    }
    answers
}

/// The stream of a job that is still silent, if it is to stay parked; `None` when it is to be
/// opened again.
fn keep(
    exchange: &Exchange,
    look: &SilenceLook<'_, Spin>,
    mut stream: ParkedStream,
) -> Option<Parked> {
    let settings = &exchange.config.settings;
    let now = exchange.spin.now();
    if let Some(socket) = &stream.socket
        && (socket.until <= now || socket.until > now.plus(token::look_interval(settings)))
    {
        return None;
    }
    let interval = match stream.socket {
        Some(_) => settings.heartbeat.min(HEARTBEAT),
        None => settings.heartbeat,
    };
    let mut say = Vec::new();
    if stream.silence.is_beat_due(now, interval, settings) {
        say = beat(&stream, look, now)?;
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
fn beat(stream: &ParkedStream, look: &SilenceLook<'_, Spin>, now: Time) -> Option<Vec<u8>> {
    Some(match &stream.socket {
        None => sse::HEARTBEAT.to_vec(),
        Some(socket) if socket.schema == Schema::V3 => frame::COMMENT.to_vec(),
        Some(socket) => {
            let message = socket.schema.keep_alive(&look.root()?, now);
            frame::event(socket.encoding, Lasting::State(0), None, &message)
        }
    })
}
