//! Header handling, one duty per file: which headers are removed from requests, responses and trailers, and which the
//! gateway sets.
//!
//! The order on a request is fixed: [`request_headers::strip`], then [`forwarded::set`] and [`identity_headers::set`]. A
//! proxy that removes the fields named by `Connection` after it has set its own headers lets the client remove those
//! (CVE-2024-45410). This folder knows no paths, rules or verdicts.

pub(crate) mod authorization;
pub(crate) mod fetch_metadata;
pub(crate) mod forwarded;
mod header_case;
mod hop_by_hop;
pub mod identity_headers;
pub(crate) mod request_headers;
pub(crate) mod reserved_headers;
pub(crate) mod response_headers;
pub(crate) mod secret_header;
pub(crate) mod trailers;
mod value_encoding;

pub(crate) use header_case::HeaderCase;
pub(crate) use request_headers::{RemovedHeaders, expects_continue};
pub(crate) use reserved_headers::ReservedHeaders;
