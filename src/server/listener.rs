//! Listening sockets: one for each worker on the same address, so that the kernel distributes connections and the
//! workers share nothing.

use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{SocketAddr, TcpListener};

/// Connections that wait to be accepted, for each worker.
const BACKLOG: i32 = 1_024;

/// A listening address with a socket for each worker.
#[derive(Debug)]
pub(super) struct BoundListener {
    address: SocketAddr,
    sockets: Vec<TcpListener>,
}

/// The gateway cannot listen on an address.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}")]
pub struct BindError {
    /// The configured address.
    pub address: SocketAddr,
    /// The system's error.
    #[source]
    pub source: io::Error,
}

impl BoundListener {
    /// Listens on `address` with `workers` sockets (`SO_REUSEPORT`). With port 0 the system assigns one port to all of
    /// them.
    ///
    /// An IPv6 address is bound for IPv6 only, so that `0.0.0.0:443` and `[::]:443` can both be bound.
    ///
    /// # Errors
    /// The address is in use, even by a process that shares its port, or is not an address of this host.
    pub(super) fn bind(address: SocketAddr, workers: usize) -> Result<Self, BindError> {
        let failed = |source| BindError { address, source };
        // With SO_REUSEPORT, a second gateway of the same user would silently share the port and take half of the connections.
        // A probe without it finds the port in use.
        drop(socket(address, PortSharing::Nothing).map_err(failed)?);
        let first = socket(address, PortSharing::Port).map_err(failed)?;
        let address = first.local_addr().map_err(failed)?;
        let mut sockets = vec![first];
        for _ in 1..workers {
            sockets.push(socket(address, PortSharing::Port).map_err(failed)?);
        }
        Ok(Self { address, sockets })
    }

    /// Returns the address in use, with the assigned port if port 0 was configured.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the sockets, one for each worker, non-blocking.
    pub(super) fn into_sockets(self) -> Vec<TcpListener> {
        self.sockets
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum PortSharing {
    Nothing,
    Port,
}

fn socket(address: SocketAddr, share: PortSharing) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // Without it, a restart would fail for a minute while old connections are in TIME_WAIT.
    socket.set_reuse_address(true)?;
    if share == PortSharing::Port {
        socket.set_reuse_port(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{IpAddr, Ipv4Addr};

    const ANY_PORT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

    #[test]
    fn every_worker_gets_a_socket_on_the_same_port() {
        let listener = BoundListener::bind(ANY_PORT, 3).unwrap();
        let address = listener.address();
        let sockets = listener.into_sockets();
        assert_eq!(sockets.len(), 3);
        assert!(sockets.iter().all(|socket| socket.local_addr().unwrap() == address));
    }

    #[test]
    fn binding_a_port_of_another_gateway_fails() {
        let first = BoundListener::bind(ANY_PORT, 2).unwrap();
        let error = BoundListener::bind(first.address(), 2).unwrap_err();
        assert_eq!(error.source.kind(), io::ErrorKind::AddrInUse);
    }
}
