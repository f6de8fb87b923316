//! Header duties, one per file: what is removed from requests, answers and trailers, and what the gate sets itself.
//!
//! The order on a request is fixed: [`request_headers::strip`], then [`forwarded::set`] and [`identity_headers::set`].
//! A proxy that removes what `Connection` names after it has set its own headers lets the client remove those
//! (CVE-2024-45410). Never knows a path, a rule or a verdict.

pub mod authorization;
mod certificate_headers;
mod encoded_value;
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

pub use header_case::HeaderCase;
pub use reserved_headers::ReservedHeaders;
