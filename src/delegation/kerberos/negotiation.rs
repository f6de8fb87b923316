//! One log-on of a user to a server: the token to send, and the proof that the right server took it.

use super::account::DelegatedTicket;
use super::ap_req::TokenEncryption;
use super::encryption_type::AcceptedEncryption;
use super::error::{DelegationError, MutualError};
use super::error_classification;
use super::gssapi::{MutualAuthentication, SecurityContext};
use super::spnego;
use super::status::GssStatus;
use std::fmt;
use std::sync::Arc;

/// A log-on that has begun. Its token is for one request: a server refuses to see it twice (RFC 4120 3.2.3).
pub struct Negotiation {
    context: SecurityContext,
    token: Vec<u8>,
}

impl Negotiation {
    /// Makes a new token. Asks the KDC only where the library finds the ticket too old.
    pub(super) fn begin(
        delegation: &DelegatedTicket,
        accepted: AcceptedEncryption,
    ) -> Result<Self, DelegationError> {
        let (credential, target) = (Arc::clone(&delegation.credential), Arc::clone(&delegation.target));
        let (context, stepped) = SecurityContext::begin(credential, target, MutualAuthentication::Required)
            .map_err(error_classification::anywhere)?;
        let encryption = TokenEncryption::of(&stepped.token).and_then(|found| found.check(accepted));
        encryption.map_err(DelegationError::EncryptionType)?;
        let token = spnego::offer(&stepped.token).map_err(|_| DelegationError::TokenTooLong)?;
        Ok(Self { context, token })
    }

    /// What follows `Authorization: Negotiate ` (RFC 4559 4.2), before base64.
    pub fn token(&self) -> &[u8] {
        &self.token
    }

    /// Takes what follows `WWW-Authenticate: Negotiate ` in the server's answer, after base64. Computes for a few
    /// microseconds and asks nobody.
    ///
    /// # Errors
    ///
    /// The server has not proven that it knows the service's key (RFC 4120 3.2.4).
    pub fn finish(mut self, answer: &[u8]) -> Result<(), DelegationError> {
        let proof = spnego::proof(answer).map_err(DelegationError::MutualAuthentication)?;
        let wrong = |status: GssStatus| DelegationError::MutualAuthentication(MutualError::Wrong(status));
        let stepped = self.context.step(Some(&proof), MutualAuthentication::Required).map_err(wrong)?;
        if stepped.is_complete && stepped.token.is_empty() {
            Ok(())
        } else {
            Err(DelegationError::MutualAuthentication(MutualError::Incomplete))
        }
    }
}

/// Shows no token: whoever has one before the server does can use it.
impl fmt::Debug for Negotiation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Negotiation").finish_non_exhaustive()
    }
}
