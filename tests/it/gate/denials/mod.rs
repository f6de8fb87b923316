//! Every denial that can arise, once, end to end.

mod backends;
mod cards;
mod requests;

use portcullis::policy::DenialId;

/// Each has a test in one of these files.
const SEEN: [DenialId; 27] = [
    DenialId::TlsRequired,
    DenialId::CertificateRequired,
    DenialId::CertificateUntrusted,
    DenialId::CertificateExpired,
    DenialId::CertificateNotYetValid,
    DenialId::CertificateRevoked,
    DenialId::RevocationUnknown,
    DenialId::CertificateNotSufficient,
    DenialId::NotMapped,
    DenialId::MappingAmbiguous,
    DenialId::MappingTooWeak,
    DenialId::CredentialsRequired,
    DenialId::PathNotFound,
    DenialId::InvalidPath,
    DenialId::MethodNotAllowed,
    DenialId::MisdirectedRequest,
    DenialId::IdentityConflict,
    DenialId::CrossSiteRequest,
    DenialId::MalformedRequest,
    DenialId::RequestTimeout,
    DenialId::BodyTooLarge,
    DenialId::HeadersTooLarge,
    DenialId::BackendBusy,
    DenialId::AuditUnavailable,
    DenialId::BackendUnreachable,
    DenialId::BackendTimeout,
    DenialId::BackendRejectedIdentity,
];

/// Each has a test elsewhere.
const SEEN_ELSEWHERE: [(DenialId, &str); 4] = [
    (DenialId::ClientDisconnected, "audit.rs"),
    (DenialId::Http11Required, "backends/pass_through/http2.rs"),
    (DenialId::LoginThrottled, "backends/pass_through/limits.rs"),
    (DenialId::RateLimited, "hostile/limits.rs"),
];

/// None of these can be brought about from outside.
const UNSEEN: [(DenialId, &str); 8] = [
    (DenialId::AccountDisabled, "no stage asks a directory yet"),
    (DenialId::AccessDenied, "no rule names groups yet"),
    (DenialId::InvalidPassword, "no stage knows passwords yet"),
    (DenialId::DirectoryUnavailable, "no stage asks a directory yet"),
    (DenialId::ValidationTimeout, "judging waits for nothing outside the process yet"),
    (DenialId::Overloaded, "the places for judging are never closed while the gate runs"),
    (DenialId::DelegationFailed, "no backend takes Kerberos yet"),
    (DenialId::BackendRenegotiation, "the backend's TLS offers no renegotiation"),
];

#[test]
fn a_new_denial_needs_a_test_or_a_reason_why_it_has_none() {
    let elsewhere = SEEN_ELSEWHERE.map(|(denial, _)| denial);
    let unseen = UNSEEN.map(|(denial, _)| denial);
    let mut listed: Vec<_> = SEEN.into_iter().chain(elsewhere).chain(unseen).collect();
    listed.sort();
    let mut all = DenialId::ALL.to_vec();
    all.sort();
    assert_eq!(listed, all);
}
