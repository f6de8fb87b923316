//! The limits on handshakes: in progress in all, in progress of one client, and begun per second by one client.

use crate::limits::AddressKey;
use crate::limits::scheduling::{ClientCounts, ClientRates, CountLimits, Counted, CountsFull, Share};
use std::num::NonZeroU32;
use std::sync::Arc;

/// How many seconds of its rate a client may use at once after a pause: browsers open several connections, and the users
/// of an office behind one address arrive at the same time.
const BURST_SECONDS: u32 = 5;

/// The limits on handshakes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HandshakeQuota {
    /// In progress at once, of all clients.
    pub in_progress: usize,
    /// In progress at once, of one client.
    pub in_progress_per_client: usize,
    /// Begun each second, of one client.
    pub per_second_per_client: NonZeroU32,
}

/// Counts handshakes, for all workers.
#[derive(Debug)]
pub struct HandshakeLimiter {
    counts: Arc<ClientCounts>,
    rates: ClientRates,
}

/// The limit that a connection would exceed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeLimitReached {
    /// Too many are in progress.
    #[error("too many handshakes are in progress")]
    InProgress,
    /// Too many of this client are in progress.
    #[error("too many handshakes of this address are in progress")]
    InProgressOfClient,
    /// This client begins too many.
    #[error("this address begins too many handshakes per second")]
    TooFast,
}

impl HandshakeLimiter {
    /// A limiter with no handshake in progress.
    pub fn new(quota: HandshakeQuota) -> Self {
        let burst =
            quota.per_second_per_client.saturating_mul(NonZeroU32::MIN.saturating_add(BURST_SECONDS - 1));
        Self {
            counts: ClientCounts::new(CountLimits {
                total: quota.in_progress,
                per_client: quota.in_progress_per_client,
            }),
            rates: ClientRates::new(quota.per_second_per_client, burst),
        }
    }

    /// Allows one handshake of this client. It counts as in progress until the guard is dropped.
    ///
    /// # Errors
    /// The limit that it would exceed.
    pub fn admit(&self, client: AddressKey, share: Share) -> Result<Counted, HandshakeLimitReached> {
        let counted = self.counts.begin(client, share).map_err(|full| match full {
            CountsFull::Total => HandshakeLimitReached::InProgress,
            CountsFull::PerClient => HandshakeLimitReached::InProgressOfClient,
        })?;
        if share == Share::OneClient && !self.rates.allows(client) {
            return Err(HandshakeLimitReached::TooFast);
        }
        Ok(counted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_is_reported_and_does_not_affect_other_clients() {
        let [one, other, third] = [1, 2, 3].map(|last| AddressKey::of([192, 0, 2, last].into(), 64));
        let quota = HandshakeQuota {
            in_progress: 4,
            in_progress_per_client: 2,
            per_second_per_client: NonZeroU32::MIN,
        };
        let admission = HandshakeLimiter::new(quota);
        let _held = [
            admission.admit(one, Share::OneClient).unwrap(),
            admission.admit(one, Share::OneClient).unwrap(),
        ];
        assert_eq!(
            admission.admit(one, Share::OneClient).unwrap_err(),
            HandshakeLimitReached::InProgressOfClient
        );
        let more = [
            admission.admit(other, Share::OneClient).unwrap(),
            admission.admit(other, Share::OneClient).unwrap(),
        ];
        assert_eq!(admission.admit(third, Share::OneClient).unwrap_err(), HandshakeLimitReached::InProgress);
        drop(more);
        for _ in 0..3 {
            drop(admission.admit(other, Share::OneClient).unwrap());
        }
        assert_eq!(admission.admit(other, Share::OneClient).unwrap_err(), HandshakeLimitReached::TooFast);
        assert!(admission.admit(third, Share::OneClient).is_ok());
    }
}
