//! The connections that wait for a request, by what they may be used for. The one used last is used next, so that
//! surplus ones grow old and close. Never gives a connection of one key for another.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use tokio::time::Instant;

use crate::backend::connection::http1::{ConnectionState, Http1Connection};
use crate::certificate::SerialNumber;
use crate::clock::Tick;
use crate::delegation::user_certificates::MintedSubject;

/// What a connection may be used for. Connections of different keys never mix.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::backend) struct ConnectionKey {
    /// The server's place in the settings.
    pub(in crate::backend) server: usize,
    /// On whose behalf.
    pub(in crate::backend) class: ConnectionClass,
}

/// On whose behalf a connection talks. A server may tie what it knows of a user to the connection, so a class is part
/// of the key, not of the request.
///
/// An idle connection uses no slot of its server. The slots bound the idle ones of one class all the same, since a new
/// one is opened only where none is idle; where a class has none, [`IdleConnections::make_room`] closes one of another.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::backend) enum ConnectionClass {
    /// Nobody's: the connection itself carries no identity, each request tells its own.
    Plain,
    /// One account's, under the name by which the server is told of it and its security identifier where one is known:
    /// never another's, be it of the same name later, and never nobody's. Where the server keeps the account with the
    /// connection, also one reading of the account: what it keeps must not be older.
    Account(Arc<str>, Option<Arc<str>>, Tick),
    /// One account's, which the server was shown this certificate for, by its serial number. A new certificate begins
    /// new connections, so that none is used for longer than what opened it counts.
    Certified(MintedSubject, SerialNumber),
}

#[derive(Default)]
pub(in crate::backend) struct IdleConnections {
    by_key: RefCell<HashMap<ConnectionKey, Vec<Http1Connection>>>,
}

impl IdleConnections {
    /// The youngest live connection of `key`. Dead ones found on the way are let go of.
    pub(in crate::backend) fn take(&self, key: &ConnectionKey) -> Option<Http1Connection> {
        loop {
            let connection = self.by_key.borrow_mut().get_mut(key)?.pop()?;
            if connection.is_ready() {
                return Some(connection);
            }
        }
    }

    pub(in crate::backend) fn put(&self, key: ConnectionKey, connection: Http1Connection) {
        self.by_key.borrow_mut().entry(key).or_default().push(connection);
    }

    /// Whether a live connection of `class` waits, to whichever server.
    pub(in crate::backend) fn has(&self, class: &ConnectionClass) -> bool {
        let by_key = self.by_key.borrow();
        let mut connections =
            by_key.iter().filter(|(key, _)| key.class == *class).flat_map(|(_, waiting)| waiting);
        connections.any(Http1Connection::is_ready)
    }

    /// Since when the connection to `server` waits that has waited longest, of whichever class.
    pub(in crate::backend) fn longest(&self, server: usize) -> Option<Instant> {
        self.firsts(server).into_iter().map(|(since, _)| since).min()
    }

    /// Of each key the connection that was put back first: since when it waits, and the key.
    fn firsts(&self, server: usize) -> Vec<(Instant, ConnectionKey)> {
        let by_key = self.by_key.borrow();
        let waiting = by_key.iter().filter(|(key, _)| key.server == server);
        waiting
            .filter_map(|(key, waiting)| Some((waiting.first()?.link.idle_since()?, key.clone())))
            .collect()
    }

    /// Closes the connection to `server` that has waited longest, so that another may be opened in its place.
    pub(in crate::backend) fn make_room(&self, server: usize) {
        let oldest = self.firsts(server).into_iter().min_by_key(|(since, _)| *since);
        let Some((_, oldest)) = oldest else { return };
        let mut by_key = self.by_key.borrow_mut();
        let Some(connections) = by_key.get_mut(&oldest) else { return };
        let closed = (!connections.is_empty()).then(|| connections.remove(0));
        if connections.is_empty() {
            by_key.remove(&oldest);
        }
        drop(by_key);
        drop(closed);
    }

    /// Lets go of the connection of `key` that `link` belongs to, if it is here.
    pub(in crate::backend) fn forget(&self, key: &ConnectionKey, link: &Rc<ConnectionState>) {
        let mut by_key = self.by_key.borrow_mut();
        let Some(connections) = by_key.get_mut(key) else { return };
        let place = connections.iter().position(|connection| Rc::ptr_eq(&connection.link, link));
        let forgotten = place.map(|place| connections.remove(place));
        if connections.is_empty() {
            by_key.remove(key);
        }
        drop(by_key);
        drop(forgotten);
    }

    /// All connections that wait.
    #[cfg(test)]
    pub(in crate::backend) fn count(&self) -> usize {
        self.by_key.borrow().values().map(Vec::len).sum()
    }
}
