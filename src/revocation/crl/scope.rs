//! The scope of a CRL (issuingDistributionPoint, RFC 5280 5.2.5), and whether it covers a certificate at one of the
//! certificate's distribution points (RFC 5280 6.3.3 (b)).

use crate::certificate::{
    Certificate, CrlDistributionPoint, DistinguishedName, GeneralPlace, IssuingDistributionPoint, PointName,
    ReasonFlags, Reasons,
};
use std::slice;

/// The certificates and reasons that a CRL covers (RFC 5280 5.2.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::revocation) struct CrlScope {
    point: Option<PointName>,
    certificates: CertificateKind,
    pub(in crate::revocation) reasons: ReasonFlags,
    /// Whether it may list certificates of other issuers.
    pub(super) is_indirect: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CertificateKind {
    All,
    OfUsers,
    OfAuthorities,
    /// Attribute certificates, which are not checked here.
    OfAttributes,
}

/// A distribution point of the CRLs for a certificate (RFC 5280 6.3.3).
#[derive(Clone, Copy, Debug)]
pub(in crate::revocation) enum CertificatePoint<'a> {
    /// A distribution point in the certificate.
    Named(&'a CrlDistributionPoint),
    /// An unnamed one of the certificate's issuer, which RFC 5280 6.3.3 assumes after the named ones.
    Issuer,
}

/// Returns the eight reasons of RFC 5280 4.2.1.13; the ninth flag is unused.
pub(in crate::revocation) fn all_reasons() -> ReasonFlags {
    ReasonFlags::full() - Reasons::Unused
}

impl Default for CrlScope {
    /// Returns the scope of a CRL without the extension: all certificates of its issuer, for all reasons.
    fn default() -> Self {
        Self { point: None, certificates: CertificateKind::All, reasons: all_reasons(), is_indirect: false }
    }
}

impl CrlScope {
    /// Decodes an issuingDistributionPoint. Returns `None` if it cannot be decoded or contradicts itself.
    pub(super) fn read(value: &[u8]) -> Option<Self> {
        let point = IssuingDistributionPoint::read(value).ok()?;
        let certificates = match (point.only_users, point.only_authorities, point.only_attributes) {
            (false, false, false) => CertificateKind::All,
            (true, false, false) => CertificateKind::OfUsers,
            (false, true, false) => CertificateKind::OfAuthorities,
            (false, false, true) => CertificateKind::OfAttributes,
            _ => return None,
        };
        Some(Self {
            point: point.name,
            certificates,
            reasons: point.reasons.map_or(all_reasons(), |some| some & all_reasons()),
            is_indirect: point.is_indirect,
        })
    }

    /// Returns the scope of a CRL whose scope cannot be decoded: its entries may be for any certificate. Such a CRL
    /// must be unusable.
    pub(super) fn any() -> Self {
        Self { is_indirect: true, ..Self::default() }
    }

    /// Returns whether a CRL of this scope certainly covers all that a CRL of `other`, by the same issuer, covers. An
    /// indirect and a direct CRL never cover the same.
    pub(super) fn includes(&self, other: &Self) -> bool {
        let of_kind = self.certificates == CertificateKind::All || self.certificates == other.certificates;
        let of_point = self.point.is_none() || self.point == other.point;
        of_kind
            && of_point
            && self.is_indirect == other.is_indirect
            && (other.reasons - self.reasons).is_empty()
    }

    /// Returns whether a CRL of this scope and issuer covers a certificate at one of its distribution points.
    pub(in crate::revocation) fn covers(
        &self,
        crl_issuer: &DistinguishedName,
        certificate: &Certificate,
        point: CertificatePoint<'_>,
    ) -> bool {
        let is_authority = certificate.basic_constraints().is_some_and(|constraints| constraints.ca);
        let is_of_kind = match self.certificates {
            CertificateKind::All => true,
            CertificateKind::OfUsers => !is_authority,
            CertificateKind::OfAuthorities => is_authority,
            CertificateKind::OfAttributes => false,
        };
        is_of_kind
            && self.is_issued_for(certificate, point)
            && self.is_found_at(crl_issuer, certificate, point)
    }

    /// Returns whether the issuer matches. RFC 5280 6.3.3 (b)(1): a CRL for another issuer's certificates must be
    /// marked as indirect.
    fn is_issued_for(&self, certificate: &Certificate, point: CertificatePoint<'_>) -> bool {
        point.other_issuers().is_none() || self.is_indirect || point.is_of(certificate.issuer())
    }

    /// Returns whether the distribution point matches (RFC 5280 6.3.3 (b)(2)(i)). Any of the names of the one may be
    /// any of the names of the other.
    fn is_found_at(
        &self,
        crl_issuer: &DistinguishedName,
        certificate: &Certificate,
        point: CertificatePoint<'_>,
    ) -> bool {
        let Some(own) = &self.point else { return true };
        let of_certificate = point.places(certificate);
        own.places([crl_issuer]).iter().any(|place| of_certificate.contains(place))
    }
}

impl<'a> CertificatePoint<'a> {
    /// Returns all distribution points of a certificate.
    pub(in crate::revocation) fn all(certificate: &'a Certificate) -> impl Iterator<Item = Self> {
        certificate.crl_distribution_points().iter().map(Self::Named).chain([Self::Issuer])
    }

    /// Returns the issuers of the CRLs at this point.
    pub(in crate::revocation) fn crl_issuers(self, certificate: &'a Certificate) -> &'a [DistinguishedName] {
        self.other_issuers().unwrap_or(slice::from_ref(certificate.issuer()))
    }

    /// Returns the reasons that the CRLs at this point cover.
    pub(in crate::revocation) fn reasons(self) -> ReasonFlags {
        match self {
            Self::Named(point) => point.reasons.map_or(all_reasons(), |some| some & all_reasons()),
            Self::Issuer => all_reasons(),
        }
    }

    fn other_issuers(self) -> Option<&'a [DistinguishedName]> {
        match self {
            Self::Named(point) => point.crl_issuers.as_deref(),
            Self::Issuer => None,
        }
    }

    /// Returns whether it names this issuer, and no other, as its CRL issuer.
    fn is_of(self, issuer: &DistinguishedName) -> bool {
        self.other_issuers().is_some_and(|issuers| issuers.iter().all(|one| one == issuer))
    }

    /// Returns its names, or those of its CRL issuers if it has none.
    fn places(self, certificate: &Certificate) -> Vec<GeneralPlace> {
        let issuers = self.crl_issuers(certificate);
        match self {
            Self::Named(CrlDistributionPoint { name: Some(name), .. }) => name.places(issuers),
            Self::Named(_) | Self::Issuer => issuers.iter().cloned().map(GeneralPlace::Directory).collect(),
        }
    }
}
