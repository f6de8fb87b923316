//! The stable names of every reason to turn a request away, with status and sub-status.
//!
//! Operators' dashboards and other people's scripts are built on these names: one is added here before it is used,
//! and none is ever renamed. The sub-status is Microsoft's (KB 943891) and stands in records and on pages only;
//! IIS never sends it on the wire and neither do we.

use http::StatusCode;
use std::fmt;

macro_rules! denial_ids {
    ($($(#[$doc:meta])+ $variant:ident => $id:literal, $status:ident $(, $sub:literal)?;)+) => {
        /// Why one request may not go to the backend.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum DenialId { $($(#[$doc])+ $variant,)+ }

        impl DenialId {
            /// All of them, in the order of the design.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The ids of all of them, in the same order.
            pub const IDS: &'static [&'static str] = &[$($id,)+];

            /// The stable id, as in audit records and metrics: `certificate-required`.
            pub const fn id(self) -> &'static str {
                match self { $(Self::$variant => $id,)+ }
            }

            /// The HTTP status that the client gets.
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$status,)+ }
            }

            /// The sub-status that IIS would have written to its log, where it has one: 7 for 403.7.
            pub const fn sub_status(self) -> Option<u8> {
                match self { $(Self::$variant => { let _sub: Option<u8> = None; $(let _sub = Some($sub);)? _sub })+ }
            }
        }
    };
}

denial_ids! {
    /// Plain HTTP on a path that needs TLS.
    TlsRequired => "tls-required", FORBIDDEN, 4;
    /// The path requires a certificate and none was presented.
    CertificateRequired => "certificate-required", FORBIDDEN, 7;
    /// No path to an anchor, a bad signature, a constraint not met or not understood, a weak key, a wrong usage.
    CertificateUntrusted => "certificate-untrusted", FORBIDDEN, 16;
    /// A certificate of the path is past its notAfter.
    CertificateExpired => "certificate-expired", FORBIDDEN, 17;
    /// A certificate of the path is before its notBefore.
    CertificateNotYetValid => "certificate-not-yet-valid", FORBIDDEN, 17;
    /// A CRL or an OCSP answer says that it is revoked.
    CertificateRevoked => "certificate-revoked", FORBIDDEN, 13;
    /// No fresh word on revocation, and the realm requires one.
    RevocationUnknown => "revocation-unknown", FORBIDDEN, 13;
    /// The certificate is valid, but lacks the usage, policy or issuer that the path demands.
    CertificateNotSufficient => "certificate-not-sufficient", FORBIDDEN, 16;
    /// No account for this certificate.
    NotMapped => "not-mapped", FORBIDDEN, 12;
    /// Two accounts for this certificate.
    MappingAmbiguous => "mapping-ambiguous", FORBIDDEN, 12;
    /// Only a weak mapping where a strong one is asked for.
    MappingTooWeak => "mapping-too-weak", FORBIDDEN, 12;
    /// The account is disabled, locked, expired or outside its logon hours.
    AccountDisabled => "account-disabled", FORBIDDEN, 12;
    /// The account is not among those that the path admits.
    AccessDenied => "access-denied", FORBIDDEN;
    /// The path accepts a card or a password, and neither came.
    CredentialsRequired => "credentials-required", UNAUTHORIZED;
    /// No rule for this path.
    PathNotFound => "path-not-found", NOT_FOUND;
    /// The path or query is not written in the strict alphabet.
    InvalidPath => "invalid-path", BAD_REQUEST;
    /// The rule does not admit this method.
    MethodNotAllowed => "method-not-allowed", METHOD_NOT_ALLOWED;
    /// Host and TLS server name do not name the same site, or the connection's proof of the card has ended.
    MisdirectedRequest => "misdirected-request", MISDIRECTED_REQUEST;
    /// The backend's log-in dialogue belongs to a connection, and HTTP/2 has none for one user alone.
    Http11Required => "http-1-1-required", MISDIRECTED_REQUEST;
    /// What the certificate says contradicts itself: two UPNs, or a UPN and a SID that disagree.
    IdentityConflict => "identity-conflict", FORBIDDEN, 12;
    /// The directory refuses the password.
    InvalidPassword => "invalid-password", UNAUTHORIZED;
    /// A page of another site tries to use the card.
    CrossSiteRequest => "cross-site-request", FORBIDDEN;
    /// The message's framing cannot be trusted.
    MalformedRequest => "malformed-request", BAD_REQUEST;
    /// The client took too long to send its request.
    RequestTimeout => "request-timeout", REQUEST_TIMEOUT;
    /// The body is larger than the rule admits.
    BodyTooLarge => "body-too-large", PAYLOAD_TOO_LARGE;
    /// Too many requests or attempts.
    LoginThrottled => "login-throttled", TOO_MANY_REQUESTS;
    /// More requests per second than the client's address or account may send.
    RateLimited => "rate-limited", TOO_MANY_REQUESTS;
    /// The request head is larger than the gate admits.
    HeadersTooLarge => "headers-too-large", REQUEST_HEADER_FIELDS_TOO_LARGE;
    /// The directory cannot be asked.
    DirectoryUnavailable => "directory-unavailable", SERVICE_UNAVAILABLE;
    /// Judging the certificate took longer than its limit.
    ValidationTimeout => "validation-timeout", SERVICE_UNAVAILABLE;
    /// Too many certificates wait to be judged.
    Overloaded => "overloaded", SERVICE_UNAVAILABLE;
    /// Every backend connection is taken and the queue is full or too slow.
    BackendBusy => "backend-busy", SERVICE_UNAVAILABLE;
    /// The audit record cannot be kept.
    AuditUnavailable => "audit-unavailable", SERVICE_UNAVAILABLE;
    /// No backend server can be reached.
    BackendUnreachable => "backend-unreachable", BAD_GATEWAY;
    /// The backend did not answer in time.
    BackendTimeout => "backend-timeout", GATEWAY_TIMEOUT;
    /// No Kerberos ticket for this account could be had.
    DelegationFailed => "delegation-failed", BAD_GATEWAY;
    /// The backend does not take the identity.
    BackendRejectedIdentity => "backend-rejected-identity", BAD_GATEWAY;
    /// The backend asks for a TLS renegotiation or post-handshake authentication.
    BackendRenegotiation => "backend-renegotiation", BAD_GATEWAY;
    /// The client left before the answer was complete. Stands in audit records only.
    ClientDisconnected => "client-disconnected", BAD_REQUEST;
}

impl DenialId {
    /// Its place in [`DenialId::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The denial with this stable id.
    pub fn from_id(id: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|denial| denial.id() == id)
    }

    /// Whether the client may try again soon: the answer then says when, in `Retry-After`.
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
    fn ids_are_unique_and_found_again() {
        for (index, denial) in DenialId::ALL.iter().enumerate() {
            assert_eq!(DenialId::from_id(denial.id()), Some(*denial));
            assert_eq!(denial.index(), index);
        }
    }

    #[test]
    fn sub_statuses_are_those_of_iis() {
        let with_sub: Vec<_> = DenialId::ALL
            .iter()
            .filter_map(|d| Some((d.id(), d.status().as_u16(), d.sub_status()?)))
            .collect();
        assert!(with_sub.contains(&("certificate-required", 403, 7)));
        assert!(with_sub.contains(&("certificate-revoked", 403, 13)));
        assert!(with_sub.iter().all(|(_, status, _)| *status == 403));
    }
}
