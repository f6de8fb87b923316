//! Denials: the reason why a request is rejected, as a stable id with an HTTP status, and a detail for the audit record.
//!
//! Dashboards and scripts depend on the ids, so none is ever renamed. The sub-status is that of IIS (KB 943891). It appears
//! in audit records and on error pages only: like IIS, the gateway does not send it in the status line.

use crate::telemetry::Detail;
use http::StatusCode;
use std::error::Error;
use std::fmt;
use std::time::Duration;

/// The reason why one request is rejected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    id: DenialId,
    detail: Detail,
    retry_after: Option<Duration>,
}

impl Denial {
    /// Creates a denial whose `detail` goes to the audit record and to `explain`, never to the client.
    pub fn new(id: DenialId, detail: impl Into<Detail>) -> Self {
        Self { id, detail: detail.into(), retry_after: None }
    }

    /// Creates a denial whose detail is `error` with all of its sources.
    pub fn because(id: DenialId, error: &dyn Error) -> Self {
        Self::new(id, Detail::error_chain(error))
    }

    /// Adds the time after which the client may retry.
    #[must_use]
    pub fn with_retry_after(self, wait: Duration) -> Self {
        Self { retry_after: Some(wait), ..self }
    }

    /// Returns the stable id.
    pub fn id(&self) -> DenialId {
        self.id
    }

    /// Returns the time after which the client may retry, if it is known.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Returns the text of the detail.
    pub fn detail(&self) -> &str {
        self.detail.as_str()
    }

    /// Returns the detail as the bounded text that audit records contain.
    pub fn bounded_detail(&self) -> &Detail {
        &self.detail
    }
}

macro_rules! denial_ids {
    ($($(#[$doc:meta])+ $variant:ident => $id:literal, $status:ident $(, $sub:literal)?;)+) => {
        /// The stable id of a denial.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum DenialId { $($(#[$doc])+ $variant,)+ }

        impl DenialId {
            /// Every id. Metrics are indexed by this order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The text of every id, in the order of [`DenialId::ALL`].
            pub const IDS: &'static [&'static str] = &[$($id,)+];

            /// Returns the id in audit records and metrics, for example `certificate-required`.
            pub const fn id(self) -> &'static str {
                match self { $(Self::$variant => $id,)+ }
            }

            /// Returns the HTTP status of the response.
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$status,)+ }
            }

            /// Returns the sub-status that IIS logs for the same reason, for example 7 for 403.7.
            pub const fn sub_status(self) -> Option<u8> {
                match self { $(Self::$variant => { let _sub: Option<u8> = None; $(let _sub = Some($sub);)? _sub })+ }
            }
        }
    };
}

denial_ids! {
    /// The request came over plain HTTP.
    TlsRequired => "tls-required", FORBIDDEN, 4;
    /// The path requires a certificate, and the client presented none.
    CertificateRequired => "certificate-required", FORBIDDEN, 7;
    /// The chain is not valid: it has no path to a trust anchor, a bad signature, a violated or unknown constraint, a weak
    /// key, or the wrong key usage.
    CertificateUntrusted => "certificate-untrusted", FORBIDDEN, 16;
    /// A certificate of the path is past its notAfter date.
    CertificateExpired => "certificate-expired", FORBIDDEN, 17;
    /// A certificate of the path is before its notBefore date.
    CertificateNotYetValid => "certificate-not-yet-valid", FORBIDDEN, 17;
    /// A CRL or an OCSP response lists a certificate of the path as revoked.
    CertificateRevoked => "certificate-revoked", FORBIDDEN, 13;
    /// The realm requires a revocation status, and none that is recent enough is available.
    RevocationUnknown => "revocation-unknown", FORBIDDEN, 13;
    /// The certificate is valid but lacks the usage, policy or issuer that the path requires.
    CertificateNotSufficient => "certificate-not-sufficient", FORBIDDEN, 16;
    /// The certificate maps to no account.
    NotMapped => "not-mapped", FORBIDDEN, 12;
    /// The certificate maps to more than one account.
    MappingAmbiguous => "mapping-ambiguous", FORBIDDEN, 12;
    /// The mapping is weaker than the realm requires.
    MappingTooWeak => "mapping-too-weak", FORBIDDEN, 12;
    /// The account is disabled, locked, expired or outside its logon hours.
    AccountDisabled => "account-disabled", FORBIDDEN, 12;
    /// The access list of the path does not allow the account or the address.
    AccessDenied => "access-denied", FORBIDDEN;
    /// The path accepts a certificate or a password, and the client sent neither.
    CredentialsRequired => "credentials-required", UNAUTHORIZED;
    /// No path rule matches the path.
    PathNotFound => "path-not-found", NOT_FOUND;
    /// The path or the query has characters outside of the strict alphabet, or the path rule allows no query.
    InvalidPath => "invalid-path", BAD_REQUEST;
    /// The path rule does not allow the method.
    MethodNotAllowed => "method-not-allowed", METHOD_NOT_ALLOWED;
    /// The host and the TLS server name belong to different sites, or the proof of possession of the connection is too old.
    MisdirectedRequest => "misdirected-request", MISDIRECTED_REQUEST;
    /// Pass-through authentication authenticates a connection, and an HTTP/2 connection is shared by its requests.
    Http11Required => "http-1-1-required", MISDIRECTED_REQUEST;
    /// The certificate names two accounts: two UPNs, or a UPN and a SID of different accounts.
    IdentityConflict => "identity-conflict", FORBIDDEN, 12;
    /// The directory rejected the password.
    InvalidPassword => "invalid-password", UNAUTHORIZED;
    /// A page of another site sent the request with the user's credentials.
    CrossSiteRequest => "cross-site-request", FORBIDDEN;
    /// The framing or a header of the message is malformed.
    MalformedRequest => "malformed-request", BAD_REQUEST;
    /// The client sent its request too slowly.
    RequestTimeout => "request-timeout", REQUEST_TIMEOUT;
    /// The body is larger than the path rule allows.
    BodyTooLarge => "body-too-large", PAYLOAD_TOO_LARGE;
    /// Too many logins of the account or from the address failed.
    LoginThrottled => "login-throttled", TOO_MANY_REQUESTS;
    /// The address or the account sends more requests per second than `limits` allows.
    RateLimited => "rate-limited", TOO_MANY_REQUESTS;
    /// The request head is larger than `limits` allows.
    HeadersTooLarge => "headers-too-large", REQUEST_HEADER_FIELDS_TOO_LARGE;
    /// The directory is not available.
    DirectoryUnavailable => "directory-unavailable", SERVICE_UNAVAILABLE;
    /// Validation of the certificate took longer than its limit.
    ValidationTimeout => "validation-timeout", SERVICE_UNAVAILABLE;
    /// Too many certificates wait for validation.
    Overloaded => "overloaded", SERVICE_UNAVAILABLE;
    /// Every backend connection is in use and the queue is full or too slow.
    BackendBusy => "backend-busy", SERVICE_UNAVAILABLE;
    /// The audit record cannot be written.
    AuditUnavailable => "audit-unavailable", SERVICE_UNAVAILABLE;
    /// No backend server can be reached.
    BackendUnreachable => "backend-unreachable", BAD_GATEWAY;
    /// The backend did not respond in time.
    BackendTimeout => "backend-timeout", GATEWAY_TIMEOUT;
    /// No Kerberos ticket or certificate could be obtained for the account.
    DelegationFailed => "delegation-failed", BAD_GATEWAY;
    /// The backend rejected the user's identity.
    BackendRejectedIdentity => "backend-rejected-identity", BAD_GATEWAY;
    /// The backend requests a TLS renegotiation or post-handshake authentication.
    BackendRenegotiation => "backend-renegotiation", BAD_GATEWAY;
    /// The client disconnected before the response was complete. Appears in records and metrics only.
    ClientDisconnected => "client-disconnected", BAD_REQUEST;
}

impl DenialId {
    /// Returns the index in [`DenialId::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Returns the denial with this stable id.
    pub fn from_id(id: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|denial| denial.id() == id)
    }

    /// Returns whether a retry may succeed soon. The response then has a `Retry-After` field.
    pub fn is_transient(self) -> bool {
        self.status() == StatusCode::SERVICE_UNAVAILABLE
    }
}

impl fmt::Display for DenialId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_is_unique_and_parses_to_its_variant() {
        for (index, denial) in DenialId::ALL.iter().enumerate() {
            assert_eq!(DenialId::from_id(denial.id()), Some(*denial));
            assert_eq!(denial.index(), index);
        }
    }

    #[test]
    fn sub_statuses_match_those_of_iis() {
        let with_sub: Vec<_> = DenialId::ALL
            .iter()
            .filter_map(|d| Some((d.id(), d.status().as_u16(), d.sub_status()?)))
            .collect();
        assert!(with_sub.contains(&("certificate-required", 403, 7)));
        assert!(with_sub.contains(&("certificate-revoked", 403, 13)));
        assert!(with_sub.iter().all(|(_, status, _)| *status == 403));
    }
}
