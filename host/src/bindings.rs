//! Spin's own interfaces, from `wit/`.

#![allow(
    unreachable_pub,
    clippy::use_self,
    reason = "the macro writes this module"
)]

wasmtime::component::bindgen!({
    path: "wit",
    world: "imports",
    imports: { default: async | trappable },
    require_store_data_send: true,
    with: {
        "fermyon:spin/key-value.store": crate::kv::interface::OpenStore,
    },
});
