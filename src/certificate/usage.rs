//! The extended key usages with a name in proxy.toml and on the command line. Others are written in dotted decimal
//! notation.

use super::object_identifier::ObjectIdentifier;

/// All names with their usages.
pub(crate) const NAMED: &[(&str, ObjectIdentifier)] = &[
    // RFC 5280 4.2.1.12.
    ("client_auth", known("1.3.6.1.5.5.7.3.2")),
    // [MS-WCCE]: szOID_KP_SMARTCARD_LOGON.
    ("smartcard_logon", known("1.3.6.1.4.1.311.20.2.2")),
    // RFC 4556 3.2.2: id-pkinit-KPClientAuth.
    ("pkinit_client_auth", known("1.3.6.1.5.2.3.4")),
];

const fn known(dotted: &str) -> ObjectIdentifier {
    ObjectIdentifier::known(const_oid::ObjectIdentifier::new_unwrap(dotted))
}

/// Returns the usage of this name.
pub(crate) fn of_name(name: &str) -> Option<ObjectIdentifier> {
    NAMED.iter().find(|(known, _)| *known == name).map(|(_, usage)| *usage)
}

/// Returns the name of this usage.
pub(crate) fn name_of(usage: ObjectIdentifier) -> Option<&'static str> {
    NAMED.iter().find(|(_, known)| *known == usage).map(|(name, _)| *name)
}
