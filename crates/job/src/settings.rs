//! Every duration and limit of the engine, resolved once from the configuration.

use std::fmt;
use std::time::Duration;

/// The settings of the engine. [`Settings::local`] and [`Settings::cloud`] are the two starting
/// points; single values can be overridden.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Duration of a lease.
    pub lease: Duration,
    /// Interval at which the holder renews its lease.
    pub lease_renew: Duration,
    /// The time within which a `set` takes effect or is lost: the one assumption of the design.
    /// Also the skew allowed between the clocks of two processes.
    pub write_delay: Duration,
    /// Interval at which a waiting run checks whether the job was canceled.
    pub cancel_look: Duration,
    /// Whether a route that runs a job answers before or after it has worked.
    pub run_mode: RunMode,
    /// Time that one run may work before it hands over; `None`: until the stage is done.
    pub run_budget: Option<Duration>,
    /// The shortest time between two commits of a job.
    pub commit_interval: Duration,
    /// The shortest pause between two looks of a watcher at the store.
    pub look_min: Duration,
    /// The longest pause between two looks of a watcher at the store, as long as the job has not
    /// been silent for long.
    pub look_max: Duration,
    /// The pause before a store operation is repeated that failed, or did not show yet what it
    /// should.
    pub retry: Duration,
    /// Longest duration of one response to a stream; `None`: until the job is over. It should be
    /// longer than four write delays: a stream takes for lost what it does not see for two, and one
    /// that is shorter never does.
    pub stream_budget: Option<Duration>,
    /// The longest silence of a stream.
    pub heartbeat: Duration,
    /// The time without progress after which a job is given up: by its watchers, and for good when
    /// no run can be started for it.
    pub stall: Duration,
    /// Time for which results are kept after the end, and an unfinished job after its last
    /// progress.
    pub retention: Duration,
    /// Time for which a failed job is kept: long enough for its client to learn why.
    pub failed_retention: Duration,
    /// Lifetime of a token, from its creation.
    pub token_life: Duration,
    /// Longest time that a `DELETE` waits for the worker to stop.
    pub cancel_wait: Duration,
    /// The most keys that the platform's store holds; `None`: any number.
    pub max_keys: Option<usize>,
    /// Whether private addresses count as clients, too: most are proxies. Set when the operator
    /// configures how many jobs one client may have.
    pub count_private_clients: bool,
    /// Number of jobs that compute for seconds at the same time: about as many as there are cores.
    pub compute_slots: usize,
    /// Number of items looked up between two commits.
    pub wave_items: usize,
    /// Number of books whose provider records are remembered. 0, or where keys or writes are
    /// scarce: none, and nothing is read or written for it.
    pub remember_books: usize,
    /// Most bytes that the remembered books may take.
    pub remember_bytes: usize,
    /// The webhook that the ends of jobs are posted to; `None`: none.
    pub webhook: Option<Webhook>,
    /// Limits on what clients send.
    pub limits: Limits,
}

/// The moment at which the internal run route answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunMode {
    /// Before the run, which works on after its response, where the platform lets a handler do
    /// that.
    Background,
    /// After the run; its caller does not wait for it.
    Inline,
}

/// The one table of limits: enforced by the components, reported by `/api/v2/capabilities`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest size of a CSV file, in bytes.
    pub max_csv_bytes: usize,
    /// Largest number of data rows of a CSV file.
    pub max_csv_rows: usize,
    /// Largest number of items of an enrichment request.
    pub max_batch_items: usize,
    /// Longest title in an enrichment request, in characters.
    pub max_title_chars: usize,
    /// Longest author in an enrichment request, in characters.
    pub max_author_chars: usize,
    /// Longest ISBN in an enrichment request, in characters, hyphens included.
    pub max_isbn_chars: usize,
    /// Largest number of photos of one scan.
    pub max_photos: usize,
    /// Largest size of one photo, in bytes.
    pub max_photo_bytes: usize,
    /// Largest number of pixels of one photo, in millions.
    pub max_photo_megapixels: u32,
    /// Largest size of a request's body, in bytes.
    pub max_body_bytes: usize,
    /// Largest size of a JSON request, in bytes.
    pub max_json_bytes: usize,
    /// Largest number of jobs of one client address that are under way at the same time, about; 0:
    /// any number.
    pub max_jobs_per_client: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_csv_bytes: 8 << 20,
            max_csv_rows: 10_000,
            max_batch_items: 1_500,
            max_title_chars: 500,
            max_author_chars: 300,
            max_isbn_chars: 17,
            max_photos: 5,
            max_photo_bytes: 10 << 20,
            max_photo_megapixels: 64,
            max_body_bytes: 52 << 20,
            max_json_bytes: 8 << 20,
            // Each running job holds one of the runtime's 1,000 instances.
            max_jobs_per_client: 100,
        }
    }
}

impl Settings {
    /// The settings for one machine with an embedded store, where requests last as long as needed.
    #[must_use]
    pub fn local() -> Self {
        Self {
            lease: Duration::from_secs(3),
            lease_renew: Duration::from_secs(1),
            write_delay: Duration::from_millis(500),
            cancel_look: Duration::from_millis(100),
            run_mode: RunMode::Background,
            run_budget: None,
            commit_interval: Duration::from_millis(5),
            look_min: Duration::from_micros(500),
            look_max: Duration::from_millis(250),
            retry: Duration::from_millis(100),
            stream_budget: None,
            heartbeat: Duration::from_secs(15),
            stall: Duration::from_secs(300),
            retention: Duration::from_secs(24 * 3600),
            failed_retention: Duration::from_secs(15 * 60),
            token_life: Duration::from_secs(2 * 3600),
            cancel_wait: Duration::from_secs(3),
            max_keys: None,
            count_private_clients: false,
            compute_slots: 2,
            wave_items: 200,
            remember_books: 20_000,
            remember_bytes: 16 << 20,
            webhook: None,
            limits: Limits::default(),
        }
    }

    /// The settings for clouds: requests end after 30 s, the store is remote, rationed and slow to
    /// agree.
    #[must_use]
    pub fn cloud() -> Self {
        Self {
            lease: Duration::from_secs(10),
            lease_renew: Duration::from_secs(3),
            write_delay: Duration::from_secs(2),
            cancel_look: Duration::from_secs(1),
            run_budget: Some(Duration::from_secs(25)),
            commit_interval: Duration::from_secs(1),
            look_min: Duration::from_millis(250),
            look_max: Duration::from_secs(1),
            retry: Duration::from_secs(1),
            stream_budget: Some(Duration::from_secs(25)),
            compute_slots: 4,
            limits: Limits {
                max_body_bytes: 10 << 20,
                ..Limits::default()
            },
            ..Self::local()
        }
    }

    /// The settings of [`Self::cloud`] within Fermyon Cloud's 1,024 keys.
    #[must_use]
    pub fn fermyon_cloud() -> Self {
        let cloud = Self::cloud();
        Self {
            commit_interval: Duration::from_millis(500),
            look_max: Duration::from_millis(500),
            retry: Duration::from_millis(500),
            max_keys: Some(1_024),
            limits: Limits {
                // Half of the jobs that the store has capacity for.
                max_jobs_per_client: 20,
                ..cloud.limits.clone()
            },
            ..cloud
        }
    }
}

/// A profile or tuning that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// The profile's name is unknown.
    #[error("no profile {0:?}: local, cloud, fermyon-cloud or akamai-functions")]
    Profile(String),
    /// The text is not `name=number`, or the name is no setting's.
    #[error("tuning {0:?}: expected name=number, as in \"lease=3000 look_max=100\"")]
    Tuning(String),
}

impl Settings {
    /// The settings of a profile, with single values overridden: `tuning` is a list of
    /// `name=number`, apart by spaces or commas; times in ms, budgets of 0 meaning none.
    ///
    /// # Errors
    /// [`SettingsError`] names the part that cannot be read.
    pub fn resolve(profile: &str, tuning: &str) -> Result<Self, SettingsError> {
        let mut settings = match profile.trim() {
            "" | "local" => Self::local(),
            "cloud" => Self::cloud(),
            // Fifty writes a second, for all jobs together.
            "akamai-functions" => Self {
                remember_books: 0,
                ..Self::cloud()
            },
            "fermyon-cloud" => Self::fermyon_cloud(),
            other => return Err(SettingsError::Profile(other.to_owned())),
        };
        for part in tuning.split([' ', ',']).filter(|part| !part.is_empty()) {
            settings
                .tune(part)
                .ok_or_else(|| SettingsError::Tuning(part.to_owned()))?;
        }
        settings.look_min = settings.look_min.min(settings.look_max);
        Ok(settings)
    }

    /// Number of books whose provider records are remembered; 0 where nothing is remembered.
    #[must_use]
    pub fn remembered_books(&self) -> usize {
        match self.remembers_books() {
            true => self.remember_books,
            false => 0,
        }
    }

    /// Whether books are remembered: not where keys are scarce, so that jobs have them all.
    pub(crate) fn remembers_books(&self) -> bool {
        self.remember_books > 0 && self.max_keys.is_none()
    }

    fn tune(&mut self, part: &str) -> Option<()> {
        let (name, value) = part.split_once('=')?;
        let number: u64 = value.trim().parse().ok()?;
        let time = Duration::from_millis(number);
        let budget = (number > 0).then_some(time);
        let count = usize::try_from(number).ok()?;
        match name.trim() {
            "lease" => self.lease = time,
            "lease_renew" => self.lease_renew = time,
            "write_delay" => self.write_delay = time,
            "cancel_look" => self.cancel_look = time,
            "cancel_wait" => self.cancel_wait = time,
            "run_budget" => self.run_budget = budget,
            "stream_budget" => self.stream_budget = budget,
            "commit_interval" => self.commit_interval = time,
            "look_min" => self.look_min = time,
            "look_max" => self.look_max = time,
            "retry" => self.retry = time,
            "heartbeat" => self.heartbeat = time,
            "stall" => self.stall = time,
            "retention" => self.retention = time,
            "failed_retention" => self.failed_retention = time,
            "token_life" => self.token_life = time,
            "wave_items" => self.wave_items = count.max(1),
            "remember_books" => self.remember_books = count,
            "remember_bytes" => self.remember_bytes = count,
            "compute_slots" => self.compute_slots = count.max(1),
            "max_keys" => self.max_keys = (count > 0).then_some(count),
            "max_jobs_per_client" => {
                self.limits.max_jobs_per_client = count;
                self.count_private_clients = true;
            }
            _ => return None,
        }
        Some(())
    }
}

/// The operator's endpoint that the ends of jobs are posted to.
#[derive(Clone)]
pub struct Webhook {
    /// An absolute URL, the operator's own.
    pub url: String,
    /// The key with which messages are signed.
    pub key: Vec<u8>,
    /// The wait for a provider from which on it is told of, what was waited before included.
    pub long_wait: Duration,
}

impl Webhook {
    /// The usual [`Self::long_wait`].
    pub const LONG_WAIT: Duration = Duration::from_secs(20);
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_tuned_value_by_value() {
        let settings = Settings::resolve("cloud", "lease=500, look_max=7 run_budget=0").unwrap();
        assert_eq!(settings.lease, Duration::from_millis(500));
        assert_eq!(settings.look_max, Duration::from_millis(7));
        assert_eq!(settings.run_budget, None);
        assert_eq!(settings.write_delay, Settings::cloud().write_delay);
    }

    #[test]
    fn the_closest_look_is_never_rarer_than_the_rarest() {
        let settings = Settings::resolve("cloud", "look_max=20").unwrap();
        assert_eq!(settings.look_min, Duration::from_millis(20));
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let profile = Settings::resolve("mars", "");
        assert_eq!(profile.err(), Some(SettingsError::Profile("mars".into())));
        for bad in ["lease", "lease=soon", "color=3", "lease=-1"] {
            let tuned = Settings::resolve("local", bad);
            assert_eq!(tuned.err(), Some(SettingsError::Tuning(bad.into())));
        }
    }
}
