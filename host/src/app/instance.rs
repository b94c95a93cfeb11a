//! One instance of a component: what it can reach, and how much of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use wasmtime::Store;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use super::{App, Component, Room};
use crate::clients::Hold;
use crate::kv::interface::Stores;
use crate::memory::InstanceMemory;
use crate::outbound::Hooks;
use crate::traces::{Span, TraceHeaders};

/// The state of one instance of a component.
pub(crate) struct Instance {
    pub(super) began: Instant,
    pub(super) table: ResourceTable,
    pub(super) wasi: WasiCtx,
    pub(super) http: WasiHttpCtx,
    pub(super) hooks: Hooks,
    pub(super) stores: Stores,
    pub(super) variables: Arc<BTreeMap<String, String>>,
    pub(super) memory: InstanceMemory,
}

impl WasiView for Instance {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for Instance {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            ctx: &mut self.http,
            table: &mut self.table,
            hooks: &mut self.hooks,
        }
    }
}

impl App {
    pub(super) fn instance_store(
        self: &Arc<Self>,
        component: &Component,
        hold: &Hold,
        room: &Room,
        trace: Option<TraceHeaders>,
        span: Span,
    ) -> Store<Instance> {
        let wasi = WasiCtx::builder()
            .envs(&component.environment)
            .stdout(component.stdout.lines(Span::default()))
            .stderr(component.stderr.lines(span.clone()))
            .wall_clock(self.faults.clone())
            .build();
        let instance = Instance {
            began: Instant::now(),
            table: ResourceTable::new(),
            wasi,
            http: WasiHttpCtx::new(),
            hooks: Hooks {
                app: self.clone(),
                component: component.id.clone(),
                allowed: component.allowed_hosts.clone(),
                trace,
                span,
                run_room: room.run.clone(),
            },
            stores: Stores {
                component: component.id.clone(),
                allowed: component.stores.clone(),
                backend: self.store.clone(),
                counters: self.counters.clone(),
                open: 0,
            },
            variables: component.variables.clone(),
            memory: self.memory.instance(hold.asker(), self.limits.memory),
        };
        let mut store = Store::new(&self.engine, instance);
        store.limiter_async(|instance| &mut instance.memory);
        store
    }
}
