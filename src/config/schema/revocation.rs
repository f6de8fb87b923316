//! `[realm.NAME.revocation]`: how revocation is checked, and the sources of CRLs and OCSP responses.

use crate::config::parse::{
    Span, Spanned, TableReader, ValueError, ValueType, boolean, choice, duration, file, file_or_folder,
    folder, line, network, optional_table, section, size, string, tables, text,
};
use crate::revocation::fetch::AllowedHost;
use crate::revocation::ocsp::NonceRule;
use crate::revocation::{RevocationDemand, RevocationMode};
use ipnet::IpNet;
use std::path::PathBuf;
use std::time::Duration;

/// The keys that have an effect only if CRLs or OCSP responses are fetched; only if CRLs are; only if OCSP responses are.
const FETCHING: &[&str] = &["hosts", "addresses", "rewrite"];
const FETCHING_CRLS: &[&str] = &["ldaps_ca", "cache_dir", "max_crl", "fetch_timeout"];
const QUERYING: &[&str] = &["ocsp_nonce", "ocsp_responder"];
const SOURCES: &[&str] = &["crl", "grace", "fetch", "ocsp"];

section! {
    /// `[realm.NAME.revocation]`
    struct RevocationSection with head checked by check {
        /// Certificates whose revocation status is unknown are rejected; are accepted; no revocation check.
        mode: Spanned<RevocationMode> = choice([
            ("off", RevocationMode::Off), ("prefer", RevocationMode::Prefer), ("require", RevocationMode::Require),
        ]).or("require"),
        /// CRLs in DER, PEM or PKCS #7; watched, and read again when they change. This, `fetch` or `ocsp` is needed unless the mode is
        /// `"off"`.
        crl: Vec<Spanned<PathBuf>> = file_or_folder().list().optional("none"),
        /// How long after its nextUpdate a CRL or an OCSP response still counts as fresh.
        grace: Spanned<Duration> = duration("0s", "30days").or("0s"),
        /// Fetch CRLs from the URLs in validated certificates (cRLDistributionPoints, freshestCRL), over `http`, `ldap` and
        /// `ldaps`.
        fetch: Spanned<bool> = boolean().or(false),
        /// Query the OCSP responders that validated certificates name, if the CRLs do not decide.
        ocsp: Spanned<bool> = boolean().or(false),
        /// Hosts that may be fetched from: `"pki.corp.example"`, `"*.corp.example"` (all below it), `"10.0.0.5"`. Needed with
        /// `fetch` and `ocsp`.
        hosts: Vec<Spanned<AllowedHost>> = fetch_host().list().optional("none"),
        /// Loopback, link-local, multicast and unspecified addresses that may be fetched from all the same: `"127.0.0.1"`,
        /// `"169.254.7.0/24"`.
        addresses: Vec<Spanned<IpNet>> = network().list().optional("none"),
        /// URLs of certificates that are fetched from elsewhere.
        rewrite: Vec<RewriteSection> = tables("none"),
        /// The CA certificates that a directory's own certificate must chain to, for `ldaps` URLs. Without it no such URL is
        /// fetched.
        ldaps_ca: Option<Spanned<PathBuf>> = file().optional("none"),
        /// The folder in which fetched CRLs are kept over a restart. Created if it does not exist; several realms may share it.
        cache_dir: Option<Spanned<PathBuf>> = folder().optional("none"),
        /// The largest CRL that is fetched.
        max_crl: Spanned<usize> = size("1KiB", "512MiB").or("128MiB"),
        /// The time for one fetch of a CRL, including redirects.
        fetch_timeout: Spanned<Duration> = duration("1s", "1h").or("60s"),
        /// Whether OCSP responses must return the nonce of the request. A response with a wrong one is always rejected, unless
        /// it reports the certificate as revoked.
        ocsp_nonce: Spanned<NonceRule> = choice([
            ("never", NonceRule::Never), ("if_returned", NonceRule::IfReturned), ("require", NonceRule::Require),
        ]).or("if_returned"),
        /// The responder that is queried instead of those that certificates name.
        ocsp_responder: Option<OcspResponderSection> = optional_table("none"),
        /// Issuers with a mode of their own.
        issuers: Vec<IssuerModeSection> = tables("none"),
    }
}

section! {
    /// `[realm.NAME.revocation.rewrite]`
    struct RewriteSection {
        /// The beginning of the URL in the certificate.
        from: Spanned<String> = text().essential("from = \"ldap:///CN=Staff%20CA\""),
        /// Its replacement, such as `"http://pki.corp.example/staff.crl"`, or `"ldap://directory.corp.example/"` for
        /// `"ldap:///"`.
        to: Spanned<String> = crl_url().essential("to = \"http://pki.corp.example/staff.crl\""),
    }
}

section! {
    /// `[realm.NAME.revocation.ocsp_responder]`
    struct OcspResponderSection {
        /// Its URL. The host must be in `hosts`.
        url: Spanned<String> = http_url().essential("url = \"http://ocsp.corp.example\""),
        /// Its certificate. Responses that its key signs are accepted for every issuer of the realm; without it only issuers
        /// and their delegates may sign.
        certificate: Option<Spanned<PathBuf>> = file().optional("none"),
    }
}

section! {
    /// `[realm.NAME.revocation.issuers]`
    struct IssuerModeSection {
        /// The authority's certificate; its key counts.
        certificate: Spanned<PathBuf> = file().essential("certificate = \"pki/root.pem\""),
        /// The mode for the certificates that it issued.
        mode: Spanned<RevocationDemand> = choice([
            ("require", RevocationDemand::Required), ("prefer", RevocationDemand::IfAvailable), ("off", RevocationDemand::Never),
        ]).essential("mode = \"prefer\""),
    }
}

impl RevocationSection {
    /// Returns the place of an error in a CRL.
    pub(crate) fn span(&self) -> Span {
        self.crl.first().map_or(self.mode.span, |first| first.span)
    }

    fn check(&mut self, reader: &mut TableReader<'_>) {
        let is_off = self.mode.value == RevocationMode::Off;
        if is_off {
            let message = "revocation is off: a revoked certificate is accepted until it expires";
            reader.warning(self.mode.span, "mode", message);
        }
        // An issuer may have a mode of its own in a realm that is off.
        if is_off && !self.head.has_items("issuers") {
            for keys in [SOURCES, FETCHING, FETCHING_CRLS, QUERYING] {
                reader.without_effect(keys, "the mode is \"off\"", "write mode = \"require\"");
            }
            return;
        }
        self.check_sources(reader);
        let (fetch, ocsp) = (self.fetch.value, self.ocsp.value);
        if !fetch && !ocsp {
            reader.without_effect(FETCHING, "neither `fetch` nor `ocsp` is on", "write fetch = true");
        }
        if !fetch {
            reader.without_effect(FETCHING_CRLS, "`fetch` is not on", "write fetch = true");
        }
        if !ocsp {
            reader.without_effect(QUERYING, "`ocsp` is not on", "write ocsp = true");
        }
        if (fetch || ocsp) && !self.head.has_items("hosts") {
            let span = if fetch { self.fetch.span } else { self.ocsp.span };
            let message = "nothing can be fetched: `hosts` names no host";
            reader.error(span, "hosts", message).help("write hosts = [\"pki.corp.example\"]");
        }
    }

    fn check_sources(&self, reader: &mut TableReader<'_>) {
        if self.head.has_items("crl") || self.fetch.value || self.ocsp.value {
            return;
        }
        let (message, help) = match self.mode.value {
            RevocationMode::Require => (
                "revocation is required, but no CRL is configured: every certificate would be rejected",
                "write revocation = { mode = \"require\", crl = [\"pki/crl/\"] }",
            ),
            RevocationMode::Prefer | RevocationMode::Off => (
                "revocation is preferred, but no CRL is configured: no certificate would ever be rejected",
                "name CRL files or folders, or write mode = \"off\"",
            ),
        };
        reader.error(self.mode.span, "crl", message).help(help);
    }
}

fn fetch_host() -> ValueType<AllowedHost> {
    string("host", "hosts", |text| {
        let help =
            "such as \"pki.corp.example\", \"*.corp.example\" or \"192.0.2.1\", without scheme and port";
        text.parse().map_err(|_| ValueError::new(format!("{text:?} is not a host name")).help(help))
    })
}

/// The replacement of a URL: an http URL, or an LDAP URL up to the name of the server.
fn crl_url() -> ValueType<String> {
    line("http, ldap or ldaps URL", "URLs", |url| {
        let directory = url.strip_prefix("ldap://").or_else(|| url.strip_prefix("ldaps://"));
        match directory.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/')) {
            true => Ok(url.to_owned()),
            false => parse_http_url(url),
        }
    })
}

fn http_url() -> ValueType<String> {
    line("http URL", "http URLs", parse_http_url)
}

fn parse_http_url(url: &str) -> Result<String, ValueError> {
    if url.strip_prefix("http://").is_some_and(|rest| !rest.is_empty()) {
        return Ok(url.to_owned());
    }
    let reason = "CRLs and OCSP responses are signed, so https adds nothing";
    let help = format!("such as \"http://pki.corp.example/staff.crl\": {reason}");
    Err(ValueError::new(format!("{url:?} is not an http URL")).help(help))
}
