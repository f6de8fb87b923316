//! Takes the issuingDistributionPoint of a CRL, gives what the CRL covers, and says whether that is what a certificate's
//! distribution point promises (RFC 5280 6.3.3 (b)). Never looks at entries, dates or signatures.

use crate::certificate::{
    Certificate, CrlDistributionPoint, DistinguishedName, GeneralPlace, IssuingDistributionPoint, PointName,
    ReasonFlags, Reasons,
};
use std::slice;

/// What a CRL covers (RFC 5280 5.2.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::revocation) struct CrlScope {
    point: Option<PointName>,
    certificates: CertificateKind,
    pub(in crate::revocation) reasons: ReasonFlags,
    /// Whether it holds certificates of other issuers too.
    pub(in crate::revocation) is_indirect: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CertificateKind {
    All,
    OfUsers,
    OfAuthorities,
    /// None that is judged here.
    OfAttributes,
}

/// One place where a certificate says that CRLs about it are found (RFC 5280 6.3.3).
#[derive(Clone, Copy, Debug)]
pub(in crate::revocation) enum CertificatePoint<'a> {
    /// A distribution point that it names.
    Named(&'a CrlDistributionPoint),
    /// Wherever its issuer publishes: what RFC 5280 6.3.3 assumes after all points that it names.
    Issuer,
}

/// Each of the eight reasons of RFC 5280 4.2.1.13; the ninth flag is unused.
pub(in crate::revocation) fn all_reasons() -> ReasonFlags {
    ReasonFlags::full() - Reasons::Unused
}

impl Default for CrlScope {
    /// All that its issuer issued, for all reasons.
    fn default() -> Self {
        Self { point: None, certificates: CertificateKind::All, reasons: all_reasons(), is_indirect: false }
    }
}

impl CrlScope {
    /// Reads an issuingDistributionPoint. Nothing where it cannot be decoded or contradicts itself.
    pub(in crate::revocation) fn read(value: &[u8]) -> Option<Self> {
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

    /// The scope of a CRL that does not specify it in a way that can be decoded: what such a CRL lists may be any
    /// certificate. Never one whose silence counts.
    pub(in crate::revocation) fn any() -> Self {
        Self { is_indirect: true, ..Self::default() }
    }

    /// Whether a CRL of this scope covers all that one of `other`, by the same issuer, covers. "No" where that is not
    /// certain. An indirect CRL and a direct one cover different things, whatever else they say.
    pub(in crate::revocation) fn includes(&self, other: &Self) -> bool {
        let of_kind = self.certificates == CertificateKind::All || self.certificates == other.certificates;
        let of_place = self.point.is_none() || self.point == other.point;
        of_kind
            && of_place
            && self.is_indirect == other.is_indirect
            && (other.reasons - self.reasons).is_empty()
    }

    /// Whether a CRL of this scope and issuer speaks of a certificate where the certificate says so.
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

    /// RFC 5280 6.3.3 (b)(1): a CRL for another issuer's certificates says that it is one.
    fn is_issued_for(&self, certificate: &Certificate, point: CertificatePoint<'_>) -> bool {
        point.other_issuers().is_none() || self.is_indirect || point.is_of(certificate.issuer())
    }

    /// RFC 5280 6.3.3 (b)(2)(i). Any of the names of the one may be any of the names of the other.
    fn is_found_at(
        &self,
        crl_issuer: &DistinguishedName,
        certificate: &Certificate,
        point: CertificatePoint<'_>,
    ) -> bool {
        let Some(own) = &self.point else { return true };
        let promised = point.places(certificate);
        own.places([crl_issuer]).iter().any(|place| promised.contains(place))
    }
}

impl<'a> CertificatePoint<'a> {
    /// All points of a certificate.
    pub(in crate::revocation) fn all(certificate: &'a Certificate) -> impl Iterator<Item = Self> {
        certificate.crl_distribution_points().iter().map(Self::Named).chain([Self::Issuer])
    }

    /// Who issues the CRLs that are found there.
    pub(in crate::revocation) fn crl_issuers(self, certificate: &'a Certificate) -> &'a [DistinguishedName] {
        self.other_issuers().unwrap_or(slice::from_ref(certificate.issuer()))
    }

    /// The reasons that are covered there.
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

    /// Whether it names this issuer, and nobody else, as the one who issues its CRLs.
    fn is_of(self, issuer: &DistinguishedName) -> bool {
        self.other_issuers().is_some_and(|issuers| issuers.iter().all(|one| one == issuer))
    }

    /// Its names; where it has none, those of who issues its CRLs.
    fn places(self, certificate: &Certificate) -> Vec<GeneralPlace> {
        let issuers = self.crl_issuers(certificate);
        match self {
            Self::Named(CrlDistributionPoint { name: Some(name), .. }) => name.places(issuers),
            Self::Named(_) | Self::Issuer => issuers.iter().cloned().map(GeneralPlace::Directory).collect(),
        }
    }
}
