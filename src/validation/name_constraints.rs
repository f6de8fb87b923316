//! Takes one path, says whether every name on it lies where the CAs above allow it (RFC 5280 4.2.1.10 and 6.1.3 b, c).
//! Never lets a name pass that it cannot compare: a kind of name that nobody here understands is refused below a CA
//! that limits this kind.
//!
//! Instead of carrying the intersection of all permitted subtrees down the path, each name is held against each CA above
//! it, which gives the same answer. The anchor's constraints count too (RFC 5937): who named it as an anchor meant it
//! with what stands in it.

use super::budget::Budget;
use super::chain_error::{ChainError, PathViolation};
use super::name_matching::{Side, is_in};
use super::path_rules::{CandidatePath, refuse};
use crate::certificate::{
    Certificate, DistinguishedName, NameConstraints, NameForm, ObjectIdentifier, SUBJECT_ALTERNATIVE_NAME,
    Subtree,
};
use const_oid::db::rfc3280::EMAIL_ADDRESS;
use std::fmt;

/// The otherName of a mail address in UTF-8, to which the constraints on rfc822Name apply too (RFC 9598 6).
const SMTP_UTF8_MAILBOX: ObjectIdentifier =
    ObjectIdentifier::known(const_oid::ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.8.9"));

/// One name of a certificate.
#[derive(Clone, Copy)]
pub(super) enum SubjectName<'a> {
    Directory(&'a DistinguishedName),
    Email(&'a str),
    Dns(&'a str),
    Uri(&'a str),
    Ip(&'a [u8]),
    UserPrincipalName(&'a str),
    /// A name of which nothing but its kind is known.
    Unread(NameForm),
}

/// Holds every name of the path against every CA above it.
pub(super) fn judge(path: &CandidatePath<'_>, budget: &mut Budget) -> Result<(), ChainError> {
    for (index, certificate) in path.below_anchor() {
        // RFC 5280 6.1.3 b: a CA's certificate for its own next key is not limited by itself.
        if index > 0 && certificate.is_self_issued() {
            continue;
        }
        for (_, authority) in path.certificates().skip(index + 1) {
            let Some(constraints) = authority.name_constraints() else { continue };
            if let Err(violation) = hold(certificate, authority, constraints, budget) {
                return refuse(index, certificate, violation);
            }
        }
    }
    Ok(())
}

fn hold(
    certificate: &Certificate,
    authority: &Certificate,
    constraints: &NameConstraints,
    budget: &mut Budget,
) -> Result<(), PathViolation> {
    // What is no name of any kind may be one of every kind.
    if certificate.subject_alternative_names().undecodable {
        return Err(PathViolation::UndecodableExtension { extension: SUBJECT_ALTERNATIVE_NAME });
    }
    let subtrees = constraints.permitted.len() + constraints.excluded.len();
    for name in names(certificate) {
        // A long name costs as much as several.
        let cost = subtrees.saturating_mul(1 + name.bytes() / 64);
        budget.name_comparisons(cost).map_err(|_| PathViolation::TooManyNames)?;
        let by = || authority.subject().clone();
        match is_allowed(name, constraints) {
            Allowed::Yes => {}
            Allowed::NotPermitted => {
                return Err(PathViolation::NameNotPermitted { name: name.to_string(), by: by() });
            }
            Allowed::Excluded => {
                return Err(PathViolation::NameExcluded { name: name.to_string(), by: by() });
            }
            Allowed::Unknown => return Err(PathViolation::NameNotJudged { form: name.form(), by: by() }),
        }
    }
    Ok(())
}

enum Allowed {
    Yes,
    NotPermitted,
    Excluded,
    Unknown,
}

fn is_allowed(name: SubjectName<'_>, constraints: &NameConstraints) -> Allowed {
    let of_form = |subtree: &&Subtree| subtree.form() == name.form();
    let mut is_limited = false;
    for subtree in constraints.excluded.iter().filter(of_form) {
        match is_in(name, subtree, Side::Excluded) {
            Some(false) => {}
            Some(true) => return Allowed::Excluded,
            None => return Allowed::Unknown,
        }
    }
    for subtree in constraints.permitted.iter().filter(of_form) {
        match is_in(name, subtree, Side::Permitted) {
            Some(false) => is_limited = true,
            Some(true) => return Allowed::Yes,
            None => return Allowed::Unknown,
        }
    }
    if is_limited { Allowed::NotPermitted } else { Allowed::Yes }
}

/// The subject, the mail addresses in it, and all alternative names. RFC 5280 asks for the mail addresses in the
/// subject only where there is no alternative name; they are read by too many programs to pass here otherwise.
fn names(certificate: &Certificate) -> impl Iterator<Item = SubjectName<'_>> {
    let (subject, others) = (certificate.subject(), certificate.subject_alternative_names());
    let has_subject = !subject.is_empty() || !subject.is_decoded();
    let utf8_mail = others.unread.iter().filter(|form| **form == NameForm::OtherName(SMTP_UTF8_MAILBOX));
    let addresses = subject.values(EMAIL_ADDRESS);
    let hidden = addresses.hidden.into_iter().map(|_| SubjectName::Unread(NameForm::Email));
    has_subject
        .then_some(SubjectName::Directory(subject))
        .into_iter()
        .chain(addresses.texts.into_iter().map(SubjectName::Email))
        .chain(hidden)
        .chain(others.directory_names.iter().map(SubjectName::Directory))
        .chain(others.emails.iter().map(|text| SubjectName::Email(text)))
        .chain(utf8_mail.map(|_| SubjectName::Unread(NameForm::Email)))
        .chain(others.dns_names.iter().map(|text| SubjectName::Dns(text)))
        .chain(others.uris.iter().map(|text| SubjectName::Uri(text)))
        .chain(others.ip_addresses.iter().map(|bytes| SubjectName::Ip(bytes)))
        .chain(others.upns.iter().map(|text| SubjectName::UserPrincipalName(text)))
        .chain(others.unread.iter().map(|form| SubjectName::Unread(*form)))
        .chain(others.unreadable.iter().map(|name| SubjectName::Unread(name.form)))
}

impl SubjectName<'_> {
    fn bytes(self) -> usize {
        match self {
            Self::Directory(name) => name.der().len(),
            Self::Email(text) | Self::Dns(text) | Self::Uri(text) | Self::UserPrincipalName(text) => {
                text.len()
            }
            Self::Ip(bytes) => bytes.len(),
            Self::Unread(_) => 0,
        }
    }

    fn form(self) -> NameForm {
        match self {
            Self::Directory(_) => NameForm::Directory,
            Self::Email(_) => NameForm::Email,
            Self::Dns(_) => NameForm::Dns,
            Self::Uri(_) => NameForm::Uri,
            Self::Ip(_) => NameForm::Ip,
            Self::UserPrincipalName(_) => NameForm::USER_PRINCIPAL_NAME,
            Self::Unread(form) => form,
        }
    }
}

/// The kind and the name.
impl fmt::Display for SubjectName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.form())?;
        match self {
            Self::Directory(name) => write!(f, " {name}"),
            Self::Email(text) | Self::Dns(text) | Self::Uri(text) | Self::UserPrincipalName(text) => {
                write!(f, " {}", text.escape_debug())
            }
            Self::Ip(bytes) => write!(f, " {bytes:?}"),
            Self::Unread(_) => Ok(()),
        }
    }
}
