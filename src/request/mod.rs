//! The parts of a request as types that are valid by construction: target, path, host, id, and Basic credentials.

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
