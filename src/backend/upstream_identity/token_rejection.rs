//! Takes the head of a server's answer to a request with a fresh, good Kerberos token, says whether the server took it
//! and, where it did not, which of its settings most likely refuse it. Never looks at the token.

use http::header::{SERVER, WWW_AUTHENTICATE};
use http::{HeaderMap, StatusCode};

/// A token that a server did not take, although the KDC made it for this server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenRejected {
    /// The server asks for something else.
    #[error("the server does not take Kerberos tokens here: it asks for {}", words(.offered))]
    NotOffered {
        /// The schemes that it asks for.
        offered: Vec<String>,
    },
    /// The server asks for a token again. Asked with another token it would do so for ever.
    #[error("the server takes a good token for none and asks for another")]
    Challenged {
        /// Whether the request went over TLS.
        over_tls: bool,
    },
    /// The request was too long for the server.
    #[error("the server finds the request too long ({0})")]
    TooLong(StatusCode),
}

/// Whether the server took the token, as its answer says. What else it refuses is its own affair: 403 is a judgement on
/// a user whom it knows.
///
/// # Errors
/// Where it did not.
pub fn check_token_accepted(
    status: StatusCode,
    headers: &HeaderMap,
    over_tls: bool,
) -> Result<(), TokenRejected> {
    match status {
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => Err(TokenRejected::TooLong(status)),
        // http.sys speaks for itself where a token of many groups is above MaxFieldLength; a 400 of the application
        // is the application's.
        StatusCode::BAD_REQUEST if is_of_http_sys(headers) => Err(TokenRejected::TooLong(status)),
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

fn is_of_http_sys(headers: &HeaderMap) -> bool {
    headers.get(SERVER).is_some_and(|server| server.as_bytes().starts_with(b"Microsoft-HTTPAPI"))
}

/// The scheme of each challenge. IIS and Apache write each on a line of its own.
fn schemes(headers: &HeaderMap) -> Vec<String> {
    let lines = headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|line| line.to_str().ok());
    let first_words = lines.filter_map(|line| line.split([' ', ',']).next());
    first_words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

fn words(schemes: &[String]) -> String {
    if schemes.is_empty() { "nothing that it names".to_owned() } else { schemes.join(", ") }
}

/// Extended Protection for Authentication binds a token to the TLS connection that the client sees, and the gate's token
/// carries no such binding ([MS-SPNG] and RFC 5929 2; `tokenChecking` in IIS).
const EXTENDED_PROTECTION: &str = "Extended Protection: set tokenChecking to \"None\" or \"Allow\" under \
     system.webServer/security/authentication/windowsAuthentication/extendedProtection of the site";
const PRINCIPAL: &str = "the principal: the SPN must be registered (setspn -Q) on the one account whose key the server \
     decrypts with, and be spelt as in the backend's `spn`";
const KERNEL_MODE: &str = "kernel-mode authentication: with useKernelMode=\"true\" IIS decrypts with the machine's key; \
     where the SPN is on the pool's account, set useAppPoolCredentials=\"true\" or useKernelMode=\"false\"";

impl TokenRejected {
    /// The settings to look at, the likeliest first.
    pub fn hints(&self) -> &'static [&'static str] {
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

    fn taken(status: u16, challenges: &[&'static str], over_tls: bool) -> Result<(), TokenRejected> {
        let mut headers = HeaderMap::new();
        for challenge in challenges {
            headers.append(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        check_token_accepted(StatusCode::from_u16(status).unwrap(), &headers, over_tls)
    }

    #[test]
    fn a_server_that_knows_the_user_has_taken_the_token_whatever_it_answers() {
        for status in [200, 302, 403, 404, 405, 500] {
            assert_eq!(taken(status, &[], true), Ok(()), "{status}");
        }
    }

    #[test]
    fn a_fresh_challenge_names_the_three_settings_the_likeliest_first() {
        for challenges in
            [&["Negotiate", "NTLM"][..], &["negotiate YIG2=="], &["Basic realm=\"x\"", "Negotiate"]]
        {
            for over_tls in [true, false] {
                let refused = taken(401, challenges, over_tls).unwrap_err();
                assert_eq!(refused, TokenRejected::Challenged { over_tls });
                assert_eq!(refused.hints().len(), 3);
                let first = if over_tls { "Extended Protection" } else { "the principal" };
                assert!(refused.hints()[0].starts_with(first), "{refused:?}");
            }
        }
    }

    #[test]
    fn a_server_that_asks_for_something_else_is_told_by_what_it_asks_for() {
        let refused = taken(401, &["NTLM", "Basic realm=\"a, Negotiate\""], true).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "the server does not take Kerberos tokens here: it asks for NTLM, Basic"
        );
        let silent = taken(401, &[], true).unwrap_err();
        assert!(silent.to_string().ends_with("it asks for nothing that it names"), "{silent}");
    }

    #[test]
    fn a_token_that_is_too_long_is_told_as_such() {
        let mut headers = HeaderMap::new();
        assert!(check_token_accepted(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, &headers, true).is_err());
        assert_eq!(check_token_accepted(StatusCode::BAD_REQUEST, &headers, true), Ok(()));
        headers.insert(SERVER, HeaderValue::from_static("Microsoft-HTTPAPI/2.0"));
        let refused = check_token_accepted(StatusCode::BAD_REQUEST, &headers, true);
        assert_eq!(refused, Err(TokenRejected::TooLong(StatusCode::BAD_REQUEST)));
    }
}
