//! The conditions of a path rule on client certificates, in addition to their validity.

use super::credential::Credential;
use super::denial::{Denial, DenialId};
use crate::certificate::{KeyId, ObjectIdentifier};
use crate::validation::ValidPath;

/// Conditions on the client certificate of one path. An empty list requires nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CertificateConditions {
    /// Extended key usages that the leaf must all have. anyExtendedKeyUsage does not stand for them.
    pub extended_key_usages: Vec<ObjectIdentifier>,
    /// Certificate policies of which one must be valid on the path.
    pub certificate_policies: Vec<ObjectIdentifier>,
    /// Authorities of which one must be on the path, pinned by key: a name can be copied, a key cannot.
    pub issuers: Vec<KeyId>,
}

impl CertificateConditions {
    /// Checks that one valid path of the certificate meets every condition by itself: a policy of one path and an issuer of
    /// another must not together satisfy a rule that no single path satisfies.
    ///
    /// # Errors
    /// `certificate-not-sufficient` with the first condition that no path meets.
    pub(super) fn check(&self, credential: &Credential) -> Result<(), Denial> {
        let missing = |what: String| Err(Denial::new(DenialId::CertificateNotSufficient, what));
        let leaf = credential.leaf();
        if let Some(usage) = self.extended_key_usages.iter().find(|usage| !leaf.names_usage(**usage)) {
            return missing(format!(
                "the certificate lacks the extended key usage {usage}, which `extended_key_usage` of the path rule requires"
            ));
        }
        if credential.paths().any(|path| self.are_met_by(path)) {
            return Ok(());
        }
        if !credential.paths().any(|path| self.usages_are_met_by(path)) {
            return missing(
                "an authority of the certificate may not issue for `extended_key_usage` of the path rule"
                    .to_owned(),
            );
        }
        let key = if credential.paths().any(|path| self.policy_is_met_by(path)) {
            "issuers"
        } else {
            "certificate_policies"
        };
        missing(format!("no valid path of the certificate has one of `{key}` of the path rule"))
    }

    /// Returns whether `path` alone meets the conditions on paths.
    pub(super) fn are_met_by(&self, path: &ValidPath) -> bool {
        self.usages_are_met_by(path)
            && self.policy_is_met_by(path)
            && (self.issuers.is_empty() || self.issuers.iter().any(|key| path.issuers().contains(key)))
    }

    /// Returns whether the authorities of the path may issue for the required usages: a leaf must not claim a usage that its
    /// authority may not grant. As in path validation, the trust anchor sets no limit.
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
