//! The scenario of a seed: the settings, the store, the jobs, their clients, and the faults.

use std::time::Duration;

use books::{Endpoints, GoogleBooks, Isbn, Wanted};
use job::{
    Enrichment, FirstStage, JobId, KEYS_PER_JOB, Keyring, Pipeline, RateLimit, RunMode, Scan,
    Settings, Webhook,
};

use crate::mutation::Mutation;
use crate::shelf;
use crate::world::Micros;

/// The wall clock at the beginning, in microseconds since the Unix epoch.
pub(crate) const EPOCH: Micros = 1_790_000_000_000_000;

/// The address of the simulated Open Library.
pub(crate) const OPEN_LIBRARY: &str = "http://openlibrary";

/// URL of the webhook that the ends of jobs are posted to.
pub(crate) const HOOKS: &str = "http://hooks/";

/// A behaviour of the simulated store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Variant {
    /// A write has taken effect, for everybody, when it is acknowledged: SQLite.
    Immediate,
    /// A write is acknowledged at once and takes effect later, for all but its writer; what one
    /// process writes does so in order.
    Delayed,
    /// Each process talks to one of three replicas; writes reach the others later, each by itself
    /// and in any order, and of one key the last writer wins.
    Replicated,
}

impl Variant {
    /// All variants.
    pub const ALL: [Self; 3] = [Self::Immediate, Self::Delayed, Self::Replicated];

    pub(crate) fn acknowledges_early(self) -> bool {
        self == Self::Delayed
    }

    pub(crate) fn last_writer_wins(self) -> bool {
        self == Self::Replicated
    }
}

/// The plan of one job, and of everybody who has to do with it.
#[derive(Clone, Debug)]
pub(crate) struct JobPlan {
    pub pipeline: Pipeline,
    /// The items to look up, in order; empty for a scan, whose items are not known before.
    pub items: Vec<Wanted>,
    /// The uploads: the file of an import, the photos of a scan.
    pub files: Vec<Vec<u8>>,
    /// Whether the file is a list of books.
    pub readable: bool,
    /// The name that its client chose.
    pub name: Option<JobId>,
    /// Number of requests to make the job that come at about the same time.
    pub creators: u64,
    /// Whether the request that makes the job asks for its stream as the response; `true` with
    /// books.
    pub attached: Option<bool>,
    /// Whether a job of its name is made again when it has expired.
    pub again: bool,
    /// The clients that stream the job; `true` with books.
    pub streams: Vec<bool>,
    pub pollers: usize,
    /// The time after which a client cancels the accepted job.
    pub cancel_after: Option<Micros>,
    pub begins: Micros,
}

/// All choices that are made before a schedule begins.
pub(crate) struct Scenario {
    pub seed: u64,
    pub variant: Variant,
    pub replicas: usize,
    /// Whether the assumption about the write delay is kept.
    pub bounded: bool,
    pub settings: Settings,
    pub enrichment: Enrichment,
    pub first_stage: FirstStage,
    /// Whether the application lacks the component that reads spines, though it is configured.
    pub lacks_reader: bool,
    pub keyring: Keyring,
    /// Number of jobs that have expired when everything begins, and are still there.
    pub expired: usize,
    pub jobs: Vec<JobPlan>,
    /// Whether clients choose books of ended jobs.
    pub chooses: bool,
    /// Whether clients try ended jobs again.
    pub retries: bool,
    /// Whether scans keep the photos that fail.
    pub keeps_photos: bool,
    /// Probability that an effect goes wrong.
    pub fault_rate: f64,
    /// The time from which on nothing fails.
    pub faults_until: Micros,
    /// Time until which all metadata providers ask for a pause.
    pub outage_until: Micros,
    /// Largest difference of two wall clocks.
    pub skew: Micros,
    /// Time at which all wall clocks jump, and the length of the jump.
    pub jump: Option<(Micros, i64)>,
    /// The value that the store loses or damages.
    pub damage: Option<Damage>,
    pub mutation: Option<Mutation>,
}

/// One value that the store loses or damages as soon as it is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Damage {
    /// A part of the damaged key.
    pub kind: &'static str,
    /// The number of the damaged value among those of its kind.
    pub number: u32,
    /// The bytes that are read instead.
    pub instead: Option<&'static [u8]>,
}

impl Damage {
    /// Kinds of documents that may be damaged: all but the root, without which there is no job.
    const KINDS: [&'static str; 6] = ["/seg/", "/plan/", "/report/", "/up/", "/end", "/lease"];

    fn draw(rng: &mut fastrand::Rng) -> Option<Self> {
        (rng.u8(0..8) == 0).then(|| Self {
            kind: Self::KINDS[rng.usize(0..Self::KINDS.len())],
            number: rng.u32(1..6),
            instead: rng.bool().then_some(b"\x00{".as_slice()),
        })
    }
}

pub(crate) fn micros(duration: Duration) -> Micros {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// Choices that override those of the seed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// The store; by the seed when it is `None`.
    pub variant: Option<Variant>,
    /// Whether writes take up to six times as long as the engine may assume, and looks, too.
    pub unbounded: bool,
    /// A deliberate mistake.
    pub mutation: Option<Mutation>,
}

impl Scenario {
    pub(crate) fn new(seed: u64, options: Options) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let drawn = Variant::ALL[rng.usize(0..3)];
        let variant = options.variant.unwrap_or(drawn);
        let mut settings = settings(&mut rng);
        let timeout = Duration::from_millis(rng.u64(500..2_000));
        let fault_rate = match rng.u8(0..8) {
            0 => 0.0,
            1..=2 => 0.002,
            3..=5 => 0.01,
            6 => 0.03,
            _ => 0.1,
        };
        let rate = if rng.u8(0..8) == 0 { 2.0 } else { 1_000.0 };
        let limit = RateLimit {
            per_second: rate,
            burst: 5.0,
            max_per_job: if rng.u8(0..8) == 0 { 3 } else { 1_000 },
        };
        let enrichment = Enrichment {
            endpoints: Endpoints {
                open_library: Some(OPEN_LIBRARY.to_owned()),
                google_books: (rng.u8(0..4) == 0).then(|| GoogleBooks {
                    base: "http://google/books/v1".to_owned(),
                    key: Some("key".to_owned()),
                    country: None,
                }),
                isbns_per_request: rng.usize(1..4),
                titles_per_request: 3,
            },
            user_agent: "simulation".to_owned(),
            timeout,
            // Decided apart, as below.
            patience: Duration::from_secs(fastrand::Rng::with_seed(seed ^ 0x5eed).u64(0..40)),
            concurrency: rng.usize(1..4),
            open_library: limit,
            google_books: limit,
        };
        // Decided apart, as below.
        let mut reading = fastrand::Rng::with_seed(seed ^ 0x5b1e5);
        let scan = Scan {
            timeout: Duration::from_millis(rng.u64(1_000..4_000)),
            ..shelf::scan(reading.bool(), reading.bool())
        };
        let is_crowded = fault_rate <= 0.01 && rng.u8(0..6) == 0;
        let jobs = match rng.u8(0..4) {
            0 => 2,
            _ if is_crowded => 2,
            _ => 1,
        };
        let mut jobs: Vec<JobPlan> = (0..jobs).map(|n| job(n, &mut rng)).collect();
        // Decided apart, so that a seed's other decisions are what they were without this one.
        let mut attaching = fastrand::Rng::with_seed(!seed);
        for job in &mut jobs {
            job.attached = (attaching.u8(0..3) == 0).then(|| attaching.bool());
            // Creations sweep all the time then, and names are not made again while they are swept.
            job.again &= !is_crowded;
        }
        // Room for one job that runs, and for what one that has ended leaves.
        settings.max_keys = is_crowded.then_some(2 * KEYS_PER_JOB - 1);
        // Decided apart, as attaching is below.
        let is_told = fastrand::Rng::with_seed(seed ^ 0x400c).u8(0..3) == 0;
        settings.webhook = is_told.then(|| Webhook {
            url: HOOKS.to_owned(),
            key: b"a key of the simulation's".to_vec(),
            // Outages are short here.
            long_wait: Duration::from_secs(2),
        });
        let expired = match rng.u8(0..4) {
            0 => rng.usize(1..20),
            _ => 0,
        };
        let hour = 3_600_000_000;
        let jump = (rng.u8(0..10) == 0).then(|| {
            let by = if rng.bool() { hour } else { -hour };
            (rng.u64(0..10_000_000), by)
        });
        let skew = if rng.bool() {
            0
        } else {
            micros(settings.write_delay)
        };
        // Decided apart, as attaching is.
        let damage = Damage::draw(&mut fastrand::Rng::with_seed(seed.rotate_left(17)));
        Self {
            seed,
            variant,
            replicas: if variant == Variant::Replicated { 3 } else { 1 },
            bounded: !options.unbounded,
            settings,
            enrichment,
            first_stage: FirstStage { scan },
            lacks_reader: reading.u8(0..6) == 0,
            expired,
            keyring: Keyring::new(b"a secret of the simulation"),
            jobs,
            // Decided apart, as attaching is.
            chooses: !is_crowded && fastrand::Rng::with_seed(seed ^ 0xc405).u8(0..3) == 0,
            // Decided apart, as attaching is.
            keeps_photos: fastrand::Rng::with_seed(seed ^ 0xf07).bool(),
            retries: !is_crowded && fastrand::Rng::with_seed(seed ^ 0xa9a1).u8(0..3) == 0,
            fault_rate,
            faults_until: rng.u64(1_000_000..30_000_000),
            // Decided apart, as attaching is.
            outage_until: outage(&mut fastrand::Rng::with_seed(seed ^ 0x0074)),
            skew,
            jump,
            damage,
            mutation: options.mutation,
        }
    }
}

/// The end of an outage that some schedules have, else 0.
fn outage(rng: &mut fastrand::Rng) -> Micros {
    match rng.u8(0..10) {
        0 => rng.u64(2_000_000..15_000_000),
        _ => 0,
    }
}

fn settings(rng: &mut fastrand::Rng) -> Settings {
    let local = Settings::local();
    Settings {
        cancel_look: Duration::from_millis(300),
        run_mode: if rng.u8(0..4) == 0 {
            RunMode::Inline
        } else {
            RunMode::Background
        },
        run_budget: rng
            .bool()
            .then(|| Duration::from_millis(rng.u64(2_500..6_000))),
        look_min: Duration::from_millis(20),
        look_max: Duration::from_millis(500),
        retry: Duration::from_millis(500),
        stream_budget: rng
            .bool()
            .then(|| Duration::from_millis(rng.u64(1_000..8_000)))
            // What a stream does not see for two write delays is lost: it lasts for longer.
            .map(|budget| budget.max(local.write_delay * 4)),
        stall: Duration::from_secs(30),
        // Clocks jump by an hour here.
        failed_retention: Duration::from_secs(3 * 3_600),
        wave_items: rng.usize(1..6),
        ..local
    }
}

fn job(n: usize, rng: &mut fastrand::Rng) -> JobPlan {
    let pipeline = match rng.u8(0..8) {
        0..=2 => Pipeline::CsvImport,
        3..=5 => Pipeline::BatchEnrichment,
        _ => Pipeline::AiScan,
    };
    let count = match rng.u8(0..8) {
        0 => 0,
        1..=5 => rng.usize(1..12),
        _ => rng.usize(12..31),
    };
    let wanted: Vec<Wanted> = (0..count).map(|at| wanted(n, at, rng)).collect();
    let (files, items, readable) = match pipeline {
        Pipeline::CsvImport => {
            let csv = csv(&wanted, rng);
            match books::read_csv(&csv, 10_000) {
                Ok(library) => {
                    let items = library.books.into_iter().map(|row| row.wanted).collect();
                    (vec![csv], items, true)
                }
                Err(_) => (vec![csv], Vec::new(), false),
            }
        }
        Pipeline::BatchEnrichment => {
            let items = job::Item::distinct(wanted).into_iter();
            (Vec::new(), items.map(|item| item.wanted).collect(), true)
        }
        Pipeline::AiScan => {
            let count = rng.usize(1..=shelf::PHOTOS);
            let photos = (0..count).map(|_| shelf::photo(rng.usize(0..shelf::PHOTOS)));
            (photos.collect(), Vec::new(), true)
        }
    };
    let contended = rng.u8(0..4) == 0;
    JobPlan {
        pipeline,
        items,
        files,
        readable,
        name: contended.then(|| JobId::from_bytes(rng.u128(..).to_be_bytes())),
        creators: if contended { rng.u64(1..4) } else { 1 },
        attached: None,
        again: contended && rng.bool(),
        streams: (0..rng.usize(1..3)).map(|_| rng.bool()).collect(),
        pollers: rng.usize(0..2),
        cancel_after: (rng.u8(0..5) == 0).then(|| rng.u64(0..4_000_000)),
        begins: rng.u64(0..1_500_000),
    }
}

fn wanted(job: usize, at: usize, rng: &mut fastrand::Rng) -> Wanted {
    let isbn = match rng.u8(0..8) {
        0 => None,
        _ => isbn(rng.u32(0..1_000_000)),
    };
    Wanted {
        title: format!("Book {job} {at}"),
        author: "Some Body".to_owned(),
        isbn,
        work_id: None,
        series: None,
    }
}

fn isbn(number: u32) -> Option<Isbn> {
    let twelve = format!("978{number:09}");
    let sum: u32 = twelve
        .bytes()
        .zip([1, 3].into_iter().cycle())
        .map(|(digit, weight)| u32::from(digit - b'0') * weight)
        .sum();
    Isbn::parse(&format!("{twelve}{}", (10 - sum % 10) % 10)).ok()
}

/// A library as a file, with a row twice, a row that is no book, now and then a lot of padding
/// that makes it several chunks long, and now and then no books at all.
fn csv(wanted: &[Wanted], rng: &mut fastrand::Rng) -> Vec<u8> {
    let mut text = "Title,Author,ISBN13,My Review\n".to_owned();
    let padding = if rng.u8(..) == 0 { 800_000 } else { 0 };
    for (at, wanted) in wanted.iter().enumerate() {
        let isbn = wanted.isbn.map(|isbn| isbn.to_string()).unwrap_or_default();
        let review = if at < 3 {
            "x".repeat(padding)
        } else {
            String::new()
        };
        text.push_str(&format!(
            "{},{},{isbn},{review}\n",
            wanted.title, wanted.author
        ));
    }
    if rng.bool()
        && let Some(first) = wanted.first()
    {
        text.push_str(&format!("{},{},,\n", first.title, first.author));
    }
    if rng.bool() {
        text.push_str(",Nobody,,\n");
    }
    text.into_bytes()
}
