//! Takes the content of a subjectAltName extension, gives the names by kind. Each kind feeds only its own list
//! (CVE-2022-21656: an e-mail address that was taken for a host name), and one name that cannot be decoded never hides
//! the others, nor passes unseen.

use const_oid::ObjectIdentifier;
use der::asn1::{Any, AnyRef, Ia5StringRef, OctetStringRef, PrintableStringRef, Utf8StringRef};
use der::{Decode, Tag, Tagged};
use x509_cert::ext::pkix::name::GeneralName;

use super::layout::elements;
use super::name::DistinguishedName;
use super::name_constraints::form;
use super::name_form::NameForm;

/// The otherName type of a user principal name ([MS-RCMP], szOID_NT_PRINCIPAL_NAME).
pub const USER_PRINCIPAL_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.20.2.3");

/// The names of a subjectAltName extension (RFC 5280 4.2.1.6), in the order of the certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlternativeNames {
    /// User principal names: otherName 1.3.6.1.4.1.311.20.2.3 with a UTF8String, nothing else.
    pub upns: Vec<String>,
    /// rfc822Name.
    pub emails: Vec<String>,
    /// dNSName.
    pub dns_names: Vec<String>,
    /// uniformResourceIdentifier.
    pub uris: Vec<String>,
    /// directoryName.
    pub directory_names: Vec<DistinguishedName>,
    /// iPAddress: 4 or 16 bytes, or what else stands there.
    pub ip_addresses: Vec<Vec<u8>>,
    /// otherName of any other type.
    pub other_names: Vec<OtherName>,
    /// The kinds of all names that stand in none of the lists above but `other_names`.
    pub unread: Vec<NameForm>,
    /// Whether a name of these kinds stands there that cannot be decoded or holds a control character. Who maps
    /// by a name must refuse then: the one that is hidden might be the one that contradicts.
    pub undecodable: bool,
}

/// An otherName (RFC 5280 4.2.1.6) of a type that this stage gives no list of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherName {
    /// What kind of name it is.
    pub kind: ObjectIdentifier,
    /// The name.
    pub value: OtherValue,
}

/// The value of an [`OtherName`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OtherValue {
    /// An OCTET STRING.
    Octets(Vec<u8>),
    /// A UTF8String, an IA5String or a PrintableString, on one line.
    Text(String),
    /// A value of another type, or a text that cannot be decoded.
    Unread,
}

impl OtherValue {
    fn of(value: &Any) -> Self {
        let text = match value.tag() {
            Tag::OctetString => {
                let octets = <&OctetStringRef>::try_from(value);
                return octets.map_or(Self::Unread, |octets| Self::Octets(octets.as_bytes().to_vec()));
            }
            Tag::Utf8String => Utf8StringRef::try_from(value).ok().and_then(|text| printable(text.as_str())),
            Tag::Ia5String => Ia5StringRef::try_from(value).ok().and_then(|text| printable(text.as_str())),
            Tag::PrintableString => {
                PrintableStringRef::try_from(value).ok().and_then(|text| printable(text.as_str()))
            }
            _ => None,
        };
        text.map_or(Self::Unread, Self::Text)
    }
}

impl AlternativeNames {
    /// Reads GeneralNames. Fails only where they are not a SEQUENCE of elements.
    pub(super) fn read(der: &[u8]) -> der::Result<Self> {
        let mut names = Self::default();
        for element in elements(der)? {
            if names.add(element).is_none() {
                names.undecodable = true;
            }
        }
        Ok(names)
    }

    fn add(&mut self, element: &[u8]) -> Option<()> {
        let form = form(element).ok()?;
        // The decoder does not know these, and nobody here reads them.
        if matches!(form, NameForm::X400Address | NameForm::EdiPartyName) {
            self.unread.push(form);
            return Some(());
        }
        match GeneralName::from_der(element).ok()? {
            GeneralName::OtherName(other) if other.type_id == USER_PRINCIPAL_NAME => {
                let upn = Utf8StringRef::try_from(&other.value).ok()?;
                self.upns.push(printable(upn.as_str())?);
            }
            GeneralName::Rfc822Name(email) => self.emails.push(printable(email.as_str())?),
            GeneralName::DnsName(name) => self.dns_names.push(printable(name.as_str())?),
            GeneralName::UniformResourceIdentifier(uri) => self.uris.push(printable(uri.as_str())?),
            GeneralName::DirectoryName(_) => {
                // The tag is explicit, so its value is the Name as encoded.
                let wrapped = AnyRef::from_der(element).ok()?;
                self.directory_names.push(DistinguishedName::from_der(wrapped.value()));
            }
            GeneralName::IpAddress(bytes) => self.ip_addresses.push(bytes.as_bytes().to_vec()),
            GeneralName::OtherName(other) => {
                self.other_names.push(OtherName { kind: other.type_id, value: OtherValue::of(&other.value) });
                self.unread.push(form);
            }
            GeneralName::EdiPartyName(_) | GeneralName::RegisteredId(_) => self.unread.push(form),
        }
        Some(())
    }
}

/// A name is a line of text: one with NUL or another control character would be read differently by who reads C
/// strings, headers or lines.
fn printable(text: &str) -> Option<String> {
    (!text.is_empty() && !text.chars().any(char::is_control)).then(|| text.to_owned())
}
