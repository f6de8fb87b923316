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

impl Group {
    /// Whether `named` is this group's name, or its security identifier. Letters' case makes no difference in ASCII.
    pub fn answers_to(&self, named: &str) -> bool {
        self.name.eq_ignore_ascii_case(named)
            || self.sid.as_ref().is_some_and(|sid| sid.eq_ignore_ascii_case(named))
    }
}
