//! Header handling, one duty per file: which headers are removed from requests, responses and trailers, and which the
//! gateway sets.
//!
//! The order on a request is fixed: [`request_headers::strip`], then [`forwarded::set`] and [`identity_headers::set`]. A
//! proxy that removes the fields named by `Connection` after it has set its own headers lets the client remove those
//! (CVE-2024-45410). This folder knows no paths, rules or verdicts.

pub mod authorization;
mod expectation;
pub mod fetch_metadata;
pub mod forwarded;
mod header_case;
mod hop_by_hop;
pub mod identity_headers;
pub mod request_headers;
pub mod reserved_headers;
pub mod response_headers;
pub mod secret_header;
pub mod trailers;
mod value_encoding;

pub use expectation::expects_continue;
pub use header_case::HeaderCase;
pub use request_headers::RemovedHeaders;
pub use reserved_headers::ReservedHeaders;
