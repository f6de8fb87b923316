//! The reasons for which certificates are revoked (RFC 5280 5.3.1).

use std::fmt;
use x509_cert::ext::pkix::CrlReason;

/// The reason for the revocation of a certificate (RFC 5280 5.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RevocationReason {
    /// No reason is given, or `unspecified`.
    Unspecified,
    /// The holder's key is known or suspected to be compromised.
    KeyCompromise,
    /// The CA's key is known or suspected to be compromised.
    CaCompromise,
    /// The holder's name or affiliation changed.
    AffiliationChanged,
    /// Another certificate replaces it.
    Superseded,
    /// It is no longer needed.
    CessationOfOperation,
    /// On hold: revoked until the hold is lifted.
    CertificateHold,
    /// A delta CRL removes the entry of its base (RFC 5280 5.3.1). In a complete CRL it is invalid, and counts as
    /// revoked.
    RemoveFromCrl,
    /// A privilege was withdrawn.
    PrivilegeWithdrawn,
    /// The attribute authority's key is known or suspected to be compromised.
    AaCompromise,
    /// A reason that RFC 5280 does not define. The certificate is revoked all the same.
    Unknown,
}

impl From<CrlReason> for RevocationReason {
    fn from(reason: CrlReason) -> Self {
        match reason {
            CrlReason::Unspecified => Self::Unspecified,
            CrlReason::KeyCompromise => Self::KeyCompromise,
            CrlReason::CaCompromise => Self::CaCompromise,
            CrlReason::AffiliationChanged => Self::AffiliationChanged,
            CrlReason::Superseded => Self::Superseded,
            CrlReason::CessationOfOperation => Self::CessationOfOperation,
            CrlReason::CertificateHold => Self::CertificateHold,
            CrlReason::RemoveFromCRL => Self::RemoveFromCrl,
            CrlReason::PrivilegeWithdrawn => Self::PrivilegeWithdrawn,
            CrlReason::AaCompromise => Self::AaCompromise,
        }
    }
}

impl RevocationReason {
    /// All reasons, in the order of [`Self::code`].
    const ALL: [Self; 11] = [
        Self::Unspecified,
        Self::KeyCompromise,
        Self::CaCompromise,
        Self::AffiliationChanged,
        Self::Superseded,
        Self::CessationOfOperation,
        Self::CertificateHold,
        Self::Unknown,
        Self::RemoveFromCrl,
        Self::PrivilegeWithdrawn,
        Self::AaCompromise,
    ];

    /// Returns a rank by which one of two entries for one serial number is chosen: the one of the greater permanence
    /// counts. A removal never hides a revocation, and a hold, which a delta CRL can lift, never hides a final
    /// revocation.
    pub(super) fn permanence(self) -> u8 {
        match self {
            Self::RemoveFromCrl => 0,
            Self::CertificateHold => 1,
            _ => 2,
        }
    }

    /// Returns the CRLReason of RFC 5280 5.3.1, or its unused value 7 for [`Self::Unknown`].
    pub(super) fn code(self) -> u8 {
        Self::ALL.iter().zip(0..).find_map(|(reason, code)| (*reason == self).then_some(code)).unwrap_or(7)
    }

    /// Returns the reason with this code.
    pub(super) fn from_code(code: u8) -> Self {
        Self::ALL.get(usize::from(code)).copied().unwrap_or(Self::Unknown)
    }
}

/// As RFC 5280 5.3.1 spells it: `keyCompromise`.
impl fmt::Display for RevocationReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unspecified => "unspecified",
            Self::KeyCompromise => "keyCompromise",
            Self::CaCompromise => "cACompromise",
            Self::AffiliationChanged => "affiliationChanged",
            Self::Superseded => "superseded",
            Self::CessationOfOperation => "cessationOfOperation",
            Self::CertificateHold => "certificateHold",
            Self::RemoveFromCrl => "removeFromCRL",
            Self::PrivilegeWithdrawn => "privilegeWithdrawn",
            Self::AaCompromise => "aACompromise",
            Self::Unknown => "unknown",
        })
    }
}
