//! Takes `[assertion]`, gives the keys that sign statements of who a request is from.
//!
//! Never reads a key: the compile step does.

use super::keys::{Section, key};
use super::reader::TableReader;
use super::shape::{duration, file, text};
use super::span::{Span, Spanned};
use crate::delegation::assertion::MAXIMUM_LIFETIME;
use std::path::PathBuf;
use std::time::Duration;

/// `[assertion]`.
#[derive(Clone, Debug)]
pub struct Assertion {
    /// Its header.
    pub span: Span,
    /// The files of the keys; the first one signs, all are published.
    pub keys: Vec<Spanned<PathBuf>>,
    /// The gate's name to the backends. There unless an error says otherwise.
    pub issuer: Option<Spanned<String>>,
    /// How long a statement may be believed.
    pub lifetime: Spanned<Duration>,
}

pub(super) const ASSERTION: Section =
    Section { path: "assertion", keys: &[key("keys"), key("issuer"), key("lifetime")] };

const SECOND: Duration = Duration::from_secs(1);

impl Assertion {
    pub(super) fn read(reader: &mut TableReader<'_>) -> Self {
        reader.require("keys", "keys = [\"/run/secrets/assertion.key\"]");
        reader.refuse_empty_list("keys");
        Self {
            span: reader.span(),
            keys: reader.list("keys", file).unwrap_or_default(),
            issuer: reader.required("issuer", "issuer = \"https://gate.corp.example\"", text),
            lifetime: reader.with_default("lifetime", 60 * SECOND, duration(SECOND..=MAXIMUM_LIFETIME)),
        }
    }
}
