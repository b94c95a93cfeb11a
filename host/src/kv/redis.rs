//! A Redis database, used as Spin's Redis backend uses it, so that either can go on where the other stopped, and any
//! number of both can serve one application.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, FromRedisValue, RedisError, cmd};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::{KvBackend, KvError};

/// The store `default` in a Redis database: each of its keys is one of the database's, the value a string.
///
/// Whatever else is in the database belongs to the store, too.
pub struct Redis {
    client: Client,
    /// What all operations share, if there is one.
    connection: Mutex<Option<Arc<MultiplexedConnection>>>,
}

/// How long an operation may take, a new connection included. Applications count on a write's taking effect within
/// half a second or never, and ask again.
const PATIENCE: Duration = Duration::from_millis(400);

/// How many keys Redis looks at before it listens to others again.
const PAGE: u32 = 1_000;

impl Redis {
    /// Connects to the database at `url`: `redis://[[user]:password@]host[:port][/database]`, or `rediss://` for TLS.
    ///
    /// # Errors
    ///
    /// When this is no such URL, or the database does not answer.
    pub async fn open(url: &str) -> Result<Redis, KvError> {
        let redis = Redis {
            client: Client::open(url)?,
            connection: Mutex::default(),
        };
        let _: String = redis.ask(&cmd("PING")).await?;
        Ok(redis)
    }

    /// Sends a command that does no harm when it is sent twice.
    async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, KvError> {
        let mut used = None;
        let answer = timeout(PATIENCE, async {
            // Redis closes idle connections, which shows only when they are used.
            for _ in 0..2 {
                let connection = self.connection().await?;
                used = Some(connection.clone());
                match command.query_async(&mut connection.as_ref().clone()).await {
                    Err(error) if error.is_connection_dropped() => self.forget(&connection).await,
                    answer => return Ok(answer?),
                }
            }
            Err(KvError::Other("Redis closes the connection".to_owned()))
        })
        .await;
        if let Ok(answer) = answer {
            return answer;
        }
        // A peer that is gone without a word is not asked again, and what has not been sent by now never is.
        if let Some(connection) = used {
            self.forget(&connection).await;
        }
        Err(KvError::Other("Redis does not answer".to_owned()))
    }

    async fn connection(&self) -> Result<Arc<MultiplexedConnection>, RedisError> {
        let mut current = self.connection.lock().await;
        if let Some(connection) = &*current {
            return Ok(connection.clone());
        }
        // `ask` has the clock.
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(None)
            .set_response_timeout(None);
        let opened = self
            .client
            .get_multiplexed_async_connection_with_config(&config);
        let opened = Arc::new(opened.await?);
        *current = Some(opened.clone());
        Ok(opened)
    }

    /// Opens another connection next time, unless that has been done.
    async fn forget(&self, lost: &Arc<MultiplexedConnection>) {
        let mut current = self.connection.lock().await;
        if current
            .as_ref()
            .is_some_and(|current| Arc::ptr_eq(current, lost))
        {
            *current = None;
        }
    }
}

impl From<RedisError> for KvError {
    fn from(error: RedisError) -> Self {
        KvError::Other(format!("Redis: {error}"))
    }
}

/// A database is one store: another one of the same names would be the same.
fn only_default(store: &str) -> Result<(), KvError> {
    match store {
        "default" => Ok(()),
        _ => Err(KvError::NoSuchStore),
    }
}

#[async_trait]
impl KvBackend for Redis {
    async fn get(&self, store: &str, key: &str) -> Result<Option<Vec<u8>>, KvError> {
        only_default(store)?;
        self.ask(cmd("GET").arg(key)).await
    }

    async fn set(&self, store: &str, key: &str, value: Vec<u8>) -> Result<(), KvError> {
        only_default(store)?;
        self.ask(cmd("SET").arg(key).arg(value)).await
    }

    async fn delete(&self, store: &str, key: &str) -> Result<(), KvError> {
        only_default(store)?;
        self.ask(cmd("DEL").arg(key)).await
    }

    async fn exists(&self, store: &str, key: &str) -> Result<bool, KvError> {
        only_default(store)?;
        self.ask(cmd("EXISTS").arg(key)).await
    }

    async fn keys(&self, store: &str) -> Result<Vec<String>, KvError> {
        only_default(store)?;
        // A scan may name a key twice.
        let mut keys = HashSet::new();
        let mut cursor = 0u64;
        loop {
            let mut scan = cmd("SCAN");
            scan.arg(cursor).arg("COUNT").arg(PAGE);
            let (next, page): (u64, Vec<Vec<u8>>) = self.ask(&scan).await?;
            // Names that are no text are nobody's here.
            keys.extend(
                page.into_iter()
                    .filter_map(|key| String::from_utf8(key).ok()),
            );
            if next == 0 {
                return Ok(keys.into_iter().collect());
            }
            cursor = next;
        }
    }
}
