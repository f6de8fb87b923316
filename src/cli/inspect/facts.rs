//! The contents of a certificate as `inspect --json` prints them. Scripts depend on the field names: fields are added and
//! never renamed, and every field is present.

use crate::certificate::{AltSecurityIdentity, Certificate, KeyAlgorithm, KeyUsage, ObjectIdentifier};
use crate::cli::output::{NamedOid, format_time};
use serde::Serialize;

/// The certificates of one file, as the whole output.
#[derive(Debug, Serialize)]
pub(super) struct InspectedFile {
    /// In the order of the file.
    pub(super) certificates: Vec<CertificateFacts>,
}

/// One certificate. Its names and URIs are claims that nothing has validated.
#[derive(Debug, Serialize)]
pub(super) struct CertificateFacts {
    pub(super) version: u8,
    /// In the form of RFC 4514: the most specific attribute first.
    pub(super) subject: String,
    pub(super) issuer: String,
    pub(super) self_issued: bool,
    /// Hexadecimal, most significant byte first.
    pub(super) serial: String,
    pub(super) not_before: String,
    pub(super) not_after: String,
    pub(super) key: KeyFacts,
    pub(super) signature_algorithm: NamedOid,
    /// SHA-256 over the DER.
    pub(super) sha256: String,
    /// SHA-256 over the SubjectPublicKeyInfo, as `identity_issuers` pins an issuer.
    pub(super) key_id: String,
    pub(super) upns: Vec<String>,
    pub(super) emails: Vec<String>,
    pub(super) dns_names: Vec<String>,
    pub(super) uris: Vec<String>,
    pub(super) directory_names: Vec<String>,
    /// The security identifier in Microsoft's extension or URI (KB5014754).
    pub(super) sid: Option<String>,
    /// `null` if the extension is absent.
    pub(super) extended_key_usages: Option<Vec<NamedOid>>,
    /// The Application Policies extension of AD CS; `null` if it is absent.
    pub(super) application_policies: Option<Vec<NamedOid>>,
    pub(super) key_usage: Option<Vec<&'static str>>,
    pub(super) basic_constraints: Option<BasicConstraintsFacts>,
    pub(super) policies: Vec<String>,
    pub(super) crl_distribution_points: Vec<DistributionPointFacts>,
    pub(super) ocsp: Vec<String>,
    pub(super) ca_issuers: Vec<String>,
    pub(super) subject_key_identifier: Option<String>,
    pub(super) authority_key_identifier: Option<String>,
    /// Which of nameConstraints, policyConstraints, policyMappings and inhibitAnyPolicy are present.
    pub(super) path_constraints: Vec<NamedOid>,
    pub(super) unknown_critical_extensions: Vec<NamedOid>,
    pub(super) duplicate_extensions: Vec<NamedOid>,
    pub(super) undecodable_extensions: Vec<NamedOid>,
    /// Whether at least one alternative name cannot be decoded.
    pub(super) alternative_names_undecodable: bool,
    /// The forms of the alternative names that cannot be decoded. Names of these forms are not mapped.
    pub(super) unreadable_names: Vec<String>,
    pub(super) alt_security_identities: Vec<AltSecurityFacts>,
}

#[derive(Debug, Serialize)]
pub(super) struct KeyFacts {
    /// `rsa`, `ec`, `ed25519`, or an object identifier.
    pub(super) algorithm: String,
    pub(super) bits: Option<u32>,
    /// The name in text output: `RSA 2048`.
    pub(super) name: String,
    /// Whether the gateway can verify signatures of this key. If not, the certificate cannot authenticate a client.
    pub(super) usable: bool,
}

#[derive(Debug, Serialize)]
pub(super) struct BasicConstraintsFacts {
    pub(super) ca: bool,
    pub(super) path_length: Option<u32>,
}

#[derive(Debug, Serialize)]
pub(super) struct DistributionPointFacts {
    pub(super) uris: Vec<String>,
    pub(super) some_reasons: bool,
    pub(super) other_issuer: bool,
}

#[derive(Debug, Serialize)]
pub(super) struct AltSecurityFacts {
    pub(super) form: &'static str,
    pub(super) strength: &'static str,
    pub(super) value: String,
}

impl CertificateFacts {
    pub(super) fn of(certificate: &Certificate) -> Self {
        let names = certificate.subject_alternative_names();
        let access = certificate.authority_information_access();
        let named = |found: &[ObjectIdentifier]| found.iter().copied().map(NamedOid::from).collect();
        Self {
            version: certificate.version(),
            subject: certificate.subject().to_string(),
            issuer: certificate.issuer().to_string(),
            self_issued: certificate.is_self_issued(),
            serial: certificate.serial().to_string(),
            not_before: format_time(certificate.not_before()),
            not_after: format_time(certificate.not_after()),
            key: KeyFacts::of(certificate),
            signature_algorithm: certificate.signature_algorithm().into(),
            sha256: certificate.fingerprint().to_string(),
            key_id: certificate.key_id().to_string(),
            upns: names.upns.clone(),
            emails: names.emails.clone(),
            dns_names: names.dns_names.clone(),
            uris: names.uris.clone(),
            directory_names: names.directory_names.iter().map(ToString::to_string).collect(),
            sid: certificate.sid().map(str::to_owned),
            extended_key_usages: certificate.extended_key_usages().map(named),
            application_policies: certificate.application_policies().map(named),
            key_usage: certificate.key_usage().map(key_usages),
            basic_constraints: certificate.basic_constraints().map(|constraints| BasicConstraintsFacts {
                ca: constraints.ca,
                path_length: constraints.path_length,
            }),
            policies: certificate.policies().iter().map(ToString::to_string).collect(),
            crl_distribution_points: distribution_points(certificate),
            ocsp: access.ocsp.clone(),
            ca_issuers: access.ca_issuers.clone(),
            subject_key_identifier: certificate.subject_key_identifier().map(hexadecimal),
            authority_key_identifier: certificate.authority_key_identifier().map(hexadecimal),
            path_constraints: named(&certificate.path_constraints()),
            unknown_critical_extensions: named(certificate.unknown_critical_extensions()),
            duplicate_extensions: named(certificate.duplicate_extensions()),
            undecodable_extensions: named(certificate.undecodable_extensions()),
            alternative_names_undecodable: names.undecodable || !names.unreadable.is_empty(),
            unreadable_names: names.unreadable.iter().map(|name| name.form.to_string()).collect(),
            alt_security_identities: certificate
                .alt_security_identities()
                .into_iter()
                .map(AltSecurityFacts::from)
                .collect(),
        }
    }
}

impl KeyFacts {
    fn of(certificate: &Certificate) -> Self {
        let key = certificate.key_algorithm();
        let (algorithm, bits) = match key {
            KeyAlgorithm::Rsa { bits } => ("rsa".to_owned(), Some(bits)),
            KeyAlgorithm::EcP256 => ("ec".to_owned(), Some(256)),
            KeyAlgorithm::EcP384 => ("ec".to_owned(), Some(384)),
            KeyAlgorithm::EcP521 => ("ec".to_owned(), Some(521)),
            KeyAlgorithm::Ed25519 => ("ed25519".to_owned(), Some(256)),
            KeyAlgorithm::Other(oid) => (oid.to_string(), None),
        };
        Self { algorithm, bits, name: key.to_string(), usable: certificate.has_usable_key() }
    }
}

impl From<AltSecurityIdentity> for AltSecurityFacts {
    fn from(identity: AltSecurityIdentity) -> Self {
        let strength = if identity.form.is_strong() { "strong" } else { "weak" };
        Self { form: identity.form.name(), strength, value: identity.value }
    }
}

fn distribution_points(certificate: &Certificate) -> Vec<DistributionPointFacts> {
    let points = certificate.crl_distribution_points().iter();
    points
        .map(|point| DistributionPointFacts {
            uris: point.uris.clone(),
            some_reasons: point.reasons.is_some(),
            other_issuer: point.crl_issuers.is_some(),
        })
        .collect()
}

/// Returns the names of the usages as in RFC 5280 4.2.1.3.
fn key_usages(usage: KeyUsage) -> Vec<&'static str> {
    let bits = [
        (usage.digital_signature(), "digitalSignature"),
        (usage.non_repudiation(), "nonRepudiation"),
        (usage.key_encipherment(), "keyEncipherment"),
        (usage.data_encipherment(), "dataEncipherment"),
        (usage.key_agreement(), "keyAgreement"),
        (usage.key_cert_sign(), "keyCertSign"),
        (usage.crl_sign(), "cRLSign"),
        (usage.encipher_only(), "encipherOnly"),
        (usage.decipher_only(), "decipherOnly"),
    ];
    bits.into_iter().filter_map(|(set, name)| set.then_some(name)).collect()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
