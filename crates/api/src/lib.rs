//! The wire: spells what the job engine knows as clients read it, and reads what clients send.
//!
//! Everything here is a pure function of its arguments: no I/O, no clock. Routes, statuses and
//! waiting are the components'; what a progress is, or when something is said, is [`job`]'s.
//!
//! **Invariant**: a shape that clients see is spelled in one place, by a named type, whatever the
//! transport.

pub mod accepted;
pub mod access;
pub mod book;
pub mod capabilities;
pub mod choice;
pub mod cors;
pub mod envelope;
pub mod error;
pub mod export;
pub mod failure;
pub mod legacy;
pub mod number;
pub mod openapi;
pub mod operator;
pub mod origin;
pub mod parked;
pub mod photo_batch;
pub mod preview;
pub mod problem;
pub mod query;
pub mod reading;
pub mod request;
pub mod results;
pub mod scan;
pub mod search;
pub mod sse;
pub mod status;
pub mod time;
pub mod upload;
pub mod v3;
pub mod variables;
pub mod webhook;
pub mod ws;

pub use envelope::Answered;
pub use error::{ApiError, Code};
