//! proxy.toml: read by hand-walked spans, so that every mistake is found in one run and told at its own line.
//!
//! `document` is what was written; the stages' own settings are compiled from it. Nothing here opens a socket, and
//! only the compile step opens files.

pub mod access_list;
pub mod address;
mod assertion;
mod attempts;
pub mod backend;
mod caches;
mod compile;
mod compiled;
mod cross_check;
pub mod diagnostic;
pub mod directory;
pub mod document;
mod fault;
mod identity_means;
mod issue;
mod kerberos;
mod keys;
mod load;
pub mod mapping;
pub mod passwords;
mod reader;
pub mod realm;
pub mod rendering;
pub mod revocation;
pub mod rule;
mod secret_header;
pub mod server;
mod shape;
pub mod site;
pub mod site_path;
pub mod span;
mod suggestion;
mod syntax;
#[cfg(test)]
mod tests;

pub use compiled::{Compiled, Context, Process, Speech};
pub use diagnostic::{Diagnostic, Diagnostics, Severity};
pub use document::Document;
pub use keys::{KnownKey, known_keys};
pub use load::{LoadError, Loaded, load};
pub use rendering::Colour;
pub use span::{Span, Spanned};
