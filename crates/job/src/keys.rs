//! The layout of the store: the key of every document. All keys of a job but its root begin with
//! its [`prefix`].

use crate::id::{Epoch, JobId};
use crate::time::Time;

/// Key of the random secret of an application that was not given one.
pub const SECRET: &str = "secret";

/// Key of the document with the time of the last sweep and the number of keys it saw.
pub const SWEEP: &str = "sweep";

/// Key of the queue of answers that take much memory: see the module `compute`.
pub const MEMORY_QUEUE: &str = "memory-line";
/// Key of the queue of jobs that compute or wait for it: see the module `compute`.
pub const COMPUTE: &str = "compute";
/// Key of the queue of jobs that read spines: [`crate::Settings::compute_slots`].
pub const READING: &str = "compute-reading";

/// Key of the index of remembered books: which books are remembered, and on which pages.
pub const BOOKS: &str = "books/index";

const BOOKS_PAGES: &str = "books/page/";

const JOBS: &str = "job/";

/// The prefix of all keys of a job but its root.
#[must_use]
pub fn prefix(id: &JobId) -> String {
    format!("{JOBS}{id}/")
}

/// Key of the root: [`crate::Root`].
#[must_use]
pub fn root(id: &JobId) -> String {
    format!("{JOBS}{id}")
}

/// Key of the lease: [`crate::LeaseDoc`].
#[must_use]
pub fn lease(id: &JobId) -> String {
    format!("{JOBS}{id}/lease")
}

/// Key of the end: the final root, believed over everything else.
#[must_use]
pub fn end(id: &JobId) -> String {
    format!("{JOBS}{id}/end")
}

/// Key of the mark that a client cancels the job.
#[must_use]
pub fn cancel(id: &JobId) -> String {
    format!("{JOBS}{id}/cancel")
}

/// Key of the terms of the runs that could not keep the job in the middle of an attempt, and lived.
#[must_use]
pub fn survived(id: &JobId) -> String {
    format!("{JOBS}{id}/survived")
}

/// Key of what people have chosen for single books of an ended job.
#[must_use]
pub fn choices(id: &JobId) -> String {
    format!("{JOBS}{id}/choices")
}

/// Key of the mark that the operator's webhook is to be told of the job's end; it is there until
/// the message is delivered.
#[must_use]
pub fn webhook(id: &JobId) -> String {
    format!("{JOBS}{id}/webhook")
}

/// Key of the mark that the operator's webhook is to be told that the job waits for a provider for
/// long; it is there until the message is delivered.
#[must_use]
pub fn webhook_wait(id: &JobId) -> String {
    format!("{JOBS}{id}/webhook-wait")
}

/// Key of the token generation that counts, once a token was refreshed.
#[must_use]
pub fn auth(id: &JobId) -> String {
    format!("{JOBS}{id}/auth")
}

/// The prefix of the chunks of file number `file`, of the creation with this epoch.
#[must_use]
pub fn upload(id: &JobId, epoch: &Epoch, file: u32) -> String {
    format!("{JOBS}{id}/up/{epoch}.{file}")
}

/// The prefix of all chunks of a job's uploads.
#[must_use]
pub fn uploads(id: &JobId) -> String {
    format!("{JOBS}{id}/up/")
}

/// Key of a part of the plan.
#[must_use]
pub fn plan(id: &JobId, epoch: &Epoch, n: u32) -> String {
    format!("{JOBS}{id}/plan/{epoch}.{n}")
}

/// Key of a report of the first stage.
#[must_use]
pub fn report(id: &JobId, epoch: &Epoch, n: u32) -> String {
    format!("{JOBS}{id}/report/{epoch}.{n}")
}

/// Key of a segment: finished items.
#[must_use]
pub fn segment(id: &JobId, epoch: &Epoch, n: u32) -> String {
    format!("{JOBS}{id}/seg/{epoch}.{n}")
}

/// Key of a part of the library: items that a job carries over from another, as its creation writes
/// them.
#[must_use]
pub fn library(id: &JobId, epoch: &Epoch, n: u32) -> String {
    format!("{JOBS}{id}/lib/{epoch}.{n}")
}

/// Key of the state of a metadata provider: rate limit and circuit breaker.
#[must_use]
pub fn provider(name: &str) -> String {
    format!("provider/{name}")
}

/// Key of the jobs of all clients whose pseudonyms begin with this digit.
#[must_use]
pub fn clients(digit: &str) -> String {
    format!("clients/{digit}")
}

/// Every digit that [`clients`] takes.
pub const CLIENT_DIGITS: [&str; 16] = [
    "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "a", "b", "c", "d", "e", "f",
];

/// Key of a page of remembered books, by the time at which it was written.
#[must_use]
pub fn books_page(at: Time, name: &str) -> String {
    format!("{BOOKS_PAGES}{:013}-{name}", at.0)
}

/// Whether this is the key of a page of remembered books.
#[must_use]
pub fn is_books_page(key: &str) -> bool {
    key.starts_with(BOOKS_PAGES)
}

/// Time at which a page of remembered books was written, from its key.
#[must_use]
pub fn books_page_time(key: &str) -> Time {
    let name = key.strip_prefix(BOOKS_PAGES).unwrap_or_default();
    let at = name.split('-').next().and_then(|at| at.parse().ok());
    Time(at.unwrap_or_default())
}

/// The job that a key belongs to, if it belongs to one.
#[must_use]
pub fn owner(key: &str) -> Option<JobId> {
    let rest = key.strip_prefix(JOBS)?;
    JobId::parse(rest.split('/').next()?).ok()
}
