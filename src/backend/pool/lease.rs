//! The lease of a pooled connection for one response.

use std::rc::{Rc, Weak};

use super::idle::{ConnectionKey, IdleConnections};
use crate::backend::connection::http1::Http1Connection;
use crate::backend::connection::state::ConnectionPhase;

/// The right to use a pooled connection until its response has ended. On drop the connection is closed.
pub(in crate::backend) struct PooledLease {
    connection: Http1Connection,
    key: ConnectionKey,
    idle: Weak<IdleConnections>,
    reusable: bool,
}

impl PooledLease {
    /// `reusable` specifies whether request and response allow another request on the connection.
    pub(super) fn new(
        connection: Http1Connection,
        key: ConnectionKey,
        idle: &Rc<IdleConnections>,
        reusable: bool,
    ) -> Self {
        connection.state.record_response();
        Self { connection, key, idle: Rc::downgrade(idle), reusable }
    }

    /// `bytes` of the response were forwarded, and the client has to receive the next.
    pub(in crate::backend) fn record_forwarded(&self, bytes: u64) {
        self.connection.state.record_forwarded(bytes);
    }

    /// The client has to receive bytes that are buffered.
    pub(in crate::backend) fn wait_for_client(&self) {
        self.connection.state.wait_for_client();
    }

    /// The client has received all bytes so far.
    pub(in crate::backend) fn wait_for_backend(&self) {
        self.connection.state.wait_for_backend();
    }

    /// Whether the connection was closed because the response made no progress.
    pub(in crate::backend) fn has_stalled(&self) -> bool {
        self.connection.state.phase() == ConnectionPhase::Stalled
    }

    /// The response has ended without error. The connection returns to its pool if hyper, too, found both messages
    /// complete and no bytes after them; otherwise it is closed. Bytes that follow a response would be taken for the
    /// response to another client's request.
    pub(in crate::backend) fn give_back(self) {
        let Some(idle) = self.idle.upgrade() else { return };
        if !self.reusable || !self.connection.is_ready() {
            return;
        }
        let slot = self.connection.vacate();
        idle.put(self.key, self.connection);
        // Only now, so that the request which is granted the slot finds the connection.
        drop(slot);
    }
}
