//! The application asked through its ports, as its clients do.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod app;
mod photos;
#[path = "../crates/vision/tests/scene/mod.rs"]
#[allow(dead_code, reason = "drawn for other tests, too")]
mod scene;
mod shape;

mod attached;
mod attacks;
mod behind_edge;
mod choices;
mod clients;
mod command;
mod costs;
mod deploy;
mod disk;
mod documentation;
mod floods;
mod hostile;
mod imports;
mod legacy;
mod metrics;
mod monitoring;
mod openapi;
mod operator;
mod providers;
mod requests;
mod retries;
mod scans;
mod shares;
mod sockets;
mod streams;
mod traces;
mod webhooks;
