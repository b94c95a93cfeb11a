//! Storage, network and clock that misbehave, for tests of what an application does then.

use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use thiserror::Error;
use wasmtime_wasi::HostWallClock;

use super::{KvBackend, KvError};

/// A plan of faults to inject.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct FaultPlan {
    /// Additional delay of each key-value operation.
    pub store_delay: Duration,
    /// Probability with which a key-value operation fails, without having done anything.
    pub store_fail: f64,
    /// Whether every key-value write fails.
    pub store_read_only: bool,
    /// Whether every key-value write but a delete fails.
    pub store_full: bool,
    /// Additional delay of each outbound request.
    pub outbound_delay: Duration,
    /// Probability with which an outbound request fails, without having been sent.
    pub outbound_fail: f64,
    /// Time by which the wall clock that components see is ahead.
    pub clock_ahead: Duration,
    /// Time by which the wall clock that components see is behind.
    pub clock_behind: Duration,
}

impl FaultPlan {
    /// Adds one fault.
    pub fn set(&mut self, fault: Fault) {
        match fault {
            Fault::StoreDelay(value) => self.store_delay = value,
            Fault::StoreFail(value) => self.store_fail = value,
            Fault::StoreReadOnly => self.store_read_only = true,
            Fault::StoreFull => self.store_full = true,
            Fault::OutboundDelay(value) => self.outbound_delay = value,
            Fault::OutboundFail(value) => self.outbound_fail = value,
            Fault::ClockAhead(value) => self.clock_ahead = value,
            Fault::ClockBehind(value) => self.clock_behind = value,
        }
    }
}

impl FromStr for FaultPlan {
    type Err = InvalidFault;

    /// Reads faults, apart by white space; an empty text is an empty plan.
    fn from_str(text: &str) -> Result<Self, InvalidFault> {
        let mut plan = Self::default();
        for fault in text.split_whitespace() {
            plan.set(fault.parse()?);
        }
        Ok(plan)
    }
}

/// The plan of a running host, which can be changed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faults(Arc<RwLock<FaultPlan>>);

impl Faults {
    pub(crate) fn new(plan: FaultPlan) -> Self {
        Self(Arc::new(RwLock::new(plan)))
    }

    pub(crate) fn plan(&self) -> FaultPlan {
        *self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn replace(&self, plan: FaultPlan) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = plan;
    }
}

impl HostWallClock for Faults {
    fn resolution(&self) -> Duration {
        Duration::from_nanos(1)
    }

    fn now(&self) -> Duration {
        let plan = self.plan();
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        (now.unwrap_or_default() + plan.clock_ahead).saturating_sub(plan.clock_behind)
    }
}

/// One fault, as written: `store-delay=5ms`, `store-fail=0.1`, `store-read-only`, `store-full`,
/// `outbound-delay=1s`, `outbound-fail=1`, `clock-ahead=1h`, `clock-behind=1h`.
#[derive(Debug, Clone, Copy, PartialEq)]
#[expect(
    missing_docs,
    reason = "each is the field of the same name in `FaultPlan`"
)]
pub enum Fault {
    StoreDelay(Duration),
    StoreFail(f64),
    StoreReadOnly,
    StoreFull,
    OutboundDelay(Duration),
    OutboundFail(f64),
    ClockAhead(Duration),
    ClockBehind(Duration),
}

/// The error when a text is no fault.
#[derive(Debug, Error, PartialEq, Eq)]
#[error(
    "expected store-delay=<duration>, store-fail=<0 to 1>, store-read-only, store-full, outbound-delay=<duration>, outbound-fail=<0 to 1>, clock-ahead=<duration> or clock-behind=<duration>"
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
            None if text == "store-read-only" => Ok(Self::StoreReadOnly),
            None if text == "store-full" => Ok(Self::StoreFull),
            Some(("store-delay", value)) => duration(value).map(Fault::StoreDelay),
            Some(("store-fail", value)) => probability(value).map(Fault::StoreFail),
            Some(("outbound-delay", value)) => duration(value).map(Fault::OutboundDelay),
            Some(("outbound-fail", value)) => probability(value).map(Fault::OutboundFail),
            Some(("clock-ahead", value)) => duration(value).map(Fault::ClockAhead),
            Some(("clock-behind", value)) => duration(value).map(Fault::ClockBehind),
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
    pub(crate) faults: Faults,
    pub(crate) dice: Dice,
}

/// Kind of an operation.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Effect {
    Read,
    Set,
    Delete,
}

impl Faulty {
    async fn misbehave(&self, effect: Effect) -> Result<(), KvError> {
        let plan = self.faults.plan();
        if !plan.store_delay.is_zero() {
            tokio::time::sleep(plan.store_delay).await;
        }
        if plan.store_read_only && effect != Effect::Read {
            return Err(KvError::Other("the store is read-only".to_owned()));
        }
        if plan.store_full && effect == Effect::Set {
            return Err(KvError::Other("database or disk is full".to_owned()));
        }
        if self.dice.roll(plan.store_fail) {
            return Err(KvError::Other("the store failed (injected)".to_owned()));
        }
        Ok(())
    }
}

#[async_trait]
impl KvBackend for Faulty {
    async fn get(&self, store: &str, key: &str) -> Result<Option<Vec<u8>>, KvError> {
        self.misbehave(Effect::Read).await?;
        self.inner.get(store, key).await
    }

    async fn set(&self, store: &str, key: &str, value: Vec<u8>) -> Result<(), KvError> {
        self.misbehave(Effect::Set).await?;
        self.inner.set(store, key, value).await
    }

    async fn delete(&self, store: &str, key: &str) -> Result<(), KvError> {
        self.misbehave(Effect::Delete).await?;
        self.inner.delete(store, key).await
    }

    async fn exists(&self, store: &str, key: &str) -> Result<bool, KvError> {
        self.misbehave(Effect::Read).await?;
        self.inner.exists(store, key).await
    }

    async fn keys(&self, store: &str) -> Result<Vec<String>, KvError> {
        self.misbehave(Effect::Read).await?;
        self.inner.keys(store).await
    }
}
