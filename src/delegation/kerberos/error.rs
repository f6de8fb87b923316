//! Errors of Kerberos delegation, each with a hint that names the setting to change.

use super::encryption_type::EncryptionType;
use super::keytab::KeytabError;
use super::principal::NameError;
use super::status::GssStatus;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// The reason for which a request cannot be sent to a server in an account's name.
#[derive(Clone, Debug, thiserror::Error)]
pub enum DelegationError {
    /// The name of the account or the service is not valid.
    #[error("invalid principal name")]
    Name(#[from] NameError),
    /// The gateway's key cannot be read, or the KDC rejects it.
    #[error("cannot use the keytab {}", path.display())]
    Keytab {
        /// The file.
        path: PathBuf,
        /// The reason.
        #[source]
        error: KeytabError,
    },
    /// The KDC rejects the gateway account, which is disabled, expired or locked.
    #[error("the KDC rejects the gateway account")]
    GatewayAccount(#[source] GssStatus),
    /// The gateway account has no service principal name, so the KDC issues no ticket to it.
    #[error("the gateway account has no SPN, so S4U2Self cannot target it")]
    GatewayWithoutSpn(#[source] GssStatus),
    /// The KDC does not know the account or its realm.
    #[error("the KDC does not know the account")]
    UnknownAccount(#[source] GssStatus),
    /// The account is disabled, expired or locked, or its password must be changed.
    #[error("the KDC rejects the account")]
    AccountRejected(#[source] GssStatus),
    /// The account is marked sensitive or is in Protected Users. Delegation of other accounts has succeeded.
    #[error("the account may not be delegated (NOT_DELEGATED or Protected Users)")]
    AccountNotDelegated(#[source] GssStatus),
    /// The KDC returned a ticket for another principal.
    #[error("the KDC returned a ticket for {returned:?} instead")]
    PrincipalMismatch {
        /// The principal in the ticket.
        returned: String,
    },
    /// The name now belongs to another account than the one that the user was mapped to.
    #[error(
        "the name now belongs to another account: the ticket has SID {returned}, the user was mapped to {mapped}"
    )]
    AccountMismatch {
        /// The SID of the account that the user was mapped to.
        mapped: String,
        /// The SID in the ticket.
        returned: String,
    },
    /// The SID of the ticket's account, which must be compared with that of the mapped account, is not known.
    #[error("the SID of the ticket cannot be verified")]
    UnverifiedTicket(#[source] TicketError),
    /// No ticket that was issued so far is forwardable, for any user.
    #[error("the ticket is not forwardable: {reason}")]
    NotForwardable {
        /// The cause.
        reason: NotForwardableReason,
        /// The error of the KDC.
        #[source]
        status: GssStatus,
    },
    /// The gateway account may delegate, but not to this service.
    #[error("the service is not in msDS-AllowedToDelegateTo of the gateway account")]
    ServiceNotAllowed(#[source] GssStatus),
    /// The KDC does not know the service.
    #[error("the KDC does not know the service")]
    UnknownService(#[source] GssStatus),
    /// A ticket or session key uses an encryption type that is not accepted.
    #[error("encryption type not accepted")]
    EncryptionType(#[source] EncryptionError),
    /// No KDC of the realm was found or responded.
    #[error("no KDC responded")]
    KdcUnreachable(#[source] GssStatus),
    /// The clocks of the gateway and the KDC differ too much.
    #[error("clock skew between the gateway and the KDC is too large")]
    ClockSkew(#[source] GssStatus),
    /// The server did not prove that it is the service of the ticket.
    #[error("mutual authentication failed")]
    MutualAuthentication(#[source] MutualError),
    /// The queue is full; no request was sent.
    #[error("KDC request queue is full")]
    Busy,
    /// The time limit has passed.
    #[error("no response from the KDC within {}", humantime::format_duration(*after))]
    Timeout {
        /// The time limit.
        after: Duration,
    },
    /// The threads for blocking calls cannot be started.
    #[error("cannot start a thread")]
    NoThread(#[source] Arc<io::Error>),
    /// The token exceeds the maximum length of its encoding.
    #[error("token too long")]
    TokenTooLong,
    /// Any other failure.
    #[error("Kerberos error")]
    Other(#[source] GssStatus),
}

/// The reason for which the SID of a ticket cannot be verified.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TicketError {
    /// The keytab has no key that decrypts the ticket.
    #[error("cannot decrypt the ticket with the keytab")]
    Unreadable(#[source] GssStatus),
    /// The ticket has no privilege attribute certificate (PAC), or one with an invalid signature.
    #[error("ticket without a PAC with a valid signature")]
    NoLogonInfo,
    /// The PAC does not name a domain account.
    #[error("PAC without the SID of a domain account")]
    NoSid,
}

/// The reason for which tickets are not forwardable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotForwardableReason {
    /// The gateway's own ticket is not forwardable, and therefore no ticket that is obtained with it.
    #[error("the gateway's own ticket is not forwardable either (forwardable in krb5.conf)")]
    GatewayTicket,
    /// The gateway account may not use protocol transition. Before the first successful delegation the cause may also
    /// be that the user's account may not be delegated: the KDC returns the same error.
    #[error(
        "the gateway account lacks TRUSTED_TO_AUTH_FOR_DELEGATION, or the user is NOT_DELEGATED or in Protected Users"
    )]
    ProtocolTransition,
}

/// The reason for which an encryption type is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncryptionError {
    /// The KDC and the gateway share no encryption type.
    #[error("the KDC and the gateway share no encryption type")]
    NoneInCommon(#[source] GssStatus),
    /// The ticket is encrypted with a type that is not accepted.
    #[error("the ticket is encrypted with {0}")]
    Ticket(EncryptionType),
    /// The session key has a type that is not accepted.
    #[error("the session key has type {0}")]
    SessionKey(EncryptionType),
    /// The token does not contain the types.
    #[error("the token does not name its encryption types")]
    Unknown,
}

/// The reason for which a server's response does not prove its identity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MutualError {
    /// The response is not a SPNEGO response.
    #[error("the response is not a SPNEGO token")]
    Malformed,
    /// The server rejected the ticket or requires another step.
    #[error("the response does not accept the ticket")]
    NotAccepted,
    /// The server accepted without a proof.
    #[error("the response contains no proof")]
    NoProof,
    /// The proof is invalid: the server does not have the service's key.
    #[error("the proof in the response is invalid")]
    InvalidProof(#[source] GssStatus),
    /// The proof does not complete the exchange.
    #[error("the proof does not complete the exchange")]
    Incomplete,
}

impl DelegationError {
    /// Returns one sentence that names the setting to change.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Name(_) => {
                "Write accounts as name@REALM with the sAMAccountName, services as HTTP/host, without escapes."
            }
            Self::Keytab { error, .. } => error.hint(),
            Self::GatewayAccount(_) => {
                "Enable and unlock the gateway account in the directory, and set its password to never expire."
            }
            Self::GatewayWithoutSpn(_) => {
                "Register a service principal name for the gateway account: setspn -S HTTP/GATEWAY-HOST ACCOUNT; if it has \
                 one, its realm does not trust the user's."
            }
            Self::UnknownAccount(_) => {
                "Check that the mapping returns the account's sAMAccountName and realm, and that the gateway's realm trusts that realm."
            }
            Self::AccountRejected(_) => {
                "Check the account in the directory: disabled, locked, expired, or its password must be changed."
            }
            Self::AccountNotDelegated(_) => {
                "Clear \"Account is sensitive and cannot be delegated\" (NOT_DELEGATED) and remove the account from \
                 Protected Users, or deny it this path."
            }
            Self::PrincipalMismatch { .. } => {
                "Two accounts have this name; make sAMAccountName and userPrincipalName unique across them."
            }
            Self::AccountMismatch { .. } => {
                "The account was renamed, or its name was given to another account; it is read again after \
                 account_cache.ttl, or at once after POST /purge."
            }
            Self::UnverifiedTicket(TicketError::Unreadable(_)) => {
                "Create the keytab again with all keys of the account (ktpass /crypto All): the ticket is encrypted with the \
                 strongest one."
            }
            Self::UnverifiedTicket(TicketError::NoLogonInfo | TicketError::NoSid) => {
                "Clear NO_AUTH_DATA_REQUIRED (0x2000000) in userAccountControl of the gateway account: its tickets \
                 must contain a PAC."
            }
            Self::NotForwardable { reason: NotForwardableReason::GatewayTicket, .. } => {
                "Set forwardable = true under [libdefaults] in krb5.conf, and check that the gateway account is neither \
                 NOT_DELEGATED nor in Protected Users."
            }
            Self::NotForwardable { reason: NotForwardableReason::ProtocolTransition, .. } => {
                "Trust the gateway account for delegation with \"Use any authentication protocol\" \
                 (TRUSTED_TO_AUTH_FOR_DELEGATION); if it is, the user's account is sensitive (NOT_DELEGATED) or in Protected Users."
            }
            Self::ServiceNotAllowed(_) => {
                "Add the service to msDS-AllowedToDelegateTo of the gateway account, spelled as in the backend's spn."
            }
            Self::UnknownService(_) => {
                "Register the service with setspn -S on the account that the server runs as, or correct the backend's spn."
            }
            Self::EncryptionType(_) => {
                "Allow AES on the service's account (msDS-SupportedEncryptionTypes 24), reset its password and create \
                 its keytab again."
            }
            Self::KdcUnreachable(_) => {
                "Check that krb5.conf names the KDCs of the realm, and that their TCP port 88 is reachable from this host."
            }
            Self::ClockSkew(_) => {
                "Synchronize the gateway's clock with the time servers of the domain (NTP); the most that Kerberos accepts is five minutes."
            }
            Self::MutualAuthentication(_) => {
                "Check that the host at this address is the server whose account has the backend's spn."
            }
            Self::Busy | Self::Timeout { .. } => {
                "Find out why the KDCs respond slowly; krb5.conf should name near ones first."
            }
            Self::NoThread(_) => "Raise the thread limit of the process (LimitNPROC, TasksMax).",
            Self::TokenTooLong => "Remove the account from groups: its ticket lists all of them.",
            Self::Other(_) => {
                "Run with KRB5_TRACE=/dev/stderr in the environment to log requests and responses."
            }
        }
    }
}
