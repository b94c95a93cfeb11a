//! Previews of imports: a file is received and read as an import's would be, and no job is made.
//!
//! What all previews have in memory is bounded like what all imports have: a large file waits in
//! the store, under a name that nobody knows, until it is its turn to be read.

use std::time::Duration;

use api::error::ApiError;
use api::preview::Preview;
use api::upload::{Event, Kind, Upload};
use books::Mapping;
use job::effects::Entropy;
use job::{JobId, MAX_VALUE_BYTES, MadeBy, Name, NewJob, Pipeline, QueueTurn, Receiver};
use platform::exchange::{Exchange, Response};
use platform::{Body, Disconnected, Spin, client, config};

use crate::upload::{is_workbook, mapping, refuse_other_kinds};

/// Time for which a preview waits for its turn to read a large file, before its client is refused.
const WAIT: Duration = Duration::from_secs(8);

/// The file of a preview while it is received.
struct Received<'a> {
    exchange: &'a Exchange,
    name: JobId,
    /// The file, as long as it is small.
    held: Vec<u8>,
    /// The rest of a file that is not.
    stored: Option<Receiver<'a, Spin>>,
    bytes: u64,
    is_workbook: bool,
    mapping: Mapping,
}

impl<'a> Received<'a> {
    fn new(exchange: &'a Exchange, name: JobId) -> Self {
        Self {
            exchange,
            name,
            held: Vec::new(),
            stored: None,
            bytes: 0,
            is_workbook: false,
            mapping: Mapping::default(),
        }
    }

    async fn receive(&mut self, body: &mut Body) -> Result<(), ApiError> {
        let exchange = self.exchange;
        let content_type = exchange.request.header("content-type").unwrap_or_default();
        let mut upload = Upload::new(Kind::Csv, content_type, &exchange.config.settings.limits)?;
        loop {
            match upload.next()? {
                Event::NeedMore => match body.chunk().await {
                    Ok(Some(chunk)) => upload.feed(chunk.into()),
                    Ok(None) => upload.end(),
                    Err(Disconnected) => return Err(ApiError::invalid_body("broke off")),
                },
                Event::File { .. } => {}
                Event::Bytes(bytes) => self.write(&bytes).await?,
                Event::Done => {
                    self.mapping = mapping(exchange, &upload)?;
                    return Ok(());
                }
            }
        }
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), ApiError> {
        if self.bytes == 0 {
            refuse_other_kinds(bytes)?;
            self.is_workbook = is_workbook(bytes);
        }
        self.bytes += bytes.len() as u64;
        if self.stored.is_none() && self.held.len() + bytes.len() <= MAX_VALUE_BYTES {
            self.held.extend_from_slice(bytes);
            return Ok(());
        }
        let written = match &mut self.stored {
            Some(stored) => stored.write(bytes).await,
            None => {
                let received = self.exchange.engine().receive(self.new_job()).await;
                let stored = match received {
                    Ok(receiver) => self.stored.insert(receiver),
                    Err(error) => return Err(self.exchange.not_created(&self.name, error)),
                };
                let held = std::mem::take(&mut self.held);
                let written = match stored.file("").await {
                    Ok(()) => stored.write(&held).await,
                    Err(error) => Err(error),
                };
                match written {
                    Ok(()) => stored.write(bytes).await,
                    Err(error) => Err(error),
                }
            }
        };
        written.map_err(|error| self.exchange.not_created(&self.name, error))
    }

    /// The job as which the file is received. It is never accepted, so there never is one.
    fn new_job(&self) -> NewJob {
        NewJob {
            name: Name::Ours(self.name.clone()),
            pipeline: Pipeline::CsvImport,
            made_by: MadeBy::Imports,
            token: true,
            client: client::counted(self.exchange),
            provider: String::new(),
            client_ref: String::new(),
        }
    }

    /// Takes the whole file.
    async fn take(&mut self) -> Result<Vec<u8>, ApiError> {
        match &mut self.stored {
            None => Ok(std::mem::take(&mut self.held)),
            Some(stored) => (stored.take_back().await)
                .map_err(|error| self.exchange.not_created(&self.name, error)),
        }
    }

    /// The preview of the file, once it is its turn to be read: that takes a core and memory for a
    /// while.
    async fn read(&mut self) -> Result<Response, ApiError> {
        let exchange = self.exchange;
        let engine = exchange.engine();
        let takes = QueueTurn::time_to_read(self.bytes, self.is_workbook);
        let mut turn = (takes >= job::LONG_ENOUGH_TO_WAIT)
            .then(|| engine.compute_turn(client::counted(exchange).as_ref(), takes));
        let has_turn = match &mut turn {
            Some(turn) => engine.wait_to_read(turn, WAIT).await,
            None => true,
        };
        let answer = match has_turn {
            true => self.take().await.map(|bytes| self.answer(&bytes)),
            false => Err(ApiError::busy(WAIT)),
        };
        if let Some(turn) = turn {
            engine.end_turn(turn).await;
        }
        answer
    }

    fn answer(&self, bytes: &[u8]) -> Response {
        let limits = &self.exchange.config.settings.limits;
        match api::preview::read(bytes, &self.mapping, limits) {
            Ok(library) => {
                let items = api::preview::items(&library);
                let preview = Preview::of(&library, &items, &config::enrichment());
                self.exchange.success(200, &preview)
            }
            Err(unreadable) => self.exchange.success(200, &Preview::failed(&unreadable)),
        }
    }
}

/// Reads a file as an import would, and answers with the preview of the result.
pub(crate) async fn preview(exchange: &Exchange) -> Result<Response, ApiError> {
    let mut body = exchange.request.body();
    let name = JobId::from_bytes(exchange.spin.random());
    let mut received = Received::new(exchange, name.clone());
    let whole = match client::admit_at_once(exchange, &name).await {
        Ok(()) => received.receive(&mut body).await,
        Err(error) => Err(error),
    };
    let answer = match whole {
        Ok(()) => received.read().await,
        Err(error) => {
            exchange.discard(body);
            Err(error)
        }
    };
    if let Some(stored) = received.stored {
        stored.abandon().await;
    }
    answer
}
