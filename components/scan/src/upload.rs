//! Receiving files and making jobs of them.

use api::accepted::{LegacyBookshelf, LegacyImport, LegacyScan, LegacyScanBatch};
use api::envelope;
use api::error::ApiError;
use api::query::Query;
use api::upload::{Event, Kind, Upload};
use job::{
    CreateError, Created, JobId, MadeBy, NewJob, Pipeline, Receiver, Root, UNSEEN_JOB_GRACE,
};
use platform::client;
use platform::exchange::{Answer, Exchange};
use platform::runs::Creation;
use platform::{Body, Gone, Spin};

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
    /// `POST /scan?jobId=`, of the first app: no token, bare answers.
    Scan,
    /// `POST /api/scan-bookshelf`
    Bookshelf,
    /// `POST /api/scan-bookshelf/batch`: photos in a JSON body.
    BookshelfBatch,
}

impl Route {
    /// The route at this path.
    pub(crate) fn at(path: &str) -> Option<Self> {
        Some(match path {
            "/api/v2/imports" => Self::Imports,
            "/api/import/csv-gemini" => Self::LegacyImport,
            "/api/batch-scan" => Self::BatchScan,
            "/scan" => Self::Scan,
            "/api/scan-bookshelf" => Self::Bookshelf,
            "/api/scan-bookshelf/batch" => Self::BookshelfBatch,
            _ => return None,
        })
    }

    fn made_by(self) -> MadeBy {
        match self {
            Self::Imports => MadeBy::Imports,
            Self::LegacyImport => MadeBy::CsvGemini,
            Self::BatchScan => MadeBy::BatchScan,
            Self::Scan => MadeBy::Scan,
            Self::Bookshelf => MadeBy::ScanBookshelf,
            Self::BookshelfBatch => MadeBy::ScanBookshelfBatch,
        }
    }

    /// Whether its answer may be the job's stream: the first apps know none.
    pub(crate) fn may_stream(self) -> bool {
        matches!(self, Self::Imports | Self::BatchScan)
    }

    fn kind(self) -> Kind {
        match self {
            Self::Imports | Self::LegacyImport => Kind::Csv,
            _ => Kind::Photos,
        }
    }

    fn pipeline(self) -> Pipeline {
        match self.kind() {
            Kind::Csv => Pipeline::CsvImport,
            Kind::Photos => Pipeline::AiScan,
        }
    }

    /// The answer to whoever made the job, the first time and every time after.
    pub(crate) async fn answer(self, exchange: &Exchange, root: &Root) -> Result<Answer, ApiError> {
        if self.may_stream() {
            return exchange.accepted(root).await;
        }
        let (id, token) = (&root.id, exchange.token(root).await?);
        let answered = exchange.answered();
        let body = match self {
            Self::Scan => envelope::bare(&LegacyScan::of(id)),
            Self::BookshelfBatch => {
                envelope::success_twice(&LegacyScanBatch::of(root, &token), answered)
            }
            Self::LegacyImport => envelope::success_twice(&LegacyImport::of(id, &token), answered),
            Self::Bookshelf | Self::Imports | Self::BatchScan => {
                envelope::success_twice(&LegacyBookshelf::of(id, &token), answered)
            }
        };
        Ok(Answer::json(202, body))
    }

    /// The job that the request is to make.
    fn new_job(self, exchange: &Exchange, given: Option<JobId>) -> Result<NewJob, ApiError> {
        Ok(NewJob {
            name: exchange.name(self.made_by(), given)?,
            pipeline: self.pipeline(),
            made_by: self.made_by(),
            token: self != Self::Scan,
            provider: provider(exchange.request.header("x-ai-provider")),
        })
    }
}

/// The vision provider that a client asks for; an unknown one is the configured one.
fn provider(header: Option<&str>) -> String {
    match header.map(str::trim) {
        Some(known @ ("gemini-flash" | "gemini" | "openai" | "barcode")) => known.to_owned(),
        _ => String::new(),
    }
}

/// The same upload again is the same job; another job of that name is in the way.
async fn creation(
    exchange: &Exchange,
    new: &NewJob,
    result: Result<Created, Refusal>,
) -> Result<Creation, ApiError> {
    match result {
        Ok(created) => {
            if exchange.took() > UNSEEN_JOB_GRACE {
                // While it came it may have been taken for one that never was.
                let _ = client::admit(exchange, &created.root.id).await;
            }
            Ok(Creation::New(Box::new(created)))
        }
        Err(Refusal::Create(CreateError::Exists(root))) if root.made_by == new.made_by => {
            Ok(Creation::Existing(root))
        }
        Err(Refusal::Create(error)) => Err(exchange.not_created(new.name.id(), error)),
        Err(Refusal::Request(error)) => Err(error),
    }
}

/// Why there is no new job.
enum Refusal {
    /// The request's fault.
    Request(ApiError),
    /// There is one, or no room, or the store failed.
    Create(CreateError),
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        Self::Request(error)
    }
}

impl From<CreateError> for Refusal {
    fn from(error: CreateError) -> Self {
        Self::Create(error)
    }
}

/// Makes a job of files in multipart or raw form.
pub(crate) async fn receive_upload(
    exchange: &Exchange,
    route: Route,
) -> Result<Creation, ApiError> {
    let query = Query::parse(&exchange.request.query);
    let given = match (route, query.get("jobId")) {
        (Route::Scan | Route::Bookshelf, Some(id)) => Some(api::request::job_id(id)),
        (Route::Scan, None) => Some(Err(ApiError::missing(
            "jobId",
            "send the job's name in the query: /scan?jobId=...",
        ))),
        _ => None,
    };
    let mut body = exchange.request.body();
    let limit = exchange.config.settings.limits.max_body_bytes;
    let new = match given
        .transpose()
        .and_then(|given| route.new_job(exchange, given))
    {
        Ok(new) => new,
        Err(error) => {
            body.drain(limit).await;
            return Err(error);
        }
    };
    let result = receive(exchange, route.kind(), &new, &mut body).await;
    if result.is_err() {
        // A client that is still sending would not see the answer.
        body.drain(limit).await;
    }
    creation(exchange, &new, result).await
}

/// Makes a job of photos in base64.
pub(crate) async fn receive_batch(exchange: &Exchange, route: Route) -> Result<Creation, ApiError> {
    let limits = &exchange.config.settings.limits;
    let body = exchange.body(limits.max_body_bytes).await?;
    let (id, photos) = api::request::scan_batch(&body, limits)?;
    drop(body);
    let new = route.new_job(exchange, Some(id))?;
    let result = store(exchange, &new, &photos).await;
    creation(exchange, &new, result).await
}

async fn store(exchange: &Exchange, new: &NewJob, photos: &[Vec<u8>]) -> Result<Created, Refusal> {
    let mut header = Header::default();
    for photo in photos {
        header.next();
        header.feed(photo)?;
        header.end()?;
    }
    client::admit(exchange, new.name.id()).await?;
    let mut receiver = exchange.engine().receive(new.clone()).await?;
    let written = async {
        for photo in photos {
            receiver.file("").await?;
            receiver.write(photo).await?;
        }
        receiver.accept().await
    };
    let result = written.await;
    if result.is_err() {
        receiver.abandon().await;
    }
    Ok(result?)
}

/// Writes the request's files down as they come. What is refused leaves nothing behind.
async fn receive(
    exchange: &Exchange,
    kind: Kind,
    new: &NewJob,
    body: &mut Body,
) -> Result<Created, Refusal> {
    let settings = &exchange.config.settings;
    let content_type = exchange.request.header("content-type").unwrap_or_default();
    let mut upload = Upload::new(kind, content_type, &settings.limits)?;
    client::admit(exchange, new.name.id()).await?;
    let mut receiver = exchange.engine().receive(new.clone()).await?;
    let received = async {
        write_down(body, kind, &mut upload, &mut receiver).await?;
        Ok(receiver.accept().await?)
    };
    let result: Result<Created, Refusal> = received.await;
    if result.is_err() {
        receiver.abandon().await;
    }
    result
}

async fn write_down(
    body: &mut Body,
    kind: Kind,
    upload: &mut Upload,
    receiver: &mut Receiver<'_, Spin>,
) -> Result<(), Refusal> {
    let mut header = Header::default();
    let mut begun = false;
    loop {
        match upload.next()? {
            Event::NeedMore => match body.chunk().await {
                Ok(Some(chunk)) => upload.feed(chunk.into()),
                Ok(None) => upload.end(),
                Err(Gone) => return Err(ApiError::invalid_body("broke off").into()),
            },
            Event::File { name } => {
                if kind == Kind::Photos {
                    header.end()?;
                    header.next();
                }
                receiver.file(&name).await?;
            }
            Event::Bytes(bytes) => {
                match kind {
                    Kind::Photos => header.feed(&bytes)?,
                    Kind::Csv if !begun => refuse_other_kinds(&bytes)?,
                    Kind::Csv => {}
                }
                begun = true;
                receiver.write(&bytes).await?;
            }
            Event::Done => {
                header.end()?;
                return Ok(());
            }
        }
    }
}

/// What is clearly no CSV is not worth a job. What is not so clear is told by reading it.
fn refuse_other_kinds(head: &[u8]) -> Result<(), ApiError> {
    match books::other_kind(head) {
        None => Ok(()),
        Some(kind) => Err(ApiError::unsupported_media_type(format!(
            "The file is {kind}, not CSV: export the library as CSV and send that"
        ))),
    }
}
