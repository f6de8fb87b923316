//! Limits on TLS handshakes: the number in progress, in total and per address, and the number per second and address. The
//! counts are a part of the connection table, so that a handshake needs no lookup.

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The burst of one address, in seconds of its rate. Browsers open several connections at once, and the users of an office
/// behind one address start work at the same time.
const BURST_SECONDS: u32 = 5;

/// The limits on handshakes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HandshakeQuota {
    /// The maximum number of handshakes in progress.
    pub in_progress: usize,
    /// The maximum number of handshakes in progress from one address.
    pub in_progress_per_address: usize,
    /// The number of handshakes that one address may start per second.
    pub per_second_per_address: NonZeroU32,
}

/// The limit for which a handshake was rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HandshakeLimitReached {
    /// The limit on handshakes in progress is reached.
    #[error("too many handshakes are in progress")]
    InProgress,
    /// The limit on handshakes in progress from one address is reached.
    #[error("too many handshakes from this address are in progress")]
    InProgressOfAddress,
    /// The limit on handshakes per second from one address is reached.
    #[error("too many handshakes per second from this address")]
    TooFast,
}

/// A number of handshakes in progress. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct HandshakeCount(Arc<AtomicUsize>);

/// One handshake in a [`HandshakeCount`], which is counted until this value is dropped.
#[derive(Debug)]
struct CountedHandshake(HandshakeCount);

/// A handshake in progress, which is counted in total and for its address until this value is dropped.
#[derive(Debug)]
pub(crate) struct HandshakeInProgress {
    _in_all: CountedHandshake,
    _of_address: Option<CountedHandshake>,
}

/// The handshakes of one address.
#[derive(Debug)]
pub(super) struct AddressHandshakes {
    in_progress: HandshakeCount,
    per_second: NonZeroU32,
    rate: DefaultDirectRateLimiter,
}

impl HandshakeCount {
    fn begin(&self, most: usize) -> Option<CountedHandshake> {
        let more = |count: usize| (count < most).then(|| count + 1);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        Some(CountedHandshake(self.clone()))
    }
}

impl Drop for CountedHandshake {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl AddressHandshakes {
    /// Creates a count without handshakes in progress, with the whole burst of `quota` available.
    pub(super) fn new(quota: HandshakeQuota) -> Self {
        Self::counting(HandshakeCount::default(), quota.per_second_per_address)
    }

    fn counting(in_progress: HandshakeCount, per_second: NonZeroU32) -> Self {
        let burst = per_second.saturating_mul(NonZeroU32::MIN.saturating_add(BURST_SECONDS - 1));
        let rate = RateLimiter::direct(Quota::per_second(per_second).allow_burst(burst));
        Self { in_progress, per_second, rate }
    }

    fn begin(&self, quota: HandshakeQuota) -> Result<CountedHandshake, HandshakeLimitReached> {
        let most = quota.in_progress_per_address;
        let counted = self.in_progress.begin(most).ok_or(HandshakeLimitReached::InProgressOfAddress)?;
        self.rate.check().map_err(|_| HandshakeLimitReached::TooFast)?;
        Ok(counted)
    }

    /// Returns the same count with the rate of `quota`, or `None` if the rate is unchanged.
    pub(super) fn under(&self, quota: HandshakeQuota) -> Option<Self> {
        let per_second = quota.per_second_per_address;
        (per_second != self.per_second).then(|| Self::counting(self.in_progress.clone(), per_second))
    }
}

impl HandshakeInProgress {
    /// Counts a handshake in total and, unless the client is trusted, for its address.
    ///
    /// # Errors
    /// The limit that is reached.
    pub(super) fn begin(
        in_all: &HandshakeCount,
        of_address: Option<&AddressHandshakes>,
        quota: HandshakeQuota,
    ) -> Result<Self, HandshakeLimitReached> {
        let counted = in_all.begin(quota.in_progress).ok_or(HandshakeLimitReached::InProgress)?;
        let of_address = of_address.map(|address| address.begin(quota)).transpose()?;
        Ok(Self { _in_all: counted, _of_address: of_address })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ConnectionLimits, ConnectionTable, OpenConnection, RequestRate};
    use super::*;

    const QUOTA: HandshakeQuota = HandshakeQuota {
        in_progress: 4,
        in_progress_per_address: 2,
        per_second_per_address: NonZeroU32::MIN,
    };

    fn connect(table: &Arc<ConnectionTable>, address: &str, handshakes: HandshakeQuota) -> OpenConnection {
        let limits = ConnectionLimits {
            total: 100,
            per_address: 100,
            per_network: 100,
            ipv6_prefix: 64,
            trusted: Arc::from(["198.51.100.0/24".parse().unwrap()]),
            requests: RequestRate::per_second(1),
            handshakes,
        };
        table.admit(address.parse().unwrap(), &limits).unwrap().0
    }

    #[test]
    fn each_limit_is_reported_and_has_no_effect_on_other_addresses() {
        let table = Arc::new(ConnectionTable::new(usize::MAX));
        let [one, same, other, third] =
            ["2001:db8::1", "2001:db8::2", "192.0.2.2", "192.0.2.3"].map(|from| connect(&table, from, QUOTA));
        let _held = [one.begin_handshake(QUOTA).unwrap(), same.begin_handshake(QUOTA).unwrap()];
        assert_eq!(one.begin_handshake(QUOTA).unwrap_err(), HandshakeLimitReached::InProgressOfAddress);
        let more = [other.begin_handshake(QUOTA).unwrap(), other.begin_handshake(QUOTA).unwrap()];
        assert_eq!(third.begin_handshake(QUOTA).unwrap_err(), HandshakeLimitReached::InProgress);
        drop(more);
        for _ in 0..3 {
            drop(other.begin_handshake(QUOTA).unwrap());
        }
        assert_eq!(other.begin_handshake(QUOTA).unwrap_err(), HandshakeLimitReached::TooFast);
        assert!(third.begin_handshake(QUOTA).is_ok());
    }

    #[test]
    fn a_trusted_network_is_limited_in_total_only() {
        let table = Arc::new(ConnectionTable::new(usize::MAX));
        let balancer = connect(&table, "198.51.100.1", QUOTA);
        let _held = [(); 4].map(|()| balancer.begin_handshake(QUOTA).unwrap());
        assert_eq!(balancer.begin_handshake(QUOTA).unwrap_err(), HandshakeLimitReached::InProgress);
    }

    #[test]
    fn neither_a_new_connection_nor_another_rate_resets_the_counts() {
        let table = Arc::new(ConnectionTable::new(usize::MAX));
        let first = connect(&table, "192.0.2.1", QUOTA);
        while first.begin_handshake(QUOTA).is_ok() {}
        drop(first);
        let second = connect(&table, "192.0.2.1", QUOTA);
        assert_eq!(second.begin_handshake(QUOTA).unwrap_err(), HandshakeLimitReached::TooFast);
        let faster = HandshakeQuota { per_second_per_address: NonZeroU32::new(100).unwrap(), ..QUOTA };
        let third = connect(&table, "192.0.2.1", faster);
        let _held = [third.begin_handshake(faster).unwrap(), third.begin_handshake(faster).unwrap()];
        let fourth = connect(&table, "192.0.2.1", QUOTA);
        assert_eq!(fourth.begin_handshake(QUOTA).unwrap_err(), HandshakeLimitReached::InProgressOfAddress);
    }
}
