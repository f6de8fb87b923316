//! Counts what is in progress, in total and for each client, and refuses what exceeds either limit.

use super::super::AddressKey;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// How much may be in progress at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CountLimits {
    /// Of all clients together.
    pub total: usize,
    /// Of one client.
    pub per_client: usize,
}

/// Who stands behind an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Share {
    /// One client, which has no more than its share.
    OneClient,
    /// Many, for example behind a load balancer in one of the `trusted_networks`: only the total counts.
    ManyClients,
}

/// Which limit is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CountsFull {
    /// That of all clients together.
    Total,
    /// That of this client.
    PerClient,
}

/// What is in progress now.
#[derive(Debug)]
pub struct ClientCounts {
    limits: CountLimits,
    counts: Mutex<Counts>,
}

/// Holds no client without anything in progress, so it is bounded by [`CountLimits::total`].
#[derive(Debug, Default)]
struct Counts {
    total: usize,
    by_client: HashMap<AddressKey, usize>,
}

/// One thing in progress; dropped when it ends.
#[derive(Debug)]
pub struct Counted {
    counts: Arc<ClientCounts>,
    client: AddressKey,
}

impl ClientCounts {
    /// Nothing is in progress yet.
    pub fn new(limits: CountLimits) -> Arc<Self> {
        Arc::new(Self { limits, counts: Mutex::default() })
    }

    /// Counts one more thing of this client until the guard is dropped.
    ///
    /// # Errors
    /// The limit that is reached.
    pub fn begin(self: &Arc<Self>, client: AddressKey, share: Share) -> Result<Counted, CountsFull> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.total >= self.limits.total {
            return Err(CountsFull::Total);
        }
        let before = counts.by_client.get(&client).copied().unwrap_or_default();
        if share == Share::OneClient && before >= self.limits.per_client {
            return Err(CountsFull::PerClient);
        }
        counts.by_client.insert(client, before + 1);
        counts.total += 1;
        Ok(Counted { counts: Arc::clone(self), client })
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut counts = self.counts.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.total = counts.total.saturating_sub(1);
        if let Some(count) = counts.by_client.get_mut(&self.client) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                counts.by_client.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(last: u8) -> AddressKey {
        AddressKey::of([192, 0, 2, last].into(), 64)
    }

    #[test]
    fn one_client_reaches_its_own_limit_and_leaves_the_rest_to_others() {
        let counts = ClientCounts::new(CountLimits { total: 3, per_client: 2 });
        let first = counts.begin(client(1), Share::OneClient).unwrap();
        let _second = counts.begin(client(1), Share::OneClient).unwrap();
        assert_eq!(counts.begin(client(1), Share::OneClient).unwrap_err(), CountsFull::PerClient);
        let _other = counts.begin(client(2), Share::OneClient).unwrap();
        assert_eq!(counts.begin(client(3), Share::OneClient).unwrap_err(), CountsFull::Total);
        drop(first);
        assert!(counts.begin(client(1), Share::OneClient).is_ok());
    }

    #[test]
    fn many_clients_behind_one_address_have_no_share_but_the_total() {
        let counts = ClientCounts::new(CountLimits { total: 3, per_client: 1 });
        let _all = [(); 3].map(|()| counts.begin(client(1), Share::ManyClients).unwrap());
        assert_eq!(counts.begin(client(1), Share::ManyClients).unwrap_err(), CountsFull::Total);
    }

    #[test]
    fn a_client_with_nothing_in_progress_takes_no_memory() {
        let counts = ClientCounts::new(CountLimits { total: 10, per_client: 10 });
        for last in 0..=255 {
            drop(counts.begin(client(last), Share::OneClient).unwrap());
        }
        let held = counts.counts.lock().unwrap();
        assert_eq!((held.total, held.by_client.len()), (0, 0));
    }
}
