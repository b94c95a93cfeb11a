//! Spin's default store: one SQLite file, in Spin's schema, so that either can go on where the
//! other stopped.
//!
//! What is deleted is erased: `secure_delete` overwrites it in the file, and [`upkeep`] empties the
//! write-ahead log within seconds, so that neither file holds a photo that its job has deleted.

mod upkeep;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use parking_lot::Mutex;
use rusqlite::{Connection, ErrorCode, OptionalExtension, params};

use self::upkeep::{File, Upkeep};
use super::{KvBackend, KvError, WRITE_LIMIT};

/// A store in a SQLite file.
pub struct Sqlite {
    /// The connection for reads, which run at once, on the caller's thread: they take microseconds.
    reader: Mutex<Connection>,
    file: Arc<File>,
    _upkeep: Upkeep,
}

/// Size, in bytes, of values that are written in much less time than another thread takes to begin.
/// What is this small may also use the room that is kept for the time when the disk is full.
const SMALL: usize = 16 << 10;

/// Time to wait for another process that has the file locked. Applications count on a write's
/// taking effect soon or never, and try again.
const BUSY: Duration = Duration::from_millis(250);

/// A write to the store.
enum Change {
    Set {
        store: String,
        key: String,
        value: Vec<u8>,
    },
    Delete {
        store: String,
        key: String,
    },
}

impl Change {
    fn is_small(&self) -> bool {
        match self {
            Self::Set { value, .. } => value.len() <= SMALL,
            Self::Delete { .. } => true,
        }
    }

    fn apply(&self, connection: &Connection) -> rusqlite::Result<()> {
        match self {
            Self::Set { store, key, value } => connection
                .prepare_cached(
                    "INSERT INTO spin_key_value (store, key, value) VALUES (?1, ?2, ?3)
                     ON CONFLICT (store, key) DO UPDATE SET value = excluded.value",
                )?
                .execute(params![store, key, value])?,
            Self::Delete { store, key } => connection
                .prepare_cached("DELETE FROM spin_key_value WHERE store = ?1 AND key = ?2")?
                .execute([store, key])?,
        };
        Ok(())
    }
}

impl Sqlite {
    /// Opens the file, and makes it if need be.
    ///
    /// # Errors
    /// When the file cannot be opened, made or written, or is no database.
    pub fn open(path: &Path) -> Result<Self, KvError> {
        let writer = Connection::open(path)?;
        writer.busy_timeout(BUSY)?;
        writer.pragma_update(None, "secure_delete", true)?;
        let was_empty = make_shrinkable(&writer)?;
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
        let file = Arc::new(File::new(path, writer));
        if !was_empty {
            // A process that was killed left its log, and in it what it had deleted.
            file.empty_log();
        }
        Ok(Self {
            reader: Mutex::new(reader),
            _upkeep: Upkeep::start(file.clone(), mover)?,
            file,
        })
    }

    fn read<T>(
        &self,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, KvError> {
        Ok(query(&self.reader.lock())?)
    }

    /// Applies a change: at once when it is small and no other write is under way, else on a thread
    /// that may wait for the disk, for other writers and for other processes. What has not begun
    /// within [`WRITE_LIMIT`] never does.
    async fn write(&self, change: Change) -> Result<(), KvError> {
        let deadline = Instant::now() + WRITE_LIMIT;
        let at_once = match change.is_small() {
            true => self.file.try_apply(&change),
            false => None,
        };
        let result = match at_once {
            Some(result) => result,
            None => {
                let file = self.file.clone();
                tokio::task::spawn_blocking(move || file.apply(&change, deadline))
                    .await
                    .map_err(|error| KvError::Other(error.to_string()))?
            }
        };
        self.file.written();
        result
    }
}

/// Makes the file give free pages back to the disk. A file that was made otherwise is written anew,
/// once, which also erases what was only marked as deleted in it. True if the file was empty.
fn make_shrinkable(writer: &Connection) -> Result<bool, KvError> {
    const INCREMENTAL: i64 = 2;
    let pages: i64 = writer.pragma_query_value(None, "page_count", |row| row.get(0))?;
    let mode: i64 = writer.pragma_query_value(None, "auto_vacuum", |row| row.get(0))?;
    if mode != INCREMENTAL {
        writer.pragma_update(None, "auto_vacuum", INCREMENTAL)?;
        if pages > 0
            && let Err(error) = writer.execute_batch("VACUUM")
        {
            // For want of room, most likely. The store works all the same.
            tracing::warn!("cannot write the store anew, so its file will not shrink: {error}");
        }
    }
    Ok(pages == 0)
}

fn is_full(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DiskFull)
}

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
        self.write(Change::Set { store, key, value }).await
    }

    async fn delete(&self, store: &str, key: &str) -> Result<(), KvError> {
        let (store, key) = (store.to_owned(), key.to_owned());
        self.write(Change::Delete { store, key }).await
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
            let writer = store.file.writer();
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
            let writer = store.file.writer();
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

    /// Does a write again that was too late on a busy machine, or for which room was only being
    /// made, as its callers do.
    async fn again(write: impl AsyncFn() -> Result<(), KvError>) {
        let passes = |message: &str| message.contains("too late") || message.contains("full");
        let mut done = write().await;
        for _ in 0..50 {
            if !matches!(&done, Err(KvError::Other(message)) if passes(message)) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
            done = write().await;
        }
        done.unwrap();
    }

    /// Whether any file in `dir` holds `marker`.
    fn holds(dir: &Path, marker: &[u8]) -> bool {
        let files = std::fs::read_dir(dir).unwrap();
        files
            .map(|file| std::fs::read(file.unwrap().path()).unwrap())
            .any(|bytes| memchr(&bytes, marker))
    }

    fn memchr(bytes: &[u8], marker: &[u8]) -> bool {
        bytes.windows(marker.len()).any(|window| window == marker)
    }

    /// Values of every way of being stored, each with the marker in its middle.
    async fn fill(store: &Sqlite, marker: &[u8]) -> Vec<String> {
        let mut keys = Vec::new();
        for (n, size) in [40, 900, 5_000, 70_000, 950_000].into_iter().enumerate() {
            for copy in 0..3 {
                let key = format!("{n}/{copy}");
                let mut value = vec![7; size];
                value.splice(size / 2..size / 2, marker.iter().copied());
                again(async || store.set("default", &key, value.clone()).await).await;
                keys.push(key);
            }
        }
        keys
    }

    #[tokio::test]
    async fn what_is_deleted_or_overwritten_is_nowhere_on_the_disk_soon() {
        const MARKER: &[u8] = b"a-photo-of-a-shelf";
        let dir = tempfile::tempdir().unwrap();
        let store = Sqlite::open(&dir.path().join("kv.db")).unwrap();
        let keys = fill(&store, MARKER).await;
        assert!(holds(dir.path(), MARKER));
        for (n, key) in keys.iter().enumerate() {
            match n % 2 {
                0 => again(async || store.delete("default", key).await).await,
                _ => again(async || store.set("default", key, b"other".to_vec()).await).await,
            }
        }
        let until = Instant::now() + Duration::from_secs(30);
        while holds(dir.path(), MARKER) {
            assert!(Instant::now() < until, "it is still there");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(store.keys("default").await.unwrap().len(), keys.len() / 2);
    }

    #[tokio::test]
    #[allow(
        clippy::await_holding_lock,
        reason = "nothing that is waited for here takes this lock"
    )]
    async fn a_killed_process_leaves_nothing_that_the_next_one_does_not_erase() {
        const MARKER: &[u8] = b"a-photo-of-a-shelf";
        let dir = tempfile::tempdir().unwrap();
        let store = Sqlite::open(&dir.path().join("kv.db")).unwrap();
        // Nothing may be moved while the files are copied.
        let log = store.file.clone();
        let still = log.without_checkpoints();
        for key in fill(&store, MARKER).await {
            again(async || store.delete("default", &key).await).await;
        }
        again(async || store.set("default", "kept", b"1".to_vec()).await).await;
        // What is on the disk when a process is killed.
        let killed = tempfile::tempdir().unwrap();
        for name in ["kv.db", "kv.db-wal"] {
            std::fs::copy(dir.path().join(name), killed.path().join(name)).unwrap();
        }
        drop(still);
        assert!(holds(killed.path(), MARKER));
        let next = Sqlite::open(&killed.path().join("kv.db")).unwrap();
        assert!(!holds(killed.path(), MARKER));
        assert_eq!(next.get("default", "kept").await, Ok(Some(b"1".to_vec())));
    }

    #[tokio::test]
    async fn the_file_of_an_earlier_version_is_erased_and_shrinks() {
        const MARKER: &[u8] = b"a-photo-of-a-shelf";
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("kv.db");
        let earlier = Connection::open(&path).unwrap();
        earlier
            .execute_batch(
                "CREATE TABLE spin_key_value (
                   store TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL,
                   PRIMARY KEY (store, key));
                 INSERT INTO spin_key_value VALUES ('default', 'kept', x'31');",
            )
            .unwrap();
        let photo = MARKER.repeat(100_000);
        let insert = "INSERT INTO spin_key_value VALUES ('default', 'photo', ?1)";
        earlier.execute(insert, [&photo]).unwrap();
        let delete = "DELETE FROM spin_key_value WHERE key = 'photo'";
        earlier.execute(delete, []).unwrap();
        drop(earlier);
        assert!(holds(dir.path(), MARKER));
        let store = Sqlite::open(&path).unwrap();
        assert_eq!(store.get("default", "kept").await, Ok(Some(b"1".to_vec())));
        assert!(!holds(dir.path(), MARKER));
        assert!(std::fs::metadata(&path).unwrap().len() < 100_000);
    }

    #[tokio::test]
    async fn the_log_stays_short_and_the_file_shrinks() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("kv.db");
        let store = Sqlite::open(&path).unwrap();
        let size =
            |name: &str| std::fs::metadata(dir.path().join(name)).map_or(0, |file| file.len());
        let mut longest = 0;
        for n in 0..300 {
            let key = (n % 60).to_string();
            again(async || store.set("default", &key, vec![1; 900_000]).await).await;
            if n % 3 == 0 {
                again(async || store.delete("default", &key).await).await;
            }
            longest = longest.max(size("kv.db-wal"));
        }
        println!("{longest} bytes of log, {} of file", size("kv.db"));
        assert!(longest < 12 << 20, "{longest}");
        for key in store.keys("default").await.unwrap() {
            again(async || store.delete("default", &key).await).await;
        }
        let until = Instant::now() + Duration::from_secs(30);
        while size("kv.db-wal") > 0 || size("kv.db") > 16 << 20 {
            let left = (size("kv.db-wal"), size("kv.db"));
            assert!(Instant::now() < until, "{left:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    #[tokio::test]
    async fn a_write_that_cannot_begin_in_time_has_no_effect_later() {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(Sqlite::open(&dir.path().join("kv.db")).unwrap());
        let held = store.clone();
        let (taken, is_taken) = std::sync::mpsc::channel();
        let (over, is_over) = std::sync::mpsc::channel();
        let holder = std::thread::spawn(move || {
            let writer = held.file.writer();
            taken.send(()).unwrap();
            is_over.recv().unwrap();
            drop(writer);
        });
        is_taken.recv().unwrap();
        let late = store.set("default", "key", b"late".to_vec()).await;
        assert_eq!(
            late,
            Err(KvError::Other("the store was reached too late".to_owned()))
        );
        over.send(()).unwrap();
        holder.join().unwrap();
        // Whoever writes comes after it.
        again(async || store.set("default", "other", b"1".to_vec()).await).await;
        assert_eq!(store.get("default", "key").await, Ok(None));
    }

    /// What a disk that is busy elsewhere takes long for: nothing is moved until it is over.
    #[tokio::test]
    #[allow(
        clippy::await_holding_lock,
        reason = "nothing that is waited for here takes this lock"
    )]
    async fn while_the_log_is_long_large_values_are_refused_in_time_and_small_ones_written() {
        let dir = tempfile::tempdir().unwrap();
        let store = Sqlite::open(&dir.path().join("kv.db")).unwrap();
        let file = store.file.clone();
        let slow = file.without_checkpoints();
        let set = async |key: &str, size: usize| {
            let written = store.set("default", key, vec![1; size]);
            let answer = tokio::time::timeout(WRITE_LIMIT * 50, written).await;
            answer.expect("a write is answered in time")
        };
        let log = || {
            let log = std::fs::metadata(dir.path().join("kv.db-wal"));
            log.unwrap().len()
        };
        for n in 0..200 {
            // One that a busy machine is too late for is refused, too.
            let refused = set(&n.to_string(), 900_000).await.is_err();
            if refused && log() >= 8 << 20 {
                break;
            }
            assert!(log() < 9 << 20, "{}", log());
        }
        let too_late = Err(KvError::Other("the store was reached too late".to_owned()));
        assert_eq!(set("large", 900_000).await, too_late);
        for n in 0..20 {
            assert_eq!(set("lease", 1_000 + n).await, Ok(()));
        }
        assert_eq!(store.delete("default", "0").await, too_late);
        drop(slow);
        again(async || set("large", 900_000).await).await;
    }

    /// Somebody who reads a store with one value, until a `COMMIT`.
    fn reader(path: &Path) -> Connection {
        let reader = Connection::open(path).unwrap();
        reader.execute_batch("BEGIN").unwrap();
        assert_eq!(count(&reader), 1);
        reader
    }

    /// The number of values that a reader sees.
    fn count(reader: &Connection) -> i64 {
        let count = "SELECT count(*) FROM spin_key_value";
        reader.query_row(count, [], |row| row.get(0)).unwrap()
    }

    /// Waits until a file is no longer than this.
    async fn shrinks(file: &Path, most: u64) {
        let until = Instant::now() + Duration::from_secs(60);
        while file.metadata().unwrap().len() > most {
            assert!(Instant::now() < until, "{} does not shrink", file.display());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    #[tokio::test]
    async fn somebody_who_reads_for_long_keeps_nobody_from_writing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("kv.db");
        let store = Sqlite::open(&path).unwrap();
        store.set("default", "key", b"1".to_vec()).await.unwrap();
        let other = reader(&path);
        for n in 0..30 {
            let key = n.to_string();
            again(async || store.set("default", &key, vec![1; 900_000]).await).await;
        }
        assert_eq!(count(&other), 1);
        let log = path.with_file_name("kv.db-wal");
        assert!(log.metadata().unwrap().len() > 20 << 20);
        other.execute_batch("COMMIT").unwrap();
        shrinks(&log, 0).await;
    }

    /// A small disk of its own, where that is allowed.
    struct Disk(tempfile::TempDir);

    impl Disk {
        fn of_megabytes(size: u32) -> Option<Self> {
            let dir = tempfile::tempdir().unwrap();
            let mounted = std::process::Command::new("mount")
                .args(["-t", "tmpfs", "-o", &format!("size={size}m"), "tmpfs"])
                .arg(dir.path())
                .output();
            if mounted.is_ok_and(|output| output.status.success()) {
                return Some(Self(dir));
            }
            println!("not run: this needs the right to mount a tmpfs");
            None
        }
    }

    impl Drop for Disk {
        fn drop(&mut self) {
            let _ = std::process::Command::new("umount")
                .arg("-l")
                .arg(self.0.path())
                .status();
        }
    }

    #[tokio::test]
    async fn a_log_that_somebody_reads_leaves_room_on_the_disk_to_be_moved_into_the_file() {
        let Some(disk) = Disk::of_megabytes(60) else {
            return;
        };
        let store = Sqlite::open(&disk.0.path().join("kv.db")).unwrap();
        store.set("default", "key", b"1".to_vec()).await.unwrap();
        let other = reader(&disk.0.path().join("kv.db"));
        let (mut stored, mut refused_in_a_row) = (0, 0);
        while refused_in_a_row < 10 {
            let key = stored.to_string();
            match store.set("default", &key, vec![1; 900_000]).await {
                Ok(()) => (stored, refused_in_a_row) = (stored + 1, 0),
                Err(_) => refused_in_a_row += 1,
            }
        }
        assert!(stored > 10, "{stored} values");
        store.set("default", "small", b"1".to_vec()).await.unwrap();
        other.execute_batch("COMMIT").unwrap();
        shrinks(&disk.0.path().join("kv.db-wal"), 0).await;
        again(async || store.set("default", "large", vec![1; 900_000]).await).await;
    }

    #[tokio::test]
    async fn small_values_leave_room_for_a_log_that_somebody_reads() {
        let Some(disk) = Disk::of_megabytes(40) else {
            return;
        };
        let path = disk.0.path().join("kv.db");
        let store = Sqlite::open(&path).unwrap();
        store.set("default", "key", b"1".to_vec()).await.unwrap();
        let other = reader(&path);
        let (mut stored, mut refused_in_a_row) = (Vec::new(), 0);
        while refused_in_a_row < 5 {
            let key = stored.len().to_string();
            match store.set("default", &key, vec![1; SMALL]).await {
                Ok(()) => {
                    stored.push(key);
                    refused_in_a_row = 0;
                }
                Err(_) => refused_in_a_row += 1,
            }
        }
        assert!(stored.len() > 200, "{} values", stored.len());
        other.execute_batch("COMMIT").unwrap();
        shrinks(&path.with_file_name("kv.db-wal"), 0).await;
        delete_all(&store, &stored, &path).await;
    }

    /// Deletes these, as often as it takes, and waits until the file is small again.
    async fn delete_all(store: &Sqlite, keys: &[String], path: &Path) {
        for key in keys {
            again(async || store.delete("default", key).await).await;
        }
        shrinks(path, 16 << 20).await;
    }

    /// Writes new values of this size until there is no room for them, or 20,000: as many of one
    /// byte fit where a log was that has been moved meanwhile. The keys of those there are.
    async fn fill_with(store: &Sqlite, size: usize, after_each: impl Fn(&Sqlite)) -> Vec<String> {
        let mut stored = Vec::new();
        for n in 0..20_000 {
            let key = format!("{size}/{n}");
            match store.set("default", &key, vec![1; size]).await {
                Ok(()) => stored.push(key),
                Err(KvError::Other(message)) if message.contains("too late") => {}
                Err(_) => return stored,
            }
            after_each(store);
        }
        assert!(size < SMALL, "the disk is never full");
        stored
    }

    /// The log is moved into the file after every value: the disk is full when a value lies in the
    /// log that the file has no room for.
    #[tokio::test]
    async fn a_disk_that_is_full_to_the_last_page_lets_everything_be_deleted() {
        let Some(disk) = Disk::of_megabytes(60) else {
            return;
        };
        let path = disk.0.path().join("kv.db");
        let store = Sqlite::open(&path).unwrap();
        let stored = fill_with(&store, 900_000, |store| {
            store.file.empty_log();
        });
        let stored = stored.await;
        assert!(stored.len() > 30, "{}", stored.len());
        delete_all(&store, &stored, &path).await;
        let again = fill_with(&store, 900_000, |_| ()).await;
        assert!(again.len() * 10 > stored.len() * 8, "{}", again.len());
    }

    #[tokio::test]
    async fn small_values_leave_room_for_deletions() {
        let Some(disk) = Disk::of_megabytes(40) else {
            return;
        };
        let path = disk.0.path().join("kv.db");
        let store = Sqlite::open(&path).unwrap();
        let mut stored = fill_with(&store, 900_000, |_| ()).await;
        stored.extend(fill_with(&store, SMALL, |_| ()).await);
        stored.extend(fill_with(&store, 1, |_| ()).await);
        drop(store);
        let store = Sqlite::open(&path).unwrap();
        delete_all(&store, &stored, &path).await;
        store
            .set("default", "large", vec![1; 900_000])
            .await
            .unwrap();
    }

    /// A store on a disk that was nearly full when it began.
    #[tokio::test]
    async fn where_no_room_can_be_kept_there_is_none_for_large_values() {
        let Some(disk) = Disk::of_megabytes(10) else {
            return;
        };
        let store = Sqlite::open(&disk.0.path().join("kv.db")).unwrap();
        let stored = fill_with(&store, 900_000, |_| ()).await;
        let small = fill_with(&store, SMALL, |_| ()).await;
        assert!(small.len() > 20, "{}", small.len());
        for key in stored.iter().chain(&small) {
            again(async || store.delete("default", key).await).await;
        }
    }

    #[tokio::test]
    async fn a_full_disk_frees_itself_when_something_is_deleted() {
        let Some(disk) = Disk::of_megabytes(60) else {
            return;
        };
        let path = disk.0.path().join("kv.db");
        let store = Sqlite::open(&path).unwrap();
        let fill = async |store: &Sqlite| {
            let mut stored = Vec::new();
            for n in 0..200 {
                let key = n.to_string();
                match store.set("default", &key, vec![1; 900_000]).await {
                    Ok(()) => stored.push(key),
                    Err(KvError::Other(message)) if message.contains("too late") => {}
                    Err(_) => return stored,
                }
            }
            panic!("the disk is never full");
        };
        // The room that is kept is made soon after the first write.
        store.set("default", "first", b"1".to_vec()).await.unwrap();
        let until = Instant::now() + Duration::from_secs(30);
        while !path.with_file_name("kv.db-reserve").exists() {
            assert!(Instant::now() < until);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let stored = fill(&store).await;
        assert!(stored.len() > 30, "{}", stored.len());
        drop(store);
        // Also after a restart, and what is small can be written all the while.
        let store = Sqlite::open(&path).unwrap();
        for key in &stored {
            again(async || store.delete("default", key).await).await;
            again(async || {
                store
                    .set("default", "sweep", key.clone().into_bytes())
                    .await
            })
            .await;
        }
        shrinks(&path, 16 << 20).await;
        let again = fill(&store).await;
        assert!(again.len() * 10 > stored.len() * 8, "{}", again.len());
    }

    #[test]
    fn a_file_that_cannot_be_opened_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        assert!(Sqlite::open(dir.path()).is_err());
    }
}
