//! The host is killed again and again, at moments that a seed decides, and started again on what
//! its store holds, while clients make jobs and poll, stream and hold sockets as if nothing were.
//!
//! `CRASH_SEED` repeats the moments of a run, as far as a machine repeats anything.

use crate::app;
use crate::photos;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use app::http::{Request, Response};
use app::sse::{Event, Stream};
use app::{App, Job, LIBRARY, LIBRARY_ROWS, Setup, assert_adds_up, count, eventually};
use serde_json::{Value, json};
use tungstenite::{Message, WebSocket};

/// How long a client waits before it asks again.
const PAUSE: Duration = Duration::from_millis(40);
/// A job that has not ended by then never will.
const TIME_LIMIT: Duration = Duration::from_secs(150);

/// Kills that take longer than that have met no jobs.
const ALL_KILLS: Duration = Duration::from_secs(600);

/// A watched job goes on within 5 s of a start; that much more is for a machine that does other
/// things besides.
const SOON: Duration = Duration::from_secs(30);

/// The application as its clients know it: its address, and what it has done since it was last
/// started.
#[derive(Clone)]
struct Target(Arc<Mutex<State>>);

struct State {
    address: SocketAddr,
    /// Time of the last start, by this clock and by the application's.
    started: (Instant, String),
    /// The jobs that a client follows and that have not progressed since then.
    awaited: BTreeSet<String>,
    /// Time that each job took from a start to its next progress.
    waits: Vec<Duration>,
}

impl Target {
    fn at(app: &App) -> Self {
        Self(Arc::new(Mutex::new(State {
            address: app.address(),
            started: (Instant::now(), server_time(app)),
            awaited: BTreeSet::new(),
            waits: Vec::new(),
        })))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    fn request(&self, method: &str, path: &str) -> Request {
        Request::new(self.lock().address, method, path)
    }

    /// Kills the application and starts it again.
    fn crash(&self, app: &mut App, open: &BTreeSet<String>) {
        app.kill();
        app.start_again();
        let started = (Instant::now(), server_time(app));
        let mut state = self.lock();
        state.address = app.address();
        state.started = started;
        state.awaited.clone_from(open);
    }

    /// Records an event that a client was sent about a job.
    fn record(&self, job: &str, event: &Event) {
        let mut state = self.lock();
        let updated = event.data["updatedAt"].as_str().unwrap_or_default();
        if updated > state.started.1.as_str() && state.awaited.remove(job) {
            let wait = state.started.0.elapsed();
            state.waits.push(wait);
        }
    }
}

fn server_time(app: &App) -> String {
    let health = app.get("/health").json();
    health["metadata"]["timestamp"].as_str().unwrap().to_owned()
}

/// Asks until a whole answer comes that is none of a store that cannot be asked.
fn ask(what: &str, request: impl Fn() -> Request) -> Response {
    let start = Instant::now();
    loop {
        if let Some(answer) = request().try_send()
            && answer.status() != 503
        {
            return answer;
        }
        assert!(start.elapsed() < TIME_LIMIT, "{what} is not answered");
        thread::sleep(PAUSE);
    }
}

/// The kinds of jobs, each with results of its own to check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Import,
    Enrichment,
    Scan,
}

/// The books of an enrichment, some of them unknown to every provider.
fn isbns() -> Vec<String> {
    let mut library = csv::Reader::from_reader(LIBRARY);
    let known = library
        .records()
        .filter_map(|row| Some(row.ok()?.get(6)?.trim_matches(['=', '"']).to_owned()))
        .filter(|isbn| isbn.len() == 13)
        .take(200);
    known.collect()
}

/// A job and the clients that watch it, from its creation to its end.
struct WatchedJob {
    kind: Kind,
    id: Arc<Mutex<Option<String>>>,
    clients: JoinHandle<Ended>,
}

/// The end of a job, as its clients were told.
struct Ended {
    job: Job,
    status: Value,
    /// The books, as the stream said them.
    books: Vec<Value>,
}

impl WatchedJob {
    fn begin(target: &Target, kind: Kind, key: String) -> Self {
        let (target, id) = (target.clone(), Arc::new(Mutex::new(None)));
        let known = id.clone();
        let clients = thread::spawn(move || {
            let job = create(&target, kind, &key);
            *known.lock().unwrap() = Some(job.id.clone());
            let follow = spawn(&target, &job, follow);
            let poll = spawn(&target, &job, poll);
            let hold = spawn(&target, &job, hold);
            let (told, books) = follow.join().unwrap();
            let status = poll.join().unwrap();
            let last = hold.join().unwrap();
            assert_eq!(told.data["status"], status["status"], "one outcome");
            let ended = status["status"] == "completed";
            let kind = if ended { "job_complete" } else { "error" };
            assert_eq!(last["type"], kind, "one outcome");
            Ended { job, status, books }
        });
        Self { kind, id, clients }
    }

    fn is_over(&self) -> bool {
        self.clients.is_finished()
    }
}

fn spawn<T: Send + 'static>(
    target: &Target,
    job: &Job,
    client: fn(&Target, &Job) -> T,
) -> JoinHandle<T> {
    let (target, job) = (target.clone(), job.clone());
    thread::spawn(move || client(&target, &job))
}

/// Makes a job; who is not answered asks for the same one again.
fn create(target: &Target, kind: Kind, key: &str) -> Job {
    let answer = ask("a creation", || {
        let path = match kind {
            Kind::Import => "/api/v2/imports",
            Kind::Enrichment => "/api/batch-enrich",
            Kind::Scan => "/api/batch-scan",
        };
        let request = target.request("POST", path).header("idempotency-key", key);
        match kind {
            Kind::Import => request.form("file", "library.csv", LIBRARY),
            Kind::Enrichment => request.json(&json!({"barcodes": isbns()})),
            Kind::Scan => photos::form(request, &[photos::SHELF, &photos::spines(3)]),
        }
    });
    Job::of(&answer.data(202))
}

/// Polls to the end; answers the final status.
fn poll(target: &Target, job: &Job) -> Value {
    let (mut progress, mut processed, mut total) = (0.0, 0, 0);
    loop {
        let answer = ask("a poll", || target.request("GET", &job.status_url));
        let status = answer.data(200);
        let now = (
            status["progress"].as_f64().unwrap(),
            count(&status, "processedCount"),
        );
        assert!(
            now.0 >= progress && now.1 >= processed,
            "{status} after {progress}"
        );
        assert!(
            total == 0 || count(&status, "totalCount") == total,
            "{status}"
        );
        (progress, processed) = now;
        total = count(&status, "totalCount");
        if !matches!(
            status["status"].as_str(),
            Some("initialized" | "processing")
        ) {
            return status;
        }
        thread::sleep(PAUSE);
    }
}

/// Streams to the end, with books; answers the last event and the books.
fn follow(target: &Target, job: &Job) -> (Event, Vec<Value>) {
    let start = Instant::now();
    let (mut last, mut books) = (None::<Event>, Vec::new());
    let (mut progress, mut position) = (0.0, None);
    loop {
        let mut request = target.request("GET", &format!("{}?books=1", job.sse_url));
        if let Some(last) = &last {
            request = request.header("last-event-id", &last.id);
        }
        let mut stream = Stream::try_open(request);
        while let Some(event) = stream.as_mut().and_then(Stream::event) {
            assert!(
                Some(event.position()) > position,
                "{event:?} after {position:?}"
            );
            position = Some(event.position());
            if event.name == "book" {
                assert_eq!(
                    count(&event.data, "index"),
                    books.len() as u64,
                    "in order, once"
                );
                books.push(event.data["book"].clone());
            } else {
                assert!(event.progress() >= progress, "{event:?} after {progress}");
                progress = event.progress();
                target.record(&job.id, &event);
            }
            if event.is_terminal() {
                return (event, books);
            }
            last = Some(event);
        }
        assert!(start.elapsed() < TIME_LIMIT, "no end, but {last:?}");
        thread::sleep(PAUSE);
    }
}

/// Holds a socket, and opens another when it breaks; answers the last message.
fn hold(target: &Target, job: &Job) -> Value {
    let start = Instant::now();
    let mut processed = 0;
    loop {
        let mut socket = connect(target, job);
        while let Some(message) = socket.as_mut().and_then(next) {
            let kind = message["type"].as_str().unwrap().to_owned();
            if matches!(kind.as_str(), "job_complete" | "error") {
                return message;
            }
            if let Some(now) = message["payload"]["processedCount"].as_u64() {
                assert!(now >= processed, "{message} after {processed}");
                processed = now;
            }
        }
        assert!(start.elapsed() < TIME_LIMIT, "no end on a socket");
        thread::sleep(PAUSE);
    }
}

fn connect(target: &Target, job: &Job) -> Option<WebSocket<TcpStream>> {
    let address = target.lock().address;
    let stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(app::TIME_LIMIT)).ok()?;
    let query = format!("jobId={}&token={}&schema=2.0.0", job.id, job.token);
    let url = format!("ws://{address}/ws/progress?{query}");
    tungstenite::client(url, stream)
        .ok()
        .map(|(socket, _)| socket)
}

/// The next message; `None` when the socket is broken or closed.
fn next(socket: &mut WebSocket<TcpStream>) -> Option<Value> {
    loop {
        match socket.read().ok()? {
            Message::Text(text) => return Some(serde_json::from_str(&text).unwrap()),
            Message::Close(_) => return None,
            _ => {}
        }
    }
}

/// The titles on each photo of a scan.
type Shelves = BTreeMap<u64, BTreeSet<String>>;

/// The books of a scan during which the host is not killed.
fn undisturbed(app: &App, target: &Target) -> Shelves {
    let job = create(target, Kind::Scan, "undisturbed");
    assert_eq!(app.finish(&job)["status"], "completed");
    let shelves = shelves(&app.results(&job));
    assert_eq!(shelves.len(), 2, "{shelves:?}");
    shelves
}

fn shelves(results: &Value) -> Shelves {
    let mut shelves = Shelves::new();
    for book in results["books"].as_array().unwrap() {
        let shelf = shelves.entry(count(book, "photoIndex")).or_default();
        let title = book["title"].as_str().unwrap().to_owned();
        assert!(shelf.insert(title), "twice: {book}");
    }
    shelves
}

/// Checks that nothing is lost and nothing doubled.
fn check(app: &App, kind: Kind, ended: &Ended, seen: &Shelves) {
    let Ended { job, status, books } = ended;
    assert_eq!(&app.status(job), status, "the outcome stays");
    let outcome = status["status"].as_str().unwrap();
    if kind == Kind::Scan && outcome == "failed" {
        // A photo that was cut off three times is not looked at again.
        assert_eq!(status["error"]["code"], "E_INTERNAL", "{status}");
        return;
    }
    assert_eq!(outcome, "completed", "{status}");
    let results = app.results(job);
    let results_books = results["books"].as_array().unwrap();
    assert_eq!(books, results_books, "the stream has said every book once");
    match kind {
        Kind::Import => assert_adds_up(&results, LIBRARY_ROWS),
        Kind::Enrichment => {
            let found: Vec<&str> = results_books
                .iter()
                .map(|book| book["isbn"].as_str().unwrap())
                .collect();
            let asked = isbns();
            assert_eq!(found.len(), asked.len());
            assert_eq!(found.iter().collect::<BTreeSet<_>>().len(), found.len());
        }
        Kind::Scan => {
            let mut expected = seen.clone();
            for photo in results["photos"].as_array().unwrap() {
                if photo["status"] != "complete" {
                    assert_eq!(photo["error"], "E_INTERNAL", "{photo}");
                    expected.remove(&count(photo, "index"));
                }
            }
            assert_eq!(shelves(&results), expected, "all that is on the photos");
        }
    }
}

/// The source of random moments; prints the seed that repeats them.
fn seeded() -> fastrand::Rng {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let seed = match std::env::var("CRASH_SEED") {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => now.as_nanos() as u64,
    };
    println!("CRASH_SEED={seed}");
    fastrand::Rng::with_seed(seed)
}

/// Makes jobs of all kinds until there were so many `kills`, at least one of each kind, and lets
/// them end. After a start the next kill comes at a moment of `until_kill`, in ms; or so long after
/// every job has progressed. A machine whose jobs are over before that is killed sooner.
fn survive(app: &mut App, kills: u32, mut until_kill: std::ops::Range<u64>, patient: bool) {
    let mut random = seeded();
    let target = Target::at(app);
    let mut watched: Vec<WatchedJob> = Vec::new();
    let seen = undisturbed(app, &target);
    // By kind, outcome, and whether the host was killed while it was open.
    let mut outcomes: BTreeMap<(Kind, String, bool), u32> = BTreeMap::new();
    let mut disturbed: BTreeSet<String> = BTreeSet::new();
    let (mut killed, mut rounds) = (0, 0);
    let mut met = true;
    let start = Instant::now();
    loop {
        if watched.iter().all(WatchedJob::is_over) {
            for job in watched.drain(..) {
                let ended = job.clients.join().unwrap();
                check(app, job.kind, &ended, &seen);
                let outcome = ended.status["status"].as_str().unwrap().to_owned();
                let outcome = (job.kind, outcome, disturbed.contains(&ended.job.id));
                *outcomes.entry(outcome).or_default() += 1;
            }
            if killed >= kills && all_survived(&outcomes) {
                break;
            }
            assert!(
                start.elapsed() < ALL_KILLS,
                "{killed} kills, and what they met: {outcomes:?}"
            );
            if !met {
                until_kill.end = (until_kill.end * 3 / 4).max(until_kill.start + 50);
            }
            met = false;
            rounds += 1;
            for kind in [Kind::Import, Kind::Enrichment, Kind::Scan] {
                watched.push(WatchedJob::begin(
                    &target,
                    kind,
                    format!("{kind:?}-{rounds}"),
                ));
            }
        }
        let moment = Instant::now() + Duration::from_millis(random.u64(until_kill.clone()));
        while Instant::now() < moment && !watched.iter().all(WatchedJob::is_over) {
            thread::sleep(Duration::from_millis(5));
        }
        if killed >= kills && all_survived(&outcomes) {
            continue;
        }
        let open: BTreeSet<String> = watched
            .iter()
            .filter(|job| !job.is_over())
            .filter_map(|job| job.id.lock().unwrap().clone())
            .collect();
        if open.is_empty() {
            continue;
        }
        target.crash(app, &open);
        met = true;
        killed += 1;
        disturbed.extend(open);
        if patient {
            eventually("every job goes on", || {
                target.lock().awaited.is_empty() || watched.iter().all(WatchedJob::is_over)
            });
        }
    }
    assert_eq!(app.uploads(), 0, "{:?}", app.job_keys());
    let mut waits = target.lock().waits.clone();
    waits.sort();
    let longest = waits[waits.len() - 1];
    println!(
        "{killed} kills in {:.0} s, {rounds} rounds: {outcomes:?}; from a start to a job's next progress: \
         median {:?}, longest {:?} of {}",
        start.elapsed().as_secs_f64(),
        waits[waits.len() / 2],
        longest,
        waits.len(),
    );
    assert!(longest < SOON, "a job waits {longest:?}");
}

/// Whether a job of each kind was completed though the host was killed while it was open.
fn all_survived(outcomes: &BTreeMap<(Kind, String, bool), u32>) -> bool {
    [Kind::Import, Kind::Enrichment, Kind::Scan]
        .map(|kind| (kind, "completed".to_owned(), true))
        .iter()
        .all(|survived| outcomes.contains_key(survived))
}

#[test]
fn jobs_survive_fifty_kills() {
    let mut app = Setup::new()
        .provider_delay(Duration::from_millis(40))
        .tuning("wave_items=20 lease=600 lease_renew=200 write_delay=100")
        .start();
    survive(&mut app, 50, 100..1_800, false);
}

/// With the leases of production.
#[test]
fn jobs_go_on_soon_after_a_start() {
    let mut app = Setup::new()
        .provider_delay(Duration::from_millis(100))
        .tuning("wave_items=20")
        .start();
    survive(&mut app, 6, 100..700, true);
}
