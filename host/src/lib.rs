//! Runs a Spin application (`spin.toml`) of WASI 0.2 HTTP components without Spin.
//!
//! It is meant to be Spin's equal for what it has: HTTP routes, `wasi:http` in and out, key-value storage in
//! Spin's own SQLite file, variables. Beyond Spin it can hold the application to a platform's [`limits`], make its
//! storage and network [misbehave](kv::FaultPlan), and [count](counters) what it does.
//!
//! [`server::serve`] accepts connections; [`app::App::handle`] answers one request, from wherever it came.

pub mod admin;
pub mod allowed_hosts;
pub mod app;
mod bindings;
pub mod build;
mod clock;
pub mod counters;
pub mod edge;
mod engine;
pub mod kv;
pub mod limits;
pub mod logs;
pub mod manifest;
mod outbound;
mod patience;
pub mod routes;
pub mod server;
pub mod streams;
mod turns;
pub mod variables;
mod window;
