//! Takes `[log]`, `[audit]`, `[admin]` and `[limits]`, gives what concerns the gate as a whole.
//!
//! Never opens a file or a socket.

use super::address::{client_network, socket_address};
use super::keys::{Section, key};
use super::reader::{Fault, TableReader};
use super::shape::{byte_size, choice, duration, file, integer, text};
use super::span::Spanned;
use ipnet::IpNet;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;
use toml::de::DeValue;
use tracing_subscriber::EnvFilter;

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Words for people.
    Human,
    /// One JSON object each.
    Json,
}

/// `[log]`.
#[derive(Clone, Debug)]
pub struct Log {
    /// How lines are written.
    pub format: Spanned<LogFormat>,
    /// Which events are written, in the syntax of `tracing-subscriber`: `info`, `warn,portcullis::proxy=debug`.
    pub filter: Spanned<String>,
}

/// Where audit records go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuditFile {
    /// The process's standard output.
    StandardOutput,
    /// Appended to this file.
    Path(PathBuf),
}

/// `[audit]`.
#[derive(Clone, Debug)]
pub struct Audit {
    /// Where records go.
    pub file: Spanned<AuditFile>,
    /// How many bytes of records may wait to be written.
    pub max_queue_bytes: Spanned<u64>,
}

/// `[admin]`.
#[derive(Clone, Debug)]
pub struct Admin {
    /// Where `/livez`, `/readyz` and `/metrics` are answered; nowhere when empty.
    pub listen: Vec<Spanned<SocketAddr>>,
}

/// `[limits]`: how long and how much, for all sites.
#[derive(Clone, Debug)]
pub struct Limits {
    /// For a TLS handshake on a site that asks for no card.
    pub handshake_timeout: Spanned<Duration>,
    /// For a TLS handshake on a site that asks for a card: a person types a PIN meanwhile.
    pub card_handshake_timeout: Spanned<Duration>,
    /// TLS handshakes in progress at once, of all clients.
    pub max_handshakes: Spanned<usize>,
    /// TLS handshakes in progress at once, of one client address.
    pub max_handshakes_per_address: Spanned<usize>,
    /// TLS handshakes that one client address may begin each second.
    pub handshakes_per_second_per_address: Spanned<usize>,
    /// For a client to send the next request's whole head, waiting included.
    pub client_idle_timeout: Spanned<Duration>,
    /// For the whole life of a client connection.
    pub connection_max_age: Spanned<Duration>,
    /// For running requests to end when the gate stops.
    pub shutdown_timeout: Spanned<Duration>,
    /// For reading on after the last response of a connection whose client is still sending.
    pub linger_timeout: Spanned<Duration>,
    /// For what is read then.
    pub linger_max_bytes: Spanned<u64>,
    /// For the head of a request or of a response, in bytes.
    pub max_header_bytes: Spanned<u64>,
    /// For the fields of one head or trailer section, of requests and of responses.
    pub max_header_fields: Spanned<usize>,
    /// For judging one certificate chain, waiting included.
    pub validation_timeout: Spanned<Duration>,
    /// How many chains are judged at once.
    pub validation_concurrency: Spanned<usize>,
    /// For the part of a body, in bytes, that is read before a backend connection is taken or before the client takes it.
    pub body_buffer: Spanned<u64>,
    /// For all such parts together, in bytes.
    pub body_memory: Spanned<u64>,
    /// For the average rate of a body that waits for the client, in bytes per second.
    pub min_body_rate: Spanned<u64>,
    /// Client connections in all.
    pub max_connections: Spanned<usize>,
    /// Client connections from one address; without it a twentieth of all.
    pub max_connections_per_address: Option<Spanned<usize>>,
    /// Client connections from one network; without it the half of all.
    pub max_connections_per_network: Option<Spanned<usize>>,
    /// How many bits of an IPv6 address count as one address.
    pub ipv6_prefix: Spanned<usize>,
    /// Networks to which the limits per address and per network do not apply.
    pub trusted_networks: Vec<Spanned<IpNet>>,
    /// Requests per second from one address.
    pub requests_per_second_per_address: Spanned<usize>,
    /// Requests per second of one account.
    pub requests_per_second_per_account: Spanned<usize>,
    /// Streams that one HTTP/2 connection may have open.
    pub max_http2_streams: Spanned<usize>,
    /// HTTP/2 frames without use that one connection may send per second.
    pub http2_control_frames_per_second: Spanned<usize>,
}

pub(super) const LOG: Section = Section { path: "log", keys: &[key("format"), key("filter")] };
pub(super) const AUDIT: Section = Section { path: "audit", keys: &[key("file"), key("max_queue_bytes")] };
pub(super) const ADMIN: Section = Section { path: "admin", keys: &[key("listen")] };
pub(super) const LIMITS: Section = Section {
    path: "limits",
    keys: &[
        key("handshake_timeout"),
        key("card_handshake_timeout"),
        key("max_handshakes"),
        key("max_handshakes_per_address"),
        key("handshakes_per_second_per_address"),
        key("client_idle_timeout"),
        key("connection_max_age"),
        key("shutdown_timeout"),
        key("linger_timeout"),
        key("linger_max_bytes"),
        key("max_header_bytes"),
        key("max_header_fields"),
        key("validation_timeout"),
        key("validation_concurrency"),
        key("body_buffer"),
        key("body_memory"),
        key("min_body_rate"),
        key("max_connections"),
        key("max_connections_per_address"),
        key("max_connections_per_network"),
        key("ipv6_prefix"),
        key("trusted_networks"),
        key("requests_per_second_per_address"),
        key("requests_per_second_per_account"),
        key("max_http2_streams"),
        key("http2_control_frames_per_second"),
    ],
};

const FORMATS: &[(&str, LogFormat)] = &[("human", LogFormat::Human), ("json", LogFormat::Json)];

impl Log {
    pub(super) fn read(reader: &mut TableReader<'_>) -> Self {
        Self {
            format: reader.with_default("format", LogFormat::Human, choice(FORMATS)),
            filter: reader.with_default("filter", "info".to_owned(), log_filter),
        }
    }
}

fn log_filter(value: &DeValue<'_>) -> Result<String, Fault> {
    let directives = text(value)?;
    match EnvFilter::try_new(&directives) {
        Ok(_) => Ok(directives),
        Err(error) => Err(Fault::new(format!("{directives:?} is not a log filter: {error}"))
            .help("such as \"info\" or \"warn,portcullis::proxy=debug\"")),
    }
}

impl Audit {
    pub(super) fn read(reader: &mut TableReader<'_>) -> Self {
        Self {
            file: reader.with_default("file", AuditFile::StandardOutput, audit_file),
            max_queue_bytes: reader.with_default("max_queue_bytes", 32 << 20, byte_size(1 << 20..=1 << 30)),
        }
    }
}

fn audit_file(value: &DeValue<'_>) -> Result<AuditFile, Fault> {
    match value.as_str() {
        Some("stdout") => Ok(AuditFile::StandardOutput),
        Some("stderr") => {
            Err(Fault::new("audit records go to a file or to \"stdout\"; \"stderr\" is the log's"))
        }
        Some(_) | None => file(value).map(AuditFile::Path),
    }
}

impl Admin {
    pub(super) fn read(reader: &mut TableReader<'_>) -> Self {
        let default = || vec![Spanned::new(SocketAddr::from((Ipv4Addr::LOCALHOST, 9090)), reader.span())];
        let default = default();
        let listen = reader.list("listen", socket_address).unwrap_or(default);
        for address in listen.iter().filter(|address| !address.value.ip().is_loopback()) {
            let message =
                "everybody who reaches this address can read the metrics: nobody is asked who they are";
            reader
                .warning(address.span, "listen", message)
                .help("listen on 127.0.0.1, or see that a firewall is in front");
        }
        Self { listen }
    }
}

const fn seconds(range: RangeInclusive<u64>) -> RangeInclusive<Duration> {
    Duration::from_secs(*range.start())..=Duration::from_secs(*range.end())
}

impl Limits {
    pub(super) fn read(reader: &mut TableReader<'_>) -> Self {
        let mut time = |name, default, range| {
            reader.with_default(name, Duration::from_secs(default), duration(seconds(range)))
        };
        let limits = Self {
            handshake_timeout: time("handshake_timeout", 10, 1..=300),
            card_handshake_timeout: time("card_handshake_timeout", 120, 1..=600),
            client_idle_timeout: time("client_idle_timeout", 120, 1..=86_400),
            connection_max_age: time("connection_max_age", 3600, 1..=86_400),
            shutdown_timeout: time("shutdown_timeout", 30, 0..=3600),
            validation_timeout: time("validation_timeout", 10, 1..=120),
            linger_timeout: time("linger_timeout", 30, 0..=300),
            linger_max_bytes: reader.with_default("linger_max_bytes", 64 << 20, byte_size(0..=1 << 40)),
            max_header_bytes: reader.with_default("max_header_bytes", 64 << 10, byte_size(4 << 10..=1 << 20)),
            max_header_fields: reader.with_default("max_header_fields", 256, integer(16..=4096)),
            max_handshakes: reader.with_default("max_handshakes", 10_000, integer(1..=1_000_000)),
            max_handshakes_per_address: reader.with_default(
                "max_handshakes_per_address",
                256,
                integer(1..=1_000_000),
            ),
            handshakes_per_second_per_address: reader.with_default(
                "handshakes_per_second_per_address",
                1_000,
                integer(1..=1_000_000),
            ),
            validation_concurrency: reader.with_default("validation_concurrency", 256, integer(1..=65_536)),
            body_buffer: reader.with_default("body_buffer", 128 << 10, byte_size(4 << 10..=16 << 20)),
            body_memory: reader.with_default("body_memory", 64 << 20, byte_size(1 << 20..=64 << 30)),
            min_body_rate: reader.with_default("min_body_rate", 500, byte_size(0..=1 << 30)),
            max_connections: reader.with_default("max_connections", 10_000, integer(1..=1_000_000)),
            max_connections_per_address: reader
                .optional("max_connections_per_address", integer(1..=1_000_000)),
            max_connections_per_network: reader
                .optional("max_connections_per_network", integer(1..=1_000_000)),
            ipv6_prefix: reader.with_default("ipv6_prefix", 64, integer(32..=128)),
            trusted_networks: reader.list("trusted_networks", client_network).unwrap_or_default(),
            requests_per_second_per_address: reader.with_default(
                "requests_per_second_per_address",
                20_000,
                integer(1..=1_000_000),
            ),
            requests_per_second_per_account: reader.with_default(
                "requests_per_second_per_account",
                20_000,
                integer(1..=1_000_000),
            ),
            max_http2_streams: reader.with_default("max_http2_streams", 100, integer(1..=10_000)),
            http2_control_frames_per_second: reader.with_default(
                "http2_control_frames_per_second",
                20,
                integer(1..=100_000),
            ),
        };
        limits.check_shares(reader);
        limits
    }

    /// A share that is larger than the whole limits nothing.
    fn check_shares(&self, reader: &mut TableReader<'_>) {
        let all = self.max_connections.value;
        for (name, share) in [
            ("max_connections_per_address", &self.max_connections_per_address),
            ("max_connections_per_network", &self.max_connections_per_network),
        ] {
            if let Some(share) = share.as_ref().filter(|share| share.value > all) {
                let message = format!("{} is more than `max_connections`, which is {all}", share.value);
                reader
                    .error(share.span, name, message)
                    .help("write a smaller number, or raise `max_connections`");
            }
        }
    }

    /// Client connections from one address.
    pub fn connections_per_address(&self) -> usize {
        let share = || (self.max_connections.value / 20).max(1);
        self.max_connections_per_address.as_ref().map_or_else(share, |limit| limit.value)
    }

    /// Client connections from one network.
    pub fn connections_per_network(&self) -> usize {
        let share = || (self.max_connections.value / 2).max(1);
        self.max_connections_per_network.as_ref().map_or_else(share, |limit| limit.value)
    }
}
