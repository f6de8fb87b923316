//! What an administrator wants to know of a directory's server before relying on it.

use std::fmt;

/// One thing that a server of a directory shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerFact {
    /// It takes the gate's own account.
    BindsAs(String),
    /// The base is there.
    HasBase(String),
    /// It holds this domain.
    OfDomain {
        /// `corp.example`
        dns: String,
        /// `CORP`
        netbios: String,
    },
    /// How many seconds its clock is ahead of the gate's; behind where that is negative.
    ClockAhead(i64),
    /// After how many wrong passwords its domain locks an account: 0 for never, `None` where it does not tell. A policy of
    /// an account's own may say otherwise.
    LocksAfter(Option<u32>),
    /// Whether the gate's account sees any altSecurityIdentities.
    ShowsAltSecurityIdentities(bool),
}

/// A sentence without its subject.
impl fmt::Display for ServerFact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BindsAs(account) => write!(f, "binds as {account}"),
            Self::HasBase(base) => write!(f, "has the base {base}"),
            Self::OfDomain { dns, netbios } => write!(f, "is of the domain {dns} ({netbios})"),
            Self::ClockAhead(-1..=1) => f.write_str("has the same time"),
            Self::ClockAhead(ahead @ 0..) => write!(f, "has a clock that is {ahead} s ahead"),
            Self::ClockAhead(ahead) => write!(f, "has a clock that is {} s behind", ahead.unsigned_abs()),
            Self::LocksAfter(None) => {
                f.write_str("does not tell after how many wrong passwords it locks an account")
            }
            Self::LocksAfter(Some(0)) => {
                f.write_str("never locks an account, however many wrong passwords are tried")
            }
            Self::LocksAfter(Some(count)) => write!(
                f,
                "locks an account after {count} wrong passwords, unless a policy of its own says otherwise"
            ),
            Self::ShowsAltSecurityIdentities(true) => f.write_str("shows altSecurityIdentities"),
            Self::ShowsAltSecurityIdentities(false) => f.write_str(
                "shows no account with altSecurityIdentities: there is none, or they may not be read",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_of_clocks_is_told_in_seconds() {
        for (ahead, told) in [
            (0, "has the same time"),
            (-1, "has the same time"),
            (1, "has the same time"),
            (300, "has a clock that is 300 s ahead"),
            (-300, "has a clock that is 300 s behind"),
        ] {
            assert_eq!(ServerFact::ClockAhead(ahead).to_string(), told);
        }
    }
}
