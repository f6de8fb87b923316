//! The security identifier of a leaf, and the check that it contradicts neither itself nor a second UPN.
//! `account_identifier` checks whether the issuing authority may write them.

use super::error::{IdentityConflict, MappingError, NotMappedReason, not_mapped};
use crate::certificate::{
    Certificate, NameForm, ObjectIdentifier, SECURITY_IDENTIFIER_EXTENSION, SUBJECT_ALTERNATIVE_NAME,
};
use crate::directory::Sid;

/// The prefix of a URI that names an account in a certificate which was not enrolled through the directory ([MS-PKCA]
/// 3.1.5.2.1).
const SID_URI: &str = "tag:microsoft.com,2022-09-14:sid:";

/// The identifiers of a leaf that has at most one UPN and at most one security identifier.
#[derive(Clone, Debug)]
pub(super) struct CertificateIdentifiers {
    pub(super) sid: Option<Sid>,
}

impl CertificateIdentifiers {
    /// Reads the identifiers of `leaf`.
    ///
    /// Two UPNs are a conflict even if they are equal: no CA writes two, so one of them may come from the requester. A
    /// name of another form that cannot be decoded is neither a UPN nor a security identifier.
    ///
    /// # Errors
    /// The identifiers contradict each other, or a part of the certificate that cannot be decoded may hide a second
    /// one.
    pub(super) fn read(leaf: &Certificate) -> Result<Self, MappingError> {
        let names = leaf.subject_alternative_names();
        let upn_hidden = names.may_hide(NameForm::USER_PRINCIPAL_NAME);
        if upn_hidden || is_undecodable(leaf, SUBJECT_ALTERNATIVE_NAME) {
            return Err(not_mapped(NotMappedReason::AlternativeNamesUndecodable));
        }
        if names.upns.len() > 1 {
            return Err(MappingError::Conflict { why: IdentityConflict::Upns(names.upns.clone()) });
        }
        Ok(Self { sid: security_identifier(leaf)? })
    }
}

/// Returns the security identifier of the extension and of all URIs, which must be equal.
fn security_identifier(leaf: &Certificate) -> Result<Option<Sid>, MappingError> {
    let undecodable = || not_mapped(NotMappedReason::SidUndecodable);
    if is_undecodable(leaf, SECURITY_IDENTIFIER_EXTENSION.into())
        || undecodable_uris(leaf, SID_URI).next().is_some()
    {
        return Err(undecodable());
    }
    let uris = leaf.subject_alternative_names().uris.iter();
    let texts = leaf.sid().into_iter().chain(uris.filter_map(|uri| uri.strip_prefix(SID_URI)));
    let mut found = None;
    for text in texts {
        let sid = Sid::parse(text).map_err(|_| undecodable())?;
        match found {
            Some(first) if first != sid => {
                return Err(MappingError::Conflict { why: IdentityConflict::Sids(first, sid) });
            }
            Some(_) | None => found = Some(sid),
        }
    }
    Ok(found)
}

/// Returns an item for each URI that begins with `prefix`, in any case of ASCII letters, and cannot be decoded.
pub(super) fn undecodable_uris(leaf: &Certificate, prefix: &'static str) -> impl Iterator<Item = ()> {
    let names = leaf.subject_alternative_names().unreadable.iter();
    names.filter_map(move |name| {
        let begins = name.content.get(..prefix.len())?.eq_ignore_ascii_case(prefix.as_bytes());
        (name.form == NameForm::Uri && begins).then_some(())
    })
}

/// Returns whether the extension cannot be decoded or is present twice.
fn is_undecodable(leaf: &Certificate, extension: ObjectIdentifier) -> bool {
    leaf.undecodable_extensions().contains(&extension) || leaf.duplicate_extensions().contains(&extension)
}
