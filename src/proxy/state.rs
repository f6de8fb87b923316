//! The state that all workers share.

use super::authenticator::Authenticator;
use super::failed_handshakes::FailedHandshakes;
use super::request_log::RequestLog;
use super::snapshot::Snapshot;
use crate::clock::Clock;
use crate::identity::Account;
use crate::limits::{AccountKey, AccountRates, ConnectionTable, KnownHolders};
use crate::telemetry::audit::AuditLog;
use crate::telemetry::{CountedLine, Metrics};
use crate::tls::HandshakePool;
use arc_swap::ArcSwap;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// The one gate of a process. Workers, reload and the admin listener hold it together.
pub struct SharedState {
    /// The time.
    pub clock: Clock,
    /// The configuration in force.
    pub snapshot: ArcSwap<Snapshot>,
    /// Authenticates certificates and passwords, with the caches of all stages.
    pub authenticator: Authenticator,
    /// Where the cryptography of handshakes is done.
    pub handshakes: HandshakePool,
    /// Reports failed handshakes.
    pub failed_handshakes: FailedHandshakes,
    /// Where the audit records go.
    pub audit: AuditLog,
    /// Writes a line for each request.
    pub request_log: RequestLog,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// The open client connections.
    pub connections: Arc<ConnectionTable>,
    /// What accounts may still request.
    pub accounts: AccountRates,
    /// The certificates whose holders were authenticated lately.
    pub known_holders: KnownHolders,
    /// Lines about connections that ended because of HTTP/2 frames without use.
    pub http2_floods: CountedLine,
    /// Says that no more requests are taken: connections finish what runs and close.
    pub stopping: CancellationToken,
}

impl SharedState {
    /// What requests of this account are counted under.
    pub(super) fn account_key(&self, account: &Account) -> AccountKey {
        self.accounts.key(account.sid.as_deref().unwrap_or(&account.user))
    }
}
