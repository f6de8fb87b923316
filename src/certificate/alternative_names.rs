//! The subject alternative names by kind. Each kind has its own list (CVE-2022-21656: an e-mail address was used as a
//! host name). A name that cannot be decoded does not hide the others, and is recorded.

use const_oid::db::rfc5280;
use der::Decode;
use der::asn1::OctetStringRef;

use super::element::DerElement;
use super::general_name::{GeneralName, NameForm, USER_PRINCIPAL_NAME, ia5};
use super::name::DistinguishedName;
use super::object_identifier::ObjectIdentifier;
use super::text::{line, text};

/// The subjectAltName extension.
pub(crate) const SUBJECT_ALTERNATIVE_NAME: ObjectIdentifier =
    ObjectIdentifier::known(rfc5280::ID_CE_SUBJECT_ALT_NAME);

/// The names of a subjectAltName extension (RFC 5280 4.2.1.6), in the order of the certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlternativeNames {
    /// User principal names: otherName 1.3.6.1.4.1.311.20.2.3 with a string of any type, as Windows reads them.
    pub upns: Vec<String>,
    /// rfc822Name.
    pub emails: Vec<String>,
    /// dNSName.
    pub dns_names: Vec<String>,
    /// uniformResourceIdentifier.
    pub uris: Vec<String>,
    /// directoryName.
    pub directory_names: Vec<DistinguishedName>,
    /// iPAddress: 4 or 16 bytes, or any other content as encoded.
    pub ip_addresses: Vec<Vec<u8>>,
    /// otherName of other types.
    pub other_names: Vec<OtherName>,
    /// The kinds of all names that are in none of the lists above except `other_names`.
    pub unread: Vec<NameForm>,
    /// Names of a known kind whose text is empty, cannot be decoded or has a control character. A mapper of names of
    /// that kind must refuse the certificate, because the hidden name might contradict the others. Names of other kinds
    /// are not affected.
    pub unreadable: Vec<UnreadableName>,
    /// Whether there is an element that is not a GeneralName, so that it may hide a name of any kind.
    pub undecodable: bool,
}

/// A name of which only the kind can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreadableName {
    /// Its kind.
    pub form: NameForm,
    /// Its content as encoded.
    pub content: Box<[u8]>,
}

/// An otherName (RFC 5280 4.2.1.6) of a type without a list of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherName {
    /// The type.
    pub kind: ObjectIdentifier,
    /// The value.
    pub value: OtherValue,
}

/// The value of an [`OtherName`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OtherValue {
    /// An OCTET STRING.
    Octets(Vec<u8>),
    /// A string of any type, on one line.
    Text(String),
    /// A value of another type, or text that cannot be decoded.
    Unread,
}

impl OtherValue {
    fn of(value_der: &[u8]) -> Self {
        match <&OctetStringRef>::from_der(value_der) {
            Ok(octets) => Self::Octets(octets.as_bytes().to_vec()),
            Err(_) => text(value_der).and_then(|text| line(&text)).map_or(Self::Unread, Self::Text),
        }
    }
}

impl AlternativeNames {
    /// Reads GeneralNames. Fails only if they are not a SEQUENCE of elements.
    pub(super) fn read(der: &[u8]) -> der::Result<Self> {
        let mut names = Self::default();
        for element in DerElement::sequence(der)? {
            match GeneralName::read(element) {
                Ok(name) => names.add(name),
                Err(_) => names.undecodable = true,
            }
        }
        Ok(names)
    }

    /// Returns whether a name of this kind may be hidden: one that cannot be decoded, or an element of an unknown kind.
    pub fn may_hide(&self, form: NameForm) -> bool {
        self.undecodable || self.unreadable.iter().any(|name| name.form == form)
    }

    fn add(&mut self, name: GeneralName<'_>) {
        let form = name.form();
        let ia5_line = |content| ia5(content).and_then(line);
        let (list, text, content) = match name {
            GeneralName::Other(kind, value) if kind == USER_PRINCIPAL_NAME => {
                (&mut self.upns, text(value).and_then(|text| line(&text)), value)
            }
            GeneralName::Email(content) => (&mut self.emails, ia5_line(content), content),
            GeneralName::Dns(content) => (&mut self.dns_names, ia5_line(content), content),
            GeneralName::Uri(content) => (&mut self.uris, ia5_line(content), content),
            GeneralName::Directory(name) => return self.directory_names.push(name),
            GeneralName::Ip(content) => return self.ip_addresses.push(content.to_vec()),
            GeneralName::Other(kind, value) => {
                self.other_names.push(OtherName { kind, value: OtherValue::of(value) });
                return self.unread.push(form);
            }
            GeneralName::X400Address | GeneralName::EdiPartyName | GeneralName::RegisteredId => {
                return self.unread.push(form);
            }
        };
        match text {
            Some(text) => list.push(text),
            None => self.unreadable.push(UnreadableName { form, content: content.into() }),
        }
    }
}
