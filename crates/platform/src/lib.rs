//! The platform, which only this crate knows: Spin's key-value store and variables, `wasi:http`,
//! clocks and randomness, as the effects that the engine asks for.
//!
//! Start at [`Exchange`]: one request and its answer, with what every component does to them:
//! configuration, admission, access to jobs, errors, the log. [`Spin`] is the effects.
//! [`runs::serve`] answers the requests by which the application runs its jobs; [`stream`] and
//! [`attached`] are event streams, alone and as the answer to an upload.

pub mod attached;
pub mod client;
pub mod config;
pub mod exchange;
pub mod http;
pub mod poll;
pub mod runs;
mod spin;
pub mod stream;

pub use config::Config;
pub use exchange::{Access, Exchange, Response};
pub use http::{Body, Disconnected, Incoming, Responder, Writer};
pub use spin::Spin;
#[doc(hidden)]
pub use wasi;
