//! What a request asks for, in types that cannot be wrong: its target, its path, its host, its own id.
//!
//! Takes the raw target and authority as HTTP gives them; gives [`RequestTarget`], [`CanonicalPath`], [`HostName`],
//! [`Authority`] and [`RequestId`]. Never knows a rule, a site or a header.

mod authority;
mod bad_path;
mod host_name;
mod id;
mod path;
mod path_pattern;
mod target;

pub use authority::{Authority, BadAuthority};
pub use bad_path::BadPath;
pub use host_name::{BadHost, HostName, HostPattern};
pub use id::RequestId;
pub use path::{CanonicalPath, MAX_PATH_BYTES, PathCase, ancestors_of};
pub use path_pattern::{BadPattern, PathPattern, Reach};
pub use target::{MAX_QUERY_BYTES, RequestTarget, TargetScheme, received_target};
