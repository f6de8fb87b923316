//! The settings of a backend: its servers, and the limits of their connections. They are plain data that the workers
//! share: reading them involves no file and no name resolution.

use std::fmt;
use std::time::Duration;

use super::body::transfer_rate::MinimumRate;
use super::tls::BackendTls;

/// The settings of one backend: equivalent servers, and the limits of their connections.
///
/// The configuration accepts no limit of zero. With a limit of zero, requests are rejected instead of waiting forever.
#[derive(Clone, Debug)]
pub struct BackendSettings {
    /// The backend's name in the configuration.
    pub name: String,
    /// The servers, used in turn.
    pub servers: Vec<ServerAddress>,
    /// The time limit for name resolution, TCP and TLS handshake of one new connection together.
    pub connect_timeout: Duration,
    /// The time between the last byte of the request and the first byte of the response. ASP.NET aborts a request after
    /// 110 s (`httpRuntime executionTimeout`); the default is longer, so that the client receives its error.
    pub first_byte_timeout: Duration,
    /// How long a connection stays open without a request. Shorter than the server's own limit (IIS: 120 s), so that
    /// requests are rarely written to a connection that the server is closing.
    pub idle_timeout: Duration,
    /// The longest pause of a body in either direction, whether client or server causes it. A client that stops reading
    /// must not occupy a backend connection.
    pub body_idle_timeout: Duration,
    /// The largest part of a request body, in bytes, that is read before a connection is acquired, and of a response
    /// body that is read before the client receives it.
    pub body_buffer: usize,
    /// The lowest average rate of a request body.
    pub minimum_rate: MinimumRate,
    /// How long the body of a request with `Expect: 100-continue` is held back if the server does not respond
    /// (RFC 9110 10.1.1: a client must not wait indefinitely).
    pub continue_timeout: Duration,
    /// The limit of connections of one worker to one server, idle ones included.
    pub max_connections: usize,
    /// The shares of these connections that one client can use at the same time.
    pub shares: ConnectionShares,
    /// How long a request waits for a connection.
    pub queue_timeout: Duration,
    /// The number of requests of one worker that can wait for a connection.
    pub queue_length: usize,
    /// The limits of pinned connections.
    pub pinned: PinnedLimits,
    /// The limit of a response head in bytes. A larger head is an error.
    pub max_header_bytes: usize,
    /// The limit of header fields of a response, and of its trailers. A response with more is an error.
    pub max_header_fields: usize,
}

impl BackendSettings {
    /// Returns the settings of a backend of `servers` with the default limits.
    pub fn new(name: impl Into<String>, servers: Vec<ServerAddress>) -> Self {
        Self {
            name: name.into(),
            servers,
            connect_timeout: Duration::from_secs(10),
            first_byte_timeout: Duration::from_secs(120),
            idle_timeout: Duration::from_secs(55),
            body_idle_timeout: Duration::from_secs(60),
            body_buffer: 128 * 1024,
            minimum_rate: MinimumRate::default(),
            continue_timeout: Duration::from_secs(1),
            max_connections: 100,
            shares: ConnectionShares::of(100),
            queue_timeout: Duration::from_secs(5),
            queue_length: 1000,
            pinned: PinnedLimits { total: 1000, per_address: 64 },
            max_header_bytes: 64 << 10,
            max_header_fields: 256,
        }
    }
}

/// The shares of the connections to one server that one client can use at the same time, so that no client uses the
/// connections of all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionShares {
    /// The share of the requests of one client connection.
    pub per_connection: usize,
    /// The share of one client address, or one IPv6 /64.
    pub per_address: usize,
    /// The share of one account.
    pub per_account: usize,
    /// The share of all requests without an account together. The rest is reserved for requests with one.
    pub anonymous: usize,
}

impl ConnectionShares {
    /// Returns the default shares of `connections`: a quarter for one client connection, half for one address or
    /// account, three quarters for all anonymous requests. Each is at least one.
    pub fn of(connections: usize) -> Self {
        Self {
            per_connection: connections.div_ceil(4),
            per_address: connections.div_ceil(2),
            per_account: connections.div_ceil(2),
            anonymous: (connections - connections / 4).max(1),
        }
    }

    /// Returns the shares of the connections to `servers` servers together.
    pub(super) fn times(self, servers: usize) -> Self {
        let times = |share: usize| share.saturating_mul(servers);
        Self {
            per_connection: times(self.per_connection),
            per_address: times(self.per_address),
            per_account: times(self.per_account),
            anonymous: times(self.anonymous),
        }
    }
}

/// The limits of pinned connections to one backend. Zero allows none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PinnedLimits {
    /// The limit of the whole process.
    pub total: usize,
    /// The limit of one client: an IPv4 address, or an IPv6 /64, all addresses of which one client can use.
    pub per_address: usize,
}

/// One server of a backend. Displayed as it is written in the configuration, `https://rms1.corp.example:443`.
#[derive(Clone, Debug)]
pub struct ServerAddress {
    /// A host name, or an IP address (IPv6 without brackets).
    pub host: String,
    /// The TCP port.
    pub port: u16,
    /// The transport: TCP or TLS.
    pub transport: ServerTransport,
}

/// The transport of connections to a server.
#[derive(Clone, Debug)]
pub enum ServerTransport {
    /// TCP, for `http://`.
    Plain,
    /// TLS, for `https://`.
    Tls(BackendTls),
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.transport {
            ServerTransport::Plain => "http",
            ServerTransport::Tls(_) => "https",
        };
        if self.host.contains(':') {
            write!(f, "{scheme}://[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{scheme}://{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_address_is_displayed_in_brackets() {
        let server = ServerAddress { host: "fd00::5".into(), port: 80, transport: ServerTransport::Plain };
        assert_eq!(server.to_string(), "http://[fd00::5]:80");
    }
}
