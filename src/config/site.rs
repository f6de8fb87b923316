//! Takes one `[[site]]`, gives it with its path rules.
//!
//! Never judges what concerns two sites, a realm or a backend: that is `cross_check`'s work.

use super::address::{host_pattern, socket_address};
use super::keys::{Section, key};
use super::reader::TableReader;
use super::shape::{boolean, byte_size, choice, duration, file, text};
use super::site_path::{self, CROSS_SITES, PathRule};
use super::span::{Span, Spanned};
use crate::policy::{ClientCertificateRule, CrossSiteRule, PasswordRule};
use crate::request::PathCase;
use crate::site::HttpAction;
use crate::tls::{CLIENT_SIGNATURE_ALGORITHMS, TlsVersion, signs_under_tls13};
use rustls::SignatureScheme;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// What happens to a client whose certificate is bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnBadCertificate {
    /// The handshake succeeds, and requests are answered with the reason.
    Answer,
    /// The handshake fails with an alert.
    Alert,
}

/// `tls = { min, max, client_signature_algorithms, session_cache }`.
#[derive(Clone, Debug)]
pub struct SiteTls {
    /// The oldest version spoken.
    pub min: Spanned<TlsVersion>,
    /// The newest.
    pub max: Spanned<TlsVersion>,
    /// What clients are asked to prove their cards with, the most wanted first; derived where not written.
    pub client_signatures: Option<Vec<Spanned<SignatureScheme>>>,
    /// Bytes of sessions of clients that resume TLS 1.2 by session ID.
    pub session_cache: Spanned<u64>,
}

/// One `[[site]]`.
#[derive(Clone, Debug)]
pub struct Site {
    /// Its header.
    pub span: Span,
    /// Its name in records and metrics; the first host where none was written.
    pub name: Spanned<String>,
    /// The names it answers to, in lower case and without a trailing dot; `*.` stands for one label.
    pub hosts: Vec<Spanned<String>>,
    /// Where it is served over TLS.
    pub listen: Vec<Spanned<SocketAddr>>,
    /// Where it answers plain HTTP.
    pub http_listen: Vec<Spanned<SocketAddr>>,
    /// What it answers there.
    pub http_action: Spanned<HttpAction>,
    /// Whether it gets the connections that name no host (no SNI).
    pub default: Spanned<bool>,
    /// Server certificates with their chains, leaf first; as many as private keys.
    pub certificate: Vec<Spanned<PathBuf>>,
    /// Their private keys, in the same order.
    pub private_key: Vec<Spanned<PathBuf>>,
    /// How TLS is spoken.
    pub tls: SiteTls,
    /// Whether HTTP/2 is offered; derived from the paths when not written.
    pub http2: Option<Spanned<bool>>,
    /// The realm that judges its cards.
    pub realm: Option<Spanned<String>>,
    /// The backend behind it. There unless an error says that it is missing.
    pub backend: Option<Spanned<String>>,
    /// How long after a full handshake the card counts as proven.
    pub card_reauth_interval: Spanned<Duration>,
    /// What happens to a bad certificate.
    pub on_bad_certificate: Spanned<OnBadCertificate>,
    /// Whether the handshake names the authorities whose cards are wanted.
    pub ca_hints: Spanned<bool>,
    /// How letters of paths are compared.
    pub path_case: Spanned<PathCase>,
    /// What happens to requests that another site's page makes.
    pub cross_site: Spanned<CrossSiteRule>,
    /// Whom a person should turn to, shown on the pages of denials.
    pub help_desk: Option<Spanned<String>>,
    /// Its `[[site.path]]` tables, in the order of the file.
    pub paths: Vec<PathRule>,
}

pub(super) const SITE: Section = Section {
    path: "site",
    keys: &[
        key("name"),
        key("hosts"),
        key("listen"),
        key("http_listen"),
        key("http_action"),
        key("default"),
        key("certificate"),
        key("private_key"),
        key("tls"),
        key("http2"),
        key("realm"),
        key("backend"),
        key("card_reauth_interval"),
        key("on_bad_certificate"),
        key("ca_hints"),
        key("path_case"),
        key("cross_site"),
        key("help_desk"),
        key("path"),
    ],
};
pub(super) const TLS: Section = Section {
    path: "site.tls",
    keys: &[key("min"), key("max"), key("client_signature_algorithms"), key("session_cache")],
};

const PLAIN_ACTIONS: &[(&str, HttpAction)] =
    &[("reject", HttpAction::Reject), ("redirect", HttpAction::Redirect)];
const ON_BAD_CERTIFICATE: &[(&str, OnBadCertificate)] =
    &[("respond", OnBadCertificate::Answer), ("alert", OnBadCertificate::Alert)];
const CASES: &[(&str, PathCase)] = &[("insensitive", PathCase::Fold), ("sensitive", PathCase::Exact)];
const TLS_VERSIONS: &[(&str, TlsVersion)] = &[("1.2", TlsVersion::Tls12), ("1.3", TlsVersion::Tls13)];

const MINUTE: Duration = Duration::from_secs(60);
const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);

impl Site {
    /// Whether a path of it asks for a card, so that the handshake must.
    pub fn asks_for_cards(&self) -> bool {
        self.paths.iter().any(|rule| rule.client_certificate.value != ClientCertificateRule::Ignore)
    }

    /// The paths whose users log in at the backend itself.
    pub fn pass_through(&self) -> impl Iterator<Item = &PathRule> {
        self.paths.iter().filter(|rule| rule.password.value == PasswordRule::Backend)
    }

    /// Whether clients are offered HTTP/2: unless told otherwise, not where such a path is. NTLM and Negotiate belong to a
    /// connection, and clients that are refused them on HTTP/2 (`HTTP_1_1_REQUIRED`) do not all come again.
    pub fn offers_http2(&self) -> bool {
        self.http2.as_ref().map_or_else(|| self.pass_through().next().is_none(), |http2| http2.value)
    }

    pub(super) fn read(reader: &mut TableReader<'_>) -> Self {
        reader.require("hosts", "hosts = [\"rms.corp.example\"]");
        reader.require("listen", "listen = [\"0.0.0.0:443\"]");
        reader.require("certificate", "certificate = [\"pki/server.pem\"]");
        reader.require("private_key", "private_key = [\"pki/server.key\"]");
        let hosts = reader.list("hosts", host_pattern).unwrap_or_default();
        let first_host = hosts.first().map_or_else(String::new, |host| host.value.clone());
        let site = Self {
            span: reader.span(),
            name: reader.with_default("name", first_host, text),
            hosts,
            listen: reader.list("listen", socket_address).unwrap_or_default(),
            http_listen: reader.list("http_listen", socket_address).unwrap_or_default(),
            http_action: reader.with_default("http_action", HttpAction::Reject, choice(PLAIN_ACTIONS)),
            default: reader.with_default("default", false, boolean),
            certificate: reader.list("certificate", file).unwrap_or_default(),
            private_key: reader.list("private_key", file).unwrap_or_default(),
            tls: reader.table("tls", &TLS, SiteTls::read),
            http2: reader.optional("http2", boolean),
            realm: reader.optional("realm", text),
            backend: reader.required("backend", "backend = \"rms\"", text),
            card_reauth_interval: reader.with_default(
                "card_reauth_interval",
                480 * MINUTE,
                duration(MINUTE..=WEEK),
            ),
            on_bad_certificate: reader.with_default(
                "on_bad_certificate",
                OnBadCertificate::Answer,
                choice(ON_BAD_CERTIFICATE),
            ),
            ca_hints: reader.with_default("ca_hints", true, boolean),
            path_case: reader.with_default("path_case", PathCase::Fold, choice(CASES)),
            cross_site: reader.with_default("cross_site", CrossSiteRule::Reject, choice(CROSS_SITES)),
            help_desk: reader.optional("help_desk", text),
            paths: reader.tables("path", &site_path::PATH, PathRule::read).into_iter().flatten().collect(),
        };
        site.check(reader);
        site
    }

    /// What can be seen wrong in this site alone.
    fn check(&self, reader: &mut TableReader<'_>) {
        for name in ["hosts", "listen", "certificate", "private_key"] {
            reader.refuse_empty_list(name);
        }
        let (certificates, keys) = (self.certificate.len(), self.private_key.len());
        if certificates != keys && certificates > 0 && keys > 0 {
            let span = self.private_key.last().map_or(self.span, |last| last.span);
            let message = format!("certificates ({certificates}) and private keys ({keys}) do not pair up");
            reader
                .error(span, "private_key", message)
                .help("give one key for each certificate, in the same order");
        }
        if let (Some(span), false) = (reader.written_at("http_action"), reader.holds("http_listen")) {
            let message = "`http_action` does nothing: the site has no `http_listen` address";
            let help = "add `http_listen = [\"0.0.0.0:80\"]`, or remove it";
            reader.error(span, "http_action", message).help(help);
        }
        if self.paths.is_empty() && !reader.holds("path") {
            reader
                .warning(self.span, "path", "this site has no path: every request is answered 404")
                .help("add a [[site.path]] table for each path that the backend should see");
        }
    }
}

impl SiteTls {
    fn read(reader: &mut TableReader<'_>) -> Self {
        let tls = Self {
            min: reader.with_default("min", TlsVersion::Tls12, choice(TLS_VERSIONS)),
            max: reader.with_default("max", TlsVersion::Tls13, choice(TLS_VERSIONS)),
            client_signatures: reader
                .list("client_signature_algorithms", choice(CLIENT_SIGNATURE_ALGORITHMS)),
            session_cache: reader.with_default("session_cache", 4 << 20, byte_size(0..=1 << 30)),
        };
        if tls.min.value > tls.max.value {
            reader
                .error(tls.min.span, "min", "`min` is newer than `max`, so no version is left")
                .label(tls.max.span, "the newest version spoken")
                .help("TLS 1.2 is the oldest version there is here: { min = \"1.2\", max = \"1.3\" }");
        }
        tls.check_signatures(reader);
        tls
    }

    fn check_signatures(&self, reader: &mut TableReader<'_>) {
        const KEY: &str = "client_signature_algorithms";
        reader.refuse_empty_list(KEY);
        let Some(schemes) = self.client_signatures.as_ref().filter(|schemes| !schemes.is_empty()) else {
            return;
        };
        for (position, scheme) in schemes.iter().enumerate() {
            let before = schemes.iter().take(position).find(|before| before.value == scheme.value);
            if let Some(before) = before {
                reader
                    .error(scheme.span, KEY, "this algorithm is listed twice")
                    .label(before.span, "for the first time here");
            }
        }
        let tls13 = self.max.value == TlsVersion::Tls13;
        if tls13 && !schemes.iter().any(|scheme| signs_under_tls13(scheme.value)) {
            let span = schemes.first().map_or(self.max.span, |first| first.span);
            reader
                .error(
                    span,
                    KEY,
                    "no algorithm of the list can sign a TLS 1.3 handshake, and the site speaks TLS 1.3",
                )
                .help("write max = \"1.2\", or add ecdsa_secp256r1_sha256 or rsa_pss_rsae_sha256");
        }
    }
}
