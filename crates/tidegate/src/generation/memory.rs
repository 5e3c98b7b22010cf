//! Keeps pointers in memory, for tests.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt, ready};
use parking_lot::Mutex;

use super::pointer::Pointer;
use super::port::{PointerReader, Pointers};
use crate::failure::Failure;

/// Pointers in memory, for tests. Clones share their content.
#[derive(Clone, Debug, Default)]
pub struct MemoryPointers {
    pointers: Arc<Mutex<BTreeMap<String, Pointer>>>,
}

impl PointerReader for MemoryPointers {
    fn read<'a>(&'a self, projection: &'a str) -> BoxFuture<'a, Result<Pointer, Failure>> {
        let there = self.pointers.lock().get(projection).cloned();
        ready(Ok(there.unwrap_or_else(|| Pointer::new(projection)))).boxed()
    }
}

impl Pointers for MemoryPointers {
    fn write<'a>(
        &'a self,
        pointer: &'a Pointer,
    ) -> BoxFuture<'a, Result<Option<Pointer>, Failure>> {
        let mut pointers = self.pointers.lock();
        let there = pointers.get(&pointer.projection).map_or(0, |there| there.revision);
        let written = (there == pointer.revision)
            .then(|| Pointer { revision: there.saturating_add(1), ..pointer.clone() });
        if let Some(written) = &written {
            pointers.insert(written.projection.clone(), written.clone());
        }
        ready(Ok(written)).boxed()
    }
}
