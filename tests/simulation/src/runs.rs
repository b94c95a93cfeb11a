//! The internal route, and the runs that it starts: what `platform::runs` is to Spin.

use std::cell::Cell;
use std::rc::Rc;

use job::effects::{HttpError, Request, Response};
use job::handover::HandOver;
use job::run::Run;
use job::storage::Stop;
use job::work::{self, RUN_KEY_HEADER, StageOutcome, Start, Worker};
use job::{CsvAnalysis, JobId, Pipeline, Root, RunMode, Scan};

use crate::effects::Process;
use crate::world::{Role, World};

/// Sends a request to the application itself.
pub(crate) async fn request(from: &Process, request: &Request) -> Result<Response, HttpError> {
    let world = &from.world;
    let Some((component, id)) = route(&request.url) else {
        return Ok(status(404));
    };
    let key = request
        .headers
        .iter()
        .find(|(name, _)| name == RUN_KEY_HEADER)
        .map_or("", |(_, key)| key);
    if !world.scenario.keyring.is_run_key(&id, key) {
        return Ok(status(404));
    }
    let start = match request.body.as_slice() {
        [] => None,
        body => serde_json::from_slice::<HandOver>(body).ok(),
    };
    world.note(|| format!("#{} starts {component:?} on {id}: {start:?}", from.pid));
    if world.fault(2.0) {
        world.note(|| format!("#{} is refused", from.pid));
        world.pass(world.below(200_000)).await;
        return Err(HttpError::Failed("injected".to_owned()));
    }
    // It arrives whether the caller waits or not, and a request to revive now and then twice: many
    // may see that nobody works. A hand-over is made once, and nothing on the way may repeat a POST.
    let twice = (start.is_none() || !world.scenario.bounded) && world.fault(0.5);
    let arrivals = if twice { 2 } else { 1 };
    let ended = Rc::new(Cell::new(false));
    for _ in 0..arrivals {
        let delay = if world.fault(1.0) {
            world.below(8_000_000)
        } else {
            world.below(2_000)
        };
        let (id, start, ended) = (id.clone(), start.clone(), Rc::clone(&ended));
        world.act_in(delay, move |world| {
            run(world, component, id, start, move || ended.set(true));
        });
    }
    let answer_lost = world.fault(1.0);
    match world.scenario.settings.run_mode {
        RunMode::Background => world.pass(2_500 + world.below(2_000)).await,
        RunMode::Inline => {
            while !ended.get() {
                world.pass(100_000).await;
            }
        }
    }
    if answer_lost {
        return Err(HttpError::Failed("injected: the answer is lost".to_owned()));
    }
    Ok(status(202))
}

fn status(status: u16) -> Response {
    Response {
        status,
        headers: Vec::new(),
        body: b"{}".to_vec(),
    }
}

/// What the scan component does.
pub(crate) struct FirstStage<'a>(pub &'a Scan);

impl Worker<Process> for FirstStage<'_> {
    fn handles(&self, root: &Root) -> bool {
        Worker::<Process>::handles(&CsvAnalysis, root) || Worker::<Process>::handles(self.0, root)
    }

    async fn work(&self, run: &mut Run<'_, Process>) -> Result<StageOutcome, Stop> {
        match run.root.pipeline {
            Pipeline::AiScan => self.0.work(run).await,
            Pipeline::CsvImport | Pipeline::BatchEnrichment => CsvAnalysis.work(run).await,
        }
    }
}

/// The components that do stages.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Component {
    Scan,
    Enrichment,
}

fn route(path: &str) -> Option<(Component, JobId)> {
    let rest = path.strip_prefix("/internal/")?.strip_suffix("/run")?;
    let (component, id) = rest.split_once('/')?;
    let component = match component {
        "scan" => Component::Scan,
        "enrichment" => Component::Enrichment,
        _ => return None,
    };
    Some((component, JobId::parse(id).ok()?))
}

fn run(
    world: &Rc<World>,
    component: Component,
    id: JobId,
    start: Option<HandOver>,
    exit: impl FnOnce() + 'static,
) {
    let scenario = Rc::clone(&world.scenario);
    world.spawn(
        Role::Run,
        move |process| async move {
            let start = start.map_or(Start::Revived, Start::HandedOver);
            let (settings, keyring) = (&scenario.settings, &scenario.keyring);
            match component {
                Component::Scan => {
                    let worker = FirstStage(&scenario.scan);
                    work::run(&process, settings, keyring, &id, start, &worker).await;
                }
                Component::Enrichment => {
                    let worker = &scenario.enrichment;
                    work::run(&process, settings, keyring, &id, start, worker).await;
                }
            }
        },
        move |_| exit(),
    );
}
