//! The vectors in `tests/data/pkits`: for each test the presented chain, the trust set, the rule with the initial policy
//! inputs, and the CRLs. The expected results are in the manifest.

use portcullis::certificate::{Certificate, certificate_ders, crl_ders};
use portcullis::clock::UnixTime;
use portcullis::policy::CertificateRejection;
use portcullis::revocation::{CrlLoadError, CrlStore};
use portcullis::validation::{PresentedChain, TrustSet, ValidatedChain, ValidationRule, validate};
use rustls_pki_types::CertificateDer;
use serde::Deserialize;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

/// 2026-11-22T09:30:00Z: the suite is valid from 2010 to the end of 2030.
pub(crate) const NOW: UnixTime = UnixTime::from_seconds(1_795_339_800);

/// The group of a test by the revocation features that it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Tier {
    /// Paths, and CRLs that cover all certificates of their issuer.
    Core,
    /// Issuing distribution points, indirect CRLs and reasons (section 4.14).
    Crldp,
    /// Delta CRLs (section 4.15).
    Delta,
    /// CRLs that a CA signs with another key than its certificates.
    Sepkey,
}

/// One test, or one subpart of a test, from the manifest.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    /// `4.8.1/Subpart2`.
    pub(crate) id: String,
    /// `4.8.1`.
    pub(crate) section: String,
    pub(crate) title: String,
    anchor: String,
    intermediates: Vec<String>,
    leaf: String,
    crls: Vec<String>,
    /// Whether the path is valid and no certificate on it is revoked.
    pub(crate) expect: bool,
    initial_policy_set: Vec<String>,
    explicit_policy: bool,
    inhibit_mapping: bool,
    inhibit_any: bool,
    /// Whether the path has DSA keys.
    pub(crate) dsa: bool,
    pub(crate) tier: Tier,
}

/// The whole suite.
pub(crate) struct Suite {
    certificates: HashMap<String, Vec<u8>>,
    crls: HashMap<String, Vec<u8>>,
    pub(crate) entries: Vec<Entry>,
}

/// Returns the suite, which is read once.
pub(crate) static SUITE: LazyLock<Suite> = LazyLock::new(|| Suite {
    certificates: sections("certificates.pem", |pem| certificate_ders(pem).unwrap().remove(0).to_vec()),
    crls: sections("crls.pem", |pem| crl_ders(pem).unwrap().remove(0)),
    entries: serde_json::from_str(&text("manifest.json")).unwrap(),
});

impl Suite {
    /// Validates the path of a test without revocation. Some certificates of the suite cannot be parsed.
    pub(crate) fn validate(&self, entry: &Entry) -> Result<ValidatedChain, CertificateRejection> {
        let intermediates = entry.intermediates.iter().rev();
        let names = std::iter::once(&entry.leaf).chain(intermediates);
        let ders: Vec<_> = names.map(|name| CertificateDer::from(self.certificate(name))).collect();
        let presented = Arc::new(PresentedChain::parse(&ders).map_err(CertificateRejection::Malformed)?);
        let anchor = Certificate::from_der(self.certificate(&entry.anchor)).unwrap();
        let trust = TrustSet::new(vec![anchor], Vec::new());
        validate(&presented, &trust, &entry.rule(), NOW)
            .map_err(|error| CertificateRejection::Chain(Arc::new(error)))
    }

    /// Returns the CRLs of a test, read from files as the gateway reads them. One unreadable CRL fails the whole store.
    pub(crate) fn crl_store(&self, entry: &Entry) -> Result<CrlStore, CrlLoadError> {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &String| -> PathBuf {
            let path = folder.path().join(name);
            std::fs::write(&path, self.crls.get(name).unwrap_or_else(|| panic!("no CRL {name}"))).unwrap();
            path
        };
        let files: Vec<_> = entry.crls.iter().map(write).collect();
        CrlStore::load(&files)
    }

    fn certificate(&self, name: &str) -> &[u8] {
        self.certificates.get(name).unwrap_or_else(|| panic!("no certificate {name}"))
    }
}

impl Entry {
    /// Returns the suite's inputs to RFC 5280 6.1; its certificates have no extended key usages.
    fn rule(&self) -> ValidationRule {
        let initial = self.initial_policy_set.iter();
        ValidationRule {
            extended_key_usages: Vec::new(),
            initial_policies: initial.map(|policy| policy.parse().unwrap()).collect(),
            explicit_policy_required: self.explicit_policy,
            policy_mapping_inhibited: self.inhibit_mapping,
            any_policy_inhibited: self.inhibit_any,
            ..ValidationRule::default()
        }
    }

    /// Returns the chapter: `4.8` of `4.8.1`.
    pub(crate) fn chapter(&self) -> &str {
        self.section.rsplit_once('.').unwrap().0
    }
}

/// Returns the sections of a PEM file by the name in the line before each.
fn sections(file: &str, read: impl Fn(&[u8]) -> Vec<u8>) -> HashMap<String, Vec<u8>> {
    let text = text(file);
    let mut found = HashMap::new();
    let mut lines = text.lines();
    while let Some(name) = lines.next() {
        let mut pem = String::new();
        for line in lines.by_ref() {
            pem.push_str(line);
            pem.push('\n');
            if line.starts_with("-----END") {
                break;
            }
        }
        assert!(found.insert(name.to_owned(), read(pem.as_bytes())).is_none(), "{name} is defined twice");
    }
    found
}

fn text(file: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/pkits").join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
