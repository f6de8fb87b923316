//! Login names as entered by users, in three forms.

use thiserror::Error;

/// The longest userPrincipalName ([MS-ADA3] 2.349) has 1024 characters; counted in bytes here.
const MAXIMUM_LENGTH: usize = 1024;

/// A login name.
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
    /// `alice`, in any domain.
    Name(String),
}

/// The reason for which text is not a login name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum LoginNameError {
    /// The name is empty, or the part before or after `@` or the backslash.
    #[error("the user name, or a part of it, is empty")]
    Empty,
    /// The text is longer than any name in a directory.
    #[error("the user name is longer than {MAXIMUM_LENGTH} bytes")]
    TooLong,
    /// The text contains a control character.
    #[error("the user name contains a control character")]
    ControlCharacter,
    /// The text contains several separators: two programs could read two different domains in it.
    #[error("the user name names more than one domain")]
    SeveralDomains,
}

impl LoginName {
    /// Parses `alice@corp.example`, `CORP\alice` or `alice`. The last form belongs to `default_domain`, if there is
    /// one. Spaces and letter case are not changed.
    ///
    /// # Errors
    /// The text has none of these forms.
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

    /// Returns the name without its domain, or the whole UPN.
    pub(super) fn account_part(&self) -> &str {
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
    fn each_form_is_recognised_by_its_separator() {
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
    fn other_text_is_rejected() {
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
