//! The reader of proxy.toml: from its text to declared values with their places, and the diagnostics.

mod addresses;
mod diagnostic;
mod key_field;
mod reader;
mod rendering;
mod section;
mod span;
mod suggestion;
mod syntax;
mod table;
mod value_type;

pub(crate) use addresses::is_private;
pub(crate) use diagnostic::Diagnostics;
pub use rendering::Colour;
pub(crate) use span::{Span, Spanned};

pub(super) use addresses::{
    ServerScheme, ServerUrl, client_network, host_and_port, host_header, host_pattern, network, server_url,
    socket_address,
};
pub(super) use diagnostic::ValueError;
pub(super) use key_field::{
    KeyField, named_tables, optional_table, pairs, required_table, table, table_or_tables, table_or_word,
    tables,
};
pub(super) use reader::{TableReader, TableSchema, read_document, repeated, tables_of};
pub(super) use section::section;
pub(super) use span::{value, values};
pub(super) use suggestion::{alternatives, did_you_mean, nearest};
pub(super) use syntax::{merge_errors, parse_toml};
pub(super) use table::{FIRST_VERSION, HeaderForm, KeyAbsence, KeyForm, KeyInfo, TableHead, TableKeys};
pub(super) use value_type::{
    ValueType, boolean, certificate_policy, choice, duration, extended_key_usage, file, file_or_folder,
    folder, integer, line, parse_file, parse_sid, sha256, sid, size, string, text,
};
