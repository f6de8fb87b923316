//! Parsing of UPNs and e-mail addresses in certificates.
//!
//! The text is neither trimmed nor folded, because it appears in headers, logs and directory searches.

use thiserror::Error;

/// The longest accepted name in bytes. Active Directory allows 1,024 characters in a UPN, but no log-in name of a person
/// is nearly as long.
pub(crate) const MAXIMUM_NAME_LENGTH: usize = 256;

/// The reason for which a name is malformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PrincipalNameError {
    /// Longer than [`MAXIMUM_NAME_LENGTH`].
    #[error("it is {0} bytes long; at most {MAXIMUM_NAME_LENGTH} are allowed")]
    TooLong(usize),
    /// A character that is not allowed in a name.
    #[error("the character {0:?} is not allowed")]
    Character(char),
    /// No `@`, more than one, or no text on one side of it.
    #[error("it is not of the form name@suffix")]
    Form,
    /// No text.
    #[error("it is empty")]
    Empty,
}

/// A name of the form `alice@corp.example` (MS-RCMP; RFC 5321 4.1.2 without its quoted forms).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PrincipalName<'a> {
    text: &'a str,
    suffix: &'a str,
}

impl<'a> PrincipalName<'a> {
    /// Parses `text` without changing it.
    ///
    /// # Errors
    /// The text is not one name at one suffix, or has a character that is not allowed.
    pub(crate) fn parse(text: &'a str) -> Result<Self, PrincipalNameError> {
        check_characters(text)?;
        let (name, suffix) = text.split_once('@').ok_or(PrincipalNameError::Form)?;
        if name.is_empty() || suffix.is_empty() || suffix.contains('@') {
            return Err(PrincipalNameError::Form);
        }
        Ok(Self { text, suffix })
    }

    /// Whether the part after the `@` is one of `suffixes`, in any case of ASCII letters. A subdomain of a listed suffix does
    /// not match. An empty list matches no name.
    pub(crate) fn has_suffix_among(self, suffixes: &[String]) -> bool {
        suffixes.iter().any(|suffix| suffix.eq_ignore_ascii_case(self.suffix))
    }
}

/// Checks a common name that is used as a user name. `DOMAIN\sam` and `name@suffix` are rejected: no list of suffixes
/// limits subjects, so they could name accounts of any domain.
pub(super) fn check_common_name(text: &str) -> Result<(), PrincipalNameError> {
    check_characters(text)?;
    match text.chars().find(|character| *character == '@') {
        Some(at) => Err(PrincipalNameError::Character(at)),
        None => Ok(()),
    }
}

fn check_characters(text: &str) -> Result<(), PrincipalNameError> {
    if text.trim().is_empty() {
        return Err(PrincipalNameError::Empty);
    }
    if text.len() > MAXIMUM_NAME_LENGTH {
        return Err(PrincipalNameError::TooLong(text.len()));
    }
    match text.chars().find(|character| is_forbidden(*character)) {
        Some(character) => Err(PrincipalNameError::Character(character)),
        None => Ok(()),
    }
}

/// Control characters, the separators of `DOMAIN\sam` and of paths, and characters that are invisible or change the
/// direction of writing, by which two different names would look alike in a record.
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
        let name = PrincipalName::parse("Alice@Corp.Example").unwrap();
        assert_eq!(name.text, "Alice@Corp.Example");
        assert!(name.has_suffix_among(&["corp.example".to_owned()]));
        assert!(!name.has_suffix_among(&["example".to_owned()]));
        assert!(!name.has_suffix_among(&[]));
    }

    #[test]
    fn a_suffix_that_is_equal_only_under_unicode_folding_does_not_match() {
        let kelvin = PrincipalName::parse("alice@\u{212a}.example").unwrap();
        assert!(!kelvin.has_suffix_among(&["k.example".to_owned()]));
    }

    #[test]
    fn a_text_that_is_not_one_name_at_one_suffix_is_malformed() {
        for text in ["alice", "@corp.example", "alice@", "a@b@c", "a@@b"] {
            assert_eq!(PrincipalName::parse(text), Err(PrincipalNameError::Form), "{text}");
        }
        assert_eq!(PrincipalName::parse(" "), Err(PrincipalNameError::Empty));
    }

    #[test]
    fn characters_that_mislead_in_headers_records_or_domain_names_are_rejected() {
        for forbidden in ['\0', '\r', '\n', '\t', '\u{7f}', '\\', '/', '\u{202e}', '\u{200b}', '\u{2028}'] {
            let text = format!("ali{forbidden}ce@corp.example");
            assert_eq!(PrincipalName::parse(&text), Err(PrincipalNameError::Character(forbidden)));
        }
    }

    #[test]
    fn a_name_of_more_than_256_bytes_is_rejected() {
        let text = format!("{}@corp.example", "a".repeat(244));
        assert_eq!(text.len(), 257);
        assert_eq!(PrincipalName::parse(&text), Err(PrincipalNameError::TooLong(257)));
        assert!(PrincipalName::parse(&text[1..]).is_ok());
    }

    #[test]
    fn a_common_name_cannot_contain_a_domain() {
        assert_eq!(check_common_name("CORP\\Administrator"), Err(PrincipalNameError::Character('\\')));
        assert_eq!(check_common_name("root@corp.example"), Err(PrincipalNameError::Character('@')));
        assert_eq!(check_common_name("DOE.JANE.Q.1234567890"), Ok(()));
        assert_eq!(check_common_name("Jane Doe"), Ok(()));
    }

    proptest! {
        #[test]
        fn an_accepted_name_has_one_at_sign_and_no_control_character(text in any::<String>()) {
            if let Ok(name) = PrincipalName::parse(&text) {
                prop_assert_eq!(name.text, &text);
                prop_assert_eq!(text.matches('@').count(), 1);
                prop_assert!(!text.chars().any(char::is_control));
                prop_assert!(text.len() <= MAXIMUM_NAME_LENGTH);
            }
        }
    }
}
