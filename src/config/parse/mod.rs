//! From the text of proxy.toml to values with their places, and the diagnostics on the way.

pub(super) mod addresses;
pub(super) mod diagnostic;
pub(super) mod fields;
pub(super) mod reader;
mod rendering;
pub(super) mod section;
pub(super) mod span;
pub(super) mod suggestion;
pub(super) mod syntax;
pub(super) mod value_error;
pub(super) mod values;

pub use addresses::is_private;
pub use diagnostic::{Diagnostic, Diagnostics, Severity};
pub use rendering::Colour;
pub use span::{Span, Spanned};
