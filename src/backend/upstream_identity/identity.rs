//! The identity that a backend connection carries. The connection of one account is never used for a request of
//! another.

use std::sync::Arc;

use super::principal::{PrincipalError, RuleRealm, principal};
use crate::backend::error::BackendError;
use crate::certificate::SerialNumber;
use crate::clock::Tick;
use crate::delegation::kerberos::{KerberosDelegator, MappedUser};
use crate::delegation::user_certificates::{IssuedUserCertificate, UserCertificateSubject};
use crate::identity::Account;

/// The identity that a backend connection carries.
#[derive(Clone, Debug)]
pub(crate) enum UpstreamIdentity {
    /// None: each request has its own identity in headers, or has none.
    Anonymous,
    /// One account, by Kerberos tickets that the gateway obtains for it.
    Kerberos(DelegatedAccount),
    /// One account, by a certificate that the gateway issued for it and presents in the handshake.
    Certificate(Arc<IssuedUserCertificate>),
}

/// An account for which the gateway obtains Kerberos tickets.
#[derive(Clone, Debug)]
pub(crate) struct DelegatedAccount {
    /// The settings of delegation to the backend.
    pub delegation: Arc<KerberosDelegation>,
    /// The principal name, `alice@CORP.EXAMPLE`.
    pub principal: Arc<str>,
    /// The SID, if it is known. The name may be given to another account later.
    pub sid: Option<Arc<str>>,
    /// When the account was read from the directory. Older tickets and connections are not used for it.
    pub since: Tick,
}

/// The settings of Kerberos delegation to one backend ([MS-SFU], RFC 4559).
#[derive(Debug)]
pub struct KerberosDelegation {
    /// The delegator, which obtains the tickets.
    pub delegator: Arc<KerberosDelegator>,
    /// The service of the tickets, `HTTP/rms.corp.example`.
    pub service: String,
    /// The realm of accounts for which no directory reports a domain.
    pub realm: Option<RuleRealm>,
    /// Whether the server authenticates connections, so that only the first request on each needs a ticket (IIS:
    /// `authPersistNonNTLM`).
    pub persist: bool,
    /// Whether responses are accepted in which the server does not prove that it could read the ticket.
    pub unsafe_skip_mutual_authentication: bool,
}

/// The class of the requests that may use a connection, by the identity that it carries. A server may authenticate the
/// connection, so the class is part of the pool's key and not of the request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::backend) enum ConnectionClass {
    /// Requests with their own identity, or with none.
    Plain,
    /// Requests of one account, by its principal name and, if it is known, its SID, so that the next holder of the name
    /// is another account. If the server authenticates connections, also by the time at which the account was read,
    /// because the server keeps the groups of that time.
    Account(Arc<str>, Option<Arc<str>>, Tick),
    /// Requests of the account with this certificate, by its serial number. A new certificate opens new connections, so
    /// that no connection is used for longer than its certificate is valid.
    Certified(UserCertificateSubject, SerialNumber),
}

impl DelegatedAccount {
    /// Creates the delegated account, with its principal name.
    ///
    /// # Errors
    /// The mapping returned no sAMAccountName or no domain of the account.
    pub(crate) fn new(
        delegation: &Arc<KerberosDelegation>,
        account: &Account,
    ) -> Result<Self, PrincipalError> {
        let principal = principal(delegation.realm.as_ref(), account)?.into();
        let sid = account.sid.as_deref().map(Arc::from);
        Ok(Self { delegation: Arc::clone(delegation), principal, sid, since: account.read_at })
    }

    pub(super) fn user(&self) -> MappedUser<'_> {
        MappedUser { principal: &self.principal, sid: self.sid.as_deref(), since: self.since }
    }

    /// Returns the class. If each request has its own ticket, the server keeps nothing with the connection, so the time
    /// is omitted.
    fn class(&self) -> ConnectionClass {
        let since = if self.delegation.persist { self.since } else { Tick::ORIGIN };
        ConnectionClass::Account(Arc::clone(&self.principal), self.sid.clone(), since)
    }
}

impl UpstreamIdentity {
    pub(in crate::backend) fn class(&self) -> ConnectionClass {
        match self {
            Self::Anonymous => ConnectionClass::Plain,
            Self::Kerberos(account) => account.class(),
            Self::Certificate(issued) => {
                ConnectionClass::Certified(issued.subject().clone(), issued.certificate().serial.clone())
            }
        }
    }

    /// Returns the certificate that connections of this identity present.
    pub(in crate::backend) fn user_certificate(&self) -> Option<&IssuedUserCertificate> {
        match self {
            Self::Certificate(issued) => Some(issued),
            Self::Anonymous | Self::Kerberos(_) => None,
        }
    }

    /// Returns `error` as it applies to a connection of this identity: after a user certificate, an alert of the server
    /// is about that certificate.
    pub(in crate::backend) fn interpret(&self, error: BackendError) -> BackendError {
        match self {
            Self::Certificate(_) => error.after_certificate(),
            Self::Anonymous | Self::Kerberos(_) => error,
        }
    }
}
