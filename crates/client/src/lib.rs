//! A client of a bookstrack server: submit a job, follow it to its end, fetch what it found.
//!
//! Progress comes by whatever works. Best is the stream that answers the submission itself; if the
//! server does not do that, or when a stream is cut, the job's event stream is opened, and resumed
//! where it broke off. Where streams do not get through although the server answers (a proxy holds
//! them back, say), the status is polled; this is remembered for a while ([`StreamSupport`]), and
//! then streams are tried again. [`Mode`] forces one or the other, and
//! [`Client::counters`] tells how it went.
//!
//! A server that goes away and comes back is a pause, which [`Update::Lost`] reports; errors end a
//! watch only when time will not heal them.
//!
//! ```
//! use client::{Client, Error, Event, Submission, Update};
//!
//! /// Imports a library, and says how many books were found.
//! async fn import(server: &str, csv: &'static str) -> Result<u64, Error> {
//!     let client = Client::new(server)?;
//!     let mut submitted = client.submit(&Submission::Import(csv.into())).await?;
//!     while let Some(update) = submitted.watch.next().await {
//!         match update? {
//!             Update::Event(Event::Progress(now)) => println!("{:3.0} %", now.progress * 100.0),
//!             Update::Event(Event::Completed(end)) => return Ok(end.success_count.unwrap_or(0)),
//!             Update::Lost { reason, pause } => eprintln!("{reason}; again in {pause:?}"),
//!             _ => {}
//!         }
//!     }
//!     Ok(0)
//! }
//! # mod server { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/server/mod.rs")); }
//! # #[tokio::main]
//! # async fn main() {
//! #     let server = server::Server::start().await;
//! #     server.finish();
//! # assert_eq!(import(&server.url(), "Title,Author\nBabel,R. F. Kuang\n").await.unwrap(), 145);
//! # }
//! ```

mod body;
mod client;
mod counters;
mod error;
mod http;
mod outage;
mod sse;
mod strategy;
mod stream;
mod submit;
mod watch;
mod wire;

pub use client::{Client, Options, StreamSupport, Timing};
pub use counters::{Counters, Tally, Transport};
pub use error::{ApiError, Error};
pub use strategy::Mode;
pub use submit::{BookQuery, Mapping, Photo, Preview, Submission, SubmitOptions, Submitted};
pub use watch::{Update, Watch};
pub use wire::{
    Accepted, Book, Cancellation, Candidate, Capabilities, Choice, Event, JobError, JobId, Page,
    Results, Row, Rows, SearchHit, SearchResults, Snapshot, Status,
};
