//! Every key of proxy.toml, declared once, and what its parts must not contradict.

pub(super) mod access_list;
pub(super) mod backend;
mod cross_check;
pub(super) mod directory;
pub(super) mod document;
pub(super) mod kerberos;
pub(super) mod limits;
pub(super) mod mapping;
pub(super) mod path;
pub(super) mod process;
pub(super) mod realm;
mod reference;
pub(super) mod revocation;
pub(super) mod rule;
pub(super) mod site;

pub(super) use document::Document;
pub use reference::{json_schema, markdown};
