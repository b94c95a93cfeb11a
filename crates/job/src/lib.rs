//! The heart of bookstrack: jobs that survive anything, on a store that can only `get` and `set`.
//!
//! A job is an immutable tree of values and one root document; a chain of bounded runs, one at a
//! time under a lease, swings the root from one state to the next; watchers read the root.
//! Everything here is generic over [`Effects`] and runs natively, without Spin, network or clock.

mod analyze;
mod cadence;
pub mod cancel;
pub mod clients;
pub mod create;
pub mod document;
pub mod effects;
pub mod enrich;
pub mod feed;
pub mod handover;
mod id;
pub mod keys;
pub mod lease;
pub mod look;
pub mod observer;
pub mod plan;
pub mod provider;
pub mod results;
mod retry;
pub mod run;
mod scan;
pub mod secret;
pub mod settings;
pub mod storage;
pub mod sweep;
pub mod watch;
pub mod work;

pub use analyze::CsvAnalysis;
pub use document::{Failure, FailureCode, Item, Pipeline, Report, Root, Stage};
pub use effects::{Effects, Time};
pub use enrich::Enrichment;
pub use feed::Feed;
pub use id::{Epoch, InvalidJobId, JobId};
pub use scan::Scan;
pub use secret::Keyring;
pub use settings::{Limits, RunMode, Settings};
