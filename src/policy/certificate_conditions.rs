//! Conditions that a path rule sets on certificates, beyond their being valid.

use super::credential::Credential;
use super::denial::{Denial, DenialId};
use crate::certificate::{KeyId, ObjectIdentifier};
use crate::validation::ValidPath;

/// Conditions on the client certificate of one path. An empty list requires nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CertificateConditions {
    /// The leaf must have all of these extended key usages. anyExtendedKeyUsage does not count as any of them.
    pub extended_key_usages: Vec<ObjectIdentifier>,
    /// One of these policies must be valid on the path.
    pub certificate_policies: Vec<ObjectIdentifier>,
    /// One of these authorities must be on the path, pinned by key: a name can be copied, a key cannot.
    pub issuers: Vec<KeyId>,
}

impl CertificateConditions {
    /// Checks that one valid path of the certificate meets every condition by itself. A policy from one path and an issuer
    /// from another would be those of a certificate that no authority issued.
    ///
    /// # Errors
    /// `certificate-not-sufficient` with the first condition that no path meets.
    pub(super) fn check(&self, credential: &Credential) -> Result<(), Denial> {
        let missing = |what: String| Err(Denial::new(DenialId::CertificateNotSufficient, what));
        let leaf = credential.leaf();
        if let Some(usage) = self.extended_key_usages.iter().find(|usage| !leaf.names_usage(**usage)) {
            return missing(format!(
                "the certificate lacks the extended key usage {usage} that the path's `extended_key_usage` requires"
            ));
        }
        if credential.paths().any(|path| self.are_met_by(path)) {
            return Ok(());
        }
        if !credential.paths().any(|path| self.usages_are_met_by(path)) {
            return missing(
                "an authority of the certificate may not issue for the path's `extended_key_usage`"
                    .to_owned(),
            );
        }
        let key = if credential.paths().any(|path| self.policy_is_met_by(path)) {
            "issuers"
        } else {
            "certificate_policies"
        };
        missing(format!("no valid path of the certificate has one of the path's `{key}`"))
    }

    /// Whether `path` alone meets the conditions on paths.
    pub(super) fn are_met_by(&self, path: &ValidPath) -> bool {
        self.usages_are_met_by(path)
            && self.policy_is_met_by(path)
            && (self.issuers.is_empty() || self.issuers.iter().any(|key| path.issuers().contains(key)))
    }

    /// Whether the authorities of the path may issue for the required usages. A leaf cannot claim more than its authority
    /// may grant. The anchor sets no limit, as in path validation.
    fn usages_are_met_by(&self, path: &ValidPath) -> bool {
        let below_anchor = path.certificates().split_last().map_or(&[][..], |(_, below)| below);
        let mut authorities = below_anchor.iter().skip(1);
        authorities.all(|ca| self.extended_key_usages.iter().all(|usage| ca.allows_usage(*usage)))
    }

    fn policy_is_met_by(&self, path: &ValidPath) -> bool {
        self.certificate_policies.is_empty()
            || self.certificate_policies.iter().any(|policy| path.admits_policy(*policy))
    }
}
