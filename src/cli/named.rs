//! An object identifier with the name that people know it by.

use crate::certificate::{ObjectIdentifier, usage};
use serde::Serialize;
use std::fmt;

/// An object identifier and its name, if it has one: that of proxy.toml, else that of the document which defines it.
#[derive(Debug, Serialize)]
pub(super) struct Named {
    pub(super) oid: String,
    pub(super) name: Option<String>,
}

impl From<ObjectIdentifier> for Named {
    fn from(oid: ObjectIdentifier) -> Self {
        let name = usage::name_of(oid).or_else(|| const_oid::db::DB.by_oid(&oid.as_known()?));
        Self { oid: oid.to_string(), name: name.map(str::to_owned) }
    }
}

/// `client_auth (1.3.6.1.5.5.7.3.2)`, or the number alone.
impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{name} ({})", self.oid),
            None => f.write_str(&self.oid),
        }
    }
}
