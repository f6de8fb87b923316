//! `[[site]]`: one or more host names with their TLS configuration and path rules.

use super::path::{PathSection, cross_site};
use crate::config::parse::{
    Spanned, TableReader, boolean, choice, duration, file, host_pattern, section, size, socket_address,
    table, tables, text,
};
use crate::policy::{ClientCertificateRule, CrossSiteRule, PasswordRule};
use crate::request::{HostPattern, PathCase};
use crate::site::HttpAction;
use crate::tls::{CLIENT_SIGNATURE_ALGORITHMS, TlsVersion, signs_under_tls13};
use rustls::SignatureScheme;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// The response to a client whose certificate is not valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnBadCertificate {
    /// The handshake succeeds, and responses name the reason.
    Respond,
    /// The handshake fails with an alert.
    Alert,
}

const TLS_VERSIONS: [(&str, TlsVersion); 2] = [("1.2", TlsVersion::Tls12), ("1.3", TlsVersion::Tls13)];

section! {
    /// `[[site]]`
    struct SiteSection with head checked by check {
        /// The site's name in records and metrics.
        name: Option<Spanned<String>> = text().optional("the first host"),
        /// The names that the site serves. `"*.corp.example"` stands for one more label; IP addresses are allowed, those of
        /// IPv6 in brackets. Case and a trailing dot make no difference.
        hosts: Vec<Spanned<HostPattern>> = host_pattern().list().required("hosts = [\"rms.corp.example\"]"),
        /// The addresses that serve it over TLS.
        listen: Vec<Spanned<SocketAddr>> = socket_address().list().required("listen = [\"0.0.0.0:443\"]"),
        /// The addresses that respond to plain HTTP. Nothing is forwarded from there.
        http_listen: Vec<Spanned<SocketAddr>> = socket_address().list().optional("none"),
        /// The response to plain HTTP: 403.4, or a redirect to the same URL over TLS.
        http_action: Spanned<HttpAction> =
            choice([("reject", HttpAction::Reject), ("redirect", HttpAction::Redirect)]).or("reject"),
        /// Whether it also gets the connections that name no host. One site per address can.
        default: Spanned<bool> = boolean().or(false),
        /// Its certificates, each with its chain, leaf first. The client gets one that it can use; Windows 7 to 8.1 need one
        /// with an ECDSA key.
        certificate: Vec<Spanned<PathBuf>> = file().list().required("certificate = [\"pki/server.pem\"]"),
        /// Their keys, in the same order.
        private_key: Vec<Spanned<PathBuf>> = file().list().required("private_key = [\"pki/server.key\"]"),
        /// How TLS is negotiated.
        tls: SiteTlsSection = table(),
        /// Whether HTTP/2 is offered beside HTTP/1.1. NTLM and Negotiate need HTTP/1.1:
        /// [backends.md](backends.md#pass-through-authentication). `portcullis check` shows the result.
        http2: Option<Spanned<bool>> = boolean().optional("`true`, but `false` if a path has `password = \"backend\"`"),
        /// The realm that authenticates its clients. Needed as soon as a path accepts or requires a certificate.
        realm: Option<Spanned<String>> = text().optional("none"),
        /// The backend that requests are forwarded to.
        backend: Option<Spanned<String>> = text().required("backend = \"rms\""),
        /// How long a resumed session may rest on one proof of possession; after that a new handshake requests the
        /// certificate again.
        card_reauth_interval: Spanned<Duration> = duration("1m", "7days").or("8h"),
        /// The response to a client whose certificate is not valid: a page with the reason, or a failed handshake as with
        /// other proxies.
        on_bad_certificate: Spanned<OnBadCertificate> =
            choice([("respond", OnBadCertificate::Respond), ("alert", OnBadCertificate::Alert)]).or("respond"),
        /// Whether the handshake names the authorities whose certificates are accepted, so that a client offers only those.
        ca_hints: Spanned<bool> = boolean().or(true),
        /// Whether `/A` and `/a` are one path, as for IIS.
        path_case: Spanned<PathCase> =
            choice([("insensitive", PathCase::Fold), ("sensitive", PathCase::Exact)]).or("insensitive"),
        /// Requests that a page of another site makes with the user's card, or with a password that the browser sends by
        /// itself.
        cross_site: Spanned<CrossSiteRule> = cross_site().or("reject"),
        /// Where users get help, shown on the page of a denial.
        help_desk: Option<Spanned<String>> = text().optional("none"),
        /// The path rules.
        path: Vec<PathSection> = tables("none"),
    }
}

section! {
    /// `[site.tls]`
    struct SiteTlsSection checked by check {
        /// The oldest version that is negotiated.
        min: Spanned<TlsVersion> = choice(TLS_VERSIONS).or("1.2"),
        /// The newest. `"1.2"` if cards cannot sign RSA-PSS: under TLS 1.3 such a card sends nothing, or the client closes the
        /// connection: [below](#cards-that-cannot-sign-rsa-pss).
        max: Spanned<TlsVersion> = choice(TLS_VERSIONS).or("1.3"),
        /// The signature algorithms for client certificates, the preferred first. `"rsa_pkcs1_sha1"` may be listed, and is
        /// listed by default, only with `unsafe_allow_sha1_and_rsa_1024` in the realm.
        client_signature_algorithms: Vec<Spanned<SignatureScheme>> = choice(CLIENT_SIGNATURE_ALGORITHMS).nonempty_list()
            .optional("these in this order, without the last, and without RSA-PSS if `max` is `\"1.2\"`").distinct("algorithm"),
        /// Memory for the sessions of clients that resume TLS 1.2 without tickets (libcurl, Windows 7). Above it the least
        /// recently used are removed, and their clients sign again. `"0B"` keeps none.
        session_cache: Spanned<u64> = size("0B", "1GiB").or("4MiB"),
    }
}

impl SiteSection {
    /// Returns its name in records and metrics; empty only if it has no host, which is an error.
    pub(crate) fn name(&self) -> &str {
        self.name.as_ref().map_or("", |name| &name.value)
    }

    /// Returns the paths that use client certificates.
    pub(crate) fn certificate_paths(&self) -> impl Iterator<Item = &PathSection> {
        self.path.iter().filter(|rule| rule.client_certificate.value != ClientCertificateRule::Ignore)
    }

    /// Returns the paths with this alternative to a client certificate.
    pub(crate) fn password_paths(&self, password: PasswordRule) -> impl Iterator<Item = &PathSection> {
        self.path.iter().filter(move |rule| rule.password.value == password)
    }

    /// Returns whether a path uses client certificates, so that the handshake must request one.
    pub(crate) fn requests_certificates(&self) -> bool {
        self.certificate_paths().next().is_some()
    }

    /// Returns whether clients are offered HTTP/2: by default, not if there is a path with pass-through authentication. NTLM and
    /// Negotiate belong to a connection, and not all clients that are refused them on HTTP/2 (`HTTP_1_1_REQUIRED`) try again.
    pub(crate) fn offers_http2(&self) -> bool {
        let default = || self.password_paths(PasswordRule::Backend).next().is_none();
        self.http2.as_ref().map_or_else(default, |http2| http2.value)
    }

    fn check(&mut self, reader: &mut TableReader<'_>) {
        if let (None, Some(host)) = (&self.name, self.hosts.first()) {
            self.name = Some(Spanned::new(host.value.to_string(), self.head.span));
        }
        let (certificates, keys) = (self.certificate.len(), self.private_key.len());
        if certificates != keys && certificates > 0 && keys > 0 {
            let span = self.private_key.last().map_or(self.head.span, |last| last.span);
            let message = format!("certificates ({certificates}) and private keys ({keys}) do not pair up");
            let help = "write one key for each certificate, in the same order";
            reader.error(span, "private_key", message).help(help);
        }
        if !self.head.has("http_listen") {
            let because = "the site has no `http_listen` address";
            reader.without_effect(&["http_action"], because, "add `http_listen = [\"0.0.0.0:80\"]`");
        }
        if self.path.is_empty() && !self.head.has("path") {
            let message = "this site has no path: every request gets 404";
            let help = "add a [[site.path]] table for each path that the backend should see";
            reader.warning(self.head.span, "path", message).help(help);
        }
    }
}

impl SiteTlsSection {
    fn check(&mut self, reader: &mut TableReader<'_>) {
        if self.min.value > self.max.value {
            let message = "`min` is newer than `max`, so that no version is left";
            let help = "TLS 1.2 is the oldest version that is supported: { min = \"1.2\", max = \"1.3\" }";
            let error = reader.error(self.min.span, "min", message);
            error.label(self.max.span, "the newest version").help(help);
        }
        let schemes = &self.client_signature_algorithms;
        let Some(first) = schemes.first().filter(|_| self.max.value == TlsVersion::Tls13) else { return };
        if !schemes.iter().any(|scheme| signs_under_tls13(scheme.value)) {
            let message =
                "no algorithm of the list can sign a TLS 1.3 handshake, and the site allows TLS 1.3";
            let help = "write max = \"1.2\", or add ecdsa_secp256r1_sha256 or rsa_pss_rsae_sha256";
            reader.error(first.span, "client_signature_algorithms", message).help(help);
        }
    }
}
