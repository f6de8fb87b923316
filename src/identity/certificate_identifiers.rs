//! Takes a leaf, gives what it says of its owner, unless it contradicts itself or might hide that it does.
//!
//! Never asks whether the CA that wrote it may say so.

use super::error::{IdentityConflict, MappingError, NotMappedReason, not_mapped};
use crate::certificate::{
    Certificate, NameForm, ObjectIdentifier, SECURITY_IDENTIFIER_EXTENSION, SUBJECT_ALTERNATIVE_NAME,
};
use crate::directory::Sid;

/// [MS-PKCA] 3.1.5.2.1: how a certificate that was not issued by way of the directory names an account.
const SID_URI: &str = "tag:microsoft.com,2022-09-14:sid:";

/// A leaf that says at most one UPN and at most one security identifier.
#[derive(Clone, Debug)]
pub(super) struct CertificateIdentifiers {
    pub(super) sid: Option<Sid>,
}

impl CertificateIdentifiers {
    /// Two UPNs are a contradiction even where they are the same: no CA writes that, and one of the two places might
    /// have been the requester's. A name of another kind that cannot be read is neither a UPN nor a security identifier,
    /// and hides none.
    pub(super) fn read(leaf: &Certificate) -> Result<Self, MappingError> {
        let names = leaf.subject_alternative_names();
        let upn_hidden = names.may_hide(NameForm::USER_PRINCIPAL_NAME);
        if upn_hidden || is_unread(leaf, SUBJECT_ALTERNATIVE_NAME) {
            return Err(not_mapped(NotMappedReason::AlternativeNamesUndecodable));
        }
        if names.upns.len() > 1 {
            return Err(MappingError::Conflict { why: IdentityConflict::Upns(names.upns.clone()) });
        }
        Ok(Self { sid: security_identifier(leaf)? })
    }
}

/// What stands in the extension and in URIs, which must all be the same.
fn security_identifier(leaf: &Certificate) -> Result<Option<Sid>, MappingError> {
    let unreadable = || not_mapped(NotMappedReason::SidUnreadable);
    if is_unread(leaf, SECURITY_IDENTIFIER_EXTENSION.into())
        || unreadable_uris(leaf, SID_URI).next().is_some()
    {
        return Err(unreadable());
    }
    let uris = leaf.subject_alternative_names().uris.iter();
    let texts = leaf.sid().into_iter().chain(uris.filter_map(|uri| uri.strip_prefix(SID_URI)));
    let mut found = None;
    for text in texts {
        let sid = Sid::parse(text).map_err(|_| unreadable())?;
        match found {
            Some(first) if first != sid => {
                return Err(MappingError::Conflict { why: IdentityConflict::Sids(first, sid) });
            }
            Some(_) | None => found = Some(sid),
        }
    }
    Ok(found)
}

/// The URIs that begin like this, whatever the case of ASCII letters, and cannot be read.
pub(super) fn unreadable_uris(leaf: &Certificate, prefix: &'static str) -> impl Iterator<Item = ()> {
    let names = leaf.subject_alternative_names().unreadable.iter();
    names.filter_map(move |name| {
        let begins = name.content.get(..prefix.len())?.eq_ignore_ascii_case(prefix.as_bytes());
        (name.form == NameForm::Uri && begins).then_some(())
    })
}

/// Whether the extension is there and was not understood, or twice.
fn is_unread(leaf: &Certificate, extension: ObjectIdentifier) -> bool {
    leaf.undecodable_extensions().contains(&extension) || leaf.duplicate_extensions().contains(&extension)
}
