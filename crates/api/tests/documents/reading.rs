//! A store that holds any bytes, read as components read it and told as clients are told of it.

use std::time::Duration;

use api::origin::Origin;
use api::sse::{Generation, Spelling};
use api::ws::Schema;
use books::{Endpoints, Isbn, Wanted};
use futures::{FutureExt, StreamExt};
use job::effects::{
    Clock, Costs, Dispatch, DispatchError, Entropy, Http, HttpError, Log, Request, Response,
    RunRequest, Store, StoreError, Turn,
};
use job::{
    Engine, Enrichment, JobId, Keyring, Notification, RateLimit, Settings, Step, StoreLag, Time,
};
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
            _ if key.starts_with("provider/") => 8,
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

    async fn yield_to_io(&self, _: Turn) {}
}

impl Dispatch for World<'_> {
    async fn start_run(&self, _: RunRequest<'_>) -> Result<(), DispatchError> {
        Err(DispatchError("nobody runs it".to_owned()))
    }
}

impl Entropy for World<'_> {
    fn random(&self) -> [u8; 16] {
        [7; 16]
    }
}

impl Log for World<'_> {
    fn log(&self, _: &str, _: Value) {}

    fn take_costs(&self) -> Costs {
        Costs::default()
    }
}

/// Look-ups as some configuration has them, with no provider to ask.
fn enrichment() -> Enrichment {
    let limit = RateLimit {
        per_second: 3.0,
        burst: 25.0,
        max_per_job: 25,
    };
    Enrichment {
        endpoints: Endpoints {
            open_library: Some("http://openlibrary".to_owned()),
            ..Endpoints::default()
        },
        user_agent: "test".to_owned(),
        timeout: Duration::from_secs(1),
        patience: Duration::ZERO,
        concurrency: 1,
        open_library: limit,
        google_books: limit,
    }
}

async fn tell(world: &World<'_>) {
    let settings = Settings::local();
    let keyring = Keyring::new(b"secret");
    let engine = Engine::new(world, &settings, &keyring);
    let id = JobId::parse("a").expect("a name");
    let found = engine.look(&id).await;
    let _ = engine.store_has_capacity().await;
    let _ = engine.admit(&keyring.client("192.0.2.1"), &id).await;
    let enrichment = enrichment();
    if let Ok(sessions) = enrichment.sessions(world).await {
        let _ = sessions.open(world);
        let wanted = Wanted {
            isbn: Isbn::parse("9780141439518").ok(),
            ..Wanted::default()
        };
        let found = enrichment.look_up(world, &sessions, vec![wanted], None);
        assert_eq!(found.await.len(), 1);
        sessions.save(world).await;
    }
    let Ok(Some(root)) = found.map(|found| found.root().cloned()) else {
        return;
    };
    let _ = engine.current_token(&root).await;
    let _ = engine.refresh_token(&root, "token").await;
    assert!((0.0..=1.0).contains(&root.progress()));
    let _ = (root.elapsed(), root.eta(), root.stored(), root.expired(NOW));
    let mut items = Vec::new();
    let mut parts = engine.items(&root, 0..u32::MAX).take(3);
    while let Some(part) = parts.next().await {
        items.extend(part.unwrap_or_default());
    }
    let report = engine.report(&root).await.unwrap_or_default();
    let _ = serde_json::to_vec(&api::status::JobFields::of(&root)).expect("a status");
    let _ = api::status::Completion::of(&root);
    let mut observer = engine.observer(None, true);
    observer.verify(&root, StoreLag::Possible);
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
        for generation in [
            Generation::V2,
            Generation::Photoscan,
            Generation::V3(Origin::default()),
        ] {
            let spelling = Spelling {
                books: true,
                generation,
                stall: settings.stall,
            };
            spelling.spell(&notification, &items, &[observer.position()]);
        }
        for schema in [Schema::Legacy, Schema::V1, Schema::V2, Schema::V3] {
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
