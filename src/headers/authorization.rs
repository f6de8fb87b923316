//! `Authorization` and `WWW-Authenticate` in pass-through authentication: the account that a client tries to log in to,
//! and whether the scheme authenticates the connection. Used to count failed logins; nothing that is read here is trusted.

use base64::Engine;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue};

/// A login attempt in an `Authorization` field. The account name is the client's claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LoginClaim {
    /// The first message of an exchange, which names no account and tries no password.
    Opening,
    /// A password or a ticket for this account. A ticket is encrypted and names none.
    ///
    /// The name is without its domain and in lower case: `CORP\Alice`, `corp.example\alice` and `alice@corp.example` are
    /// one account to the domain controller that locks it, and must be one here.
    Attempt {
        /// The account, if the field names one.
        account: Option<String>,
    },
    /// Two claims in one field, or one that cannot be decoded here but that a server may decode. A client could send it to
    /// have its failures counted for another account or for none, so the request must be rejected.
    Ambiguous,
}

/// The start of every NTLM message ([MS-NLMP] 2.2.1).
const SIGNATURE: &[u8] = b"NTLMSSP\0";

/// Servers differ in whether they require padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The login attempt of a request; `None` without `Authorization`. An unknown scheme is an attempt without an account,
/// which counts for the client's address.
pub(crate) fn login_claim(headers: &HeaderMap) -> Option<LoginClaim> {
    let mut lines = headers.get_all(AUTHORIZATION).iter();
    let (scheme, token) = scheme_and_token(lines.next()?);
    if lines.next().is_some() {
        return Some(LoginClaim::Ambiguous);
    }
    Some(match BASE64.decode(token) {
        Ok(token) if scheme.eq_ignore_ascii_case(b"Basic") => {
            LoginClaim::Attempt { account: basic_user(&token) }
        }
        Ok(token) if authenticates_connection(scheme) => token_attempt(&token),
        // Some servers skip what is not base64, and find a name after it.
        Err(_) if scheme.eq_ignore_ascii_case(b"Basic") || authenticates_connection(scheme) => {
            LoginClaim::Ambiguous
        }
        Ok(_) | Err(_) => LoginClaim::Attempt { account: None },
    })
}

/// Whether the request uses a scheme that authenticates its connection.
pub(crate) fn is_connection_based(headers: &HeaderMap) -> bool {
    headers.get_all(AUTHORIZATION).iter().any(|line| authenticates_connection(scheme_and_token(line).0))
}

/// Whether the response offers a scheme that authenticates the connection.
pub(crate) fn offers_connection_based(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(WWW_AUTHENTICATE).iter();
    let challenges = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    challenges.map(first_word).any(authenticates_connection)
}

/// Whether the response's challenge is the next message of an exchange rather than the offer of a scheme.
pub(crate) fn is_continuation(headers: &HeaderMap) -> bool {
    headers.get_all(WWW_AUTHENTICATE).iter().map(scheme_and_token).any(|(scheme, token)| {
        authenticates_connection(scheme) && !token.is_empty() && !token.contains(&b',')
    })
}

/// NTLM and Negotiate (RFC 4559 6), also Kerberos under its own name.
fn authenticates_connection(scheme: &[u8]) -> bool {
    [&b"NTLM"[..], b"Negotiate", b"Kerberos"].iter().any(|one| scheme.eq_ignore_ascii_case(one))
}

fn scheme_and_token(value: &HeaderValue) -> (&[u8], &[u8]) {
    let value = value.as_bytes().trim_ascii();
    let scheme = first_word(value);
    (scheme, value.get(scheme.len()..).unwrap_or_default().trim_ascii())
}

fn first_word(text: &[u8]) -> &[u8] {
    let text = text.trim_ascii();
    text.split(u8::is_ascii_whitespace).next().unwrap_or_default()
}

fn basic_user(credentials: &[u8]) -> Option<String> {
    let name = credentials.split(|byte| *byte == b':').next().unwrap_or_default();
    account(&String::from_utf8_lossy(name))
}

/// The attempt of an NTLM message, alone or inside SPNEGO (RFC 4178), or of a Kerberos ticket.
fn token_attempt(token: &[u8]) -> LoginClaim {
    if token.starts_with(SIGNATURE) {
        return ntlm_attempt(token);
    }
    // SPNEGO contains the message unencoded. A second one could only be there to be counted in place of the first.
    let messages = token.windows(SIGNATURE.len()).enumerate().filter(|(_, window)| *window == SIGNATURE);
    let mut messages = messages.filter_map(|(at, _)| token.get(at..));
    match (messages.next(), messages.next()) {
        (None, _) => LoginClaim::Attempt { account: None },
        (Some(message), None) => ntlm_attempt(message),
        (Some(_), Some(_)) => LoginClaim::Ambiguous,
    }
}

/// NEGOTIATE_MESSAGE is type 1, AUTHENTICATE_MESSAGE type 3 ([MS-NLMP] 2.2.1.1, 2.2.1.3); a client never sends type 2.
fn ntlm_attempt(message: &[u8]) -> LoginClaim {
    match number(message, 8) {
        Some(1) => LoginClaim::Opening,
        Some(3) => LoginClaim::Attempt { account: ntlm_user(message) },
        Some(_) | None => LoginClaim::Attempt { account: None },
    }
}

/// The user's name of an AUTHENTICATE_MESSAGE: UserNameFields at 36, NegotiateFlags at 60 ([MS-NLMP] 2.2.1.3).
fn ntlm_user(message: &[u8]) -> Option<String> {
    const UNICODE: usize = 0x1;
    let length = number(message, 36)? & 0xffff;
    let start = number(message, 40)?;
    let name = message.get(start..start.checked_add(length)?)?;
    // The oldest clients send neither flags nor Unicode.
    if number(message, 60).is_some_and(|flags| flags & UNICODE != 0) {
        let units = name
            .chunks_exact(2)
            .map(|pair| pair.iter().rev().fold(0, |unit, byte| unit << 8 | u16::from(*byte)));
        let units: Vec<u16> = units.collect();
        account(&String::from_utf16_lossy(&units))
    } else {
        account(&String::from_utf8_lossy(name))
    }
}

/// The little-endian 32 bits at `offset`.
fn number(message: &[u8], offset: usize) -> Option<usize> {
    let bytes = message.get(offset..offset.checked_add(4)?)?;
    Some(bytes.iter().rev().fold(0, |value, byte| value << 8 | usize::from(*byte)))
}

/// The name without its domain, in lower case; `None` if it is empty, as in an anonymous login.
fn account(name: &str) -> Option<String> {
    let name = name.rsplit(['\\', '/']).next().unwrap_or_default();
    let name = name.split('@').next().unwrap_or_default().trim();
    (!name.is_empty()).then(|| name.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose;
    use proptest::prelude::*;

    fn claim(value: &str) -> Option<LoginClaim> {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        login_claim(&headers)
    }

    fn coded(scheme: &str, token: &[u8]) -> Option<LoginClaim> {
        claim(&format!("{scheme} {}", general_purpose::STANDARD.encode(token)))
    }

    fn of(account: &str) -> Option<LoginClaim> {
        Some(LoginClaim::Attempt { account: Some(account.to_owned()) })
    }

    const NO_ACCOUNT: Option<LoginClaim> = Some(LoginClaim::Attempt { account: None });

    /// An AUTHENTICATE_MESSAGE that has only a user name.
    fn type_3(name: &[u8], flags: u32) -> Vec<u8> {
        let mut message = SIGNATURE.to_vec();
        message.extend(3_u32.to_le_bytes());
        message.resize(36, 0);
        let length = u16::try_from(name.len()).unwrap().to_le_bytes();
        message.extend([length, length].concat());
        message.extend(64_u32.to_le_bytes());
        message.resize(60, 0);
        message.extend(flags.to_le_bytes());
        message.extend(name);
        message
    }

    fn utf16(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    fn type_1() -> Vec<u8> {
        [SIGNATURE, &[1, 0, 0, 0, 7, 0, 0, 0]].concat()
    }

    #[test]
    fn the_first_message_names_no_account_and_is_not_an_attempt() {
        assert_eq!(coded("NTLM", &type_1()), Some(LoginClaim::Opening));
        assert_eq!(coded("negotiate", &[b"\x60\x40", &type_1()[..]].concat()), Some(LoginClaim::Opening));
    }

    #[test]
    fn the_third_message_is_an_attempt_for_its_user() {
        let message = type_3(&utf16("Älice"), 1);
        assert_eq!(coded("NTLM", &message), of("älice"));
        assert_eq!(coded("Negotiate", &[b"\xa1\x82\x01\x00", &message[..]].concat()), of("älice"));
        assert_eq!(coded("ntlm", &type_3(b"ALICE", 0)), of("alice"));
    }

    #[test]
    fn every_spelling_of_an_account_counts_for_it() {
        for name in ["alice", "CORP\\Alice", "corp/alice", "alice@corp.example", "ALICE@CORP", " alice "] {
            assert_eq!(coded("Basic", format!("{name}:Passw0rd").as_bytes()), of("alice"), "{name}");
            assert_eq!(coded("NTLM", &type_3(&utf16(name), 1)), of("alice"), "{name}");
        }
    }

    #[test]
    fn two_claims_in_one_are_ambiguous() {
        let token = [&b"\x60\x40"[..], &type_1(), &type_3(b"alice", 0)].concat();
        assert_eq!(coded("Negotiate", &token), Some(LoginClaim::Ambiguous));
        let line = (AUTHORIZATION, HeaderValue::from_static("Basic YWxpY2U6eA=="));
        let headers = [line.clone(), line].into_iter().collect();
        assert_eq!(login_claim(&headers), Some(LoginClaim::Ambiguous));
    }

    #[test]
    fn a_name_that_only_the_server_might_read_is_ambiguous() {
        for value in ["Basic YWxp Y2U6eA==", "basic YWxpY2U6eA==,", "NTLM !!", "Negotiate YII-"] {
            assert_eq!(claim(value), Some(LoginClaim::Ambiguous), "{value}");
        }
    }

    #[test]
    fn a_claim_without_an_account_is_an_attempt() {
        for value in
            ["Negotiate YIIBvgYGKwYBBQUCoIIB", "Bearer abc", "NTLM", "Basic", "Digest username=\"x\""]
        {
            assert_eq!(claim(value), NO_ACCOUNT, "{value}");
        }
        assert_eq!(coded("NTLM", &type_3(b"", 1)), NO_ACCOUNT);
        let mut beyond = type_3(b"alice", 0);
        beyond[40..44].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(coded("NTLM", &beyond), NO_ACCOUNT);
        assert_eq!(login_claim(&HeaderMap::new()), None);
    }

    #[test]
    fn connection_based_schemes_are_distinguished_from_others() {
        let offers = |lines: &[&'static str]| {
            let line = |line: &&'static str| (WWW_AUTHENTICATE, HeaderValue::from_static(line));
            offers_connection_based(&lines.iter().map(line).collect())
        };
        assert!(offers(&["Basic realm=\"rms\"", "NTLM"]));
        assert!(offers(&["Basic realm=\"rms\", negotiate"]));
        assert!(offers(&["Negotiate oRQwEqADCgEB"]));
        assert!(!offers(&["Basic realm=\"rms\"", "Bearer"]));
        let is_based = |line| {
            is_connection_based(&HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static(line))]))
        };
        assert!(is_based("nTlM TlRMTVNTUAAB") && is_based("Negotiate\tYII") && is_based("Kerberos YII"));
        assert!(!is_based("Basic YTpi") && !is_based("Bearer NTLM"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]
        #[test]
        fn any_token_is_read_without_a_panic(token in prop::collection::vec(any::<u8>(), 0..200), cut in 0_usize..80) {
            let mut message = type_3(&token, 1);
            message.truncate(cut);
            for token in [token.clone(), message, [&token[..], SIGNATURE, &token].concat()] {
                prop_assert!(coded("Negotiate", &token).is_some());
                prop_assert!(coded("Basic", &token).is_some());
            }
        }
    }
}
