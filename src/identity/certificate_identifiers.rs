//! The security identifier and UPN of a leaf, checked for contradictions. Whether its authority may write them is checked
//! elsewhere.

use super::error::{IdentityConflict, MappingError, NotMappedReason, not_mapped};
use crate::certificate::{
    Certificate, NameForm, ObjectIdentifier, SECURITY_IDENTIFIER_EXTENSION, SUBJECT_ALTERNATIVE_NAME,
};
use crate::directory::Sid;

/// [MS-PKCA] 3.1.5.2.1: names an account in a certificate that was not enrolled through the directory.
const SID_URI: &str = "tag:microsoft.com,2022-09-14:sid:";

/// The identifiers of a leaf that has at most one UPN and at most one security identifier.
#[derive(Clone, Debug)]
pub(super) struct CertificateIdentifiers {
    pub(super) sid: Option<Sid>,
}

impl CertificateIdentifiers {
    /// Reads the identifiers of `leaf`.
    ///
    /// Two UPNs are a conflict even if they are equal: no CA writes them, and one of the two may be the requester's. A name
    /// of another kind that cannot be decoded is neither a UPN nor a security identifier.
    ///
    /// # Errors
    /// The identifiers contradict each other, or a second one might be hidden in what cannot be decoded.
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

/// The security identifier in the extension and in URIs, which must all be equal.
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

/// The URIs that begin with `prefix`, in any case of ASCII letters, and cannot be decoded.
pub(super) fn undecodable_uris(leaf: &Certificate, prefix: &'static str) -> impl Iterator<Item = ()> {
    let names = leaf.subject_alternative_names().unreadable.iter();
    names.filter_map(move |name| {
        let begins = name.content.get(..prefix.len())?.eq_ignore_ascii_case(prefix.as_bytes());
        (name.form == NameForm::Uri && begins).then_some(())
    })
}

/// Whether the extension is present and cannot be decoded, or is present twice.
fn is_undecodable(leaf: &Certificate, extension: ObjectIdentifier) -> bool {
    leaf.undecodable_extensions().contains(&extension) || leaf.duplicate_extensions().contains(&extension)
}
