//! The gateway account, which logs in with the keytab and obtains tickets in users' names. All calls block.
//!
//! Each thread has its own instance, because the library uses a credential for one call at a time.

use super::ap_req::TokenEncryption;
use super::encryption_type::AcceptedEncryption;
use super::error::{DelegationError, NotForwardableReason, TicketError};
use super::error_classification::{self, TicketForwarding};
use super::gateway_logins::GatewayLogin;
use super::gssapi::{
    GssCredential, GssName, GssapiLibrary, MutualAuthentication, SecurityContext, TicketReader,
};
use super::keytab::Keytab;
use super::logon_info;
use super::principal::{ServiceName, UserPrincipal};
use super::status::GssStatus;
use std::ffi::{CString, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The time before its end in which a ticket is no longer used: clocks differ, and Samba's KDC rejects a
/// ticket-granting ticket in its last two minutes.
const MARGIN: Duration = Duration::from_secs(300);
/// The divisor of the lifetime that bounds [`MARGIN`] for short-lived tickets. The library does not renew them earlier.
const MARGIN_PART: u32 = 2;
/// The minimum time between two logins after errors that the gateway's own ticket may have caused.
const DISCARD_INTERVAL: Duration = Duration::from_secs(60);
/// The flag `forwardable` of a ticket (RFC 4120 5.3).
const FORWARDABLE: u32 = 0x4000_0000;
/// The name attribute with `KERB_VALIDATION_INFO` ([MS-PAC] 2.5), signed with the key of the ticket's service.
const LOGON_INFO: &str = "urn:mspac:logon-info";

/// The gateway account, with its tickets if it is logged in.
pub(super) struct GatewayAccount {
    gssapi: Arc<GssapiLibrary>,
    keytab: PathBuf,
    principal: Option<String>,
    log_in: Arc<GatewayLogin>,
    has_delegated: Arc<AtomicBool>,
    cache: TicketCache,
    session: Option<GatewaySession>,
}

/// A login of the gateway account.
pub(super) struct GatewaySession {
    gssapi: Arc<GssapiLibrary>,
    name: Arc<GssName>,
    principal: String,
    credential: Arc<GssCredential>,
    /// Decrypts tickets to the gateway account with the keys of the keytab.
    ticket_reader: TicketReader,
    lifetime: Duration,
    since: Instant,
    until: Instant,
    has_delegated: Arc<AtomicBool>,
}

/// A ticket to the gateway in a user's name (S4U2Self).
pub(super) struct ImpersonationTicket {
    credential: Arc<GssCredential>,
    lifetime: Duration,
}

/// A ticket to a service in a user's name (S4U2Proxy). Any number of tokens can be created from it without the KDC until
/// it expires.
pub(super) struct DelegatedTicket {
    pub(super) credential: Arc<GssCredential>,
    pub(super) target: Arc<GssName>,
    pub(super) encryption: TokenEncryption,
    pub(super) lifetime: Duration,
}

/// A ticket cache in memory, which the library finds by its name. The library never frees it, so a cache is reused while
/// its tickets are valid.
struct TicketCache {
    name: CString,
    holds_tickets: bool,
}

impl TicketCache {
    fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = CString::new(format!("MEMORY:portcullis-{number}")).expect("the name has no NUL");
        Self { name, holds_tickets: false }
    }
}

impl GatewayAccount {
    /// Creates an account that logs in with the first request, as `principal` or the only principal of the keytab.
    /// `log_in` and `has_delegated` are shared by all threads of the account: its backoff, and whether any of them has
    /// obtained a ticket to a service.
    pub(super) fn new(
        gssapi: Arc<GssapiLibrary>,
        keytab: PathBuf,
        principal: Option<String>,
        (log_in, has_delegated): (Arc<GatewayLogin>, Arc<AtomicBool>),
    ) -> Self {
        Self { gssapi, keytab, principal, log_in, has_delegated, cache: TicketCache::new(), session: None }
    }

    /// Reads the keytab.
    pub(super) fn read_keytab(&self) -> Result<Keytab, DelegationError> {
        Keytab::read(&self.keytab)
            .map_err(|error| DelegationError::Keytab { path: self.keytab.clone(), error })
    }

    /// Returns the login. Logs in if there is none or it expires soon.
    pub(super) fn session(&mut self, now: Instant) -> Result<&GatewaySession, DelegationError> {
        let session = match self.session.take().filter(|session| now < session.until) {
            Some(session) => session,
            None => self.log_in(now)?,
        };
        Ok(self.session.insert(session))
    }

    /// Logs in. The library does so only if the cache has no valid tickets. Those in it may belong to an earlier
    /// account of the keytab, or expire soon; then the login is repeated with an empty cache.
    fn log_in(&mut self, now: Instant) -> Result<GatewaySession, DelegationError> {
        let mut session = self.log_in_once(now);
        let is_usable = session.as_ref().is_ok_and(|session| now < session.until);
        if !is_usable && self.cache.holds_tickets {
            self.cache = TicketCache::new();
            session = self.log_in_once(now);
        }
        self.cache.holds_tickets |= session.is_ok();
        session
    }

    /// Discards the login, so that the next request logs in: the KDC may reject the gateway's own ticket, for example after
    /// the key of the realm was changed. At most once in [`DISCARD_INTERVAL`], because the error may have another cause.
    fn discard_session(&mut self, now: Instant) {
        if self.session.take_if(|session| now >= session.since + DISCARD_INTERVAL).is_some() {
            self.cache = TicketCache::new();
        }
    }

    fn log_in_once(&self, now: Instant) -> Result<GatewaySession, DelegationError> {
        let keytab = self.read_keytab()?;
        self.log_in.attempt(&keytab, now, || self.log_in_with(&keytab, now))
    }

    fn log_in_with(&self, keytab: &Keytab, now: Instant) -> Result<GatewaySession, DelegationError> {
        let principal = keytab.account(self.principal.as_deref());
        let principal =
            principal.map_err(|error| DelegationError::Keytab { path: self.keytab.clone(), error })?;
        let failed = |status| error_classification::login_error(status, &self.keytab, &principal);
        let name = Arc::new(self.gssapi.name(&principal).map_err(failed)?);
        let credential = self.gssapi.log_in(&name, &file(&self.keytab), &self.cache.name).map_err(failed)?;
        let (_, lifetime) = credential.inquire().map_err(failed)?;
        let ticket_reader = self.gssapi.ticket_reader(&file(&self.keytab)).map_err(failed)?;
        Ok(GatewaySession {
            gssapi: Arc::clone(&self.gssapi),
            name,
            credential: Arc::new(credential),
            ticket_reader,
            lifetime,
            since: now,
            until: now + usable(lifetime),
            has_delegated: Arc::clone(&self.has_delegated),
            principal,
        })
    }
}

impl GatewaySession {
    /// Returns the principal of the login.
    pub(super) fn principal(&self) -> &str {
        &self.principal
    }

    /// Returns the lifetime of the login.
    pub(super) fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// Obtains a ticket to the gateway in the user's name (S4U2Self). The ticket must name that user: a KDC without S4U
    /// returns a ticket of the gateway itself ([MS-SFU] 3.1.5.1.2), and a KDC may find another account by the same
    /// name.
    pub(super) fn impersonate(&self, user: &UserPrincipal) -> Result<ImpersonationTicket, DelegationError> {
        let own_realm = user.realm().eq_ignore_ascii_case(self.realm());
        let failed = |status| error_classification::impersonation_error(status, own_realm);
        let name = self.gssapi.name(user.as_str()).map_err(failed)?;
        let credential = self.credential.impersonate(&name).map_err(failed)?;
        let (returned, lifetime) = credential.inquire().map_err(failed)?;
        if !user.is_named_by(&returned) {
            return Err(DelegationError::PrincipalMismatch { returned });
        }
        Ok(ImpersonationTicket { credential: Arc::new(credential), lifetime })
    }

    /// Rejects a ticket of an account without this `sid`. The ticket was requested by name, and accounts are renamed
    /// and names reused, so the name may belong to another account than when the user was mapped.
    pub(super) fn check_account(&self, user: &ImpersonationTicket, sid: &str) -> Result<(), DelegationError> {
        let returned = self.account_sid(user).map_err(DelegationError::UnverifiedTicket)?;
        if returned == sid {
            return Ok(());
        }
        Err(DelegationError::AccountMismatch { mapped: sid.to_owned(), returned })
    }

    /// Returns the SID in the user's ticket to the gateway. The KDC copies it into the ticket to the service ([MS-SFU]
    /// 3.2.5.2.4).
    fn account_sid(&self, user: &ImpersonationTicket) -> Result<String, TicketError> {
        // This token is not sent. It contains the ticket, which the key of the keytab decrypts.
        let begun = SecurityContext::begin(
            Arc::clone(&user.credential),
            Arc::clone(&self.name),
            MutualAuthentication::NotRequired,
        );
        let (_, stepped) = begun.map_err(TicketError::Unreadable)?;
        let name = self.ticket_reader.read(&stepped.token).map_err(TicketError::Unreadable)?;
        let logon_info = name.attribute(LOGON_INFO).map_err(TicketError::Unreadable)?;
        logon_info::account_sid(&logon_info.ok_or(TicketError::NoLogonInfo)?).ok_or(TicketError::NoSid)
    }

    /// Obtains a ticket to the service in the user's name (S4U2Proxy).
    pub(super) fn delegate(
        &self,
        user: &ImpersonationTicket,
        service: &ServiceName,
    ) -> Result<DelegatedTicket, DelegationError> {
        let failed = |status| error_classification::delegation_error(status, || self.forwarding(user));
        let target = Arc::new(self.gssapi.name(&service.principal(self.realm())).map_err(failed)?);
        // This token is not sent. Its creation requests the ticket, and it contains the encryption types and the
        // lifetime.
        let begun = SecurityContext::begin(
            Arc::clone(&user.credential),
            Arc::clone(&target),
            MutualAuthentication::NotRequired,
        );
        let (_, stepped) = begun.map_err(failed)?;
        self.has_delegated.store(true, Ordering::Relaxed);
        let encryption = TokenEncryption::of(&stepped.token).map_err(DelegationError::EncryptionType)?;
        let lifetime = user.lifetime.min(stepped.lifetime);
        Ok(DelegatedTicket { credential: Arc::clone(&user.credential), target, encryption, lifetime })
    }

    /// Returns whether the user's ticket to the gateway is forwardable.
    pub(super) fn can_be_forwarded(&self, user: &ImpersonationTicket) -> Result<bool, GssStatus> {
        self.is_forwardable(&user.credential)
    }

    /// Returns the reason for which S4U2Proxy failed. The flags are the same whether the user's account or the
    /// gateway's is the cause ([MS-SFU] 3.2.5.1.2). If a delegation of another user has succeeded, the cause is the
    /// user's account.
    fn forwarding(&self, user: &ImpersonationTicket) -> TicketForwarding {
        let read = || -> Result<TicketForwarding, GssStatus> {
            if self.is_forwardable(&user.credential)? {
                return Ok(TicketForwarding::Yes);
            }
            if !self.is_forwardable(&self.credential)? {
                return Ok(TicketForwarding::None(NotForwardableReason::GatewayTicket));
            }
            if self.has_delegated.load(Ordering::Relaxed) {
                return Ok(TicketForwarding::NotThisAccount);
            }
            Ok(TicketForwarding::None(NotForwardableReason::ProtocolTransition))
        };
        read().unwrap_or(TicketForwarding::Unknown)
    }

    /// Returns whether a ticket to the gateway itself is forwardable.
    fn is_forwardable(&self, credential: &Arc<GssCredential>) -> Result<bool, GssStatus> {
        let (context, _) = SecurityContext::begin(
            Arc::clone(credential),
            Arc::clone(&self.name),
            MutualAuthentication::NotRequired,
        )?;
        Ok(context.ticket_flags()? & FORWARDABLE != 0)
    }

    fn realm(&self) -> &str {
        self.principal.rsplit_once('@').map_or("", |(_, realm)| realm)
    }
}

impl DelegatedTicket {
    /// Obtains the user's ticket to the service by S4U2Self and S4U2Proxy. With `sid`, a ticket of another account is
    /// an error.
    pub(super) fn obtain(
        account: &mut GatewayAccount,
        user: &UserPrincipal,
        sid: Option<&str>,
        service: &ServiceName,
        accepted: AcceptedEncryption,
    ) -> Result<Self, DelegationError> {
        let now = Instant::now();
        let session = account.session(now)?;
        let obtained = session.impersonate(user).and_then(|user| {
            sid.map_or(Ok(()), |sid| session.check_account(&user, sid))?;
            session.delegate(&user, service)
        });
        if let Err(DelegationError::Other(_) | DelegationError::ClockSkew(_)) = &obtained {
            account.discard_session(now);
        }
        let delegation = obtained?;
        delegation.encryption.check(accepted).map_err(DelegationError::EncryptionType)?;
        Ok(delegation)
    }
}

/// Returns the time for which a ticket with this lifetime is used.
pub(super) fn usable(lifetime: Duration) -> Duration {
    lifetime.saturating_sub(MARGIN.min(lifetime / MARGIN_PART))
}

/// Returns the name of the keytab for the library. It includes the type, so that no part of the path is parsed as a
/// type.
fn file(path: &Path) -> CString {
    let name = [OsStr::new("FILE:").as_bytes(), path.as_os_str().as_bytes()].concat();
    CString::new(name).expect("the path of a file that was read has no NUL")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_not_used_until_its_end() {
        let seconds = |lifetime| usable(Duration::from_secs(lifetime)).as_secs();
        assert_eq!([36_000, 3_000, 600, 0].map(seconds), [35_700, 2_700, 300, 0]);
    }
}
