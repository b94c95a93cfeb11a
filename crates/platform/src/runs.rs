//! Starting runs: a job's next one by `POST /internal/{component}/{jobId}/run`, the first one after
//! the request that makes the job.

use std::time::Duration;

use job::effects::{DispatchError, Http, HttpError, Log, Request, RunRequest, within};
use job::{Component, Created, HandOver, JobId, Root, RunMode, Worker};
use serde_json::json;

use api::error::ApiError;

use crate::Spin;
use crate::exchange::{Exchange, Response};

/// Longest body of a hand-over, in bytes: at most a root.
const MAX_BODY: usize = 16 << 10;

/// The header that carries the run key.
const RUN_KEY_HEADER: &str = "x-run-key";
/// Time-out of a route that answers before it works.
const START_TIMEOUT: Duration = Duration::from_secs(2);
/// Time for which the caller of a route that works before it answers stays connected.
const INLINE_START_TIMEOUT: Duration = Duration::from_secs(1);

/// The name of a component in the application's routes.
fn name(component: Component) -> &'static str {
    match component {
        Component::Scan => "scan",
        Component::Reader => "reader",
        Component::Enrichment => "enrichment",
    }
}

/// Sends the request that starts a run.
pub(crate) async fn start(spin: &Spin, request: RunRequest<'_>) -> Result<(), DispatchError> {
    let RunRequest {
        root,
        hand_over,
        run_key,
        mode,
    } = request;
    let component = name(root.next_component());
    let request = Request {
        method: "POST",
        url: format!("/internal/{component}/{}/run", root.id),
        headers: vec![
            (RUN_KEY_HEADER.to_owned(), run_key),
            ("content-type".to_owned(), "application/json".to_owned()),
        ],
        body: hand_over
            .and_then(|given| serde_json::to_vec(given).ok())
            .unwrap_or_default(),
    };
    let limit = match mode {
        RunMode::Background => START_TIMEOUT,
        RunMode::Inline => INLINE_START_TIMEOUT,
    };
    let response = within(spin, limit, spin.send(request)).await;
    match response.unwrap_or(Err(HttpError::TimedOut)) {
        Ok(response) if matches!(response.status, 200 | 202) => Ok(()),
        Ok(response) => Err(DispatchError::status(response.status)),
        // It works before it answers.
        Err(HttpError::TimedOut) if mode == RunMode::Inline => Ok(()),
        Err(error) => Err(DispatchError(error.to_string())),
    }
}

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
    let hand_over = match body.as_deref() {
        None | Some([]) => None,
        Some(bytes) => match serde_json::from_slice::<HandOver>(bytes) {
            Ok(given) => Some(given),
            Err(error) => {
                exchange.spin.log(
                    "bad-hand-over",
                    json!({"level": "warn", "jobId": id, "message": error.to_string()}),
                );
                None
            }
        },
    };
    let background = exchange.config.settings.run_mode == RunMode::Background;
    if background {
        exchange.send(Response::json(202, b"{}".to_vec())).await;
    }
    exchange.engine().run(id, hand_over, worker).await;
    if !background {
        exchange.send(Response::json(200, b"{}".to_vec())).await;
    }
}

/// The outcome of a request to create a job.
pub enum Creation {
    /// A new job, to be worked on.
    New(Box<Created>),
    /// The job that the same request created before.
    Existing(Box<Root>),
}

impl Creation {
    /// The job's root.
    #[must_use]
    pub fn root(&self) -> &Root {
        match self {
            Self::New(created) => &created.root,
            Self::Existing(root) => root,
        }
    }
}

/// Responds to the request and works on the job if it is new; or has another invocation work on it,
/// where a handler does not outlive its answer.
pub async fn answer_and_run(
    exchange: &mut Exchange,
    creation: Creation,
    answer: Response,
    worker: &impl Worker<Spin>,
) {
    let Creation::New(created) = creation else {
        return exchange.send(answer).await;
    };
    let settings = &exchange.config.settings;
    if settings.run_mode == RunMode::Inline || settings.run_budget.is_some() {
        // There is no time after the answer, or not much: the upload may have used most of it.
        start_elsewhere(exchange, &created).await;
        return exchange.send(answer).await;
    }
    exchange.send(answer).await;
    exchange.engine().run_created(*created, None, worker).await;
}

/// Has another invocation work on a new job.
pub(crate) async fn start_elsewhere(exchange: &Exchange, created: &Created) {
    if let Err(error) = exchange.engine().dispatch_created(created).await {
        exchange.spin.log(
            "start-failed",
            json!({"level": "warn", "jobId": created.root.id, "message": error.to_string()}),
        );
    }
}
