//! The job engine: jobs that survive crashes, on a store that can only `get` and `set`.
//!
//! A job is an immutable tree of values and one root document, its manifest. A chain of bounded
//! runs, one at a time under a lease, publishes one root after the other; watchers read the root.
//! Everything is generic over [`Effects`] and runs natively, without Spin, network or clock.
//!
//! Start at [`Engine`]: its methods are everything that a program does with jobs. [`effects`] is
//! what a platform implements, [`keys`] is the layout of the store. The other types are data that
//! the engine takes and returns.

mod again;
mod analyze;
mod cadence;
mod cancel;
mod choices;
mod clients;
mod compute;
mod content;
mod create;
mod delete;
mod document;
pub mod effects;
mod engine;
mod enrich;
mod feed;
mod handover;
mod id;
pub mod keys;
mod lease;
mod lettering;
mod look;
mod memory;
mod observer;
mod overview;
mod photo;
mod plan;
mod provider;
mod reading;
mod results;
mod retry;
mod run;
mod scan;
mod secret;
mod settings;
mod silence;
mod storage;
#[cfg(test)]
mod stored;
mod sweep;
mod time;
mod token;
mod watch;
mod webhook;
mod work;

pub use again::{Remedy, RetryError};
pub use analyze::CsvAnalysis;
pub use cancel::Cancellation;
pub use choices::{ChooseError, MAX_CHOICES, Pick};
pub use clients::UNSEEN_JOB_GRACE;
pub use compute::{LONG_ENOUGH_TO_WAIT, QueueTurn};
pub use content::ContentDigest;
pub use create::{CreateError, Name, NewJob, Receiver};
pub use document::{
    ChosenBy, Component, Course, Event, Failure, FailureCode, HandOver, Item, ItemCounts,
    MAX_VALUE_BYTES, MadeBy, Moment, Notice, Outage, Outcome, Part, PhotoState, PhotoStatus,
    PhotoStep, Pipeline, Report, Retry, Root, RowCounts, ScanCounts, Stage, Upload, Uploaded,
};
pub use effects::Effects;
pub use engine::Engine;
pub use enrich::{Enrichment, ProviderSessions, Searched};
pub use feed::Feed;
pub use handover::Created;
pub use id::{Epoch, InvalidJobId, JobId};
pub use lease::LeaseDoc;
pub use lettering::{Lettering, ReadLine};
pub use look::Inspection;
pub use memory::Learned;
pub use observer::{Observer, Position, Step, StoreLag};
pub use overview::{JobDetail, MAX_LISTED, MAX_OVERVIEW_READS, Overview};
pub use provider::{Breaker, ProviderStatus, RateLimit};
pub use reading::{SpineReader, SpineReading, SpineStage};
pub use run::Run;
pub use scan::{FirstStage, Scan};
pub use secret::{Client, Keyring, constant_time_eq};
pub use settings::{Limits, RunMode, Settings, SettingsError, Webhook};
pub use silence::{Silence, SilenceLook};
pub use storage::Stop;
pub use sweep::{KEYS_PER_JOB, StoreUse};
pub use time::{Time, millis};
pub use watch::{Next, Notification, Watcher};
pub use webhook::PendingMessage;
pub use work::{StageOutcome, Worker};
