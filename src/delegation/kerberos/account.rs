//! The gate's own account: logs in with the keytab, and asks the KDC for tickets in users' names. Blocks.
//!
//! Each thread has one of its own, since the library lets one call at a time use a credential.

use super::ap_req::TokenEncryption;
use super::encryption_type::AcceptedEncryption;
use super::error::{DelegationError, NotForwardableReason, TicketError};
use super::error_classification::{self, TicketForwarding};
use super::gateway_logins::GatewayLogin;
use super::gssapi::{GssCredential, GssName, Gssapi, MutualAuthentication, SecurityContext, TicketReader};
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

/// How long before its end a ticket is no longer used, since clocks differ, and since Samba's KDC takes none of the
/// gate's in the last two minutes.
const MARGIN: Duration = Duration::from_secs(300);
/// The part of its life for which a ticket of short life is no longer used. The library does not renew one earlier.
const MARGIN_PART: u32 = 2;
/// How often the gate logs in anew at most because of failures that its own ticket may have caused.
const DISTRUST_INTERVAL: Duration = Duration::from_secs(60);
/// The flag `forwardable` of a ticket (RFC 4120 5.3).
const FORWARDABLE: u32 = 0x4000_0000;
/// The name attribute that MIT's library has for `KERB_VALIDATION_INFO` ([MS-PAC] 2.5), signed with the key of the
/// ticket's service.
const LOGON_INFO: &str = "urn:mspac:logon-info";

/// How the account logs in, and its tickets when it has.
pub(super) struct GatewayAccount {
    gssapi: Arc<Gssapi>,
    keytab: PathBuf,
    principal: Option<String>,
    log_in: Arc<GatewayLogin>,
    has_delegated: Arc<AtomicBool>,
    cache: TicketCache,
    session: Option<GatewaySession>,
}

/// The account, logged in.
pub(super) struct GatewaySession {
    gssapi: Arc<Gssapi>,
    name: Arc<GssName>,
    principal: String,
    credential: Arc<GssCredential>,
    /// Reads tickets to the gate's account, with the keys in the keytab.
    ticket_reader: TicketReader,
    lifetime: Duration,
    since: Instant,
    until: Instant,
    has_delegated: Arc<AtomicBool>,
}

/// A ticket to the gate that stands for a user.
pub(super) struct ImpersonationTicket {
    credential: Arc<GssCredential>,
    lifetime: Duration,
}

/// A user's ticket to a service. As many tokens can be made of it as are wanted, without the KDC, until it ends.
pub(super) struct DelegatedTicket {
    pub(super) credential: Arc<GssCredential>,
    pub(super) target: Arc<GssName>,
    pub(super) encryption: TokenEncryption,
    pub(super) lifetime: Duration,
}

/// A place for tickets in this process's memory, known to the library by a name. The library keeps it to the process's
/// end, so one is used again for as long as it serves.
struct TicketCache {
    name: CString,
    holds_tickets: bool,
}

impl TicketCache {
    fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = CString::new(format!("MEMORY:portcullis-{number}")).expect("there is no zero in it");
        Self { name, holds_tickets: false }
    }
}

impl GatewayAccount {
    /// Logs in when it is first asked to, as `principal`, or whom the keytab is for. `log_in` and `has_delegated` are
    /// shared by all that log in so: whether the KDC refuses them, and whether any of them has got a user's ticket to a
    /// service.
    pub(super) fn new(
        gssapi: Arc<Gssapi>,
        keytab: PathBuf,
        principal: Option<String>,
        (log_in, has_delegated): (Arc<GatewayLogin>, Arc<AtomicBool>),
    ) -> Self {
        Self { gssapi, keytab, principal, log_in, has_delegated, cache: TicketCache::new(), session: None }
    }

    /// What the keytab has keys for.
    pub(super) fn read_keytab(&self) -> Result<Keytab, DelegationError> {
        Keytab::read(&self.keytab)
            .map_err(|error| DelegationError::Keytab { path: self.keytab.clone(), error })
    }

    /// The account, logged in; anew where that ends soon.
    pub(super) fn session(&mut self, now: Instant) -> Result<&GatewaySession, DelegationError> {
        let session = match self.session.take().filter(|session| now < session.until) {
            Some(session) => session,
            None => self.log_in(now)?,
        };
        Ok(self.session.insert(session))
    }

    /// The library logs in again only where it finds no tickets that serve. What it finds may be another account's by
    /// now, or end soon; then it is given an empty place.
    fn log_in(&mut self, now: Instant) -> Result<GatewaySession, DelegationError> {
        let mut session = self.log_in_once(now);
        let serves = session.as_ref().is_ok_and(|session| now < session.until);
        if !serves && self.cache.holds_tickets {
            self.cache = TicketCache::new();
            session = self.log_in_once(now);
        }
        self.cache.holds_tickets |= session.is_ok();
        session
    }

    /// Logs in anew for the next question: the gate's own ticket may be what the KDC no longer takes, as when the realm's
    /// key was changed. Not more often than [`DISTRUST_INTERVAL`], since the failure may have another cause.
    fn distrust_session(&mut self, now: Instant) {
        if self.session.take_if(|session| now >= session.since + DISTRUST_INTERVAL).is_some() {
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
        let failed = |status| error_classification::of_log_in(status, &self.keytab, &principal);
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
    /// Whom the gate has logged in as.
    pub(super) fn principal(&self) -> &str {
        &self.principal
    }

    /// How long that lasts.
    pub(super) fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// Asks for a ticket to the gate in the user's name (S4U2Self). What comes back must name that user: a KDC that knows
    /// nothing of S4U names the gate itself ([MS-SFU] 3.1.5.1.2), and one that finds another account by the same name
    /// would have the gate speak for the wrong one.
    pub(super) fn impersonate(&self, user: &UserPrincipal) -> Result<ImpersonationTicket, DelegationError> {
        let own_realm = user.realm().eq_ignore_ascii_case(self.realm());
        let failed = |status| error_classification::of_impersonation(status, own_realm);
        let name = self.gssapi.name(user.as_str()).map_err(failed)?;
        let credential = self.credential.impersonate(&name).map_err(failed)?;
        let (answered, lifetime) = credential.inquire().map_err(failed)?;
        if !user.is_named_by(&answered) {
            return Err(DelegationError::OtherAccount { answered });
        }
        Ok(ImpersonationTicket { credential: Arc::new(credential), lifetime })
    }

    /// Refuses a ticket of another account than the one with `sid`. The ticket was asked for by name, and the account
    /// that has the name now may not be the one that had it when the user was mapped: a name can be changed, exchanged
    /// with another account's, or be given to a new account.
    pub(super) fn check_account(&self, user: &ImpersonationTicket, sid: &str) -> Result<(), DelegationError> {
        let answered = self.account_sid(user).map_err(DelegationError::UnverifiedTicket)?;
        if answered == sid {
            return Ok(());
        }
        Err(DelegationError::AnotherAccount { mapped: sid.to_owned(), answered })
    }

    /// The SID in the ticket that stands for the user. The KDC copies it into the ticket to the service
    /// ([MS-SFU] 3.2.5.2.4).
    fn account_sid(&self, user: &ImpersonationTicket) -> Result<String, TicketError> {
        // This token is not for sending: the ticket is in it, which the key in the keytab opens.
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

    /// Asks for the user's ticket to the service (S4U2Proxy).
    pub(super) fn delegate(
        &self,
        user: &ImpersonationTicket,
        service: &ServiceName,
    ) -> Result<DelegatedTicket, DelegationError> {
        let failed = |status| error_classification::of_delegation(status, || self.why_not_forwarded(user));
        let target = Arc::new(self.gssapi.name(&service.principal(self.realm())).map_err(failed)?);
        // This token is not for sending: it shows that there is a ticket, how it is encrypted and how long it counts.
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

    /// Whether the ticket that stands for the user can be passed on.
    pub(super) fn can_be_forwarded(&self, user: &ImpersonationTicket) -> Result<bool, GssStatus> {
        self.is_forwardable(&user.credential)
    }

    /// Why the KDC did not pass the user's ticket on. The flags look the same whether the user's account or the gate's
    /// forbids it ([MS-SFU] 3.2.5.1.2); where another user's was passed on before, it is the user's.
    fn why_not_forwarded(&self, user: &ImpersonationTicket) -> TicketForwarding {
        let find_out = || -> Result<TicketForwarding, GssStatus> {
            if self.is_forwardable(&user.credential)? {
                return Ok(TicketForwarding::Yes);
            }
            if !self.is_forwardable(&self.credential)? {
                return Ok(TicketForwarding::Nobody(NotForwardableReason::GatewayTicket));
            }
            if self.has_delegated.load(Ordering::Relaxed) {
                return Ok(TicketForwarding::NotThisAccount);
            }
            Ok(TicketForwarding::Nobody(NotForwardableReason::ProtocolTransition))
        };
        find_out().unwrap_or(TicketForwarding::Unknown)
    }

    /// Looks at the flags of a ticket to the gate itself.
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
    /// The user's ticket to the service, by both steps. With `sid` it is that account's ticket or an error.
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
            account.distrust_session(now);
        }
        let delegation = obtained?;
        delegation.encryption.check(accepted).map_err(DelegationError::EncryptionType)?;
        Ok(delegation)
    }
}

/// For how long of its life a ticket is used.
pub(super) fn usable(lifetime: Duration) -> Duration {
    lifetime.saturating_sub(MARGIN.min(lifetime / MARGIN_PART))
}

/// The keytab as the library names it. Its type is told, so that no part of the path is taken for one.
fn file(path: &Path) -> CString {
    let name = [OsStr::new("FILE:").as_bytes(), path.as_os_str().as_bytes()].concat();
    CString::new(name).expect("it has been read, so there is no zero in its path")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_not_used_to_its_very_end() {
        let seconds = |lifetime| usable(Duration::from_secs(lifetime)).as_secs();
        assert_eq!([36_000, 3_000, 600, 0].map(seconds), [35_700, 2_700, 300, 0]);
    }
}
