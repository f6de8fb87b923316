//! Principal names: names that Kerberos parses as exactly one account or one service.
//!
//! The library parses `/`, `@` and `\` as syntax (RFC 1964 2.1.1). They are rejected, not escaped: no account name in a
//! directory contains them ([MS-SAMR] 3.1.1.6, `sAMAccountName`).

use std::fmt;

/// The characters that `sAMAccountName` may not contain, among them those of Kerberos syntax.
const FORBIDDEN_IN_ACCOUNTS: &str = "\"/\\[]:;|=,+*?<>@";
/// The maximum length of a name in bytes. `sAMAccountName` has at most 256 characters.
const LONGEST_NAME: usize = 1024;

/// An account in a realm: `alice@CORP.EXAMPLE`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct UserPrincipal {
    text: Box<str>,
    name_bytes: usize,
}

impl UserPrincipal {
    /// Parses `name@REALM`. The realm is required: without one the library would use its own default.
    ///
    /// # Errors
    ///
    /// The text is not one account name and one realm.
    pub(crate) fn parse(text: &str) -> Result<Self, NameError> {
        let malformed = |reason| NameError { text: text.to_owned(), reason };
        let (name, realm) = text.rsplit_once('@').ok_or_else(|| malformed(NameErrorKind::NoRealm))?;
        if name.chars().any(|letter| letter.is_control() || FORBIDDEN_IN_ACCOUNTS.contains(letter)) {
            return Err(malformed(NameErrorKind::Character));
        }
        if name.is_empty() || name.trim() != name || text.len() > LONGEST_NAME {
            return Err(malformed(NameErrorKind::NoName));
        }
        if !is_realm(realm) {
            return Err(malformed(NameErrorKind::Realm));
        }
        Ok(Self { text: text.into(), name_bytes: name.len() })
    }

    /// Returns the principal, `alice@CORP.EXAMPLE`.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the realm, `CORP.EXAMPLE`.
    pub(crate) fn realm(&self) -> &str {
        self.text.get(self.name_bytes + 1..).unwrap_or_default()
    }

    /// Returns whether the principal of a ticket is this account. The KDC may return another spelling, because its
    /// names are compared without case ([MS-KILE] 3.3.5.6.1).
    pub(super) fn is_named_by(&self, principal: &str) -> bool {
        self.text.to_lowercase() == principal.to_lowercase()
    }
}

impl fmt::Display for UserPrincipal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A service principal name: `HTTP/rms.corp.example`, with `@REALM` if that differs from the realm of the gateway.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ServiceName {
    text: Box<str>,
    has_realm: bool,
}

impl ServiceName {
    /// Parses `CLASS/host` or `CLASS/host:port`, each with or without `@REALM` ([MS-KILE] 3.1.5.11).
    ///
    /// # Errors
    ///
    /// The text has another form. Names with three parts (`CLASS/host/name`) are for directory services, and no backend
    /// is one.
    pub(crate) fn parse(text: &str) -> Result<Self, NameError> {
        let malformed = |reason| NameError { text: text.to_owned(), reason };
        let (name, realm) = match text.split_once('@') {
            Some((name, realm)) => (name, Some(realm)),
            None => (text, None),
        };
        let (class, host) = name.split_once('/').ok_or_else(|| malformed(NameErrorKind::NoService))?;
        if class.is_empty() || host.is_empty() || text.len() > LONGEST_NAME {
            return Err(malformed(NameErrorKind::NoService));
        }
        let is_class = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
        let is_host = |letter: char| letter.is_ascii_alphanumeric() || "-_.:".contains(letter);
        if !class.chars().all(is_class) || !host.chars().all(is_host) {
            return Err(malformed(NameErrorKind::Character));
        }
        if realm.is_some_and(|realm| !is_realm(realm)) {
            return Err(malformed(NameErrorKind::Realm));
        }
        Ok(Self { text: text.into(), has_realm: realm.is_some() })
    }

    /// Returns the complete principal. The realm is that of the service, or else `gateway_realm`, so that neither DNS
    /// nor the default of the library decides it.
    pub(super) fn principal(&self, gateway_realm: &str) -> String {
        if self.has_realm { self.text.to_string() } else { format!("{}@{gateway_realm}", self.text) }
    }
}

impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Returns whether `text` is a realm in the form of a domain name (RFC 4120 6.1), the only form that directories use.
fn is_realm(text: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    text.split('.').all(is_label)
}

/// An invalid name, which is not passed to Kerberos.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} {reason}")]
pub struct NameError {
    /// The name.
    pub text: String,
    /// The defect.
    pub reason: NameErrorKind,
}

/// The reason for which a name is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameErrorKind {
    /// The name has no `@`.
    #[error("has no realm; expected name@REALM")]
    NoRealm,
    /// There is no name before the `@`, there are spaces around it, or the name is too long.
    #[error("has no account name before the realm")]
    NoName,
    /// The part after the `@` is not a domain name.
    #[error("has a realm that is not a domain name")]
    Realm,
    /// The name is not `CLASS/host`.
    #[error("is not a service; expected HTTP/host")]
    NoService,
    /// The name has a character that names do not contain, or that Kerberos parses as syntax.
    #[error("has a character that is not permitted in such a name")]
    Character,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error_of_user(text: &str) -> NameErrorKind {
        UserPrincipal::parse(text).unwrap_err().reason
    }

    fn error_of_service(text: &str) -> NameErrorKind {
        ServiceName::parse(text).unwrap_err().reason
    }

    #[test]
    fn an_account_is_a_name_and_a_realm() {
        for text in
            ["alice@CORP.EXAMPLE", "GW$@CORP.EXAMPLE", "o'neil smith@corp.example", "søren@CORP.EXAMPLE"]
        {
            assert_eq!(UserPrincipal::parse(text).unwrap().as_str(), text);
        }
        assert_eq!(UserPrincipal::parse("alice@CORP.EXAMPLE").unwrap().realm(), "CORP.EXAMPLE");
    }

    #[test]
    fn a_name_that_kerberos_would_parse_as_another_principal_is_rejected() {
        for text in [
            "HTTP/rms@CORP.EXAMPLE",
            "alice@PEOPLE.EXAMPLE@CORP.EXAMPLE",
            "alice\\@people.example@CORP.EXAMPLE",
            "CORP\\alice@CORP.EXAMPLE",
            "alice\0@CORP.EXAMPLE",
            "alice\n@CORP.EXAMPLE",
            "alice\u{85}@CORP.EXAMPLE",
            "krbtgt/OTHER@CORP.EXAMPLE",
        ] {
            assert_eq!(error_of_user(text), NameErrorKind::Character, "{text:?}");
        }
        assert_eq!(error_of_user("alice"), NameErrorKind::NoRealm);
        assert_eq!(error_of_user("@CORP.EXAMPLE"), NameErrorKind::NoName);
        assert_eq!(error_of_user(" alice@CORP.EXAMPLE"), NameErrorKind::NoName);
        for text in [
            "alice@",
            "alice@CORP..EXAMPLE",
            "alice@CORP/EXAMPLE",
            "alice@CORP.EXAMPLE\\",
            "alice@CORP EXAMPLE",
        ] {
            assert_eq!(error_of_user(text), NameErrorKind::Realm, "{text:?}");
        }
        assert_eq!(
            error_of_user(&format!("{}@CORP.EXAMPLE", "a".repeat(LONGEST_NAME))),
            NameErrorKind::NoName
        );
    }

    #[test]
    fn a_kdc_may_return_a_name_in_another_case_but_not_another_account() {
        let alice = UserPrincipal::parse("alice@CORP.EXAMPLE").unwrap();
        assert!(alice.is_named_by("Alice@corp.example"));
        for other in ["bob@CORP.EXAMPLE", "alice@OTHER.EXAMPLE", "alice\\@CORP.EXAMPLE@CORP.EXAMPLE", ""] {
            assert!(!alice.is_named_by(other), "{other}");
        }
    }

    #[test]
    fn a_service_without_a_realm_has_that_of_the_gateway() {
        let principal = |text| ServiceName::parse(text).unwrap().principal("CORP.EXAMPLE");
        assert_eq!(principal("HTTP/rms.corp.example"), "HTTP/rms.corp.example@CORP.EXAMPLE");
        assert_eq!(principal("HTTP/rms:8443"), "HTTP/rms:8443@CORP.EXAMPLE");
        assert_eq!(principal("HTTP/rms.other.example@OTHER.EXAMPLE"), "HTTP/rms.other.example@OTHER.EXAMPLE");
    }

    #[test]
    fn a_name_that_is_not_a_service_is_rejected() {
        for text in ["rms.corp.example", "HTTP/", "/rms", "HTTP@rms.corp.example"] {
            assert_eq!(error_of_service(text), NameErrorKind::NoService, "{text:?}");
        }
        for text in ["HTTP/rms/other", "HTTP/rms\\", "HT TP/rms", "HTTP/rms\0"] {
            assert_eq!(error_of_service(text), NameErrorKind::Character, "{text:?}");
        }
        for text in ["HTTP/rms@", "HTTP/rms@A@B"] {
            assert_eq!(error_of_service(text), NameErrorKind::Realm, "{text:?}");
        }
    }
}
