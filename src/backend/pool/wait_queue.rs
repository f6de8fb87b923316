//! The requests that wait for a connection slot, in fair order: certificate holders and anonymous clients take turns;
//! among them accounts (or addresses) take turns, and among the requests of one of these, its client connections. So a
//! client with a thousand waiting requests delays the only request of another by one turn.

use std::collections::VecDeque;
use std::rc::Rc;

use tokio::sync::oneshot;

use super::server::ServerState;
use super::slot_usage::SlotUsage;
use crate::backend::requester::Requester;
use crate::backend::settings::ConnectionShares;
use crate::limits::{AccountKey, AddressKey};

/// A waiting request, which is granted a slot of type `S`.
pub(super) struct WaitingRequest<S> {
    pub(super) number: u64,
    pub(super) requester: Requester,
    pub(super) candidates: Vec<Rc<ServerState>>,
    pub(super) grant: oneshot::Sender<S>,
}

/// The waiting requests.
pub(super) struct WaitQueue<S> {
    with_account: PrincipalTurns<S>,
    anonymous: PrincipalTurns<S>,
    anonymous_first: bool,
    waiting: usize,
}

/// The account or address among which waiting requests take turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum QueuePrincipal {
    Account(AccountKey),
    Address(Option<AddressKey>),
}

impl QueuePrincipal {
    fn of(requester: &Requester) -> Self {
        match requester.account {
            Some(account) => Self::Account(account),
            None => Self::Address(requester.address),
        }
    }
}

/// Entries that are served in turn: an entry that was served moves to the end.
type Turns<K, V> = VecDeque<(K, V)>;

type ConnectionTurns<S> = Turns<u64, VecDeque<WaitingRequest<S>>>;

type PrincipalTurns<S> = Turns<QueuePrincipal, ConnectionTurns<S>>;

impl<S> Default for WaitQueue<S> {
    fn default() -> Self {
        Self { with_account: VecDeque::new(), anonymous: VecDeque::new(), anonymous_first: false, waiting: 0 }
    }
}

impl<S> WaitQueue<S> {
    /// How many requests wait.
    pub(super) fn len(&self) -> usize {
        self.waiting
    }

    fn turns_of(&mut self, requester: &Requester) -> &mut PrincipalTurns<S> {
        match requester.account {
            Some(_) => &mut self.with_account,
            None => &mut self.anonymous,
        }
    }

    /// Whether one more waiting request exceeds the client's share of a queue of `limit`: a quarter for one connection,
    /// half for one account or address, three quarters for all anonymous clients.
    pub(super) fn exceeds_share(&mut self, requester: &Requester, limit: usize) -> bool {
        let anonymous: usize = match requester.account {
            Some(_) => 0,
            None => self.anonymous.iter().map(|(_, connections)| waiting(connections)).sum(),
        };
        let principal = QueuePrincipal::of(requester);
        let entry = self.turns_of(requester).iter().find(|(key, _)| *key == principal);
        let (of_principal, of_connection) = entry.map_or((0, 0), |(_, connections)| {
            let own = connections.iter().find(|(key, _)| *key == requester.connection);
            (waiting(connections), own.map_or(0, |(_, requests)| requests.len()))
        });
        of_connection >= limit.div_ceil(4)
            || of_principal >= limit.div_ceil(2)
            || anonymous >= limit - limit / 4
    }

    pub(super) fn push(&mut self, request: WaitingRequest<S>) {
        self.waiting += 1;
        let requester = request.requester;
        let connections = entry(self.turns_of(&requester), QueuePrincipal::of(&requester));
        entry(connections, requester.connection).push_back(request);
    }

    /// Removes the next request for which both the client's shares and one of its servers have a free slot.
    pub(super) fn next(&mut self, usage: &SlotUsage, shares: &ConnectionShares) -> Option<WaitingRequest<S>> {
        let order = match (usage.admits_anonymous(shares), self.anonymous_first) {
            (false, _) => vec![&mut self.with_account],
            (true, true) => vec![&mut self.anonymous, &mut self.with_account],
            (true, false) => vec![&mut self.with_account, &mut self.anonymous],
        };
        let found = order.into_iter().find_map(|turns| next_of_principals(turns, usage, shares))?;
        self.anonymous_first = found.requester.account.is_some();
        self.waiting -= 1;
        Some(found)
    }

    /// Removes a request that no longer waits. Does nothing if it was already removed.
    pub(super) fn remove(&mut self, requester: &Requester, number: u64) {
        let turns = self.turns_of(requester);
        let principal = QueuePrincipal::of(requester);
        let Some(outer) = turns.iter().position(|(key, _)| *key == principal) else { return };
        let Some((_, connections)) = turns.get_mut(outer) else { return };
        let Some(inner) = connections.iter().position(|(key, _)| *key == requester.connection) else {
            return;
        };
        let Some((_, requests)) = connections.get_mut(inner) else { return };
        let Some(position) = requests.iter().position(|request| request.number == number) else { return };
        let removed = requests.remove(position);
        if requests.is_empty() {
            connections.remove(inner);
        }
        if connections.is_empty() {
            turns.remove(outer);
        }
        self.waiting -= 1;
        drop(removed);
    }
}

fn waiting<S>(connections: &ConnectionTurns<S>) -> usize {
    connections.iter().map(|(_, requests)| requests.len()).sum()
}

fn entry<K: PartialEq, V: Default>(turns: &mut Turns<K, V>, key: K) -> &mut V {
    let at = turns.iter().position(|(other, _)| *other == key).unwrap_or_else(|| {
        turns.push_back((key, V::default()));
        turns.len() - 1
    });
    &mut turns.get_mut(at).expect("the index was found or created in the line before").1
}

fn next_of_principals<S>(
    turns: &mut PrincipalTurns<S>,
    usage: &SlotUsage,
    shares: &ConnectionShares,
) -> Option<WaitingRequest<S>> {
    for at in 0..turns.len() {
        let (_, connections) = turns.get_mut(at)?;
        let Some(found) = next_of_connections(connections, usage, shares) else { continue };
        let (key, connections) = turns.remove(at)?;
        if !connections.is_empty() {
            turns.push_back((key, connections));
        }
        return Some(found);
    }
    None
}

fn next_of_connections<S>(
    connections: &mut ConnectionTurns<S>,
    usage: &SlotUsage,
    shares: &ConnectionShares,
) -> Option<WaitingRequest<S>> {
    for at in 0..connections.len() {
        let (_, requests) = connections.get_mut(at)?;
        if !requests.front().is_some_and(|first| usage.admits(&first.requester, shares)) {
            continue;
        }
        let usable = |request: &WaitingRequest<S>| {
            usage.admits(&request.requester, shares)
                && request.candidates.iter().any(|server| server.has_free_slot())
        };
        let Some(position) = requests.iter().position(usable) else { continue };
        let request = requests.remove(position)?;
        let (key, requests) = connections.remove(at)?;
        if !requests.is_empty() {
            connections.push_back((key, requests));
        }
        return Some(request);
    }
    None
}
