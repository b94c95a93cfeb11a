//! Storage and network that misbehave, for tests of what an application does then.

use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use thiserror::Error;

use super::{KvBackend, KvError};

/// How to misbehave.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FaultPlan {
    /// Each key-value operation takes this much longer.
    pub store_delay: Duration,
    /// Each key-value operation fails with this probability, without having done anything.
    pub store_fail: f64,
    /// Every key-value write fails.
    pub store_read_only: bool,
    /// Each outbound request takes this much longer.
    pub outbound_delay: Duration,
    /// Each outbound request fails with this probability, without having been sent.
    pub outbound_fail: f64,
}

impl FaultPlan {
    /// Adds one fault.
    pub fn set(&mut self, fault: Fault) {
        match fault {
            Fault::StoreDelay(value) => self.store_delay = value,
            Fault::StoreFail(value) => self.store_fail = value,
            Fault::StoreReadOnly => self.store_read_only = true,
            Fault::OutboundDelay(value) => self.outbound_delay = value,
            Fault::OutboundFail(value) => self.outbound_fail = value,
        }
    }

    /// Whether storage misbehaves.
    pub fn touches_storage(&self) -> bool {
        !self.store_delay.is_zero() || self.store_fail > 0.0 || self.store_read_only
    }
}

/// One fault, as written: `store-delay=5ms`, `store-fail=0.1`, `store-read-only`, `outbound-delay=1s`,
/// `outbound-fail=1`.
#[derive(Debug, Clone, Copy, PartialEq)]
#[expect(
    missing_docs,
    reason = "each is the field of the same name in `FaultPlan`"
)]
pub enum Fault {
    StoreDelay(Duration),
    StoreFail(f64),
    StoreReadOnly,
    OutboundDelay(Duration),
    OutboundFail(f64),
}

/// Text that is no fault.
#[derive(Debug, Error, PartialEq, Eq)]
#[error(
    "expected store-delay=<duration>, store-fail=<0 to 1>, store-read-only, outbound-delay=<duration> or outbound-fail=<0 to 1>"
)]
pub struct InvalidFault;

impl FromStr for Fault {
    type Err = InvalidFault;

    fn from_str(text: &str) -> Result<Self, InvalidFault> {
        let duration = |text| humantime::parse_duration(text).map_err(|_| InvalidFault);
        let probability = |text: &str| match text.parse() {
            Ok(p) if (0.0..=1.0).contains(&p) => Ok(p),
            _ => Err(InvalidFault),
        };
        match text.split_once('=') {
            None if text == "store-read-only" => Ok(Fault::StoreReadOnly),
            Some(("store-delay", value)) => duration(value).map(Fault::StoreDelay),
            Some(("store-fail", value)) => probability(value).map(Fault::StoreFail),
            Some(("outbound-delay", value)) => duration(value).map(Fault::OutboundDelay),
            Some(("outbound-fail", value)) => probability(value).map(Fault::OutboundFail),
            _ => Err(InvalidFault),
        }
    }
}

/// Decides which operations fail: the same ones in every run.
#[derive(Debug, Default)]
pub(crate) struct Dice(AtomicU64);

impl Dice {
    /// True with the given probability.
    pub(crate) fn roll(&self, probability: f64) -> bool {
        // SplitMix64 (Steele, Lea, Flood 2014): its state is a counter, so threads can share it.
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut z = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        ((z >> 11) as f64) / ((1u64 << 53) as f64) < probability
    }
}

/// A backend that misbehaves.
pub(crate) struct Faulty {
    pub(crate) inner: Arc<dyn KvBackend>,
    pub(crate) plan: FaultPlan,
    pub(crate) dice: Dice,
}

impl Faulty {
    async fn misbehave(&self, write: bool) -> Result<(), KvError> {
        if !self.plan.store_delay.is_zero() {
            tokio::time::sleep(self.plan.store_delay).await;
        }
        if write && self.plan.store_read_only {
            return Err(KvError::Other("the store is read-only".to_owned()));
        }
        if self.dice.roll(self.plan.store_fail) {
            return Err(KvError::Other("the store failed (injected)".to_owned()));
        }
        Ok(())
    }
}

#[async_trait]
impl KvBackend for Faulty {
    async fn get(&self, store: &str, key: &str) -> Result<Option<Vec<u8>>, KvError> {
        self.misbehave(false).await?;
        self.inner.get(store, key).await
    }

    async fn set(&self, store: &str, key: &str, value: Vec<u8>) -> Result<(), KvError> {
        self.misbehave(true).await?;
        self.inner.set(store, key, value).await
    }

    async fn delete(&self, store: &str, key: &str) -> Result<(), KvError> {
        self.misbehave(true).await?;
        self.inner.delete(store, key).await
    }

    async fn exists(&self, store: &str, key: &str) -> Result<bool, KvError> {
        self.misbehave(false).await?;
        self.inner.exists(store, key).await
    }

    async fn keys(&self, store: &str) -> Result<Vec<String>, KvError> {
        self.misbehave(false).await?;
        self.inner.keys(store).await
    }
}
