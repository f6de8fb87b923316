//! On whose behalf a request travels, and how the server is told so beyond the request's own headers. Never gives a
//! connection of one account to another request.

use crate::backend::error::BackendError;
use crate::backend::pool::idle::ConnectionClass;
use crate::clock::Tick;
use crate::delegation::kerberos::{Delegator, Negotiation, User};
use crate::delegation::user_certificates::MintedIdentity;
use crate::identity::Account;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode};
use std::sync::Arc;

/// The scheme of RFC 4559.
const NEGOTIATE: &str = "Negotiate";

/// On whose behalf a request travels.
#[derive(Clone, Debug)]
pub enum UpstreamIdentity {
    /// Nobody's, as far as the connection goes: each request tells its own identity, or none.
    Anonymous,
    /// One account's, by Kerberos tickets that the gate gets for it.
    Kerberos(DelegatedAccount),
    /// One account's, by a certificate that the gate made for it and presents in the handshake.
    Certificate(Arc<MintedIdentity>),
}

/// One account, in whose name the gate speaks Kerberos.
#[derive(Clone, Debug)]
pub struct DelegatedAccount {
    /// How.
    pub delegation: Arc<KerberosDelegation>,
    /// The account as `alice@CORP.EXAMPLE`.
    pub principal: Arc<str>,
    /// Its security identifier, where one is known: a name may be given to another account.
    pub sid: Option<Arc<str>>,
    /// When the account was read. Older tickets and connections are not used for it.
    pub since: Tick,
}

/// How a backend is spoken to in users' names ([MS-SFU], RFC 4559).
#[derive(Debug)]
pub struct KerberosDelegation {
    /// Gets the tickets.
    pub delegator: Arc<Delegator>,
    /// The service that the tickets are for, `HTTP/rms.corp.example`.
    pub service: String,
    /// The realm of accounts whose domain no directory tells.
    pub realm: Option<RuleRealm>,
    /// Whether the server ties the account to the connection, so that only the first request on one needs a ticket
    /// (IIS: `authPersistNonNTLM`).
    pub persist: bool,
    /// Whether an answer counts in which the server does not prove that it could read the ticket.
    pub unsafe_skip_mutual_authentication: bool,
}

/// A realm, and what its domain is called in `DOMAIN\\name`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleRealm {
    /// `CORP.EXAMPLE`.
    pub name: String,
    /// The domain's NetBIOS name; the first label of the realm's where it is not configured.
    pub domain: Option<String>,
}

impl RuleRealm {
    /// The domain's NetBIOS name.
    pub fn domain(&self) -> &str {
        let first_label = || self.name.split('.').next().unwrap_or_default();
        self.domain.as_deref().unwrap_or_else(first_label)
    }

    /// Whether `DOMAIN\\name` with this domain is an account of the realm.
    pub fn is_of(&self, domain: &str) -> bool {
        [self.domain(), &self.name].into_iter().any(|own| own.eq_ignore_ascii_case(domain))
    }
}

/// Why an account has no name in Kerberos.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PrincipalError {
    /// Nobody told its name within its domain.
    #[error(
        "no sAMAccountName is known of {user:?}: map it by a directory, or name it `DOMAIN\\name` in a rule"
    )]
    NoAccountName {
        /// The account.
        user: String,
    },
    /// It is of another domain than the one whose realm is configured.
    #[error(
        "{user:?} is not of the realm {realm}, whose domain is {domain:?}: map it by a directory, or set \
         `kerberos.realm` and `kerberos.domain` of the backend for its domain"
    )]
    OtherDomain {
        /// The account.
        user: String,
        /// The realm.
        realm: String,
        /// Its domain.
        domain: String,
    },
    /// Nobody told its domain.
    #[error("no domain is known of {user:?}: map it by a directory, or set `kerberos.realm` of the backend")]
    NoRealm {
        /// The account.
        user: String,
    },
}

/// What one request's proof of identity is at.
pub(in crate::backend) struct SpnegoExchange<'a> {
    behalf: &'a UpstreamIdentity,
    negotiation: Option<Negotiation>,
}

impl DelegatedAccount {
    /// The account, by its name in Kerberos.
    ///
    /// # Errors
    /// Where the mapping did not tell it.
    pub fn new(delegation: &Arc<KerberosDelegation>, account: &Account) -> Result<Self, PrincipalError> {
        let principal = principal(delegation.realm.as_ref(), account)?.into();
        let sid = account.sid.as_deref().map(Arc::from);
        Ok(Self { delegation: Arc::clone(delegation), principal, sid, since: account.read_at })
    }

    fn user(&self) -> User<'_> {
        User { principal: &self.principal, sid: self.sid.as_deref(), since: self.since }
    }

    /// A server that keeps the account with the connection keeps its groups, too, so that such a connection must not be
    /// older than the account. Where each request has a ticket of its own, the connection keeps nothing.
    fn class(&self) -> ConnectionClass {
        let since = if self.delegation.persist { self.since } else { Tick::ORIGIN };
        ConnectionClass::Account(Arc::clone(&self.principal), self.sid.clone(), since)
    }
}

/// An account's name in Kerberos: its sAMAccountName at its domain's realm. A UPN is no such name: its suffix need not be a
/// realm, and who has it today is the directory's to say. Where no directory tells the realm, it is `of_rules`.
fn principal(of_rules: Option<&RuleRealm>, account: &Account) -> Result<String, PrincipalError> {
    let user = || account.user.clone();
    let name = account.account_name.as_ref().ok_or_else(|| PrincipalError::NoAccountName { user: user() })?;
    let realm = match (&account.dns_domain, &account.domain, of_rules) {
        (Some(domain), _, _) => domain.to_ascii_uppercase(),
        (None, _, None) => return Err(PrincipalError::NoRealm { user: user() }),
        // `PARTNER\x` is not `CORP\x`, who may be another person.
        (None, Some(domain), Some(realm)) if !realm.is_of(domain) => {
            let (realm, domain) = (realm.name.clone(), realm.domain().to_owned());
            return Err(PrincipalError::OtherDomain { user: user(), realm, domain });
        }
        (None, _, Some(realm)) => realm.name.clone(),
    };
    Ok(format!("{name}@{realm}"))
}

impl UpstreamIdentity {
    pub(in crate::backend) fn class(&self) -> ConnectionClass {
        match self {
            Self::Anonymous => ConnectionClass::Plain,
            Self::Kerberos(delegated) => delegated.class(),
            Self::Certificate(minted) => {
                ConnectionClass::Certified(minted.subject().clone(), minted.certificate().serial.clone())
            }
        }
    }

    /// The certificate that a connection on this behalf presents.
    pub(in crate::backend) fn presented(&self) -> Option<&MintedIdentity> {
        match self {
            Self::Certificate(minted) => Some(minted),
            Self::Anonymous | Self::Kerberos(_) => None,
        }
    }

    /// What `error` means on a connection on this behalf.
    pub(in crate::backend) fn explain(&self, error: BackendError) -> BackendError {
        match self {
            Self::Certificate(_) => error.after_certificate(),
            Self::Anonymous | Self::Kerberos(_) => error,
        }
    }

    pub(in crate::backend) fn speech(&self) -> SpnegoExchange<'_> {
        SpnegoExchange { behalf: self, negotiation: None }
    }
}

impl SpnegoExchange<'_> {
    /// Gets a ticket's token before a connection is taken, so that no connection waits for the KDC. Nothing where an
    /// authenticated connection may be waiting (`one_waits`).
    pub(in crate::backend) async fn prepare(&mut self, one_waits: bool) -> Result<(), BackendError> {
        match self.behalf {
            UpstreamIdentity::Kerberos(delegated) if !(delegated.delegation.persist && one_waits) => {
                self.negotiate(delegated).await
            }
            UpstreamIdentity::Kerberos(_)
            | UpstreamIdentity::Anonymous
            | UpstreamIdentity::Certificate(_) => Ok(()),
        }
    }

    /// Writes the proof for a request that goes out on a connection, `reused` or new. A token is written once: what a
    /// server has read of it would be a replay the second time.
    pub(in crate::backend) async fn write(
        &mut self,
        headers: &mut HeaderMap,
        reused: bool,
    ) -> Result<(), BackendError> {
        let UpstreamIdentity::Kerberos(delegated) = self.behalf else { return Ok(()) };
        if self.negotiation.is_none() && !(delegated.delegation.persist && reused) {
            self.negotiate(delegated).await?;
        }
        match &self.negotiation {
            Some(negotiation) => {
                headers.insert(AUTHORIZATION, negotiate_line(negotiation.token()));
            }
            None => {
                headers.remove(AUTHORIZATION);
            }
        }
        Ok(())
    }

    /// The request is sent once more: the server may have read the token that went with it.
    pub(in crate::backend) fn renew(&mut self) {
        self.negotiation = None;
    }

    /// Looks at the server's own proof in its answer, and takes it out.
    pub(in crate::backend) fn check(
        &mut self,
        status: StatusCode,
        headers: &mut HeaderMap,
        server: &str,
    ) -> Result<(), BackendError> {
        let UpstreamIdentity::Kerberos(delegated) = self.behalf else { return Ok(()) };
        let answer = server_token(headers);
        headers.remove(WWW_AUTHENTICATE);
        let Some(negotiation) = self.negotiation.take() else { return Ok(()) };
        let needs_proof = !delegated.delegation.unsafe_skip_mutual_authentication;
        if answer.is_none() && needs_proof && refuses_head(status) {
            let token_bytes = negotiate_line(negotiation.token()).len();
            return Err(BackendError::TicketTooLong { server: server.to_owned(), status, token_bytes });
        }
        let not_proven = |source| BackendError::NotProven { server: server.to_owned(), source };
        match answer {
            Some(token) => negotiation.finish(&token).map_err(|source| not_proven(Some(source))),
            None if !needs_proof => Ok(()),
            None => Err(not_proven(None)),
        }
    }

    /// The server took the proof for none: a ticket that it cannot read any more is not tried a second time.
    pub(in crate::backend) async fn refused(&self) {
        if let UpstreamIdentity::Kerberos(delegated) = self.behalf {
            let delegation = &delegated.delegation;
            delegation.delegator.forget(delegated.user(), &delegation.service).await;
        }
    }

    /// Whether the server is to be told of the account by tickets.
    pub(in crate::backend) fn is_needed(&self) -> bool {
        match self.behalf {
            UpstreamIdentity::Kerberos(_) => true,
            UpstreamIdentity::Anonymous | UpstreamIdentity::Certificate(_) => false,
        }
    }

    async fn negotiate(&mut self, delegated: &DelegatedAccount) -> Result<(), BackendError> {
        let delegation = &delegated.delegation;
        let negotiation = delegation.delegator.negotiate(delegated.user(), &delegation.service).await;
        self.negotiation = Some(negotiation.map_err(BackendError::Delegation)?);
        Ok(())
    }
}

/// Whether a server answers so to a request whose head is too long for it: http.sys, Apache and nginx say 400, others 431 or
/// 413 (RFC 6585 5). It has not looked at the ticket then, and proves nothing.
fn refuses_head(status: StatusCode) -> bool {
    [StatusCode::BAD_REQUEST, StatusCode::PAYLOAD_TOO_LARGE, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE]
        .contains(&status)
}

fn negotiate_line(token: &[u8]) -> HeaderValue {
    let line = format!("{NEGOTIATE} {}", STANDARD.encode(token));
    let mut value = HeaderValue::try_from(line).expect("Base64 and a word are visible ASCII");
    value.set_sensitive(true);
    value
}

/// The token of the one `Negotiate` line of an answer that has one: the server's own proof.
pub fn server_token(headers: &HeaderMap) -> Option<Vec<u8>> {
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
    use crate::identity::{MappingMethod, MappingStrength};

    fn account(user: &str, domain: Option<&str>, dns_domain: Option<&str>) -> Account {
        Account {
            account_name: user.split_once('\\').map(|(_, name)| name.to_owned()),
            domain: domain.map(str::to_owned),
            dns_domain: dns_domain.map(str::to_owned),
            ..Account::named(user, MappingMethod::SecurityIdentifier, MappingStrength::Strong)
        }
    }

    #[test]
    fn a_principal_keeps_the_accounts_domain() {
        let corp = RuleRealm { name: "CORP.EXAMPLE".to_owned(), domain: None };
        let renamed = RuleRealm { domain: Some("HQ".to_owned()), ..corp.clone() };
        let of = |user: &str, realm| {
            let domain = user.split_once('\\').map(|(domain, _)| domain);
            principal(realm, &account(user, domain, None))
        };
        for (user, realm) in [
            (r"CORP\x", &corp),
            (r"corp\x", &corp),
            (r"corp.example\x", &corp),
            (r"HQ\x", &renamed),
            (r"Corp.Example\x", &renamed),
        ] {
            assert_eq!(of(user, Some(realm)).as_deref(), Ok("x@CORP.EXAMPLE"), "{user}");
        }
        for (user, realm) in
            [(r"PARTNER\x", &corp), (r"partner.example\x", &corp), (r"CORP\x", &renamed), (r"HQ\x", &corp)]
        {
            assert!(matches!(of(user, Some(realm)), Err(PrincipalError::OtherDomain { .. })), "{user}");
        }
        assert!(matches!(of(r"CORP\x", None), Err(PrincipalError::NoRealm { .. })));
        assert!(matches!(of("x@corp.example", Some(&corp)), Err(PrincipalError::NoAccountName { .. })));
        // A directory knows better than the configuration.
        let partner = account(r"PARTNER\x", Some("PARTNER"), Some("partner.example"));
        assert_eq!(principal(Some(&corp), &partner).as_deref(), Ok("x@PARTNER.EXAMPLE"));
    }

    #[test]
    fn the_servers_token_is_read_where_there_is_exactly_one() {
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
