//! The client of a request, for the division of the backend's connections and memory among clients.

use crate::limits::{AccountKey, AddressKey};

/// The client of a request: its address, connection and account, each of which has a share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Requester {
    /// The client's address as the limits count it; `None` for a trusted address, which represents many clients and has
    /// no share.
    pub address: Option<AddressKey>,
    /// The number of the client connection, unique in this worker.
    pub connection: u64,
    /// The account, if the request has one.
    pub account: Option<AccountKey>,
}
