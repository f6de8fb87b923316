//! The two addresses of a client connection.

use std::net::SocketAddr;

/// Where a connection came in and from whom.
#[derive(Clone, Copy, Debug)]
pub struct Endpoints {
    /// The address of the listener, as configured.
    pub listener: SocketAddr,
    /// The client's address.
    pub peer: SocketAddr,
}
