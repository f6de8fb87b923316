//! The shared state of the process.

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

/// The state that the workers, the reload and the admin listener share.
pub(crate) struct SharedState {
    /// The clock.
    pub clock: Clock,
    /// The configuration in force.
    pub snapshot: ArcSwap<Snapshot>,
    /// The authenticator of certificates and passwords, with its caches.
    pub authenticator: Authenticator,
    /// The thread pool for the cryptography of handshakes.
    pub handshakes: HandshakePool,
    /// The log lines about failed handshakes.
    pub failed_handshakes: FailedHandshakes,
    /// The audit log.
    pub audit: AuditLog,
    /// The request log.
    pub request_log: RequestLog,
    /// The metrics.
    pub metrics: Arc<Metrics>,
    /// The open client connections.
    pub connections: Arc<ConnectionTable>,
    /// The request budgets of accounts.
    pub accounts: AccountRates,
    /// The certificates whose holders were authenticated recently.
    pub known_holders: KnownHolders,
    /// The log lines about connections that were closed because of HTTP/2 frames that serve no request.
    pub http2_floods: CountedLine,
    /// The token that is cancelled when no more requests are accepted. Connections then complete the requests in progress and
    /// close.
    pub stopping: CancellationToken,
}

impl SharedState {
    /// Returns the key of the account's request budget.
    pub(super) fn account_key(&self, account: &Account) -> AccountKey {
        self.accounts.key(account.sid.as_deref().unwrap_or(&account.user))
    }
}
