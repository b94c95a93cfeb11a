//! Photos in base64 in a JSON body.
//!
//! The job's name may stand behind the photos. A batch that is not small therefore waits in the
//! store, under a name that nobody knows, until all of it has arrived: in memory there is never
//! more than a chunk of it, and its client is admitted before.

use api::error::ApiError;
use api::photo_batch::{PhotoBatch, ReceivedBatch, ReceivedPhoto};
use job::effects::Entropy;
use job::{CreateError, JobId, MAX_VALUE_BYTES, Name, NewJob, Receiver};
use platform::exchange::Exchange;
use platform::runs::Creation;
use platform::{Body, Disconnected, Spin, client};

use crate::photo::Header;
use crate::upload::{Route, Storing, asks_to_keep_failed, creation};

/// The photos of a batch whose name is not known yet.
struct Waiting<'a> {
    exchange: &'a Exchange,
    route: Route,
    /// The name that they wait under.
    name: JobId,
    stored: Option<Receiver<'a, Spin>>,
    /// The numbers of the photos that have begun, in the order of their files.
    begun: Vec<usize>,
}

impl<'a> Waiting<'a> {
    fn new(exchange: &'a Exchange, route: Route) -> Self {
        Self {
            exchange,
            route,
            name: JobId::from_bytes(exchange.spin.random()),
            stored: None,
            begun: Vec::new(),
        }
    }

    /// Reads the whole body.
    async fn read(&mut self, body: &mut Body) -> Result<ReceivedBatch, ApiError> {
        let mut batch = PhotoBatch::new(&self.exchange.config.settings.limits);
        loop {
            match body.chunk().await {
                Ok(Some(chunk)) => batch.feed(&chunk)?,
                Ok(None) => return batch.end(),
                Err(Disconnected) => return Err(ApiError::invalid_body("broke off")),
            }
            if self.stored.is_some() || batch.held() > MAX_VALUE_BYTES {
                for (number, bytes) in batch.take() {
                    self.store(number, &bytes).await?;
                }
            }
        }
    }

    /// Stores the next bytes of a photo. It is never accepted under this name, so there never is
    /// such a job.
    async fn store(&mut self, number: usize, bytes: &[u8]) -> Result<(), ApiError> {
        let stored = match &mut self.stored {
            Some(stored) => stored,
            none => {
                client::admit_at_once(self.exchange, &self.name).await?;
                let new = NewJob {
                    name: Name::Ours(self.name.clone()),
                    ..self.route.new_job(self.exchange, None, None)?
                };
                let received = self.exchange.engine().receive(new).await;
                let failed = |error| self.exchange.not_created(&self.name, error);
                none.insert(received.map_err(failed)?)
            }
        };
        let mut written = Ok(());
        if self.begun.last() != Some(&number) {
            self.begun.push(number);
            written = stored.file("").await;
        }
        if written.is_ok() {
            written = stored.write(bytes).await;
        }
        written.map_err(|error| self.failed(error))
    }

    /// A chunk of a photo; `None` behind its last one.
    async fn chunk(
        &mut self,
        photo: &ReceivedPhoto,
        chunk: u32,
    ) -> Result<Option<Vec<u8>>, ApiError> {
        let file = self
            .begun
            .iter()
            .position(|begun| Some(*begun) == photo.taken);
        match (file, &mut self.stored) {
            (Some(file), Some(stored)) => {
                let read = stored.read_back(file, chunk).await;
                read.map_err(|error| self.failed(error))
            }
            _ => Ok(None),
        }
    }

    fn failed(&self, error: CreateError) -> ApiError {
        self.exchange.not_created(&self.name, error)
    }

    /// Makes the job of the batch, once all of it has arrived.
    async fn create(&mut self, batch: ReceivedBatch) -> Result<Creation, ApiError> {
        let (exchange, route) = (self.exchange, self.route);
        let keep_failed = match batch.keep_failed {
            Some(keep_failed) => keep_failed,
            None => asks_to_keep_failed(exchange)?,
        };
        let new = route.new_job(exchange, Some(batch.id), batch.client_ref.as_deref())?;
        let mut header = Header::default();
        let mut times = Vec::new();
        for photo in &batch.photos {
            header.next();
            // A header is no longer than a chunk.
            if let Some(first) = self.chunk(photo, 0).await? {
                header.feed(&first)?;
            }
            header.feed(&photo.rest)?;
            times.push(header.end()?);
        }
        match self.stored {
            Some(_) => client::admit_instead(exchange, &self.name, new.name.id()).await?,
            None => client::admit(exchange, new.name.id()).await?,
        }
        let mut storing = Storing::begin(exchange, &new).await?;
        for (photo, takes) in batch.photos.iter().zip(times) {
            storing.file("").await?;
            storing.takes(takes);
            if let Err(error) = self.pass_on(photo, &mut storing).await {
                storing.abandon().await;
                return Err(error);
            }
        }
        if keep_failed {
            storing.keep_failed_photos();
        }
        let received = storing.end().await?;
        creation(exchange, &new, true, received).await
    }

    async fn pass_on(
        &mut self,
        photo: &ReceivedPhoto,
        storing: &mut Storing<'_>,
    ) -> Result<(), ApiError> {
        let mut number = 0;
        while let Some(chunk) = self.chunk(photo, number).await? {
            storing.write(&chunk).await?;
            number += 1;
        }
        storing.write(&photo.rest).await
    }
}

/// Makes a job of photos in base64.
pub(crate) async fn receive_batch(exchange: &Exchange, route: Route) -> Result<Creation, ApiError> {
    let mut body = exchange.request.body();
    let mut waiting = Waiting::new(exchange, route);
    let created = match waiting.read(&mut body).await {
        Ok(batch) => waiting.create(batch).await,
        Err(error) => {
            exchange.discard(body);
            Err(error)
        }
    };
    if let Some(stored) = waiting.stored {
        stored.abandon().await;
    }
    created
}
