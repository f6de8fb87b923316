//! The identity headers and the signed assertion of a permitted request. They contain the identity of the permit and no
//! other, and the assertion is valid for this request only.

use http::HeaderMap;

use super::target::{ForwardError, UpstreamTarget};
use crate::certificate::Certificate;
use crate::clock::UnixTime;
use crate::delegation::assertion::{AssertionError, AssertionSigner, AuthenticationMethod, RequestClaims};
use crate::directory::DirectoryGroup;
use crate::headers::identity_headers::{
    self, ForwardedIdentity, IdentityHeaderSettings, NamedGroup, ProvenCertificate,
};
use crate::policy::{AuthenticatedBy, Permit};

/// The parameters of an assertion that are not part of the permit or the request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AssertionTerms<'a> {
    /// The signer.
    pub signer: &'a AssertionSigner,
    /// The backend's name in the configuration.
    pub audience: &'a str,
    /// When the card's key last signed, or the password was verified.
    pub authenticated_at: UnixTime,
    /// The time of the request.
    pub now: UnixTime,
}

/// Sets the identity headers of the permit, and an assertion if there are `terms` for one.
///
/// # Errors
/// The identity does not fit into its headers, or the assertion cannot be signed.
pub(super) fn set_identity(
    headers: &mut HeaderMap,
    settings: &IdentityHeaderSettings,
    permit: &Permit,
    target: &UpstreamTarget<'_>,
    terms: Option<&AssertionTerms<'_>>,
) -> Result<(), ForwardError> {
    let Some(identity) = permit.identity() else {
        return Ok(identity_headers::set(headers, settings, None)?);
    };
    let account = identity.account();
    let groups: Vec<_> = account.groups.iter().map(named_group).collect();
    let (mapping, strength) = (account.mapping.to_string(), account.strength.to_string());
    let forwarded = ForwardedIdentity {
        user: &account.user,
        upn: account.upn.as_deref(),
        sid: account.sid.as_deref(),
        groups: &groups,
        mapping: &mapping,
        strength: &strength,
        authentication: "password",
        card: None,
        assertion: None,
    };
    let mut set = |identity: ForwardedIdentity<'_>| {
        let assertion = terms.map(|terms| assertion(terms, settings, target, &identity)).transpose()?;
        let identity = ForwardedIdentity { assertion: assertion.as_deref(), ..identity };
        Ok(identity_headers::set(headers, settings, Some(&identity))?)
    };
    let credential = match identity.authenticated_by() {
        AuthenticatedBy::Password => return set(forwarded),
        AuthenticatedBy::Certificate(credential) => credential,
    };
    let leaf = credential.leaf();
    let others: Vec<&[u8]> = credential.additional_certificates().iter().map(Certificate::der).collect();
    let card = ProvenCertificate {
        leaf: leaf.der(),
        chain: &others,
        certificate_sha256: &leaf.fingerprint().to_string(),
        subject: &leaf.subject().to_string(),
    };
    set(ForwardedIdentity { authentication: "certificate", card: Some(card), ..forwarded })
}

fn named_group(group: &DirectoryGroup) -> NamedGroup<'_> {
    NamedGroup { name: &group.name, sid: group.sid.as_deref() }
}

/// Signs an assertion of `identity` for `target`, and returns it.
fn assertion(
    terms: &AssertionTerms<'_>,
    settings: &IdentityHeaderSettings,
    target: &UpstreamTarget<'_>,
    identity: &ForwardedIdentity<'_>,
) -> Result<String, AssertionError> {
    let groups: Vec<&str> = settings.sent_groups(identity.groups).map(|group| group.name).collect();
    let certificate_sha256 = identity.card.map(|card| card.certificate_sha256);
    terms.signer.sign(&RequestClaims {
        audience: terms.audience,
        subject: identity.user,
        upn: identity.upn,
        sid: identity.sid,
        groups: &groups,
        certificate_sha256,
        host: &target.host.to_string(),
        method: target.method.as_str(),
        path: target.path,
        method_of_authentication: match certificate_sha256 {
            Some(_) => AuthenticationMethod::Smartcard,
            None => AuthenticationMethod::Password,
        },
        authenticated_at: terms.authenticated_at,
        issued_at: terms.now,
        id: &target.origin.request_id.to_string(),
    })
}
