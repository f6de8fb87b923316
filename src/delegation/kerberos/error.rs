//! Why there is no ticket, and which setting would mend it.

use super::encryption_type::EncryptionType;
use super::keytab::KeytabFlaw;
use super::principal::NameError;
use super::status::Status;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Why a server cannot be spoken to in an account's name.
#[derive(Clone, Debug, thiserror::Error)]
pub enum DelegationError {
    /// The account or the service has a name that Kerberos is not asked about.
    #[error("the name cannot be asked about")]
    Name(#[from] NameError),
    /// The gate's own key cannot be had or is not taken.
    #[error("the keytab {} cannot be used", path.display())]
    Keytab {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        flaw: KeytabFlaw,
    },
    /// The KDC refuses the gate's own account: disabled, expired, locked.
    #[error("the KDC refuses the gate's own account")]
    GateAccount(#[source] Status),
    /// The gate's account has no service principal name, so no ticket to it can be issued for anybody.
    #[error("the gate's own account is no service")]
    GateNoService(#[source] Status),
    /// The KDC knows no such account or realm.
    #[error("the KDC does not know the account")]
    UnknownAccount(#[source] Status),
    /// The account may not log on: disabled, expired, locked, or its password has to be changed.
    #[error("the KDC refuses the account")]
    AccountRefused(#[source] Status),
    /// The account is marked sensitive or protected, so nobody may speak for it, while the gate has spoken for others.
    #[error("the account may not be delegated")]
    AccountNotDelegated(#[source] Status),
    /// The KDC answered with a ticket for somebody else.
    #[error("the KDC gave a ticket for {answered:?}")]
    OtherAccount {
        /// Whom the ticket names.
        answered: String,
    },
    /// The name belongs to another account now than the one that the user was mapped to.
    #[error(
        "the name belongs to another account now: the KDC's ticket is of {answered}, the user is {mapped}"
    )]
    AnotherAccount {
        /// The SID of the account that the user was mapped to.
        mapped: String,
        /// The SID in the ticket.
        answered: String,
    },
    /// The ticket does not show whose it is, so that it cannot be compared with the account that the user was mapped to.
    #[error("the KDC's ticket does not show whose it is")]
    UnverifiedTicket(#[source] TicketFlaw),
    /// No ticket that the gate got so far can be passed on, whoever it is for.
    #[error("the gate's tickets cannot be passed on: {lack}")]
    NotForwardable {
        /// What is lacking.
        lack: ForwardableLack,
        /// What the KDC answered.
        #[source]
        status: Status,
    },
    /// The gate may speak for accounts, but not to this service.
    #[error("the gate may not delegate to the service")]
    ServiceNotAllowed(#[source] Status),
    /// The KDC knows no such service.
    #[error("the KDC does not know the service")]
    UnknownService(#[source] Status),
    /// What is encrypted, is so in a way that is not taken.
    #[error("the encryption is not taken")]
    EncryptionType(#[source] EncryptionFlaw),
    /// No KDC of the realm can be found or answers.
    #[error("no KDC answers")]
    KdcUnreachable(#[source] Status),
    /// The clocks of the gate and of the KDC are too far apart.
    #[error("the gate's clock and the KDC's differ")]
    ClockSkew(#[source] Status),
    /// The server did not prove that it is the service that the ticket was for.
    #[error("the server did not prove that it is the service")]
    MutualAuthentication(#[source] MutualFlaw),
    /// As many questions wait as may; this one was not asked.
    #[error("too many questions to the KDC wait already")]
    Busy,
    /// The answer did not come in time.
    #[error("no answer within {}", humantime::format_duration(*after))]
    Timeout {
        /// How long it was waited for.
        after: Duration,
    },
    /// The threads that ask cannot be started.
    #[error("no thread can be started")]
    NoThread(#[source] Arc<io::Error>),
    /// The token is longer than can be written.
    #[error("the token is too long")]
    TokenTooLong,
    /// A failure that is none of these.
    #[error("Kerberos failed")]
    Other(#[source] Status),
}

/// Why a ticket does not show whose it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TicketFlaw {
    /// The keytab has no key that opens it.
    #[error("it cannot be decrypted with the keytab")]
    Unreadable(#[source] Status),
    /// It has no privilege attribute certificate, or one whose signature is wrong.
    #[error("it has no PAC with a valid signature")]
    NoLogonInfo,
    /// Its privilege attribute certificate names no account of a domain.
    #[error("its PAC has no SID of a domain account")]
    NoSid,
}

/// Why none of the gate's tickets can be passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ForwardableLack {
    /// The gate's own ticket is not forwardable, so nothing that is got with it is.
    #[error("its own is not forwardable")]
    GateTicket,
    /// The gate's account may not turn another kind of log-on into a Kerberos one. As long as nobody has been delegated,
    /// this may as well be the user's account that may not be: the KDC's answers are the same.
    #[error("its account is not trusted to authenticate for delegation, or the user's may not be delegated")]
    ProtocolTransition,
}

/// What is wrong with an encryption.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncryptionFlaw {
    /// The two sides have no type in common.
    #[error("the KDC and the gate have no encryption type in common")]
    NoneInCommon(#[source] Status),
    /// The ticket is encrypted with a key of a type that is not taken.
    #[error("the ticket is encrypted with {0}")]
    Ticket(EncryptionType),
    /// The session key is of a type that is not taken.
    #[error("the session key is of the type {0}")]
    SessionKey(EncryptionType),
    /// The library made a token that does not say.
    #[error("the token does not say how it is encrypted")]
    Unknown,
}

/// Why a server's answer proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MutualFlaw {
    /// There is no answer in it that SPNEGO knows.
    #[error("its answer is no SPNEGO token")]
    Malformed,
    /// The server refused the ticket, or wants to go on talking.
    #[error("its answer does not accept the ticket")]
    NotAccepted,
    /// It accepted without a word of proof.
    #[error("its answer has no proof in it")]
    NoProof,
    /// The proof is wrong: it does not know the service's key.
    #[error("its proof is wrong")]
    Wrong(#[source] Status),
    /// The library is not content with the proof alone.
    #[error("its proof does not complete the exchange")]
    Incomplete,
}

impl DelegationError {
    /// One sentence for the administrator: the setting to change.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Name(_) => {
                "Write accounts as name@REALM with the sAMAccountName, services as HTTP/host, without escapes."
            }
            Self::Keytab { flaw, .. } => flaw.hint(),
            Self::GateAccount(_) => {
                "Enable and unlock the gate's own account in the directory, and let its password never expire."
            }
            Self::GateNoService(_) => {
                "Give the gate's own account a service principal name: setspn -S HTTP/GATE-HOST ACCOUNT; if it has \
                 one, its realm does not trust the user's."
            }
            Self::UnknownAccount(_) => {
                "See that the mapping gives the account's sAMAccountName and its realm, and that the gate's realm trusts it."
            }
            Self::AccountRefused(_) => {
                "Look at the account in the directory: disabled, locked, expired, or its password must be changed."
            }
            Self::AccountNotDelegated(_) => {
                "Clear \"Account is sensitive and cannot be delegated\" (NOT_DELEGATED) and take the account out of \
                 Protected Users, or let it not use this path."
            }
            Self::OtherAccount { .. } => {
                "Two accounts answer to this name; make sAMAccountName and userPrincipalName unique across them."
            }
            Self::AnotherAccount { .. } => {
                "The account was renamed, or its name was given to another account; it is read again when \
                 account_cache.ttl ends, or at once with POST /purge."
            }
            Self::UnverifiedTicket(TicketFlaw::Unreadable(_)) => {
                "Make the keytab anew, with all the account's keys (ktpass /crypto All): the ticket is encrypted with the \
                 strongest one."
            }
            Self::UnverifiedTicket(TicketFlaw::NoLogonInfo | TicketFlaw::NoSid) => {
                "Clear NO_AUTH_DATA_REQUIRED (0x2000000) in userAccountControl of the gate's own account: its tickets \
                 must say whose they are."
            }
            Self::NotForwardable { lack: ForwardableLack::GateTicket, .. } => {
                "Set forwardable = true under [libdefaults] in krb5.conf, and see that the gate's own account is not \
                 NOT_DELEGATED nor in Protected Users."
            }
            Self::NotForwardable { lack: ForwardableLack::ProtocolTransition, .. } => {
                "Trust the gate's account for delegation with \"Use any authentication protocol\" \
                 (TRUSTED_TO_AUTH_FOR_DELEGATION); where it is, the user's is sensitive (NOT_DELEGATED) or in Protected Users."
            }
            Self::ServiceNotAllowed(_) => {
                "Add the service to msDS-AllowedToDelegateTo of the gate's account, spelt as in the backend's spn."
            }
            Self::UnknownService(_) => {
                "Register the service with setspn -S on the account that the server runs as, or correct the backend's spn."
            }
            Self::EncryptionType(_) => {
                "Allow AES on the service's account (msDS-SupportedEncryptionTypes 24), set its password anew and make \
                 its keytab anew."
            }
            Self::KdcUnreachable(_) => {
                "See that krb5.conf names the realm's KDCs, and that TCP port 88 of them can be reached from here."
            }
            Self::ClockSkew(_) => {
                "Set the gate's clock by the domain's time servers (NTP): five minutes apart is too far."
            }
            Self::MutualAuthentication(_) => {
                "See that the host behind the address is the server whose account has the backend's spn."
            }
            Self::Busy | Self::Timeout { .. } => {
                "See why the KDCs answer slowly; krb5.conf should name those that are near first."
            }
            Self::NoThread(_) => "Raise the process's limit of threads (LimitNPROC, TasksMax).",
            Self::TokenTooLong => "Take the account out of groups: its ticket lists them all.",
            Self::Other(_) => {
                "Run with KRB5_TRACE=/dev/stderr in the environment to see what was asked and answered."
            }
        }
    }
}
