//! Takes one `[backend.NAME]`, gives the servers behind and how they are spoken to.
//!
//! Never connects to one.

use super::address::{Scheme, ServerUrl, host_header, server_url};
use super::attempts::{self, ATTEMPTS, Attempts};
use super::identity_means::{IdentityMeans, means};
use super::issue::Issue;
use super::kerberos::Kerberos;
use super::keys::{Section, key};
use super::reader::{Fault, TableReader};
use super::secret_header::{SECRET, SecretHeader};
use super::shape::{choice, duration, file, integer, raw_text, text};
use super::span::{Span, Spanned};
use http::HeaderName;
use std::path::PathBuf;
use std::time::Duration;
use toml::de::DeValue;

/// A set of identity headers that is switched on by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderSet {
    /// `X-Remote-User` and its kin.
    Account,
    /// `Client-Cert` and `Client-Cert-Chain` (RFC 9440).
    Rfc9440,
    /// `X-Forwarded-Client-Cert`, as Envoy writes it.
    Xfcc,
    /// `X-ARR-ClientCert`, as IIS ARR writes it.
    Arr,
    /// `X-Portcullis-Assertion`.
    Assertion,
}

/// Names that replace those of the `account` set; `None` keeps the default's.
#[derive(Clone, Debug)]
pub struct HeaderNames {
    /// Instead of `X-Remote-User`.
    pub user: Option<Spanned<HeaderName>>,
    /// Instead of `X-Remote-Upn`.
    pub upn: Option<Spanned<HeaderName>>,
    /// Instead of `X-Remote-Sid`.
    pub sid: Option<Spanned<HeaderName>>,
    /// Instead of `X-Remote-Groups`.
    pub groups: Option<Spanned<HeaderName>>,
    /// Instead of `X-Remote-Mapping`.
    pub mapping: Option<Spanned<HeaderName>>,
    /// Instead of `X-Remote-Authentication`.
    pub authentication: Option<Spanned<HeaderName>>,
    /// Instead of `X-Remote-Certificate-Sha256`.
    pub certificate_sha256: Option<Spanned<HeaderName>>,
}

/// `headers = { … }`.
#[derive(Clone, Debug)]
pub struct Headers {
    /// The sets that are sent; none at all when empty.
    pub sets: Vec<Spanned<HeaderSet>>,
    /// Other names for their headers.
    pub names: HeaderNames,
    /// The groups that are sent when the account has them; none when not written.
    pub send_groups: Vec<Spanned<String>>,
    /// What the gate itself is known by to the servers.
    pub secret: Option<SecretHeader>,
}

/// One `[backend.NAME]`.
#[derive(Clone, Debug)]
pub struct Backend {
    /// Its header.
    pub span: Span,
    /// Its name.
    pub name: Spanned<String>,
    /// Its servers.
    pub servers: Vec<Spanned<ServerUrl>>,
    /// The `Host` that is sent; the site's name when not written.
    pub host: Option<Spanned<String>>,
    /// The file of the CA certificates that the servers' certificates must chain to.
    pub ca: Option<Spanned<PathBuf>>,
    /// The file of the gate's own certificate for the servers, with its chain.
    pub client_certificate: Option<Spanned<PathBuf>>,
    /// The file of its private key. There exactly when the certificate is, unless an error says otherwise.
    pub private_key: Option<Spanned<PathBuf>>,
    /// How the servers are told who the user is, beyond headers.
    pub identity: Spanned<IdentityMeans>,
    /// What Kerberos needs, where they are told by it.
    pub kerberos: Option<Kerberos>,
    /// The CA whose certificates tell it. There exactly where `identity` is by certificate, unless an error says otherwise.
    pub issue: Option<Issue>,
    /// What they are told in headers.
    pub headers: Headers,
    /// For a connection to be made, TLS included.
    pub connect_timeout: Spanned<Duration>,
    /// From the end of the request to the head of the answer.
    pub first_byte_timeout: Spanned<Duration>,
    /// For a kept connection without a request.
    pub idle_timeout: Spanned<Duration>,
    /// Between two pieces of a body, in either direction.
    pub body_idle_timeout: Spanned<Duration>,
    /// How many connections one worker holds.
    pub max_connections: Spanned<usize>,
    /// How many of them the requests from one client address use at the same time.
    pub max_connections_per_address: Option<Spanned<usize>>,
    /// How many of them the requests of one account use at the same time.
    pub max_connections_per_account: Option<Spanned<usize>>,
    /// How many of them all requests without an account use at the same time.
    pub max_anonymous_connections: Option<Spanned<usize>>,
    /// For a free connection, when all are in use.
    pub queue_timeout: Spanned<Duration>,
    /// How many requests of one worker wait for one.
    pub queue_length: Spanned<usize>,
    /// Connections for one client's log-in dialogue each, of the whole process.
    pub max_pinned_connections: Spanned<usize>,
    /// The same for one client's address.
    pub max_pinned_connections_per_address: Spanned<usize>,
    /// Failed log-ins in such dialogues.
    pub attempts: Attempts,
    /// The keys that were written and concern such dialogues alone.
    pub of_dialogues: Vec<(&'static str, Span)>,
}

pub(super) const BACKEND: Section = Section {
    path: "backend.NAME",
    keys: &[
        key("servers"),
        key("host"),
        key("ca"),
        key("client_certificate"),
        key("private_key"),
        key("identity"),
        key("headers"),
        key("connect_timeout"),
        key("first_byte_timeout"),
        key("idle_timeout"),
        key("body_idle_timeout"),
        key("max_connections"),
        key("max_connections_per_address"),
        key("max_connections_per_account"),
        key("max_anonymous_connections"),
        key("queue_timeout"),
        key("queue_length"),
        key("max_pinned_connections"),
        key("max_pinned_connections_per_address"),
        key("login_throttle"),
        key("spn"),
        key("keytab"),
        key("kerberos"),
        key("user_certificates"),
    ],
};
pub(super) const HEADERS: Section = Section {
    path: "backend.NAME.headers",
    keys: &[key("sets"), key("names"), key("send_groups"), key("secret")],
};
pub(super) const HEADER_NAMES: Section = Section {
    path: "backend.NAME.headers.names",
    keys: &[
        key("user"),
        key("upn"),
        key("sid"),
        key("groups"),
        key("mapping"),
        key("authentication"),
        key("certificate_sha256"),
    ],
};

const SETS: &[(&str, HeaderSet)] = &[
    ("account", HeaderSet::Account),
    ("rfc9440", HeaderSet::Rfc9440),
    ("xfcc", HeaderSet::Xfcc),
    ("arr", HeaderSet::Arr),
    ("assertion", HeaderSet::Assertion),
];

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

impl Backend {
    pub(super) fn read(name: Spanned<String>, reader: &mut TableReader<'_>) -> Self {
        reader.require("servers", "servers = [\"http://10.0.0.5\"]");
        reader.refuse_empty_list("servers");
        let identity = means(reader);
        let backend = Self {
            span: reader.span(),
            name,
            servers: reader.list("servers", server_url).unwrap_or_default(),
            host: reader.optional("host", host_header),
            ca: reader.optional("ca", file),
            client_certificate: reader.optional("client_certificate", file),
            private_key: reader.optional("private_key", file),
            identity,
            kerberos: Kerberos::read(identity.value, reader),
            issue: Issue::read(identity.value, reader),
            headers: reader.table("headers", &HEADERS, |reader| Headers::read(identity.value, reader)),
            connect_timeout: reader.with_default(
                "connect_timeout",
                5 * SECOND,
                duration(SECOND..=60 * SECOND),
            ),
            first_byte_timeout: reader.with_default(
                "first_byte_timeout",
                120 * SECOND,
                duration(SECOND..=HOUR),
            ),
            idle_timeout: reader.with_default("idle_timeout", 60 * SECOND, duration(SECOND..=HOUR)),
            body_idle_timeout: reader.with_default("body_idle_timeout", 60 * SECOND, duration(SECOND..=HOUR)),
            max_connections: reader.with_default("max_connections", 100, integer(1..=10_000)),
            max_connections_per_address: reader.optional("max_connections_per_address", integer(1..=10_000)),
            max_connections_per_account: reader.optional("max_connections_per_account", integer(1..=10_000)),
            max_anonymous_connections: reader.optional("max_anonymous_connections", integer(1..=10_000)),
            queue_timeout: reader.with_default("queue_timeout", 10 * SECOND, duration(SECOND..=120 * SECOND)),
            queue_length: reader.with_default("queue_length", 1000, integer(0..=100_000)),
            max_pinned_connections: reader.with_default("max_pinned_connections", 1000, integer(1..=100_000)),
            max_pinned_connections_per_address: reader.with_default(
                "max_pinned_connections_per_address",
                64,
                integer(1..=100_000),
            ),
            attempts: reader.table("login_throttle", &ATTEMPTS, Attempts::read),
            of_dialogues: attempts::keys_of_dialogues(reader),
        };
        backend.check_tls(reader);
        backend.check_issue(reader);
        backend.check_servers(reader);
        backend.check_identity_in_the_clear(reader);
        backend
    }

    fn check_identity_in_the_clear(&self, reader: &mut TableReader<'_>) {
        if !self.sends_identity() {
            return;
        }
        for (index, server) in self.servers.iter().enumerate() {
            if server.value.is_read_by_strangers() {
                let message = format!(
                    "who the user is goes in the clear to {}, which is not on a private network",
                    server.value.host
                );
                reader
                    .warning(server.span, &format!("servers[{index}]"), message)
                    .help("write https:// and `ca`, or reach the server over a network of your own");
            }
        }
    }

    /// Whether the servers are told anything that strangers must neither read nor write.
    fn sends_identity(&self) -> bool {
        let beyond_headers = self.identity.value != IdentityMeans::Headers;
        beyond_headers || !self.headers.sets.is_empty() || self.headers.secret.is_some()
    }

    fn check_tls(&self, reader: &mut TableReader<'_>) {
        let over_tls = self.servers.iter().find(|server| server.value.scheme == Scheme::Https);
        if let (Some(server), false) = (over_tls, reader.holds("ca")) {
            reader
                .error(
                    server.span,
                    "ca",
                    "nothing says which authority this server's certificate must come from",
                )
                .help("add `ca = \"pki/servers-root.pem\"`");
        }
        if over_tls.is_none() && !self.servers.is_empty() {
            for (name, file) in [("ca", &self.ca), ("client_certificate", &self.client_certificate)] {
                let Some(file) = file else { continue };
                reader
                    .error(file.span, name, format!("`{name}` does nothing: no server is https://"))
                    .help("write https:// in `servers`, or remove it");
            }
        }
        let pair = [("client_certificate", "private_key"), ("private_key", "client_certificate")];
        for (name, other) in pair {
            if reader.holds(name) && !reader.holds(other) {
                let span = reader.span();
                reader
                    .error(span, other, format!("`{name}` needs `{other}` beside it"))
                    .help(format!("add `{other}`"));
            }
        }
    }

    /// A certificate is shown in a TLS handshake or nowhere.
    fn check_issue(&self, reader: &mut TableReader<'_>) {
        if self.identity.value != IdentityMeans::Certificate {
            return;
        }
        for (index, server) in self.servers.iter().enumerate() {
            if server.value.scheme == Scheme::Http {
                let message = "users' certificates cannot be shown to this server: it does not speak TLS";
                reader
                    .error(server.span, &format!("servers[{index}]"), message)
                    .help("write https://, or another `identity`");
            }
        }
    }

    fn check_servers(&self, reader: &mut TableReader<'_>) {
        for (index, server) in self.servers.iter().enumerate() {
            let key = format!("servers[{index}]");
            let mut earlier = self.servers.iter().take(index);
            if let Some(first) = earlier.find(|other| other.value == server.value) {
                reader
                    .error(server.span, &key, "this server is named twice")
                    .label(first.span, "the first time");
            }
            if server.value.is_loopback() {
                let message =
                    "IIS takes every request from its own machine for a local one, and shows more of itself";
                reader
                    .warning(server.span, &key, message)
                    .help("run the gate on a machine of its own when the backend is IIS");
            }
        }
    }
}

impl Headers {
    /// A server that knows the user by other means gets no headers about her unless they are asked for.
    fn read(means: IdentityMeans, reader: &mut TableReader<'_>) -> Self {
        let default = match means {
            IdentityMeans::Headers => vec![Spanned::new(HeaderSet::Account, reader.span())],
            IdentityMeans::Kerberos | IdentityMeans::Certificate => Vec::new(),
        };
        let headers = Self {
            sets: reader.list("sets", choice(SETS)).unwrap_or(default),
            names: reader.table("names", &HEADER_NAMES, HeaderNames::read),
            send_groups: reader.list("send_groups", text).unwrap_or_default(),
            secret: reader.optional_table("secret", &SECRET, SecretHeader::read),
        };
        headers.check(reader);
        headers
    }

    /// Whether the set is sent.
    pub fn sends(&self, set: HeaderSet) -> bool {
        self.sets.iter().any(|sent| sent.value == set)
    }

    fn check(&self, reader: &mut TableReader<'_>) {
        let told = [
            ("names", &[HeaderSet::Account][..], "the set \"account\" is not sent"),
            (
                "send_groups",
                &[HeaderSet::Account, HeaderSet::Assertion],
                "neither the set \"account\" nor \"assertion\" is sent",
            ),
        ];
        for (name, sets, why) in told {
            let Some(span) = reader.written_at(name) else { continue };
            if reader.holds("sets") && !sets.iter().any(|set| self.sends(*set)) {
                reader
                    .error(span, name, format!("`{name}` does nothing: {why}"))
                    .help("add \"account\" to `sets`, or remove it");
            }
        }
    }
}

impl HeaderNames {
    fn read(reader: &mut TableReader<'_>) -> Self {
        let names = Self {
            user: reader.optional("user", header_name),
            upn: reader.optional("upn", header_name),
            sid: reader.optional("sid", header_name),
            groups: reader.optional("groups", header_name),
            mapping: reader.optional("mapping", header_name),
            authentication: reader.optional("authentication", header_name),
            certificate_sha256: reader.optional("certificate_sha256", header_name),
        };
        names.check(reader);
        names
    }

    /// Two facts under one name would let the backend take one for the other.
    fn check(&self, reader: &mut TableReader<'_>) {
        let names = [
            ("user", "x-remote-user", &self.user),
            ("upn", "x-remote-upn", &self.upn),
            ("sid", "x-remote-sid", &self.sid),
            ("groups", "x-remote-groups", &self.groups),
            ("mapping", "x-remote-mapping", &self.mapping),
            ("authentication", "x-remote-authentication", &self.authentication),
            ("certificate_sha256", "x-remote-certificate-sha256", &self.certificate_sha256),
        ];
        let name_of = |default, written: &Option<Spanned<HeaderName>>| {
            written.as_ref().map_or_else(|| HeaderName::from_static(default), |written| written.value.clone())
        };
        for (index, (key, _, written)) in names.iter().enumerate() {
            let Some(written) = written else { continue };
            let same = names.iter().enumerate().find(|(other, (_, default, name))| {
                *other != index
                    && name_of(default, name) == written.value
                    && (*other < index || name.is_none())
            });
            if let Some((_, (other, _, _))) = same {
                let message = format!("`{}` is already the header of `{other}`", written.value);
                reader.error(written.span, key, message).help("give each fact a header of its own");
            }
        }
    }
}

/// A name in the alphabet that every backend reads alike: CGI and ASP.NET show `_` and `-` as one letter.
pub(super) fn header_name(value: &DeValue<'_>) -> Result<HeaderName, Fault> {
    let text = raw_text(value)?;
    let well_written = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let name = HeaderName::from_bytes(text.as_bytes()).ok().filter(|_| well_written);
    name.ok_or_else(|| {
        Fault::new(format!("{text:?} is not a header name"))
            .help("letters, digits and hyphens, such as \"X-Remote-User\"")
    })
}
