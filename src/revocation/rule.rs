//! The revocation rule of a realm, and its exceptions for single issuers.

use crate::certificate::KeyId;
use std::time::Duration;

/// Whether certificates of unknown revocation status are accepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum RevocationMode {
    /// The status is not checked: a revoked certificate is accepted.
    Off,
    /// A revoked certificate is rejected; one of unknown status is accepted for [`UNKNOWN_LIFETIME`].
    Prefer,
    /// A certificate is rejected unless a fresh CRL or an OCSP response shows that it is not revoked.
    #[default]
    Require,
}

/// The rule of a realm. The default requires the status of every certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct RevocationRule {
    /// The mode for all issuers that have no rule of their own.
    pub mode: RevocationMode,
    /// The time for which a CRL is accepted after its nextUpdate, for CAs that publish late. A CRL without nextUpdate
    /// has no grace.
    pub grace: Duration,
    /// Issuers with another mode. The certificates of an offline root that publishes once a year must not make every
    /// client certificate unusable when its CRL is late, and must not force a whole realm to
    /// [`RevocationMode::Prefer`].
    pub issuers: Vec<IssuerRule>,
}

/// The requirement for the certificates that one CA key has issued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct IssuerRule {
    /// The key of the CA: the rule applies to the certificates that it signed, whatever the CA's name.
    pub key: KeyId,
    /// The requirement.
    pub demand: RevocationDemand,
}

/// The requirement for the status of one certificate. The greater value is the stricter one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RevocationDemand {
    /// The status is not checked.
    Never,
    /// A revoked certificate is rejected, one of unknown status is accepted.
    IfAvailable,
    /// A certificate is rejected unless it is known not to be revoked.
    Required,
}

impl RevocationRule {
    /// Returns the requirement for the certificates that this key has issued. Of two rules for one key the stricter
    /// applies.
    pub fn demand_of(&self, issuer: KeyId) -> RevocationDemand {
        let of_issuer = self.issuers.iter().filter(|rule| rule.key == issuer).map(|rule| rule.demand);
        of_issuer.max().unwrap_or(match self.mode {
            RevocationMode::Off => RevocationDemand::Never,
            RevocationMode::Prefer => RevocationDemand::IfAvailable,
            RevocationMode::Require => RevocationDemand::Required,
        })
    }
}

/// The lifetime of a verdict of unknown status: the status may be known at the next check.
pub(crate) const UNKNOWN_LIFETIME: Duration = Duration::from_secs(60);
