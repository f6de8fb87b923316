//! Takes the text of a UPN or an e-mail address, gives it as a name with a suffix, or what is wrong with it.
//!
//! Never repairs: no trimming, no change of letters. What goes on stands in headers, logs and directory searches.

use thiserror::Error;

/// The longest name that is taken, in bytes. Active Directory takes 1,024 characters for a UPN, but no logon name of a
/// person comes near this.
pub const MAXIMUM_NAME_LENGTH: usize = 256;

/// Why a text is not taken for a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PrincipalNameError {
    /// Longer than [`MAXIMUM_NAME_LENGTH`].
    #[error("it is {0} bytes long, at most {MAXIMUM_NAME_LENGTH} are taken")]
    TooLong(usize),
    /// A character that cannot stand in a name.
    #[error("it holds the character {0:?}")]
    Character(char),
    /// No `@`, more than one, or nothing on one side of it.
    #[error("it is not of the form name@suffix")]
    Form,
    /// No text at all.
    #[error("it is empty")]
    Empty,
}

/// A name of the form `alice@corp.example` (MS-RCMP; RFC 5321 4.1.2 without its quoted forms).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrincipalName<'a> {
    text: &'a str,
    suffix: &'a str,
}

impl<'a> PrincipalName<'a> {
    /// Takes `text` as it stands, or says why not.
    pub fn parse(text: &'a str) -> Result<Self, PrincipalNameError> {
        check_characters(text)?;
        let (name, suffix) = text.split_once('@').ok_or(PrincipalNameError::Form)?;
        if name.is_empty() || suffix.is_empty() || suffix.contains('@') {
            return Err(PrincipalNameError::Form);
        }
        Ok(Self { text, suffix })
    }

    /// As the certificate writes it.
    pub fn as_str(self) -> &'a str {
        self.text
    }

    /// Whether the part behind the `@` is one of `suffixes`, whatever the case of ASCII letters. A suffix below one
    /// that is listed is not listed. An empty list admits nobody.
    pub fn has_suffix_among(self, suffixes: &[String]) -> bool {
        suffixes.iter().any(|suffix| suffix.eq_ignore_ascii_case(self.suffix))
    }
}

/// A common name that can be a user's name: `DOMAIN\sam` and `name@suffix` are not taken, because a subject, over
/// which no list of suffixes stands, could otherwise name anybody of any domain.
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
    match text.chars().find(|character| is_refused(*character)) {
        Some(character) => Err(PrincipalNameError::Character(character)),
        None => Ok(()),
    }
}

/// Control characters; the separators of `DOMAIN\sam` and of paths; and characters that are not seen or turn the
/// direction of writing, so that two names that differ would look alike in a record.
fn is_refused(character: char) -> bool {
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
    fn a_name_is_kept_as_written_and_its_suffix_is_compared_without_case() {
        let name = PrincipalName::parse("Alice@Corp.Example").unwrap();
        assert_eq!(name.as_str(), "Alice@Corp.Example");
        assert!(name.has_suffix_among(&["corp.example".to_owned()]));
        assert!(!name.has_suffix_among(&["example".to_owned()]));
        assert!(!name.has_suffix_among(&[]));
    }

    #[test]
    fn a_suffix_that_only_folds_in_unicode_is_another_suffix() {
        let kelvin = PrincipalName::parse("alice@\u{212a}.example").unwrap();
        assert!(!kelvin.has_suffix_among(&["k.example".to_owned()]));
    }

    #[test]
    fn a_name_that_is_not_one_name_at_one_suffix_is_refused() {
        for text in ["alice", "@corp.example", "alice@", "a@b@c", "a@@b"] {
            assert_eq!(PrincipalName::parse(text), Err(PrincipalNameError::Form), "{text}");
        }
        assert_eq!(PrincipalName::parse(" "), Err(PrincipalNameError::Empty));
    }

    #[test]
    fn characters_that_lie_in_headers_records_or_domain_names_are_refused() {
        for refused in ['\0', '\r', '\n', '\t', '\u{7f}', '\\', '/', '\u{202e}', '\u{200b}', '\u{2028}'] {
            let text = format!("ali{refused}ce@corp.example");
            assert_eq!(PrincipalName::parse(&text), Err(PrincipalNameError::Character(refused)));
        }
    }

    #[test]
    fn a_name_of_more_than_256_bytes_is_refused() {
        let text = format!("{}@corp.example", "a".repeat(244));
        assert_eq!(text.len(), 257);
        assert_eq!(PrincipalName::parse(&text), Err(PrincipalNameError::TooLong(257)));
        assert!(PrincipalName::parse(&text[1..]).is_ok());
    }

    #[test]
    fn a_common_name_cannot_pose_as_a_name_of_a_domain() {
        assert_eq!(check_common_name("CORP\\Administrator"), Err(PrincipalNameError::Character('\\')));
        assert_eq!(check_common_name("root@corp.example"), Err(PrincipalNameError::Character('@')));
        assert_eq!(check_common_name("DOE.JANE.Q.1234567890"), Ok(()));
        assert_eq!(check_common_name("Jane Doe"), Ok(()));
    }

    proptest! {
        #[test]
        fn an_accepted_name_has_one_at_sign_and_nothing_that_cannot_be_seen(text in any::<String>()) {
            if let Ok(name) = PrincipalName::parse(&text) {
                prop_assert_eq!(name.as_str(), &text);
                prop_assert_eq!(text.matches('@').count(), 1);
                prop_assert!(!text.chars().any(char::is_control));
                prop_assert!(text.len() <= MAXIMUM_NAME_LENGTH);
            }
        }
    }
}
