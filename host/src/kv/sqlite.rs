//! Spin's default store: one SQLite file, in Spin's schema, so that either can go on where the
//! other stopped.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{Connection, ErrorCode, OptionalExtension, params};

use super::{KvBackend, KvError};

/// A store in a SQLite file.
pub struct Sqlite {
    /// Answers reads at once, on the caller's thread: they take microseconds.
    reader: Mutex<Connection>,
    writer: Arc<Mutex<Connection>>,
    log: Arc<WriteAheadLog>,
}

/// Moves what was committed from the write-ahead log into the file, beside everything else: that
/// waits for the disk.
struct WriteAheadLog {
    mover: Mutex<Connection>,
    /// Bytes of values written since it was last moved.
    written: AtomicUsize,
}

/// After so many bytes the log is moved, so that it stays short and reads stay quick.
const LONGEST_LOG: usize = 4 << 20;

/// Values up to this size are written in much less time than another thread takes to begin.
const SMALL: usize = 16 << 10;

impl Sqlite {
    /// Opens the file, and makes it if need be.
    pub fn open(path: &Path) -> Result<Self, KvError> {
        let writer = Connection::open(path)?;
        writer.busy_timeout(BUSY)?;
        // With a write-ahead log readers do not wait for writers, and NORMAL does not wait for the
        // disk at each commit, which takes 1 to 20 ms. What is committed survives the death of this
        // process; a power cut can lose the last commits, but neither reorder nor damage any. (Spin
        // leaves SQLite as it comes: a rollback journal, and a wait for the disk at each commit.)
        writer.pragma_update(None, "journal_mode", "WAL")?;
        writer.pragma_update(None, "synchronous", "NORMAL")?;
        writer.pragma_update(None, "wal_autocheckpoint", 0)?;
        writer.execute(
            "CREATE TABLE IF NOT EXISTS spin_key_value (
               store TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (store, key))",
            [],
        )?;
        let reader = Connection::open(path)?;
        reader.busy_timeout(BUSY)?;
        reader.pragma_update(None, "query_only", true)?;
        let mover = Connection::open(path)?;
        mover.pragma_update(None, "synchronous", "NORMAL")?;
        Ok(Self {
            reader: Mutex::new(reader),
            writer: Arc::new(Mutex::new(writer)),
            log: Arc::new(WriteAheadLog {
                mover: Mutex::new(mover),
                written: AtomicUsize::new(0),
            }),
        })
    }

    fn read<T>(
        &self,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, KvError> {
        let reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(query(&reader)?)
    }

    /// Writes `bytes`, more or less: at once when they are few and nobody else is writing, else on
    /// a thread that may wait for the disk, for other writers and for other processes.
    async fn write(
        &self,
        bytes: usize,
        change: impl Fn(&Connection) -> rusqlite::Result<usize> + Send + 'static,
    ) -> Result<(), KvError> {
        let at_once = (bytes <= SMALL).then(|| self.try_write(&change)).flatten();
        let result = match at_once {
            Some(result) => result,
            None => {
                let writer = self.writer.clone();
                let changed = tokio::task::spawn_blocking(move || {
                    change(&writer.lock().unwrap_or_else(PoisonError::into_inner))
                });
                changed
                    .await
                    .map_err(|error| KvError::Other(error.to_string()))?
            }
        };
        self.log.grown(bytes);
        Ok(result.map(drop)?)
    }

    /// `None` when that is not possible without waiting.
    fn try_write(
        &self,
        change: impl Fn(&Connection) -> rusqlite::Result<usize>,
    ) -> Option<rusqlite::Result<usize>> {
        let writer = self.writer.try_lock().ok()?;
        writer.busy_timeout(Duration::ZERO).ok()?;
        let result = change(&writer);
        writer.busy_timeout(BUSY).ok()?;
        match result {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => None,
            result => Some(result),
        }
    }
}

impl WriteAheadLog {
    /// So many bytes were written to it.
    fn grown(self: &Arc<Self>, bytes: usize) {
        let before = self.written.fetch_add(bytes, Ordering::Relaxed);
        // One of those who make it too long moves it.
        if before < LONGEST_LOG && before + bytes >= LONGEST_LOG {
            let log = self.clone();
            tokio::task::spawn_blocking(move || log.shorten());
        }
    }

    fn shorten(&self) {
        let mover = self.mover.lock().unwrap_or_else(PoisonError::into_inner);
        self.written.store(0, Ordering::Relaxed);
        let moved = mover.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
        if let Err(error) = moved {
            // What is committed is safe all the same, and there will be a next time.
            tracing::warn!("cannot move the store's write-ahead log: {error}");
        }
    }
}

/// How long to wait for another process that has the file locked: applications count on a write's
/// taking effect soon or never, and try again.
const BUSY: Duration = Duration::from_millis(250);

impl From<rusqlite::Error> for KvError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Other(error.to_string())
    }
}

#[async_trait]
impl KvBackend for Sqlite {
    async fn get(&self, store: &str, key: &str) -> Result<Option<Vec<u8>>, KvError> {
        self.read(|connection| {
            connection
                .prepare_cached("SELECT value FROM spin_key_value WHERE store = ?1 AND key = ?2")?
                .query_row([store, key], |row| row.get(0))
                .optional()
        })
    }

    async fn set(&self, store: &str, key: &str, value: Vec<u8>) -> Result<(), KvError> {
        let (store, key) = (store.to_owned(), key.to_owned());
        self.write(value.len(), move |connection| {
            connection
                .prepare_cached(
                    "INSERT INTO spin_key_value (store, key, value) VALUES (?1, ?2, ?3)
                     ON CONFLICT (store, key) DO UPDATE SET value = excluded.value",
                )?
                .execute(params![store, key, value])
        })
        .await
    }

    async fn delete(&self, store: &str, key: &str) -> Result<(), KvError> {
        let (store, key) = (store.to_owned(), key.to_owned());
        self.write(key.len(), move |connection| {
            connection
                .prepare_cached("DELETE FROM spin_key_value WHERE store = ?1 AND key = ?2")?
                .execute([&store, &key])
        })
        .await
    }

    async fn exists(&self, store: &str, key: &str) -> Result<bool, KvError> {
        self.read(|connection| {
            connection
                .prepare_cached("SELECT 1 FROM spin_key_value WHERE store = ?1 AND key = ?2")?
                .exists([store, key])
        })
    }

    async fn keys(&self, store: &str) -> Result<Vec<String>, KvError> {
        self.read(|connection| {
            connection
                .prepare_cached("SELECT key FROM spin_key_value WHERE store = ?1")?
                .query_map([store], |row| row.get(0))?
                .collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_keeps_the_contract() {
        let dir = tempfile::tempdir().unwrap();
        let store = Sqlite::open(&dir.path().join("kv.db")).unwrap();
        super::super::check_contract(Arc::new(store)).await;
    }

    #[tokio::test]
    async fn another_connection_with_spins_statements_sees_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sqlite_key_value.db");
        let store = Sqlite::open(&path).unwrap();
        store.set("default", "ours", b"1".to_vec()).await.unwrap();

        let theirs = Connection::open(&path).unwrap();
        let found: Vec<u8> = theirs
            .query_row(
                "SELECT value FROM spin_key_value WHERE store=$1 AND key=$2",
                ["default", "ours"],
                |row| row.get(0),
            )
            .unwrap();
        assert_eq!(found, b"1");
        theirs
            .execute(
                "INSERT INTO spin_key_value (store, key, value) VALUES ($1, $2, $3)
                 ON CONFLICT(store, key) DO UPDATE SET value=$3",
                params!["default", "theirs", b"2"],
            )
            .unwrap();
        assert_eq!(store.get("default", "theirs").await.unwrap().unwrap(), b"2");
    }

    #[tokio::test]
    async fn what_does_not_fit_is_an_error_until_it_does() {
        let dir = tempfile::tempdir().unwrap();
        let store = Sqlite::open(&dir.path().join("kv.db")).unwrap();
        store.set("default", "small", b"1".to_vec()).await.unwrap();
        let limit = |pages: u32| {
            let writer = store.writer.lock().unwrap();
            writer
                .query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))
                .unwrap();
        };
        limit(1);
        for bytes in [SMALL, SMALL * 10] {
            let full = store.set("default", "large", vec![7; bytes]).await;
            assert_eq!(
                full,
                Err(KvError::Other("database or disk is full".to_owned()))
            );
            assert_eq!(store.get("default", "large").await, Ok(None));
        }
        assert_eq!(store.get("default", "small").await, Ok(Some(b"1".to_vec())));
        store.delete("default", "small").await.unwrap();
        limit(u32::MAX);
        let large = vec![7; SMALL * 10];
        store.set("default", "large", large.clone()).await.unwrap();
        assert_eq!(store.get("default", "large").await, Ok(Some(large)));
    }

    #[tokio::test]
    async fn a_file_that_somebody_else_has_locked_can_be_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("kv.db");
        let store = Sqlite::open(&path).unwrap();
        store.set("default", "key", b"1".to_vec()).await.unwrap();
        let other = Connection::open(&path).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let locked = store.set("default", "key", b"2".to_vec()).await;
        assert_eq!(locked, Err(KvError::Other("database is locked".to_owned())));
        assert_eq!(store.get("default", "key").await, Ok(Some(b"1".to_vec())));
        other.execute_batch("COMMIT").unwrap();
        store.set("default", "key", b"3".to_vec()).await.unwrap();
        assert_eq!(store.get("default", "key").await, Ok(Some(b"3".to_vec())));
    }

    /// The error is that of a file without a right to write, which an administrator never sees.
    #[tokio::test]
    async fn a_file_that_may_only_be_read_is_an_error_of_writes_alone() {
        let dir = tempfile::tempdir().unwrap();
        let store = Sqlite::open(&dir.path().join("kv.db")).unwrap();
        store.set("default", "key", b"1".to_vec()).await.unwrap();
        let may_write = |may: bool| {
            let writer = store.writer.lock().unwrap();
            writer.pragma_update(None, "query_only", !may).unwrap();
        };
        may_write(false);
        let refused = store.set("default", "key", b"2".to_vec()).await;
        assert!(
            matches!(&refused, Err(KvError::Other(message)) if message.contains("readonly")),
            "{refused:?}"
        );
        assert_eq!(store.get("default", "key").await, Ok(Some(b"1".to_vec())));
        may_write(true);
        store.delete("default", "key").await.unwrap();
        assert_eq!(store.get("default", "key").await, Ok(None));
    }

    #[test]
    fn a_file_that_cannot_be_opened_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        assert!(Sqlite::open(dir.path()).is_err());
    }
}
