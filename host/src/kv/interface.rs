//! `fermyon:spin/key-value@2.0.0`: stores as a component sees them.

use std::collections::BTreeSet;
use std::sync::Arc;

use wasmtime::component::{Resource, ResourceTable};

use super::{KvBackend, KvError};
use crate::bindings::fermyon::spin::key_value;
use crate::counters::{Counters, Operation};
use crate::memory::InstanceMemory;

/// Spin's limit on the stores that an instance may have open.
const OPEN_STORES: usize = 256;

/// An open store: its name.
#[expect(unreachable_pub, reason = "the generated bindings name it")]
pub struct OpenStore(String);

/// One instance's access to key-value storage.
pub(crate) struct Stores {
    pub(crate) component: Arc<str>,
    pub(crate) allowed: Arc<BTreeSet<String>>,
    pub(crate) backend: Arc<dyn KvBackend>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) open: usize,
}

/// [`Stores`] with the table that its resources are in.
pub(crate) struct StoresView<'a> {
    pub(crate) stores: &'a mut Stores,
    pub(crate) table: &'a mut ResourceTable,
    pub(crate) memory: &'a mut InstanceMemory,
}

type KvResult<T> = wasmtime::Result<Result<T, key_value::Error>>;

impl From<KvError> for key_value::Error {
    fn from(error: KvError) -> Self {
        match error {
            KvError::StoreTableFull => Self::StoreTableFull,
            KvError::NoSuchStore => Self::NoSuchStore,
            KvError::AccessDenied => Self::AccessDenied,
            KvError::Other(text) => Self::Other(text),
        }
    }
}

impl StoresView<'_> {
    fn count<T>(&self, operation: Operation, result: &Result<T, KvError>, read: usize) {
        self.stores.counters.stored(
            &self.stores.component,
            operation,
            result.is_ok(),
            read as u64,
        );
    }

    fn name(&self, store: &Resource<OpenStore>) -> wasmtime::Result<&str> {
        Ok(&self.table.get(store)?.0)
    }
}

impl key_value::Host for StoresView<'_> {}

impl key_value::HostStore for StoresView<'_> {
    async fn open(&mut self, label: String) -> KvResult<Resource<OpenStore>> {
        if !self.stores.allowed.contains(&label) {
            return Ok(Err(KvError::AccessDenied.into()));
        }
        if self.stores.open == OPEN_STORES {
            return Ok(Err(KvError::StoreTableFull.into()));
        }
        self.stores.open += 1;
        Ok(Ok(self.table.push(OpenStore(label))?))
    }

    async fn get(&mut self, store: Resource<OpenStore>, key: String) -> KvResult<Option<Vec<u8>>> {
        let mut result = self.stores.backend.get(self.name(&store)?, &key).await;
        if let Ok(Some(value)) = &result {
            let bytes = value.len();
            if !self.memory.has_room_for(bytes) {
                // The value is not held meanwhile: nobody counts it.
                drop(result);
                self.memory.wait_for_room(bytes).await;
                result = self.stores.backend.get(self.name(&store)?, &key).await;
            }
        }
        let read = match &result {
            Ok(Some(value)) => value.len(),
            _ => 0,
        };
        self.count(Operation::Get, &result, read);
        Ok(result.map_err(Into::into))
    }

    async fn set(
        &mut self,
        store: Resource<OpenStore>,
        key: String,
        value: Vec<u8>,
    ) -> KvResult<()> {
        let bytes = value.len() as u64;
        let result = self
            .stores
            .backend
            .set(self.name(&store)?, &key, value)
            .await;
        self.count(Operation::Set { bytes }, &result, 0);
        Ok(result.map_err(Into::into))
    }

    async fn delete(&mut self, store: Resource<OpenStore>, key: String) -> KvResult<()> {
        let result = self.stores.backend.delete(self.name(&store)?, &key).await;
        self.count(Operation::Delete, &result, 0);
        Ok(result.map_err(Into::into))
    }

    async fn exists(&mut self, store: Resource<OpenStore>, key: String) -> KvResult<bool> {
        let result = self.stores.backend.exists(self.name(&store)?, &key).await;
        self.count(Operation::Exists, &result, 0);
        Ok(result.map_err(Into::into))
    }

    async fn get_keys(&mut self, store: Resource<OpenStore>) -> KvResult<Vec<String>> {
        let result = self.stores.backend.keys(self.name(&store)?).await;
        self.count(Operation::List, &result, 0);
        Ok(result.map_err(Into::into))
    }

    async fn drop(&mut self, store: Resource<OpenStore>) -> wasmtime::Result<()> {
        self.table.delete(store)?;
        self.stores.open -= 1;
        Ok(())
    }
}
