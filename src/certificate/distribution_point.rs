//! Takes the distribution points that a certificate or a CRL names, gives names that can be compared. Never fetches
//! anything, and never takes two names for one that RFC 5280 section 7 keeps apart.

use der::Encode;
use der::asn1::AnyRef;
use der::{Decode, Tag, Tagged};
use x509_cert::ext::pkix::crl::dp::{DistributionPoint, ReasonFlags};
use x509_cert::ext::pkix::name::{DistributionPointName, GeneralName};

use super::name::DistinguishedName;

/// One place where CRLs are found (RFC 5280 4.2.1.13).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CrlDistributionPoint {
    /// The URIs of its full name.
    pub uris: Vec<String>,
    /// Its name, where it has one: the CRLs found there may repeat it (RFC 5280 5.2.5).
    pub name: Option<PointName>,
    /// The reasons for revocation that its CRLs cover; absent: all.
    pub reasons: Option<ReasonFlags>,
    /// Who issues its CRLs where that is not the certificate's issuer (an indirect CRL); empty where the field names
    /// nobody by a distinguished name.
    pub crl_issuers: Option<Vec<DistinguishedName>>,
}

/// The name of a distribution point, in a certificate or in a CRL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PointName {
    /// Names that all mean the same point.
    Full(Vec<GeneralPlace>),
    /// A relative distinguished name in DER, to be added to the name of the CRL's issuer.
    RelativeToIssuer(Box<[u8]>),
}

/// One name of a distribution point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GeneralPlace {
    /// An entry of a directory.
    Directory(DistinguishedName),
    /// A URI, its scheme and host in lower case (RFC 5280 7.4).
    Uri(String),
    /// Any other form of name, in DER.
    Other(Box<[u8]>),
}

impl PointName {
    /// All names that it stands for, given the names that the issuer of the CRL goes by.
    pub fn places<'a>(
        &self,
        crl_issuers: impl IntoIterator<Item = &'a DistinguishedName>,
    ) -> Vec<GeneralPlace> {
        match self {
            Self::Full(places) => places.clone(),
            Self::RelativeToIssuer(relative) => {
                let below = |issuer| below(issuer, relative).map(GeneralPlace::Directory);
                crl_issuers.into_iter().filter_map(below).collect()
            }
        }
    }
}

impl TryFrom<DistributionPoint> for CrlDistributionPoint {
    type Error = der::Error;

    fn try_from(point: DistributionPoint) -> der::Result<Self> {
        let names = point.crl_issuer.map(|names| names.iter().filter_map(directory_name).collect());
        Ok(Self {
            uris: uris(point.distribution_point.as_ref()),
            name: point.distribution_point.map(PointName::try_from).transpose()?,
            reasons: point.reasons,
            crl_issuers: names.transpose()?,
        })
    }
}

impl TryFrom<DistributionPointName> for PointName {
    type Error = der::Error;

    fn try_from(name: DistributionPointName) -> der::Result<Self> {
        Ok(match name {
            DistributionPointName::FullName(names) => {
                Self::Full(names.iter().map(place).collect::<der::Result<_>>()?)
            }
            DistributionPointName::NameRelativeToCRLIssuer(name) => {
                Self::RelativeToIssuer(name.to_der()?.into())
            }
        })
    }
}

/// The distinguished name that a general name is, if it is one.
pub fn directory_name(name: &GeneralName) -> Option<der::Result<DistinguishedName>> {
    match name {
        GeneralName::DirectoryName(name) => Some(name.to_der().map(|der| DistinguishedName::from_der(&der))),
        GeneralName::OtherName(_)
        | GeneralName::Rfc822Name(_)
        | GeneralName::DnsName(_)
        | GeneralName::UniformResourceIdentifier(_)
        | GeneralName::EdiPartyName(_)
        | GeneralName::IpAddress(_)
        | GeneralName::RegisteredId(_) => None,
    }
}

fn place(name: &GeneralName) -> der::Result<GeneralPlace> {
    if let GeneralName::UniformResourceIdentifier(uri) = name {
        return Ok(GeneralPlace::Uri(comparable_uri(uri.as_str())));
    }
    match directory_name(name) {
        Some(name) => Ok(GeneralPlace::Directory(name?)),
        None => Ok(GeneralPlace::Other(name.to_der()?.into())),
    }
}

fn uris(name: Option<&DistributionPointName>) -> Vec<String> {
    let uri = |name: &GeneralName| match name {
        GeneralName::UniformResourceIdentifier(uri) => Some(uri.as_str().to_owned()),
        _ => None,
    };
    match name {
        Some(DistributionPointName::FullName(names)) => names.iter().filter_map(uri).collect(),
        Some(DistributionPointName::NameRelativeToCRLIssuer(_)) | None => Vec::new(),
    }
}

/// RFC 5280 7.4: the scheme and the host are compared without regard to case, the rest as it is.
fn comparable_uri(uri: &str) -> String {
    let authority = uri.find("://").map_or(0, |colon| colon + 3);
    let path =
        uri.get(authority..).and_then(|rest| rest.find('/')).map_or(uri.len(), |slash| authority + slash);
    let (head, tail) = uri.split_at(path);
    format!("{}{tail}", head.to_ascii_lowercase())
}

/// The name with one more relative name below it. Nothing where the issuer's name is no name in DER.
fn below(issuer: &DistinguishedName, relative: &[u8]) -> Option<DistinguishedName> {
    let sequence = AnyRef::from_der(issuer.der()).ok().filter(|name| name.tag() == Tag::Sequence)?;
    let content = [sequence.value(), relative].concat();
    let der = AnyRef::new(Tag::Sequence, &content).and_then(|name| name.to_der()).ok()?;
    Some(DistinguishedName::from_der(&der))
}
