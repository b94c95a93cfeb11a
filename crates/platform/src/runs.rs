//! `POST /internal/{component}/{jobId}/run`: how a job's next run is started; and the first run,
//! which follows the request that makes the job.

use job::effects::Log;
use job::handover::{Created, HandOver};
use job::work::{self, RUN_KEY_HEADER, Start, Worker};
use job::{JobId, Root, RunMode};
use serde_json::json;

use api::error::ApiError;

use crate::Spin;
use crate::exchange::{Answer, Exchange};

/// A hand-over is a few words, or at most a root.
const MAX_BODY: usize = 16 << 10;

/// The job that a path of this component's internal route names.
#[must_use]
pub fn job_of(path: &str, component: &str) -> Option<JobId> {
    let id = path
        .strip_prefix("/internal/")?
        .strip_prefix(component)?
        .strip_prefix('/')?
        .strip_suffix("/run")?;
    JobId::parse(id).ok()
}

/// Answers a request to run a job, and runs it. Without the job's run key there is no such route.
pub async fn serve(exchange: &mut Exchange, id: &JobId, worker: &impl Worker<Spin>) {
    let key = exchange.request.header(RUN_KEY_HEADER).unwrap_or_default();
    if exchange.request.method != "POST" || !exchange.config.keyring.is_run_key(id, key) {
        let answer = exchange.failure(&ApiError::no_such_route());
        return exchange.send(answer).await;
    }
    let body = exchange.request.body().all(MAX_BODY).await.ok().flatten();
    let start = match body.as_deref() {
        None | Some([]) => Start::Revived,
        Some(bytes) => match serde_json::from_slice::<HandOver>(bytes) {
            Ok(given) => Start::HandedOver(given),
            Err(error) => {
                exchange.spin.log(
                    "bad-hand-over",
                    json!({"level": "warn", "jobId": id, "message": error.to_string()}),
                );
                Start::Revived
            }
        },
    };
    let background = exchange.config.settings.run_mode == RunMode::Background;
    if background {
        exchange.send(Answer::json(202, b"{}".to_vec())).await;
    }
    let (spin, config) = (&exchange.spin, &exchange.config);
    work::run(spin, &config.settings, &config.keyring, id, start, worker).await;
    if !background {
        exchange.send(Answer::json(200, b"{}".to_vec())).await;
    }
}

/// What a request for a job came to.
pub enum Made {
    /// A new job, to be worked on.
    New(Box<Created>),
    /// The job that the same request has made before.
    Known(Box<Root>),
}

impl Made {
    /// The job.
    #[must_use]
    pub fn root(&self) -> &Root {
        match self {
            Self::New(created) => &created.root,
            Self::Known(root) => root,
        }
    }
}

/// Answers the request, and works on the job if it is new; or has it worked on, where a handler does
/// not outlive its answer.
pub async fn begin(
    exchange: &mut Exchange,
    made: Made,
    answer: Answer,
    worker: &impl Worker<Spin>,
) {
    let Made::New(created) = made else {
        return exchange.send(answer).await;
    };
    let settings = &exchange.config.settings;
    if settings.run_mode == RunMode::Inline || settings.run_budget.is_some() {
        // There is no later, or not much: the upload may have taken most of what a request may.
        start_elsewhere(exchange, &created).await;
        return exchange.send(answer).await;
    }
    exchange.send(answer).await;
    let (spin, config) = (&exchange.spin, &exchange.config);
    work::run_created(
        spin,
        &config.settings,
        &config.keyring,
        *created,
        None,
        worker,
    )
    .await;
}

/// Has another invocation work on a new job.
pub(crate) async fn start_elsewhere(exchange: &Exchange, created: &Created) {
    let (spin, config) = (&exchange.spin, &exchange.config);
    let given = created.hand_over();
    let started = work::start(
        spin,
        &config.settings,
        &config.keyring,
        &created.root,
        Some(&given),
    )
    .await;
    if let Err(error) = started {
        spin.log(
            "start-failed",
            json!({"level": "warn", "jobId": created.root.id, "message": error.to_string()}),
        );
    }
}
