//! The connection slots in use by each client, compared with the client's shares.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;

use crate::backend::requester::Requester;
use crate::backend::settings::ConnectionShares;
use crate::limits::{AccountKey, AddressKey};

/// The slots in use, by client.
#[derive(Default)]
pub(super) struct SlotUsage {
    anonymous: usize,
    by_connection: HashMap<u64, usize>,
    by_address: HashMap<AddressKey, usize>,
    by_account: HashMap<AccountKey, usize>,
}

impl SlotUsage {
    /// Whether anonymous requests together can use one slot more.
    pub(super) fn admits_anonymous(&self, shares: &ConnectionShares) -> bool {
        self.anonymous < shares.anonymous
    }

    /// Whether the client's shares allow one slot more.
    pub(super) fn admits(&self, requester: &Requester, shares: &ConnectionShares) -> bool {
        self.remaining(requester, shares).into_iter().all(|remaining| remaining > 0)
    }

    /// Whether the client's shares would allow one slot more if `holder` released one.
    pub(super) fn admits_without(
        &self,
        requester: &Requester,
        holder: &Requester,
        shares: &ConnectionShares,
    ) -> bool {
        let released = [
            requester.account == holder.account,
            requester.address == holder.address,
            requester.connection == holder.connection,
        ];
        let remaining = self.remaining(requester, shares).into_iter().zip(released);
        remaining.into_iter().all(|(remaining, released)| remaining > 0 || released)
    }

    /// The remaining slots of the client's shares: that of its account or of all anonymous requests, of its address, and
    /// of its connection.
    fn remaining(&self, requester: &Requester, shares: &ConnectionShares) -> [usize; 3] {
        let of_account = match requester.account {
            Some(account) => shares.per_account.saturating_sub(count(&self.by_account, &account)),
            None => shares.anonymous.saturating_sub(self.anonymous),
        };
        let of_address = match requester.address {
            Some(address) => shares.per_address.saturating_sub(count(&self.by_address, &address)),
            None => usize::MAX,
        };
        [
            of_account,
            of_address,
            shares.per_connection.saturating_sub(count(&self.by_connection, &requester.connection)),
        ]
    }

    pub(super) fn add(&mut self, requester: &Requester) {
        *self.by_connection.entry(requester.connection).or_default() += 1;
        if let Some(address) = requester.address {
            *self.by_address.entry(address).or_default() += 1;
        }
        match requester.account {
            Some(account) => *self.by_account.entry(account).or_default() += 1,
            None => self.anonymous += 1,
        }
    }

    pub(super) fn remove(&mut self, requester: &Requester) {
        decrement(&mut self.by_connection, requester.connection);
        if let Some(address) = requester.address {
            decrement(&mut self.by_address, address);
        }
        match requester.account {
            Some(account) => decrement(&mut self.by_account, account),
            None => self.anonymous = self.anonymous.saturating_sub(1),
        }
    }
}

fn count<K: Eq + Hash>(counts: &HashMap<K, usize>, key: &K) -> usize {
    counts.get(key).copied().unwrap_or(0)
}

/// Decrements a count. An entry that reaches zero is removed, so that the maps do not grow with the clients.
fn decrement<K: Eq + Hash>(counts: &mut HashMap<K, usize>, key: K) {
    if let Entry::Occupied(mut entry) = counts.entry(key) {
        match entry.get() {
            0 | 1 => drop(entry.remove()),
            _ => *entry.get_mut() -= 1,
        }
    }
}
