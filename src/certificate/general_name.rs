//! GeneralName (RFC 5280 4.2.1.6): its kind and its content. Only content that is used is decoded, so an x400Address or a
//! URI with non-ASCII characters is accepted.

use std::fmt;

use der::Decode;

use super::element::{DerElement, malformed};
use super::name::DistinguishedName;
use super::object_identifier::ObjectIdentifier;

/// The otherName type of a user principal name ([MS-RCMP], szOID_NT_PRINCIPAL_NAME).
pub(crate) const USER_PRINCIPAL_NAME: const_oid::ObjectIdentifier =
    const_oid::ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.20.2.3");

/// A kind of GeneralName (RFC 5280 4.2.1.6). A constraint limits names of its own kind only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NameForm {
    /// otherName of this type.
    OtherName(ObjectIdentifier),
    /// rfc822Name.
    Email,
    /// dNSName.
    Dns,
    /// x400Address.
    X400Address,
    /// directoryName.
    Directory,
    /// ediPartyName.
    EdiPartyName,
    /// uniformResourceIdentifier.
    Uri,
    /// iPAddress.
    Ip,
    /// registeredID.
    RegisteredId,
}

impl NameForm {
    /// The user principal name ([MS-RCMP]).
    pub const USER_PRINCIPAL_NAME: Self = Self::OtherName(ObjectIdentifier::known(USER_PRINCIPAL_NAME));
}

/// As RFC 5280 writes it.
impl fmt::Display for NameForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OtherName(oid) => return write!(f, "otherName {oid}"),
            Self::Email => "rfc822Name",
            Self::Dns => "dNSName",
            Self::X400Address => "x400Address",
            Self::Directory => "directoryName",
            Self::EdiPartyName => "ediPartyName",
            Self::Uri => "uniformResourceIdentifier",
            Self::Ip => "iPAddress",
            Self::RegisteredId => "registeredID",
        })
    }
}

/// One name. Of kinds that are not used, only the kind is stored.
#[derive(Clone, Debug)]
pub(super) enum GeneralName<'a> {
    /// otherName: its type and the DER of its value.
    Other(ObjectIdentifier, &'a [u8]),
    Email(&'a [u8]),
    Dns(&'a [u8]),
    X400Address,
    Directory(DistinguishedName),
    EdiPartyName,
    Uri(&'a [u8]),
    Ip(&'a [u8]),
    RegisteredId,
}

impl<'a> GeneralName<'a> {
    /// Reads one GeneralName. Fails if the element is none, so that not even its kind is known.
    pub(super) fn read(element: DerElement<'a>) -> der::Result<Self> {
        Ok(match element.identifier {
            0xa0 => {
                let parts = DerElement::all(element.contents)?;
                let [kind, value] = parts.as_slice() else { return Err(malformed()) };
                if value.identifier != 0xa0 {
                    return Err(malformed());
                }
                Self::Other(ObjectIdentifier::from_der(kind.der)?, value.contents)
            }
            0x81 => Self::Email(element.contents),
            0x82 => Self::Dns(element.contents),
            0xa3 => Self::X400Address,
            // The tag is explicit, so its content is the encoded Name.
            0xa4 => Self::Directory(DistinguishedName::from_der(DerElement::read(element.contents)?.der)),
            0xa5 => Self::EdiPartyName,
            0x86 => Self::Uri(element.contents),
            0x87 => Self::Ip(element.contents),
            0x88 => Self::RegisteredId,
            _ => return Err(malformed()),
        })
    }

    pub(super) fn form(&self) -> NameForm {
        match self {
            Self::Other(kind, _) => NameForm::OtherName(*kind),
            Self::Email(_) => NameForm::Email,
            Self::Dns(_) => NameForm::Dns,
            Self::X400Address => NameForm::X400Address,
            Self::Directory(_) => NameForm::Directory,
            Self::EdiPartyName => NameForm::EdiPartyName,
            Self::Uri(_) => NameForm::Uri,
            Self::Ip(_) => NameForm::Ip,
            Self::RegisteredId => NameForm::RegisteredId,
        }
    }
}

/// Returns the text of an IA5String, if it is one.
pub(super) fn ia5(contents: &[u8]) -> Option<&str> {
    str::from_utf8(contents).ok().filter(|text| text.is_ascii())
}

/// Returns the directoryNames among GeneralNames, in their order; other kinds are ignored.
///
/// # Errors
/// `der` is not a SEQUENCE of GeneralNames.
pub(crate) fn directory_names(der: &[u8]) -> der::Result<Vec<DistinguishedName>> {
    only_directory(DerElement::sequence(der)?)
}

pub(super) fn only_directory(names: Vec<DerElement<'_>>) -> der::Result<Vec<DistinguishedName>> {
    let names = names.into_iter().map(GeneralName::read).collect::<der::Result<Vec<_>>>()?;
    let directory = |name| match name {
        GeneralName::Directory(name) => Some(name),
        _ => None,
    };
    Ok(names.into_iter().filter_map(directory).collect())
}
