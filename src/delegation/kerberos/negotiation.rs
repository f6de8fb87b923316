//! One authentication to a server in a user's name: the token to send, and the check of the server's response.

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

/// An authentication that has begun. Its token is for one request: a server rejects a second request with it as a
/// replay (RFC 4120 3.2.3).
pub struct KerberosNegotiation {
    context: SecurityContext,
    token: Vec<u8>,
}

impl KerberosNegotiation {
    /// Creates a token. The KDC is queried only if the library finds that the ticket has expired.
    pub(super) fn begin(
        delegation: &DelegatedTicket,
        accepted: AcceptedEncryption,
    ) -> Result<Self, DelegationError> {
        let (credential, target) = (Arc::clone(&delegation.credential), Arc::clone(&delegation.target));
        let (context, stepped) = SecurityContext::begin(credential, target, MutualAuthentication::Required)
            .map_err(error_classification::common_error)?;
        let encryption = TokenEncryption::of(&stepped.token).and_then(|found| found.check(accepted));
        encryption.map_err(DelegationError::EncryptionType)?;
        let token = spnego::offer(&stepped.token).map_err(|_| DelegationError::TokenTooLong)?;
        Ok(Self { context, token })
    }

    /// Returns the token for `Authorization: Negotiate` (RFC 4559 4.2), before base64.
    pub fn token(&self) -> &[u8] {
        &self.token
    }

    /// Checks the token of `WWW-Authenticate: Negotiate` in the server's response, decoded from base64. Takes some
    /// microseconds, without I/O.
    ///
    /// # Errors
    /// The server has not proven that it has the service's key (RFC 4120 3.2.4).
    pub fn finish(mut self, response: &[u8]) -> Result<(), DelegationError> {
        let proof = spnego::proof(response).map_err(DelegationError::MutualAuthentication)?;
        let wrong =
            |status: GssStatus| DelegationError::MutualAuthentication(MutualError::InvalidProof(status));
        let stepped = self.context.step(Some(&proof), MutualAuthentication::Required).map_err(wrong)?;
        if stepped.is_complete && stepped.token.is_empty() {
            Ok(())
        } else {
            Err(DelegationError::MutualAuthentication(MutualError::Incomplete))
        }
    }
}

/// The token is omitted: a log reader could use it before the server receives it.
impl fmt::Debug for KerberosNegotiation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KerberosNegotiation").finish_non_exhaustive()
    }
}
