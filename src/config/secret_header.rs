//! Takes `headers.secret` of a backend, gives the header by which the backend knows the gate.
//!
//! Never reads the secret: the compile step does.

use super::backend::header_name;
use super::keys::{Section, key};
use super::reader::TableReader;
use super::shape::file;
use super::span::Spanned;
use http::HeaderName;
use std::path::PathBuf;

/// `secret = { … }`. Both are there unless an error says otherwise.
#[derive(Clone, Debug)]
pub struct SecretHeader {
    /// The header's name.
    pub name: Option<Spanned<HeaderName>>,
    /// The file with its value.
    pub file: Option<Spanned<PathBuf>>,
}

pub(super) const SECRET: Section =
    Section { path: "backend.NAME.headers.secret", keys: &[key("name"), key("file")] };

impl SecretHeader {
    pub(super) fn read(reader: &mut TableReader<'_>) -> Self {
        Self {
            name: reader.required("name", "name = \"X-Gate-Secret\"", header_name),
            file: reader.required("file", "file = \"/run/secrets/backend\"", file),
        }
    }
}
