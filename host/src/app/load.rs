//! Loading an application: from its manifest to components that can be instantiated.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};

use anyhow::Context;
use tokio::sync::Semaphore;
use wasmtime::Engine;
use wasmtime::component::Linker;
use wasmtime_wasi_http::p2::bindings::ProxyPre;

use super::instance::Instance;
use super::{App, Component, Settings, bindings};
use crate::allowed_hosts::AllowedHosts;
use crate::clients::Clients;
use crate::counters::Counters;
use crate::epochs::EpochScheduler;
use crate::kv::fault::{Dice, Faults, Faulty};
use crate::kv::{FaultPlan, Guard, KvBackend};
use crate::logs::Log;
use crate::manifest::{self, Manifest, TriggerRoute};
use crate::memory::{self, MemoryPool};
use crate::metrics::Metrics;
use crate::outbound::Outbound;
use crate::routes::Router;
use crate::variables::Variables;

impl App {
    /// Loads what `manifest` describes; compiled code and logs are kept in `state_dir`.
    ///
    /// Compiling takes seconds; it must not run on a thread that others wait for.
    pub async fn load(
        manifest: &Manifest,
        variables: &Variables,
        backend: Arc<dyn KvBackend>,
        state_dir: &Path,
        settings: Settings,
    ) -> anyhow::Result<Arc<Self>> {
        let counters = Arc::new(Counters::new(settings.max_instances));
        let metrics = Arc::new(Metrics::default());
        let engine = crate::engine::engine(settings.max_instances)?;
        let loader = Loader {
            engine: &engine,
            linker: bindings::linker(&engine)?,
            manifest,
            variables,
            state_dir,
            metrics: settings.is_observed.then_some(&metrics),
        };

        let routes = manifest.triggers().iter().filter_map(|t| match &t.route {
            TriggerRoute::Pattern(pattern) => Some((pattern.as_str(), t.component.as_str())),
            TriggerRoute::Private { .. } => None,
        });
        let router = Router::new(routes)?;

        let mut components = BTreeMap::new();
        for (id, described) in &manifest.components {
            let component = loader
                .load(id, described)
                .with_context(|| format!("component `{id}`"))?;
            components.insert(id.clone(), component);
        }

        let mut store = backend;
        let faults = Faults::new(settings.fault);
        if settings.is_observed || settings.fault != FaultPlan::default() {
            store = Arc::new(Faulty {
                inner: store,
                faults: faults.clone(),
                dice: Dice::default(),
            });
        }
        if settings.is_observed || settings.limits.bound_storage() {
            let guard = Guard::new(
                store,
                settings.limits.clone(),
                counters.clone(),
                &["default"],
            );
            store = Arc::new(guard.await.context("cannot list the keys of the store")?);
        }

        let instances = settings.max_instances as usize;
        Ok(Arc::new(Self {
            router,
            components,
            epochs: Arc::new(EpochScheduler::start(&engine)?),
            engine,
            store,
            outbound: Outbound::new(settings.limits.outbound_per_hour, faults.clone())?,
            faults,
            limits: settings.limits,
            counters,
            metrics,
            traces: settings.traces,
            room: Arc::new(Semaphore::new(instances)),
            run_room: Arc::new(Semaphore::new(instances - instances / 8)),
            is_ending: AtomicBool::new(false),
            max_instances: settings.max_instances,
            memory: MemoryPool::new(settings.memory, memory::WAIT),
            clients: Clients::new(
                settings.clients,
                settings.max_instances,
                crate::edge::secret(variables).as_deref(),
            ),
            address: OnceLock::new(),
        }))
    }
}

/// The parts that all components of an application are made of.
struct Loader<'a> {
    engine: &'a Engine,
    linker: Linker<Instance>,
    manifest: &'a Manifest,
    variables: &'a Variables,
    state_dir: &'a Path,
    /// The metrics that every line of the logs is shown to, if anybody asks for them.
    metrics: Option<&'a Arc<Metrics>>,
}

impl Loader<'_> {
    fn load(&self, id: &str, described: &manifest::Component) -> anyhow::Result<Component> {
        let source = self.manifest.dir.join(&described.source);
        let compiled = crate::engine::load(self.engine, &source, &self.state_dir.join("compiled"))?;
        let linked = self
            .linker
            .instantiate_pre(&compiled)
            .map_err(anyhow::Error::from)
            .context("it imports something that this host does not have; `spin up` might")?;
        let pre = ProxyPre::new(linked)
            .map_err(anyhow::Error::from)
            .context("it must export wasi:http/incoming-handler@0.2.x")?;

        let hosts = described
            .allowed_outbound_hosts
            .iter()
            .map(|template| self.variables.expand(template))
            .collect::<Result<Vec<_>, _>>()?;
        let logs = self.state_dir.join("logs");
        Ok(Component {
            id: id.into(),
            pre,
            environment: described.environment.clone().into_iter().collect(),
            variables: Arc::new(self.variables.expand_all(&described.variables)?),
            allowed_hosts: Arc::new(AllowedHosts::parse(hosts)?),
            stores: Arc::new(described.key_value_stores.iter().cloned().collect()),
            stdout: Log::open(Some(&logs), id, "stdout", None)?,
            stderr: Log::open(Some(&logs), id, "stderr", self.metrics.cloned())?,
        })
    }
}
