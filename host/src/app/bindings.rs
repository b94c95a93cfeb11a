//! Everything that a component can import.

use wasmtime::Engine;
use wasmtime::component::{HasSelf, Linker};
use wasmtime_wasi::p2::bindings::clocks::monotonic_clock;

use super::instance::Instance;
use crate::bindings::fermyon::spin as spin_bindings;
use crate::clock::{Monotonic, MonotonicLink};
use crate::kv::interface::StoresView;
use crate::variables;

struct StoresOf;

impl wasmtime::component::HasData for StoresOf {
    type Data<'a> = StoresView<'a>;
}

pub(super) fn linker(engine: &Engine) -> anyhow::Result<Linker<Instance>> {
    let mut linker: Linker<Instance> = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    linker.allow_shadowing(true);
    monotonic_clock::add_to_linker::<_, MonotonicLink>(&mut linker, |instance| Monotonic {
        zero: instance.began,
        table: &mut instance.table,
    })?;
    linker.allow_shadowing(false);
    spin_bindings::key_value::add_to_linker::<_, StoresOf>(&mut linker, |instance| StoresView {
        stores: &mut instance.stores,
        table: &mut instance.table,
        memory: &mut instance.memory,
    })?;
    spin_bindings::variables::add_to_linker::<_, HasSelf<Instance>>(&mut linker, |instance| {
        instance
    })?;
    Ok(linker)
}

impl spin_bindings::variables::Host for Instance {
    async fn get(
        &mut self,
        name: String,
    ) -> wasmtime::Result<Result<String, spin_bindings::variables::Error>> {
        use spin_bindings::variables::Error;
        if let Err(error) = variables::check_name(&name) {
            return Ok(Err(Error::InvalidName(error.to_string())));
        }
        let value = self.variables.get(&name).cloned();
        Ok(
            value
                .ok_or_else(|| Error::Undefined(format!("the component has no variable `{name}`"))),
        )
    }
}
