//! What a running host measures itself: requests, instances and storage.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::Labels;
use crate::counters::Snapshot;

/// The counts as text.
pub(super) fn text(snapshot: &Snapshot) -> String {
    #[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
    struct Of {
        component: String,
    }
    let mut registry = Registry::with_prefix("host");
    let requests = Family::<Of, Counter>::default();
    let rejected = Family::<Of, Counter>::default();
    let runs_without_room = Family::<Of, Counter>::default();
    let failed = Family::<Of, Counter>::default();
    let instances = Family::<Of, Gauge>::default();
    let peak = Family::<Of, Gauge>::default();
    let max = Gauge::<i64>::default();
    let storage = Family::<Labels, Counter>::default();
    let storage_failures = Family::<Of, Counter>::default();
    let refused = Counter::<u64>::default();
    for (id, component) in &snapshot.components {
        let of = Of {
            component: id.clone(),
        };
        requests.get_or_create(&of).inc_by(component.requests);
        rejected.get_or_create(&of).inc_by(component.rejected);
        (runs_without_room.get_or_create(&of)).inc_by(component.runs_without_room);
        failed.get_or_create(&of).inc_by(component.failed);
        let live = i64::try_from(component.instances_live).unwrap_or(i64::MAX);
        instances.get_or_create(&of).set(live);
        let most = i64::try_from(component.instances_peak).unwrap_or(i64::MAX);
        peak.get_or_create(&of).set(most);
        let stored = &component.storage;
        storage_failures.get_or_create(&of).inc_by(stored.errors);
        for (operation, count) in [
            ("get", stored.gets),
            ("set", stored.sets),
            ("delete", stored.deletes),
            ("exists", stored.exists),
            ("list", stored.lists),
        ] {
            let labels = vec![
                ("component", id.clone()),
                ("operation", operation.to_owned()),
            ];
            storage.get_or_create(&labels).inc_by(count);
        }
    }
    max.set(i64::try_from(snapshot.instances_max).unwrap_or(i64::MAX));
    refused.inc_by(snapshot.outbound_refused);
    registry.register(
        "component_requests",
        "Requests given to a component",
        requests,
    );
    registry.register(
        "component_rejected",
        "Requests of clients refused for want of an instance; a POST may have seven eighths of them",
        rejected,
    );
    registry.register(
        "component_runs_without_room",
        "Runs that found no room and are started later",
        runs_without_room,
    );
    registry.register(
        "component_failed",
        "Handlers that trapped, were stopped at a limit or answered nothing",
        failed,
    );
    registry.register("instances", "Instances live now", instances);
    registry.register(
        "instances_peak",
        "Largest number of instances that were live at a time",
        peak,
    );
    registry.register(
        "instances_max",
        "Instances there may be at a time, of all components",
        max,
    );
    registry.register(
        "storage_operations",
        "Key-value operations, by component and operation",
        storage,
    );
    registry.register(
        "storage_failures",
        "Those operations that failed",
        storage_failures,
    );
    registry.register(
        "outbound_refused",
        "Requests of components refused: not allowed, or beyond a limit",
        refused,
    );
    let mut text = String::new();
    let _ = encode(&mut text, &registry);
    text
}
