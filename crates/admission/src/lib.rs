//! Admission of requests: which client sends one, and what share of the capacity one client may
//! have.
//!
//! Host, edge and components admit requests by the same rules, which are here once: what counts as
//! one client ([`ClientKey`]), which addresses are proxies rather than clients ([`is_private`]),
//! how many of something one client may hold ([`Limiter`]), and what becomes of a request for an
//! event stream when there is no room for it ([`Admission`]). So is which trace a request belongs
//! to ([`TraceParent`]). Nothing here does I/O or knows a clock.

mod address;
mod limiter;
mod policy;
mod trace;

pub use address::{ClientKey, canonical, is_private, parse_address};
pub use limiter::{Full, Limiter, Permit};
pub use policy::{
    Admission, Held, Limits, PerClient, ResponseAction, STREAM_BUDGET, StreamCounts, StreamPlace,
    Ticket, accepts_event_stream, is_event_stream, media_type, names_event_stream, stream_target,
};
pub use trace::{TRACEPARENT, TRACESTATE, TraceParent};
