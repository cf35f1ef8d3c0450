//! The memory for what is being received: so much for all peers of a listener together.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The unit in which memory is set aside.
const UNIT_BYTES: usize = 1024;

/// So many bytes.
pub fn memory(bytes: usize) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(bytes / UNIT_BYTES))
}

/// A part of the memory; given back when dropped.
#[derive(Debug)]
pub struct MemoryShare {
    memory: Arc<Semaphore>,
    held: Option<OwnedSemaphorePermit>,
    bytes: usize,
}

impl MemoryShare {
    pub fn none(memory: &Arc<Semaphore>) -> MemoryShare {
        MemoryShare { memory: Arc::clone(memory), held: None, bytes: 0 }
    }

    /// Bytes that are set aside.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Sets so many bytes aside in all; `None` where there are not as many left, and nothing changes.
    pub fn grow(&mut self, bytes: usize) -> Option<()> {
        let units = bytes.div_ceil(UNIT_BYTES).saturating_sub(self.bytes.div_ceil(UNIT_BYTES));
        let more = Arc::clone(&self.memory).try_acquire_many_owned(u32::try_from(units).ok()?).ok()?;
        match &mut self.held {
            Some(held) => held.merge(more),
            None => self.held = Some(more),
        }
        self.bytes = self.bytes.max(bytes);
        Some(())
    }

    /// Takes everything out, and leaves an empty share of the same memory.
    pub fn take(&mut self) -> MemoryShare {
        let empty = MemoryShare::none(&self.memory);
        std::mem::replace(self, empty)
    }

    /// Gives everything back.
    pub fn clear(&mut self) {
        (self.held, self.bytes) = (None, 0);
    }
}
