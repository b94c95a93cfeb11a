//! Receiving files and making jobs of them.

use std::time::Duration;

use api::accepted::{LegacyBookshelf, LegacyImport, LegacyScan, LegacyScanBatch};
use api::envelope;
use api::error::ApiError;
use api::query::Query;
use api::upload::{Event, Kind, Upload};
use books::Mapping;
use job::{
    ContentDigest, CreateError, Created, JobId, MadeBy, NewJob, Pipeline, Receiver, Root,
    UNSEEN_JOB_GRACE,
};
use platform::client;
use platform::exchange::{Exchange, Response};
use platform::runs::Creation;
use platform::{Body, Disconnected, Spin};

use vision::VisionChoice;

use crate::photo::Header;

/// A route that makes a job of what is uploaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// `POST /api/v2/imports`
    Imports,
    /// `POST /api/import/csv-gemini`, of the first apps.
    LegacyImport,
    /// `POST /api/batch-scan`
    BatchScan,
    /// `POST /scan?jobId=`, of the first apps: no token, responses without an envelope.
    Scan,
    /// `POST /scan`, of the very first app, which reads the job's name from the answer.
    UnnamedScan,
    /// `POST /api/scan-bookshelf`
    Bookshelf,
    /// `POST /api/scan-bookshelf/batch`: photos in a JSON body.
    BookshelfBatch,
    /// `POST /v3/jobs/imports`
    V3Imports,
    /// `POST /v3/jobs/scans`
    V3Scans,
}

impl Route {
    /// The route of a request.
    pub(crate) fn of(path: &str, query: &Query) -> Option<Self> {
        Some(match path {
            "/api/v2/imports" => Self::Imports,
            "/api/import/csv-gemini" => Self::LegacyImport,
            "/api/batch-scan" => Self::BatchScan,
            "/scan" if query.get("jobId").is_none() => Self::UnnamedScan,
            "/scan" => Self::Scan,
            "/api/scan-bookshelf" => Self::Bookshelf,
            "/api/scan-bookshelf/batch" => Self::BookshelfBatch,
            "/v3/jobs/imports" => Self::V3Imports,
            "/v3/jobs/scans" => Self::V3Scans,
            _ => return None,
        })
    }

    fn made_by(self) -> MadeBy {
        match self {
            Self::Imports => MadeBy::Imports,
            Self::LegacyImport => MadeBy::CsvGemini,
            Self::BatchScan => MadeBy::BatchScan,
            Self::Scan => MadeBy::Scan,
            Self::UnnamedScan => MadeBy::UnnamedScan,
            Self::Bookshelf => MadeBy::ScanBookshelf,
            Self::BookshelfBatch => MadeBy::ScanBookshelfBatch,
            Self::V3Imports => MadeBy::V3Imports,
            Self::V3Scans => MadeBy::V3Scans,
        }
    }

    /// Whether the response may be the job's stream: the first apps know none.
    pub(crate) fn may_stream(self) -> bool {
        matches!(
            self,
            Self::Imports | Self::BatchScan | Self::V3Imports | Self::V3Scans
        )
    }

    fn kind(self) -> Kind {
        match self {
            Self::Imports | Self::LegacyImport | Self::V3Imports => Kind::Csv,
            _ => Kind::Photos,
        }
    }

    fn pipeline(self) -> Pipeline {
        match self.kind() {
            Kind::Csv => Pipeline::CsvImport,
            Kind::Photos => Pipeline::AiScan,
        }
    }

    /// The response to the request that made the job, and to its repetitions.
    pub(crate) async fn answer(
        self,
        exchange: &Exchange,
        root: &Root,
    ) -> Result<Response, ApiError> {
        if self.may_stream() {
            return exchange.accepted(root).await;
        }
        let (id, token) = (&root.id, exchange.token(root).await?);
        let answered = exchange.answered();
        let body = match self {
            Self::Scan | Self::UnnamedScan => envelope::bare(&LegacyScan::of(id)),
            Self::BookshelfBatch => {
                envelope::success_with_flat_copy(&LegacyScanBatch::of(root, &token), answered)
            }
            Self::LegacyImport => {
                envelope::success_with_flat_copy(&LegacyImport::of(id, &token), answered)
            }
            _ => envelope::success_with_flat_copy(&LegacyBookshelf::of(id, &token), answered),
        };
        Ok(Response::json(202, body))
    }

    /// The job that the request is to make.
    pub(crate) fn new_job(
        self,
        exchange: &Exchange,
        given: Option<JobId>,
        client_ref: Option<&str>,
    ) -> Result<NewJob, ApiError> {
        Ok(NewJob {
            name: exchange.name(self.made_by(), given)?,
            pipeline: self.pipeline(),
            made_by: self.made_by(),
            token: !matches!(self, Self::Scan | Self::UnnamedScan),
            client: client::counted(exchange),
            provider: provider(exchange.request.header("x-ai-provider")),
            client_ref: exchange.client_ref(client_ref)?,
        })
    }
}

/// The vision provider that a client asks for; an unknown one is the configured one.
fn provider(header: Option<&str>) -> String {
    let choice = VisionChoice::of_name(header.unwrap_or_default().trim());
    choice.name().to_owned()
}

/// The outcome of an upload: a job, or the one that has its name already, with the digest of what
/// was sent now.
pub(crate) enum Received {
    Created(Box<Created>),
    Exists(Box<Root>, String),
}

/// What the client is answered: its new job, or the one that the same upload has made before.
/// `chose` says that the client has chosen the job's name.
///
/// # Errors
/// `IDEMPOTENCY_KEY_REUSED` or `JOB_EXISTS` when another upload has made the job of this name; when
/// the store fails.
pub(crate) async fn creation(
    exchange: &Exchange,
    new: &NewJob,
    chose: bool,
    received: Received,
) -> Result<Creation, ApiError> {
    match received {
        Received::Created(created) => {
            if exchange.took() > UNSEEN_JOB_GRACE {
                // While it came it may have been taken for one that never was.
                let _ = client::admit(exchange, &created.root.id).await;
            }
            Ok(Creation::New(created))
        }
        Received::Exists(root, content) => {
            exchange.is_repetition(new, chose, &root, &content).await?;
            Ok(Creation::Existing(root))
        }
    }
}

/// Makes a job of files in multipart or raw form.
pub(crate) async fn receive_upload(
    exchange: &Exchange,
    route: Route,
) -> Result<Creation, ApiError> {
    let given = match route {
        Route::Scan | Route::Bookshelf => exchange.request.query.get_once("jobId"),
        _ => Ok(None),
    };
    let mut body = exchange.request.body();
    let chose = matches!(given, Ok(Some(_)));
    let new = match given
        .and_then(|id| id.map(api::request::job_id).transpose())
        .and_then(|given| route.new_job(exchange, given, None))
    {
        Ok(new) => new,
        Err(error) => {
            exchange.discard(body);
            return Err(error);
        }
    };
    let received = receive(exchange, route.kind(), &new, &mut body).await;
    if received.is_err() {
        exchange.discard(body);
    }
    creation(exchange, &new, chose, received?).await
}

/// The files of an upload on their way into the store, and their digest. When the name turns out to
/// be taken, only the digest is taken of the rest.
pub(crate) struct Storing<'a> {
    exchange: &'a Exchange,
    new: &'a NewJob,
    receiver: Option<Receiver<'a, Spin>>,
    existing: Option<Box<Root>>,
    content: ContentDigest,
}

impl<'a> Storing<'a> {
    pub(crate) async fn begin(exchange: &'a Exchange, new: &'a NewJob) -> Result<Self, ApiError> {
        let mut storing = Self {
            exchange,
            new,
            receiver: None,
            existing: None,
            content: ContentDigest::default(),
        };
        match exchange.engine().receive(new.clone()).await {
            Ok(receiver) => storing.receiver = Some(receiver),
            Err(error) => storing.failed(error).await?,
        }
        Ok(storing)
    }

    pub(crate) async fn file(&mut self, name: &str) -> Result<(), ApiError> {
        self.content.file();
        if let Some(receiver) = &mut self.receiver
            && let Err(error) = receiver.file(name).await
        {
            self.failed(error).await?;
        }
        Ok(())
    }

    /// Takes in the client's own meanings of columns, as a part of what it sends.
    fn mapping(&mut self, mapping: Mapping) {
        if mapping.is_empty() {
            return;
        }
        self.content.file();
        for (column, field) in &mapping {
            self.content.update(column.as_bytes());
            self.content.update(b"=");
            self.content.update(field.as_bytes());
            self.content.update(b"\n");
        }
        if let Some(receiver) = &mut self.receiver {
            receiver.mapping(mapping);
        }
    }

    /// Takes in that photos are kept, as a part of what the client sends: the same photos without
    /// it are another request.
    pub(crate) fn keep_failed_photos(&mut self) {
        self.content.file();
        self.content.update(b"keepFailedPhotos");
        if let Some(receiver) = &mut self.receiver {
            receiver.keep_failed_photos();
        }
    }

    /// Takes in the client's own name for the job from the form, unless the request has another.
    fn client_ref(&mut self, in_form: String) {
        if self.new.client_ref.is_empty()
            && let Some(receiver) = &mut self.receiver
        {
            receiver.client_ref(in_form);
        }
    }

    pub(crate) fn takes(&mut self, time: Duration) {
        if let Some(receiver) = &mut self.receiver {
            receiver.takes(time);
        }
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) -> Result<(), ApiError> {
        self.content.update(bytes);
        if let Some(receiver) = &mut self.receiver
            && let Err(error) = receiver.write(bytes).await
        {
            self.failed(error).await?;
        }
        Ok(())
    }

    /// Deletes the upload after a write that failed. Goes on only if its name is taken.
    async fn failed(&mut self, error: CreateError) -> Result<(), ApiError> {
        self.abandon().await;
        match error {
            CreateError::Exists(root) => {
                self.existing = Some(root);
                Ok(())
            }
            error => Err(self.exchange.not_created(self.new.name.id(), error)),
        }
    }

    /// Deletes all of an upload that was refused or broke off.
    pub(crate) async fn abandon(&mut self) {
        if let Some(receiver) = self.receiver.take() {
            receiver.abandon().await;
        }
    }

    /// Ends the upload when everything has arrived.
    pub(crate) async fn end(mut self) -> Result<Received, ApiError> {
        let content = std::mem::take(&mut self.content).finish();
        if let Some(receiver) = &mut self.receiver {
            match receiver.accept(content.clone()).await {
                Ok(created) => return Ok(Received::Created(Box::new(created))),
                Err(error) => self.failed(error).await?,
            }
        }
        match self.existing {
            Some(root) => Ok(Received::Exists(root, content)),
            None => Err(self.exchange.internal("an upload without a receiver")),
        }
    }
}

/// The client's own meanings of the file's columns: the part `mapping`, else the header, else the
/// parameter.
pub(crate) fn mapping(exchange: &Exchange, upload: &Upload) -> Result<Mapping, ApiError> {
    let part = upload.mapping()?;
    let parameter = exchange.request.query.get_once("mapping")?;
    let header = exchange.request.header("x-import-mapping");
    match header.filter(|json| !json.is_empty()).or(parameter) {
        Some(json) if part.is_empty() => api::request::mapping(json.as_bytes()),
        _ => Ok(part),
    }
}

/// Whether the request's parameter `keepFailedPhotos` says so.
pub(crate) fn asks_to_keep_failed(exchange: &Exchange) -> Result<bool, ApiError> {
    api::request::keep_failed_photos(exchange.request.query.get_once("keepFailedPhotos")?)
}

/// Stores the request's files as they come. Nothing stays of an upload that is refused.
async fn receive(
    exchange: &Exchange,
    kind: Kind,
    new: &NewJob,
    body: &mut Body,
) -> Result<Received, ApiError> {
    let settings = &exchange.config.settings;
    let content_type = exchange.request.header("content-type").unwrap_or_default();
    let mut upload = Upload::new(kind, content_type, &settings.limits)?;
    while !upload.is_recognised()? {
        feed(body, &mut upload).await?;
    }
    let keep_failed = match kind {
        Kind::Photos => asks_to_keep_failed(exchange)?,
        Kind::Csv => false,
    };
    client::admit(exchange, new.name.id()).await?;
    let mut storing = Storing::begin(exchange, new).await?;
    let written = match write_down(body, kind, &mut upload, &mut storing).await {
        Ok(()) => mapping(exchange, &upload).and_then(|mapping| {
            let in_form = upload.keep_failed_photos()?;
            Ok((mapping, in_form, upload.client_ref()?))
        }),
        Err(error) => Err(error),
    };
    match written {
        Ok((mapping, in_form, client_ref)) => {
            storing.mapping(mapping);
            storing.client_ref(client_ref);
            if in_form.unwrap_or(keep_failed) {
                storing.keep_failed_photos();
            }
            storing.end().await
        }
        Err(error) => {
            storing.abandon().await;
            Err(error)
        }
    }
}

/// Passes the body's next chunk, or its end, to the upload.
async fn feed(body: &mut Body, upload: &mut Upload) -> Result<(), ApiError> {
    match body.chunk().await {
        Ok(Some(chunk)) => upload.feed(chunk.into()),
        Ok(None) => upload.end(),
        Err(Disconnected) => return Err(ApiError::invalid_body("broke off")),
    }
    Ok(())
}

async fn write_down(
    body: &mut Body,
    kind: Kind,
    upload: &mut Upload,
    storing: &mut Storing<'_>,
) -> Result<(), ApiError> {
    let mut header = Header::default();
    let mut begun = false;
    let mut read = 0;
    let mut unpacks = false;
    loop {
        match upload.next()? {
            Event::NeedMore => feed(body, upload).await?,
            Event::File { name } => {
                if kind == Kind::Photos {
                    storing.takes(header.end()?);
                    header.next();
                }
                storing.file(&name).await?;
            }
            Event::Bytes(bytes) => {
                match kind {
                    Kind::Photos => header.feed(&bytes)?,
                    Kind::Csv if !begun => {
                        refuse_other_kinds(&bytes)?;
                        unpacks = is_workbook(&bytes);
                    }
                    Kind::Csv => {}
                }
                begun = true;
                read += bytes.len() as u64;
                storing.write(&bytes).await?;
            }
            Event::Done => {
                storing.takes(match kind {
                    Kind::Photos => header.end()?,
                    Kind::Csv => job::QueueTurn::time_to_read(read, unpacks),
                });
                return Ok(());
            }
        }
    }
}

/// Whether a file must be unpacked to be read, which takes longer than its size says.
pub(crate) fn is_workbook(head: &[u8]) -> bool {
    head.starts_with(b"PK")
}

/// Refuses a file that is clearly not CSV before a job is made of it. Doubtful files are accepted:
/// reading them decides.
pub(crate) fn refuse_other_kinds(head: &[u8]) -> Result<(), ApiError> {
    match books::other_kind(head) {
        None => Ok(()),
        Some(kind) => Err(ApiError::unsupported_media_type(format!(
            "The file is {kind}, not CSV, .xlsx or .ods: export the library as one of these and send that"
        ))),
    }
}
