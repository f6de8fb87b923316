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

/// The state of a process, shared by the workers, the reload and the admin listener.
pub(crate) struct SharedState {
    /// The time.
    pub clock: Clock,
    /// The configuration in force.
    pub snapshot: ArcSwap<Snapshot>,
    /// Authenticates certificates and passwords, with the caches of all stages.
    pub authenticator: Authenticator,
    /// Performs the cryptography of handshakes.
    pub handshakes: HandshakePool,
    /// Reports failed handshakes.
    pub failed_handshakes: FailedHandshakes,
    /// Writes the audit records.
    pub audit: AuditLog,
    /// Writes a line for each request.
    pub request_log: RequestLog,
    /// The metrics.
    pub metrics: Arc<Metrics>,
    /// The open client connections.
    pub connections: Arc<ConnectionTable>,
    /// The request budgets of accounts.
    pub accounts: AccountRates,
    /// The certificates whose holders were authenticated recently.
    pub known_holders: KnownHolders,
    /// Log lines about connections that were closed for HTTP/2 frames that serve no request.
    pub http2_floods: CountedLine,
    /// Cancelled when no more requests are accepted: connections complete the requests in progress and close.
    pub stopping: CancellationToken,
}

impl SharedState {
    /// The key under which requests of this account are counted.
    pub(super) fn account_key(&self, account: &Account) -> AccountKey {
        self.accounts.key(account.sid.as_deref().unwrap_or(&account.user))
    }
}
