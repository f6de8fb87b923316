//! The memory that the bodies of one worker may take while they wait: request bodies read before a backend connection
//! is taken, and responses read before the client takes them.
//!
//! One client connection gets an eighth of it and all anonymous requests together half, so that the bodies of one
//! client leave room for those of others. A body that gets no memory is not refused: it is streamed.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::rc::Rc;

use prometheus_client::metrics::gauge::Gauge;

use crate::backend::pool::load_balancer::Requester;

/// The memory for the bodies of one worker.
#[derive(Debug)]
pub struct BodyMemory {
    total: usize,
    used: Cell<usize>,
    anonymous: Cell<usize>,
    by_connection: RefCell<HashMap<u64, usize>>,
    gauge: Gauge,
}

/// A part of a [`BodyMemory`]. Dropped, it is free again.
#[derive(Debug)]
pub(in crate::backend) struct MemoryReservation {
    memory: Rc<BodyMemory>,
    requester: Requester,
    bytes: usize,
}

impl BodyMemory {
    /// Room for `total` bytes. `gauge` shows how many are in use, of all workers together.
    pub fn new(total: usize, gauge: Gauge) -> Rc<Self> {
        Rc::new(Self {
            total,
            used: Cell::new(0),
            anonymous: Cell::new(0),
            by_connection: RefCell::default(),
            gauge,
        })
    }

    /// The bytes in use.
    #[cfg(test)]
    pub(in crate::backend) fn used(&self) -> usize {
        self.used.get()
    }

    /// A reservation without memory yet.
    pub(in crate::backend) fn reservation(self: &Rc<Self>, requester: Requester) -> MemoryReservation {
        MemoryReservation { memory: Rc::clone(self), requester, bytes: 0 }
    }
}

impl MemoryReservation {
    /// Takes `bytes` more, if they are there for this client. Returns whether they were.
    pub(in crate::backend) fn grow(&mut self, bytes: usize) -> bool {
        let memory = &self.memory;
        let mut by_connection = memory.by_connection.borrow_mut();
        let of_connection = by_connection.get(&self.requester.connection).copied().unwrap_or(0);
        let anonymous = self.requester.account.is_none();
        let fits = |used: usize, limit: usize| used.saturating_add(bytes) <= limit;
        if !fits(memory.used.get(), memory.total)
            || !fits(of_connection, memory.total / 8)
            || (anonymous && !fits(memory.anonymous.get(), memory.total / 2))
        {
            return false;
        }
        memory.used.set(memory.used.get() + bytes);
        memory.gauge.inc_by(signed(bytes));
        if anonymous {
            memory.anonymous.set(memory.anonymous.get() + bytes);
        }
        by_connection.insert(self.requester.connection, of_connection + bytes);
        self.bytes += bytes;
        true
    }

    /// Gives all of it back.
    pub(in crate::backend) fn release(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        if bytes == 0 {
            return;
        }
        let memory = &self.memory;
        memory.used.set(memory.used.get().saturating_sub(bytes));
        memory.gauge.dec_by(signed(bytes));
        if self.requester.account.is_none() {
            memory.anonymous.set(memory.anonymous.get().saturating_sub(bytes));
        }
        if let Entry::Occupied(mut entry) = memory.by_connection.borrow_mut().entry(self.requester.connection)
        {
            let left = entry.get().saturating_sub(bytes);
            if left == 0 {
                entry.remove();
            } else {
                entry.insert(left);
            }
        }
    }
}

impl Drop for MemoryReservation {
    fn drop(&mut self) {
        self.release();
    }
}

fn signed(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{AccountKey, AccountRates};

    fn requester(connection: u64, account: Option<AccountKey>) -> Requester {
        Requester { address: None, connection, account }
    }

    /// How many reservations of one byte succeed on connections with these numbers.
    fn granted(
        memory: &Rc<BodyMemory>,
        connections: std::ops::Range<u64>,
        account: Option<AccountKey>,
    ) -> Vec<MemoryReservation> {
        let reserve = |connection| {
            let mut reservation = memory.reservation(requester(connection, account));
            while reservation.grow(1) {}
            reservation
        };
        connections.map(reserve).collect()
    }

    fn bytes(reservations: &[MemoryReservation]) -> usize {
        reservations.iter().map(|reservation| reservation.bytes).sum()
    }

    #[test]
    fn one_connection_gets_an_eighth_and_all_anonymous_ones_half() {
        let memory = BodyMemory::new(80, Gauge::default());
        let one = granted(&memory, 0..1, None);
        assert_eq!(bytes(&one), 10);
        let others = granted(&memory, 1..20, None);
        assert_eq!(bytes(&others), 30);
        let with_account = granted(&memory, 20..40, Some(AccountRates::default().key("alice")));
        assert_eq!(bytes(&with_account), 40);
        assert_eq!((memory.used(), memory.gauge.get()), (80, 80));
    }

    #[test]
    fn memory_that_is_released_or_dropped_is_free_again() {
        let memory = BodyMemory::new(80, Gauge::default());
        for _ in 0..3 {
            let mut first = granted(&memory, 0..4, None);
            assert_eq!(memory.used(), 40);
            first[0].release();
            assert_eq!(memory.used(), 30);
        }
        assert_eq!((memory.used(), memory.gauge.get()), (0, 0));
        assert!(memory.by_connection.borrow().is_empty());
        assert_eq!(memory.anonymous.get(), 0);
    }
}
