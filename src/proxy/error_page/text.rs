//! The types of the texts of error responses.

/// A likely cause that the person or the help desk can do something about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hint {
    /// Asked for a certificate over TLS 1.3, the client gave none: so does a card that cannot sign RSA-PSS, the only
    /// RSA that TLS 1.3 takes (RFC 8446 4.2.3).
    Tls13WithoutPss,
    /// The path takes a user name and a password too.
    PasswordTaken,
    /// The key last signed longer ago than the site admits; a new connection helps.
    CardProofEnded,
}

/// What is said about one denial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Words {
    /// One line without a full stop.
    pub(super) title: &'static str,
    /// What happened.
    pub(super) what: &'static str,
    /// What the reader can do, in the order in which to try it.
    pub(super) steps: &'static [&'static str],
}

/// The words of the page that stand around those of the denial.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub(super) struct Labels {
    pub(super) steps: &'static str,
    pub(super) help: &'static str,
    pub(super) reason: &'static str,
    pub(super) code: &'static str,
    pub(super) request_id: &'static str,
}
