//! Kerberos tokens in `Authorization: Negotiate` (SPNEGO, RFC 4559), and the server's proof that it could decrypt them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode};

use super::identity::{DelegatedAccount, UpstreamIdentity};
use crate::backend::error::BackendError;
use crate::delegation::kerberos::KerberosNegotiation;

/// The authentication scheme of RFC 4559.
const NEGOTIATE: &str = "Negotiate";

/// The SPNEGO exchange of one request, from the ticket to the server's response. It does nothing for an identity
/// without Kerberos.
pub(in crate::backend) struct SpnegoExchange<'a> {
    identity: &'a UpstreamIdentity,
    negotiation: Option<KerberosNegotiation>,
}

impl<'a> SpnegoExchange<'a> {
    pub(in crate::backend) fn new(identity: &'a UpstreamIdentity) -> Self {
        Self { identity, negotiation: None }
    }

    /// Obtains a token before a connection is acquired, so that no connection is held while the KDC is queried. If the
    /// server authenticates connections and an idle one of the account exists (`has_idle`), no token is needed yet.
    ///
    /// # Errors
    /// [`BackendError::Delegation`] if no ticket could be obtained.
    pub(in crate::backend) async fn prepare(&mut self, has_idle: bool) -> Result<(), BackendError> {
        match self.identity {
            UpstreamIdentity::Kerberos(account) if !(account.delegation.persist && has_idle) => {
                self.negotiate(account).await
            }
            UpstreamIdentity::Kerberos(_)
            | UpstreamIdentity::Anonymous
            | UpstreamIdentity::Certificate(_) => Ok(()),
        }
    }

    /// Writes the token into a request that will be sent on a `reused` or new connection. A token is sent only once: a
    /// server that has received it rejects a second request with it as a replay.
    ///
    /// # Errors
    /// [`BackendError::Delegation`] if no ticket could be obtained.
    pub(in crate::backend) async fn write(
        &mut self,
        headers: &mut HeaderMap,
        reused: bool,
    ) -> Result<(), BackendError> {
        let UpstreamIdentity::Kerberos(account) = self.identity else { return Ok(()) };
        if self.negotiation.is_none() && !(account.delegation.persist && reused) {
            self.negotiate(account).await?;
        }
        match &self.negotiation {
            Some(negotiation) => {
                headers.insert(AUTHORIZATION, authorization(negotiation.token()));
            }
            None => {
                headers.remove(AUTHORIZATION);
            }
        }
        Ok(())
    }

    /// Discards the token, because the request is sent again and the server may have received the token.
    pub(in crate::backend) fn discard_token(&mut self) {
        self.negotiation = None;
    }

    /// Verifies the server's proof in its response, and removes it from the headers.
    ///
    /// # Errors
    /// The server did not prove that it could decrypt the ticket, or rejected the request head as too long.
    pub(in crate::backend) fn verify_server(
        &mut self,
        status: StatusCode,
        headers: &mut HeaderMap,
        server: &str,
    ) -> Result<(), BackendError> {
        let UpstreamIdentity::Kerberos(account) = self.identity else { return Ok(()) };
        let proof = server_token(headers);
        headers.remove(WWW_AUTHENTICATE);
        let Some(negotiation) = self.negotiation.take() else { return Ok(()) };
        let needs_proof = !account.delegation.unsafe_skip_mutual_authentication;
        if proof.is_none() && needs_proof && may_reject_long_heads(status) {
            let token_bytes = authorization(negotiation.token()).len();
            return Err(BackendError::TicketTooLong { server: server.to_owned(), status, token_bytes });
        }
        let not_proven = |source| BackendError::NotProven { server: server.to_owned(), source };
        match proof {
            Some(token) => negotiation.finish(&token).map_err(|source| not_proven(Some(source))),
            None if !needs_proof => Ok(()),
            None => Err(not_proven(None)),
        }
    }

    /// Removes the ticket from the cache, because the server rejected it: the server's key may have changed.
    pub(in crate::backend) async fn forget_ticket(&self) {
        if let UpstreamIdentity::Kerberos(account) = self.identity {
            let delegation = &account.delegation;
            delegation.delegator.forget(account.user(), &delegation.service).await;
        }
    }

    /// Returns whether the account is authenticated to the server by tickets.
    pub(in crate::backend) fn is_kerberos(&self) -> bool {
        match self.identity {
            UpstreamIdentity::Kerberos(_) => true,
            UpstreamIdentity::Anonymous | UpstreamIdentity::Certificate(_) => false,
        }
    }

    async fn negotiate(&mut self, account: &DelegatedAccount) -> Result<(), BackendError> {
        let delegation = &account.delegation;
        let negotiation = delegation.delegator.negotiate(account.user(), &delegation.service).await;
        self.negotiation = Some(negotiation.map_err(BackendError::Delegation)?);
        Ok(())
    }
}

/// Returns whether a server may respond with this status to a request whose head is too long: http.sys, Apache and
/// nginx send 400, others 431 or 413 (RFC 6585 5). The server has then not read the ticket, and proves nothing.
fn may_reject_long_heads(status: StatusCode) -> bool {
    [StatusCode::BAD_REQUEST, StatusCode::PAYLOAD_TOO_LARGE, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE]
        .contains(&status)
}

fn authorization(token: &[u8]) -> HeaderValue {
    let line = format!("{NEGOTIATE} {}", STANDARD.encode(token));
    let mut value = HeaderValue::try_from(line).expect("Base64 after a scheme name is visible ASCII");
    value.set_sensitive(true);
    value
}

/// Returns the server's proof of its identity, the token of a `Negotiate` line of the response; `None` if there is no
/// such line or more than one.
pub(crate) fn server_token(headers: &HeaderMap) -> Option<Vec<u8>> {
    let tokens = headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|line| {
        let (scheme, token) = line.to_str().ok()?.split_once(' ')?;
        scheme.eq_ignore_ascii_case(NEGOTIATE).then(|| STANDARD.decode(token.trim()).ok())?
    });
    let mut tokens = tokens.fuse();
    tokens.next().filter(|_| tokens.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_token_is_read_if_there_is_exactly_one() {
        let headers = |lines: &[&'static str]| {
            let line = |value: &&'static str| (WWW_AUTHENTICATE, HeaderValue::from_static(value));
            lines.iter().map(line).collect::<HeaderMap>()
        };
        assert_eq!(server_token(&headers(&["negotiate AAEC"])), Some(vec![0, 1, 2]));
        assert_eq!(server_token(&headers(&["NTLM", "Negotiate AAEC"])), Some(vec![0, 1, 2]));
        for lines in
            [&[][..], &["Negotiate"], &["Negotiate AAEC", "Negotiate AAEC"], &["Negotiate ?"], &["NTLM AAEC"]]
        {
            assert_eq!(server_token(&headers(lines)), None, "{lines:?}");
        }
    }
}
