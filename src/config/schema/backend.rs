//! `[backend.NAME]`: the servers of a backend, and how they learn the user's identity.

use super::kerberos::{Kerberos, service};
use crate::config::parse::Spanned;
use crate::config::parse::addresses::{HOST_HEADER, SERVER_URL, Scheme, ServerUrl};
use crate::config::parse::fields::{ValueType as _, optional_table, table};
use crate::config::parse::reader::TableReader;
use crate::config::parse::section::section;
use crate::config::parse::value_error::ValueError;
use crate::config::parse::values::{BOOLEAN, FILE, Parsed, TEXT, choice, duration, integer, raw_text};
use http::HeaderName;
use std::path::PathBuf;
use std::time::Duration;
use toml::de::DeValue;

/// How a backend learns the user's identity, beyond headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum IdentityMode {
    /// By headers alone.
    Headers,
    /// By Kerberos tickets.
    Kerberos,
    /// By certificates that the gateway issues.
    Certificate,
}

/// A set of identity headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum HeaderSet {
    /// `X-Remote-User` and others like it.
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

const IDENTITY_MODES: &[(&str, IdentityMode)] = &[
    ("headers", IdentityMode::Headers),
    ("kerberos", IdentityMode::Kerberos),
    ("certificate", IdentityMode::Certificate),
];
const SETS: &[(&str, HeaderSet)] = &[
    ("account", HeaderSet::Account),
    ("rfc9440", HeaderSet::Rfc9440),
    ("xfcc", HeaderSet::Xfcc),
    ("arr", HeaderSet::Arr),
    ("assertion", HeaderSet::Assertion),
];
const SERVICE: Parsed<String> = Parsed::new("text", "texts", service);
const HEADER_NAME: Parsed<HeaderName> = Parsed::new("header name", "header names", header_name);
const CRL_URL: Parsed<String> = Parsed::new("http:// URL", "http:// URLs", crl_url);

/// The keys that concern pass-through authentication alone.
pub(super) const PASS_THROUGH_KEYS: [&str; 3] =
    ["max_pinned_connections", "max_pinned_connections_per_address", "login_throttle"];

section! {
    /// `[backend.NAME]`
    struct Backend with head checked by check {
        /// `"http://10.0.0.5"`, `"https://rms1.corp.example:8443"`: scheme, host and port, no path. IIS 6 and 7.0 support no
        /// secure TLS version, so they are reached by `http://` over a network of their own.
        servers: Vec<Spanned<ServerUrl>> = SERVER_URL.list().required("servers = [\"http://10.0.0.5\"]"),
        /// The `Host` that the servers get.
        host: Option<Spanned<String>> = HOST_HEADER.optional("the site's name"),
        /// Authorities that the servers' certificates must chain to. Needed with `https://`.
        ca: Option<Spanned<PathBuf>> = FILE.optional(""),
        /// The gateway's own client certificate for the servers, with its chain.
        client_certificate: Option<Spanned<PathBuf>> = FILE.optional("none"),
        /// Its key.
        private_key: Option<Spanned<PathBuf>> = FILE.optional("none"),
        /// How the servers learn the user's identity: by headers, by Kerberos tickets in the user's name
        /// ([requirements](backends.md#kerberos-constrained-delegation)), or by certificates in the user's name
        /// ([requirements](backends.md#certificates-issued-for-the-user)).
        identity: Spanned<IdentityMode> = choice(IDENTITY_MODES).or("headers"),
        /// The service that tickets are for: `"HTTP/rms.corp.example"`. Needed with `"kerberos"`.
        spn: Option<Spanned<String>> = SERVICE.optional(""),
        /// The gateway's own Kerberos key, an MIT keytab. Needed with `"kerberos"`.
        keytab: Option<Spanned<PathBuf>> = FILE.optional(""),
        /// How tickets are obtained.
        kerberos: Kerberos = table::<Kerberos>(),
        /// The CA for `"certificate"`.
        user_certificates: Option<UserCertificates> = optional_table::<UserCertificates>(""),
        /// The identity headers.
        headers: Headers = table::<Headers>(),
        /// The time to connect; then the next server is tried.
        connect_timeout: Spanned<Duration> = duration("1s", "1m").or("5s"),
        /// From the end of a request, including its body, to the head of its response; 504 after that. Also for a server that
        /// accepts nothing of the body, if it is shorter than `body_idle_timeout`.
        first_byte_timeout: Spanned<Duration> = duration("1s", "1h").or("120s"),
        /// For a kept connection without a request. Less than the server's own.
        idle_timeout: Spanned<Duration> = duration("1s", "1h").or("60s"),
        /// Between two parts of a body.
        body_idle_timeout: Spanned<Duration> = duration("1s", "1h").or("60s"),
        /// Connections of one worker.
        max_connections: Spanned<usize> = integer(1, 10_000).or(100),
        /// How many of them the requests from one client address use at the same time; an IPv6 /64 counts as one address. One
        /// client connection uses at most a quarter of `max_connections`.
        max_connections_per_address: Option<Spanned<usize>> =
            integer(1, 10_000).optional("half of `max_connections`"),
        /// How many of them the requests of one account use at the same time.
        max_connections_per_account: Option<Spanned<usize>> =
            integer(1, 10_000).optional("half of `max_connections`"),
        /// How many of them all requests without an account use at the same time. The others are kept for certificate
        /// holders.
        max_anonymous_connections: Option<Spanned<usize>> =
            integer(1, 10_000).optional("three quarters of `max_connections`"),
        /// The wait for a free connection when all are in use; 503 after that.
        queue_timeout: Spanned<Duration> = duration("1s", "2m").or("10s"),
        /// How many requests of one worker wait for one; 503 for the next.
        queue_length: Spanned<usize> = integer(0, 100_000).or(1000),
        /// Connections that are pinned to one client connection for pass-through authentication, of all workers; 503 for the
        /// next. Only with a path that has `password = "backend"`, as the two keys that follow.
        max_pinned_connections: Spanned<usize> = integer(1, 100_000).or(1000),
        /// The same for one client address; an IPv6 /64 counts as one.
        max_pinned_connections_per_address: Spanned<usize> = integer(1, 100_000).or(64),
        /// Failed log-ins in pass-through authentication.
        login_throttle: LoginThrottle = table::<LoginThrottle>(),
    }
}

section! {
    /// `[backend.NAME.login_throttle]`
    struct LoginThrottle {
        /// Failed log-ins of one account, whatever domain is named with it. Less than the domain's lock-out threshold.
        max_failures_per_account: Spanned<usize> = integer(1, 1000).or(4),
        /// Failed log-ins from one address; an IPv6 /64 counts as one.
        max_failures_per_address: Spanned<usize> = integer(1, 1_000_000).or(100),
        /// How long an account has to wait after its last failure, and an address after its first. Not less than the domain's
        /// observation window.
        window: Spanned<Duration> = duration("1s", "1day").or("15m"),
    }
}

section! {
    /// `[backend.NAME.user_certificates]`
    struct UserCertificates checked by check {
        /// The certificate of the gateway's CA, and those above it in order. Each is a CA's (`cA`, `keyCertSign`), permits
        /// clientAuth, and lasts longer than the certificates that it issues.
        certificate: Option<Spanned<PathBuf>> = FILE.required("certificate = \"pki/gate-ca.pem\""),
        /// Its key: RSA of 2048 bits or more, P-256, P-384 or P-521. Anyone who has it can impersonate any user at the backend.
        private_key: Option<Spanned<PathBuf>> = FILE.required("private_key = \"/run/secrets/gate-ca.key\""),
        /// How long a certificate is valid. It is used for new connections for two thirds of that.
        lifetime: Spanned<Duration> = duration("1m", "1h").or("5m"),
        /// How long before its issue its validity begins, for servers whose clock is late.
        backdate: Spanned<Duration> = duration("0s", "1h").or("1m"),
        /// The URL of the CA's CRL. Without it the certificates say that there is none (RFC 9608), which http.sys rejects unless
        /// its check is off.
        crl_distribution_point: Option<Spanned<String>> = CRL_URL.optional("none"),
        /// Whether certificates are issued for accounts in *Protected Users* or marked *sensitive and cannot be delegated*;
        /// 502 `delegation-failed` without it, as with Kerberos.
        unsafe_issue_for_protected_accounts: Spanned<bool> = BOOLEAN.or(false),
    }
}

section! {
    /// `[backend.NAME.headers]`
    struct Headers with head checked by check {
        /// The sets that are sent: `X-Remote-User` and others like it; `Client-Cert` (RFC 9440); `X-Forwarded-Client-Cert`
        /// (Envoy); `X-ARR-ClientCert` (IIS ARR); `X-Portcullis-Assertion`, [signed](backends.md#signed-assertions). `[]`: none.
        sets: Vec<Spanned<HeaderSet>> = choice(SETS)
            .list()
            .optional("`[\"account\"]`; with another `identity` than `\"headers\"` none"),
        /// Other names for the headers of the set `account`.
        names: HeaderNames = table::<HeaderNames>(),
        /// The groups that are sent if the account has them. A list that does not fit is a denial, never truncated.
        send_groups: Vec<Spanned<String>> = TEXT.list().optional("none"),
        /// A header by which the servers recognize the gateway.
        secret: Option<SecretHeader> = optional_table::<SecretHeader>("none"),
    }
}

section! {
    /// `[backend.NAME.headers.names]`
    struct HeaderNames checked by check {
        /// `DOMAIN\name`, otherwise the UPN.
        user: Option<Spanned<HeaderName>> = HEADER_NAME.optional("`X-Remote-User`"),
        /// The user principal name.
        upn: Option<Spanned<HeaderName>> = HEADER_NAME.optional("`X-Remote-Upn`"),
        /// The security identifier.
        sid: Option<Spanned<HeaderName>> = HEADER_NAME.optional("`X-Remote-Sid`"),
        /// The groups.
        groups: Option<Spanned<HeaderName>> = HEADER_NAME.optional("`X-Remote-Groups`"),
        /// How the account was found, and how strong the mapping is.
        mapping: Option<Spanned<HeaderName>> = HEADER_NAME.optional("`X-Remote-Mapping`"),
        /// `certificate` or `password`.
        authentication: Option<Spanned<HeaderName>> = HEADER_NAME.optional("`X-Remote-Authentication`"),
        /// The client certificate's SHA-256.
        certificate_sha256: Option<Spanned<HeaderName>> = HEADER_NAME.optional("`X-Remote-Certificate-Sha256`"),
    }
}

section! {
    /// `[backend.NAME.headers.secret]`
    struct SecretHeader {
        /// The header's name.
        name: Option<Spanned<HeaderName>> = HEADER_NAME.required("name = \"X-Gate-Secret\""),
        /// Its value: one line of at least 22 visible ASCII characters, such as the output of `openssl rand -base64 33`. Read
        /// again at a reload.
        file: Option<Spanned<PathBuf>> = FILE.required("file = \"/run/secrets/backend\""),
    }
}

impl Backend {
    fn check(&mut self, reader: &mut TableReader<'_>) {
        // A server that learns the identity by other means gets no headers about it unless they are configured.
        if self.identity.value == IdentityMode::Headers && !self.headers.head.has("sets") {
            self.headers.sets = vec![Spanned::new(HeaderSet::Account, self.headers.head.span)];
        }
        self.check_identity(reader);
        self.check_tls(reader);
        self.check_user_certificates(reader);
        self.check_servers(reader);
        self.check_identity_in_the_clear(reader);
    }

    /// Records the keys of other identity modes, and those of its own that are missing.
    fn check_identity(&self, reader: &mut TableReader<'_>) {
        let keys = [
            ("spn", IdentityMode::Kerberos, "spn = \"HTTP/rms.corp.example\""),
            ("keytab", IdentityMode::Kerberos, "keytab = \"/run/secrets/portcullis.keytab\""),
            ("kerberos", IdentityMode::Kerberos, ""),
            (
                "user_certificates",
                IdentityMode::Certificate,
                "user_certificates = { certificate = \"pki/gate-ca.pem\", private_key = \"/run/secrets/gate-ca.key\" }",
            ),
        ];
        for (key, mode, example) in keys {
            if self.identity.value == mode && !example.is_empty() {
                reader.require(key, example);
            }
            let Some(span) = self.head.written(key).filter(|_| self.identity.value != mode) else { continue };
            let (by, word) = match mode {
                IdentityMode::Kerberos => ("Kerberos", "kerberos"),
                IdentityMode::Certificate | IdentityMode::Headers => ("certificate", "certificate"),
            };
            reader
                .error(span, key, format!("`{key}` does nothing: the identity is not sent by {by}"))
                .help(format!("write identity = \"{word}\", or remove it"));
        }
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
        let beyond_headers = self.identity.value != IdentityMode::Headers;
        beyond_headers || !self.headers.sets.is_empty() || self.headers.secret.is_some()
    }

    fn check_tls(&self, reader: &mut TableReader<'_>) {
        let over_tls = self.servers.iter().find(|server| server.value.scheme == Scheme::Https);
        if let (Some(server), false) = (over_tls, self.head.has("ca")) {
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
            if self.head.has(name) && !self.head.has(other) {
                let span = self.head.span;
                reader
                    .error(span, other, format!("`{name}` needs `{other}` beside it"))
                    .help(format!("add `{other}`"));
            }
        }
    }

    /// A certificate is shown in a TLS handshake or nowhere.
    fn check_user_certificates(&self, reader: &mut TableReader<'_>) {
        if self.identity.value != IdentityMode::Certificate {
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

impl UserCertificates {
    fn check(&mut self, reader: &mut TableReader<'_>) {
        let Spanned { value: true, span } = self.unsafe_issue_for_protected_accounts else { return };
        let message = "certificates are issued also for Protected Users and accounts that are marked \
                       \"sensitive and cannot be delegated\"";
        reader.warning(span, "unsafe_issue_for_protected_accounts", message);
    }
}

impl Headers {
    /// Whether the set is sent.
    pub(in crate::config) fn sends(&self, set: HeaderSet) -> bool {
        self.sets.iter().any(|sent| sent.value == set)
    }

    fn check(&mut self, reader: &mut TableReader<'_>) {
        let told = [
            ("names", &[HeaderSet::Account][..], "the set \"account\" is not sent"),
            (
                "send_groups",
                &[HeaderSet::Account, HeaderSet::Assertion],
                "neither the set \"account\" nor \"assertion\" is sent",
            ),
        ];
        for (name, sets, why) in told {
            let Some(span) = self.head.written(name) else { continue };
            if self.head.has("sets") && !sets.iter().any(|set| self.sends(*set)) {
                reader
                    .error(span, name, format!("`{name}` does nothing: {why}"))
                    .help("add \"account\" to `sets`, or remove it");
            }
        }
    }
}

impl HeaderNames {
    /// Two facts under one name would let the backend take one for the other.
    fn check(&mut self, reader: &mut TableReader<'_>) {
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
fn header_name(value: &DeValue<'_>) -> Result<HeaderName, ValueError> {
    let text = raw_text(value)?;
    let well_written = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let name = HeaderName::from_bytes(text.as_bytes()).ok().filter(|_| well_written);
    name.ok_or_else(|| {
        ValueError::new(format!("{text:?} is not a header name"))
            .help("letters, digits and hyphens, such as \"X-Remote-User\"")
    })
}

/// Windows fetches CRLs for clients' certificates by http alone, unless it is told otherwise.
fn crl_url(value: &DeValue<'_>) -> Result<String, ValueError> {
    let text = raw_text(value)?;
    let is_url = text
        .strip_prefix("http://")
        .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_graphic()));
    if is_url {
        return Ok(text.to_owned());
    }
    Err(ValueError::new(format!("{text:?} is not the URL of a CRL"))
        .help("such as \"http://pki.corp.example/gate-ca.crl\""))
}
