//! The client that a request came from, as far as the backend's connections and memory are divided among clients.

use crate::limits::{AccountKey, AddressKey};

/// The client of a request, by everything that has a share of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Requester {
    /// The client's address as the limits count it. `None` for a trusted address, which stands for many clients and
    /// has no share.
    pub address: Option<AddressKey>,
    /// The number of the client connection, unique in this worker.
    pub connection: u64,
    /// The account, if the request has one.
    pub account: Option<AccountKey>,
}
