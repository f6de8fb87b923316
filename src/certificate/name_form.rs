//! The kinds of names that certificates hold and that name constraints speak of.

use std::fmt;

use super::alternative_names::USER_PRINCIPAL_NAME;
use super::object_identifier::ObjectIdentifier;

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
