//! The connections that wait for a request, by what they may be used for. The one used last is used next, so that
//! surplus ones grow old and close. Never gives a connection of one key for another.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use super::connection::{Connection, Link};

/// What a connection may be used for. Connections of different keys never mix.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct ConnectionKey {
    /// The server's place in the settings.
    pub(super) server: usize,
    /// On whose behalf.
    pub(super) class: Class,
}

/// On whose behalf a connection talks. A server may tie what it knows of a user to the connection, so a class is part
/// of the key, not of the request.
///
/// An idle connection uses no slot of its server. With one class the slots bound the idle ones all the same, since a
/// new one is opened only where none is idle; a second class must first close an idle one of the first when the
/// server has as many as it may.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Class {
    /// Nobody's: the connection itself carries no identity, each request tells its own.
    Plain,
}

#[derive(Default)]
pub(super) struct IdleConnections {
    by_key: RefCell<HashMap<ConnectionKey, Vec<Connection>>>,
}

impl IdleConnections {
    /// The youngest live connection of `key`. Dead ones found on the way are let go of.
    pub(super) fn take(&self, key: &ConnectionKey) -> Option<Connection> {
        loop {
            let connection = self.by_key.borrow_mut().get_mut(key)?.pop()?;
            if connection.is_ready() {
                return Some(connection);
            }
        }
    }

    pub(super) fn put(&self, key: ConnectionKey, connection: Connection) {
        self.by_key.borrow_mut().entry(key).or_default().push(connection);
    }

    /// Lets go of the connection of `key` that `link` belongs to, if it is here.
    pub(super) fn forget(&self, key: &ConnectionKey, link: &Rc<Link>) {
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
    pub(super) fn count(&self) -> usize {
        self.by_key.borrow().values().map(Vec::len).sum()
    }
}
