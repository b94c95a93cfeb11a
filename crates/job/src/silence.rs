//! Jobs that have been silent for long: what is known of one, so that somebody who keeps it can ask
//! now and then whether anything has changed. Many such looks share one request, where a watcher
//! takes an instance for each.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::cadence::pause_in_silence;
use crate::document::{Root, Stage};
use crate::effects::{Effects, StoreError};
use crate::engine::Engine;
use crate::id::JobId;
use crate::keys;
use crate::lease::{self, Liveness};
use crate::look::lasts;
use crate::observer::REVIVAL_GRACE;
use crate::settings::Settings;
use crate::time::Time;

/// Time without news after which a watcher may be let go, but no shorter than the time by which
/// clocks and what a store shows may differ: such a silence may be none.
const LONG: Duration = Duration::from_millis(500);

/// A job that a run works on, and of which a watcher has been told everything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Silence {
    /// The job.
    pub id: JobId,
    /// Time at which the watcher is due a sign of life.
    pub beat: Time,
    /// A digest of the root's bytes: other bytes may be news.
    root: u64,
    /// Time of the job's last progress.
    since: Time,
    /// Time until which a run is known to work on the job.
    valid_until: Time,
}

/// Whether a job has been silent for so long that nothing is expected soon, and a watcher need not
/// stay. Watchers of a job that is about to be given up stay, and tell that it is; so do those of
/// one that is still being received, whose lease nobody renews.
pub(crate) fn is_long(root: &Root, now: Time, settings: &Settings) -> bool {
    let silence = now.since(root.updated);
    let is_expected = root.due().distance(root.updated, now).is_some();
    let is_run = root.stage != Stage::Receiving;
    is_run
        && !is_expected
        && silence >= LONG.max(settings.write_delay)
        && !is_too_long(silence, settings)
}

fn is_too_long(silence: Duration, settings: &Settings) -> bool {
    silence >= settings.stall.saturating_sub(REVIVAL_GRACE)
}

/// The digest of a root: FNV-1a, of which nothing is asked but that it differs.
fn digest(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |digest, byte| {
        (digest ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// The shortest pause between two looks at a silent job.
const SHORTEST: Duration = Duration::from_millis(50);

/// A look at a silent job, for all who have left it.
pub struct SilenceLook<'a, E> {
    engine: Engine<'a, E>,
    id: JobId,
    bytes: Option<Vec<u8>>,
    /// Digest of the bytes.
    root: u64,
    /// Time until which a run is known to work on the job, once the lease was read; `None` in it:
    /// none does.
    valid_until: Option<Option<Time>>,
}

impl Silence {
    /// The silence of the job with this `root`, which the store holds as `bytes`. The other two are
    /// the fields of their names.
    pub(crate) fn of(root: &Root, bytes: &[u8], valid_until: Time, beat: Time) -> Self {
        Self {
            id: root.id.clone(),
            beat,
            root: digest(bytes),
            since: root.updated,
            valid_until,
        }
    }

    /// The pause until the next look: as long as that of a watcher, and no longer than until the
    /// next sign of life.
    #[must_use]
    pub fn pause(&self, now: Time, settings: &Settings) -> Duration {
        let pause = pause_in_silence(now.since(self.since), settings);
        pause.min(self.beat.since(now)).max(SHORTEST)
    }

    /// Whether the watcher is due a sign of life, or so soon that a look of its own before that is
    /// not worth while. A time more than a whole `interval` ahead is another clock's: it is due.
    #[must_use]
    pub fn is_beat_due(&self, now: Time, interval: Duration, settings: &Settings) -> bool {
        let pause = pause_in_silence(now.since(self.since), settings);
        self.beat <= now.plus(pause / 4) || self.beat > now.plus(interval)
    }
}

impl<'a, E: Effects> Engine<'a, E> {
    /// Reads what tells whether a job is as silent as it was when its watchers left.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn look_at_silence(&self, id: &JobId) -> Result<SilenceLook<'a, E>, StoreError> {
        let bytes = self.effects.get(&keys::root(id)).await?;
        Ok(SilenceLook {
            engine: *self,
            id: id.clone(),
            root: bytes.as_deref().map_or(0, digest),
            bytes,
            valid_until: None,
        })
    }
}

impl<E: Effects> SilenceLook<'_, E> {
    /// The job's root, which nothing but a sign of life needs.
    #[must_use]
    pub fn root(&self) -> Option<Root> {
        serde_json::from_slice(self.bytes.as_deref()?).ok()
    }

    /// The silence as it is known now; `None` when the job may have news, or needs a run or its
    /// watchers. Reads nothing as long as a run is known to work on the job, and its lease after
    /// that: whoever ends the job changes its root, or dies before it can and renews the lease no
    /// more.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn still_silent(&mut self, silence: Silence) -> Result<Option<Silence>, StoreError> {
        let Engine {
            effects, settings, ..
        } = self.engine;
        let now = effects.now();
        let is_same = silence.id == self.id && self.bytes.is_some() && self.root == silence.root;
        if !is_same || is_too_long(now.since(silence.since), settings) {
            return Ok(None);
        }
        if lasts(silence.valid_until, now, settings) {
            return Ok(Some(silence));
        }
        let valid_until = match self.valid_until {
            Some(known) => known,
            None => {
                let lease = lease::read(effects, &self.id).await?;
                let live = lease.filter(|lease| lease.liveness(now, settings) == Liveness::Live);
                let longest = now.plus(lease::longest(settings));
                let until = live.map(|lease| lease.expires.min(longest));
                *self.valid_until.insert(until)
            }
        };
        Ok(valid_until.map(|valid_until| Silence {
            valid_until,
            ..silence
        }))
    }
}
