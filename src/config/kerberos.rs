//! Takes the keys of a `[backend.NAME]` that say how it is spoken to in users' names by Kerberos.
//!
//! Never opens the keytab: the compile step does.

use super::identity_means::IdentityMeans;
use super::keys::{Section, key};
use super::reader::{Fault, TableReader};
use super::shape::{boolean, duration, file, raw_text, text};
use super::span::Spanned;
use crate::backend::RuleRealm;
use std::path::PathBuf;
use std::time::Duration;
use toml::de::DeValue;

const SECOND: Duration = Duration::from_secs(1);

/// What Kerberos needs.
#[derive(Clone, Debug)]
pub struct Kerberos {
    /// The service that tickets are for, `HTTP/rms.corp.example`.
    pub spn: Spanned<String>,
    /// The file with the gate's own key.
    pub keytab: Spanned<PathBuf>,
    /// `kerberos = { … }`.
    pub options: KerberosOptions,
}

/// `kerberos = { … }`.
#[derive(Clone, Debug)]
pub struct KerberosOptions {
    /// The gate's own account; the keytab's first when not written.
    pub principal: Option<Spanned<String>>,
    /// The realm of accounts whose domain no directory tells.
    pub realm: Option<Spanned<String>>,
    /// What the realm's domain is called in `DOMAIN\\name`; the realm's first label when not written.
    pub domain: Option<Spanned<String>>,
    /// Whether the server keeps the account with the connection.
    pub persist: Spanned<bool>,
    /// For a ticket to be got, waiting included.
    pub timeout: Spanned<Duration>,
    /// Whether tickets with RC4 keys count.
    pub unsafe_allow_rc4: Spanned<bool>,
    /// Whether an answer counts in which the server does not prove itself.
    pub unsafe_skip_mutual_authentication: Spanned<bool>,
}

pub(super) const KERBEROS: Section = Section {
    path: "backend.NAME.kerberos",
    keys: &[
        key("principal"),
        key("realm"),
        key("domain"),
        key("persist"),
        key("timeout"),
        key("unsafe_allow_rc4"),
        key("unsafe_skip_mutual_authentication"),
    ],
};

impl Kerberos {
    /// `None` where the backend is not told by Kerberos, or where an error says what is missing.
    pub(super) fn read(means: IdentityMeans, reader: &mut TableReader<'_>) -> Option<Self> {
        if means == IdentityMeans::Kerberos {
            reader.require("spn", "spn = \"HTTP/rms.corp.example\"");
            reader.require("keytab", "keytab = \"/run/secrets/portcullis.keytab\"");
        } else {
            for name in ["spn", "keytab", "kerberos"] {
                let Some(span) = reader.written_at(name) else { continue };
                reader
                    .error(span, name, format!("`{name}` does nothing: the identity is not sent by Kerberos"))
                    .help("write identity = \"kerberos\", or remove it");
            }
        }
        let spn = reader.optional("spn", service);
        let keytab = reader.optional("keytab", file);
        let options = reader.table("kerberos", &KERBEROS, KerberosOptions::read);
        (means == IdentityMeans::Kerberos).then_some(Self { spn: spn?, keytab: keytab?, options })
    }
}

impl KerberosOptions {
    /// The realm of accounts whose domain no directory tells.
    pub(super) fn rule_realm(&self) -> Option<RuleRealm> {
        let domain = self.domain.as_ref().map(|domain| domain.value.clone());
        self.realm.as_ref().map(|realm| RuleRealm { name: realm.value.clone(), domain })
    }

    fn read(reader: &mut TableReader<'_>) -> Self {
        let options = Self {
            principal: reader.optional("principal", text),
            realm: reader.optional("realm", realm),
            domain: reader.optional("domain", text),
            persist: reader.with_default("persist", false, boolean),
            timeout: reader.with_default("timeout", 10 * SECOND, duration(SECOND..=60 * SECOND)),
            unsafe_allow_rc4: reader.with_default("unsafe_allow_rc4", false, boolean),
            unsafe_skip_mutual_authentication: reader.with_default(
                "unsafe_skip_mutual_authentication",
                false,
                boolean,
            ),
        };
        if let (Some(domain), None) = (&options.domain, &options.realm) {
            reader
                .error(
                    domain.span,
                    "domain",
                    "`domain` does nothing: it says what the domain of `realm` is called",
                )
                .help("add `realm`, or remove it");
        }
        let loosened = [
            (
                "unsafe_allow_rc4",
                &options.unsafe_allow_rc4,
                "RC4 tickets count: whoever records one can guess the service's password from it",
            ),
            (
                "unsafe_skip_mutual_authentication",
                &options.unsafe_skip_mutual_authentication,
                "the server need not prove itself: whoever answers at its address is taken for it",
            ),
        ];
        for (name, switch, message) in loosened {
            if switch.value {
                reader.warning(switch.span, name, message);
            }
        }
        options
    }
}

/// A service principal name of two parts, as Active Directory registers it for HTTP.
fn service(value: &DeValue<'_>) -> Result<String, Fault> {
    let text = raw_text(value)?;
    let fault = || {
        Fault::new(format!("{text:?} is not a service principal name"))
            .help("write the class, a slash and the host, such as \"HTTP/rms.corp.example\"")
    };
    let (class, host) = text.split_once('/').ok_or_else(fault)?;
    let plain = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
    };
    if plain(class) && plain(host) { Ok(text.to_owned()) } else { Err(fault()) }
}

/// Realms are compared byte by byte, and those of Active Directory are in capitals (RFC 4120 6.1).
fn realm(value: &DeValue<'_>) -> Result<String, Fault> {
    let text = text(value)?;
    let upper = text.to_ascii_uppercase();
    if text == upper {
        return Ok(text);
    }
    Err(Fault::new(format!("{text:?} is no realm of Active Directory: those are in capitals"))
        .help(format!("write {upper:?}")))
}
