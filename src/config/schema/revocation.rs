//! `[realm.NAME.revocation]`: how revocation is checked, and where CRLs and OCSP responses come from.

use crate::config::parse::addresses::NETWORK;
use crate::config::parse::fields::{ValueType as _, optional_table, tables};
use crate::config::parse::reader::TableReader;
use crate::config::parse::section::section;
use crate::config::parse::value_error::ValueError;
use crate::config::parse::values::{
    BOOLEAN, FILE, FILE_OR_FOLDER, FOLDER, Parsed, TEXT, choice, duration, raw_text, size, text,
};
use crate::config::parse::{Span, Spanned};
use crate::revocation::fetch::AllowedHost;
use crate::revocation::ocsp::NonceRule;
use crate::revocation::{RevocationDemand, RevocationMode};
use ipnet::IpNet;
use std::path::PathBuf;
use std::time::Duration;
use toml::de::DeValue;

const MODES: &[(&str, RevocationMode)] =
    &[("off", RevocationMode::Off), ("prefer", RevocationMode::Prefer), ("require", RevocationMode::Require)];
const NONCES: &[(&str, NonceRule)] =
    &[("never", NonceRule::Never), ("if_returned", NonceRule::IfReturned), ("require", NonceRule::Require)];
const DEMANDS: &[(&str, RevocationDemand)] = &[
    ("require", RevocationDemand::Required),
    ("prefer", RevocationDemand::IfAvailable),
    ("off", RevocationDemand::Never),
];

/// What only means something where something is fetched.
const FETCHING: &[&str] = &["hosts", "addresses", "rewrite"];
const FETCHING_CRLS: &[&str] = &["ldaps_ca", "cache_dir", "max_crl", "fetch_timeout"];
const ASKING: &[&str] = &["ocsp_nonce", "ocsp_responder"];
const SOURCES: &[&str] = &["crl", "grace", "fetch", "ocsp"];

const HOST: Parsed<AllowedHost> = Parsed::new("host", "hosts", host);
const CRL_URL: Parsed<String> = Parsed::new("http, ldap or ldaps URL", "URLs", crl_url);
const HTTP_URL: Parsed<String> = Parsed::new("http URL", "http URLs", http_url);

section! {
    /// `[realm.NAME.revocation]`
    struct Revocation with head checked by check {
        /// Certificates whose revocation status is unknown are rejected; are accepted; no revocation check.
        mode: Spanned<RevocationMode> = choice(MODES).or("require"),
        /// CRLs in DER, PEM or PKCS #7; watched, and read again when they change. This, `fetch` or `ocsp` is needed unless the mode is
        /// `"off"`.
        crl: Vec<Spanned<PathBuf>> = FILE_OR_FOLDER.list().optional("none"),
        /// How long after its nextUpdate a CRL or an OCSP response still counts as fresh.
        grace: Spanned<Duration> = duration("0s", "30days").or("0s"),
        /// Fetch CRLs from the URLs in validated certificates (cRLDistributionPoints, freshestCRL), over `http`, `ldap` and
        /// `ldaps`.
        fetch: Spanned<bool> = BOOLEAN.or(false),
        /// Query the OCSP responders that validated certificates name, if the CRLs do not decide.
        ocsp: Spanned<bool> = BOOLEAN.or(false),
        /// Hosts that may be fetched from: `"pki.corp.example"`, `"*.corp.example"` (all below it), `"10.0.0.5"`. Needed with
        /// `fetch` and `ocsp`.
        hosts: Vec<Spanned<AllowedHost>> = HOST.list().optional("none"),
        /// Loopback, link-local, multicast and unspecified addresses that may be fetched from all the same: `"127.0.0.1"`,
        /// `"169.254.7.0/24"`.
        addresses: Vec<Spanned<IpNet>> = NETWORK.list().optional("none"),
        /// URLs of certificates that are fetched from elsewhere.
        rewrite: Vec<RewrittenUrl> = tables::<RewrittenUrl>("none"),
        /// The CA certificates that a directory's own certificate must chain to, for `ldaps` URLs. Without it no such URL is
        /// fetched.
        ldaps_ca: Option<Spanned<PathBuf>> = FILE.optional("none"),
        /// Where fetched CRLs are kept over a restart. Created if it does not exist; several realms may share it.
        cache_dir: Option<Spanned<PathBuf>> = FOLDER.optional("none"),
        /// The largest CRL that is fetched.
        max_crl: Spanned<u64> = size("1KiB", "512MiB").or("128MiB"),
        /// The time for one fetch of a CRL, including redirects.
        fetch_timeout: Spanned<Duration> = duration("1s", "1h").or("60s"),
        /// Whether OCSP responses must return the nonce of the request. A response with a wrong one is always rejected, unless
        /// it reports the certificate as revoked.
        ocsp_nonce: Spanned<NonceRule> = choice(NONCES).or("if_returned"),
        /// The responder that is queried instead of those that certificates name.
        ocsp_responder: Option<OcspResponder> = optional_table::<OcspResponder>("none"),
        /// Issuers with a mode of their own.
        issuers: Vec<IssuerDemand> = tables::<IssuerDemand>("none"),
    }
}

section! {
    /// `[realm.NAME.revocation.rewrite]`
    struct RewrittenUrl {
        /// The beginning of the URL in the certificate.
        from: Spanned<String> = TEXT.essential("from = \"ldap:///CN=Staff%20CA\""),
        /// Its replacement, such as `"http://pki.corp.example/staff.crl"`, or `"ldap://directory.corp.example/"` for
        /// `"ldap:///"`.
        to: Spanned<String> = CRL_URL.essential("to = \"http://pki.corp.example/staff.crl\""),
    }
}

section! {
    /// `[realm.NAME.revocation.ocsp_responder]`
    struct OcspResponder {
        /// Its URL. The host must be in `hosts`.
        url: Spanned<String> = HTTP_URL.essential("url = \"http://ocsp.corp.example\""),
        /// Its certificate. Responses that its key signs are accepted for every issuer of the realm; without it only issuers
        /// and their delegates may sign.
        certificate: Option<Spanned<PathBuf>> = FILE.optional("none"),
    }
}

section! {
    /// `[realm.NAME.revocation.issuers]`
    struct IssuerDemand {
        /// The authority's certificate; its key counts.
        certificate: Spanned<PathBuf> = FILE.essential("certificate = \"pki/root.pem\""),
        /// The mode for the certificates that it issued.
        mode: Spanned<RevocationDemand> = choice(DEMANDS).essential("mode = \"prefer\""),
    }
}

impl Revocation {
    /// The place for what is wrong with a CRL.
    pub(in crate::config) fn span(&self) -> Span {
        self.crl.first().map_or(self.mode.span, |first| first.span)
    }

    /// Records the keys that do nothing.
    fn does_nothing(&self, reader: &mut TableReader<'_>, names: &[&str], because: &str, help: &str) {
        for name in names {
            if let Some(span) = self.head.written(name) {
                let message = format!("`{name}` does nothing: {because}");
                reader.error(span, name, message).help(format!("{help} `{name}`"));
            }
        }
    }

    fn check(&mut self, reader: &mut TableReader<'_>) {
        let is_off = self.mode.value == RevocationMode::Off;
        if is_off {
            let message = "revocation is off: a stolen card that was revoked is let in until it expires";
            reader.warning(self.mode.span, "mode", message);
        }
        // An issuer may demand something in a realm that is off.
        if is_off && !self.head.has_items("issuers") {
            for names in [SOURCES, FETCHING, FETCHING_CRLS, ASKING] {
                let help = "write mode = \"require\", or remove";
                self.does_nothing(reader, names, "the mode is \"off\"", help);
            }
            return;
        }
        self.check_sources(reader);
        let (fetch, ocsp) = (self.fetch.value, self.ocsp.value);
        if !fetch && !ocsp {
            self.does_nothing(
                reader,
                FETCHING,
                "neither `fetch` nor `ocsp` is on",
                "write fetch = true, or remove",
            );
        }
        if !fetch {
            self.does_nothing(reader, FETCHING_CRLS, "`fetch` is not on", "write fetch = true, or remove");
        }
        if !ocsp {
            self.does_nothing(reader, ASKING, "`ocsp` is not on", "write ocsp = true, or remove");
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
                "revocation is required, but there is no CRL to look at: every card would be refused",
                "write revocation = { mode = \"require\", crl = [\"pki/crl/\"] }",
            ),
            RevocationMode::Prefer | RevocationMode::Off => (
                "revocation is preferred, but there is no CRL to look at: no card would ever be refused",
                "name CRL files or folders, or write mode = \"off\" to mean it",
            ),
        };
        reader.error(self.mode.span, "crl", message).help(help);
    }
}

fn host(value: &DeValue<'_>) -> Result<AllowedHost, ValueError> {
    let text = raw_text(value)?;
    text.parse().map_err(|_| {
        ValueError::new(format!("{text:?} is not a host name")).help(
            "such as \"pki.corp.example\", \"*.corp.example\" or \"192.0.2.1\", without scheme and port",
        )
    })
}

/// What a URL may be rewritten to: an http one, or an LDAP one up to where a server's name begins.
fn crl_url(value: &DeValue<'_>) -> Result<String, ValueError> {
    let url = text(value)?;
    let directory = url.strip_prefix("ldap://").or_else(|| url.strip_prefix("ldaps://"));
    if directory.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/')) {
        return Ok(url);
    }
    http_url(value)
}

fn http_url(value: &DeValue<'_>) -> Result<String, ValueError> {
    let url = text(value)?;
    let rest = url.strip_prefix("http://").filter(|rest| !rest.is_empty());
    match rest {
        Some(_) => Ok(url),
        None => Err(ValueError::new(format!("{url:?} is not an http URL")).help(
            "such as \"http://pki.corp.example/staff.crl\": what is fetched is signed, so https adds nothing",
        )),
    }
}
