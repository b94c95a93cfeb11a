//! Runs a Spin application (`spin.toml`) of WASI 0.2 HTTP components without Spin.
//!
//! It is Spin's equal for what it has: HTTP routes, `wasi:http` in and out, key-value storage in
//! Spin's own SQLite file or in Redis, variables. Beyond Spin it can hold the application to a
//! platform's [`limits`], make its storage and network [misbehave](kv::FaultPlan), and
//! [count](counters) what it costs; and it contains the [`edge`](mod@edge), so that WebSockets need
//! no second process.
//!
//! Start at [`app::App::load`], which makes an application of a [`manifest::Manifest`];
//! [`server::serve`] accepts its connections, and [`app::App::handle`] answers one request,
//! wherever it came from.

pub mod admin;
pub mod allocator;
pub mod allowed_hosts;
pub mod app;
mod bindings;
mod body;
pub mod build;
pub mod clients;
mod clock;
pub mod command;
pub mod counters;
pub mod edge;
mod engine;
mod epochs;
pub mod kv;
pub mod limits;
pub mod logs;
pub mod manifest;
mod memory;
pub mod metrics;
mod outbound;
pub mod routes;
pub mod server;
mod ticker;
pub mod traces;
mod turns;
pub mod variables;
mod window;
