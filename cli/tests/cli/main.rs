//! The real binary against a server that says what the contract says.

#![allow(clippy::unwrap_used)] // A helper that fails fails its test.

mod command;
mod support;
mod terminal;
