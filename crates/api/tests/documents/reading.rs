//! A store that holds any bytes, read as components read it and told as clients are told of it.

use std::time::Duration;

use api::sse::Spelling;
use api::ws::Schema;
use futures::FutureExt;
use job::clients::admit;
use job::effects::{
    Clock, Costs, Entropy, Http, HttpError, Log, Request, Response, Store, StoreError,
};
use job::look::look;
use job::observer::{Observer, Step};
use job::provider::{ProviderState, RateLimit};
use job::results::{Reader, parts};
use job::watch::Notification;
use job::{JobId, Keyring, Report, Settings, Time, secret, storage, sweep};
use serde_json::Value;

const NOW: Time = Time(1_795_266_390_000);

struct World<'a> {
    documents: Vec<&'a [u8]>,
}

impl Store for World<'_> {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let kind = match key.rsplit('/').next().unwrap_or_default() {
            "lease" => 2,
            "end" => 1,
            "auth" => 3,
            "sweep" => 4,
            _ if key.starts_with("clients/") => 5,
            _ if key.contains("/seg/") || key.contains("/plan/") => 6,
            _ if key.contains("/report/") => 7,
            _ => 0,
        };
        Ok(self.documents.get(kind).map(|bytes| bytes.to_vec()))
    }

    async fn set(&self, _: &str, _: &[u8]) -> Result<(), StoreError> {
        Ok(())
    }

    async fn delete(&self, _: &str) -> Result<(), StoreError> {
        Ok(())
    }

    async fn keys(&self) -> Result<Vec<String>, StoreError> {
        Ok(["job/a", "job/a/end", "job/b/seg/1-x.0", "job//", "secret"]
            .map(str::to_owned)
            .to_vec())
    }
}

impl Http for World<'_> {
    async fn send(&self, _: Request) -> Result<Response, HttpError> {
        Err(HttpError::TimedOut)
    }
}

impl Clock for World<'_> {
    fn now(&self) -> Time {
        NOW
    }

    fn monotonic(&self) -> Duration {
        Duration::from_secs(1)
    }

    async fn sleep(&self, _: Duration) {}
}

impl Entropy for World<'_> {
    fn random(&self) -> [u8; 16] {
        [7; 16]
    }
}

impl Log for World<'_> {
    fn log(&self, _: &str, _: Value) {}

    fn costs(&self) -> Costs {
        Costs::default()
    }
}

async fn tell(world: &World<'_>) {
    let settings = Settings::local();
    let id = JobId::parse("a").expect("a name");
    let _ = look(world, &settings, &id).await;
    let _ = storage::existing(world, &id).await;
    let _ = sweep::store_has_capacity(world, &settings).await;
    let keyring = Keyring::new(b"secret");
    let client = keyring.client("192.0.2.1");
    let _ = admit(world, &settings.limits, &client, &id).await;
    if let Some(Ok(mut state)) = world
        .documents
        .get(8)
        .map(|bytes| serde_json::from_slice::<ProviderState>(bytes))
    {
        let limit = RateLimit {
            per_second: 3.0,
            burst: 25.0,
            max_per_job: 25,
        };
        let _ = (state.open_for(NOW), state.available(limit, NOW));
        let _ = state.reserve(limit, NOW);
        let _ = state.merged(&ProviderState::default());
        state.failed(NOW);
        state.succeeded();
    }
    let Ok(Some(root)) = storage::read_root(world, &id).await else {
        return;
    };
    let _ = secret::current_auth(world, &root, &settings).await;
    let _ = keyring.refresh(world, &root, "token", &settings).await;
    assert!((0.0..=1.0).contains(&root.progress()));
    let _ = (root.elapsed(), root.eta(), root.stored(), root.expired(NOW));
    let _ = parts(&root, &(0..u32::MAX));
    let mut reader = Reader::default();
    let mut items = Vec::new();
    for index in [0, 1, u32::MAX] {
        if let Ok(Some(item)) = reader.item(world, &root, index).await {
            items.push(item.clone());
        }
    }
    let report: Report = match &root.report {
        Some(part) => storage::read_part(world, part).await.unwrap_or_default(),
        None => Report::default(),
    };
    let _ = serde_json::to_vec(&api::status::Base::of(&root)).expect("a status");
    let _ = api::status::Completion::of(&root);
    let mut observer = Observer::new(None, true, NOW, &settings);
    observer.believe(&root, true);
    for _ in 0..4 {
        let Some(step) = observer.next(&root, NOW) else {
            break;
        };
        observer.mark_delivered(step, &root, NOW);
        let notification = Notification {
            step,
            root: root.clone(),
            item: items.first().cloned().map(Box::new),
        };
        for photoscan in [false, true] {
            let spelling = Spelling {
                books: true,
                photoscan,
                stall: settings.stall,
            };
            spelling.spell(&notification, &[observer.position()]);
        }
        for schema in [Schema::Legacy, Schema::V1, Schema::V2] {
            schema.spell(&notification, &items, &report, NOW);
        }
        if matches!(step, Step::Ended(_)) {
            break;
        }
    }
}

/// Reads documents, one for each kind of key, apart by the byte 0x1e.
pub(crate) fn read(bytes: &[u8]) {
    let world = World {
        documents: bytes.split(|byte| *byte == 0x1e).collect(),
    };
    tell(&world).now_or_never().expect("nothing here waits");
}
