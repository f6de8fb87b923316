//! Does the cryptography of handshakes on threads of its own, a few at once, so that established connections do not
//! wait behind it: a worker that verifies and signs for sixty clients in a row serves nobody else meanwhile.

use crate::limits::AddressKey;
use crate::limits::scheduling::{FairSlots, Rank, SlotLimits, SlotsFull, Turn};
use std::panic::resume_unwind;
use std::thread::available_parallelism;

/// Steps of handshakes that may wait. Each is of another connection, and those are counted before.
const WAITING: usize = 65_536;

/// Where the steps of handshakes run, shared by all workers.
#[derive(Debug)]
pub struct HandshakePool(FairSlots);

impl Default for HandshakePool {
    /// Half of the processors work on handshakes at once, so that the workers always have the other half.
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
    /// Runs `step` of a handshake of this client when its turn has come.
    ///
    /// # Errors
    /// Where too many wait.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        (client, rank): (AddressKey, Rank),
        step: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, SlotsFull> {
        let slot = self.0.acquire(Turn { client, rank, work: 0 }).await?;
        let step = move || {
            // Held to the end of the work, even where the connection is given up meanwhile.
            let _slot = slot;
            step()
        };
        // A fault of ours there is a fault of ours here; nothing aborts the task.
        Ok(tokio::task::spawn_blocking(step).await.unwrap_or_else(|error| resume_unwind(error.into_panic())))
    }
}
