//! Threads for the cryptography of handshakes, so that established connections do not wait for it: a worker that
//! verifies and signs for sixty clients in a row would serve no other client in that time.

use crate::limits::AddressKey;
use crate::limits::scheduling::{ClientRank, FairSlots, SlotLimits, SlotRequest, SlotsFull};
use std::panic::resume_unwind;
use std::thread::available_parallelism;

/// The maximum number of waiting steps. Each belongs to another connection, and connections are limited elsewhere.
const WAITING: usize = 65_536;

/// The threads for handshakes, shared by all workers.
#[derive(Debug)]
pub(crate) struct HandshakePool(FairSlots);

impl Default for HandshakePool {
    /// Uses half of the processors, so that the workers always have the other half.
    fn default() -> Self {
        let slots = available_parallelism().map_or(1, |processors| processors.get().div_ceil(2));
        Self(FairSlots::new(SlotLimits {
            slots,
            slots_per_client: slots,
            waiting: WAITING,
            waiting_per_client: WAITING,
        }))
    }
}

impl HandshakePool {
    /// Runs `step` of a handshake of this client when a slot is free, and returns its result.
    ///
    /// # Errors
    /// Too many steps are waiting.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        (client, rank): (AddressKey, ClientRank),
        step: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, SlotsFull> {
        let slot = self.0.acquire(SlotRequest { client, rank, work: 0 }).await?;
        let step = move || {
            // The slot is held until the step ends, even if the connection is closed before.
            let _slot = slot;
            step()
        };
        // The task is never aborted, so an error is a panic, which is a bug and continues here.
        Ok(tokio::task::spawn_blocking(step).await.unwrap_or_else(|error| resume_unwind(error.into_panic())))
    }
}
