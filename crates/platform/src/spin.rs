//! The engine's effects on Spin.

use std::cell::{Cell, RefCell};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use job::effects::{
    Clock, Costs, Dispatch, DispatchError, Entropy, Http, HttpError, Log, Request, Response,
    RunRequest, Store, StoreError, Turn,
};
use job::{Notice, Root, Time};
use serde_json::Value;
use spin_sdk::key_value;
use wasi::clocks::monotonic_clock;

use crate::{config, poll};

/// The effects of one invocation of a component on Spin.
pub struct Spin {
    store: key_value::Store,
    /// What has not been told yet.
    costs: RefCell<Costs>,
    has_logged: Cell<bool>,
    component: &'static str,
    trace: Option<String>,
}

impl Spin {
    /// Opens the application's store, for the component of this name and a request that may belong
    /// to a trace.
    ///
    /// # Errors
    /// When the platform refuses to open it.
    pub fn open(component: &'static str, trace: Option<String>) -> Result<Self, StoreError> {
        Ok(Self {
            store: key_value::Store::open_default().map_err(error)?,
            costs: RefCell::default(),
            has_logged: Cell::default(),
            component,
            trace,
        })
    }

    fn count(&self, count: impl FnOnce(&mut Costs)) {
        count(&mut self.costs.borrow_mut());
    }

    fn stored<T>(&self, result: Result<T, key_value::Error>) -> Result<T, StoreError> {
        if result.is_err() {
            self.count(|costs| costs.failures += 1);
        }
        result.map_err(error)
    }
}

fn error(error: key_value::Error) -> StoreError {
    StoreError(match error {
        // A backend's own words, also when it is full: `StoreTableFull` is about open stores.
        key_value::Error::Other(text) => text,
        other => format!("{other:?}"),
    })
}

impl Store for Spin {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.count(|costs| costs.gets += 1);
        self.stored(self.store.get(key))
    }

    async fn set(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        self.count(|costs| {
            costs.sets += 1;
            costs.bytes_written += value.len() as u64;
        });
        self.stored(self.store.set(key, value))
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.count(|costs| costs.deletes += 1);
        self.stored(self.store.delete(key))
    }

    async fn keys(&self) -> Result<Vec<String>, StoreError> {
        self.count(|costs| costs.lists += 1);
        self.stored(self.store.get_keys())
    }
}

impl Http for Spin {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        self.count(|costs| costs.requests += 1);
        let mut asking = Asking {
            spin: self,
            url: request.url.clone(),
            began: self.monotonic(),
            status: None,
        };
        let answer = crate::http::send(request).await;
        asking.status = answer.as_ref().ok().map(|answer| answer.status);
        answer
    }
}

/// A request under way. It is counted when it is over, also if nobody waits for it any more.
struct Asking<'a> {
    spin: &'a Spin,
    url: String,
    began: Duration,
    status: Option<u16>,
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        let took = self.spin.monotonic().saturating_sub(self.began);
        self.spin
            .count(|costs| costs.ask(&self.url, self.status, took));
    }
}

/// What an invocation has not told is told at its end, if it has logged anything or changed or
/// asked something: reads that go well, such as polls, log nothing.
impl Drop for Spin {
    fn drop(&mut self) {
        let costs = self.take_costs();
        let is_worth_it = self.has_logged.get() || costs.sets + costs.deletes + costs.requests > 0;
        if is_worth_it && costs != Costs::default() {
            self.log("costs", serde_json::json!({"costs": costs}));
        }
    }
}

impl Clock for Spin {
    fn now(&self) -> Time {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Time(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    fn monotonic(&self) -> Duration {
        Duration::from_nanos(monotonic_clock::now())
    }

    async fn sleep(&self, duration: Duration) {
        poll::sleep(duration).await;
    }

    async fn yield_to_io(&self, turn: Turn) {
        if turn == Turn::OwnListener {
            // What a listener has written passes from its body to its connection: one turn more.
            poll::sleep(Duration::ZERO).await;
        }
        poll::sleep(Duration::ZERO).await;
    }
}

impl Dispatch for Spin {
    async fn start_run(&self, request: RunRequest<'_>) -> Result<(), DispatchError> {
        crate::runs::start(self, request).await
    }

    fn spell_message(&self, root: &Root, notice: Notice) -> Vec<u8> {
        api::webhook::body(root, notice, &config::public_origin().unwrap_or_default())
    }
}

impl Entropy for Spin {
    fn random(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        for (to, from) in bytes
            .iter_mut()
            .zip(wasi::random::random::get_random_bytes(16))
        {
            *to = from;
        }
        bytes
    }
}

impl Log for Spin {
    fn log(&self, event: &str, fields: Value) {
        let mut line = serde_json::json!({
            "at": api::time::iso(self.now()), "level": "info",
            "component": self.component, "event": event,
        });
        if let Some(trace) = &self.trace {
            line["traceId"] = Value::from(trace.as_str());
        }
        if let (Value::Object(line), Value::Object(fields)) = (&mut line, fields) {
            line.extend(fields);
        }
        self.has_logged.set(true);
        eprintln!("{line}");
    }

    fn take_costs(&self) -> Costs {
        self.costs.take()
    }
}
