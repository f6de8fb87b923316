//! Name constraints: checks every name of a path against those of the CAs above (RFC 5280 4.2.1.10 and 6.1.3 b, c). A
//! name that cannot be compared is refused if a CA constrains its kind.
//!
//! Each name is compared with each CA above it, instead of carrying the intersection of all permitted subtrees down the
//! path; the result is the same. The anchor's constraints apply too (RFC 5937): the administrator trusts the anchor as
//! its certificate describes it.

use super::budget::ValidationBudget;
use super::candidate_path::{CandidatePath, refuse};
use super::chain_error::{ChainError, PathViolation};
use super::name_matching::{ConstraintSide, SubjectName, is_in};
use crate::certificate::{
    Certificate, NameConstraints, NameForm, NameSubtree, ObjectIdentifier, SUBJECT_ALTERNATIVE_NAME,
};
use const_oid::db::rfc3280::EMAIL_ADDRESS;

/// The otherName of a mail address in UTF-8; constraints on rfc822Name apply to it too (RFC 9598 6).
const SMTP_UTF8_MAILBOX: ObjectIdentifier =
    ObjectIdentifier::known(const_oid::ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.8.9"));

/// Checks every name of the path against every CA above it.
pub(super) fn check(path: &CandidatePath<'_>, budget: &mut ValidationBudget) -> Result<(), ChainError> {
    for (index, certificate) in path.below_anchor() {
        // RFC 5280 6.1.3 b: a CA's certificate for its own next key is exempt.
        if index > 0 && certificate.is_self_issued() {
            continue;
        }
        for (_, authority) in path.certificates().skip(index + 1) {
            let Some(constraints) = authority.name_constraints() else { continue };
            if let Err(violation) = check_names(certificate, authority, constraints, budget) {
                return refuse(index, certificate, violation);
            }
        }
    }
    Ok(())
}

fn check_names(
    certificate: &Certificate,
    authority: &Certificate,
    constraints: &NameConstraints,
    budget: &mut ValidationBudget,
) -> Result<(), PathViolation> {
    // An element that cannot be decoded may be a name of any kind.
    if certificate.subject_alternative_names().undecodable {
        return Err(PathViolation::UndecodableExtension { extension: SUBJECT_ALTERNATIVE_NAME });
    }
    let subtrees = constraints.permitted.len() + constraints.excluded.len();
    for name in names(certificate) {
        // A long name counts as several comparisons.
        let cost = subtrees.saturating_mul(1 + name.bytes() / 64);
        budget.name_comparisons(cost).map_err(|_| PathViolation::TooManyNames)?;
        let by = || authority.subject().clone();
        match is_allowed(name, constraints) {
            NameVerdict::Yes => {}
            NameVerdict::NotPermitted => {
                return Err(PathViolation::NameNotPermitted { name: name.to_string(), by: by() });
            }
            NameVerdict::Excluded => {
                return Err(PathViolation::NameExcluded { name: name.to_string(), by: by() });
            }
            NameVerdict::Unknown => {
                return Err(PathViolation::NameNotComparable { form: name.form(), by: by() });
            }
        }
    }
    Ok(())
}

enum NameVerdict {
    Yes,
    NotPermitted,
    Excluded,
    Unknown,
}

fn is_allowed(name: SubjectName<'_>, constraints: &NameConstraints) -> NameVerdict {
    let of_form = |subtree: &&NameSubtree| subtree.form() == name.form();
    let mut is_limited = false;
    for subtree in constraints.excluded.iter().filter(of_form) {
        match is_in(name, subtree, ConstraintSide::Excluded) {
            Some(false) => {}
            Some(true) => return NameVerdict::Excluded,
            None => return NameVerdict::Unknown,
        }
    }
    for subtree in constraints.permitted.iter().filter(of_form) {
        match is_in(name, subtree, ConstraintSide::Permitted) {
            Some(false) => is_limited = true,
            Some(true) => return NameVerdict::Yes,
            None => return NameVerdict::Unknown,
        }
    }
    if is_limited { NameVerdict::NotPermitted } else { NameVerdict::Yes }
}

/// Returns the subject, the mail addresses in it, and all alternative names. RFC 5280 requires the mail addresses in
/// the subject only if there is no alternative name, but too many programs read them.
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
