//! Takes a permit and the request it is for, gives the signed statement of both that the backend is sent. Never says
//! more than the permit, nor of another request than this.

use crate::backend::request::backend_request::UpstreamTarget;
use crate::clock::UnixTime;
use crate::delegation::assertion::{AuthenticationMethod, Signer, Statement, StatementError};
use crate::headers::identity_headers::{ForwardedIdentity, IdentityHeaderSettings};

/// What a statement needs beside the permit and the request.
#[derive(Clone, Copy, Debug)]
pub struct AssertionTerms<'a> {
    /// Signs.
    pub signer: &'a Signer,
    /// The backend, by its name in the configuration.
    pub audience: &'a str,
    /// When the card's key last signed, or the password was given.
    pub authenticated_at: UnixTime,
    /// Now.
    pub now: UnixTime,
}

/// The statement that `told` asks for `target`, signed.
///
/// # Errors
/// Where it cannot be said whole, or the key does not sign.
pub(in crate::backend) fn assertion(
    terms: &AssertionTerms<'_>,
    settings: &IdentityHeaderSettings,
    target: &UpstreamTarget<'_>,
    told: &ForwardedIdentity<'_>,
) -> Result<String, StatementError> {
    let groups: Vec<&str> = settings.sent_groups(told.groups).map(|group| group.name).collect();
    let certificate_sha256 = told.card.map(|card| card.certificate_sha256);
    terms.signer.sign(&Statement {
        audience: terms.audience,
        subject: told.user,
        upn: told.upn,
        sid: told.sid,
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
