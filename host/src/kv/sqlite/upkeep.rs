//! Upkeep of a store's files, so that they stay small and free of what was deleted: checkpoints of
//! the write-ahead log, free pages given back to the disk, and room kept for the time when the disk
//! is full.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, MutexGuard};
use rusqlite::{Connection, ErrorCode};

use super::{BUSY, Change, is_full};
use crate::kv::KvError;

/// Time after a write at which the log is emptied, and with it what was deleted is gone.
const ERASE_AFTER: Duration = Duration::from_millis(1_500);

/// Pause before the next attempt when the log could not be emptied.
const TRY_AGAIN: Duration = Duration::from_millis(200);

/// The length of the log, in bytes, at which it is emptied without waiting.
const LONG_LOG: u64 = 4 << 20;

/// The length of the log, in bytes, at which large values and deletions wait until it is emptied.
/// While it cannot be, it grows, but only as far as the disk has room to move it into the file.
const LONGEST_LOG: u64 = 2 * LONG_LOG;

/// The same for small values, which jobs cannot do without for long: they do not wait for large
/// ones.
const LONGEST_LOG_FOR_SMALL: u64 = LONGEST_LOG + FOR_DELETIONS / 2;

/// Time to wait for readers before the log is truncated: those of this process take microseconds,
/// and for another's writers would wait, too.
const READERS_TAKE: Duration = Duration::from_millis(20);

/// The longest that a round of the disk may take for its like to happen while writers wait.
const SHORT_ROUND: Duration = Duration::from_millis(50);

/// Room that only deletions may take, in bytes: a deletion writes every page of a value to the log,
/// which can be emptied afterwards.
const FOR_DELETIONS: u64 = 4 << 20;

/// Room that only deletions and small writes get when the disk is full: enough to move a log of
/// [`LONGEST_LOG`] into the file, and to go on with an empty one.
const RESERVE: u64 = LONGEST_LOG + FOR_DELETIONS;

/// Number of free pages, of 4 KB, that are kept for what is written next; a quarter of the file at
/// most.
const FREE_PAGES_KEPT: i64 = 2_048;

/// Number of free pages given back between two looks at whether somebody wants to write.
const PAGES_AT_ONCE: i64 = 128;

/// The pause between two slices of work, for writers that wait.
const BETWEEN_SLICES: Duration = Duration::from_millis(2);

/// Number of free pages given back in one round, at most: a long log ends it.
const PAGES_IN_A_ROUND: i64 = 2_048;

/// The pause between two rounds.
const BETWEEN_ROUNDS: Duration = Duration::from_millis(750);

/// The store's files, and the connection that writes them.
pub(super) struct File {
    writer: Mutex<Connection>,
    /// Lock for one checkpoint at a time; taken before `writer`.
    checkpoint: Mutex<()>,
    path: PathBuf,
    log: PathBuf,
    reserve: PathBuf,
    /// Lock for whoever makes the reserve or gives it up; taken last.
    making: Mutex<()>,
    has_reserve: AtomicBool,
    /// Whether the log could not be emptied: another process reads, say. Nobody waits for it then.
    is_stuck: AtomicBool,
    wanted: Mutex<Wanted>,
    changed: Condvar,
    /// Notified when the log has been emptied, or could not be, by who holds `wanted`.
    emptied: Condvar,
}

/// The work that the upkeep thread is asked to do.
#[derive(Default)]
struct Wanted {
    /// Time at which the log is to be emptied, if anything is in it.
    due: Option<Instant>,
    is_over: bool,
}

impl Wanted {
    /// Asks for the log to be emptied at `due`; false if that is wanted earlier already.
    fn due_at(&mut self, due: Instant) -> bool {
        let is_earlier = self.due.is_none_or(|before| due < before);
        if is_earlier {
            self.due = Some(due);
        }
        is_earlier
    }
}

/// The length of a file; none is empty.
fn length(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |file| file.len())
}

/// `path` with something appended to its name, as SQLite names its own files.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

impl File {
    pub(super) fn new(path: &Path, writer: Connection) -> Self {
        let reserve = beside(path, "-reserve");
        // A process that was killed may have left a part of it.
        let has_reserve = length(&reserve) >= RESERVE;
        Self {
            writer: Mutex::new(writer),
            checkpoint: Mutex::default(),
            path: path.to_owned(),
            log: beside(path, "-wal"),
            reserve,
            making: Mutex::default(),
            has_reserve: AtomicBool::new(has_reserve),
            is_stuck: AtomicBool::new(false),
            wanted: Mutex::default(),
            changed: Condvar::new(),
            emptied: Condvar::new(),
        }
    }

    #[cfg(test)]
    pub(super) fn writer(&self) -> MutexGuard<'_, Connection> {
        self.writer.lock()
    }

    /// Keeps the log from being moved into the file.
    #[cfg(test)]
    pub(super) fn without_checkpoints(&self) -> MutexGuard<'_, ()> {
        self.checkpoint.lock()
    }

    /// Applies a change without waiting for anything; `None` when that is not possible.
    pub(super) fn try_apply(&self, change: &Change) -> Option<Result<(), KvError>> {
        if !self.is_log_short_for(change) || !self.has_room_for(change) {
            return None;
        }
        let writer = self.writer.try_lock()?;
        writer.busy_timeout(Duration::ZERO).ok()?;
        let result = change.apply(&writer);
        writer.busy_timeout(BUSY).ok()?;
        match result {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => None,
            Err(error) if is_full(&error) => None,
            result => Some(result.map_err(Into::into)),
        }
    }

    /// Applies a change, unless it cannot begin before `deadline`. A deletion or a small write may
    /// use the space that is kept for a full disk.
    pub(super) fn apply(&self, change: &Change, deadline: Instant) -> Result<(), KvError> {
        let Some(writer) = self.writer_with_short_log(change, deadline) else {
            return Err(KvError::Other("the store was reached too late".to_owned()));
        };
        if !self.has_room_for(change) {
            return Err(KvError::Other("database or disk is full".to_owned()));
        }
        let left = deadline.saturating_duration_since(Instant::now());
        writer.busy_timeout(left.min(BUSY))?;
        let mut result = change.apply(&writer);
        if change.is_small() && result.as_ref().is_err_and(is_full) {
            // Else nothing could be deleted, and the disk would stay full.
            self.give_up_reserve();
            let _ = truncate(&writer);
            result = change.apply(&writer);
        }
        writer.busy_timeout(BUSY)?;
        Ok(result?)
    }

    /// The connection that writes, while the log is short enough for `change`; `None` when that is
    /// not to be had before `deadline`. Of many writers that have waited each looks, or all would
    /// make it long.
    fn writer_with_short_log(
        &self,
        change: &Change,
        deadline: Instant,
    ) -> Option<MutexGuard<'_, Connection>> {
        loop {
            let writer = self.writer.try_lock_until(deadline)?;
            if self.is_log_short_for(change) {
                return (Instant::now() < deadline).then_some(writer);
            }
            // Who waits leaves the connection to the upkeep, and to what is small.
            drop(writer);
            let mut wanted = self.wanted.lock();
            if wanted.due_at(self.next_attempt()) {
                self.changed.notify_one();
            }
            while !self.is_log_short_for(change) {
                if self.emptied.wait_until(&mut wanted, deadline).timed_out() {
                    return None;
                }
            }
        }
    }

    fn is_log_short_for(&self, change: &Change) -> bool {
        let longest = match change {
            Change::Set { .. } if change.is_small() => LONGEST_LOG_FOR_SMALL,
            // A deletion writes as much as there was.
            Change::Set { .. } | Change::Delete { .. } => LONGEST_LOG,
        };
        self.log_length() < longest
            || self.is_stuck.load(Ordering::Relaxed) && self.may_grow_log(change)
    }

    /// Whether a change may be tried. **Invariant:** large values are written only while the
    /// reserve is there, and small ones leave what deletions need. Otherwise the disk could come to
    /// be so full that the log cannot be moved into the file, and nothing be deleted any more.
    fn has_room_for(&self, change: &Change) -> bool {
        if self.has_reserve.load(Ordering::Relaxed) {
            return true;
        }
        match change {
            Change::Delete { .. } => true,
            // The log takes its length once more when it is moved into the file.
            Change::Set { .. } if change.is_small() => {
                self.free_space() >= FOR_DELETIONS + self.log_length()
            }
            Change::Set { .. } => self.keep_reserve(),
        }
    }

    /// Whether a log that cannot be emptied now may grow by this change: all of it must fit into
    /// the file one day, and the reserve beside it. What is deleted has its pages there already.
    fn may_grow_log(&self, change: &Change) -> bool {
        let beside = match change {
            Change::Delete { .. } => return true,
            Change::Set { .. } if change.is_small() => FOR_DELETIONS,
            Change::Set { .. } => RESERVE,
        };
        self.free_space() >= self.log_length() + beside
    }

    /// The bytes that the disk has left.
    fn free_space(&self) -> u64 {
        #[cfg(unix)]
        if let Ok(disk) = rustix::fs::statvfs(&self.path) {
            return disk.f_bavail.saturating_mul(disk.f_frsize);
        }
        u64::MAX
    }

    fn log_length(&self) -> u64 {
        length(&self.log)
    }

    /// Time at which a long log is to be emptied: at once, unless it could not be. Each attempt
    /// makes writers wait for whoever reads.
    fn next_attempt(&self) -> Instant {
        let now = Instant::now();
        match self.is_stuck.load(Ordering::Relaxed) {
            true => now + TRY_AGAIN,
            false => now,
        }
    }

    /// Notifies the upkeep thread of a write.
    pub(super) fn written(&self) {
        let due = match self.log_length() >= LONG_LOG {
            true => self.next_attempt(),
            false => Instant::now() + ERASE_AFTER,
        };
        if self.wanted.lock().due_at(due) {
            self.changed.notify_one();
        }
    }

    /// Moves everything out of the log, and truncates it. False when that has to be tried again.
    pub(super) fn empty_log(&self) -> bool {
        let _only = self.checkpoint.lock();
        self.empty_log_under(&self.writer.lock())
    }

    fn empty_log_under(&self, writer: &Connection) -> bool {
        let truncate = || {
            writer.busy_timeout(READERS_TAKE)?;
            let is_empty = truncate(writer);
            writer.busy_timeout(BUSY)?;
            is_empty
        };
        let mut emptied = truncate();
        if emptied.as_ref().is_err_and(is_full) {
            self.give_up_reserve();
            emptied = truncate();
        }
        emptied.unwrap_or_else(|error| {
            // What is committed is safe all the same, and there will be a next time.
            tracing::warn!("cannot empty the store's write-ahead log: {error}");
            false
        })
    }

    /// The same, but moves everything beside readers and writers before it makes writers wait, if
    /// that is to be had soon: a disk may take a second for what they would wait for.
    fn empty_log_beside_writers(&self, mover: &Connection) -> bool {
        let only = self.checkpoint.lock();
        let until = Instant::now() + ERASE_AFTER;
        let mut is_again = false;
        let emptied = loop {
            let began = Instant::now();
            let _ = mover.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
            let now = Instant::now();
            let writer = self.writer.lock();
            let is_patient =
                now - began > SHORT_ROUND && now < until && self.log_length() < LONGEST_LOG;
            // Most of what was written in the first round is moved in the second.
            if is_moved(&writer) || is_again && !is_patient {
                break self.empty_log_under(&writer);
            }
            is_again = true;
        };
        drop(only);
        let _wanted = self.wanted.lock();
        self.is_stuck.store(!emptied, Ordering::Relaxed);
        self.emptied.notify_all();
        emptied
    }

    /// Gives free pages back to the disk. True if there are more.
    fn shrink(&self) -> rusqlite::Result<bool> {
        let mut left = PAGES_IN_A_ROUND;
        loop {
            // What is given back is written to the log first, where large values want to be, too.
            if self.log_length() >= LONG_LOG {
                return Ok(true);
            }
            let writer = self.writer.lock();
            let count = |name| writer.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
            let kept = match self.has_reserve.load(Ordering::Relaxed) {
                true => FREE_PAGES_KEPT.max(count("page_count")? / 4),
                // The disk needs them more than the file.
                false => 0,
            };
            let unwanted = count("freelist_count")? - kept;
            if unwanted <= 0 {
                return Ok(false);
            }
            if left <= 0 {
                return Ok(true);
            }
            let pages = unwanted.min(PAGES_AT_ONCE);
            let vacuum = format!("PRAGMA incremental_vacuum({pages})");
            // Each page is a row.
            let mut vacuum = writer.prepare(&vacuum)?;
            let mut rows = vacuum.query([])?;
            while rows.next()?.is_some() {}
            drop(rows);
            drop(vacuum);
            left -= pages;
            drop(writer);
            std::thread::sleep(BETWEEN_SLICES);
        }
    }

    /// Keeps a reserve of disk space for the time when the disk is full; whether there is one.
    fn keep_reserve(&self) -> bool {
        let _only = self.making.lock();
        if self.has_reserve.load(Ordering::Relaxed) {
            return true;
        }
        if self.free_space() < RESERVE + FOR_DELETIONS {
            // To try would take the room of those that write meanwhile.
            return false;
        }
        let made = fs::File::create(&self.reserve).and_then(|mut file| {
            let zeros = [0; 64 << 10];
            (0..RESERVE / zeros.len() as u64).try_for_each(|_| file.write_all(&zeros))
        });
        if made.is_err() {
            let _ = fs::remove_file(&self.reserve);
        }
        self.has_reserve.store(made.is_ok(), Ordering::Relaxed);
        made.is_ok()
    }

    /// Gives the reserve to who needs it now. Until it is made again there is no room for large
    /// values.
    fn give_up_reserve(&self) {
        let _only = self.making.lock();
        self.has_reserve.store(false, Ordering::Relaxed);
        let _ = fs::remove_file(&self.reserve);
    }

    fn tidy(&self, mover: &Connection) {
        let mut is_empty = self.empty_log_beside_writers(mover);
        self.keep_reserve();
        let has_more = match self.shrink() {
            Ok(false) => {
                self.keep_reserve();
                false
            }
            Ok(true) => true,
            Err(error) => {
                // The disk is full, or another process writes.
                tracing::debug!("cannot make the store's file smaller: {error}");
                if is_full(&error) {
                    self.give_up_reserve();
                }
                true
            }
        };
        if self.log_length() > 0 {
            // The file is cut when what was given back is moved out of the log.
            is_empty = self.empty_log_beside_writers(mover);
        }
        let again = match (is_empty, has_more) {
            (false, _) => TRY_AGAIN,
            (true, true) => BETWEEN_ROUNDS,
            (true, false) => return,
        };
        self.wanted.lock().due_at(Instant::now() + again);
    }

    /// Waits until there is something to do; false when the thread is to end.
    fn wait(&self) -> bool {
        let mut wanted = self.wanted.lock();
        loop {
            if wanted.is_over {
                return false;
            }
            let now = Instant::now();
            match wanted.due {
                Some(due) if due <= now => {
                    wanted.due = None;
                    return true;
                }
                Some(due) => {
                    self.changed.wait_until(&mut wanted, due);
                }
                None => self.changed.wait(&mut wanted),
            }
        }
    }
}

/// Whether all of the log has been moved into the file.
fn is_moved(connection: &Connection) -> bool {
    let frames = connection.query_row("PRAGMA wal_checkpoint(NOOP)", [], |row| {
        Ok((row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
    });
    frames.is_ok_and(|(written, moved)| written == moved)
}

/// Moves everything out of the log, and truncates it, unless a reader or another process is in the
/// way.
fn truncate(writer: &Connection) -> rusqlite::Result<bool> {
    let is_busy: bool =
        writer.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    Ok(!is_busy)
}

/// The thread that empties the log and gives free pages back, until this is dropped.
pub(super) struct Upkeep {
    file: Arc<File>,
    thread: Option<JoinHandle<()>>,
}

impl Upkeep {
    pub(super) fn start(file: Arc<File>, mover: Connection) -> Result<Self, KvError> {
        let shared = file.clone();
        let work = move || {
            while shared.wait() {
                shared.tidy(&mover);
            }
        };
        let thread = std::thread::Builder::new().name("store-upkeep".to_owned());
        let thread = thread
            .spawn(work)
            .map_err(|error| KvError::Other(error.to_string()))?;
        Ok(Self {
            file,
            thread: Some(thread),
        })
    }
}

impl Drop for Upkeep {
    fn drop(&mut self) {
        self.file.wanted.lock().is_over = true;
        self.file.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::kv::sqlite::SMALL;

    fn set(size: usize) -> Change {
        Change::Set {
            store: "default".to_owned(),
            key: "key".to_owned(),
            value: vec![1; size],
        }
    }

    /// A store whose log is longer than the disk has room for, and cannot be emptied.
    fn stuck(dir: &Path) -> File {
        let path = dir.join("kv.db");
        let file = File::new(&path, Connection::open(&path).unwrap());
        // It takes no room: nothing has been written there.
        let log = fs::File::create(&file.log).unwrap();
        log.set_len(1 << 43).unwrap();
        file.is_stuck.store(true, Ordering::Relaxed);
        file
    }

    #[test]
    fn a_writer_that_waits_asks_for_no_more_attempts_than_others() {
        let dir = tempfile::tempdir().unwrap();
        let file = stuck(dir.path());
        let before = Instant::now();
        let writer = file.writer_with_short_log(&set(SMALL + 1), before + BETWEEN_SLICES);
        assert!(writer.is_none());
        assert!(file.wanted.lock().due.unwrap() >= before + TRY_AGAIN);
    }

    /// The pages of what is deleted are in the file already.
    #[test]
    fn a_log_that_cannot_be_emptied_grows_beyond_the_room_for_it_by_deletions_alone() {
        let dir = tempfile::tempdir().unwrap();
        let file = stuck(dir.path());
        let delete = Change::Delete {
            store: "default".to_owned(),
            key: "key".to_owned(),
        };
        let allowed =
            [&set(SMALL + 1), &set(1), &delete].map(|change| file.is_log_short_for(change));
        assert_eq!(allowed, [false, false, true]);
    }

    #[test]
    fn a_long_log_is_emptied_at_once_unless_it_could_not_be() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("kv.db");
        let file = File::new(&path, Connection::open(&path).unwrap());
        let log = fs::File::create(&file.log).unwrap();
        log.set_len(LONG_LOG).unwrap();
        let due = || {
            file.wanted.lock().due = None;
            file.written();
            file.wanted.lock().due.unwrap()
        };
        assert!(due() <= Instant::now());
        file.is_stuck.store(true, Ordering::Relaxed);
        let before = Instant::now();
        assert!(due() >= before + TRY_AGAIN);
    }
}
