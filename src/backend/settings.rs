//! What a backend is: its servers, and the limits of everything that waits for them. Plain data, shared by the
//! workers. Never reads a file and never resolves a name.

use std::fmt;
use std::time::Duration;

use crate::backend::body::transfer_rate::MinimumRate;
use crate::backend::pinned::limit::PinnedLimits;
use crate::backend::tls::BackendTls;

/// One backend: servers that answer alike, and the limits of talking to them.
///
/// No limit may be zero; the configuration sees to it. A zero limit refuses rather than waits for ever.
#[derive(Clone, Debug)]
pub struct BackendSettings {
    /// The backend's name in the configuration.
    pub name: String,
    /// The servers, tried in turn. A backend without any answers nothing.
    pub servers: Vec<ServerAddress>,
    /// Name look-up, TCP and TLS handshake of one new connection together.
    pub connect_timeout: Duration,
    /// From the last byte of the request to the first of the answer. ASP.NET itself gives up after 110 s
    /// (`httpRuntime executionTimeout`), so the default lets its own error through.
    pub first_byte_timeout: Duration,
    /// How long a connection is kept without a request. Shorter than the server's own limit (IIS: 120 s), lest a
    /// request be written to a connection that the server is closing.
    pub idle_timeout: Duration,
    /// The longest pause of a body, in either direction, whoever causes it: a client that stops reading may not hold
    /// a backend connection.
    pub body_idle_timeout: Duration,
    /// The most bytes of a request's body that are read before a connection is taken, and of a response's body before
    /// the client takes it.
    pub body_buffer: usize,
    /// The lowest average rate of a request's body.
    pub minimum_rate: MinimumRate,
    /// How long the body of a request with `Expect: 100-continue` is held back when the server says nothing
    /// (RFC 9110 10.1.1: a client must not wait for ever).
    pub continue_timeout: Duration,
    /// Connections to one server, of one worker, idle ones included.
    pub max_connections: usize,
    /// How many of them one client may use at the same time.
    pub shares: ConnectionShares,
    /// How long a request waits for one of them.
    pub queue_timeout: Duration,
    /// How many requests of one worker may wait.
    pub queue_length: usize,
    /// Connections that belong to one client's each; they are no part of the pool.
    pub pinned: PinnedLimits,
    /// Bytes of a response's head. A response with a larger one is refused.
    pub max_header_bytes: usize,
    /// Header fields of a response, and of its trailers. A response with more is refused.
    pub max_header_fields: usize,
}

impl BackendSettings {
    /// A backend of `servers` with the default limits.
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

/// How many of the connections to one server one client may use at the same time, so that no client takes them from
/// the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionShares {
    /// For the requests of one client connection.
    pub per_connection: usize,
    /// For one client address, or one IPv6 /64.
    pub per_address: usize,
    /// For one account.
    pub per_account: usize,
    /// For all requests without an account together. The rest is kept for those with one.
    pub anonymous: usize,
}

impl ConnectionShares {
    /// The default division of `connections`: a quarter for one client connection, half for one address or account,
    /// three quarters for all anonymous requests. At least one each.
    pub fn of(connections: usize) -> Self {
        Self {
            per_connection: connections.div_ceil(4),
            per_address: connections.div_ceil(2),
            per_account: connections.div_ceil(2),
            anonymous: (connections - connections / 4).max(1),
        }
    }

    /// The shares of `servers` servers together.
    pub(in crate::backend) fn times(self, servers: usize) -> Self {
        let times = |share: usize| share.saturating_mul(servers);
        Self {
            per_connection: times(self.per_connection),
            per_address: times(self.per_address),
            per_account: times(self.per_account),
            anonymous: times(self.anonymous),
        }
    }
}

/// One server of a backend. Displayed as it is written in the configuration, `https://rms1.corp.example:443`.
#[derive(Clone, Debug)]
pub struct ServerAddress {
    /// A host name, or an IP address (IPv6 without brackets).
    pub host: String,
    /// The TCP port.
    pub port: u16,
    /// With or without TLS.
    pub transport: ServerTransport,
}

/// How the bytes travel to a server.
#[derive(Clone, Debug)]
pub enum ServerTransport {
    /// `http://`
    Plain,
    /// `https://`
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
    fn an_ipv6_address_is_shown_in_brackets() {
        let server = ServerAddress { host: "fd00::5".into(), port: 80, transport: ServerTransport::Plain };
        assert_eq!(server.to_string(), "http://[fd00::5]:80");
    }
}
