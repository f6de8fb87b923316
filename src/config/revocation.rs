//! Takes `[realm.NAME.revocation]`, gives what is demanded of revocation and where to learn of it.
//!
//! Never opens a certificate or a CRL, and never fetches: the compile step reads the files named here.

use super::address::network;
use super::keys::{Section, key};
use super::reader::{Fault, TableReader};
use super::shape::{boolean, byte_size, choice, duration, file, raw_text, text};
use super::span::{Span, Spanned};
use crate::revocation::fetch::HostPattern;
use crate::revocation::ocsp::NonceRule;
use crate::revocation::{RevocationDemand, RevocationMode};
use ipnet::IpNet;
use std::path::PathBuf;
use std::time::Duration;
use toml::de::DeValue;

/// `revocation = { … }`.
#[derive(Clone, Debug)]
pub struct Revocation {
    /// What is demanded.
    pub mode: Spanned<RevocationMode>,
    /// CRL files, and folders of them.
    pub crl: Vec<Spanned<PathBuf>>,
    /// How long after its nextUpdate a CRL or an answer still counts.
    pub grace: Spanned<Duration>,
    /// Whether CRLs are fetched from where proven certificates say.
    pub fetch: Spanned<bool>,
    /// Whether OCSP responders are asked.
    pub ocsp: Spanned<bool>,
    /// Hosts that may be fetched from.
    pub hosts: Vec<Spanned<HostPattern>>,
    /// Networks that may be fetched from although they are this machine's, its link's or a group's.
    pub addresses: Vec<Spanned<IpNet>>,
    /// Other beginnings for URLs.
    pub rewrite: Vec<RewrittenUrl>,
    /// The file of the CA certificates that directories' certificates must chain to.
    pub ldaps_ca: Option<Spanned<PathBuf>>,
    /// Where fetched CRLs outlive a restart.
    pub cache_dir: Option<Spanned<PathBuf>>,
    /// The largest CRL that is fetched, in bytes.
    pub max_crl: Spanned<u64>,
    /// The longest that one fetch of a CRL may take.
    pub fetch_timeout: Spanned<Duration>,
    /// What OCSP answers must do with nonces.
    pub ocsp_nonce: Spanned<NonceRule>,
    /// The responder asked instead of those that certificates name.
    pub ocsp_responder: Option<OcspResponder>,
    /// What is demanded of single issuers.
    pub issuers: Vec<IssuerDemand>,
}

/// One entry of `rewrite`.
#[derive(Clone, Debug)]
pub struct RewrittenUrl {
    /// How URLs of certificates begin.
    pub from: Spanned<String>,
    /// How they begin when they are fetched.
    pub to: Spanned<String>,
}

/// `ocsp_responder = { … }`.
#[derive(Clone, Debug)]
pub struct OcspResponder {
    /// Where it is.
    pub url: Spanned<String>,
    /// The file of its certificate, which is then trusted for every issuer of the realm.
    pub certificate: Option<Spanned<PathBuf>>,
}

/// One entry of `issuers`.
#[derive(Clone, Debug)]
pub struct IssuerDemand {
    /// The file of the CA's certificate; its key is what counts.
    pub certificate: Spanned<PathBuf>,
    /// How much must be known of what it issued.
    pub demand: Spanned<RevocationDemand>,
}

pub(super) const REVOCATION: Section = Section {
    path: "realm.NAME.revocation",
    keys: &[
        key("mode"),
        key("crl"),
        key("grace"),
        key("fetch"),
        key("ocsp"),
        key("hosts"),
        key("addresses"),
        key("rewrite"),
        key("ldaps_ca"),
        key("cache_dir"),
        key("max_crl"),
        key("fetch_timeout"),
        key("ocsp_nonce"),
        key("ocsp_responder"),
        key("issuers"),
    ],
};
pub(super) const REWRITE: Section =
    Section { path: "realm.NAME.revocation.rewrite", keys: &[key("from"), key("to")] };
pub(super) const OCSP_RESPONDER: Section =
    Section { path: "realm.NAME.revocation.ocsp_responder", keys: &[key("url"), key("certificate")] };
pub(super) const ISSUER: Section =
    Section { path: "realm.NAME.revocation.issuers", keys: &[key("certificate"), key("mode")] };

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

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
const LARGEST_CRL: u64 = 128 << 20;

impl Revocation {
    pub(super) fn read(reader: &mut TableReader<'_>) -> Self {
        let revocation = Self {
            mode: reader.with_default("mode", RevocationMode::Require, choice(MODES)),
            crl: reader.list("crl", file).unwrap_or_default(),
            grace: reader.with_default("grace", Duration::ZERO, duration(Duration::ZERO..=720 * HOUR)),
            fetch: reader.with_default("fetch", false, boolean),
            ocsp: reader.with_default("ocsp", false, boolean),
            hosts: reader.list("hosts", host).unwrap_or_default(),
            addresses: reader.list("addresses", network).unwrap_or_default(),
            rewrite: reader.tables("rewrite", &REWRITE, RewrittenUrl::read).into_iter().flatten().collect(),
            ldaps_ca: reader.optional("ldaps_ca", file),
            cache_dir: reader.optional("cache_dir", file),
            max_crl: reader.with_default("max_crl", LARGEST_CRL, byte_size(1 << 10..=LARGEST_CRL << 2)),
            fetch_timeout: reader.with_default("fetch_timeout", 60 * SECOND, duration(SECOND..=HOUR)),
            ocsp_nonce: reader.with_default("ocsp_nonce", NonceRule::default(), choice(NONCES)),
            ocsp_responder: reader
                .optional_table("ocsp_responder", &OCSP_RESPONDER, OcspResponder::read)
                .flatten(),
            issuers: reader.tables("issuers", &ISSUER, IssuerDemand::read).into_iter().flatten().collect(),
        };
        revocation.check(reader);
        revocation
    }

    /// Where what is wrong with a CRL is told.
    pub(super) fn span(&self) -> Span {
        self.crl.first().map_or(self.mode.span, |first| first.span)
    }

    fn check(&self, reader: &mut TableReader<'_>) {
        let is_off = self.mode.value == RevocationMode::Off;
        if is_off {
            let message = "revocation is off: a stolen card that was revoked is let in until it expires";
            reader.warning(self.mode.span, "mode", message);
        }
        // An issuer may demand something in a realm that is off.
        if is_off && !reader.holds_items("issuers") {
            for names in [SOURCES, FETCHING, FETCHING_CRLS, ASKING] {
                let help = "write mode = \"require\", or remove";
                does_nothing(reader, names, "the mode is \"off\"", help);
            }
            return;
        }
        self.check_sources(reader);
        let (fetch, ocsp) = (self.fetch.value, self.ocsp.value);
        if !fetch && !ocsp {
            does_nothing(
                reader,
                FETCHING,
                "neither `fetch` nor `ocsp` is on",
                "write fetch = true, or remove",
            );
        }
        if !fetch {
            does_nothing(reader, FETCHING_CRLS, "`fetch` is not on", "write fetch = true, or remove");
        }
        if !ocsp {
            does_nothing(reader, ASKING, "`ocsp` is not on", "write ocsp = true, or remove");
        }
        if (fetch || ocsp) && !reader.holds_items("hosts") {
            let span = if fetch { self.fetch.span } else { self.ocsp.span };
            let message = "nothing can be fetched: `hosts` names no host";
            reader.error(span, "hosts", message).help("write hosts = [\"pki.corp.example\"]");
        }
    }

    fn check_sources(&self, reader: &mut TableReader<'_>) {
        if reader.holds_items("crl") || self.fetch.value || self.ocsp.value {
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

fn does_nothing(reader: &mut TableReader<'_>, names: &[&str], because: &str, help: &str) {
    for name in names {
        if let Some(span) = reader.written_at(name) {
            let message = format!("`{name}` does nothing: {because}");
            reader.error(span, name, message).help(format!("{help} `{name}`"));
        }
    }
}

impl RewrittenUrl {
    fn read(reader: &mut TableReader<'_>) -> Option<Self> {
        let from = reader.required("from", "from = \"ldap:///CN=Staff%20CA\"", text);
        let to = reader.required("to", "to = \"http://pki.corp.example/staff.crl\"", crl_url);
        Some(Self { from: from?, to: to? })
    }
}

impl OcspResponder {
    fn read(reader: &mut TableReader<'_>) -> Option<Self> {
        let url = reader.required("url", "url = \"http://ocsp.corp.example\"", http_url);
        let certificate = reader.optional("certificate", file);
        Some(Self { url: url?, certificate })
    }
}

impl IssuerDemand {
    fn read(reader: &mut TableReader<'_>) -> Option<Self> {
        let certificate = reader.required("certificate", "certificate = \"pki/root.pem\"", file);
        let demand = reader.required("mode", "mode = \"prefer\"", choice(DEMANDS));
        Some(Self { certificate: certificate?, demand: demand? })
    }
}

fn host(value: &DeValue<'_>) -> Result<HostPattern, Fault> {
    let text = raw_text(value)?;
    text.parse().map_err(|_| {
        Fault::new(format!("{text:?} is not a host name")).help(
            "such as \"pki.corp.example\", \"*.corp.example\" or \"192.0.2.1\", without scheme and port",
        )
    })
}

/// What a URL may be rewritten to: an http one, or an LDAP one up to where a server's name begins.
fn crl_url(value: &DeValue<'_>) -> Result<String, Fault> {
    let url = text(value)?;
    let directory = url.strip_prefix("ldap://").or_else(|| url.strip_prefix("ldaps://"));
    if directory.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/')) {
        return Ok(url);
    }
    http_url(value)
}

fn http_url(value: &DeValue<'_>) -> Result<String, Fault> {
    let url = text(value)?;
    let rest = url.strip_prefix("http://").filter(|rest| !rest.is_empty());
    match rest {
        Some(_) => Ok(url),
        None => Err(Fault::new(format!("{url:?} is not an http URL")).help(
            "such as \"http://pki.corp.example/staff.crl\": what is fetched is signed, so https adds nothing",
        )),
    }
}
