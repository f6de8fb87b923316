//! Basic credentials (RFC 7617), and the challenge that requests them. Their verification is the directory's.

use crate::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use thiserror::Error;
use zeroize::Zeroizing;

/// The maximum length of a user name in bytes, which no directory reaches.
const LONGEST_USER: usize = 1024;
/// The maximum length of a password in bytes: the 256 characters of Active Directory ([MS-SAMR] 2.2.3.4), of at most four
/// bytes each in UTF-8.
const LONGEST_PASSWORD: usize = 1024;
/// The length of both, with the colon, in base64.
const LONGEST_ENCODED: usize = (LONGEST_USER + 1 + LONGEST_PASSWORD).div_ceil(3) * 4;

/// A user name and a password. Neither is empty, too long, or has a control character.
#[derive(Debug)]
pub(crate) struct BasicCredentials {
    /// The user name, in any form.
    pub user: String,
    /// The password in UTF-8.
    pub password: Secret,
}

/// The reason why credentials are invalid. The messages quote no part of them, because any part may be the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BasicError {
    /// Several `Authorization` fields. The gateway and a server could use different ones.
    #[error("the request has more than one `Authorization` field")]
    SeveralLines,
    /// The user name or the password is longer than any directory allows.
    #[error("the credentials are too long")]
    TooLong,
    /// Not base64 with its padding (RFC 4648 section 4).
    #[error("the credentials are not base64")]
    NotBase64,
    /// Not UTF-8, which the challenge specifies (RFC 7617 section 2.1).
    #[error("the credentials are not UTF-8")]
    NotUtf8,
    /// No colon between user name and password.
    #[error("the credentials have no colon")]
    NoColon,
    /// A control character, which RFC 7617 section 2 forbids in both parts.
    #[error("the credentials have a control character")]
    ControlCharacter,
    /// The user name is empty.
    #[error("the user name is empty")]
    EmptyUser,
    /// The password is empty. A directory accepts a bind with a name and an empty password as an unauthenticated one
    /// (RFC 4513 section 5.1.2).
    #[error("the password is empty")]
    EmptyPassword,
}

impl BasicCredentials {
    /// Returns the credentials in `headers`, or `None` if there is no `Authorization` field or it has another scheme.
    ///
    /// # Errors
    /// The credentials are invalid.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Option<Self>, BasicError> {
        let mut lines = headers.get_all(AUTHORIZATION).iter();
        let line = match (lines.next(), lines.next()) {
            (None, _) => return Ok(None),
            (Some(line), None) => line.as_bytes(),
            (Some(_), Some(_)) => return Err(BasicError::SeveralLines),
        };
        // One or more spaces follow the scheme (RFC 9110 section 11.4). The scheme alone is Basic with empty credentials.
        let (scheme, rest) = line.split_at(line.iter().position(|byte| *byte == b' ').unwrap_or(line.len()));
        if !scheme.eq_ignore_ascii_case(b"basic") {
            return Ok(None);
        }
        Self::decode(rest.trim_ascii_start()).map(Some)
    }

    fn decode(encoded: &[u8]) -> Result<Self, BasicError> {
        if encoded.len() > LONGEST_ENCODED {
            return Err(BasicError::TooLong);
        }
        // The buffer is zeroed when it is dropped, also on an error.
        let mut buffer = Zeroizing::new(vec![0; LONGEST_ENCODED]);
        let length = STANDARD.decode_slice(encoded, &mut buffer).map_err(|_| BasicError::NotBase64)?;
        let decoded = buffer.get(..length).unwrap_or_default();
        let text = std::str::from_utf8(decoded).map_err(|_| BasicError::NotUtf8)?;
        if text.chars().any(char::is_control) {
            return Err(BasicError::ControlCharacter);
        }
        // At the first colon: a password may have colons, a user name has none (RFC 7617 section 2).
        let (user, password) = text.split_once(':').ok_or(BasicError::NoColon)?;
        match (user.len(), password.len()) {
            (0, _) => Err(BasicError::EmptyUser),
            (_, 0) => Err(BasicError::EmptyPassword),
            (..=LONGEST_USER, ..=LONGEST_PASSWORD) => {
                Ok(Self { user: user.to_owned(), password: Secret::new(password.as_bytes().to_vec()) })
            }
            (_, _) => Err(BasicError::TooLong),
        }
    }
}

/// Returns the challenge that requests a user name and a password in UTF-8 (RFC 7617 section 2.1). Browsers show `realm`.
/// Characters that a field value cannot safely contain are replaced by question marks.
pub(crate) fn basic_challenge(realm: &str) -> HeaderValue {
    let mut value = String::from("Basic realm=\"");
    for letter in realm.chars() {
        match letter {
            // quoted-pair (RFC 9110 section 5.6.4).
            '"' | '\\' => value.extend(['\\', letter]),
            ' '..='~' => value.push(letter),
            _ => value.push('?'),
        }
    }
    value.push_str("\", charset=\"UTF-8\"");
    HeaderValue::try_from(value).expect("the value has visible ASCII and spaces only")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parsed(lines: &[&str]) -> Result<Option<(String, String)>, BasicError> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(AUTHORIZATION, HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        let credentials = BasicCredentials::of(&headers)?;
        let text = |secret: &Secret| String::from_utf8(secret.expose().to_vec()).unwrap();
        Ok(credentials.map(|credentials| (credentials.user, text(&credentials.password))))
    }

    fn encoded(plain: impl AsRef<[u8]>) -> String {
        format!("Basic {}", STANDARD.encode(plain))
    }

    #[test]
    fn the_examples_of_rfc_7617_are_decoded() {
        let some = |user: &str, password: &str| Ok(Some((user.to_owned(), password.to_owned())));
        assert_eq!(parsed(&["Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="]), some("Aladdin", "open sesame"));
        assert_eq!(parsed(&["Basic dGVzdDoxMjPCow=="]), some("test", "123£"));
    }

    #[test]
    fn the_first_colon_ends_the_user_name_and_the_scheme_is_case_insensitive() {
        let some = |user: &str, password: &str| Ok(Some((user.to_owned(), password.to_owned())));
        assert_eq!(parsed(&[&encoded("CORP\\sam:a:b:")]), some("CORP\\sam", "a:b:"));
        assert_eq!(parsed(&[&encoded("sam:x").replace("Basic ", "bASIC   ")]), some("sam", "x"));
    }

    #[test]
    fn other_schemes_and_a_missing_header_are_not_credentials() {
        for line in ["Negotiate YII=", "NTLM TlRMTVNT", "Bearer abc", "Basi", "BasicQWxh", "", " Basic QTpi"]
        {
            assert_eq!(parsed(&[line]), Ok(None), "{line:?}");
        }
        assert_eq!(parsed(&[]), Ok(None));
    }

    #[test]
    fn ambiguous_credentials_are_rejected() {
        let good = encoded("sam:secret");
        assert_eq!(parsed(&[&good, &good]), Err(BasicError::SeveralLines));
        assert_eq!(parsed(&["Negotiate YII=", &good]), Err(BasicError::SeveralLines));
        for line in [
            "Basic QTpi=",           // superfluous padding
            "Basic QTpi Yw==",       // a space inside
            "Basic QTpi,Basic QTpi", // two credentials in one field
            "Basic QTo_",            // the URL-safe alphabet
            "Basic c2FtOnh4eA",      // missing padding
            "Basic c2FtOnh=",        // bits after the end
            "Basic QTpi\t",
        ] {
            assert_eq!(parsed(&[line]), Err(BasicError::NotBase64), "{line}");
        }
    }

    #[test]
    fn malformed_credentials_are_rejected() {
        let cases: [(&[u8], BasicError); 9] = [
            (b"", BasicError::NoColon),
            (b"sam", BasicError::NoColon),
            (b":secret", BasicError::EmptyUser),
            (b"sam:", BasicError::EmptyPassword),
            (b"sam:sec\0ret", BasicError::ControlCharacter),
            (b"sa\nm:secret", BasicError::ControlCharacter),
            ("sam:sec\u{85}ret".as_bytes(), BasicError::ControlCharacter),
            (b"sam:123\xa3", BasicError::NotUtf8),
            (b"\xc0\xbasam:x", BasicError::NotUtf8),
        ];
        for (plain, error) in cases {
            assert_eq!(parsed(&[&encoded(plain)]), Err(error), "{plain:?}");
        }
        assert_eq!(parsed(&["Basic"]), Err(BasicError::NoColon));
    }

    #[test]
    fn lengths_are_bounded() {
        let of = |user: usize, password: usize| {
            parsed(&[&encoded(format!("{}:{}", "u".repeat(user), "p".repeat(password)))]).map(|_| ())
        };
        assert_eq!(of(LONGEST_USER, LONGEST_PASSWORD), Ok(()));
        assert_eq!(of(LONGEST_USER + 1, 1), Err(BasicError::TooLong));
        assert_eq!(of(1, LONGEST_PASSWORD + 1), Err(BasicError::TooLong));
        assert_eq!(of(1, 60_000), Err(BasicError::TooLong));
    }

    #[test]
    fn a_realm_cannot_end_the_quoted_string_of_the_challenge() {
        assert_eq!(basic_challenge("rms.corp.example"), r#"Basic realm="rms.corp.example", charset="UTF-8""#);
        assert_eq!(basic_challenge("a\"b\\c\r\né"), r#"Basic realm="a\"b\\c???", charset="UTF-8""#);
    }

    proptest! {
        #[test]
        fn any_user_name_and_password_are_decoded_as_sent(
            user in "[^\\p{Cc}:]{1,80}", password in "[^\\p{Cc}]{1,80}"
        ) {
            let read = parsed(&[&encoded(format!("{user}:{password}"))]);
            prop_assert_eq!(read, Ok(Some((user, password))));
        }

        #[test]
        fn any_bytes_are_decoded_without_a_panic(line in prop::collection::vec(prop_oneof![b' '..=b'~', 0x80..=0xff_u8], 0..80)) {
            let mut headers = HeaderMap::new();
            let line = [b"Basic ", line.as_slice()].concat();
            headers.insert(AUTHORIZATION, HeaderValue::from_bytes(&line).unwrap());
            if let Ok(read) = BasicCredentials::of(&headers) {
                prop_assert!(read.is_some_and(|read| !read.user.is_empty() && !read.password.expose().is_empty()));
            }
        }
    }
}
