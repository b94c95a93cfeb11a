//! The description of the HTTP interface: OpenAPI 3.1, with the contract's fixtures as examples.
//!
//! It is made from the types of this crate by a test and kept beside them, so that serving it
//! costs nothing. After a change `UPDATE_OPENAPI=1 cargo test -p api openapi` writes it anew.

#[cfg(test)]
mod components;
#[cfg(test)]
mod operation;
#[cfg(test)]
mod routes;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod webhooks;

/// The description, as JSON.
pub const DESCRIPTION: &[u8] = include_bytes!("../openapi.json");
