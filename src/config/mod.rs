//! The configuration: proxy.toml is parsed with the place of every value, checked as a whole and compiled into the
//! settings of the other folders. Every error is reported in one run, each at its own line.

mod compile;
mod load;
mod parse;
mod schema;
#[cfg(test)]
mod tests;

pub(crate) use compile::ProcessSettings;
pub use compile::{CompileContext, CompiledConfig, ListenerProtocol};
pub use load::{LoadError, LoadedConfig, load};
pub use parse::Colour;
pub(crate) use parse::is_private;
pub(crate) use schema::{json_schema, markdown};
