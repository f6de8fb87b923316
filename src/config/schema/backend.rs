//! `[backend.NAME]`: the servers of a backend, and how they learn the user's identity.

use super::kerberos::{KerberosSection, service};
use crate::config::parse::{
    ServerScheme, ServerUrl, Spanned, TableReader, TableSchema as _, ValueError, ValueType, boolean, choice,
    duration, file, host_header, integer, optional_table, repeated, section, server_url, string, table, text,
};
use crate::request::Authority;
use http::HeaderName;
use std::path::PathBuf;
use std::time::Duration;

/// How a backend learns the user's identity, beyond headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IdentityMode {
    /// By headers alone.
    Headers,
    /// By Kerberos tickets.
    Kerberos,
    /// By certificates that the gateway issues.
    Certificate,
}

/// A set of identity headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeaderSet {
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

/// The keys that concern pass-through authentication alone.
pub(super) const PASS_THROUGH_KEYS: [&str; 3] =
    ["max_pinned_connections", "max_pinned_connections_per_address", "login_throttle"];

section! {
    /// `[backend.NAME]`
    struct BackendSection with head checked by check {
        /// `"http://10.0.0.5"`, `"https://rms1.corp.example:8443"`: scheme, host and port, no path. IIS 6 and 7.0 support no
        /// secure TLS version, so they are reached by `http://` over a network of their own.
        servers: Vec<Spanned<ServerUrl>> = server_url().list().required("servers = [\"http://10.0.0.5\"]").distinct("server"),
        /// The `Host` that the servers get. Without it they get the requested one, with a port only if it is the listener's.
        host: Option<Spanned<Authority>> = host_header().optional("the requested host"),
        /// Authorities that the servers' certificates must chain to. Needed with `https://`.
        ca: Option<Spanned<PathBuf>> = file().optional(""),
        /// The gateway's own client certificate for the servers, with its chain.
        client_certificate: Option<Spanned<PathBuf>> = file().optional("none"),
        /// Its key.
        private_key: Option<Spanned<PathBuf>> = file().optional("none"),
        /// How the servers learn the user's identity: by headers, by Kerberos tickets in the user's name
        /// ([requirements](backends.md#kerberos-constrained-delegation)), or by certificates in the user's name
        /// ([requirements](backends.md#certificates-issued-for-the-user)).
        identity: Spanned<IdentityMode> = choice([
            ("headers", IdentityMode::Headers), ("kerberos", IdentityMode::Kerberos), ("certificate", IdentityMode::Certificate),
        ]).or("headers"),
        /// The service that tickets are for: `"HTTP/rms.corp.example"`. Needed with `"kerberos"`.
        spn: Option<Spanned<String>> = service().optional(""),
        /// The gateway's own Kerberos key, an MIT keytab. Needed with `"kerberos"`.
        keytab: Option<Spanned<PathBuf>> = file().optional(""),
        /// How tickets are obtained.
        kerberos: KerberosSection = table(),
        /// The CA for `"certificate"`.
        user_certificates: Option<UserCertificatesSection> = optional_table(""),
        /// The identity headers.
        headers: HeadersSection = table(),
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
        max_connections_per_address: Option<Spanned<usize>> = integer(1, 10_000).optional("half of `max_connections`"),
        /// How many of them the requests of one account use at the same time.
        max_connections_per_account: Option<Spanned<usize>> = integer(1, 10_000).optional("half of `max_connections`"),
        /// How many of them all requests without an account use at the same time. The others are kept for certificate
        /// holders.
        max_anonymous_connections: Option<Spanned<usize>> = integer(1, 10_000).optional("three quarters of `max_connections`"),
        /// The wait for a free connection when all are in use; 503 after that.
        queue_timeout: Spanned<Duration> = duration("1s", "2m").or("10s"),
        /// How many requests of one worker wait for one; 503 for the next.
        queue_length: Spanned<usize> = integer(0, 100_000).or(1000),
        /// Connections that are pinned to one client connection for pass-through authentication, of all workers; 503 for the
        /// next. Only with a path that has `password = "backend"`, as the two keys that follow.
        max_pinned_connections: Spanned<usize> = integer(1, 100_000).or(1000),
        /// The same for one client address; an IPv6 /64 counts as one.
        max_pinned_connections_per_address: Spanned<usize> = integer(1, 100_000).or(64),
        /// Failed logins in pass-through authentication.
        login_throttle: LoginThrottleSection = table(),
    }
}

section! {
    /// `[backend.NAME.login_throttle]`
    struct LoginThrottleSection {
        /// Failed logins of one account, whatever domain is named with it. Less than the domain's lock-out threshold.
        max_failures_per_account: Spanned<u32> = integer(1, 1000).or(4),
        /// Failed logins from one address; an IPv6 /64 counts as one.
        max_failures_per_address: Spanned<u32> = integer(1, 1_000_000).or(100),
        /// How long an account has to wait after its last failure, and an address after its first. Not less than the domain's
        /// observation window.
        window: Spanned<Duration> = duration("1s", "1day").or("15m"),
    }
}

section! {
    /// `[backend.NAME.user_certificates]`
    struct UserCertificatesSection {
        /// The certificate of the gateway's CA, and those above it in order. Each is a CA's (`cA`, `keyCertSign`), permits
        /// clientAuth, and lasts longer than the certificates that it issues.
        certificate: Option<Spanned<PathBuf>> = file().required("certificate = \"pki/gateway-ca.pem\""),
        /// Its key: RSA of 2048 bits or more, P-256, P-384 or P-521. Anyone who has it can impersonate any user at the backend.
        private_key: Option<Spanned<PathBuf>> = file().required("private_key = \"/run/secrets/gateway-ca.key\""),
        /// How long a certificate is valid. It is used for new connections for two thirds of that.
        lifetime: Spanned<Duration> = duration("1m", "1h").or("5m"),
        /// How long before its issue its validity begins, for servers whose clock is late.
        backdate: Spanned<Duration> = duration("0s", "1h").or("1m"),
        /// The URL of the CA's CRL. Without it the certificates say that there is none (RFC 9608), which http.sys rejects unless
        /// its check is off.
        crl_distribution_point: Option<Spanned<String>> = crl_url().optional("none"),
        /// Whether certificates are issued for accounts in *Protected Users* or marked *sensitive and cannot be delegated*;
        /// 502 `delegation-failed` without it, as with Kerberos.
        unsafe_issue_for_protected_accounts: Spanned<bool> = boolean().or(false).warn_if_true(
            "certificates are issued also for Protected Users and accounts that are marked \"sensitive and cannot be delegated\"",
        ),
    }
}

section! {
    /// `[backend.NAME.headers]`
    struct HeadersSection with head checked by check {
        /// The sets that are sent: `X-Remote-User` and others like it; `Client-Cert` (RFC 9440); `X-Forwarded-Client-Cert`
        /// (Envoy); `X-ARR-ClientCert` (IIS ARR); `X-Portcullis-Assertion`, [signed](backends.md#signed-assertions). `[]`: none.
        sets: Vec<Spanned<HeaderSet>> = choice([
            ("account", HeaderSet::Account), ("rfc9440", HeaderSet::Rfc9440), ("xfcc", HeaderSet::Xfcc),
            ("arr", HeaderSet::Arr), ("assertion", HeaderSet::Assertion),
        ]).list().optional("`[\"account\"]`; with another `identity` than `\"headers\"` none"),
        /// Other names for the headers of the set `account`.
        names: HeaderNamesSection = table(),
        /// The groups that are sent if the account has them. A list that does not fit is a denial, never truncated.
        send_groups: Vec<Spanned<String>> = text().list().optional("none"),
        /// A header by which the servers recognize the gateway.
        secret: Option<SecretHeaderSection> = optional_table("none"),
    }
}

section! {
    /// `[backend.NAME.headers.names]`
    struct HeaderNamesSection with head checked by check {
        /// `DOMAIN\name`, otherwise the UPN.
        user: Spanned<HeaderName> = header_name().or("X-Remote-User"),
        /// The user principal name.
        upn: Spanned<HeaderName> = header_name().or("X-Remote-Upn"),
        /// The security identifier.
        sid: Spanned<HeaderName> = header_name().or("X-Remote-Sid"),
        /// The groups.
        groups: Spanned<HeaderName> = header_name().or("X-Remote-Groups"),
        /// How the account was found, and how strong the mapping is.
        mapping: Spanned<HeaderName> = header_name().or("X-Remote-Mapping"),
        /// `certificate` or `password`.
        authentication: Spanned<HeaderName> = header_name().or("X-Remote-Authentication"),
        /// The client certificate's SHA-256.
        certificate_sha256: Spanned<HeaderName> = header_name().or("X-Remote-Certificate-Sha256"),
    }
}

section! {
    /// `[backend.NAME.headers.secret]`
    struct SecretHeaderSection {
        /// The header's name.
        name: Option<Spanned<HeaderName>> = header_name().required("name = \"X-Gateway-Secret\""),
        /// Its value: one line of at least 22 visible ASCII characters, such as the output of `openssl rand -base64 33`. Read
        /// again at a reload.
        file: Option<Spanned<PathBuf>> = file().required("file = \"/run/secrets/backend\""),
    }
}

impl BackendSection {
    fn check(&mut self, reader: &mut TableReader<'_>) {
        // A server that learns the identity by other means gets no headers about it unless they are configured.
        if self.identity.value == IdentityMode::Headers && !self.headers.head.has("sets") {
            self.headers.sets = vec![Spanned::new(HeaderSet::Account, self.headers.head.span)];
        }
        self.check_identity(reader);
        self.check_tls(reader);
        self.check_servers(reader);
    }

    /// Records the keys of other identity modes, and those of its own that are missing.
    fn check_identity(&self, reader: &mut TableReader<'_>) {
        match self.identity.value {
            IdentityMode::Headers => {}
            IdentityMode::Kerberos => {
                reader.require("spn", "spn = \"HTTP/rms.corp.example\"");
                reader.require("keytab", "keytab = \"/run/secrets/portcullis.keytab\"");
            }
            IdentityMode::Certificate => reader.require(
                "user_certificates",
                "user_certificates = { certificate = \"pki/gateway-ca.pem\", private_key = \"/run/secrets/gateway-ca.key\" }",
            ),
        }
        if self.identity.value != IdentityMode::Kerberos {
            let because = "the identity is not sent by Kerberos";
            reader.without_effect(&["spn", "keytab", "kerberos"], because, "write identity = \"kerberos\"");
        }
        if self.identity.value != IdentityMode::Certificate {
            let because = "the identity is not sent by certificate";
            reader.without_effect(&["user_certificates"], because, "write identity = \"certificate\"");
        }
    }

    fn check_tls(&self, reader: &mut TableReader<'_>) {
        let over_tls = self.servers.iter().find(|server| server.value.scheme == ServerScheme::Https);
        if let (Some(server), false) = (over_tls, self.head.has("ca")) {
            let message = "an https:// server needs `ca`, the authority of its certificate";
            reader.error(server.span, "ca", message).help("add `ca = \"pki/servers-root.pem\"`");
        }
        if over_tls.is_none() && !self.servers.is_empty() {
            let keys = ["ca", "client_certificate"];
            reader.without_effect(&keys, "no server is https://", "write https:// in `servers`");
        }
        let pair = [("client_certificate", "private_key"), ("private_key", "client_certificate")];
        for (name, other) in pair {
            if self.head.has(name) && !self.head.has(other) {
                let message = format!("`{name}` needs `{other}` beside it");
                reader.error(self.head.span, other, message).help(format!("add `{other}`"));
            }
        }
    }

    fn check_servers(&self, reader: &mut TableReader<'_>) {
        for (index, server) in self.servers.iter().enumerate() {
            let (key, span, url) = (format!("servers[{index}]"), server.span, &server.value);
            if self.identity.value == IdentityMode::Certificate && url.scheme == ServerScheme::Http {
                let message = "users' certificates cannot be sent to this server: it does not use TLS";
                reader.error(span, &key, message).help("write https://, or another `identity`");
            }
            if url.is_loopback() {
                let message = "the backend is on this machine: IIS treats its requests as local and returns detailed errors";
                let help = "run the gateway on a machine of its own if the backend is IIS";
                reader.warning(span, &key, message).help(help);
            }
            if self.sends_identity() && url.is_public_plain_text() {
                let message = format!(
                    "the user's identity is sent in plain text to {}, which is not on a private network",
                    url.host
                );
                let help = "write https:// and `ca`, or reach the server over a network of your own";
                reader.warning(span, &key, message).help(help);
            }
        }
    }

    /// Returns whether the requests contain anything that third parties must neither read nor write.
    fn sends_identity(&self) -> bool {
        let beyond_headers = self.identity.value != IdentityMode::Headers;
        beyond_headers || !self.headers.sets.is_empty() || self.headers.secret.is_some()
    }
}

impl HeadersSection {
    /// Returns whether the set is sent.
    pub(crate) fn sends(&self, set: HeaderSet) -> bool {
        self.sets.iter().any(|sent| sent.value == set)
    }

    fn check(&mut self, reader: &mut TableReader<'_>) {
        if !self.head.has("sets") || self.sends(HeaderSet::Account) {
            return;
        }
        let fix = "add \"account\" to `sets`";
        reader.without_effect(&["names"], "the set \"account\" is not sent", fix);
        if !self.sends(HeaderSet::Assertion) {
            let because = "neither the set \"account\" nor \"assertion\" is sent";
            reader.without_effect(&["send_groups"], because, fix);
        }
    }
}

impl HeaderNamesSection {
    /// Two facts under one name would let the backend confuse them.
    fn check(&mut self, reader: &mut TableReader<'_>) {
        let Self { user, upn, sid, groups, mapping, authentication, certificate_sha256, .. } = &*self;
        let names = [user, upn, sid, groups, mapping, authentication, certificate_sha256];
        let mut names: Vec<_> = Self::NAMES.iter().zip(names).collect();
        // The defaults come first, so that an equal name is reported where it is written.
        names.sort_by_key(|(key, _)| self.head.has(key));
        for (_, (key, name), (other, _)) in repeated(&names, |(_, name)| &name.value) {
            let message = format!("`{}` is already the header of `{other}`", name.value);
            reader.error(name.span, key, message).help("give each fact a header of its own");
        }
    }
}

/// A name in the alphabet that every backend reads alike: CGI and ASP.NET do not distinguish `_` and `-`.
fn header_name() -> ValueType<HeaderName> {
    string("header name", "header names", |text| {
        let well_written = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let name = HeaderName::from_bytes(text.as_bytes()).ok().filter(|_| well_written);
        name.ok_or_else(|| {
            ValueError::new(format!("{text:?} is not a header name"))
                .help("letters, digits and hyphens, such as \"X-Remote-User\"")
        })
    })
}

/// By default Windows fetches the CRLs of client certificates over http alone.
fn crl_url() -> ValueType<String> {
    string("http:// URL", "http:// URLs", |text| {
        let rest = text.strip_prefix("http://").unwrap_or_default();
        match !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_graphic()) {
            true => Ok(text.to_owned()),
            false => Err(ValueError::new(format!("{text:?} is not the URL of a CRL"))
                .help("such as \"http://pki.corp.example/gateway-ca.crl\"")),
        }
    })
}
