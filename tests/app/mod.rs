//! The application as it is served: built, started with stand-ins for its providers, asked through
//! its port.

#![allow(dead_code, reason = "every test file uses another part of it")]

pub(crate) mod http;
pub(crate) mod redis;
pub(crate) mod socket;
pub(crate) mod sse;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use host::manifest::Manifest;
use job::Root;
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};
use stand_ins::{Behaviour, Fault, Sandbox, When};

use http::{Request, Response};
use sse::{Event, Stream};

/// Time after which a test that waits for something fails.
pub(crate) const TIME_LIMIT: Duration = Duration::from_secs(30);

/// Any free port.
const ANYWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// A reader's library: 769 books.
pub(crate) const LIBRARY: &[u8] = include_bytes!("../data/goodreads_library_export.csv");
/// Number of its rows.
pub(crate) const LIBRARY_ROWS: u64 = 769;

/// The manifest's directory.
fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The directory of what is costly to make and shared by all tests: compiled components.
fn shared() -> &'static Path {
    static READY: OnceLock<PathBuf> = OnceLock::new();
    READY.get_or_init(|| {
        let shared = Path::new(env!("CARGO_TARGET_TMPDIR")).join("app");
        std::fs::create_dir_all(&shared).unwrap();
        // Several test programs may come here at once.
        let lock = File::create(shared.join("lock")).unwrap();
        lock.lock().unwrap();
        // Builds what is stale, and compiles the components for everybody.
        drop(Process::start(&shared, ANYWHERE, &[], &Launch::default()));
        shared
    })
}

/// A program of the workspace, built with the profile of the tests.
pub(crate) fn program(name: &str) -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let directory = BUILT.get_or_init(|| {
        // Tests are in `target/<profile>/deps`, programs in `target/<profile>`.
        let test = std::env::current_exe().unwrap();
        let directory = test.parent().unwrap().parent().unwrap();
        let profile = match directory.file_name().unwrap().to_str().unwrap() {
            "debug" => "dev",
            profile => profile,
        };
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--quiet", "--bin", "host", "--bin", "bookstrack"]);
        cargo.args(["--profile", profile, "--target-dir"]);
        cargo.arg(directory.parent().unwrap());
        // What cargo says of this package is not for the build scripts of others.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("CARGO_") && name != "CARGO_HOME" {
                cargo.env_remove(name);
            }
        }
        let built = cargo.current_dir(root()).status().unwrap();
        assert!(built.success(), "the programs build: {built}");
        directory.to_owned()
    });
    directory.join(name)
}

/// How a host is started.
#[derive(Clone, Default)]
struct Launch {
    arguments: Vec<String>,
    /// The number of files and connections that it may have open, if the machine's is too many.
    open_files: Option<u32>,
}

fn host(open_files: Option<u32>) -> Command {
    let host = program("host");
    let mut command = match open_files {
        None => Command::new(host),
        Some(limit) => {
            let mut shell = Command::new("sh");
            let script = format!("ulimit -n {limit} && exec \"$0\" \"$@\"");
            shell.arg("-c").arg(script).arg(host);
            shell
        }
    };
    command
        .current_dir(root())
        .env_remove("SPIN_MAX_INSTANCE_COUNT")
        .stdin(Stdio::null());
    command
}

/// A running host.
struct Process {
    child: Child,
    address: SocketAddr,
    admin: SocketAddr,
}

impl Process {
    fn start(state: &Path, listen: SocketAddr, build: &[&str], launch: &Launch) -> Self {
        let log = state.join("stderr");
        let mut child = host(launch.open_files)
            .arg("up")
            .args(build)
            .args(["--listen", &listen.to_string(), "--admin", "127.0.0.1:0"])
            .arg("--state-dir")
            .arg(state)
            .args(&launch.arguments)
            .stdout(Stdio::piped())
            .stderr(
                File::options()
                    .create(true)
                    .append(true)
                    .open(&log)
                    .unwrap(),
            )
            .spawn()
            .unwrap();
        let mut found = BTreeMap::new();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        for line in lines.map_while(Result::ok) {
            for marker in ["Serving bookstrack on http://", "Counters on http://"] {
                if let Some(rest) = line.strip_prefix(marker) {
                    let address = rest.split('/').next().unwrap();
                    found.insert(marker, address.parse::<SocketAddr>().unwrap());
                }
            }
            if found.len() == 2 {
                break;
            }
        }
        if found.len() < 2 {
            panic!("the host does not start: {}", tail(&log));
        }
        Self {
            child,
            address: found["Serving bookstrack on http://"],
            admin: found["Counters on http://"],
        }
    }
}

impl Process {
    /// Adds its counters, as a line, to what the applications of all tests have come to on a
    /// platform.
    fn note_marks(&self, platform: &str) {
        let counters = Request::new(self.admin, "GET", "/counters").send();
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("marks-{platform}.jsonl"));
        let mut file = File::options()
            .create(true)
            .append(true)
            .open(file)
            .unwrap();
        writeln!(file, "{}", counters.json()).unwrap();
    }
}

/// The last lines of a log.
fn tail(log: &Path) -> String {
    let log = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}

impl Drop for Process {
    /// Kills the process, as `kill -9` does.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The platform that `TEST_PLATFORM` holds all applications to that choose none themselves.
fn platform() -> Option<String> {
    std::env::var("TEST_PLATFORM").ok()
}

/// The clocks of the platforms' profiles, commits and looks ten times as fast. The lease is as long
/// as a busy machine may take to look at a photo.
const FASTER: &str = "lease=6000 lease_renew=1500 write_delay=500 cancel_look=100 commit_interval=100 \
                      look_min=20 look_max=100 retry=100";

/// The configuration of an application that a test starts.
pub(crate) struct Setup {
    variables: Vec<(String, String)>,
    arguments: Vec<String>,
    open_files: Option<u32>,
    stand_ins: stand_ins::Settings,
}

impl Setup {
    pub(crate) fn new() -> Self {
        Self {
            variables: Vec::new(),
            arguments: Vec::new(),
            open_files: None,
            stand_ins: stand_ins::Settings::default(),
        }
    }

    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn tuning(self, tuning: &str) -> Self {
        self.variable("tuning", tuning)
    }

    /// The number of files and connections that the host may have open.
    pub(crate) fn open_files(mut self, limit: u32) -> Self {
        self.open_files = Some(limit);
        self
    }

    /// An argument of the host.
    pub(crate) fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// Lifts the platform's limit on bodies, so that the application refuses what is too large: its
    /// answer says more.
    pub(crate) fn any_body(self) -> Self {
        self.argument("--limit").argument("request-body=none")
    }

    /// Sets the time that every request to a provider takes.
    pub(crate) fn provider_delay(mut self, delay: Duration) -> Self {
        self.stand_ins.delay = delay;
        self
    }

    /// Holds it to a platform's limits, with its profile.
    fn on(mut self, platform: &str) -> Self {
        if platform == "akamai-functions" {
            // Rates that are as much faster.
            for limit in ["writes-per-second=500", "reads-per-second=10000"] {
                self = self.argument("--limit").argument(limit);
            }
        }
        let tuned = self.variables.iter().find(|(name, _)| name == "tuning");
        let tuning = tuned.map_or_else(String::new, |(_, tuning)| tuning.clone());
        self.variables
            .insert(0, ("profile".to_owned(), platform.to_owned()));
        self.argument("--platform")
            .argument(platform)
            .tuning(&format!("{FASTER} {tuning}"))
    }

    pub(crate) fn start(self) -> App {
        let mut setup = self;
        if let Some(platform) = platform()
            && !setup.arguments.iter().any(|a| a == "--platform")
        {
            setup = setup.on(&platform);
        }
        let sandbox = runtime().block_on(Sandbox::start(setup.stand_ins)).unwrap();
        let manifest = Manifest::load(&root().join("spin.toml")).unwrap();
        let mut variables: BTreeMap<String, String> = sandbox.variables().into_iter().collect();
        // Tests that let providers fail do not wait for minutes until they are given up.
        variables.insert("provider_patience_s".to_owned(), "2".to_owned());
        // Tests that let vision fail see how: few of them have the time for reading.
        variables.insert("spines".to_owned(), "false".to_owned());
        variables.extend(setup.variables);
        variables.retain(|name, _| manifest.variables.contains_key(name));
        let mut arguments = setup.arguments;
        for (name, value) in &variables {
            arguments.extend(["--variable".to_owned(), format!("{name}={value}")]);
        }
        let launch = Launch {
            arguments,
            open_files: setup.open_files,
        };
        App::start_with(Arc::new(sandbox), launch)
    }
}

/// Runs the stand-ins of all tests.
pub(crate) fn runtime() -> &'static tokio::runtime::Runtime {
    static RUNTIME: OnceLock<tokio::runtime::Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap()
    })
}

/// A running application with stand-ins of its own, and a store that was empty when it started.
pub(crate) struct App {
    process: Option<Process>,
    pub sandbox: Arc<Sandbox>,
    state: tempfile::TempDir,
    launch: Launch,
}

impl Drop for App {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("{}", tail(&self.state.path().join("stderr")));
        } else if let (Some(platform), Some(process)) = (platform(), &self.process) {
            process.note_marks(&platform);
        }
    }
}

impl App {
    pub(crate) fn start() -> Self {
        Setup::new().start()
    }

    fn start_with(sandbox: Arc<Sandbox>, launch: Launch) -> Self {
        let state = tempfile::tempdir().unwrap();
        let compiled = shared().join("compiled");
        std::os::unix::fs::symlink(compiled, state.path().join("compiled")).unwrap();
        Self {
            process: Some(Process::start(
                state.path(),
                ANYWHERE,
                &["--no-build"],
                &launch,
            )),
            sandbox,
            state,
            launch,
        }
    }

    /// Another host of the same setup, with the same stand-ins and files of its own.
    pub(crate) fn twin(&self) -> Self {
        Self::start_with(self.sandbox.clone(), self.launch.clone())
    }

    /// Kills the host, as `kill -9` does.
    pub(crate) fn kill(&mut self) {
        self.process = None;
    }

    /// Gives a variable another value from the next start on.
    pub(crate) fn set_variable(&mut self, name: &str, value: &str) {
        self.launch.arguments.push("--variable".to_owned());
        self.launch.arguments.push(format!("{name}={value}"));
    }

    /// Starts it again on what the store holds, at another address.
    pub(crate) fn start_again(&mut self) {
        self.start_again_at(ANYWHERE);
    }

    /// Starts it again on what the store holds, at the address where it was, for clients that know
    /// no other.
    pub(crate) fn start_again_at(&mut self, address: SocketAddr) {
        self.process = Some(Process::start(
            self.state.path(),
            address,
            &["--no-build"],
            &self.launch,
        ));
    }

    /// The host's process.
    pub(crate) fn process_id(&self) -> u32 {
        self.process.as_ref().expect("it runs").child.id()
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.process.as_ref().expect("it runs").address
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> Request {
        Request::new(self.address(), method, path)
    }

    pub(crate) fn get(&self, path: &str) -> Response {
        self.request("GET", path).send()
    }

    pub(crate) fn stream(&self, path: &str) -> Stream {
        self.resume(path, None)
    }

    /// A stream that goes on after the `last` event that was read.
    pub(crate) fn resume(&self, path: &str, last: Option<&str>) -> Stream {
        let request = self.request("GET", path);
        Stream::open(match last {
            Some(id) => request.header("last-event-id", id),
            None => request,
        })
    }

    /// The address at which the host is watched.
    pub(crate) fn admin(&self) -> SocketAddr {
        self.process.as_ref().expect("it runs").admin
    }

    /// The host's counters: see its `/counters`.
    pub(crate) fn counters(&self) -> Value {
        Request::new(self.admin(), "GET", "/counters").send().json()
    }

    /// The host's metrics, as Prometheus reads them.
    pub(crate) fn metrics(&self) -> String {
        Request::new(self.admin(), "GET", "/metrics").send().text()
    }

    /// Makes store, network or clock misbehave from now on, as `--fault` describes it; an empty
    /// text ends that.
    pub(crate) fn misbehave(&self, faults: &str) {
        let answer = Request::new(self.admin(), "PUT", "/faults").body("text/plain", faults);
        assert_eq!(answer.send().status(), 204, "{faults}");
    }

    /// The sum of one count over all components' use of the store.
    pub(crate) fn store_count(&self, name: &str) -> u64 {
        let counters = self.counters();
        let components = counters["components"].as_object().unwrap();
        components
            .values()
            .map(|component| component["storage"][name].as_u64().unwrap())
            .sum()
    }

    /// The directory of its files.
    pub(crate) fn state(&self) -> &Path {
        self.state.path()
    }

    /// Every key in the store that belongs to a job.
    pub(crate) fn job_keys(&self) -> Vec<String> {
        let mut keys = self.keys();
        keys.retain(|key| key.starts_with("job/"));
        keys
    }

    /// The runs of a job that a component has logged when they ended, those not that only looked.
    pub(crate) fn runs(&self, component: &str, job: &Job) -> Vec<Value> {
        let log = self.state().join(format!("logs/{component}_stderr.txt"));
        let log = std::fs::read_to_string(log).unwrap_or_default();
        log.lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .filter(|line| line["event"] == "run" && line["jobId"] == *job.id)
            .filter(|line| line["outcome"] != "nothing-to-do")
            .collect()
    }

    /// The logs of the host and of the components. A component's lines are in a file of its own,
    /// and on the host's standard error behind its name in brackets.
    pub(crate) fn logs(&self) -> String {
        let mut logs = std::fs::read_to_string(self.state().join("stderr")).unwrap();
        for file in std::fs::read_dir(self.state().join("logs")).unwrap() {
            let log = std::fs::read(file.unwrap().path()).unwrap();
            logs += &String::from_utf8_lossy(&log);
        }
        logs
    }

    /// Number of log lines with this text, each counted once.
    pub(crate) fn log_lines(&self, text: &str) -> usize {
        let logs = self.logs();
        let lines = logs.lines().filter(|line| !line.starts_with('['));
        lines.filter(|line| line.contains(text)).count()
    }

    /// Keeps everybody waiting who asks Open Library, until [`Self::go_on`]: no job ends before the
    /// test has acted, however slow the machine is.
    pub(crate) fn hold_look_ups(&self) {
        self.sandbox.open_library().behave(Fault::Hold.always());
    }

    /// Lets an import of [`LIBRARY`] go on to the batch of the first book from this row on that has
    /// an ISBN, and no further until [`Self::go_on`]: all batches before it are committed, however
    /// often they are asked for. The next such hold is at least four batches further, for so many
    /// are asked for at the same time.
    pub(crate) fn hold_look_ups_at(&self, row: usize) {
        let mut library = csv::Reader::from_reader(LIBRARY);
        let rows = library.records().skip(row);
        let isbn = |row: csv::StringRecord| row[6].trim_matches(['=', '"']).parse::<u64>().ok();
        let isbn = rows.map(Result::unwrap).find_map(isbn).unwrap();
        let hold = Fault::Hold.when(When::Isbn(isbn));
        self.sandbox.open_library().behave(hold);
    }

    /// Lets Open Library answer at once, those too that it has kept waiting.
    pub(crate) fn go_on(&self) {
        self.sandbox.open_library().behave(Behaviour::default());
    }

    /// Every key in the store.
    pub(crate) fn keys(&self) -> Vec<String> {
        let file = self.state().join("sqlite_key_value.db");
        let store = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        let mut query = store
            .prepare("SELECT key FROM spin_key_value ORDER BY key")
            .unwrap();
        let keys = query.query_map([], |row| row.get(0)).unwrap();
        keys.map(Result::unwrap).collect()
    }

    /// A job's root document as the store holds it.
    pub(crate) fn root(&self, job: &Job) -> Root {
        let file = self.state().join("sqlite_key_value.db");
        let store = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        let query = "SELECT value FROM spin_key_value WHERE key = ?1";
        let key = format!("job/{}", job.id);
        let root: Vec<u8> = store.query_row(query, [key], |row| row.get(0)).unwrap();
        serde_json::from_slice(&root).unwrap()
    }

    /// The bytes of all values in the store that are results of jobs.
    pub(crate) fn result_bytes(&self) -> u64 {
        let file = self.state.path().join("sqlite_key_value.db");
        let store = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        let sum = "SELECT coalesce(sum(length(value)), 0) FROM spin_key_value WHERE key LIKE 'job/%/seg/%'";
        let bytes: i64 = store.query_row(sum, [], |row| row.get(0)).unwrap();
        bytes.try_into().unwrap()
    }

    /// Number of chunks of uploads in the store.
    pub(crate) fn uploads(&self) -> usize {
        let keys = self.job_keys();
        keys.iter().filter(|key| key.contains("/up/")).count()
    }

    /// Uploads a CSV file.
    pub(crate) fn import(&self, csv: &[u8]) -> Job {
        let request = self.request("POST", "/api/v2/imports");
        Job::of(&request.form("file", "library.csv", csv).send().data(202))
    }

    pub(crate) fn enrich(&self, body: &Value) -> Job {
        let request = self.request("POST", "/api/batch-enrich");
        Job::of(&request.json(body).send().data(202))
    }

    pub(crate) fn status(&self, job: &Job) -> Value {
        self.get(&job.status_url).data(200)
    }

    /// Polls until so many of the job's books are final, and no outcome is there yet.
    pub(crate) fn wait_for_books(&self, job: &Job, least: u64) -> Value {
        let mut found = None;
        eventually("some books are final", || {
            let status = self.status(job);
            assert!(matches!(
                status["status"].as_str(),
                Some("initialized" | "processing")
            ));
            let enough = status["processedCount"].as_u64().unwrap() >= least;
            found = enough.then_some(status);
            enough
        });
        found.unwrap()
    }

    /// Polls until the job is over; meanwhile its progress never goes back.
    pub(crate) fn finish(&self, job: &Job) -> Value {
        let mut progress = 0.0;
        let mut over = None;
        eventually("the job ends", || {
            let status = self.status(job);
            let now = status["progress"].as_f64().unwrap();
            assert!(now >= progress, "{now} after {progress}");
            progress = now;
            let ended = !matches!(
                status["status"].as_str(),
                Some("initialized" | "processing")
            );
            over = ended.then_some(status);
            ended
        });
        over.unwrap()
    }

    /// Deletes a scan, as soon as it has ended.
    pub(crate) fn delete_scan(&self, job: &Job) {
        let path = format!("/v3/jobs/scans/{}/cleanup", job.id);
        eventually("it is deleted", || {
            let deleted = self.request("DELETE", &path).bearer(&job.token).send();
            deleted.status() == 204
        });
        assert_eq!(self.get(&job.status_url).status(), 404);
    }

    pub(crate) fn results(&self, job: &Job) -> Value {
        self.get(&job.results_url).data(200)
    }

    /// Follows the job to its end: on one stream, or on several where a platform ends them before.
    pub(crate) fn follow(&self, job: &Job) -> Vec<Event> {
        let mut events: Vec<Event> = Vec::new();
        loop {
            let last = events.last().map(|event| event.id.clone());
            let mut stream = self.resume(&job.sse_url, last.as_deref());
            events.extend(stream.rest());
            if stream.is_finished() {
                return events;
            }
            assert!(platform().is_some(), "the stream was cut");
        }
    }
}

/// The answer to the creation of a job.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Job {
    pub id: String,
    pub token: String,
    pub sse_url: String,
    pub status_url: String,
    pub results_url: String,
}

impl Job {
    pub(crate) fn of(accepted: &Value) -> Self {
        let text = |name: &str| accepted[name].as_str().unwrap().to_owned();
        assert_eq!(accepted["token"], accepted["authToken"]);
        Self {
            id: text("jobId"),
            token: text("authToken"),
            sse_url: text("sseUrl"),
            status_url: text("statusUrl"),
            results_url: text("resultsUrl"),
        }
    }
}

/// The integer of this name.
pub(crate) fn count(value: &Value, name: &str) -> u64 {
    value[name]
        .as_u64()
        .unwrap_or_else(|| panic!("{name} in {value}"))
}

/// Checks that the results of an import of `rows` rows add up: every row is created, duplicate or
/// rejected, every created book was found or was not.
pub(crate) fn assert_adds_up(results: &Value, rows: u64) {
    let n = |name| count(results, name);
    assert_eq!(n("rows"), rows);
    assert_eq!(
        n("booksCreated") + n("duplicatesSkipped") + n("rowsRejected"),
        rows
    );
    assert_eq!(
        n("enrichmentSucceeded") + n("enrichmentFailed"),
        n("booksCreated")
    );
    let books = results["books"].as_array().unwrap();
    assert_eq!(books.len() as u64, n("booksCreated"));
    let from: BTreeSet<u64> = books.iter().map(|book| count(book, "row")).collect();
    assert_eq!(from.len(), books.len(), "every book has a row of its own");
    let found = statuses(results).get("success").copied().unwrap_or(0);
    assert_eq!(found, n("enrichmentSucceeded"));
}

/// Whether a test can run that needs `what`. Where that is not there, the test says so and passes,
/// unless the variable of this name is `required`.
pub(crate) fn can_run(what: &str, is_there: bool, variable: &str) -> bool {
    let required = std::env::var(variable).is_ok_and(|value| value == "required");
    assert!(is_there || !required, "there is no {what}");
    if !is_there {
        // Past what the test harness captures.
        let _ = writeln!(std::io::stderr(), "not run: there is no {what}");
    }
    is_there
}

/// Asks again and again until `condition` holds.
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(
            start.elapsed() < TIME_LIMIT,
            "not in {TIME_LIMIT:?}: {what}"
        );
        thread::sleep(Duration::from_millis(5));
    }
}

/// The rules for what one stream says: ids only grow, progress never goes back, one end.
pub(crate) fn assert_in_order(events: &[Event]) {
    for pair in events.windows(2) {
        let [before, after] = pair else { continue };
        assert!(after.position() > before.position(), "{before:?} {after:?}");
        assert!(!before.is_terminal(), "nothing follows the end");
    }
    let progress: Vec<f64> = events
        .iter()
        .filter(|event| event.name != "book")
        .map(Event::progress)
        .collect();
    assert!(progress.is_sorted(), "{progress:?}");
}

/// The `enrichmentStatus` of every book of a job's results, counted.
pub(crate) fn statuses(results: &Value) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for book in results["books"].as_array().unwrap() {
        let status = book["enrichmentStatus"].as_str().unwrap();
        *counts.entry(status.to_owned()).or_default() += 1;
    }
    counts
}

/// A connection from one of this machine's own addresses.
pub(crate) fn connect(from: Ipv4Addr, to: SocketAddr) -> std::net::TcpStream {
    try_connect(from, to).unwrap()
}

/// [`connect`] to a server that may have no room.
pub(crate) fn try_connect(from: Ipv4Addr, to: SocketAddr) -> std::io::Result<std::net::TcpStream> {
    runtime().block_on(async {
        let socket = tokio::net::TcpSocket::new_v4()?;
        socket.bind((from, 0).into())?;
        let stream = socket.connect(to).await?.into_std()?;
        stream.set_nonblocking(false)?;
        Ok(stream)
    })
}

/// What the store holds of an ended job of a client that has many: its results have so many bytes.
pub(crate) fn ended_of_greedy(number: usize, bytes: usize) -> [(String, Vec<u8>); 3] {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = u64::try_from(now.unwrap().as_millis()).unwrap();
    let id = format!("greedy-{number:02}");
    let segment = format!("job/{id}/seg/1-x.0");
    let root = json!({
        "v": 1, "id": id, "pipeline": "batch_enrichment", "route": "batch-enrich", "token": true,
        "created": now - 900_000, "updated": now - 600_000, "expires": now + 80_000_000,
        "stage": "complete", "seq": 3, "epoch": {"term": 1, "nonce": "x"}, "client": "greedy",
        "segments": [{"key": segment, "count": 0, "bytes": bytes}], "fresh_until": now,
    });
    let root = root.to_string().into_bytes();
    [
        (format!("job/{id}"), root.clone()),
        (format!("job/{id}/end"), root),
        (segment, vec![b' '; bytes]),
    ]
}
