//! The check that a server accepted a valid Kerberos token, and the settings of the server that most likely caused a
//! rejection. Only the response head is examined.

use http::header::{SERVER, WWW_AUTHENTICATE};
use http::{HeaderMap, StatusCode};

/// The reason for which a server rejected a token that the KDC issued for this server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TokenRejected {
    /// The server offers only other authentication schemes.
    #[error("the server does not accept Kerberos tokens here: it offers {}", scheme_list(.offered))]
    NotOffered {
        /// The schemes that it offers.
        offered: Vec<String>,
    },
    /// The server requests another token, and would do so again for each further token.
    #[error("the server rejected a valid token and requests another")]
    Challenged {
        /// Whether the request was sent over TLS.
        over_tls: bool,
    },
    /// The request head was too long for the server.
    #[error("the server rejected the request as too long ({0})")]
    TooLong(StatusCode),
}

/// Checks that the server accepted the token. A response such as 403 shows that it did: the server has authenticated
/// the user and denies access.
///
/// # Errors
/// The server rejected the token.
pub(crate) fn check_token_accepted(
    status: StatusCode,
    headers: &HeaderMap,
    over_tls: bool,
) -> Result<(), TokenRejected> {
    match status {
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => Err(TokenRejected::TooLong(status)),
        // http.sys itself responds if a token with many groups exceeds MaxFieldLength. Another 400 was sent by the
        // application, which has received the request.
        StatusCode::BAD_REQUEST if is_from_http_sys(headers) => Err(TokenRejected::TooLong(status)),
        StatusCode::UNAUTHORIZED => {
            let offered = schemes(headers);
            if offered.iter().any(|scheme| scheme.eq_ignore_ascii_case("Negotiate")) {
                Err(TokenRejected::Challenged { over_tls })
            } else {
                Err(TokenRejected::NotOffered { offered })
            }
        }
        _ => Ok(()),
    }
}

fn is_from_http_sys(headers: &HeaderMap) -> bool {
    headers.get(SERVER).is_some_and(|server| server.as_bytes().starts_with(b"Microsoft-HTTPAPI"))
}

/// Returns the scheme of each challenge. IIS and Apache send each on a line of its own.
fn schemes(headers: &HeaderMap) -> Vec<String> {
    let lines = headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|line| line.to_str().ok());
    let first_words = lines.filter_map(|line| line.split([' ', ',']).next());
    first_words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

fn scheme_list(schemes: &[String]) -> String {
    if schemes.is_empty() { "no authentication scheme".to_owned() } else { schemes.join(", ") }
}

/// Extended Protection for Authentication binds a token to the client's TLS connection, and the gateway's token has no
/// such binding ([MS-SPNG] and RFC 5929 2; `tokenChecking` in IIS).
const EXTENDED_PROTECTION: &str = "Extended Protection: set tokenChecking to \"None\" or \"Allow\" under \
     system.webServer/security/authentication/windowsAuthentication/extendedProtection of the site";
const PRINCIPAL: &str = "the principal: the SPN must be registered (setspn -Q) for exactly one account, the one whose key \
     the server decrypts with, and be spelled as in the backend's `spn`";
const KERNEL_MODE: &str = "kernel-mode authentication: with useKernelMode=\"true\" IIS decrypts with the machine's key; \
     if the SPN belongs to the application pool's account, set useAppPoolCredentials=\"true\" or useKernelMode=\"false\"";

impl TokenRejected {
    /// Returns the settings to check, the most likely first.
    pub(crate) fn hints(&self) -> &'static [&'static str] {
        match self {
            Self::NotOffered { .. } => &[
                "providers: enable Windows Authentication for the path, with Negotiate among its providers and before NTLM",
            ],
            Self::Challenged { over_tls: true } => &[EXTENDED_PROTECTION, PRINCIPAL, KERNEL_MODE],
            Self::Challenged { over_tls: false } => &[PRINCIPAL, KERNEL_MODE, EXTENDED_PROTECTION],
            Self::TooLong(_) => {
                &["length: the user is in many groups; raise MaxFieldLength and MaxRequestBytes of http.sys \
                 (HKLM\\System\\CurrentControlSet\\Services\\HTTP\\Parameters)"]
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn check(status: u16, challenges: &[&'static str], over_tls: bool) -> Result<(), TokenRejected> {
        let mut headers = HeaderMap::new();
        for challenge in challenges {
            headers.append(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        check_token_accepted(StatusCode::from_u16(status).unwrap(), &headers, over_tls)
    }

    #[test]
    fn a_status_other_than_401_shows_that_the_token_was_accepted() {
        for status in [200, 302, 403, 404, 405, 500] {
            assert_eq!(check(status, &[], true), Ok(()), "{status}");
        }
    }

    #[test]
    fn the_hints_for_a_new_challenge_begin_with_the_most_likely_setting() {
        for challenges in
            [&["Negotiate", "NTLM"][..], &["negotiate YIG2=="], &["Basic realm=\"x\"", "Negotiate"]]
        {
            for over_tls in [true, false] {
                let rejected = check(401, challenges, over_tls).unwrap_err();
                assert_eq!(rejected, TokenRejected::Challenged { over_tls });
                assert_eq!(rejected.hints().len(), 3);
                let first = if over_tls { "Extended Protection" } else { "the principal" };
                assert!(rejected.hints()[0].starts_with(first), "{rejected:?}");
            }
        }
    }

    #[test]
    fn the_schemes_that_a_server_offers_instead_are_reported() {
        let rejected = check(401, &["NTLM", "Basic realm=\"a, Negotiate\""], true).unwrap_err();
        assert_eq!(
            rejected.to_string(),
            "the server does not accept Kerberos tokens here: it offers NTLM, Basic"
        );
        let silent = check(401, &[], true).unwrap_err();
        assert!(silent.to_string().ends_with("it offers no authentication scheme"), "{silent}");
    }

    #[test]
    fn a_token_that_is_too_long_is_reported() {
        let mut headers = HeaderMap::new();
        assert!(check_token_accepted(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, &headers, true).is_err());
        assert_eq!(check_token_accepted(StatusCode::BAD_REQUEST, &headers, true), Ok(()));
        headers.insert(SERVER, HeaderValue::from_static("Microsoft-HTTPAPI/2.0"));
        let rejected = check_token_accepted(StatusCode::BAD_REQUEST, &headers, true);
        assert_eq!(rejected, Err(TokenRejected::TooLong(StatusCode::BAD_REQUEST)));
    }
}
