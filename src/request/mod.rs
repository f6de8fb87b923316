//! What a request asks for, in types that cannot be wrong: its target, its path, its host, its own id, and the user name
//! and password that it offers.
//!
//! Takes the raw target, authority and credentials as HTTP gives them; gives [`RequestTarget`], [`CanonicalPath`],
//! [`HostName`], [`Authority`], [`RequestId`] and [`BasicCredentials`]. Never knows a rule or a site.

mod authority;
mod basic;
mod host_name;
mod id;
mod invalid_path;
mod path;
mod path_pattern;
mod target;

pub use authority::{Authority, InvalidAuthority};
pub use basic::{BasicCredentials, BasicError, basic_challenge};
pub use host_name::{HostName, HostPattern, InvalidHost};
pub use id::RequestId;
pub use invalid_path::InvalidPath;
pub use path::{CanonicalPath, MAX_PATH_BYTES, PathCase, ancestors_of};
pub use path_pattern::{InvalidPathPattern, PathPattern, PathScope};
pub use target::{MAX_QUERY_BYTES, RequestTarget, TargetScheme, field_list_size, received_target};
