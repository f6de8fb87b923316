//! The idle connections of a pool, by the requests that may use them. The connection that was used last is used next,
//! so that surplus ones reach the idle timeout.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use tokio::time::Instant;

use crate::backend::connection::http1::Http1Connection;
use crate::backend::connection::state::ConnectionState;
use crate::backend::upstream_identity::identity::ConnectionClass;

/// The requests that may use a connection. A connection is never used for another key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::backend) struct ConnectionKey {
    /// The server's index in the settings.
    pub(in crate::backend) server: usize,
    /// The identity that the connection carries.
    pub(in crate::backend) class: ConnectionClass,
}

/// The idle connections of a pool.
///
/// An idle connection holds no slot of its server. The slots nevertheless limit the idle connections of one class, since
/// a new one is opened only if none is idle; [`IdleConnections::make_room`] limits those of all classes together.
#[derive(Default)]
pub(in crate::backend) struct IdleConnections {
    by_key: RefCell<HashMap<ConnectionKey, Vec<Http1Connection>>>,
}

impl IdleConnections {
    /// Removes the most recently used connection of `key`. Closed ones before it are dropped.
    pub(super) fn take(&self, key: &ConnectionKey) -> Option<Http1Connection> {
        loop {
            let connection = self.by_key.borrow_mut().get_mut(key)?.pop()?;
            if connection.is_ready() {
                return Some(connection);
            }
        }
    }

    pub(super) fn put(&self, key: ConnectionKey, connection: Http1Connection) {
        self.by_key.borrow_mut().entry(key).or_default().push(connection);
    }

    /// Whether a connection of `class` to any server is idle.
    pub(in crate::backend) fn has(&self, class: &ConnectionClass) -> bool {
        let by_key = self.by_key.borrow();
        let mut connections = by_key.iter().filter(|(key, _)| key.class == *class).flat_map(|(_, idle)| idle);
        connections.any(Http1Connection::is_ready)
    }

    /// When the connection to `server` that has been idle for longest became idle.
    pub(super) fn oldest(&self, server: usize) -> Option<Instant> {
        self.oldest_by_key(server).into_iter().map(|(since, _)| since).min()
    }

    /// The connection of each key that became idle first: since when, and the key.
    fn oldest_by_key(&self, server: usize) -> Vec<(Instant, ConnectionKey)> {
        let by_key = self.by_key.borrow();
        let of_server = by_key.iter().filter(|(key, _)| key.server == server);
        of_server.filter_map(|(key, idle)| Some((idle.first()?.state.idle_since()?, key.clone()))).collect()
    }

    /// Closes the connection to `server` that has been idle for longest, so that another can be opened.
    pub(super) fn make_room(&self, server: usize) {
        let oldest = self.oldest_by_key(server).into_iter().min_by_key(|(since, _)| *since);
        let Some((_, oldest)) = oldest else { return };
        let mut by_key = self.by_key.borrow_mut();
        let Some(connections) = by_key.get_mut(&oldest) else { return };
        let closed = (!connections.is_empty()).then(|| connections.remove(0));
        if connections.is_empty() {
            by_key.remove(&oldest);
        }
        // The connection is dropped after the borrow ends, since its drop runs other code of the pool.
        drop(by_key);
        drop(closed);
    }

    /// Removes the connection of `key` with this `state`, if it is idle.
    pub(super) fn remove(&self, key: &ConnectionKey, state: &Rc<ConnectionState>) {
        let mut by_key = self.by_key.borrow_mut();
        let Some(connections) = by_key.get_mut(key) else { return };
        let position = connections.iter().position(|connection| Rc::ptr_eq(&connection.state, state));
        let removed = position.map(|position| connections.remove(position));
        if connections.is_empty() {
            by_key.remove(key);
        }
        drop(by_key);
        drop(removed);
    }

    /// The number of idle connections.
    #[cfg(test)]
    pub(in crate::backend) fn count(&self) -> usize {
        self.by_key.borrow().values().map(Vec::len).sum()
    }
}
