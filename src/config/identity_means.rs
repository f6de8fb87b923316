//! Takes `identity` of a backend, gives the means by which it is told who the user is.

use super::reader::TableReader;
use super::shape::choice;
use super::span::Spanned;

/// How a backend is told who the user is, beyond headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdentityMeans {
    /// By headers alone.
    Headers,
    /// By Kerberos tickets.
    Kerberos,
    /// By certificates that the gate issues.
    Certificate,
}

const MEANS: &[(&str, IdentityMeans)] = &[
    ("headers", IdentityMeans::Headers),
    ("kerberos", IdentityMeans::Kerberos),
    ("certificate", IdentityMeans::Certificate),
];

/// The value of `identity`.
pub(super) fn means(reader: &mut TableReader<'_>) -> Spanned<IdentityMeans> {
    reader.with_default("identity", IdentityMeans::Headers, choice(MEANS))
}
