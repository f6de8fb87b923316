//! UPNs, e-mail addresses and common names: their syntax in certificates, and their comparison with directory accounts.
//!
//! The text is neither trimmed nor folded, because it is written to headers and logs and searched for in directories.

use crate::directory::DirectoryAccount;
use thiserror::Error;

/// The longest accepted name in bytes. Active Directory allows 1,024 characters in a UPN, but no login name of a person
/// is nearly as long.
pub(crate) const MAXIMUM_NAME_LENGTH: usize = 256;

/// The reason for which a name is malformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum MalformedNameError {
    /// Longer than [`MAXIMUM_NAME_LENGTH`].
    #[error("it is {0} bytes long; at most {MAXIMUM_NAME_LENGTH} are allowed")]
    TooLong(usize),
    /// A character that is not allowed in a name.
    #[error("the character {0:?} is not allowed")]
    Character(char),
    /// It has no `@`, more than one, or no text on one side of it.
    #[error("it is not of the form name@suffix")]
    Form,
    /// It has no text.
    #[error("it is empty")]
    Empty,
}

/// A name of the form `alice@corp.example` (MS-RCMP; RFC 5321 4.1.2 without its quoted forms).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UpnOrEmail<'a> {
    text: &'a str,
    suffix: &'a str,
}

impl<'a> UpnOrEmail<'a> {
    /// Parses `text` without changing it.
    ///
    /// # Errors
    /// The text is not one name with one suffix, or has a character that is not allowed.
    pub(crate) fn parse(text: &'a str) -> Result<Self, MalformedNameError> {
        check_characters(text)?;
        let (name, suffix) = text.split_once('@').ok_or(MalformedNameError::Form)?;
        if name.is_empty() || suffix.is_empty() || suffix.contains('@') {
            return Err(MalformedNameError::Form);
        }
        Ok(Self { text, suffix })
    }

    /// Returns whether the part after the `@` is one of `suffixes`, in any case of ASCII letters. A subdomain of a
    /// listed suffix does not match. An empty list matches no name.
    pub(crate) fn has_suffix_among(self, suffixes: &[String]) -> bool {
        suffixes.iter().any(|suffix| suffix.eq_ignore_ascii_case(self.suffix))
    }
}

/// Checks a common name that is used as a user name. `DOMAIN\sam` and `name@suffix` are rejected: no list of suffixes
/// limits subjects, so they could name accounts of any domain.
pub(super) fn check_common_name(text: &str) -> Result<(), MalformedNameError> {
    check_characters(text)?;
    match text.chars().find(|character| *character == '@') {
        Some(at) => Err(MalformedNameError::Character(at)),
        None => Ok(()),
    }
}

/// Returns whether `upn` is the account's explicit UPN or its implicit one, `name@dns.domain`, which every account of
/// Active Directory has ([MS-ADTS] 5.1.1.1.1).
pub(super) fn has_upn(entry: &DirectoryAccount, upn: &str) -> bool {
    let explicit = entry.upn.as_ref().is_some_and(|own| own.eq_ignore_ascii_case(upn));
    let implied = upn.rsplit_once('@').is_some_and(|(name, domain)| {
        has_account_name(entry, name)
            && entry.dns_domain.as_ref().is_some_and(|own| own.eq_ignore_ascii_case(domain))
    });
    explicit || implied
}

/// Returns whether `name` is the account's name within its domain.
pub(super) fn has_account_name(entry: &DirectoryAccount, name: &str) -> bool {
    entry.account_name.as_ref().is_some_and(|own| own.eq_ignore_ascii_case(name))
}

fn check_characters(text: &str) -> Result<(), MalformedNameError> {
    if text.trim().is_empty() {
        return Err(MalformedNameError::Empty);
    }
    if text.len() > MAXIMUM_NAME_LENGTH {
        return Err(MalformedNameError::TooLong(text.len()));
    }
    match text.chars().find(|character| is_forbidden(*character)) {
        Some(character) => Err(MalformedNameError::Character(character)),
        None => Ok(()),
    }
}

/// Returns whether `character` is not allowed in names: control characters, the separators of `DOMAIN\sam` and of
/// paths, and characters that are invisible or change the direction of writing, because two different names could look
/// alike in a record.
fn is_forbidden(character: char) -> bool {
    character.is_control()
        || (character.is_whitespace() && character != ' ')
        || matches!(character, '\\' | '/' | '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_name_is_not_changed_and_its_suffix_is_compared_without_case() {
        let name = UpnOrEmail::parse("Alice@Corp.Example").unwrap();
        assert_eq!(name.text, "Alice@Corp.Example");
        assert!(name.has_suffix_among(&["corp.example".to_owned()]));
        assert!(!name.has_suffix_among(&["example".to_owned()]));
        assert!(!name.has_suffix_among(&[]));
    }

    #[test]
    fn a_suffix_that_is_equal_only_under_unicode_folding_does_not_match() {
        let kelvin = UpnOrEmail::parse("alice@\u{212a}.example").unwrap();
        assert!(!kelvin.has_suffix_among(&["k.example".to_owned()]));
    }

    #[test]
    fn text_that_is_not_one_name_with_one_suffix_is_malformed() {
        for text in ["alice", "@corp.example", "alice@", "a@b@c", "a@@b"] {
            assert_eq!(UpnOrEmail::parse(text), Err(MalformedNameError::Form), "{text}");
        }
        assert_eq!(UpnOrEmail::parse(" "), Err(MalformedNameError::Empty));
    }

    #[test]
    fn characters_that_mislead_in_headers_records_or_domain_names_are_rejected() {
        for forbidden in ['\0', '\r', '\n', '\t', '\u{7f}', '\\', '/', '\u{202e}', '\u{200b}', '\u{2028}'] {
            let text = format!("ali{forbidden}ce@corp.example");
            assert_eq!(UpnOrEmail::parse(&text), Err(MalformedNameError::Character(forbidden)));
        }
    }

    #[test]
    fn a_name_of_more_than_256_bytes_is_rejected() {
        let text = format!("{}@corp.example", "a".repeat(244));
        assert_eq!(text.len(), 257);
        assert_eq!(UpnOrEmail::parse(&text), Err(MalformedNameError::TooLong(257)));
        assert!(UpnOrEmail::parse(&text[1..]).is_ok());
    }

    #[test]
    fn a_common_name_cannot_contain_a_domain() {
        assert_eq!(check_common_name("CORP\\Administrator"), Err(MalformedNameError::Character('\\')));
        assert_eq!(check_common_name("root@corp.example"), Err(MalformedNameError::Character('@')));
        assert_eq!(check_common_name("DOE.JANE.Q.1234567890"), Ok(()));
        assert_eq!(check_common_name("Jane Doe"), Ok(()));
    }

    proptest! {
        #[test]
        fn an_accepted_name_has_one_at_sign_and_no_control_character(text in any::<String>()) {
            if let Ok(name) = UpnOrEmail::parse(&text) {
                prop_assert_eq!(name.text, &text);
                prop_assert_eq!(text.matches('@').count(), 1);
                prop_assert!(!text.chars().any(char::is_control));
                prop_assert!(text.len() <= MAXIMUM_NAME_LENGTH);
            }
        }
    }
}
