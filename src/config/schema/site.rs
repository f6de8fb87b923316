//! `[[site]]`: one or more host names with their TLS configuration and path rules.

use super::path::{CROSS_SITE, PathRule};
use crate::config::parse::Spanned;
use crate::config::parse::addresses::{ADDRESS, HOST_PATTERN};
use crate::config::parse::fields::{ValueType as _, table, tables};
use crate::config::parse::reader::TableReader;
use crate::config::parse::section::section;
use crate::config::parse::values::{BOOLEAN, FILE, TEXT, choice, duration, size};
use crate::policy::{ClientCertificateRule, CrossSiteRule, PasswordRule};
use crate::request::PathCase;
use crate::site::HttpAction;
use crate::tls::{CLIENT_SIGNATURE_ALGORITHMS, TlsVersion, signs_under_tls13};
use rustls::SignatureScheme;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// What happens to a client whose certificate is not valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum OnBadCertificate {
    /// The handshake succeeds, and responses name the reason.
    Respond,
    /// The handshake fails with an alert.
    Alert,
}

const HTTP_ACTIONS: &[(&str, HttpAction)] =
    &[("reject", HttpAction::Reject), ("redirect", HttpAction::Redirect)];
const ON_BAD_CERTIFICATE: &[(&str, OnBadCertificate)] =
    &[("respond", OnBadCertificate::Respond), ("alert", OnBadCertificate::Alert)];
const PATH_CASES: &[(&str, PathCase)] = &[("insensitive", PathCase::Fold), ("sensitive", PathCase::Exact)];
const TLS_VERSIONS: &[(&str, TlsVersion)] = &[("1.2", TlsVersion::Tls12), ("1.3", TlsVersion::Tls13)];

section! {
    /// `[[site]]`
    struct Site with head checked by check {
        /// The site's name in records and metrics.
        name: Option<Spanned<String>> = TEXT.optional("the first host"),
        /// The names that the site serves. `"*.corp.example"` stands for one more label; IP addresses are allowed. Case and a
        /// trailing dot make no difference.
        hosts: Vec<Spanned<String>> = HOST_PATTERN.list().required("hosts = [\"rms.corp.example\"]"),
        /// The addresses that serve it over TLS.
        listen: Vec<Spanned<SocketAddr>> = ADDRESS.list().required("listen = [\"0.0.0.0:443\"]"),
        /// The addresses that respond to plain HTTP. Nothing is forwarded from there.
        http_listen: Vec<Spanned<SocketAddr>> = ADDRESS.list().optional("none"),
        /// The response to plain HTTP: 403.4, or a redirect to the same URL over TLS.
        http_action: Spanned<HttpAction> = choice(HTTP_ACTIONS).or("reject"),
        /// Whether it also gets the connections that name no host. One site per address can.
        default: Spanned<bool> = BOOLEAN.or(false),
        /// Its certificates, each with its chain, leaf first. The client gets one that it can use; Windows 7 to 8.1 need one
        /// with an ECDSA key.
        certificate: Vec<Spanned<PathBuf>> = FILE.list().required("certificate = [\"pki/server.pem\"]"),
        /// Their keys, in the same order.
        private_key: Vec<Spanned<PathBuf>> = FILE.list().required("private_key = [\"pki/server.key\"]"),
        /// How TLS is negotiated.
        tls: SiteTls = table::<SiteTls>(),
        /// Whether HTTP/2 is offered beside HTTP/1.1. NTLM and Negotiate need HTTP/1.1:
        /// [backends.md](backends.md#the-backends-own-password-dialogue). `portcullis check` shows the result.
        http2: Option<Spanned<bool>> = BOOLEAN.optional("`true`, but `false` if a path has `password = \"backend\"`"),
        /// The realm that authenticates its clients. Needed as soon as a path accepts or requires a certificate.
        realm: Option<Spanned<String>> = TEXT.optional("none"),
        /// The backend that requests are forwarded to.
        backend: Option<Spanned<String>> = TEXT.required("backend = \"rms\""),
        /// How long a resumed session may rest on one proof of possession; after that a new handshake requests the
        /// certificate again.
        card_reauth_interval: Spanned<Duration> = duration("1m", "7days").or("8h"),
        /// What happens to a client whose certificate is not valid: a page with the reason, or a failed handshake as with
        /// other proxies.
        on_bad_certificate: Spanned<OnBadCertificate> = choice(ON_BAD_CERTIFICATE).or("respond"),
        /// Whether the handshake names the authorities whose certificates are accepted, so that a client offers only those.
        ca_hints: Spanned<bool> = BOOLEAN.or(true),
        /// Whether `/A` and `/a` are one path, as for IIS.
        path_case: Spanned<PathCase> = choice(PATH_CASES).or("insensitive"),
        /// Requests that a page of another site makes with the user's card, or with a password that the browser sends by
        /// itself.
        cross_site: Spanned<CrossSiteRule> = CROSS_SITE.or("reject"),
        /// Where users get help, shown on the page of a denial.
        help_desk: Option<Spanned<String>> = TEXT.optional("none"),
        /// The path rules.
        path: Vec<PathRule> = tables::<PathRule>("none"),
    }
}

section! {
    /// `[site.tls]`
    struct SiteTls checked by check {
        /// The oldest version that is negotiated.
        min: Spanned<TlsVersion> = choice(TLS_VERSIONS).or("1.2"),
        /// The newest. `"1.2"` if cards cannot sign RSA-PSS: under TLS 1.3 such a card sends nothing, or the client closes the
        /// connection: [below](#cards-that-cannot-sign-rsa-pss).
        max: Spanned<TlsVersion> = choice(TLS_VERSIONS).or("1.3"),
        /// The signature algorithms for client certificates, the preferred first. `"rsa_pkcs1_sha1"` may be listed, and is
        /// listed by default, only with `unsafe_allow_sha1_and_rsa_1024` in the realm.
        client_signature_algorithms: Vec<Spanned<SignatureScheme>> = choice(CLIENT_SIGNATURE_ALGORITHMS)
            .nonempty_list()
            .optional("these in this order, without the last, and without RSA-PSS if `max` is `\"1.2\"`"),
        /// Memory for the sessions of clients that resume TLS 1.2 without tickets (libcurl, Windows 7). Above it the least
        /// recently used are removed, and their clients sign again. `"0B"` keeps none.
        session_cache: Spanned<u64> = size("0B", "1GiB").or("4MiB"),
    }
}

impl Site {
    /// Its name in records and metrics; empty only if an error says that it has no host.
    pub(in crate::config) fn name(&self) -> &str {
        self.name.as_ref().map_or("", |name| &name.value)
    }

    /// Whether a path of it uses client certificates, so that the handshake must request one.
    pub(in crate::config) fn requests_certificates(&self) -> bool {
        self.path.iter().any(|rule| rule.client_certificate.value != ClientCertificateRule::Ignore)
    }

    /// The paths whose users log in at the backend itself.
    pub(in crate::config) fn pass_through(&self) -> impl Iterator<Item = &PathRule> {
        self.path.iter().filter(|rule| rule.password.value == PasswordRule::Backend)
    }

    /// Whether clients are offered HTTP/2: unless configured otherwise, not if there is such a path. NTLM and Negotiate belong
    /// to a connection, and not all clients that are refused them on HTTP/2 (`HTTP_1_1_REQUIRED`) try again.
    pub(in crate::config) fn offers_http2(&self) -> bool {
        self.http2.as_ref().map_or_else(|| self.pass_through().next().is_none(), |http2| http2.value)
    }

    /// What can be seen wrong in this site alone.
    fn check(&mut self, reader: &mut TableReader<'_>) {
        if let (None, Some(host)) = (&self.name, self.hosts.first()) {
            self.name = Some(Spanned::new(host.value.clone(), self.head.span));
        }
        let (certificates, keys) = (self.certificate.len(), self.private_key.len());
        if certificates != keys && certificates > 0 && keys > 0 {
            let span = self.private_key.last().map_or(self.head.span, |last| last.span);
            let message = format!("certificates ({certificates}) and private keys ({keys}) do not pair up");
            reader
                .error(span, "private_key", message)
                .help("give one key for each certificate, in the same order");
        }
        if let (Some(span), false) = (self.head.written("http_action"), self.head.has("http_listen")) {
            let message = "`http_action` does nothing: the site has no `http_listen` address";
            let help = "add `http_listen = [\"0.0.0.0:80\"]`, or remove it";
            reader.error(span, "http_action", message).help(help);
        }
        if self.path.is_empty() && !self.head.has("path") {
            reader
                .warning(self.head.span, "path", "this site has no path: every request is answered 404")
                .help("add a [[site.path]] table for each path that the backend should see");
        }
    }
}

impl SiteTls {
    fn check(&mut self, reader: &mut TableReader<'_>) {
        if self.min.value > self.max.value {
            reader
                .error(self.min.span, "min", "`min` is newer than `max`, so that no version is left")
                .label(self.max.span, "the newest version")
                .help("TLS 1.2 is the oldest version that is supported: { min = \"1.2\", max = \"1.3\" }");
        }
        self.check_signatures(reader);
    }

    fn check_signatures(&self, reader: &mut TableReader<'_>) {
        const KEY: &str = "client_signature_algorithms";
        let schemes = &self.client_signature_algorithms;
        if schemes.is_empty() {
            return;
        }
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
