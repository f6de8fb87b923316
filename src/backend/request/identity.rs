//! The identity headers and the signed assertion of a permitted request. They contain the identity of the permit and no
//! other, and the assertion is valid for this request only.

use http::HeaderMap;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::{Arc, Weak};

use super::target::{ForwardError, UpstreamTarget};
use crate::certificate::Certificate;
use crate::clock::UnixTime;
use crate::delegation::assertion::{AssertionError, AssertionSigner, AuthenticationMethod, RequestClaims};
use crate::directory::DirectoryGroup;
use crate::headers::identity_headers::{
    self, ForwardedIdentity, IdentityHeaderSettings, IdentityTooLarge, NamedGroup, ProvenCertificate,
    RenderedIdentity,
};
use crate::identity::Account;
use crate::policy::{AuthenticatedBy, Permit, PermittedIdentity};

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

/// The rendered identity headers of the last identity of a connection. A connection rarely has another one, and its
/// requests rarely go to another backend, so that most requests only copy them.
#[derive(Debug, Default)]
pub(crate) struct IdentityHeaderCache(RefCell<Option<CachedIdentity>>);

/// Rendered headers with everything that they depend on. What is held keeps its address, so that a comparison of
/// addresses cannot take another identity or backend for this one.
#[derive(Debug)]
struct CachedIdentity {
    account: Arc<Account>,
    authenticated_by: AuthenticatedBy,
    /// Weak, since a connection must not keep a configuration that was replaced.
    settings: Weak<IdentityHeaderSettings>,
    rendered: Rc<RenderedIdentity>,
}

impl IdentityHeaderCache {
    fn rendered(
        &self,
        settings: &Arc<IdentityHeaderSettings>,
        identity: &PermittedIdentity,
    ) -> Result<Rc<RenderedIdentity>, IdentityTooLarge> {
        if let Some(cached) = self.0.borrow().as_ref().filter(|cached| cached.is_of(settings, identity)) {
            return Ok(Rc::clone(&cached.rendered));
        }
        let rendered = with_forwarded(identity, |forwarded| RenderedIdentity::new(settings, &forwarded))?;
        let rendered = Rc::new(rendered);
        self.0.replace(Some(CachedIdentity {
            account: Arc::clone(identity.account()),
            authenticated_by: identity.authenticated_by().clone(),
            settings: Arc::downgrade(settings),
            rendered: Rc::clone(&rendered),
        }));
        Ok(rendered)
    }
}

impl CachedIdentity {
    fn is_of(&self, settings: &Arc<IdentityHeaderSettings>, identity: &PermittedIdentity) -> bool {
        let is_same_credential = match (&self.authenticated_by, identity.authenticated_by()) {
            (AuthenticatedBy::Certificate(cached), AuthenticatedBy::Certificate(current)) => {
                Arc::ptr_eq(cached, current)
            }
            (AuthenticatedBy::Password, AuthenticatedBy::Password) => true,
            (AuthenticatedBy::Certificate(_) | AuthenticatedBy::Password, _) => false,
        };
        is_same_credential
            && Arc::ptr_eq(&self.account, identity.account())
            && std::ptr::eq(self.settings.as_ptr(), Arc::as_ptr(settings))
    }
}

/// Sets the identity headers of the permit, and an assertion if there are `terms` for one.
///
/// # Errors
/// The identity does not fit into its headers, or the assertion cannot be signed.
pub(super) fn set_identity(
    headers: &mut HeaderMap,
    settings: &Arc<IdentityHeaderSettings>,
    cache: &IdentityHeaderCache,
    permit: &Permit,
    target: &UpstreamTarget<'_>,
    terms: Option<&AssertionTerms<'_>>,
) -> Result<(), ForwardError> {
    let Some(identity) = permit.identity() else {
        identity_headers::set_rendered(headers, settings, None);
        return Ok(());
    };
    let Some(terms) = terms else {
        let rendered = cache.rendered(settings, identity)?;
        identity_headers::set_rendered(headers, settings, Some(&rendered));
        return Ok(());
    };
    // An assertion is valid for one request only.
    with_forwarded(identity, |forwarded| {
        let assertion = assertion(terms, settings, target, &forwarded)?;
        let identity = ForwardedIdentity { assertion: Some(&assertion), ..forwarded };
        Ok(identity_headers::set(headers, settings, Some(&identity))?)
    })
}

/// Calls `render` with the identity as headers state it.
fn with_forwarded<T>(identity: &PermittedIdentity, render: impl FnOnce(ForwardedIdentity<'_>) -> T) -> T {
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
    let credential = match identity.authenticated_by() {
        AuthenticatedBy::Password => return render(forwarded),
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
    render(ForwardedIdentity { authentication: "certificate", card: Some(card), ..forwarded })
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
