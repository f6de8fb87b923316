//! Takes the content of a subjectAltName extension, gives the names by kind. Each kind feeds only its own list
//! (CVE-2022-21656: an e-mail address that was taken for a host name), and one name that cannot be decoded never hides
//! the others, nor passes unseen.

use const_oid::ObjectIdentifier;
use der::Decode;
use der::asn1::{AnyRef, Utf8StringRef};
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
    /// The kinds of all other names, of which nothing more is read.
    pub unread: Vec<NameForm>,
    /// Whether a name of these kinds stands there that cannot be decoded or holds a control character. Who maps
    /// by a name must refuse then: the one that is hidden might be the one that contradicts.
    pub undecodable: bool,
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
            GeneralName::OtherName(_) | GeneralName::EdiPartyName(_) | GeneralName::RegisteredId(_) => {
                self.unread.push(form);
            }
        }
        Some(())
    }
}

/// A name is a line of text: one with NUL or another control character would be read differently by who reads C
/// strings, headers or lines.
fn printable(text: &str) -> Option<String> {
    (!text.is_empty() && !text.chars().any(char::is_control)).then(|| text.to_owned())
}
