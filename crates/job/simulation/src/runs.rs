//! Dispatch of runs, as `platform::runs` does it on Spin.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use job::effects::{DispatchError, RunRequest, within};
use job::{Component, Engine, HandOver, JobId, RunMode};

use crate::effects::Process;
use crate::shelf;
use crate::world::{Role, World};

/// Time-out of a caller for a run that is acknowledged at once.
const START_TIMEOUT: Duration = Duration::from_secs(2);
/// Time for which a caller of an inline run stays connected.
const INLINE_START_TIMEOUT: Duration = Duration::from_secs(1);

/// Asks for a run as the platform does: with a time-out that is no error when the run is inline.
pub(crate) async fn start(from: &Process, request: RunRequest<'_>) -> Result<(), DispatchError> {
    let mode = request.mode;
    let limit = match mode {
        RunMode::Background => START_TIMEOUT,
        RunMode::Inline => INLINE_START_TIMEOUT,
    };
    match within(from, limit, send(from, request)).await {
        Some(result) => result,
        None if mode == RunMode::Inline => Ok(()),
        None => Err(DispatchError("no answer in time".to_owned())),
    }
}

/// Sends the request on its way, with everything that can happen to it.
async fn send(from: &Process, request: RunRequest<'_>) -> Result<(), DispatchError> {
    let world = &from.world;
    let id = request.root.id.clone();
    if !world.scenario.keyring.is_run_key(&id, &request.run_key) {
        return Err(DispatchError("status 404".to_owned()));
    }
    let component = request.root.next_component();
    if component == Component::Reader && world.scenario.lacks_reader {
        return Err(DispatchError::status(404));
    }
    let start = from.hand_over(request.hand_over);
    world.note(|| format!("#{} starts {component:?} on {id}: {start:?}", from.pid));
    if world.fault(2.0) {
        world.note(|| format!("#{} is refused", from.pid));
        world.pass(world.below(200_000)).await;
        return Err(DispatchError("injected".to_owned()));
    }
    // It arrives whether the caller waits or not, and a request to revive now and then twice: many
    // may see that nobody works. A hand-over is made once, and nothing on the way may repeat a
    // POST.
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
        return Err(DispatchError("injected: the answer is lost".to_owned()));
    }
    Ok(())
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
            let engine = Engine::new(&process, &scenario.settings, &scenario.keyring);
            match component {
                Component::Scan => engine.run(&id, start, &scenario.first_stage).await,
                Component::Reader => engine.run(&id, start, &shelf::SPINES).await,
                Component::Enrichment => engine.run(&id, start, &scenario.enrichment).await,
            }
        },
        move |_| exit(),
    );
}
