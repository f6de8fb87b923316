//! Takes `[backend.NAME.login_throttle]`, gives how many log-ins may fail in the backend's own dialogue.

use super::keys::{Section, key};
use super::reader::TableReader;
use super::shape::{duration, integer};
use super::span::{Span, Spanned};
use std::time::Duration;

/// `login_throttle = { … }`.
#[derive(Clone, Debug)]
pub struct Attempts {
    /// Failures of one account before it has to wait.
    pub per_account: Spanned<usize>,
    /// Failures from one address before it has to wait.
    pub per_address: Spanned<usize>,
    /// How long it has to.
    pub window: Spanned<Duration>,
}

pub(super) const ATTEMPTS: Section = Section {
    path: "backend.NAME.login_throttle",
    keys: &[key("max_failures_per_account"), key("max_failures_per_address"), key("window")],
};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 3600);

impl Attempts {
    pub(super) fn read(reader: &mut TableReader<'_>) -> Self {
        Self {
            // One more than for a realm: a client that opens several connections at once logs in on each.
            per_account: reader.with_default("max_failures_per_account", 4, integer(1..=1000)),
            // Callers that are servers themselves, and whole offices behind one address, have a log-in for each user.
            per_address: reader.with_default("max_failures_per_address", 100, integer(1..=1_000_000)),
            window: reader.with_default("window", 15 * MINUTE, duration(SECOND..=DAY)),
        }
    }
}

/// The keys of a backend that were written and concern its own dialogue alone.
pub(super) fn keys_of_dialogues(reader: &TableReader<'_>) -> Vec<(&'static str, Span)> {
    let keys = ["max_pinned_connections", "max_pinned_connections_per_address", "login_throttle"];
    keys.into_iter().filter_map(|name| Some((name, reader.written_at(name)?))).collect()
}
