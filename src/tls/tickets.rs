//! Session tickets that are worthless at another site and remember when the card last signed.
//!
//! TLS resumption brings a client's chain back without the card signing anything, and every resumption hands out
//! new tickets, so that without a limit one touch of the card would last for ever. The time of the full handshake is
//! sealed in each ticket and copied into its successors; a ticket whose proof is too old does not open, and the
//! client is led through a full handshake. Nothing here judges a certificate: the chain that comes back is judged
//! anew, request by request, like any other.

use crate::clock::{Clock, UnixTime};
use rustls::server::ProducesTickets;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Length of what stands before rustls's own state in a ticket: the binding and the time of proof.
const BINDING_LENGTH: usize = 32;
const PROOF_LENGTH: usize = 8;

/// The keys that seal one site's tickets, common to all workers and kept across reloads.
#[derive(Clone)]
pub struct TicketKeys(Arc<dyn ProducesTickets>);

/// The system gave no randomness for ticket keys.
#[derive(Debug, thiserror::Error)]
#[error("no ticket keys could be made")]
pub struct TicketKeysError(#[source] rustls::Error);

impl TicketKeys {
    /// Fresh random keys, rolled over every six hours by rustls (RFC 5077 section 4 construction).
    pub fn generate() -> Result<Self, TicketKeysError> {
        rustls::crypto::aws_lc_rs::Ticketer::new().map(Self).map_err(TicketKeysError)
    }
}

impl fmt::Debug for TicketKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TicketKeys")
    }
}

/// What all tickets of one site in one configuration share.
#[derive(Debug)]
pub(super) struct SiteTickets {
    pub(super) keys: TicketKeys,
    /// Digest of what a session was made under (trust anchors, intermediates, mode). A ticket made under another
    /// one does not open: CVE-2025-23419 and its kin were sessions of one realm accepted in another.
    pub(super) binding: [u8; BINDING_LENGTH],
    pub(super) card_proof_max_age: Duration,
}

/// The ticketer of one connection. It is made for each connection because rustls tells a ticketer nothing about the
/// connection it works for, and the time of proof belongs to the connection.
#[derive(Debug)]
pub(super) struct ConnectionTickets {
    site: Arc<SiteTickets>,
    clock: Clock,
    /// Seconds since 1970 of the oldest proof among the tickets that this connection opened; `NONE` when none did.
    proof: AtomicU64,
}

const NONE: u64 = u64::MAX;

impl ConnectionTickets {
    pub(super) fn new(site: Arc<SiteTickets>, clock: Clock) -> Self {
        Self { site, clock, proof: AtomicU64::new(NONE) }
    }

    /// When the key last signed, if a ticket said so.
    ///
    /// A client may offer several tickets, and rustls may open one and still go through a full handshake. The oldest
    /// proof wins then, which errs on the side of asking the card again.
    pub(super) fn proof(&self) -> Option<UnixTime> {
        match self.proof.load(Ordering::Relaxed) {
            NONE => None,
            seconds => Some(UnixTime::from_seconds(seconds)),
        }
    }
}

impl ProducesTickets for ConnectionTickets {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        let card = u32::try_from(self.site.card_proof_max_age.as_secs()).unwrap_or(u32::MAX);
        self.site.keys.0.lifetime().min(card)
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        let proof = self.proof().unwrap_or_else(|| self.clock.now());
        let mut message = Vec::with_capacity(BINDING_LENGTH + PROOF_LENGTH + plain.len());
        message.extend_from_slice(&self.site.binding);
        message.extend_from_slice(&proof.seconds().to_be_bytes());
        message.extend_from_slice(plain);
        self.site.keys.0.encrypt(&message)
    }

    fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
        let message = self.site.keys.0.decrypt(cipher)?;
        let (binding, rest) = message.split_first_chunk::<BINDING_LENGTH>()?;
        let (proof, plain) = rest.split_first_chunk::<PROOF_LENGTH>()?;
        if *binding != self.site.binding {
            return None;
        }
        let seconds = u64::from_be_bytes(*proof);
        let (proof, now) = (UnixTime::from_seconds(seconds), self.clock.now());
        // A proof from the future means that the clock was set back: nothing is known about its age.
        if proof > now || now.since(proof) >= self.site.card_proof_max_age {
            return None;
        }
        self.proof.fetch_min(seconds, Ordering::Relaxed);
        Some(plain.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn site(keys: &TicketKeys, binding: u8) -> Arc<SiteTickets> {
        Arc::new(SiteTickets { keys: keys.clone(), binding: [binding; 32], card_proof_max_age: 8 * HOUR })
    }

    #[test]
    fn a_renewed_ticket_keeps_the_time_of_the_first_proof() {
        let (keys, clock) = (TicketKeys::generate().unwrap(), Clock::system());
        let site = site(&keys, 1);
        let first = clock.now();
        let mut ticket = ConnectionTickets::new(site.clone(), clock.clone()).encrypt(b"state").unwrap();
        for _ in 0..7 {
            clock.advance(HOUR);
            let connection = ConnectionTickets::new(site.clone(), clock.clone());
            assert_eq!(connection.decrypt(&ticket).unwrap(), b"state");
            assert_eq!(connection.proof().unwrap().seconds(), first.seconds());
            ticket = connection.encrypt(b"state").unwrap();
        }
        clock.advance(HOUR);
        assert_eq!(ConnectionTickets::new(site, clock).decrypt(&ticket), None);
    }

    #[test]
    fn a_ticket_of_another_realm_or_with_any_bit_flipped_does_not_open() {
        let (keys, clock) = (TicketKeys::generate().unwrap(), Clock::system());
        let ticket = ConnectionTickets::new(site(&keys, 1), clock.clone()).encrypt(b"state").unwrap();
        let other_realm = ConnectionTickets::new(site(&keys, 2), clock.clone());
        assert_eq!(other_realm.decrypt(&ticket), None);
        let other_keys = ConnectionTickets::new(site(&TicketKeys::generate().unwrap(), 1), clock.clone());
        assert_eq!(other_keys.decrypt(&ticket), None);
        for position in 0..ticket.len() * 8 {
            let mut forged = ticket.clone();
            forged[position / 8] ^= 1 << (position % 8);
            assert_eq!(ConnectionTickets::new(site(&keys, 1), clock.clone()).decrypt(&forged), None);
        }
    }
}
