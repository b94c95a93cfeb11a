//! Spin's own interfaces, from `wit/`.

wasmtime::component::bindgen!({
    path: "wit",
    world: "imports",
    imports: { default: async | trappable },
    require_store_data_send: true,
    with: {
        "fermyon:spin/key-value.store": crate::kv::interface::OpenStore,
    },
});
