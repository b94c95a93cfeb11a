//! Request bodies: none takes for ever, few are under way at the same time, and the rest of a
//! refused one is read for a moment only.

use crate::upstream::BodyError;
use admission::{ClientKey, Full, Limiter, Permit};
use bytes::Bytes;
use futures::task::AtomicWaker;
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use std::{
    cmp::Reverse,
    collections::HashMap,
    future::poll_fn,
    pin::Pin,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::{Instant, Sleep};

/// Length, in bytes, up to which a body needs no place.
const SMALL: u64 = 64 * 1024;
/// Time after which an upload that brought less than [`SLOW`] makes room for others when there are
/// too many.
const YIELDS_AFTER: Duration = Duration::from_secs(3);
/// Rate below which an upload is slow, in bytes a second.
const SLOW: u64 = 32 * 1024;
/// Time for which an upload waits for a place.
const WAITS_FOR_PLACE: Duration = Duration::from_secs(10);

/// Time limits of a request's body. Only the time counts in which it is waited for.
#[derive(Clone, Debug)]
pub struct UploadTimes {
    /// Longest time between two pieces.
    pub idle: Duration,
    /// Time that a body may take whatever its size.
    pub grace: Duration,
    /// Least average rate after that, in bytes a second.
    pub least_rate: u64,
    /// Longest time of a whole body.
    pub whole: Duration,
    /// Time limit of the rest of a body that nobody wants, so that a client that sends it sees the
    /// answer.
    pub drain: Duration,
}

impl Default for UploadTimes {
    fn default() -> Self {
        Self {
            idle: Duration::from_secs(30),
            grace: Duration::from_secs(30),
            least_rate: 1024,
            whole: Duration::from_secs(20 * 60),
            drain: Duration::from_secs(2),
        }
    }
}

/// The reason why a body ended before it was complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UploadError {
    /// No byte came for this long.
    #[error("nothing of the body came for {0:?}")]
    Idle(Duration),
    /// The body brings less than the least rate.
    #[error("the body comes too slowly")]
    TooSlow,
    /// The body took all the time that one may take.
    #[error("the body took longer than {0:?}")]
    TooLong(Duration),
    /// Too many bodies were under way, and this was the slowest.
    #[error("the body came slowly, and others wait")]
    Crowded,
    /// The body is malformed, or its connection broke.
    #[error("the body broke off or is malformed")]
    Broken,
}

/// Size of a body so far, and the time for which it has been waited for. Pure.
#[derive(Debug, Default)]
struct Pace {
    received: u64,
    waited: Duration,
}

impl Pace {
    /// Time for which it may be waited for now, and the error when that is over.
    fn allowance(&self, times: &UploadTimes) -> (Duration, UploadError) {
        let earned = Duration::from_secs(self.received / times.least_rate.max(1));
        let left = |limit: Duration| limit.saturating_sub(self.waited);
        [
            (left(times.whole), UploadError::TooLong(times.whole)),
            (left(times.grace + earned), UploadError::TooSlow),
            (times.idle, UploadError::Idle(times.idle)),
        ]
        .into_iter()
        .min_by_key(|(time, _)| *time)
        .unwrap_or((Duration::ZERO, UploadError::TooSlow))
    }
}

/// The state of one upload, for those that wait for its place.
#[derive(Debug)]
struct Active {
    client: ClientKey,
    received: AtomicU64,
    waited_ms: AtomicU64,
    must_yield: AtomicBool,
    waker: AtomicWaker,
}

impl Active {
    fn of(client: ClientKey) -> Self {
        Self {
            client,
            received: AtomicU64::new(0),
            waited_ms: AtomicU64::new(0),
            must_yield: AtomicBool::new(false),
            waker: AtomicWaker::new(),
        }
    }

    /// Whether it is slow, and its rate in bytes a second.
    fn rate(&self) -> (bool, u64) {
        let waited = self.waited_ms.load(Ordering::Relaxed);
        let rate = self.received.load(Ordering::Relaxed) * 1000 / waited.max(1);
        let is_slow = u128::from(waited) >= YIELDS_AFTER.as_millis() && rate < SLOW;
        (is_slow, rate)
    }

    /// Whether it has been told to make room, and has yet to do so.
    fn yields(&self) -> bool {
        self.must_yield.load(Ordering::Relaxed)
    }
}

/// The uploads under way, of which there is a largest number.
#[derive(Clone, Debug)]
pub struct Uploads(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    places: Limiter<ClientKey>,
    active: Mutex<ActiveUploads>,
}

#[derive(Debug, Default)]
struct ActiveUploads {
    next: u64,
    by_number: HashMap<u64, Arc<Active>>,
}

/// A place among the uploads.
#[derive(Debug)]
pub struct UploadPlace {
    number: u64,
    active: Arc<Active>,
    uploads: Uploads,
    _permit: Permit<ClientKey>,
}

impl Drop for UploadPlace {
    fn drop(&mut self) {
        self.uploads.lock().by_number.remove(&self.number);
    }
}

impl Uploads {
    /// Makes room for so many uploads at the same time.
    #[must_use]
    pub fn new(places: usize) -> Self {
        Self(Arc::new(Shared {
            places: Limiter::new(places),
            active: Mutex::default(),
        }))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, ActiveUploads> {
        self.0.active.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Finds a place for `body`, if it needs one. When there is none a slow upload has to make
    /// room: of this client when it has its share, else of the client that has most. For a client
    /// that has none, one of several has to that another has, however quick.
    ///
    /// # Errors
    /// When no place is free in time: in all, or for this client.
    pub async fn place(
        &self,
        client: ClientKey,
        body: &impl http_body::Body,
    ) -> Result<Option<UploadPlace>, Full> {
        let size = body.size_hint();
        if body.is_end_stream() || size.upper().is_some_and(|most| most <= SMALL) {
            return Ok(None);
        }
        let places = &self.0.places;
        let mut full = Full::All;
        let waiting = async {
            loop {
                match places.acquire(client, usize::MAX) {
                    Ok(permit) => return permit,
                    Err(limit) => full = limit,
                }
                self.make_room(client, full);
                let acquired = poll_fn(|cx| places.poll_acquire(&client, usize::MAX, cx));
                // Slow ones become so while one waits.
                let pause = Duration::from_millis(500);
                if let Ok(permit) = tokio::time::timeout(pause, acquired).await {
                    return permit;
                }
            }
        };
        let waited = tokio::time::timeout(WAITS_FOR_PLACE, waiting).await;
        let permit = waited.map_err(|_| full)?;
        let active = Arc::new(Active::of(client));
        let mut all = self.lock();
        all.next += 1;
        let number = all.next;
        all.by_number.insert(number, active.clone());
        drop(all);
        Ok(Some(UploadPlace {
            number,
            active,
            uploads: self.clone(),
            _permit: permit,
        }))
    }

    /// Ends an upload for one of `asker`, who met this limit: the slowest of the client with most
    /// places, which are more than the asker's unless it is the asker itself.
    fn make_room(&self, asker: ClientKey, full: Full) {
        let all = self.lock();
        let mut places: HashMap<ClientKey, usize> = HashMap::new();
        for active in all.by_number.values() {
            *places.entry(active.client).or_insert(0) += 1;
        }
        let own = places.get(&asker).copied().unwrap_or(0);
        let most = places.values().max().copied().unwrap_or(0);
        let may_be_quick = full == Full::All
            && own == 0
            && most > 1
            && !all.by_number.values().any(|active| active.yields());
        let candidates = all.by_number.values().filter(|active| !active.yields());
        let candidates = candidates.filter_map(|active| {
            let held = places.get(&active.client).copied().unwrap_or(0);
            let has_most = held == most && held > own;
            let is_asked = active.client == asker || (full == Full::All && has_most);
            let (is_slow, rate) = active.rate();
            let yields = is_asked && (is_slow || may_be_quick);
            yields.then_some(((Reverse(held), !is_slow, rate), active))
        });
        if let Some((_, slowest)) = candidates.min_by_key(|(order, _)| *order) {
            slowest.must_yield.store(true, Ordering::Relaxed);
            slowest.waker.wake();
        }
    }
}

/// A client's body, within its times.
pub struct Upload {
    /// The rest of the body; `None` when it has ended or failed.
    body: Option<Incoming>,
    times: UploadTimes,
    pace: Pace,
    waiting: Option<(Instant, Pin<Box<Sleep>>, UploadError)>,
    failure: Arc<OnceLock<UploadError>>,
    place: Option<UploadPlace>,
}

impl Upload {
    /// Wraps `body`, which has `place` as long as it is not complete.
    #[must_use]
    pub fn new(body: Incoming, times: UploadTimes, place: Option<UploadPlace>) -> Self {
        Self {
            body: Some(body),
            times,
            pace: Pace::default(),
            waiting: None,
            failure: Arc::default(),
            place,
        }
    }

    /// The cell in which it puts the reason when it fails.
    #[must_use]
    pub fn failure(&self) -> Arc<OnceLock<UploadError>> {
        self.failure.clone()
    }

    fn fail(&mut self, error: UploadError) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let _ = self.failure.set(error);
        self.place = None;
        self.linger();
        Poll::Ready(Some(Err(BodyError::new(error))))
    }

    /// Lets a client that is still sending see the answer: a connection that is closed with unread
    /// bytes is reset.
    fn linger(&mut self) {
        if let Some(body) = self.body.take()
            && !http_body::Body::is_end_stream(&body)
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(drain(body, self.times.drain));
        }
    }
}

async fn drain(mut body: Incoming, within: Duration) {
    let reading = async {
        while let Some(Ok(_)) =
            poll_fn(|cx| http_body::Body::poll_frame(Pin::new(&mut body), cx)).await
        {}
    };
    let _ = tokio::time::timeout(within, reading).await;
}

impl Drop for Upload {
    fn drop(&mut self) {
        self.linger();
    }
}

impl http_body::Body for Upload {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let upload = &mut *self;
        let Some(body) = &mut upload.body else {
            return Poll::Ready(None);
        };
        if let Some(place) = &upload.place {
            place.active.waker.register(cx.waker());
            if place.active.yields() {
                return upload.fail(UploadError::Crowded);
            }
        }
        let polled = http_body::Body::poll_frame(Pin::new(body), cx);
        if let (Some((since, _, _)), true) = (&upload.waiting, polled.is_ready()) {
            upload.pace.waited += since.elapsed();
            upload.waiting = None;
        }
        match polled {
            Poll::Ready(Some(Ok(frame))) => {
                let bytes = frame.data_ref().map_or(0, |data| data.len() as u64);
                upload.pace.received += bytes;
                if let Some(place) = &upload.place {
                    let (pace, active) = (&upload.pace, &place.active);
                    active.received.store(pace.received, Ordering::Relaxed);
                    let waited = u64::try_from(pace.waited.as_millis()).unwrap_or(u64::MAX);
                    active.waited_ms.store(waited, Ordering::Relaxed);
                }
                if http_body::Body::is_end_stream(body) {
                    upload.place = None;
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(_))) => {
                upload.body = None;
                upload.fail(UploadError::Broken)
            }
            Poll::Ready(None) => {
                (upload.body, upload.place) = (None, None);
                Poll::Ready(None)
            }
            Poll::Pending => {
                let (pace, times) = (&upload.pace, &upload.times);
                let (since, timer, error) = upload.waiting.get_or_insert_with(|| {
                    let (allowance, error) = pace.allowance(times);
                    let timer = Box::pin(tokio::time::sleep(allowance));
                    (Instant::now(), timer, error)
                });
                if let Some(place) = &upload.place {
                    let waited = pace.waited + since.elapsed();
                    let waited = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
                    place.active.waited_ms.store(waited, Ordering::Relaxed);
                }
                match timer.as_mut().poll(cx) {
                    Poll::Ready(()) => {
                        let error = *error;
                        upload.fail(error)
                    }
                    Poll::Pending => Poll::Pending,
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body
            .as_ref()
            .is_none_or(http_body::Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body
            .as_ref()
            .map_or_else(|| SizeHint::with_exact(0), http_body::Body::size_hint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(received: u64, waited: u64) -> (Duration, UploadError) {
        let pace = Pace {
            received,
            waited: Duration::from_secs(waited),
        };
        pace.allowance(&UploadTimes::default())
    }

    #[test]
    fn a_body_must_come_at_the_least_rate() {
        let s = Duration::from_secs;
        assert_eq!(at(0, 0).0, s(30));
        // A byte now and then buys no time.
        assert_eq!(at(2, 29), (s(1), UploadError::TooSlow));
        assert_eq!(at(2, 30).0, s(0));
        // 2 KB a second are enough for as long as any body may take.
        for seconds in [30, 120, 900] {
            assert_eq!(
                at(2048 * seconds, seconds),
                (s(30), UploadError::Idle(s(30)))
            );
        }
        let whole = s(20 * 60);
        assert_eq!(at(u64::MAX, 1199), (s(1), UploadError::TooLong(whole)));
    }

    /// Uploads under way, each given as its client, what it has brought, and in how many ms.
    fn under_way(uploads: &[(u8, u64, u64)]) -> (Uploads, Vec<Arc<Active>>) {
        let all = Uploads::new(uploads.len());
        let add = |(number, (from, received, waited_ms)): (u64, &(u8, u64, u64))| {
            let active = Arc::new(Active::of(client(*from)));
            active.received.store(*received, Ordering::Relaxed);
            active.waited_ms.store(*waited_ms, Ordering::Relaxed);
            all.lock().by_number.insert(number, active.clone());
            active
        };
        let active = (0..).zip(uploads).map(add).collect();
        (all, active)
    }

    fn client(number: u8) -> ClientKey {
        ClientKey::of(std::net::Ipv4Addr::new(192, 0, 2, number).into())
    }

    /// The uploads that make room, in order, for one that meets this limit again and again.
    fn yielding(uploads: &[(u8, u64, u64)], asker: u8, full: Full) -> Vec<usize> {
        let (all, active) = under_way(uploads);
        let must_yield = |n: &usize| active[*n].yields();
        let mut order = Vec::new();
        for _ in uploads {
            all.make_room(client(asker), full);
            let new = (0..active.len()).filter(must_yield);
            let new: Vec<usize> = new.filter(|n| !order.contains(n)).collect();
            order.extend(new);
        }
        order
    }

    #[test]
    fn the_slowest_upload_makes_room() {
        let (quick, slow) = ((1, 10 << 20, 5_000), (2, 50_000, 5_000));
        let (slower, new) = ((3, 1_000, 5_000), (4, 0, 1_000));
        let all = [quick, slow, slower, new];
        assert_eq!(yielding(&all, 5, Full::All), [2, 1]);
    }

    #[test]
    fn who_has_several_makes_room_for_who_has_none_however_quick() {
        // Just above what is slow, and one that is quick.
        let (greedy, quick) = ((1, 200_000, 5_000), (2, 10 << 20, 5_000));
        let all = [greedy, greedy, quick];
        let yields = yielding(&all, 3, Full::All);
        assert!(matches!(yields[..], [0 | 1]), "{yields:?}: one at a time");
        assert!(yielding(&all, 2, Full::All).is_empty(), "it has one");
        assert!(yielding(&all[1..], 3, Full::All).is_empty(), "each has one");
    }

    #[test]
    fn who_has_much_ends_no_upload_of_others() {
        let greedy = [(1, 1_000, 5_000), (1, 2_000, 5_000), (1, 10 << 20, 5_000)];
        let others = [(2, 500, 5_000), (3, 400, 5_000), (3, 10 << 20, 5_000)];
        let all = [&greedy[..], &others].concat();
        // Whoever has its share, or has most, makes room for itself.
        assert_eq!(yielding(&all, 1, Full::Key), [0, 1]);
        assert_eq!(yielding(&all, 1, Full::All), [0, 1]);
        assert_eq!(yielding(&all, 2, Full::Key), [3]);
        // The client that has most makes room for the others.
        assert_eq!(yielding(&all, 4, Full::All), [0, 1]);
        assert_eq!(yielding(&all[3..], 2, Full::All), [1, 0]);
        // Who has less makes no room for who has more.
        assert_eq!(yielding(&all[3..], 3, Full::All), [1]);
    }
}
