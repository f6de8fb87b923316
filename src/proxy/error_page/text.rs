//! The contents of an error response, in any format and language.

use crate::policy::DenialId;

/// The contents of an error response.
pub(super) struct ErrorMessage<'a> {
    pub(super) denial: DenialId,
    pub(super) language: PageLanguage,
    pub(super) text: DenialText,
    pub(super) labels: PageLabels,
    pub(super) request_id: &'a str,
    pub(super) hint: Option<&'static str>,
    pub(super) help: Option<&'a str>,
}

/// A language of error responses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PageLanguage {
    English,
    Dutch,
}

/// The text about one denial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DenialText {
    /// One line without a full stop.
    pub(super) title: &'static str,
    /// What happened.
    pub(super) explanation: &'static str,
    /// What the user can do, in this order.
    pub(super) steps: &'static [&'static str],
}

/// The labels of the HTML page.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub(super) struct PageLabels {
    pub(super) steps: &'static str,
    pub(super) help: &'static str,
    pub(super) reason: &'static str,
    pub(super) code: &'static str,
    pub(super) request_id: &'static str,
}

/// A likely cause of a denial that the user or the help desk can fix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DenialHint {
    /// The client presented no certificate over TLS 1.3. A smartcard that cannot sign with RSA-PSS has this effect, because
    /// TLS 1.3 has no other RSA signatures (RFC 8446 section 4.2.3).
    Tls13WithoutPss,
    /// The path accepts a user name and a password, too.
    PasswordAccepted,
    /// The proof of possession is older than the site accepts. A new connection renews it.
    ProofExpired,
}

impl PageLanguage {
    /// All languages. The first one is the default.
    pub(super) const ALL: [Self; 2] = [Self::English, Self::Dutch];

    /// Returns the language tag (RFC 5646).
    pub(super) const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Dutch => "nl",
        }
    }
}
