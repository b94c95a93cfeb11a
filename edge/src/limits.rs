//! Counting what is open, in all and for each key, with permits that count themselves down.

use bytes::Bytes;
use http::Uri;
use http_body_util::{BodyExt, combinators::UnsyncBoxBody};
use std::{
    collections::HashMap,
    hash::Hash,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, PoisonError},
};

/// Whom a per-address limit counts: an IPv6 client has a whole /64 to itself, so that is what
/// counts there.
pub fn address_key(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from(u128::from(v6) & !u128::from(u64::MAX))),
    }
}

/// What a stream is about, for a limit on streams of the same: its path, and the value of `jobIds`
/// where one path stands for several jobs. Whatever else a query says makes it no other stream.
pub fn stream_target(uri: &Uri) -> String {
    let mut query = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let jobs = query.find(|(name, _)| name == "jobIds");
    let jobs = jobs.map_or_else(String::new, |(_, jobs)| format!("?{jobs}"));
    format!("{}{jobs}", uri.path())
}

/// Which limit was met.
#[derive(Debug, PartialEq, Eq)]
pub enum Full {
    /// The limit for all keys together.
    All,
    /// The limit for this key.
    Key,
}

/// Counts permits in all and for each key.
pub struct Limiter<K: Eq + Hash + Clone> {
    all: usize,
    counts: Arc<Mutex<Counts<K>>>,
}

struct Counts<K> {
    all: usize,
    by_key: HashMap<K, usize>,
}

impl<K: Eq + Hash + Clone> Limiter<K> {
    /// At most `all` permits at a time.
    pub fn new(all: usize) -> Self {
        Self {
            all,
            counts: Arc::new(Mutex::new(Counts {
                all: 0,
                by_key: HashMap::new(),
            })),
        }
    }

    /// Counts one more for `key`, unless there are `per_key` already, or the limit for all is met.
    ///
    /// # Errors
    /// Which limit was met.
    pub fn acquire(&self, key: K, per_key: usize) -> Result<Permit<K>, Full> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.all >= self.all {
            return Err(Full::All);
        }
        if counts.by_key.get(&key).copied().unwrap_or(0) >= per_key {
            return Err(Full::Key);
        }
        counts.all += 1;
        *counts.by_key.entry(key.clone()).or_insert(0) += 1;
        Ok(Permit {
            key,
            counts: self.counts.clone(),
        })
    }
}

/// A body that has its permit as long as it is there.
pub fn held<E: 'static>(
    body: UnsyncBoxBody<Bytes, E>,
    permit: impl Send + 'static,
) -> UnsyncBoxBody<Bytes, E> {
    body.map_err(move |error| {
        let _held = &permit;
        error
    })
    .boxed_unsync()
}

/// One counted thing; dropping it counts down.
pub struct Permit<K: Eq + Hash> {
    key: K,
    counts: Arc<Mutex<Counts<K>>>,
}

impl<K: Eq + Hash> Drop for Permit<K> {
    fn drop(&mut self) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.all -= 1;
        if let Some(count) = counts.by_key.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                counts.by_key.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permits_count_up_and_down() {
        let limiter = Limiter::new(3);
        let a1 = limiter.acquire("a", 2).ok();
        let a2 = limiter.acquire("a", 2).ok();
        assert!(a1.is_some() && a2.is_some());
        assert_eq!(limiter.acquire("a", 2).err(), Some(Full::Key));
        let b = limiter.acquire("b", 2).ok();
        assert!(b.is_some());
        assert_eq!(limiter.acquire("c", 2).err(), Some(Full::All));
        drop(a1);
        assert!(limiter.acquire("a", 2).is_ok());
        drop((a2, b));
        assert!(limiter.counts.lock().unwrap().by_key.is_empty());
    }

    #[test]
    fn a_stream_is_the_same_however_it_is_asked_for() {
        let target = |uri: &str| stream_target(&uri.parse().unwrap());
        assert_eq!(target("/a/stream"), target("/a/stream?books=1&x=2"));
        assert_ne!(target("/a/stream"), target("/b/stream"));
        assert_eq!(
            target("/stream?jobIds=a,b"),
            target("/stream?x=1&jobIds=%61%2cb&jobIds=c")
        );
        assert_ne!(target("/stream?jobIds=a"), target("/stream?jobIds=b"));
    }

    #[test]
    fn an_ipv6_client_is_its_network() {
        let key = |text: &str| address_key(text.parse().unwrap());
        assert_eq!(key("2001:db8:1:2:3::4"), key("2001:db8:1:2:ffff::1"));
        assert_ne!(key("2001:db8:1:2::"), key("2001:db8:1:3::"));
        assert_eq!(key("::ffff:192.0.2.1"), key("192.0.2.1"));
        assert_ne!(key("192.0.2.1"), key("192.0.2.2"));
    }
}
