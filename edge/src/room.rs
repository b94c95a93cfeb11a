//! Room for large events on their way to clients: limited in all. When there is none, slow readers
//! are let go, first those of the client that holds most.

use admission::ClientKey;
use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};
use tokio::{
    select,
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, sleep, timeout},
};

/// Time for which a large event waits for room.
const WAITS_FOR_ROOM: Duration = Duration::from_secs(10);
/// Pause between two looks for a slow reader while an event waits.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// Bytes a second of which a reader that is not slow takes at least so many.
const SLOWEST: u64 = 256 * 1024;

/// A reader that can be told to give up what waits for it.
pub(crate) trait SlowReader: Send + Sync {
    /// Ends its stream, and gives back the room of what waits for it.
    fn let_go(&self);
}

/// The room for all large events. Clones are the same room.
#[derive(Clone)]
pub(crate) struct EventRoom(Arc<Shared>);

struct Shared {
    /// Kilobytes that are free.
    free: Arc<Semaphore>,
    /// The right of one event to take more than is free, so that events which arrive at the same
    /// time do not wait for each other's room.
    reserve: Arc<Semaphore>,
    yields_after: Duration,
    readers: Mutex<HashMap<u64, Reader>>,
}

/// A reader that large events wait for.
#[derive(Clone)]
struct Reader {
    client: ClientKey,
    kilobytes: usize,
    /// Time since which it has taken none of them, or too few.
    since: Instant,
    let_go: Option<Instant>,
    stream: Weak<dyn SlowReader>,
}

/// The room of one event, while it is read and until it has left.
#[derive(Default)]
pub(crate) struct Taken {
    kilobytes: usize,
    room: Option<OwnedSemaphorePermit>,
    reserve: Option<OwnedSemaphorePermit>,
}

/// The room of an event that has been read whole, given back when the last clone is dropped. What
/// waits for a reader is counted as held by it: by each of those that share a stream.
#[derive(Clone)]
pub(crate) struct Room {
    taken: Arc<Taken>,
    room: EventRoom,
    held: Option<Arc<Held>>,
}

impl fmt::Debug for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Room({} KB)", self.taken.kilobytes)
    }
}

/// The share of a reader in what is held.
struct Held {
    room: EventRoom,
    number: u64,
    kilobytes: usize,
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut readers = self.room.readers();
        if let Some(reader) = readers.get_mut(&self.number) {
            reader.kilobytes -= self.kilobytes;
            reader.since = Instant::now();
            if reader.kilobytes == 0 {
                readers.remove(&self.number);
            }
        }
    }
}

impl Reader {
    /// Notes that so many bytes have left: at the [slowest](SLOWEST) pace they make good the time
    /// that they took.
    fn note_taken(&mut self, bytes: usize, now: Instant) {
        let micros = (bytes as u64).saturating_mul(1_000_000) / SLOWEST;
        self.since = (self.since + Duration::from_micros(micros)).min(now);
    }
}

impl Room {
    /// Notes that the reader which holds this has taken so many bytes of it.
    pub(crate) fn note_taken(&self, bytes: usize) {
        let Some(held) = &self.held else {
            return;
        };
        if let Some(reader) = self.room.readers().get_mut(&held.number) {
            reader.note_taken(bytes, Instant::now());
        }
    }

    /// The same room, held by a reader until it drops this.
    pub(crate) fn held_by(
        &self,
        number: u64,
        client: ClientKey,
        stream: Weak<dyn SlowReader>,
    ) -> Self {
        let kilobytes = self.taken.kilobytes;
        let mut readers = self.room.readers();
        let reader = readers.entry(number).or_insert_with(|| Reader {
            client,
            kilobytes: 0,
            since: Instant::now(),
            let_go: None,
            stream,
        });
        reader.kilobytes += kilobytes;
        drop(readers);
        Self {
            taken: self.taken.clone(),
            room: self.room.clone(),
            held: Some(Arc::new(Held {
                room: self.room.clone(),
                number,
                kilobytes,
            })),
        }
    }
}

impl EventRoom {
    /// Room for so many bytes; a reader yields when it has taken nothing for `yields_after`.
    pub(crate) fn new(bytes: usize, yields_after: Duration) -> Self {
        Self(Arc::new(Shared {
            free: Arc::new(Semaphore::new(bytes / 1024)),
            reserve: Arc::new(Semaphore::new(1)),
            yields_after,
            readers: Mutex::default(),
        }))
    }

    fn readers(&self) -> MutexGuard<'_, HashMap<u64, Reader>> {
        self.0
            .readers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what an event of so many bytes needs beyond what it has: twice its length, for it is
    /// copied once on its way. False when there is no room in time.
    pub(crate) async fn grow(&self, taken: &mut Taken, bytes: usize) -> bool {
        let wanted = (bytes * 2).div_ceil(1024);
        let missing = wanted.saturating_sub(taken.kilobytes);
        if missing > 0 && taken.reserve.is_none() {
            let Ok(missing) = u32::try_from(missing) else {
                return false;
            };
            let free = &self.0.free;
            let more = match free.clone().try_acquire_many_owned(missing) {
                Ok(more) => Some(More::Room(more)),
                Err(_) => timeout(WAITS_FOR_ROOM, self.wait(missing)).await.ok(),
            };
            match more {
                None => return false,
                Some(More::Reserve(permit)) => taken.reserve = Some(permit),
                Some(More::Room(permit)) => match &mut taken.room {
                    Some(room) => room.merge(permit),
                    none => *none = Some(permit),
                },
            }
        }
        taken.kilobytes = taken.kilobytes.max(wanted);
        true
    }

    /// Waits for room or the reserve; slow readers are let go meanwhile.
    async fn wait(&self, missing: u32) -> More {
        let Shared { free, reserve, .. } = &*self.0;
        let mut more = std::pin::pin!(free.clone().acquire_many_owned(missing));
        let mut reserved = std::pin::pin!(reserve.clone().acquire_owned());
        loop {
            self.let_one_go();
            // Neither is ever closed.
            select! {
                biased;
                Ok(permit) = &mut more => return More::Room(permit),
                Ok(permit) = &mut reserved => return More::Reserve(permit),
                () = sleep(LOOK_AGAIN) => {}
            }
        }
    }

    /// The room of an event that has been read whole.
    pub(crate) fn hold(&self, taken: Taken) -> Room {
        Room {
            taken: Arc::new(taken),
            room: self.clone(),
            held: None,
        }
    }

    fn let_one_go(&self) {
        let mut readers = self.readers();
        let now = Instant::now();
        let chosen = slowest(&readers, now, self.0.yields_after);
        let chosen = chosen.and_then(|number| readers.get_mut(&number));
        let stream = chosen.and_then(|reader| {
            reader.let_go = Some(now);
            reader.stream.upgrade()
        });
        drop(readers);
        if let Some(stream) = stream {
            tracing::debug!("a reader is too slow, and others wait");
            stream.let_go();
        }
    }
}

/// What an event that grows gets.
enum More {
    Room(OwnedSemaphorePermit),
    Reserve(OwnedSemaphorePermit),
}

/// The reader that is let go for others, if one is slow: of those of the client that holds most,
/// the one that has been slow for longest. None while another is about to give back its room; one
/// that does not is waited for no longer than for a slow one. Pure.
fn slowest(readers: &HashMap<u64, Reader>, now: Instant, yields_after: Duration) -> Option<u64> {
    let mut let_go = readers.values().filter_map(|reader| reader.let_go);
    if let_go.any(|at| now.duration_since(at) < yields_after) {
        return None;
    }
    let mut held: HashMap<ClientKey, usize> = HashMap::new();
    for reader in readers.values().filter(|reader| reader.let_go.is_none()) {
        *held.entry(reader.client).or_insert(0) += reader.kilobytes;
    }
    let most = held.values().max().copied();
    let yields = |reader: &Reader| {
        reader.let_go.is_none()
            && held.get(&reader.client).copied() == most
            && now.duration_since(reader.since) >= yields_after
    };
    let slow = readers.iter().filter(|(_, reader)| yields(reader));
    let chosen = slow.min_by_key(|(number, reader)| (reader.since, **number));
    chosen.map(|(number, _)| *number)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};

    const SLOW: Duration = Duration::from_secs(3);

    #[derive(Default)]
    struct Stream(AtomicBool);

    impl SlowReader for Stream {
        fn let_go(&self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    fn client(number: u8) -> ClientKey {
        ClientKey::of(std::net::Ipv4Addr::new(192, 0, 2, number).into())
    }

    /// The readers that are let go, in order; each is given as its client, the kilobytes that wait
    /// for it, and the seconds since it took something.
    fn order(given: &[(u8, usize, u64)]) -> Vec<u64> {
        let now = Instant::now() + Duration::from_secs(100);
        let reader = |(number, (from, kilobytes, seconds)): (u64, &(u8, usize, u64))| {
            let reader = Reader {
                client: client(*from),
                kilobytes: *kilobytes,
                since: now - Duration::from_secs(*seconds),
                let_go: None,
                stream: Weak::<Stream>::new(),
            };
            (number, reader)
        };
        let mut readers: HashMap<u64, Reader> = (0..).zip(given).map(reader).collect();
        std::iter::from_fn(|| {
            let number = slowest(&readers, now, SLOW)?;
            readers.get_mut(&number).unwrap().let_go = Some(now);
            assert_eq!(slowest(&readers, now, SLOW), None, "one at a time");
            readers.remove(&number);
            Some(number)
        })
        .collect()
    }

    #[test]
    fn the_slowest_reader_of_the_client_that_holds_most_is_let_go() {
        // One client with three readers, another whose only reader is the slowest of all.
        let greedy = [(1, 400, 5), (1, 400, 9), (1, 400, 1)];
        let honest = (2, 600, 30);
        let all = [greedy[0], greedy[1], greedy[2], honest];
        // When the first has let go two, it holds less than the other.
        assert_eq!(order(&all), [1, 0, 3]);
        assert!(
            order(&[(1, 400, 2), (2, 1, 0)]).is_empty(),
            "nobody is slow"
        );
    }

    /// Readers of one event each, of as many clients, that have had it for so many seconds.
    fn readers_for(seconds: &[u64], now: Instant) -> HashMap<u64, Reader> {
        let reader = |(number, seconds): (u8, &u64)| {
            let reader = Reader {
                client: client(number),
                kilobytes: 100,
                since: now - Duration::from_secs(*seconds),
                let_go: None,
                stream: Weak::<Stream>::new(),
            };
            (u64::from(number), reader)
        };
        (0..).zip(seconds).map(reader).collect()
    }

    #[test]
    fn a_reader_is_slow_that_takes_too_few_bytes() {
        let now = Instant::now() + Duration::from_secs(100);
        let megabyte = 1024 * 1024;
        for (bytes_a_second, is_slow) in [(megabyte, false), (300 * 1024, false), (64 * 1024, true)]
        {
            let mut readers = readers_for(&[8], now);
            let reader = readers.get_mut(&0).unwrap();
            for second in (0..8).rev() {
                reader.note_taken(bytes_a_second, now - Duration::from_secs(second));
            }
            let chosen = slowest(&readers, now, SLOW).is_some();
            assert_eq!(chosen, is_slow, "{bytes_a_second} bytes a second");
        }
    }

    #[test]
    fn one_that_was_let_go_and_stays_is_not_waited_for() {
        let now = Instant::now() + Duration::from_secs(100);
        let mut readers = readers_for(&[9, 8], now);
        assert_eq!(slowest(&readers, now, SLOW), Some(0));
        readers.get_mut(&0).unwrap().let_go = Some(now);
        assert_eq!(slowest(&readers, now, SLOW), None);
        assert_eq!(slowest(&readers, now + SLOW, SLOW), Some(1));
    }

    async fn taken(room: &EventRoom, kilobytes: usize) -> Taken {
        let mut taken = Taken::default();
        assert!(room.grow(&mut taken, kilobytes * 512).await);
        taken
    }

    #[tokio::test]
    async fn events_that_grow_at_the_same_time_do_not_wait_for_each_other() {
        let room = EventRoom::new(100 * 1024, SLOW);
        let (mut one, mut other) = (taken(&room, 45).await, taken(&room, 45).await);
        // Neither has room to grow, and one may all the same.
        assert!(room.grow(&mut one, 60 * 512).await);
        let mut growing = std::pin::pin!(room.grow(&mut other, 60 * 512));
        assert!(futures::poll!(&mut growing).is_pending());
        drop(room.hold(one));
        assert!(growing.await);
    }

    #[tokio::test]
    async fn what_waits_for_a_reader_is_held_until_the_last_has_it() {
        let room = EventRoom::new(100 * 1024, Duration::ZERO);
        let streams = [(); 2].map(|()| Arc::new(Stream::default()));
        let whole = room.hold(taken(&room, 80).await);
        let [first, second] = [(0, &streams[0]), (1, &streams[1])].map(|(number, stream)| {
            let stream: Arc<dyn SlowReader> = stream.clone();
            whole.held_by(number, client(1), Arc::downgrade(&stream))
        });
        drop(whole);
        drop(first);
        assert_eq!(room.0.free.available_permits(), 20);
        assert_eq!(room.readers().len(), 1);
        room.let_one_go();
        assert!(streams[1].0.load(Ordering::Relaxed) && !streams[0].0.load(Ordering::Relaxed));
        drop(second);
        assert_eq!(room.0.free.available_permits(), 100);
        assert!(room.readers().is_empty());
    }
}
