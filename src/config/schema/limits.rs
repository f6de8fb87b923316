//! `[limits]`: durations and amounts for all sites.

use crate::backend::MinimumRate;
use crate::config::parse::{Spanned, TableReader, client_network, duration, integer, section, size};
use ipnet::IpNet;
use std::time::Duration;

section! {
    /// `[limits]`
    struct LimitsSection checked by check {
        /// The time for a TLS handshake on a site that requests no client certificate.
        handshake_timeout: Spanned<Duration> = duration("1s", "5m").or("10s"),
        /// The same on a site that requests one: the user looks for the card and types a PIN.
        card_handshake_timeout: Spanned<Duration> = duration("1s", "10m").or("120s"),
        /// TLS handshakes in progress, including those that wait for a PIN. Further connections are closed at once.
        max_handshakes: Spanned<usize> = integer(1, 1_000_000).or(10_000),
        /// The same for one client address (an IPv6 /64 network counts as one), except those in `trusted_networks`.
        max_handshakes_per_address: Spanned<usize> = integer(1, 1_000_000).or(256),
        /// TLS handshakes that one client address may begin per second; after a pause five times as many at once. Further
        /// connections are closed at once. Not for those in `trusted_networks`.
        handshakes_per_second_per_address: Spanned<u32> = integer(1, 1_000_000).or(1000),
        /// The time for a client to send the complete head of its next request, including the wait for it, and to accept
        /// the next part of a response. The connection is closed after that.
        client_idle_timeout: Spanned<Duration> = duration("1s", "1day").or("120s"),
        /// How long a client connection accepts requests; requests in progress then have as long again to end.
        connection_max_age: Spanned<Duration> = duration("1s", "1day").or("1h"),
        /// The time for requests in progress to end during a graceful shutdown.
        shutdown_timeout: Spanned<Duration> = duration("0s", "1h").or("30s"),
        /// After the last response of an HTTP/1.1 connection whose client is still sending its body: how long the rest is
        /// read and discarded, so that the client reads the response. 5 seconds of silence, and less than 4 KiB per second,
        /// end it sooner.
        linger_timeout: Spanned<Duration> = duration("0s", "5m").or("30s"),
        /// The amount that is read and discarded then.
        linger_max_bytes: Spanned<u64> = size("0B", "1TiB").or("64MiB"),
        /// The head of a request, over HTTP/1.1 and HTTP/2; 431 above it. The head of a backend's response too; 502 above it.
        max_header_bytes: Spanned<usize> = size("4KiB", "1MiB").or("64KiB"),
        /// Header fields in a request, over HTTP/1.1 and HTTP/2; 431 above it. In a backend's response too; 502 above it.
        /// Several lines of one name all count.
        max_header_fields: Spanned<usize> = integer(16, 4096).or(256),
        /// The time to authenticate one client certificate, including the wait for a free slot; 503 after that.
        validation_timeout: Spanned<Duration> = duration("1s", "2m").or("10s"),
        /// Client certificates that are validated at the same time, and as many passwords. Directory queries have the
        /// limit of their directory.
        validation_concurrency: Spanned<usize> = integer(1, 65_536).or(256),
        /// How much of a request's body is read before a backend connection is taken, and of a response's body before the
        /// client accepts it. A client that sends slowly holds no backend connection until it has sent more than that.
        body_buffer: Spanned<usize> = size("4KiB", "16MiB").or("128KiB"),
        /// All such buffers together. One client connection gets at most an eighth of it, all requests without an account
        /// at most half. A body that gets no buffer is streamed.
        body_memory: Spanned<usize> = size("1MiB", "64GiB").or("64MiB"),
        /// The lowest average rate, in bytes per second, of a body while the gateway waits for the client: 408 for a
        /// request's body, the end of the connection for a response's. Measured after 20 seconds of waiting. 0 sets no
        /// minimum.
        min_body_rate: Spanned<u64> = size("0B", "1GiB").or(500),
        /// Client connections in total. When all are in use, a new client replaces a connection of the address with most
        /// connections, never one of an authenticated client.
        max_connections: Spanned<usize> = integer(1, 1_000_000).or(10_000),
        /// The same from one address; further ones are closed before their handshake.
        max_connections_per_address: Option<Spanned<usize>> = integer(1, 1_000_000).optional("a twentieth of `max_connections`"),
        /// The same from one IPv4 /24 or IPv6 /48.
        max_connections_per_network: Option<Spanned<usize>> = integer(1, 1_000_000).optional("half of `max_connections`"),
        /// How many bits of an IPv6 address count as one address.
        ipv6_prefix: Spanned<u8> = integer(32, 128).or(64),
        /// Load balancers and translated networks: limits per address and per network do not apply to them.
        trusted_networks: Vec<Spanned<IpNet>> = client_network().list().optional("none"),
        /// Requests from one address; at once as many as in ten seconds. 429 above it. The default is what two cores can
        /// serve, so that an office behind one address never meets it; on an Internet-facing gateway, set it to a few times
        /// the peak of the largest office.
        requests_per_second_per_address: Spanned<u32> = integer(1, 1_000_000).or(20_000),
        /// The same for one account, on all its connections.
        requests_per_second_per_account: Spanned<u32> = integer(1, 1_000_000).or(20_000),
        /// Concurrent requests on one HTTP/2 connection.
        max_http2_streams: Spanned<u32> = integer(1, 10_000).or(100),
        /// HTTP/2 frames that serve no request and no response (PING, SETTINGS, PRIORITY, resets and others); at once as
        /// many as in 25 seconds. Above it the connection is closed.
        http2_control_frames_per_second: Spanned<u32> = integer(1, 100_000).or(20),
    }
}

impl LimitsSection {
    /// A share that is larger than the whole would limit nothing.
    fn check(&mut self, reader: &mut TableReader<'_>) {
        let all = self.max_connections.value;
        for (name, share) in [
            ("max_connections_per_address", self.max_connections_per_address),
            ("max_connections_per_network", self.max_connections_per_network),
        ] {
            if let Some(share) = share.filter(|share| share.value > all) {
                let message = format!("{} is more than `max_connections`, which is {all}", share.value);
                let help = "write a smaller number, or raise `max_connections`";
                reader.error(share.span, name, message).help(help);
            }
        }
    }

    /// Returns the lowest rate of request and response bodies, for clients and for the requests to every backend.
    pub(crate) fn minimum_rate(&self) -> MinimumRate {
        MinimumRate { bytes_per_second: self.min_body_rate.value, ..MinimumRate::default() }
    }

    /// Returns the limit of client connections from one address.
    pub(crate) fn connections_per_address(&self) -> usize {
        self.max_connections_per_address.map_or((self.max_connections.value / 20).max(1), |limit| limit.value)
    }

    /// Returns the limit of client connections from one network.
    pub(crate) fn connections_per_network(&self) -> usize {
        self.max_connections_per_network.map_or((self.max_connections.value / 2).max(1), |limit| limit.value)
    }
}
