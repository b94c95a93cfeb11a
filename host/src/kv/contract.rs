//! The test suite for every [`KvBackend`].

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{KvBackend, KvError};

/// The time within which a write takes effect or is lost, as applications assume it: the
/// `write_delay` of their local profile.
const WRITE_DELAY: Duration = Duration::from_millis(500);

/// Time after which a write must have been in time once.
const PATIENCE: Duration = Duration::from_secs(30);

const STORE: &str = "default";

/// Whether a write is done, and not to be done again: that may be one that was too late on a busy
/// machine, and so had no effect. Its callers write again, too.
fn is_done(written: Result<(), KvError>, began: Instant) -> bool {
    match written {
        Err(error) if error.to_string().contains("reached too late") => {
            assert!(began.elapsed() < PATIENCE, "every write is too late");
            false
        }
        written => {
            written.expect("a write");
            true
        }
    }
}

async fn set(backend: &dyn KvBackend, key: &str, value: &[u8]) {
    let began = Instant::now();
    while !is_done(backend.set(STORE, key, value.to_vec()).await, began) {}
}

async fn delete(backend: &dyn KvBackend, key: &str) {
    let began = Instant::now();
    while !is_done(backend.delete(STORE, key).await, began) {}
}

/// Checks that `backend` does what [`KvBackend`] promises.
///
/// Leaves nothing behind in the store `default`, which must be empty.
///
/// # Panics
///
/// When it does not; the message says what it failed at.
pub async fn check(backend: Arc<dyn KvBackend>) {
    let get = async |key: &str| backend.get(STORE, key).await.expect("get");
    let exists = async |key: &str| backend.exists(STORE, key).await.expect("exists");
    let keys = async || -> BTreeSet<String> {
        let keys = backend.keys(STORE).await.expect("keys");
        let set: BTreeSet<_> = keys.iter().cloned().collect();
        assert_eq!(set.len(), keys.len(), "a key is listed once");
        set
    };

    assert!(keys().await.is_empty(), "the store is empty before");
    assert_eq!(get("a").await, None, "nothing there");
    assert!(!exists("a").await, "nothing there");
    delete(&*backend, "a").await;

    set(&*backend, "a", b"one").await;
    assert_eq!(get("a").await.as_deref(), Some(&b"one"[..]), "read back");
    assert!(exists("a").await, "set makes it exist");
    set(&*backend, "a", b"two, longer").await;
    assert_eq!(
        get("a").await.as_deref(),
        Some(&b"two, longer"[..]),
        "overwritten"
    );
    set(&*backend, "a", b"").await;
    assert_eq!(
        get("a").await.as_deref(),
        Some(&b""[..]),
        "an empty value is a value"
    );
    assert!(exists("a").await, "an empty value exists");

    let binary: Vec<u8> = (0..=255).cycle().take(1_000_000).collect();
    set(&*backend, "big", &binary).await;
    assert!(
        get("big").await == Some(binary),
        "a megabyte of any bytes comes back"
    );

    let odd = [
        "A",
        "a b",
        "a/b:c*?[x]",
        "d\u{e9}j\u{e0} vu \u{1f4da}",
        "'; --",
        &"k".repeat(255),
    ];
    for key in odd {
        set(&*backend, key, key.as_bytes()).await;
    }
    for key in odd {
        assert_eq!(
            get(key).await.as_deref(),
            Some(key.as_bytes()),
            "the key {key:?}"
        );
    }
    let mut expected: BTreeSet<String> = odd.iter().map(|k| k.to_string()).collect();
    expected.extend(["a".to_owned(), "big".to_owned()]);
    assert_eq!(keys().await, expected, "all keys are listed");

    for key in &expected {
        delete(&*backend, key).await;
        assert!(!exists(key).await, "{key:?} is gone");
        assert_eq!(get(key).await, None, "{key:?} is gone");
    }
    assert!(keys().await.is_empty(), "the store is empty after");

    let writers = (0..8u8).map(|writer| {
        let backend = backend.clone();
        tokio::spawn(async move {
            for round in 0..10u8 {
                let own = format!("own/{writer}");
                let value = vec![writer; 1_000 + usize::from(round)];
                set(&*backend, &own, &value).await;
                assert!(
                    backend.get(STORE, &own).await.expect("get") == Some(value),
                    "what a writer has set, it reads"
                );
                set(&*backend, "shared", &[writer; 1_000]).await;
                let seen = backend.get(STORE, "shared").await.expect("get");
                let seen = seen.expect("the shared key exists");
                assert!(
                    seen.len() == 1_000 && seen.iter().all(|b| *b == seen[0]),
                    "a value is never torn"
                );
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.expect("a writer's checks");
    }
    assert_eq!(
        keys().await.len(),
        9,
        "every writer's key and the shared one"
    );
    for key in keys().await {
        delete(&*backend, &key).await;
    }
    takes_effect_in_time_or_never(&*backend).await;
    for key in keys().await {
        delete(&*backend, &key).await;
    }
}

/// Checks the promise that applications count on most: a write takes effect within [`WRITE_DELAY`],
/// or never; also one whose caller is gone before it is answered.
async fn takes_effect_in_time_or_never(backend: &dyn KvBackend) {
    const WRITES: u32 = 60;
    let keys: Vec<String> = (0..WRITES).map(|number| format!("left/{number}")).collect();
    for (number, key) in (0..WRITES).zip(&keys) {
        let began = Instant::now();
        let write = backend.set(STORE, key, b"written".to_vec());
        // From giving up at once to waiting for the answer.
        let patience = Duration::from_micros(u64::from(number).pow(2) * 5);
        if let Ok(Ok(())) = tokio::time::timeout(patience, write).await {
            assert!(began.elapsed() <= WRITE_DELAY, "a write takes too long");
            let seen = backend.get(STORE, key).await.expect("get");
            assert_eq!(
                seen.as_deref(),
                Some(&b"written"[..]),
                "it is there at once"
            );
        }
    }
    let seen = async || {
        let mut seen = Vec::new();
        for key in &keys {
            seen.push(backend.get(STORE, key).await.expect("get"));
        }
        seen
    };
    tokio::time::sleep(WRITE_DELAY).await;
    let in_time = seen().await;
    tokio::time::sleep(WRITE_DELAY * 2).await;
    assert!(seen().await == in_time, "a write takes effect too late");
}
