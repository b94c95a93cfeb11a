//! When a run that waits renews its lease, and for how long.

use std::time::Duration;

use crate::lease::MAX_EXTENSION;
use crate::settings::Settings;

/// Divisor of the time that work has taken: after that part of it a run looks again whether a
/// client cancels.
const CANCEL_LOOK_DIVISOR: u32 = 4;
/// Divisor of the time that work has taken: by that part of it the lease is renewed for longer.
const EXTENSION_DIVISOR: u32 = 2;
/// Factor of the time by which a run was late, because the machine is busy: by so much the lease is
/// renewed for longer. The next time it may be later still.
pub(crate) const LATER: u32 = 4;

/// The rhythm in which the lease of a run that waits is renewed: the more rarely the longer it has
/// waited, and for longer the later it wakes up.
pub(super) struct Renewal {
    began: Duration,
    due: Duration,
    /// Longest time by which a sleep has ended late.
    late: Duration,
}

impl Renewal {
    pub(super) fn new(now: Duration, settings: &Settings) -> Self {
        Self {
            began: now,
            due: now + settings.lease_renew,
            late: Duration::ZERO,
        }
    }

    /// Time to sleep. Work that has taken long may take longer: whoever cancels it waits a quarter
    /// of what it has taken, but hears in time that it is over.
    pub(super) fn pause(&self, now: Duration, settings: &Settings) -> Duration {
        let Settings {
            cancel_look,
            cancel_wait,
            lease_renew,
            ..
        } = *settings;
        let taken = now - self.began;
        let pause = cancel_look.max((taken / CANCEL_LOOK_DIVISOR).min(cancel_wait / 2));
        pause
            .min(self.due.saturating_sub(now))
            .max(cancel_look.min(lease_renew))
    }

    /// The time by which the lease is to be renewed for longer than usual; `None` when it need not
    /// be renewed yet. The sleep was to end at `until`.
    pub(super) fn extension(
        &mut self,
        now: Duration,
        until: Duration,
        settings: &Settings,
    ) -> Option<Duration> {
        let late = now.saturating_sub(until);
        // Who was late may be later still before it is due.
        let is_due = now >= self.due || (late > self.late && late > settings.lease_renew / 4);
        self.late = self.late.max(late);
        let extension = ((now - self.began) / EXTENSION_DIVISOR).max(self.late * LATER);
        is_due.then(|| extension.min(MAX_EXTENSION))
    }

    /// Notes that the lease was renewed, for so much longer than usual: half of that is kept for
    /// the time by which the next renewal comes late.
    pub(super) fn renewed(&mut self, now: Duration, extension: Duration, settings: &Settings) {
        self.due = now + settings.lease_renew + extension / 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether the lease of a run that waits for a minute lasts, when its sleeps end late by these
    /// times, one after the other.
    fn lasts(settings: &Settings, late: impl IntoIterator<Item = u64>) -> bool {
        let mut late = late.into_iter().map(Duration::from_millis);
        let mut now = Duration::from_secs(100);
        let over = now + Duration::from_secs(60);
        let mut expires = now + settings.lease;
        let mut renewal = Renewal::new(now, settings);
        while now < over {
            let until = now + renewal.pause(now, settings);
            now = until + late.next().unwrap_or_default();
            if let Some(extension) = renewal.extension(now, until, settings) {
                if now + settings.write_delay >= expires {
                    return false;
                }
                expires = now + settings.lease + extension;
                renewal.renewed(now, extension, settings);
            }
        }
        now < expires
    }

    #[test]
    fn a_run_that_wakes_up_later_and_later_keeps_its_lease() {
        for settings in [Settings::local(), Settings::cloud()] {
            assert!(lasts(&settings, []));
            assert!(lasts(&settings, [800, 1_600, 3_200, 3_200, 3_200]));
            assert!(lasts(&settings, [300; 100]));
            assert!(lasts(&settings, [1_300; 100]));
            // After it has waited for long a delay comes unannounced.
            assert!(lasts(&settings, [vec![0; 90], vec![3_000]].concat()));
        }
    }

    #[test]
    fn a_run_that_is_never_late_renews_its_lease_more_and_more_rarely() {
        let settings = Settings::local();
        let mut now = Duration::ZERO;
        let mut renewal = Renewal::new(now, &settings);
        let mut renewed = Vec::new();
        while now < Duration::from_secs(60) {
            let until = now + renewal.pause(now, &settings);
            now = until;
            if let Some(extension) = renewal.extension(now, until, &settings) {
                renewal.renewed(now, extension, &settings);
                renewed.push((now, extension));
            }
        }
        assert!(renewed.len() <= 18, "{}", renewed.len());
        assert!(
            renewed
                .iter()
                .all(|(now, extension)| *extension <= *now / 2)
        );
    }
}
