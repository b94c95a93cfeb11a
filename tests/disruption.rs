//! The application while hosts are killed, stores and clocks fail, and platforms enforce their
//! limits.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod app;
mod photos;
#[path = "../crates/vision/tests/scene/mod.rs"]
#[allow(dead_code, reason = "drawn for other tests, too")]
mod scene;

mod crashes;
mod many_hosts;
mod platforms;
mod trouble;
