//! Session resumption: tickets that are bound to a site's trust and contain the time of the last proof of possession.
//!
//! TLS resumption restores a client's chain without a new signature of its key, and every resumption issues new tickets,
//! so that without a limit one proof of possession would last forever. The time of the full handshake is sealed in each
//! ticket and copied into its successors. A ticket whose proof is too old is not accepted, and the client has to complete
//! a full handshake. The restored chain is validated again for each request, like any other.
//!
//! Clients without tickets (libcurl, Windows 7) resume TLS 1.2 sessions by their session ID. Those sessions are kept
//! here under the same rules, bounded in bytes.
//!
//! If the site requested a certificate and the client presented none, its session cannot be resumed: browsers resume
//! such a session without prompting the user again, so that inserting a card and reloading would have no effect.

use super::possession::ClientAuthentication;
use crate::clock::{Clock, UnixTime};
use moka::sync::Cache;
use rustls::server::{ProducesTickets, StoresServerSessions};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use zeroize::Zeroizing;

/// The lengths of the fields before rustls's own state in a ticket: the binding and the time of proof.
const BINDING_LENGTH: usize = 32;
const PROOF_LENGTH: usize = 8;

/// The maximum size of a session that is resumed, by ticket or by ID. A session contains the chain that the client
/// presented, so the client chooses its size: every connection would send it twice in tickets and receive it back, a
/// ticket has at most 64 KiB, and clients and servers reject a ClientHello that returns one of that size. No real
/// client's chain is as long.
const MAX_SESSION: usize = 16 * 1024;
/// The memory of a session besides its own bytes: its ID, and the cache entry.
const SESSION_OVERHEAD: usize = 256;

/// The ticket keys of a site, and the sessions of clients without tickets; shared by all workers and kept across
/// reloads.
#[derive(Clone)]
pub struct SessionStore {
    keys: Arc<dyn ProducesTickets>,
    session_bytes: u64,
    sessions: Cache<Vec<u8>, Arc<KeptSession>>,
}

/// A session that is resumed by its ID, with the fields that a ticket has.
struct KeptSession {
    binding: [u8; BINDING_LENGTH],
    proof: UnixTime,
    /// rustls's state, with the master secret.
    state: Zeroizing<Vec<u8>>,
}

/// The system returned no random bytes for ticket keys.
#[derive(Debug, thiserror::Error)]
#[error("cannot generate ticket keys")]
pub struct TicketKeysError(#[source] rustls::Error);

impl SessionStore {
    /// Returns a store with fresh random keys, which rustls replaces every six hours (construction of RFC 5077
    /// section 4), and no sessions. The sessions with an ID take `session_bytes` at most; beyond, those used least
    /// are evicted.
    pub fn new(session_bytes: u64) -> Result<Self, TicketKeysError> {
        let keys = rustls::crypto::aws_lc_rs::Ticketer::new().map_err(TicketKeysError)?;
        Ok(Self { keys, session_bytes, sessions: sessions(session_bytes) })
    }

    /// Returns the store with another limit. The ticket keys are kept, and so are the sessions if the limit is
    /// unchanged.
    #[must_use]
    pub fn bounded(self, session_bytes: u64) -> Self {
        match self.session_bytes == session_bytes {
            true => self,
            false => Self { session_bytes, sessions: sessions(session_bytes), keys: self.keys },
        }
    }
}

fn sessions(session_bytes: u64) -> Cache<Vec<u8>, Arc<KeptSession>> {
    let weight = |id: &Vec<u8>, session: &Arc<KeptSession>| {
        u32::try_from(id.len() + session.state.len() + SESSION_OVERHEAD).unwrap_or(u32::MAX)
    };
    Cache::builder().max_capacity(session_bytes).weigher(weight).build()
}

impl fmt::Debug for SessionStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionStore").field("sessions", &self.sessions.entry_count()).finish_non_exhaustive()
    }
}

/// The properties that all sessions of one site in one configuration share.
#[derive(Debug)]
pub(super) struct SiteSessions {
    pub(super) keeper: SessionStore,
    /// A digest of the trust under which a session was made (trust anchors, intermediates, mode). A session made under
    /// another one is not resumed: CVE-2025-23419 and similar bugs accepted sessions of one realm in another.
    pub(super) binding: [u8; BINDING_LENGTH],
    pub(super) card_reauth_interval: Duration,
}

/// The sessions that one connection resumes or makes. Each connection has its own, because rustls passes no information
/// about the connection to a ticketer, and the time of proof belongs to the connection.
#[derive(Debug)]
pub(super) struct ConnectionSessions {
    site: Arc<SiteSessions>,
    clock: Clock,
    client: Arc<ClientAuthentication>,
    /// Seconds since 1970 of the oldest proof among the sessions that this connection resumed; `NONE` if there is none.
    proof: AtomicU64,
    /// The session that rustls wants to keep by its ID. rustls also keeps those of clients with tickets, which are
    /// known only when the ticket is made.
    to_keep: Mutex<Option<ToKeep>>,
}

/// A session's ID and its state.
type ToKeep = (Vec<u8>, Zeroizing<Vec<u8>>);

const NONE: u64 = u64::MAX;

impl ConnectionSessions {
    pub(super) fn new(site: Arc<SiteSessions>, clock: Clock, client: Arc<ClientAuthentication>) -> Self {
        Self { site, clock, client, proof: AtomicU64::new(NONE), to_keep: Mutex::default() }
    }

    /// Returns when the key last signed, if a session was resumed.
    ///
    /// A client may offer several tickets, and rustls may decrypt one and still perform a full handshake. The oldest
    /// proof is used then, so that in doubt the key has to sign again earlier.
    pub(super) fn proof(&self) -> Option<UnixTime> {
        match self.proof.load(Ordering::Relaxed) {
            NONE => None,
            seconds => Some(UnixTime::from_seconds(seconds)),
        }
    }

    /// Keeps the session of a client that got no ticket. Called at the end of the handshake.
    pub(super) fn keep(&self) {
        let to_keep = self.to_keep.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some((id, state)) = to_keep else { return };
        let session = KeptSession { binding: self.site.binding, proof: self.proof_of_new(), state };
        self.site.keeper.sessions.insert(id, Arc::new(session));
    }

    fn proof_of_new(&self) -> UnixTime {
        self.proof().unwrap_or_else(|| self.clock.now())
    }

    /// Returns whether this connection's session may be resumed: not if a certificate was requested and the client
    /// proved possession of none.
    fn may_resume(&self) -> bool {
        !self.client.requested() || self.client.proven()
    }

    /// Returns whether a session made under `binding`, with its proof at `proof`, may be resumed here and now. If so,
    /// its proof becomes the connection's.
    fn opens(&self, binding: &[u8; BINDING_LENGTH], proof: UnixTime) -> bool {
        let now = self.clock.now();
        // A proof in the future means that the clock was set back, so its age is unknown.
        let holds = *binding == self.site.binding
            && proof <= now
            && now.since(proof) < self.site.card_reauth_interval;
        if holds {
            self.proof.fetch_min(proof.seconds(), Ordering::Relaxed);
        }
        holds
    }
}

impl ProducesTickets for ConnectionSessions {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        let card = u32::try_from(self.site.card_reauth_interval.as_secs()).unwrap_or(u32::MAX);
        self.site.keeper.keys.lifetime().min(card)
    }

    /// Seals a session in a ticket. If this returns `None`, rustls sends no ticket under TLS 1.3 and an empty one under
    /// TLS 1.2, which has the same meaning (RFC 5077 3.3).
    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        *self.to_keep.lock().unwrap_or_else(PoisonError::into_inner) = None;
        if !self.may_resume() || plain.len() > MAX_SESSION {
            return None;
        }
        let mut message = Zeroizing::new(Vec::with_capacity(BINDING_LENGTH + PROOF_LENGTH + plain.len()));
        message.extend_from_slice(&self.site.binding);
        message.extend_from_slice(&self.proof_of_new().seconds().to_be_bytes());
        message.extend_from_slice(plain);
        self.site.keeper.keys.encrypt(&message)
    }

    fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
        let message = Zeroizing::new(self.site.keeper.keys.decrypt(cipher)?);
        let (binding, rest) = message.split_first_chunk::<BINDING_LENGTH>()?;
        let (proof, plain) = rest.split_first_chunk::<PROOF_LENGTH>()?;
        self.opens(binding, UnixTime::from_seconds(u64::from_be_bytes(*proof))).then(|| plain.to_vec())
    }
}

impl StoresServerSessions for ConnectionSessions {
    fn put(&self, id: Vec<u8>, state: Vec<u8>) -> bool {
        let state = Zeroizing::new(state);
        if !self.may_resume() || state.len() > MAX_SESSION {
            return false;
        }
        *self.to_keep.lock().unwrap_or_else(PoisonError::into_inner) = Some((id, state));
        true
    }

    fn get(&self, id: &[u8]) -> Option<Vec<u8>> {
        let session = self.site.keeper.sessions.get(id)?;
        if self.opens(&session.binding, session.proof) {
            return Some(session.state.to_vec());
        }
        // The session will never be accepted again: its proof has expired, or its trust was replaced.
        self.site.keeper.sessions.invalidate(id);
        None
    }

    /// Returns `None`: rustls calls this under TLS 1.3 only, and only without tickets.
    fn take(&self, _: &[u8]) -> Option<Vec<u8>> {
        None
    }

    fn can_cache(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn keeper() -> SessionStore {
        SessionStore::new(1 << 20).unwrap()
    }

    fn site(keeper: &SessionStore, binding: u8) -> Arc<SiteSessions> {
        Arc::new(SiteSessions {
            keeper: keeper.clone(),
            binding: [binding; 32],
            card_reauth_interval: 8 * HOUR,
        })
    }

    /// Returns a connection whose client has proven possession of a key.
    fn connection(site: &Arc<SiteSessions>, clock: &Clock) -> ConnectionSessions {
        of_client(site, clock, ClientAuthentication::of(true, true))
    }

    fn of_client(
        site: &Arc<SiteSessions>,
        clock: &Clock,
        client: ClientAuthentication,
    ) -> ConnectionSessions {
        ConnectionSessions::new(Arc::clone(site), clock.clone(), Arc::new(client))
    }

    fn kept(site: &Arc<SiteSessions>, clock: &Clock, id: &[u8], state: &[u8]) {
        let connection = connection(site, clock);
        assert!(connection.put(id.to_vec(), state.to_vec()));
        connection.keep();
    }

    #[test]
    fn a_renewed_ticket_keeps_the_time_of_the_first_proof() {
        let (site, clock) = (site(&keeper(), 1), Clock::system());
        let first = clock.now();
        let mut ticket = connection(&site, &clock).encrypt(b"state").unwrap();
        for _ in 0..7 {
            clock.advance(HOUR);
            // A resumed handshake requests no certificate.
            let connection = of_client(&site, &clock, ClientAuthentication::default());
            assert_eq!(connection.decrypt(&ticket).unwrap(), b"state");
            assert_eq!(connection.proof().unwrap().seconds(), first.seconds());
            ticket = connection.encrypt(b"state").unwrap();
        }
        clock.advance(HOUR);
        assert_eq!(connection(&site, &clock).decrypt(&ticket), None);
    }

    #[test]
    fn a_ticket_of_another_realm_or_with_any_bit_flipped_is_not_accepted() {
        let (keeper, clock) = (keeper(), Clock::system());
        let ticket = connection(&site(&keeper, 1), &clock).encrypt(b"state").unwrap();
        let other_realm = connection(&site(&keeper, 2), &clock);
        assert_eq!(other_realm.decrypt(&ticket), None);
        let other_keys = connection(&site(&tests::keeper(), 1), &clock);
        assert_eq!(other_keys.decrypt(&ticket), None);
        for position in 0..ticket.len() * 8 {
            let mut forged = ticket.clone();
            forged[position / 8] ^= 1 << (position % 8);
            assert_eq!(connection(&site(&keeper, 1), &clock).decrypt(&forged), None);
        }
    }

    #[test]
    fn a_session_is_resumed_by_its_id_until_the_proof_expires_and_only_under_its_trust() {
        let (keeper, clock) = (keeper(), Clock::system());
        let (home, other) = (site(&keeper, 1), site(&keeper, 2));
        let first = clock.now();
        kept(&home, &clock, b"id", b"state");
        clock.advance(7 * HOUR);
        let again = connection(&home, &clock);
        assert_eq!(again.get(b"id").unwrap(), b"state");
        assert_eq!(again.proof().unwrap().seconds(), first.seconds());
        clock.advance(HOUR);
        assert_eq!(connection(&home, &clock).get(b"id"), None);
        kept(&home, &clock, b"id", b"state");
        assert_eq!(connection(&other, &clock).get(b"id"), None);
    }

    #[test]
    fn a_session_of_a_client_that_presented_no_certificate_cannot_be_resumed() {
        let (site, clock) = (site(&keeper(), 1), Clock::system());
        for (asked, proven, resumes) in [(true, false, false), (true, true, true), (false, false, true)] {
            let connection = of_client(&site, &clock, ClientAuthentication::of(asked, proven));
            assert_eq!(connection.put(b"id".to_vec(), b"state".to_vec()), resumes, "{asked} {proven}");
            assert_eq!(connection.encrypt(b"state").is_some(), resumes, "{asked} {proven}");
        }
        // Even if a valid ticket was decrypted and the handshake then became a full one.
        let ticket = connection(&site, &clock).encrypt(b"state").unwrap();
        let connection = of_client(&site, &clock, ClientAuthentication::of(true, false));
        assert!(connection.decrypt(&ticket).is_some());
        assert_eq!(connection.encrypt(b"state"), None);
    }

    #[test]
    fn sessions_of_clients_with_tickets_are_not_kept_and_large_sessions_are_not_resumed() {
        let (site, clock) = (site(&keeper(), 1), Clock::system());
        let with_ticket = connection(&site, &clock);
        assert!(with_ticket.put(b"id".to_vec(), b"state".to_vec()));
        assert!(with_ticket.encrypt(b"state").is_some());
        with_ticket.keep();
        assert_eq!(connection(&site, &clock).get(b"id"), None);
        let large = vec![0; MAX_SESSION + 1];
        assert!(!connection(&site, &clock).put(b"id".to_vec(), large.clone()));
        assert_eq!(connection(&site, &clock).encrypt(&large), None);
        assert!(connection(&site, &clock).encrypt(&large[1..]).is_some());
    }

    #[test]
    fn sessions_are_bounded_in_bytes() {
        let keeper = SessionStore::new(100_000).unwrap();
        let (site, clock) = (site(&keeper, 1), Clock::system());
        for number in 0..1_000_u32 {
            kept(&site, &clock, &number.to_be_bytes(), &[0; 4_000]);
        }
        keeper.sessions.run_pending_tasks();
        assert!((1..=24).contains(&keeper.sessions.entry_count()), "{keeper:?}");
        assert!(keeper.sessions.weighted_size() <= 100_000);
    }
}
