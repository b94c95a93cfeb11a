//! A Redis database, used as Spin's Redis backend uses it, so that either can go on where the other
//! stopped, and any number of both can serve one application.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::{
    AsyncConnectionConfig, Client, Cmd, FromRedisValue, IntoConnectionInfo, RedisError, cmd,
};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::{KvBackend, KvError, WRITE_LIMIT};

/// The store `default` in a Redis database: each of its keys is one of the database's, the value a
/// string.
///
/// Whatever else is in the database belongs to the store, too.
pub struct Redis {
    client: Client,
    /// The connection that all operations share, if there is one.
    connection: Mutex<Option<Arc<Connection>>>,
}

struct Connection {
    to: MultiplexedConnection,
    clock: Mutex<Clock>,
}

/// The clock of Redis when it was asked last.
#[derive(Clone, Copy)]
struct Clock {
    /// Time by the clock of Redis, in ms.
    said: u64,
    /// Time here at that moment, or a little later.
    at: Instant,
}

/// The age at which a reading of the clock of Redis is renewed: it runs a little differently.
const CLOCK_AGE: Duration = Duration::from_secs(10);

/// The number of keys that Redis looks at before it listens to others again.
const PAGE: u32 = 1_000;

/// Writes, unless it is later by the clock of Redis than the first argument says. However long a
/// command has been on its way, in whatever buffers, it then has no effect.
const IN_TIME: &str = "\
local time = redis.call('TIME')
if time[1] * 1000 + time[2] / 1000 > tonumber(ARGV[1]) then return 0 end
if ARGV[2] then redis.call('SET', KEYS[1], ARGV[2]) else redis.call('DEL', KEYS[1]) end
return 1";

impl Redis {
    /// Connects to the database at `url`: `redis://[[user]:password@]host[:port][/database]`, or
    /// `rediss://` for TLS.
    ///
    /// # Errors
    ///
    /// When this is no such URL, or the database does not answer.
    pub async fn open(url: &str) -> Result<Self, KvError> {
        let tcp = TcpSettings::default().set_nodelay(true);
        let redis = Self {
            client: Client::open(url.into_connection_info()?.set_tcp_settings(tcp))?,
            connection: Mutex::default(),
        };
        let _: String = redis.ask(|_| cmd("PING")).await?;
        Ok(redis)
    }

    /// Gives `key` a value, or none, within [`WRITE_LIMIT`] or never.
    async fn write(&self, key: &str, value: Option<&[u8]>) -> Result<(), KvError> {
        let in_time: bool = self
            .ask(|deadline| {
                let mut command = cmd("EVAL");
                command.arg(IN_TIME).arg(1).arg(key).arg(deadline);
                command.arg(value);
                command
            })
            .await?;
        if in_time {
            return Ok(());
        }
        // Or its clock was set forward: a new connection asks for it.
        *self.connection.lock().await = None;
        Err(KvError::Other("Redis was reached too late".to_owned()))
    }

    /// Sends a command that does no harm when it is sent twice. The time after which it is too late
    /// is an argument of the command, in ms by the clock of Redis.
    async fn ask<T: FromRedisValue>(
        &self,
        command: impl Fn(u64) -> Cmd + Send + Sync,
    ) -> Result<T, KvError> {
        let until = Instant::now() + WRITE_LIMIT;
        let mut used = None;
        let answer = timeout(WRITE_LIMIT, async {
            // Redis closes idle connections, which shows only when they are used.
            for _ in 0..2 {
                let connection = self.connection().await?;
                used = Some(connection.clone());
                match connection.ask(&command, until).await {
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
        // A peer that is gone without a word is not asked again.
        if let Some(connection) = used {
            self.forget(&connection).await;
        }
        Err(KvError::Other("Redis does not answer".to_owned()))
    }

    async fn connection(&self) -> Result<Arc<Connection>, RedisError> {
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
        let to = opened.await?;
        let clock = Mutex::new(Clock::ask(&to).await?);
        let opened = Arc::new(Connection { to, clock });
        *current = Some(opened.clone());
        Ok(opened)
    }

    /// Drops a lost connection, so that the next operation opens another, unless that has been
    /// done.
    async fn forget(&self, lost: &Arc<Connection>) {
        let mut current = self.connection.lock().await;
        if current
            .as_ref()
            .is_some_and(|current| Arc::ptr_eq(current, lost))
        {
            *current = None;
        }
    }
}

impl Connection {
    async fn ask<T: FromRedisValue>(
        &self,
        command: impl Fn(u64) -> Cmd,
        until: Instant,
    ) -> Result<T, RedisError> {
        let clock = {
            let mut clock = self.clock.lock().await;
            if clock.at.elapsed() > CLOCK_AGE {
                *clock = Clock::ask(&self.to).await?;
            }
            *clock
        };
        command(clock.at(until))
            .query_async(&mut self.to.clone())
            .await
    }
}

impl Clock {
    async fn ask(connection: &MultiplexedConnection) -> Result<Self, RedisError> {
        let (seconds, micros): (u64, u64) =
            cmd("TIME").query_async(&mut connection.clone()).await?;
        // The answer has taken a while: what is reckoned from now is never later than it may be.
        Ok(Self {
            said: seconds * 1_000 + micros / 1_000,
            at: Instant::now(),
        })
    }

    /// The time that the clock of Redis will show `then`.
    fn at(self, then: Instant) -> u64 {
        let since = then.saturating_duration_since(self.at).as_millis();
        self.said + u64::try_from(since).unwrap_or(u64::MAX / 2)
    }
}

impl From<RedisError> for KvError {
    fn from(error: RedisError) -> Self {
        Self::Other(format!("Redis: {error}"))
    }
}

/// Refuses every store but `default`: a database is one store, and another name would mean the same
/// one.
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
        self.ask(|_| cmd("GET").arg(key).take()).await
    }

    async fn set(&self, store: &str, key: &str, value: Vec<u8>) -> Result<(), KvError> {
        only_default(store)?;
        self.write(key, Some(&value)).await
    }

    async fn delete(&self, store: &str, key: &str) -> Result<(), KvError> {
        only_default(store)?;
        self.write(key, None).await
    }

    async fn exists(&self, store: &str, key: &str) -> Result<bool, KvError> {
        only_default(store)?;
        self.ask(|_| cmd("EXISTS").arg(key).take()).await
    }

    async fn keys(&self, store: &str) -> Result<Vec<String>, KvError> {
        only_default(store)?;
        // A scan may name a key twice.
        let mut keys = HashSet::new();
        let mut cursor = 0u64;
        loop {
            let (next, page): (u64, Vec<Vec<u8>>) = self
                .ask(|_| cmd("SCAN").arg(cursor).arg("COUNT").arg(PAGE).take())
                .await?;
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
