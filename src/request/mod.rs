//! The parts of a request as types that are valid by construction: target, path, host, id, and Basic credentials.

mod authority;
mod basic;
mod host_name;
mod id;
mod invalid_path;
mod path;
mod path_pattern;
mod target;

pub(crate) use authority::{Authority, InvalidAuthority};
pub(crate) use basic::{BasicCredentials, BasicError, basic_challenge};
pub(crate) use host_name::{HostName, HostPattern, InvalidHost};
pub(crate) use id::RequestId;
pub(crate) use invalid_path::InvalidPath;
pub(crate) use path::{CanonicalPath, PathCase, ancestors_of};
pub(crate) use path_pattern::{PathPattern, PathScope};
pub(crate) use target::{RequestTarget, TargetScheme, field_list_size, received_target};
