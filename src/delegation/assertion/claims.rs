//! The claims of an assertion.

use serde::Serialize;
use std::time::Duration;

use crate::clock::UnixTime;

/// The values of the claims: the user of one request, and that request. No value is changed or shortened.
#[derive(Clone, Copy, Debug)]
pub struct RequestClaims<'a> {
    /// The backend (`aud`).
    pub audience: &'a str,
    /// The user, as in `X-Remote-User` (`sub`).
    pub subject: &'a str,
    /// The user principal name (`upn`).
    pub upn: Option<&'a str>,
    /// The security identifier, `S-1-5-21-…` (`sid`).
    pub sid: Option<&'a str>,
    /// The groups that this backend may see (`groups`).
    pub groups: &'a [&'a str],
    /// The SHA-256 of the client certificate in lower-case hexadecimal (`certificate_sha256`).
    pub certificate_sha256: Option<&'a str>,
    /// The `Host` that the backend receives (`host`).
    pub host: &'a str,
    /// The request method (`method`).
    pub method: &'a str,
    /// The path that the backend receives, without the query (`path`).
    pub path: &'a str,
    /// How the user was authenticated (`amr`).
    pub method_of_authentication: AuthenticationMethod,
    /// The time of the authentication: of the signature in the handshake, or of the password check (`auth_time`).
    pub authenticated_at: UnixTime,
    /// The time of issue (`iat`). The assertion expires after the lifetime of the signer (`exp`).
    pub issued_at: UnixTime,
    /// A unique id, so that a backend can reject replays (`jti`).
    pub id: &'a str,
}

/// How a user was authenticated (RFC 8176 section 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthenticationMethod {
    /// `sc`
    Smartcard,
    /// `pwd`
    Password,
}

/// The reason for which an assertion cannot be created.
#[derive(Debug, thiserror::Error)]
pub enum AssertionError {
    /// A required claim is empty.
    #[error("claim {claim} is empty")]
    Empty {
        /// The name of the claim.
        claim: &'static str,
    },
    /// The assertion is too long for a header. Claims are not dropped to shorten it.
    #[error("assertion of {bytes} bytes exceeds {limit} bytes")]
    TooLong {
        /// Its length.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// Signing failed.
    #[error("cannot sign the assertion")]
    Signing(#[source] jsonwebtoken::errors::Error),
}

/// The claims of the JWT, with the names registered by RFC 7519 4.1 and OpenID Connect Core 2, if there are any.
#[derive(Serialize)]
pub(super) struct JwtClaims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: &'a str,
    iat: u64,
    exp: u64,
    jti: &'a str,
    auth_time: u64,
    amr: [&'static str; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    upn: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    groups: &'a [&'a str],
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate_sha256: Option<&'a str>,
    host: &'a str,
    method: &'a str,
    path: &'a str,
}

impl<'a> RequestClaims<'a> {
    pub(super) fn claims(
        &self,
        issuer: &'a str,
        lifetime: Duration,
    ) -> Result<JwtClaims<'a>, AssertionError> {
        self.check_present()?;
        Ok(JwtClaims {
            iss: issuer,
            aud: self.audience,
            sub: self.subject,
            iat: self.issued_at.seconds(),
            exp: self.issued_at.plus(lifetime).seconds(),
            jti: self.id,
            auth_time: self.authenticated_at.seconds(),
            amr: [self.method_of_authentication.name()],
            upn: self.upn,
            sid: self.sid,
            groups: self.groups,
            certificate_sha256: self.certificate_sha256,
            host: self.host,
            method: self.method,
            path: self.path,
        })
    }

    /// Checks that no required claim is empty: a verifier with an empty setting would accept it.
    fn check_present(&self) -> Result<(), AssertionError> {
        let needed = [
            ("aud", self.audience),
            ("sub", self.subject),
            ("jti", self.id),
            ("host", self.host),
            ("method", self.method),
            ("path", self.path),
        ];
        let empty = needed.into_iter().find(|(_, value)| value.is_empty());
        empty.map_or(Ok(()), |(claim, _)| Err(AssertionError::Empty { claim }))
    }
}

impl AuthenticationMethod {
    fn name(self) -> &'static str {
        match self {
            Self::Smartcard => "sc",
            Self::Password => "pwd",
        }
    }
}
