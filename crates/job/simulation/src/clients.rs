//! The clients: they make jobs, stream, poll and cancel them until they have seen what they wanted,
//! whatever becomes of the processes that serve them.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use books::{Edition, Provider, Record, Work};
use futures::future::{Either, join, select};
use job::effects::{Clock, Entropy};
use job::{
    Cancellation, ChooseError, ChosenBy, CreateError, Created, Engine, Feed, Inspection, Item,
    JobId, MadeBy, Name, NewJob, Next, Outcome, Pick, Pipeline, Position, RetryError, Root,
    RunMode, Stop, StoreLag, Watcher,
};

use crate::checks::{ClientView, EXPIRED};
use crate::effects::Process;
use crate::mutation::Mutation;
use crate::scenario::{EPOCH, JobPlan, Scenario, Variant, micros};
use crate::world::{Micros, Role, World};

/// Pause before a client that was not answered asks again, in microseconds.
const AGAIN: Micros = 700_000;
/// Pause before a client for which there was no room asks again, in microseconds.
const AGAIN_WHEN_FULL: Micros = 60_000_000;

/// All clients of a schedule.
pub(crate) struct Clients {
    /// Number of clients that wait for something.
    pub waiting: Rc<Cell<usize>>,
}

impl Clients {
    /// The clients of those jobs that are `chosen`.
    pub(crate) fn begin(world: &Rc<World>, chosen: impl Fn(&JobPlan) -> bool) -> Self {
        let waiting = Rc::new(Cell::new(0));
        for (n, plan) in world.scenario.jobs.iter().enumerate() {
            if chosen(plan) {
                Job::begin(world, n, &waiting);
            }
        }
        Self { waiting }
    }

    /// Clients that say which book a book of each ended job is, some of them at the same time.
    pub(crate) fn choose(world: &Rc<World>) -> Self {
        let waiting = Rc::new(Cell::new(0));
        let ended = world.checks.borrow().ended_jobs();
        for (id, _) in ended {
            let all_at_once = world.chance(0.5);
            for number in 0..=world.below(3) {
                let choosing = Rc::new(Choosing {
                    job: id.clone(),
                    place: world.below(1_000),
                    title: format!("Chosen {number}"),
                    waiting: Rc::clone(&waiting),
                });
                waiting.set(waiting.get() + 1);
                let at = world.below(if all_at_once { 20_000 } else { 3_000_000 });
                world.act_in(at, move |world| choosing.ask(world));
            }
        }
        Self { waiting }
    }

    /// Clients that want every ended job tried again.
    pub(crate) fn retry(world: &Rc<World>) -> Self {
        let waiting = Rc::new(Cell::new(0));
        let ended = world.checks.borrow().ended_jobs();
        for (id, plan) in ended {
            let job = Rc::new(Job {
                plan,
                retries: Some(id),
                accepted: RefCell::new(None),
                waiting: Rc::clone(&waiting),
            });
            for _ in 0..=world.below(2) {
                let job = Rc::clone(&job);
                job.wait();
                let at = world.below(1_000_000);
                world.act_in(at, move |world| job.create(world));
            }
        }
        Self { waiting }
    }
}

/// One job as its clients know it.
struct Job {
    plan: usize,
    /// The ended job that this one retries.
    retries: Option<JobId>,
    accepted: RefCell<Option<JobId>>,
    waiting: Rc<Cell<usize>>,
}

impl Job {
    fn begin(world: &Rc<World>, plan: usize, waiting: &Rc<Cell<usize>>) {
        let job = Rc::new(Self {
            plan,
            retries: None,
            accepted: RefCell::new(None),
            waiting: Rc::clone(waiting),
        });
        let JobPlan {
            begins, creators, ..
        } = world.scenario.jobs[plan];
        for _ in 0..creators {
            let job = Rc::clone(&job);
            job.wait();
            let at = begins + world.below(if world.chance(0.5) { 20_000 } else { 2_000_000 });
            world.act_in(at, move |world| job.create(world));
        }
    }

    fn wait(&self) {
        self.waiting.set(self.waiting.get() + 1);
    }

    fn done(&self) {
        self.waiting.set(self.waiting.get() - 1);
    }

    /// Asks for the job until it is accepted.
    fn create(self: Rc<Self>, world: &Rc<World>) {
        let asker = Rc::new(JobRequest {
            job: Rc::clone(&self),
            answered: Cell::new(false),
            client: RefCell::new(None),
        });
        let again = Rc::new(Cell::new(AGAIN));
        let (asking, pause) = (Rc::clone(&asker), Rc::clone(&again));
        world.spawn(
            Role::Creator,
            move |process| async move {
                if let Some(id) = &asking.job.retries {
                    serve_retry(&process, &asking, id).await;
                } else if serve_creation(&process, &asking).await == Some(Full) {
                    pause.set(AGAIN_WHEN_FULL);
                }
            },
            move |world| {
                if asker.answered.get() {
                    return asker.leave(world);
                }
                world.act_in(again.get(), move |world| self.create(world));
            },
        );
    }

    fn accepted(self: &Rc<Self>, world: &Rc<World>, id: &JobId) {
        self.done();
        world.note(|| format!("   {id} is accepted"));
        world.checks.borrow_mut().accepted(id, world.now());
        if self.accepted.borrow_mut().replace(id.clone()).is_some() {
            return;
        }
        let plan = &world.scenario.jobs[self.plan];
        for (n, &with_books) in plan.streams.iter().enumerate() {
            let name = format!("stream {n}{}", if with_books { " with books" } else { "" });
            Client::begin(self, world, name, Kind::Stream { with_books });
        }
        for n in 0..plan.pollers {
            Client::begin(self, world, format!("poller {n}"), Kind::Poll);
        }
        if let Some(after) = plan.cancel_after {
            let job = Rc::clone(self);
            self.wait();
            let id = id.clone();
            world.act_in(after, move |world| job.cancel(world, id));
        }
    }

    /// Asks for the job to be stopped until there is an answer.
    fn cancel(self: Rc<Self>, world: &Rc<World>, id: JobId) {
        let answered = Rc::new(Cell::new(false));
        let told = Rc::clone(&answered);
        let name = id.clone();
        world.spawn(
            Role::Cancel,
            move |process| async move {
                let world = &process.world;
                let asked = world.now();
                match engine(&process, &world.scenario).cancel(&name).await {
                    Ok(Cancellation::Ended(root)) => {
                        let mut checks = world.checks.borrow_mut();
                        checks.check_poll("canceller", &mut ClientView::default(), &root);
                        told.set(true);
                    }
                    Ok(Cancellation::Canceling(_)) => told.set(true),
                    Ok(Cancellation::Missing) => {
                        let mut checks = world.checks.borrow_mut();
                        checks.check_missing("canceller", &name, asked, lag(&world.scenario));
                    }
                    Err(_) => {}
                }
            },
            move |world| {
                if answered.get() {
                    self.done();
                } else {
                    world.act_in(AGAIN, move |world| self.cancel(world, id));
                }
            },
        );
    }
}

/// A person's choice for one book of a job.
struct Choosing {
    job: JobId,
    /// Tells the book, whatever number of books the job has.
    place: u64,
    /// Title of the book that is chosen; every fourth person chooses none.
    title: String,
    waiting: Rc<Cell<usize>>,
}

impl Choosing {
    /// Makes the choice until there is an answer.
    fn ask(self: Rc<Self>, world: &Rc<World>) {
        let answered = Rc::new(Cell::new(false));
        let (told, choosing) = (Rc::clone(&answered), Rc::clone(&self));
        world.spawn(
            Role::Chooser,
            move |process| async move {
                if choosing.serve(&process).await.is_some() {
                    told.set(true);
                }
            },
            move |world| {
                if answered.get() {
                    self.waiting.set(self.waiting.get() - 1);
                } else {
                    world.act_in(AGAIN, move |world| self.ask(world));
                }
            },
        );
    }

    /// Does what a component does with the choice; `None` when the client is not answered.
    async fn serve(&self, process: &Process) -> Option<()> {
        let world = &process.world;
        let scenario = Rc::clone(&world.scenario);
        let engine = engine(process, &scenario);
        let Inspection::Ended(ended) = engine.inspect(&self.job).await.ok()? else {
            // A store that agrees late may still show it running.
            return None;
        };
        if ended.results() == 0 {
            return Some(());
        }
        let index = u32::try_from(self.place % u64::from(ended.results())).unwrap_or_default();
        let (pick, title) = match self.place % 4 {
            0 => (Pick::Nothing, ""),
            _ => (
                Pick::Record(ChosenBy::Work, Box::new(record(&self.title))),
                &*self.title,
            ),
        };
        (world.checks.borrow_mut()).choosing(&self.job, index, title.to_owned());
        match engine.choose(&ended, index, pick).await {
            Ok(_) => {
                world.checks.borrow_mut().chose(&self.job, index);
                world.note(|| format!("   {title:?} is chosen for book {index}"));
                Some(())
            }
            // Its results are lost.
            Err(ChooseError::NoSuchBook | ChooseError::Stop(Stop::Damaged(_)))
                if scenario.damage.is_some() =>
            {
                Some(())
            }
            Err(error) => {
                world.note(|| format!("#{} cannot choose: {error}", process.pid));
                None
            }
        }
    }
}

/// A book that somebody chooses.
fn record(title: &str) -> Record {
    Record {
        provider: Provider::OpenLibrary,
        work: Work {
            title: title.to_owned(),
            ..Work::default()
        },
        edition: Edition::default(),
        authors: Vec::new(),
        aliases: Vec::new(),
        matched: None,
    }
}

/// One request for a job.
struct JobRequest {
    job: Rc<Job>,
    answered: Cell<bool>,
    /// The client that hears of the job in the response to this request.
    client: RefCell<Option<Rc<Client>>>,
}

impl JobRequest {
    /// Records that the job is accepted. Returns the client that listens to the rest of the
    /// response, and whether it wants books.
    fn answer(&self, world: &Rc<World>, id: &JobId) -> Option<(Rc<Client>, bool)> {
        if self.answered.replace(true) {
            return None;
        }
        self.job.accepted(world, id);
        let with_books = world.scenario.jobs[self.job.plan].attached?;
        self.job.wait();
        let client = Rc::new(Client {
            job: Rc::clone(&self.job),
            id: id.clone(),
            name: format!("attached{}", if with_books { " with books" } else { "" }),
            kind: Kind::Stream { with_books },
            seen: RefCell::default(),
        });
        self.client.replace(Some(Rc::clone(&client)));
        Some((client, with_books))
    }

    /// Records that the client is told that there is nothing to try again.
    fn has_nothing_to_retry(&self) {
        if !self.answered.replace(true) {
            self.job.done();
        }
    }

    /// Ends the response, whichever way: its listener goes on elsewhere.
    fn leave(&self, world: &Rc<World>) {
        if let Some(client) = self.client.take() {
            client.go_on(world);
        }
    }

    /// Goes on with the response as the job's stream for as long as a client listens.
    async fn stream(
        &self,
        process: &Process,
        (client, with_books): (Rc<Client>, bool),
        root: Root,
        feed: Option<&Feed>,
    ) {
        let world = &process.world;
        let engine = engine(process, &world.scenario);
        let observer = engine.observer(None, with_books);
        let id = root.id.clone();
        let watcher = engine.watch(id, observer, Inspection::from_root(root));
        let watcher = match feed {
            Some(feed) => watcher.with_feed(feed),
            None => watcher,
        };
        client.follow(process, watcher, with_books).await;
        self.leave(world);
    }
}

/// The engine of a process.
fn engine<'a>(process: &'a Process, scenario: &'a Scenario) -> Engine<'a, Process> {
    Engine::new(process, &scenario.settings, &scenario.keyring)
}

/// Longest time until a store agrees that there is a job.
fn lag(scenario: &Scenario) -> Micros {
    match scenario.variant {
        Variant::Immediate => 0,
        Variant::Delayed | Variant::Replicated => micros(scenario.settings.write_delay),
    }
}

/// Does what a component does with a request to try a job again.
async fn serve_retry(process: &Process, asker: &JobRequest, id: &JobId) -> Option<()> {
    let world = &process.world;
    let scenario = Rc::clone(&world.scenario);
    let engine = engine(process, &scenario);
    let Inspection::Ended(ended) = engine.inspect(id).await.ok()? else {
        // A store that agrees late may still show it running.
        return None;
    };
    let made_by = MadeBy::Other;
    let new = NewJob {
        name: Name::Contended(scenario.keyring.retry_id(&ended, made_by)),
        pipeline: ended.pipeline,
        made_by,
        token: true,
        client: None,
        provider: String::new(),
        client_ref: String::new(),
    };
    let only = [
        Outcome::Error,
        Outcome::CircuitOpen,
        Outcome::NotFound,
        Outcome::FailedPhotos,
    ];
    world.checks.borrow_mut().expect_retry(new.name.id(), id);
    match engine.retry(&new, &ended, &only).await {
        Ok(created) => begin(process, &scenario, created, asker).await,
        Err(RetryError::Create(CreateError::Exists(root))) => {
            if let Some(listener) = asker.answer(world, &root.id) {
                asker.stream(process, listener, *root, None).await;
            }
        }
        Err(RetryError::Nothing(_)) => asker.has_nothing_to_retry(),
        // Its results are lost.
        Err(RetryError::Create(CreateError::Internal(_))) if scenario.damage.is_some() => {
            asker.has_nothing_to_retry();
        }
        Err(error) => world.note(|| format!("#{} cannot retry: {error}", process.pid)),
    }
    Some(())
}

/// The error when there is no room for a job.
#[derive(PartialEq, Eq)]
struct Full;

/// Does what the components do with a request that makes a job.
async fn serve_creation(process: &Process, asker: &JobRequest) -> Option<Full> {
    let world = &process.world;
    let scenario = Rc::clone(&world.scenario);
    let engine = engine(process, &scenario);
    let plan_no = asker.job.plan;
    let plan = &scenario.jobs[plan_no];
    let new = NewJob {
        name: match &plan.name {
            Some(id) => Name::Contended(id.clone()),
            None => Name::Ours(JobId::from_bytes(process.random())),
        },
        pipeline: plan.pipeline,
        made_by: MadeBy::Other,
        token: true,
        client: None,
        provider: String::new(),
        client_ref: String::new(),
    };
    world.checks.borrow_mut().expect_job(new.name.id(), plan_no);
    let created = match plan.pipeline {
        Pipeline::BatchEnrichment => {
            let items: Vec<Item> = plan.items.iter().cloned().map(Item::wanted).collect();
            engine.create(&new, &items).await
        }
        Pipeline::CsvImport | Pipeline::AiScan => receive(process, &new, &plan.files).await,
    };
    let created = match created {
        Ok(created) => created,
        Err(CreateError::Exists(root)) => {
            if let Some(listener) = asker.answer(world, &root.id) {
                asker.stream(process, listener, *root, None).await;
            }
            return None;
        }
        Err(CreateError::StoreFull) => {
            world.note(|| format!("#{} finds no room", process.pid));
            world
                .checks
                .borrow_mut()
                .check_refusal(&world.store.borrow());
            return Some(Full);
        }
        Err(error) => {
            world.note(|| format!("#{} cannot create: {error}", process.pid));
            return None;
        }
    };
    begin(process, &scenario, created, asker).await;
    None
}

async fn receive(
    process: &Process,
    new: &NewJob,
    files: &[Vec<u8>],
) -> Result<Created, CreateError> {
    let world = &process.world;
    let engine = engine(process, &world.scenario);
    let mut receiver = engine.receive(new.clone()).await?;
    if world.scenario.keeps_photos {
        receiver.keep_failed_photos();
    }
    let mut breaks_off = false;
    let received = async {
        for file in files {
            receiver.file("a file").await?;
            for part in file.chunks(500_000) {
                let slow = if world.chance(0.1) { 5_000_000 } else { 20_000 };
                world.pass(world.below(slow)).await;
                if world.fault(1.0) {
                    breaks_off = true;
                    return Err(CreateError::Internal("the client left".to_owned()));
                }
                receiver.write(part).await?;
            }
        }
        receiver.accept(String::new()).await
    };
    let result = received.await;
    if result.is_err() {
        world.note(|| format!("#{} abandons the upload ({breaks_off})", process.pid));
        receiver.abandon().await;
    }
    result
}

/// Does what `platform::runs` and `platform::attached` do: respond, then work; or both at the same
/// time.
async fn begin(process: &Process, scenario: &Scenario, created: Created, asker: &JobRequest) {
    let engine = engine(process, scenario);
    let world = &process.world;
    let root = created.root.clone();
    if scenario.settings.run_mode == RunMode::Inline {
        let started = engine.dispatch_created(&created).await;
        world.note(|| format!("#{} started a run: {started:?}", process.pid));
        if let Some(listener) = asker.answer(world, &root.id) {
            asker.stream(process, listener, root, None).await;
        }
        return;
    }
    let listener = asker.answer(world, &root.id);
    let feed = listener.is_some().then(Feed::default);
    let feed = feed.as_ref();
    let work = async {
        match root.pipeline {
            _ if root.retry.is_some() => {
                engine
                    .run_created(created, feed, &scenario.enrichment)
                    .await;
            }
            Pipeline::BatchEnrichment => {
                engine
                    .run_created(created, feed, &scenario.enrichment)
                    .await;
            }
            Pipeline::CsvImport | Pipeline::AiScan => {
                engine
                    .run_created(created, feed, &scenario.first_stage)
                    .await;
            }
        }
    };
    match listener {
        Some(listener) => {
            join(asker.stream(process, listener, root.clone(), feed), work).await;
        }
        None => work.await,
    }
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Stream { with_books: bool },
    Poll,
}

/// One client that watches one job.
struct Client {
    job: Rc<Job>,
    id: JobId,
    name: String,
    kind: Kind,
    seen: RefCell<ClientView>,
}

impl Client {
    fn begin(job: &Rc<Job>, world: &Rc<World>, name: String, kind: Kind) {
        let Some(id) = job.accepted.borrow().clone() else {
            return;
        };
        job.wait();
        let client = Rc::new(Self {
            job: Rc::clone(job),
            id,
            name,
            kind,
            seen: RefCell::default(),
        });
        let after = world.below(3_000_000);
        world.act_in(after, move |world| client.connect(world));
    }

    /// Asks, and asks again until the outcome is known.
    fn connect(self: Rc<Self>, world: &Rc<World>) {
        let (client, role) = (Rc::clone(&self), self.role());
        let pid = world.spawn(
            role,
            move |process| async move {
                match client.kind {
                    Kind::Poll => client.poll(&process).await,
                    Kind::Stream { with_books } => client.stream(&process, with_books).await,
                }
            },
            move |world| {
                self.go_on(world);
            },
        );
        if role == Role::Stream && world.fault(10.0) {
            let cut = world.below(3_000_000);
            world.kill_in(cut, pid);
        }
    }

    /// Asks again, if the outcome is not known yet.
    fn go_on(self: Rc<Self>, world: &Rc<World>) {
        if self.seen.borrow().over {
            return self.job.done();
        }
        let pause = self.pause(world);
        world.act_in(pause, move |world| self.connect(world));
    }

    fn role(&self) -> Role {
        match self.kind {
            Kind::Stream { .. } => Role::Stream,
            Kind::Poll => Role::Poll,
        }
    }

    /// Pause before the client asks again. On a store that agrees late, polls closer than that have
    /// no certain order.
    fn pause(&self, world: &World) -> Micros {
        let quickest = match self.kind {
            Kind::Stream { .. } => 50_000,
            Kind::Poll => 100_000 + lag(&world.scenario),
        };
        quickest
            + world.below(if world.chance(0.2) {
                4_000_000
            } else {
                500_000
            })
    }

    async fn see(&self, process: &Process) -> Option<Inspection> {
        let world = &process.world;
        let asked = world.now();
        let found = engine(process, &world.scenario)
            .inspect(&self.id)
            .await
            .ok()?;
        if found.root().is_none() {
            let mut checks = world.checks.borrow_mut();
            checks.check_missing(&self.name, &self.id, asked, lag(&world.scenario));
            // It ended, and its room was needed: there is nothing more to learn.
            self.seen.borrow_mut().over |= checks.may_be_evicted(&self.id);
            return None;
        }
        Some(found)
    }

    async fn poll(&self, process: &Process) {
        let Some(look) = self.see(process).await else {
            return;
        };
        if let Some(root) = look.root() {
            let world = &process.world;
            world.note(|| format!("   {} is told {:?} seq {}", self.name, root.stage, root.seq));
            let mut checks = world.checks.borrow_mut();
            checks.check_poll(&self.name, &mut self.seen.borrow_mut(), root);
        }
    }

    async fn stream(&self, process: &Process, with_books: bool) {
        let Some(look) = self.see(process).await else {
            return;
        };
        let world = &process.world;
        let engine = engine(process, &world.scenario);
        let last = self
            .seen
            .borrow()
            .last_id
            .as_deref()
            .and_then(Position::parse)
            .filter(|_| world.scenario.mutation != Some(Mutation::ForgetPosition));
        let mut observer = engine.observer(last, with_books);
        if let Inspection::Ended(end) = &look {
            observer.verify(end, StoreLag::Over);
            if observer.has_everything(end) {
                // The client takes this for the end; it has had the outcome, then.
                if !self.seen.borrow().over {
                    let message = format!("{} is told that nothing follows", self.name);
                    world
                        .checks
                        .borrow_mut()
                        .broken("after-the-outcome", message);
                }
                return;
            }
        }
        let watcher = engine.watch(self.id.clone(), observer, look);
        self.follow(process, watcher, with_books).await;
    }

    /// Follows a stream until it or the connection ends.
    async fn follow(&self, process: &Process, mut watcher: Watcher<'_, Process>, with_books: bool) {
        let world = &process.world;
        let deadline = (world.scenario.settings)
            .stream_budget
            .map(|budget| process.monotonic() + budget);
        loop {
            let next = {
                let next = std::pin::pin!(watcher.next());
                match deadline {
                    None => next.await,
                    Some(deadline) => {
                        let left = deadline.saturating_sub(process.monotonic());
                        match select(next, std::pin::pin!(process.sleep(left))).await {
                            Either::Left((next, _)) => next,
                            Either::Right(((), _)) => return,
                        }
                    }
                }
            };
            let Next::Notify(notification) = next else {
                return;
            };
            // Written, but the line is cut before it arrives.
            if world.fault(0.5) {
                return;
            }
            world.note(|| format!("   {} is told {:?}", self.name, notification.step));
            world.checks.borrow_mut().check_event(
                &self.name,
                &mut self.seen.borrow_mut(),
                with_books,
                &notification,
            );
            let slow = if world.fault(1.0) { 3_000_000 } else { 2_000 };
            world.pass(world.below(slow)).await;
            watcher.mark_delivered(&notification);
        }
    }
}

/// Number of those who come by at once where something is still to be told of a job.
const CROWD: usize = 8;

/// Asks for every accepted job once more; many do where the webhook is still to be told of it.
pub(crate) fn visit(world: &Rc<World>) {
    let ids = world.checks.borrow().accepted_jobs();
    for id in ids {
        let marks = [job::keys::webhook(&id), job::keys::webhook_wait(&id)];
        let is_noted = |mark: &String| world.store.borrow().latest(mark).is_some();
        let visitors = match world.scenario.settings.webhook {
            Some(_) if marks.iter().any(is_noted) => CROWD,
            _ => 1,
        };
        for _ in 0..visitors {
            let id = id.clone();
            world.spawn(
                Role::Poll,
                move |process| async move {
                    let scenario = Rc::clone(&process.world.scenario);
                    let _ = engine(&process, &scenario).inspect(&id).await;
                },
                |_| {},
            );
        }
    }
}

/// Makes room in the store.
pub(crate) fn sweep(world: &Rc<World>) {
    world.spawn(
        Role::Sweep,
        |process| async move {
            let scenario = Rc::clone(&process.world.scenario);
            let _ = engine(&process, &scenario).store_has_capacity().await;
        },
        |_| {},
    );
}

/// Leaves so many jobs in the store that ended long ago.
pub(crate) fn leave_expired(world: &Rc<World>, count: usize) {
    for n in 0..count {
        let root = format!("{EXPIRED}{n}");
        let document = serde_json::json!({
            "v": 1, "id": format!("expired-{n}"), "pipeline": "batch_enrichment",
            "route": "simulated", "token": true, "created": 1, "updated": 1, "expires": 2,
            "stage": "complete", "seq": 3, "epoch": {"term": 1, "nonce": "old"}, "fresh_until": 1,
        });
        let document = document.to_string();
        let mut store = world.store.borrow_mut();
        store.put(&root, document.as_bytes());
        store.put(&format!("{root}/end"), document.as_bytes());
        store.put(&format!("{root}/seg/1-old.0"), b"[]");
    }
}

/// Leaves the mark that the store has been swept just now.
pub(crate) fn leave_swept(world: &Rc<World>) {
    let now = (EPOCH.saturating_add(world.now())).saturating_add_signed(world.jumped()) / 1_000;
    let swept = serde_json::json!({"at": now - 2_000, "keys": 0, "next": now + 3_600_000});
    let mut store = world.store.borrow_mut();
    store.put(job::keys::SWEEP, swept.to_string().as_bytes());
}
