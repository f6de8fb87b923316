//! The memory that the bodies of one worker may use while they wait: request bodies that were read before a backend
//! connection was acquired, and responses that were read before the client receives them.
//!
//! One client connection gets at most an eighth of it and all anonymous requests together at most half, so that one
//! client cannot use the memory of the others. A body without memory is streamed instead of rejected.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::rc::Rc;

use prometheus_client::metrics::gauge::Gauge;

use crate::backend::requester::Requester;

/// The memory for the bodies of one worker.
#[derive(Debug)]
pub(crate) struct BodyMemory {
    total: usize,
    used: Cell<usize>,
    anonymous: Cell<usize>,
    by_connection: RefCell<HashMap<u64, usize>>,
    gauge: Gauge,
}

/// A part of a [`BodyMemory`], which is released on drop.
#[derive(Debug)]
pub(in crate::backend) struct MemoryReservation {
    memory: Rc<BodyMemory>,
    requester: Requester,
    bytes: usize,
}

impl BodyMemory {
    /// Creates a budget of `total` bytes. `gauge` counts the bytes in use by all workers together.
    pub(crate) fn new(total: usize, gauge: Gauge) -> Rc<Self> {
        Rc::new(Self {
            total,
            used: Cell::new(0),
            anonymous: Cell::new(0),
            by_connection: RefCell::default(),
            gauge,
        })
    }

    #[cfg(test)]
    pub(in crate::backend) fn used(&self) -> usize {
        self.used.get()
    }

    /// Returns an empty reservation for the client of one request.
    pub(in crate::backend) fn reservation(self: &Rc<Self>, requester: Requester) -> MemoryReservation {
        MemoryReservation { memory: Rc::clone(self), requester, bytes: 0 }
    }
}

impl MemoryReservation {
    /// Reserves `bytes` more. Returns false and reserves nothing if that exceeds the budget or a share of it.
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

    /// Releases all reserved bytes.
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

    /// Returns a reservation for each of `connections`, grown to its limit.
    fn exhaust(
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
    fn one_connection_gets_an_eighth_and_all_anonymous_requests_half() {
        let memory = BodyMemory::new(80, Gauge::default());
        let one = exhaust(&memory, 0..1, None);
        assert_eq!(bytes(&one), 10);
        let others = exhaust(&memory, 1..20, None);
        assert_eq!(bytes(&others), 30);
        let with_account = exhaust(&memory, 20..40, Some(AccountRates::default().key("alice")));
        assert_eq!(bytes(&with_account), 40);
        assert_eq!((memory.used(), memory.gauge.get()), (80, 80));
    }

    #[test]
    fn released_and_dropped_reservations_can_be_reserved_again() {
        let memory = BodyMemory::new(80, Gauge::default());
        for _ in 0..3 {
            let mut first = exhaust(&memory, 0..4, None);
            assert_eq!(memory.used(), 40);
            first[0].release();
            assert_eq!(memory.used(), 30);
        }
        assert_eq!((memory.used(), memory.gauge.get()), (0, 0));
        assert!(memory.by_connection.borrow().is_empty());
        assert_eq!(memory.anonymous.get(), 0);
    }
}
