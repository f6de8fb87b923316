//! Takes what somebody typed as a user name, gives the form of name that it is. Never asks whether there is such a user.

use thiserror::Error;

/// The longest userPrincipalName ([MS-ADA3] 2.349), in bytes here so that nobody asks with more.
const MAXIMUM_LENGTH: usize = 1024;

/// A name to log in by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LoginName {
    /// `alice@corp.example`.
    Upn(String),
    /// `CORP\alice`.
    DomainAndName {
        /// The domain's NetBIOS name or its DNS name; in a generic schema the directory's name in proxy.toml.
        domain: String,
        /// sAMAccountName; in a generic schema the user name.
        name: String,
    },
    /// `alice`, of whatever domain.
    Name(String),
}

/// Text that is no name to log in by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum LoginNameError {
    /// The name, or the part before or behind the `@` or the backslash, is empty.
    #[error("the user name, or a part of it, is empty")]
    Empty,
    /// Longer than any name in a directory.
    #[error("the user name is longer than {MAXIMUM_LENGTH} bytes")]
    TooLong,
    /// Has a control character.
    #[error("the user name has a control character")]
    ControlCharacter,
    /// Has two backslashes, or both signs: two readers would find two domains in it.
    #[error("the user name names more than one domain")]
    SeveralDomains,
}

impl LoginName {
    /// Reads `alice@corp.example`, `CORP\alice` or `alice`; the last of these is of `default_domain`, where there is one.
    /// No blank is trimmed and no letter changed.
    ///
    /// # Errors
    /// Where it is none of these.
    pub fn parse(text: &str, default_domain: Option<&str>) -> Result<Self, LoginNameError> {
        if text.len() > MAXIMUM_LENGTH {
            return Err(LoginNameError::TooLong);
        }
        if text.chars().any(char::is_control) {
            return Err(LoginNameError::ControlCharacter);
        }
        if let Some((domain, name)) = text.split_once('\\') {
            if name.contains(['\\', '@']) || domain.contains('@') {
                return Err(LoginNameError::SeveralDomains);
            }
            return Ok(Self::DomainAndName { domain: filled(domain)?, name: filled(name)? });
        }
        if let Some((name, suffix)) = text.rsplit_once('@') {
            if name.contains('@') {
                return Err(LoginNameError::SeveralDomains);
            }
            filled(name).and_then(|_| filled(suffix))?;
            return Ok(Self::Upn(text.to_owned()));
        }
        let name = filled(text)?;
        Ok(match default_domain {
            Some(domain) => Self::DomainAndName { domain: domain.to_owned(), name },
            None => Self::Name(name),
        })
    }
}

impl LoginName {
    /// The part of it that is the account's.
    pub(super) fn account(&self) -> &str {
        match self {
            Self::Upn(name) | Self::DomainAndName { name, .. } | Self::Name(name) => name,
        }
    }
}

fn filled(part: &str) -> Result<String, LoginNameError> {
    (!part.trim().is_empty()).then(|| part.to_owned()).ok_or(LoginNameError::Empty)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_domain(domain: &str, name: &str) -> LoginName {
        LoginName::DomainAndName { domain: domain.to_owned(), name: name.to_owned() }
    }

    #[test]
    fn each_form_is_told_by_its_sign() {
        let cases = [
            ("alice@corp.example", LoginName::Upn("alice@corp.example".to_owned())),
            (r"CORP\alice", in_domain("CORP", "alice")),
            ("alice", in_domain("DEFAULT", "alice")),
        ];
        for (text, name) in cases {
            assert_eq!(LoginName::parse(text, Some("DEFAULT")), Ok(name));
        }
        assert_eq!(LoginName::parse("alice", None), Ok(LoginName::Name("alice".to_owned())));
    }

    #[test]
    fn what_is_no_name_is_refused() {
        use LoginNameError::{ControlCharacter, Empty, SeveralDomains, TooLong};
        let long = "a".repeat(MAXIMUM_LENGTH + 1);
        let cases = [
            ("", Empty),
            (" ", Empty),
            ("@", Empty),
            ("alice@", Empty),
            ("@corp", Empty),
            ("\\", Empty),
            (r"CORP\", Empty),
            (r"\alice", Empty),
            ("al\0ice", ControlCharacter),
            ("alice\n", ControlCharacter),
            (r"A\B\alice", SeveralDomains),
            (r"A\alice@b", SeveralDomains),
            (r"a@A\alice", SeveralDomains),
            ("a@b@c", SeveralDomains),
            (&long, TooLong),
        ];
        for (text, error) in cases {
            assert_eq!(LoginName::parse(text, None), Err(error), "{text}");
        }
    }
}
