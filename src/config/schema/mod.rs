//! Every key of proxy.toml, declared once, and the checks across tables.

pub(super) mod backend;
mod cross_check;
pub(super) mod directory;
mod document;
mod kerberos;
pub(super) mod limits;
pub(super) mod mapping;
pub(super) mod path;
pub(super) mod process;
pub(super) mod realm;
mod reference;
pub(super) mod revocation;
pub(super) mod rule;
pub(super) mod site;

pub(super) use cross_check::cross_check;
pub(super) use document::ConfigDocument;
pub(crate) use reference::{json_schema, markdown};
