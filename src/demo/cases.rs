//! The expected outcome of every test certificate at every kind of path.

use crate::policy::{ClientCertificateRule, DenialId};

/// Requires a client certificate with the usage smartcard_logon and the demo's policy.
pub(crate) const REQUIRE: &str = "/_wmcs/certification/certification.asmx";
/// Accepts a client certificate.
pub(crate) const ACCEPT: &str = "/_wmcs/licensing/license.asmx";
/// Ignores client certificates.
pub(crate) const IGNORE: &str = "/_wmcs/licensing/server.asmx";

/// The three kinds of path.
pub(crate) const PATHS: [(&str, ClientCertificateRule); 3] = [
    (IGNORE, ClientCertificateRule::Ignore),
    (ACCEPT, ClientCertificateRule::Accept),
    (REQUIRE, ClientCertificateRule::Require),
];

/// The outcome of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RequestOutcome {
    /// The backend received the request with this user name, or without one.
    Forwarded(Option<String>),
    /// The gateway rejected the request.
    Denied(DenialId),
}

/// One test certificate, or none, with the expected outcomes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TestCase {
    /// The certificate's name in the PKI; `None` presents no certificate.
    pub card: Option<&'static str>,
    /// The property that distinguishes the certificate from a valid one.
    pub about: &'static str,
    /// At [`ACCEPT`]: the user, or the denial.
    accept: Result<&'static str, DenialId>,
    /// The denial at [`REQUIRE`]; `None` if the outcome is that of [`ACCEPT`].
    require: Option<DenialId>,
}

impl TestCase {
    /// Returns the expected outcome at a path with this rule.
    pub(crate) fn outcome(&self, path: ClientCertificateRule) -> RequestOutcome {
        let named = |user: &str| RequestOutcome::Forwarded(Some(user.to_owned()));
        match (path, self.accept, self.require) {
            (ClientCertificateRule::Ignore, _, _) => RequestOutcome::Forwarded(None),
            (ClientCertificateRule::Require, _, Some(denial)) => RequestOutcome::Denied(denial),
            (ClientCertificateRule::Accept | ClientCertificateRule::Require, Ok(user), _) => named(user),
            (ClientCertificateRule::Accept | ClientCertificateRule::Require, Err(denial), _) => {
                RequestOutcome::Denied(denial)
            }
        }
    }
}

const fn good(card: &'static str, user: &'static str, about: &'static str) -> TestCase {
    TestCase { card: Some(card), about, accept: Ok(user), require: None }
}

const fn bad(card: &'static str, denial: DenialId, about: &'static str) -> TestCase {
    TestCase { card: Some(card), about, accept: Err(denial), require: None }
}

const fn insufficient(card: &'static str, user: &'static str, about: &'static str) -> TestCase {
    TestCase { card: Some(card), about, accept: Ok(user), require: Some(DenialId::CertificateNotSufficient) }
}

/// One case for every certificate of the demo's PKI, and one without a certificate.
pub(crate) const CASES: [TestCase; 18] = [
    good("alice", "alice@corp.example", "valid, P-256"),
    good("alice-rsa", "alice@corp.example", "valid, RSA-2048"),
    good("judy", "judy@corp.example", "valid, P-384"),
    good("ken", "ken@corp.example", "valid, Ed25519"),
    good("leo", "S-1-5-21-1004336348-1177238915-682003330-1120", "without a UPN, mapped by SID"),
    good("mia", "CORP\\mia", "without UPN and SID, mapped by a rule"),
    bad("bob", DenialId::CertificateRevoked, "listed on the CRL"),
    bad("carol", DenialId::CertificateExpired, "expired yesterday"),
    bad("erin", DenialId::CertificateNotYetValid, "not valid before tomorrow"),
    insufficient("dave", "dave@corp.example", "without the usage smartcard_logon"),
    insufficient("grace", "grace@corp.example", "with another certificate policy"),
    bad("frank", DenialId::NotMapped, "without a UPN"),
    bad("ivan", DenialId::NotMapped, "with a UPN of another organisation"),
    bad("heidi", DenialId::IdentityConflict, "with two UPNs"),
    bad(
        "mallory",
        DenialId::CertificateUntrusted,
        "with alice's names, from a foreign CA with the names of the real one",
    ),
    bad("critical", DenialId::CertificateUntrusted, "with an unknown critical extension"),
    bad("version-one", DenialId::CertificateUntrusted, "an X.509 version 1 certificate"),
    TestCase {
        card: None,
        about: "no certificate",
        accept: Err(DenialId::CredentialsRequired),
        require: Some(DenialId::CertificateRequired),
    },
];
