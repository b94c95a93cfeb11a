//! Compiling components, with a cache of compiled code.

use std::hash::{Hash, Hasher};
use std::io::Write;
use std::path::Path;

use anyhow::Context;
use sha2::{Digest, Sha256};
use wasmtime::component::Component;
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

/// Makes an engine that can hold `instances` instances at a time.
pub(crate) fn engine(instances: u32) -> anyhow::Result<Engine> {
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(instances)
        // A component of ours is one module and a few adapters.
        .total_core_instances(instances.saturating_mul(8))
        .total_memories(instances)
        .total_tables(instances.saturating_mul(4))
        .total_stacks(instances)
        .max_memories_per_component(2)
        // What an instance has touched is zeroed for the next one instead of being given back to
        // the kernel, which halves the processor time of a short request where Linux (6.7 and
        // later) tells what was touched. It stays with the process, up to this much for each memory
        // and table that there ever was at the same time.
        .linear_memory_keep_resident(128 << 10)
        .table_keep_resident(64 << 10)
        .pagemap_scan(Enabled::Auto)
        .max_unused_warm_slots(instances.min(100));
    let pooled = engine_with(InstanceAllocationStrategy::Pooling(pool));
    match pooled {
        Ok(engine) => Ok(engine),
        // The pool reserves some GiB of address space per instance, which not every machine grants.
        Err(error) => {
            tracing::debug!("no instance pool: {error:#}");
            engine_with(InstanceAllocationStrategy::OnDemand)
        }
    }
}

fn engine_with(allocation: InstanceAllocationStrategy) -> anyhow::Result<Engine> {
    let mut config = Config::new();
    config.epoch_interruption(true);
    // A component's panic message says more than the addresses in its stripped code.
    config.wasm_backtrace_max_frames(None);
    config.allocation_strategy(allocation);
    Ok(Engine::new(&config)?)
}

/// Compiles the component in `source`, or takes from `cache` the code that the same engine has
/// compiled of the same bytes.
pub(crate) fn load(engine: &Engine, source: &Path, cache: &Path) -> anyhow::Result<Component> {
    let bytes = std::fs::read(source).with_context(|| {
        format!(
            "cannot read {}; `host build` builds what spin.toml says",
            source.display()
        )
    })?;
    let mut key = Sha256::new();
    key.update(&bytes);
    engine
        .precompile_compatibility_hash()
        .hash(&mut DigestHasher(&mut key));
    let name: String = key.finalize().iter().map(|b| format!("{b:02x}")).collect();
    let compiled = cache.join(format!("{name}.cwasm"));

    if compiled.exists() {
        // SAFETY: the file was written below from this engine's own output, under a name that only
        // such output has, and renamed into place whole. Whoever can write to the state directory
        // could replace the host itself.
        #[expect(unsafe_code, reason = "wasmtime cannot check machine code")]
        let component = unsafe { Component::deserialize_file(engine, &compiled) };
        match component {
            Ok(component) => return Ok(component),
            Err(error) => tracing::debug!("{} is of no use: {error:#}", compiled.display()),
        }
    }
    let component = Component::new(engine, &bytes)
        .map_err(anyhow::Error::from)
        .with_context(|| format!("{} is no component", source.display()))?;
    if let Err(error) = remember(&component, cache, &compiled) {
        tracing::warn!(
            "cannot keep compiled code in {}: {error:#}",
            cache.display()
        );
    }
    Ok(component)
}

fn remember(component: &Component, cache: &Path, compiled: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(cache)?;
    let unfinished = compiled.with_extension(format!("{}.part", std::process::id()));
    let mut file = std::fs::File::create(&unfinished)?;
    file.write_all(&component.serialize()?)?;
    drop(file);
    std::fs::rename(unfinished, compiled)?;
    Ok(())
}

/// A hasher that feeds its input into a digest.
struct DigestHasher<'a>(&'a mut Sha256);

impl Hasher for DigestHasher<'_> {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        0
    }
}
