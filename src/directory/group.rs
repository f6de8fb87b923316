//! A group that an account is a member of.

/// A group that an account is a member of, by itself or through other groups.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Group {
    /// Its name: in Active Directory the sAMAccountName, in a generic schema the common name. Where it cannot be read, the
    /// security identifier. Two domains may each have a group of this name.
    pub name: String,
    /// Its security identifier as `S-1-5-21-…`, where it has one.
    pub sid: Option<String>,
}
