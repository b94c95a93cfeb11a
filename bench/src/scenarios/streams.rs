//! Scenario of many streams on one job: the costs of one more.

use std::time::Duration;

use anyhow::{Context, ensure};
use futures::future::try_join_all;
use http_body_util::BodyExt;
use stand_ins::Fault;

use super::{importing, sample};
use crate::app::{CompiledApp, Setup};
use crate::client::ms;
use crate::figures::{Figure, Report, Statistic};

/// Time for which the processor's load is measured.
const WATCHED: Duration = Duration::from_secs(4);

/// Time after which watchers look rarely at the wave that was under way.
const SILENCE: Duration = Duration::from_secs(10);

/// Measures streams on a job that has a commit every half second, then on one that stands still.
pub(super) async fn many(compiled: &CompiledApp, report: &mut Report) -> anyhow::Result<()> {
    let name = "streams-x";
    for streams in [100_usize, 500, 900] {
        let setup = Setup {
            delay: Duration::from_millis(500),
            ..Setup::default()
        };
        let app = compiled.start(setup).await?;
        let work = importing(stand_ins::library(10_000));
        let accepted = app.client.submit(&work).await?;
        let path = accepted["sseUrl"].as_str().context("sseUrl")?;
        let alone = app.memory("VmRSS")?;
        let held = try_join_all((0..streams).map(|_| app.client.hold(path))).await?;
        let memory = (app.memory("VmRSS")? - alone) * 1024.0 / sample(streams);
        let readers: Vec<_> = held
            .into_iter()
            .map(|mut stream| {
                tokio::spawn(
                    async move { while let Some(Ok(_)) = stream.body_mut().frame().await {} },
                )
            })
            .collect();
        let running = share(&app, streams).await?;
        app.sandbox().open_library().behave(Fault::Hang.always());
        app.sandbox().google_books().behave(Fault::Hang.always());
        tokio::time::sleep(SILENCE).await;
        let idle = share(&app, streams).await?;
        for reader in readers {
            ensure!(!reader.is_finished(), "a stream ended");
            reader.abort();
        }
        let what = |what: &str| format!("{streams} streams: {what}");
        let figure = Figure::of(name, what("memory of one"), "kB", &[memory]);
        report.add(figure.goal(Statistic::P50, 300.0));
        let figure = Figure::of(name, what("of a core, one, running job"), "%", &[running]);
        report.add(figure);
        let figure = Figure::of(name, what("of a core, one, idle job"), "%", &[idle]);
        report.add(figure.goal(Statistic::P50, 0.05));
    }
    Ok(())
}

/// The share of a core, in percent, that the host uses for one of so many streams.
async fn share(app: &crate::app::App, streams: usize) -> anyhow::Result<f64> {
    let cpu = app.cpu()?;
    tokio::time::sleep(WATCHED).await;
    Ok(100.0 * ms(app.cpu()? - cpu) / ms(WATCHED) / sample(streams))
}
