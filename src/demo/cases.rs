//! What each card of the demo must meet at each kind of path.

use crate::policy::{ClientCertificateRule, DenialId};

/// The path that requires a card, with the smartcard's usage and the demo's policy.
pub const REQUIRE: &str = "/_wmcs/certification/certification.asmx";
/// The path that accepts one.
pub const ACCEPT: &str = "/_wmcs/licensing/license.asmx";
/// A path that ignores cards.
pub const IGNORE: &str = "/_wmcs/licensing/server.asmx";

/// The three kinds of path.
pub const PATHS: [(&str, ClientCertificateRule); 3] = [
    (IGNORE, ClientCertificateRule::Ignore),
    (ACCEPT, ClientCertificateRule::Accept),
    (REQUIRE, ClientCertificateRule::Require),
];

/// What a request must meet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It reaches the backend, under this user or none.
    Passes(Option<String>),
    /// It is turned away.
    Denied(DenialId),
}

/// One card, or none, with its outcomes.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// The card's name in the PKI; `None` presents nothing.
    pub card: Option<&'static str>,
    /// What is special about it.
    pub about: &'static str,
    /// At the path that accepts cards: the user's name, or the denial.
    accept: Result<&'static str, DenialId>,
    /// At the path that requires one; `None` where it is the same.
    require: Option<DenialId>,
}

impl Case {
    /// What a request with this card must meet at a path of this kind.
    pub fn outcome(&self, path: ClientCertificateRule) -> Outcome {
        let named = |user: &str| Outcome::Passes(Some(user.to_owned()));
        match (path, self.accept, self.require) {
            (ClientCertificateRule::Ignore, _, _) => Outcome::Passes(None),
            (ClientCertificateRule::Require, _, Some(denial)) => Outcome::Denied(denial),
            (ClientCertificateRule::Accept | ClientCertificateRule::Require, Ok(user), _) => named(user),
            (ClientCertificateRule::Accept | ClientCertificateRule::Require, Err(denial), _) => {
                Outcome::Denied(denial)
            }
        }
    }
}

const fn good(card: &'static str, user: &'static str, about: &'static str) -> Case {
    Case { card: Some(card), about, accept: Ok(user), require: None }
}

const fn bad(card: &'static str, denial: DenialId, about: &'static str) -> Case {
    Case { card: Some(card), about, accept: Err(denial), require: None }
}

const fn insufficient(card: &'static str, user: &'static str, about: &'static str) -> Case {
    Case { card: Some(card), about, accept: Ok(user), require: Some(DenialId::CertificateNotSufficient) }
}

/// Every card of the demo's PKI, and no card.
pub const CASES: [Case; 18] = [
    good("alice", "alice@corp.example", "valid, P-256"),
    good("alice-rsa", "alice@corp.example", "valid, RSA-2048"),
    good("judy", "judy@corp.example", "valid, P-384"),
    good("ken", "ken@corp.example", "valid, Ed25519"),
    good("leo", "S-1-5-21-1004336348-1177238915-682003330-1120", "without a UPN, by its SID"),
    good("mia", "CORP\\mia", "without UPN and SID, by a rule"),
    bad("bob", DenialId::CertificateRevoked, "on the CRL"),
    bad("carol", DenialId::CertificateExpired, "expired yesterday"),
    bad("erin", DenialId::CertificateNotYetValid, "valid from tomorrow on"),
    insufficient("dave", "dave@corp.example", "without the smartcard usage"),
    insufficient("grace", "grace@corp.example", "under another policy"),
    bad("frank", DenialId::NotMapped, "without a UPN"),
    bad("ivan", DenialId::NotMapped, "UPN of another organisation"),
    bad("heidi", DenialId::IdentityConflict, "with two UPNs"),
    bad("mallory", DenialId::CertificateUntrusted, "alice's names, from a foreign CA of our names"),
    bad("critical", DenialId::CertificateUntrusted, "with an unknown critical extension"),
    bad("version-one", DenialId::CertificateUntrusted, "an X.509 version 1 certificate"),
    Case {
        card: None,
        about: "no card",
        accept: Err(DenialId::CredentialsRequired),
        require: Some(DenialId::CertificateRequired),
    },
];
