//! Requests that cause each of the denials.

mod backends;
mod certificates;
mod requests;

use portcullis::policy::DenialId;

/// The denials with a test in one of the files below.
const TESTED_HERE: [DenialId; 27] = [
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

/// The denials with a test elsewhere, and the file.
const TESTED_ELSEWHERE: [(DenialId, &str); 10] = [
    (DenialId::ClientDisconnected, "gateway/audit.rs"),
    (DenialId::AccessDenied, "gateway/access_lists.rs"),
    (DenialId::AccountDisabled, "identity/accounts.rs"),
    (DenialId::InvalidPassword, "identity/passwords.rs"),
    (DenialId::DirectoryUnavailable, "identity/lookups.rs"),
    (DenialId::Http11Required, "backends/pass_through/http2.rs"),
    (DenialId::LoginThrottled, "backends/pass_through/limits.rs"),
    (DenialId::DelegationFailed, "backends/delegated_requests.rs"),
    (DenialId::BackendRenegotiation, "backends/certificate.rs"),
    (DenialId::RateLimited, "hostile/limits.rs"),
];

/// The denials that no request of a test can cause, and the reason.
const UNTESTED: [(DenialId, &str); 2] = [
    (
        DenialId::ValidationTimeout,
        "validation would have to exceed its time limit, as in the unit tests of proxy",
    ),
    (DenialId::Overloaded, "the queue for validation would have to overflow, as in the unit tests of proxy"),
];

#[test]
fn a_new_denial_needs_a_test_or_a_reason_why_it_has_none() {
    let elsewhere = TESTED_ELSEWHERE.map(|(denial, _)| denial);
    let untested = UNTESTED.map(|(denial, _)| denial);
    let mut listed: Vec<_> = TESTED_HERE.into_iter().chain(elsewhere).chain(untested).collect();
    listed.sort();
    let mut all = DenialId::ALL.to_vec();
    all.sort();
    assert_eq!(listed, all);
}
