//! Uploads, and the first stage of the jobs they begin; what can be uploaded.

mod photo;
mod upload;

use api::capabilities::Capabilities;
use api::error::ApiError;
use job::work::Worker;
use job::{CsvAnalysis, Pipeline, Root, Scan};
use platform::exchange::{Answer, Exchange};
use platform::{Spin, attached, config, runs};
use upload::{Route, receive_batch, receive_upload};

platform::component!("scan", handle);

/// The first stage of every kind of job that begins with an upload.
struct FirstStage {
    scan: Scan,
}

impl Worker<Spin> for FirstStage {
    fn does(&self, root: &Root) -> bool {
        Worker::<Spin>::does(&CsvAnalysis, root) || Worker::<Spin>::does(&self.scan, root)
    }

    async fn work(
        &self,
        run: &mut job::run::Run<'_, Spin>,
    ) -> Result<job::work::Done, job::storage::Stop> {
        match run.root.pipeline {
            Pipeline::AiScan => self.scan.work(run).await,
            Pipeline::CsvImport | Pipeline::BatchEnrichment => CsvAnalysis.work(run).await,
        }
    }
}

fn worker() -> FirstStage {
    FirstStage {
        scan: config::scan(),
    }
}

/// What is configured, and every limit: answered here because this component has the providers'
/// configuration, and its keys are nobody else's.
fn capabilities(x: &Exchange) -> Answer {
    let features = config::features(x.config.sandbox);
    let capabilities = Capabilities::of(
        env!("CARGO_PKG_VERSION"),
        features,
        &x.config.settings,
        config::scan().confidence_threshold,
    );
    x.success(200, &capabilities)
}

async fn handle(x: &mut Exchange) {
    if let Some(id) = runs::job_of(&x.request.path, "scan") {
        return runs::serve(x, &id, &worker()).await;
    }
    if x.request.path == "/api/v2/capabilities" {
        let answer = match x.request.method.as_str() {
            "GET" | "HEAD" => capabilities(x),
            _ => x.failure(&ApiError::method_not_allowed("GET, OPTIONS")),
        };
        return x.send(answer).await;
    }
    let Some(route) = Route::at(&x.request.path) else {
        let answer = x.failure(&ApiError::no_such_route());
        return x.send(answer).await;
    };
    let result = match (x.request.method.as_str(), route) {
        ("POST", Route::BookshelfBatch) => receive_batch(x, route).await,
        ("POST", _) => receive_upload(x, route).await,
        _ => Err(ApiError::method_not_allowed("POST, OPTIONS")),
    };
    let answered = match result {
        Ok(made) if route.may_stream() && attached::is_asked(x) => {
            attached::begin(x, made, &worker()).await
        }
        Ok(made) => match route.answer(x, made.root()).await {
            Ok(answer) => {
                runs::begin(x, made, answer, &worker()).await;
                Ok(())
            }
            Err(error) => Err(error),
        },
        Err(error) => Err(error),
    };
    if let Err(error) = answered {
        let answer = x.failure(&error);
        x.send(answer).await;
    }
}
