//! Takes `user_certificates` of a backend, gives the subordinate CA whose certificates name users to it.
//!
//! Never reads the certificate or the key: the compile step does.

use super::identity_means::IdentityMeans;
use super::keys::{Section, key};
use super::reader::{Fault, TableReader};
use super::shape::{boolean, duration, file, raw_text};
use super::span::Spanned;
use std::path::PathBuf;
use std::time::Duration;
use toml::de::DeValue;

/// `user_certificates = { … }`. The files are there unless an error says otherwise.
#[derive(Clone, Debug)]
pub struct Issue {
    /// The CA's certificate, and those above it.
    pub certificate: Option<Spanned<PathBuf>>,
    /// Its key.
    pub private_key: Option<Spanned<PathBuf>>,
    /// How long its certificates count.
    pub lifetime: Spanned<Duration>,
    /// How long before their making they begin.
    pub backdate: Spanned<Duration>,
    /// Where the CA's CRL is.
    pub crl_distribution_point: Option<Spanned<String>>,
    /// Whether accounts get certificates in whose name nobody may act.
    pub unsafe_issue_for_protected_accounts: Spanned<bool>,
}

pub(super) const ISSUE: Section = Section {
    path: "backend.NAME.user_certificates",
    keys: &[
        key("certificate"),
        key("private_key"),
        key("lifetime"),
        key("backdate"),
        key("crl_distribution_point"),
        key(UNSAFE_PROTECTED),
    ],
};

const UNSAFE_PROTECTED: &str = "unsafe_issue_for_protected_accounts";
const MINUTE: Duration = Duration::from_secs(60);

impl Issue {
    /// `None` where the backend is not told by certificates, or where an error says what is missing.
    pub(super) fn read(means: IdentityMeans, reader: &mut TableReader<'_>) -> Option<Self> {
        let example = "user_certificates = { certificate = \"pki/gate-ca.pem\", private_key = \"/run/secrets/gate-ca.key\" }";
        match (means, reader.written_at("user_certificates")) {
            (IdentityMeans::Certificate, _) => reader.require("user_certificates", example),
            (IdentityMeans::Headers | IdentityMeans::Kerberos, Some(span)) => {
                let message = "`user_certificates` does nothing: the identity is not sent by certificate";
                reader
                    .error(span, "user_certificates", message)
                    .help("write identity = \"certificate\", or remove it");
            }
            (IdentityMeans::Headers | IdentityMeans::Kerberos, None) => {}
        }
        reader.optional_table("user_certificates", &ISSUE, Self::read_table)
    }

    fn read_table(reader: &mut TableReader<'_>) -> Self {
        let unsafe_issue = reader.with_default(UNSAFE_PROTECTED, false, boolean);
        if unsafe_issue.value {
            let message = "certificates are issued also for Protected Users and accounts that are marked \
                           \"sensitive and cannot be delegated\"";
            reader.warning(unsafe_issue.span, UNSAFE_PROTECTED, message);
        }
        Self {
            certificate: reader.required("certificate", "certificate = \"pki/gate-ca.pem\"", file),
            private_key: reader.required("private_key", "private_key = \"/run/secrets/gate-ca.key\"", file),
            lifetime: reader.with_default("lifetime", 5 * MINUTE, duration(MINUTE..=60 * MINUTE)),
            backdate: reader.with_default("backdate", MINUTE, duration(Duration::ZERO..=60 * MINUTE)),
            crl_distribution_point: reader.optional("crl_distribution_point", crl_url),
            unsafe_issue_for_protected_accounts: unsafe_issue,
        }
    }
}

/// Windows fetches CRLs for clients' certificates by http alone, unless it is told otherwise.
fn crl_url(value: &DeValue<'_>) -> Result<String, Fault> {
    let text = raw_text(value)?;
    let is_url = text
        .strip_prefix("http://")
        .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_graphic()));
    if is_url {
        return Ok(text.to_owned());
    }
    Err(Fault::new(format!("{text:?} is not the URL of a CRL"))
        .help("such as \"http://pki.corp.example/gate-ca.crl\""))
}
