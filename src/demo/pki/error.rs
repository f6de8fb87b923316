//! The errors of the test PKI.

use crate::clock::UnixTime;
use std::path::PathBuf;

/// An error of creating or writing the test PKI.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// A key cannot be generated, or a certificate or CRL cannot be signed.
    #[error("cannot create {what}")]
    Signing {
        /// The name of the key, certificate or CRL.
        what: String,
        /// The cause.
        #[source]
        source: rcgen::Error,
    },
    /// An Ed25519 key cannot be generated.
    #[error("cannot generate a key for {what}")]
    Key {
        /// The owner of the key.
        what: String,
    },
    /// A part of a certificate cannot be encoded.
    #[error("cannot encode DER")]
    Encoding(#[from] der::Error),
    /// The date is outside the range that a certificate can encode.
    #[error("a certificate cannot contain the date {0}")]
    Date(UnixTime),
    /// A file or folder cannot be written.
    #[error("cannot write {}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
}

impl PkiError {
    pub(super) fn signing(what: &str, source: rcgen::Error) -> Self {
        Self::Signing { what: what.to_owned(), source }
    }
}
