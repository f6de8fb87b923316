//! What is said of one request: the claims, their names, and what they may not be.

use serde::Serialize;
use std::time::Duration;

use crate::clock::UnixTime;

/// Who one request is from, and which request that is. Every text is sent as it is.
#[derive(Clone, Copy, Debug)]
pub struct RequestClaims<'a> {
    /// To whom: the backend (`aud`).
    pub audience: &'a str,
    /// The user, as in `X-Remote-User` (`sub`).
    pub subject: &'a str,
    /// The user principal name (`upn`).
    pub upn: Option<&'a str>,
    /// The security identifier, `S-1-5-21-…` (`sid`).
    pub sid: Option<&'a str>,
    /// The groups that this backend is told (`groups`).
    pub groups: &'a [&'a str],
    /// The SHA-256 of the card's certificate in lower-case hexadecimal (`certificate_sha256`).
    pub certificate_sha256: Option<&'a str>,
    /// The `Host` that the backend is sent (`host`).
    pub host: &'a str,
    /// The request's method (`method`).
    pub method: &'a str,
    /// The path that the backend is sent, without the query (`path`).
    pub path: &'a str,
    /// How the user proved to be it (`amr`).
    pub method_of_authentication: AuthenticationMethod,
    /// When the user proved it: the card's signature, or the password (`auth_time`).
    pub authenticated_at: UnixTime,
    /// Now (`iat`); it may be believed from then for the signer's lifetime (`exp`).
    pub issued_at: UnixTime,
    /// Names this one claims, so that a backend can refuse to hear it twice (`jti`).
    pub id: &'a str,
}

/// How a user proved to be who they are (RFC 8176 section 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthenticationMethod {
    /// `sc`
    Smartcard,
    /// `pwd`
    Password,
}

/// Why something is not stated.
#[derive(Debug, thiserror::Error)]
pub enum AssertionError {
    /// A claim that says whom, by whom, to whom or about what is empty.
    #[error("the claim {claim} is empty")]
    Empty {
        /// The name of the claim.
        claim: &'static str,
    },
    /// It does not fit into a header that a server takes; nothing of it is left out.
    #[error("the assertion takes {bytes} bytes, more than {limit}")]
    TooLong {
        /// What it takes.
        bytes: usize,
        /// What may be.
        limit: usize,
    },
    /// The key did not sign.
    #[error("the assertion could not be signed")]
    Signing(#[source] jsonwebtoken::errors::Error),
}

/// The claims as they are written: the registered ones of RFC 7519 4.1 and of OpenID Connect Core 2 under their own
/// names, the others under plain ones.
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

    /// A verifier that compares with an empty setting of its own would take an empty claim for the right one.
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
