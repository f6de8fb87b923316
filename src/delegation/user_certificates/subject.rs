//! The account that a user certificate names. Names are never shortened or corrected, because the backend could map the
//! certificate to another account.

use crate::certificate::is_security_identifier;

/// The maximum length of a common name in characters (RFC 5280 A.1, ub-common-name).
const MAXIMUM_COMMON_NAME: usize = 64;
/// The maximum length of userPrincipalName in Active Directory ([MS-ADA3], rangeUpper), in characters.
const MAXIMUM_UPN: usize = 1024;

/// The names of the account in a certificate: a display name, and a UPN, a SID or both, by which the certificate is
/// mapped.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UserCertificateSubject {
    common_name: String,
    upn: Option<String>,
    sid: Option<String>,
}

/// The reason for which no certificate can name the account.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UserCertificateSubjectError {
    /// The account has neither a UPN nor a SID, by which the certificate could be mapped.
    #[error("the account has neither a user principal name nor a SID")]
    Nameless,
    /// A name is empty or has a control character.
    #[error("{name} is not valid in a certificate")]
    Malformed {
        /// The name: `common name`, `user principal name` or `SID`.
        name: &'static str,
    },
    /// A name is longer than a certificate or the directory permits.
    #[error("{name} has more than {limit} characters")]
    TooLong {
        /// The name.
        name: &'static str,
        /// The limit.
        limit: usize,
    },
}

impl UserCertificateSubject {
    /// Returns the total length of the names in bytes.
    pub(super) fn length(&self) -> usize {
        let names = [Some(&self.common_name), self.upn.as_ref(), self.sid.as_ref()];
        names.into_iter().flatten().map(String::len).sum()
    }

    /// Creates a subject with the display name `common_name`, mapped by `upn` (`alice@corp.example`), `sid`
    /// (`S-1-5-21-…`) or both.
    ///
    /// # Errors
    /// A name is missing or invalid.
    pub fn new(
        common_name: &str,
        upn: Option<&str>,
        sid: Option<&str>,
    ) -> Result<Self, UserCertificateSubjectError> {
        if upn.is_none() && sid.is_none() {
            return Err(UserCertificateSubjectError::Nameless);
        }
        check_name("common name", common_name, MAXIMUM_COMMON_NAME)?;
        if let Some(upn) = upn {
            check_name("user principal name", upn, MAXIMUM_UPN)?;
            // A name without a suffix could be taken for an account name of any domain.
            let has_suffix =
                upn.rsplit_once('@').is_some_and(|(user, suffix)| !user.is_empty() && !suffix.is_empty());
            if !has_suffix {
                return Err(UserCertificateSubjectError::Malformed { name: "user principal name" });
            }
        }
        if sid.is_some_and(|sid| !is_security_identifier(sid)) {
            return Err(UserCertificateSubjectError::Malformed { name: "SID" });
        }
        Ok(Self {
            common_name: common_name.to_owned(),
            upn: upn.map(str::to_owned),
            sid: sid.map(str::to_owned),
        })
    }

    /// Returns the display name.
    pub fn common_name(&self) -> &str {
        &self.common_name
    }

    /// Returns the user principal name.
    pub fn upn(&self) -> Option<&str> {
        self.upn.as_deref()
    }

    /// Returns the SID as text.
    pub fn sid(&self) -> Option<&str> {
        self.sid.as_deref()
    }
}

fn check_name(name: &'static str, text: &str, limit: usize) -> Result<(), UserCertificateSubjectError> {
    if text.is_empty() || text.chars().any(char::is_control) {
        return Err(UserCertificateSubjectError::Malformed { name });
    }
    if text.chars().count() > limit {
        return Err(UserCertificateSubjectError::TooLong { name, limit });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const UPN: Option<&str> = Some("alice@corp.example");

    #[test]
    fn an_account_without_upn_and_sid_has_no_certificate() {
        assert_eq!(
            UserCertificateSubject::new("alice", None, None),
            Err(UserCertificateSubjectError::Nameless)
        );
    }

    #[test]
    fn a_name_that_is_too_long_for_a_certificate_is_rejected() {
        let too_long = |name, limit| Err(UserCertificateSubjectError::TooLong { name, limit });
        assert_eq!(UserCertificateSubject::new(&"ä".repeat(65), UPN, None), too_long("common name", 64));
        assert!(UserCertificateSubject::new(&"ä".repeat(64), UPN, None).is_ok());
        let upn = format!("{}@corp.example", "a".repeat(1013));
        assert_eq!(
            UserCertificateSubject::new("alice", Some(&upn), None),
            too_long("user principal name", 1024)
        );
    }

    #[test]
    fn an_ambiguous_name_is_rejected() {
        let malformed = |name| Err(UserCertificateSubjectError::Malformed { name });
        assert_eq!(UserCertificateSubject::new("", UPN, None), malformed("common name"));
        assert_eq!(UserCertificateSubject::new("alice\0", UPN, None), malformed("common name"));
        for upn in ["alice", "@corp.example", "alice@", "alice@corp.example\n"] {
            assert_eq!(
                UserCertificateSubject::new("alice", Some(upn), None),
                malformed("user principal name"),
                "{upn:?}"
            );
        }
        assert_eq!(UserCertificateSubject::new("alice", UPN, Some("S-1-5-21-x")), malformed("SID"));
    }
}
