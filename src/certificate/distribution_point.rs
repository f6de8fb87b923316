//! The distribution points in certificates and CRLs, with comparable names. Names that RFC 5280 section 7 distinguishes
//! are never treated as equal.

use der::asn1::AnyRef;
use der::{Decode, Encode, Tag};
use x509_cert::ext::pkix::crl::dp::ReasonFlags;

use super::element::{DerElement, SEQUENCE, malformed};
use super::general_name::{GeneralName, ia5, only_directory};
use super::name::DistinguishedName;
use super::text::line;

/// One distribution point of CRLs (RFC 5280 4.2.1.13).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CrlDistributionPoint {
    /// The readable URIs of its full name.
    pub uris: Vec<String>,
    /// Its name, if it has one: the CRLs from there may repeat it (RFC 5280 5.2.5).
    pub name: Option<PointName>,
    /// The reasons for revocation that its CRLs cover; absent: all.
    pub reasons: Option<ReasonFlags>,
    /// The issuer of its CRLs, if not the certificate's issuer (an indirect CRL); empty if the field has no distinguished
    /// name.
    pub crl_issuers: Option<Vec<DistinguishedName>>,
}

/// The name of a distribution point, in a certificate or in a CRL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PointName {
    /// Names of the same point.
    Full(Vec<GeneralPlace>),
    /// A relative distinguished name in DER, to be appended to the name of the CRL's issuer.
    RelativeToIssuer(Box<[u8]>),
}

/// The scope of a CRL (issuingDistributionPoint, RFC 5280 5.2.5).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct IssuingDistributionPoint {
    /// The name of the distribution point.
    pub name: Option<PointName>,
    /// Only end-entity certificates.
    pub only_users: bool,
    /// Only CA certificates.
    pub only_authorities: bool,
    /// The reasons for revocation that it covers; absent: all.
    pub reasons: Option<ReasonFlags>,
    /// Whether it is an indirect CRL, which has entries for certificates of other issuers.
    pub is_indirect: bool,
    /// Only attribute certificates.
    pub only_attributes: bool,
}

/// One name of a distribution point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GeneralPlace {
    /// A directory name.
    Directory(DistinguishedName),
    /// A URI, its scheme and host in lower case (RFC 5280 7.4).
    Uri(String),
    /// Any other form of name, in DER.
    Other(Box<[u8]>),
}

impl PointName {
    /// Returns all names of the point, given the names of the CRL's issuer.
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
    /// Reads CRLDistributionPoints (RFC 5280 4.2.1.13); freshestCRL has the same syntax.
    ///
    /// # Errors
    /// The structure is not as in the ASN.1. A name of another kind, or with unreadable characters, is not an error: it
    /// is compared as encoded and never fetched.
    pub fn read_all(der: &[u8]) -> der::Result<Vec<Self>> {
        DerElement::sequence(der)?.into_iter().map(Self::read).collect()
    }

    fn read(element: DerElement<'_>) -> der::Result<Self> {
        let mut point = Self::default();
        for field in fields(element.inside(SEQUENCE)?)? {
            match field.identifier {
                0xa0 => (point.uris, point.name) = point_name(field)?,
                0x81 => point.reasons = Some(reasons(field)?),
                0xa2 => point.crl_issuers = Some(only_directory(DerElement::all(field.contents)?)?),
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
    /// The structure is not as in the ASN.1.
    pub(crate) fn read(der: &[u8]) -> der::Result<Self> {
        let mut point = Self::default();
        for field in fields(DerElement::sequence(der)?)? {
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

/// Returns the fields of a SEQUENCE with ascending tags: none twice, none out of order.
fn fields(fields: Vec<DerElement<'_>>) -> der::Result<Vec<DerElement<'_>>> {
    let number = |field: &DerElement<'_>| field.identifier & 0x1f;
    let in_order = fields.windows(2).all(|pair| matches!(pair, [one, next] if number(one) < number(next)));
    if in_order { Ok(fields) } else { Err(malformed()) }
}

/// Returns the readable URIs of a DistributionPointName, and the name.
fn point_name(field: DerElement<'_>) -> der::Result<(Vec<String>, Option<PointName>)> {
    let choice = DerElement::read(field.contents)?;
    match choice.identifier {
        0xa0 => {
            let elements = DerElement::all(choice.contents)?.into_iter();
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

/// Returns a name of a distribution point, and its URI, if it is a readable one.
fn place(element: DerElement<'_>) -> der::Result<(Option<String>, GeneralPlace)> {
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

/// Returns a BIT STRING under an implicit tag.
fn reasons(field: DerElement<'_>) -> der::Result<ReasonFlags> {
    ReasonFlags::from_der(&AnyRef::new(Tag::BitString, field.contents)?.to_der()?)
}

/// Returns a BOOLEAN under an implicit tag.
fn boolean(field: DerElement<'_>) -> der::Result<bool> {
    match field.contents {
        [0] => Ok(false),
        [0xff] => Ok(true),
        _ => Err(malformed()),
    }
}

/// Returns the form in which URIs are compared (RFC 5280 7.4): scheme and host are compared case-insensitively, the
/// rest case-sensitively.
fn comparable_uri(uri: &str) -> String {
    let authority = uri.find("://").map_or(0, |colon| colon + 3);
    let path =
        uri.get(authority..).and_then(|rest| rest.find('/')).map_or(uri.len(), |slash| authority + slash);
    let (head, tail) = uri.split_at(path);
    format!("{}{tail}", head.to_ascii_lowercase())
}

/// Returns the name with one more relative name below it. `None` if the issuer's name is not a name in DER.
fn below(issuer: &DistinguishedName, relative: &[u8]) -> Option<DistinguishedName> {
    let sequence = DerElement::read(issuer.der()).ok().filter(|name| name.identifier == SEQUENCE)?;
    let content = [sequence.contents, relative].concat();
    let der = AnyRef::new(Tag::Sequence, &content).and_then(|name| name.to_der()).ok()?;
    Some(DistinguishedName::from_der(&der))
}
