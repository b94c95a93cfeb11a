//! How many jobs each client has under way, so that one of them cannot take all the room there is.
//!
//! The count is approximate: on a store without atomic operations requests at the same moment may
//! forget what the others noted, and a client then has some jobs more than it should. A job counts
//! until somebody looks whether it is over, which happens when the client's count grows, and for an
//! hour at most.
use crate::effects::{Effects, StoreError, Time};
use crate::id::JobId;
use crate::keys;
use crate::settings::Limits;
use crate::storage::read_root;
use std::time::Duration;

/// How long a job counts at most.
const COUNTED_FOR: Duration = Duration::from_secs(3600);

/// How long a job that cannot be found counts: it is noted before it is made, or refused.
pub const UNSEEN_JOB_GRACE: Duration = Duration::from_secs(10);

/// How many jobs one of the documents names, so that none grows beyond what the store takes.
const MAX_ENTRIES: usize = 4_000;

/// How many of a client's jobs are looked at, at most, before one more is accepted or refused: a
/// refusal must not cost more than a job.
const MAX_JOBS_CHECKED: usize = 16;

/// A client by the name that [`crate::Keyring::client`] gives it: hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client(pub(crate) String);

impl Client {
    /// Clients share a few documents: one for each would be keys without end.
    fn key(&self) -> String {
        keys::clients(self.0.get(..1).unwrap_or_default())
    }
}

/// The time at the end of a note: a line of a client, a job, and when it was noted. A line that is
/// none is as old as time.
fn noted(line: &str) -> Time {
    let at = line.rsplit_once(' ').and_then(|(_, at)| at.parse().ok());
    Time(at.unwrap_or_default())
}

/// Whether a client may have this job under way, too; from now on it counts. One that is known to be
/// its own already it may have.
///
/// # Errors
/// The store's: nothing is noted then.
pub async fn admit<E: Effects>(
    effects: &E,
    limits: &Limits,
    client: &Client,
    job: &JobId,
) -> Result<bool, StoreError> {
    let (key, now) = (client.key(), effects.now());
    // What cannot be read counts as nothing: nobody is refused for it.
    let document =
        String::from_utf8(effects.get(&key).await?.unwrap_or_default()).unwrap_or_default();
    let counts = |line: &&str| {
        let at = noted(line);
        at <= now && now.since(at) < COUNTED_FOR
    };
    let mut notes: Vec<&str> = document.split('\n').filter(counts).collect();
    let client = [client.0.as_str(), " "].concat();
    let own = [client.as_str(), job.as_str(), " "].concat();
    if notes.iter().any(|note| note.starts_with(&own)) {
        return Ok(true);
    }
    let of_client = notes
        .iter()
        .filter(|note| note.starts_with(&client))
        .count();
    let is_full = of_client >= limits.max_jobs_per_client;
    let mut is_below_limit = !is_full;
    // Those that are over do not count. It is worth looking when the client has as many as it may,
    // and now and then before.
    if is_full || of_client % MAX_JOBS_CHECKED == MAX_JOBS_CHECKED - 1 {
        // Anywhere among them: the oldest may be the ones that last.
        let mut at = now.0 as usize;
        let mut looks = 0;
        for _ in 0..notes.len() {
            at %= notes.len();
            let Some((id, _)) = notes[at]
                .strip_prefix(&client)
                .and_then(|note| note.split_once(' '))
            else {
                at += 1;
                continue;
            };
            let mut is_over = now.since(noted(notes[at])) > UNSEEN_JOB_GRACE;
            if let Ok(id) = JobId::parse(id)
                && let Some(root) = read_root(effects, &id).await?
            {
                is_over = root.stage.is_terminal() || root.expired(now);
            }
            if is_over {
                notes.remove(at);
                is_below_limit = true;
            } else {
                at += 1;
            }
            looks += 1;
            if looks == MAX_JOBS_CHECKED || notes.is_empty() {
                break;
            }
        }
    }
    if is_below_limit {
        let note = own + &now.0.to_string();
        notes.push(&note);
        let excess = notes.len().saturating_sub(MAX_ENTRIES);
        let mut document = String::new();
        for note in &notes[excess..] {
            document += note;
            document += "\n";
        }
        effects.set(&key, document.as_bytes()).await?;
    }
    Ok(is_below_limit)
}
