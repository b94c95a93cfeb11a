//! Key-value storage: what a backend must do, and the backends there are.

mod contract;
pub(crate) mod fault;
mod guard;
pub(crate) mod interface;
mod redis;
mod sqlite;

use std::time::Duration;

use async_trait::async_trait;
use thiserror::Error;

pub use contract::check as check_contract;
pub use fault::{Fault, FaultPlan};
pub(crate) use guard::Guard;
pub use redis::Redis;
pub use sqlite::Sqlite;

/// Time limit of a write, the connection to a server included: after that it has failed, and has no
/// effect any more. Applications count on a write's taking effect within half a second or never,
/// and ask again.
const WRITE_LIMIT: Duration = Duration::from_millis(400);

/// The reason why a key-value operation failed: what the component is told.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KvError {
    /// The instance has too many stores open.
    #[error("too many stores are open")]
    StoreTableFull,
    /// The store's name is unknown.
    #[error("no such store")]
    NoSuchStore,
    /// The component's `key_value_stores` does not list the store.
    #[error("access to the store denied")]
    AccessDenied,
    /// The backend failed.
    #[error("{0}")]
    Other(String),
}

/// A place to keep stores in. Every backend passes [`check_contract`].
///
/// An operation that has returned is visible to every later one. Operations on one key happen one
/// after the other; nothing is promised about several keys.
#[async_trait]
pub trait KvBackend: Send + Sync {
    /// The value of `key`, if it exists.
    async fn get(&self, store: &str, key: &str) -> Result<Option<Vec<u8>>, KvError>;
    /// Gives `key` a value, whether or not it had one.
    async fn set(&self, store: &str, key: &str, value: Vec<u8>) -> Result<(), KvError>;
    /// Makes `key` not exist, whether or not it did.
    async fn delete(&self, store: &str, key: &str) -> Result<(), KvError>;
    /// Whether `key` exists.
    async fn exists(&self, store: &str, key: &str) -> Result<bool, KvError>;
    /// All keys of a store, in no particular order.
    async fn keys(&self, store: &str) -> Result<Vec<String>, KvError>;
}
