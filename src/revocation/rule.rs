//! What a realm demands to know about revocation, and about the certificates of which issuer.

use crate::certificate::KeyId;
use std::time::Duration;

/// How much a realm wants to know about revocation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum RevocationMode {
    /// Nothing is looked up: a revoked card is let in.
    Off,
    /// A revoked certificate is refused; one that nobody knows anything about passes, for [`UNKNOWN_LIFETIME`].
    Prefer,
    /// A certificate is refused unless a fresh CRL shows that it is not revoked.
    #[default]
    Require,
}

/// A realm's rule about revocation. The default demands a fresh CRL of every issuer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct RevocationRule {
    /// How much must be known.
    pub mode: RevocationMode,
    /// How long after its nextUpdate a CRL still counts as fresh, for CAs that publish late. A CRL without nextUpdate
    /// is given none.
    pub grace: Duration,
    /// Issuers for which something else holds than the mode, in a realm of any mode. A root that is offline and
    /// publishes once a year must not shut out everybody, and must not force a realm to prefer everywhere.
    pub issuers: Vec<IssuerRule>,
}

/// What is demanded to know of the certificates that one CA key has issued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct IssuerRule {
    /// The key of the CA: the rule holds for the certificates signed by it, whatever name the CA bears.
    pub key: KeyId,
    /// How much must be known of them.
    pub demand: RevocationDemand,
}

/// How much must be known of one certificate. The greater one is the stricter one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RevocationDemand {
    /// Nothing is looked up.
    Never,
    /// A revoked certificate is refused, one that nobody knows anything about passes.
    IfAvailable,
    /// A certificate is refused unless it is known not to be revoked.
    Required,
}

impl RevocationRule {
    /// What must be known of the certificates that this key has issued. Of two rules for one key the stricter holds.
    pub fn demand_of(&self, issuer: KeyId) -> RevocationDemand {
        let of_issuer = self.issuers.iter().filter(|rule| rule.key == issuer).map(|rule| rule.demand);
        of_issuer.max().unwrap_or(match self.mode {
            RevocationMode::Off => RevocationDemand::Never,
            RevocationMode::Prefer => RevocationDemand::IfAvailable,
            RevocationMode::Require => RevocationDemand::Required,
        })
    }
}

/// How long a verdict lives that passed without knowing: the next one may know.
pub const UNKNOWN_LIFETIME: Duration = Duration::from_secs(60);
