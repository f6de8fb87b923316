//! Takes `[realm.NAME.passwords]`, gives how often passwords may be tried and how long a right one is remembered.

use super::keys::{Section, key};
use super::reader::TableReader;
use super::shape::{duration, integer, text};
use super::span::{Span, Spanned};
use std::time::Duration;

/// `[realm.NAME.passwords]`.
#[derive(Clone, Debug)]
pub struct Passwords {
    /// The table, or the realm where it is left out.
    pub span: Span,
    /// Whether it is written.
    pub written: bool,
    /// Of what domain a name without one is.
    pub default_domain: Option<Spanned<String>>,
    /// Failed log-ins of one account before it has to wait.
    pub per_account: Spanned<usize>,
    /// Failed log-ins from one address before it has to wait.
    pub per_address: Spanned<usize>,
    /// How long they have to wait.
    pub window: Spanned<Duration>,
    /// How long a right password is taken without asking the directory.
    pub cache: Spanned<Duration>,
}

pub(super) const PASSWORDS: Section = Section {
    path: "realm.NAME.passwords",
    keys: &[
        key("default_domain"),
        key("max_failures_per_account"),
        key("max_failures_per_address"),
        key("window"),
        key("cache_ttl"),
    ],
};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Passwords {
    pub(super) fn read(written: bool, reader: &mut TableReader<'_>) -> Self {
        Self {
            span: reader.span(),
            written,
            default_domain: reader.optional("default_domain", text),
            per_account: reader.with_default("max_failures_per_account", 3, integer(1..=1000)),
            per_address: reader.with_default("max_failures_per_address", 20, integer(1..=1_000_000)),
            window: reader.with_default("window", 15 * MINUTE, duration(MINUTE..=DAY)),
            cache: reader.with_default("cache_ttl", MINUTE, duration(Duration::ZERO..=10 * MINUTE)),
        }
    }
}
