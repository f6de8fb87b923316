//! Takes the distribution points that a certificate or a CRL names, gives names that can be compared. Never fetches
//! anything, and never takes two names for one that RFC 5280 section 7 keeps apart.

use der::asn1::AnyRef;
use der::{Decode, Encode, Tag};
use x509_cert::ext::pkix::crl::dp::ReasonFlags;

use super::element::{Element, SEQUENCE, malformed};
use super::general_name::{GeneralName, ia5, only_directory};
use super::name::DistinguishedName;
use super::text::line;

/// One place where CRLs are found (RFC 5280 4.2.1.13).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CrlDistributionPoint {
    /// The URIs of its full name that can be read.
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

/// What a CRL covers (issuingDistributionPoint, RFC 5280 5.2.5).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IssuingDistributionPoint {
    /// The name of the distribution point.
    pub name: Option<PointName>,
    /// Only certificates of users.
    pub only_users: bool,
    /// Only certificates of CAs.
    pub only_authorities: bool,
    /// The reasons for revocation that it covers; absent: all.
    pub reasons: Option<ReasonFlags>,
    /// Whether it holds certificates of other issuers too.
    pub is_indirect: bool,
    /// Only attribute certificates.
    pub only_attributes: bool,
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

impl CrlDistributionPoint {
    /// Reads CRLDistributionPoints (RFC 5280 4.2.1.13), which freshestCRL is too.
    ///
    /// # Errors
    /// Where the structure is not that of the ASN.1. A name of a kind, or with letters, that nothing here reads is no
    /// error: it is compared as it is encoded, and never fetched.
    pub fn read_all(der: &[u8]) -> der::Result<Vec<Self>> {
        Element::sequence(der)?.into_iter().map(Self::read).collect()
    }

    fn read(element: Element<'_>) -> der::Result<Self> {
        let mut point = Self::default();
        for field in fields(element.inside(SEQUENCE)?)? {
            match field.identifier {
                0xa0 => (point.uris, point.name) = point_name(field)?,
                0x81 => point.reasons = Some(reasons(field)?),
                0xa2 => point.crl_issuers = Some(only_directory(Element::all(field.contents)?)?),
                _ => return Err(malformed()),
            }
        }
        Ok(point)
    }
}

impl IssuingDistributionPoint {
    /// Reads an IssuingDistributionPoint.
    ///
    /// # Errors
    /// Where the structure is not that of the ASN.1.
    pub fn read(der: &[u8]) -> der::Result<Self> {
        let mut point = Self::default();
        for field in fields(Element::sequence(der)?)? {
            match field.identifier {
                0xa0 => point.name = point_name(field)?.1,
                0x81 => point.only_users = boolean(field)?,
                0x82 => point.only_authorities = boolean(field)?,
                0x83 => point.reasons = Some(reasons(field)?),
                0x84 => point.is_indirect = boolean(field)?,
                0x85 => point.only_attributes = boolean(field)?,
                _ => return Err(malformed()),
            }
        }
        Ok(point)
    }
}

/// The fields of a SEQUENCE whose tags count up: none twice, none out of order.
fn fields(fields: Vec<Element<'_>>) -> der::Result<Vec<Element<'_>>> {
    let number = |field: &Element<'_>| field.identifier & 0x1f;
    let in_order = fields.windows(2).all(|pair| matches!(pair, [one, next] if number(one) < number(next)));
    if in_order { Ok(fields) } else { Err(malformed()) }
}

/// The readable URIs of a DistributionPointName, and the name.
fn point_name(field: Element<'_>) -> der::Result<(Vec<String>, Option<PointName>)> {
    let choice = Element::read(field.contents)?;
    match choice.identifier {
        0xa0 => {
            let elements = Element::all(choice.contents)?.into_iter();
            let names: Vec<_> = elements.map(place).collect::<der::Result<_>>()?;
            let (uris, places): (Vec<_>, Vec<_>) = names.into_iter().unzip();
            Ok((uris.into_iter().flatten().collect(), Some(PointName::Full(places))))
        }
        0xa1 => {
            let set = AnyRef::new(Tag::Set, choice.contents)?.to_der()?;
            Ok((Vec::new(), Some(PointName::RelativeToIssuer(set.into()))))
        }
        _ => Err(malformed()),
    }
}

/// A name of a distribution point, and the URI that it is, if it can be read.
fn place(element: Element<'_>) -> der::Result<(Option<String>, GeneralPlace)> {
    Ok(match GeneralName::read(element)? {
        GeneralName::Uri(content) => match ia5(content).and_then(line) {
            Some(uri) => {
                let place = GeneralPlace::Uri(comparable_uri(&uri));
                (Some(uri), place)
            }
            None => (None, GeneralPlace::Other(element.der.into())),
        },
        GeneralName::Directory(name) => (None, GeneralPlace::Directory(name)),
        _ => (None, GeneralPlace::Other(element.der.into())),
    })
}

/// A BIT STRING under an implicit tag.
fn reasons(field: Element<'_>) -> der::Result<ReasonFlags> {
    ReasonFlags::from_der(&AnyRef::new(Tag::BitString, field.contents)?.to_der()?)
}

/// A BOOLEAN under an implicit tag.
fn boolean(field: Element<'_>) -> der::Result<bool> {
    match field.contents {
        [0] => Ok(false),
        [0xff] => Ok(true),
        _ => Err(malformed()),
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
    let sequence = Element::read(issuer.der()).ok().filter(|name| name.identifier == SEQUENCE)?;
    let content = [sequence.contents, relative].concat();
    let der = AnyRef::new(Tag::Sequence, &content).and_then(|name| name.to_der()).ok()?;
    Some(DistinguishedName::from_der(&der))
}
