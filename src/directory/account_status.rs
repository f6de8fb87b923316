//! Takes what a directory says about an account's usability, gives whether it may be used at a time and until when. Never
//! asks anybody.

use super::logon_hours::LogonHours;
use crate::clock::UnixTime;
use thiserror::Error;

/// Whether an account may be used. By default it may, always.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountStatus {
    /// An administrator has switched it off.
    pub disabled: bool,
    /// Too many wrong passwords were tried.
    pub locked: bool,
    /// From when on it may not be used.
    pub expires: Option<UnixTime>,
    /// In which hours of a week it may be used.
    pub hours: LogonHours,
    /// Why nobody may act in its name, where that is so. It may be used all the same.
    pub not_delegated: Option<NotDelegated>,
}

/// Why nobody may act in an account's name. Domain controllers give no service a ticket for such an account that could be
/// passed on ([MS-SFU] 3.2.5.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NotDelegated {
    /// An administrator has marked it so (NOT_DELEGATED).
    #[error("it is marked \"sensitive and cannot be delegated\"")]
    Sensitive,
    /// It is a member of Protected Users.
    #[error("it is a member of Protected Users")]
    ProtectedUsers,
}

/// Why an account may not be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum AccountStatusError {
    /// An administrator has switched it off.
    #[error("the account is disabled")]
    Disabled,
    /// Too many wrong passwords were tried.
    #[error("the account is locked")]
    Locked,
    /// Its last day is over.
    #[error("the account has expired, since {since}")]
    Expired {
        /// From when on.
        since: UnixTime,
    },
    /// The hours in which it may be used are others.
    #[error("the account may not be used at this hour")]
    OutsideLogonHours,
}

impl AccountStatus {
    /// Until when it may be used without a break; `None` where nothing ends it. What is read of a directory at another
    /// time may be otherwise.
    ///
    /// # Errors
    /// Where it may not be used `now`.
    pub fn check(&self, now: UnixTime) -> Result<Option<UnixTime>, AccountStatusError> {
        if self.disabled {
            return Err(AccountStatusError::Disabled);
        }
        if self.locked {
            return Err(AccountStatusError::Locked);
        }
        if let Some(since) = self.expires.filter(|expires| *expires <= now) {
            return Err(AccountStatusError::Expired { since });
        }
        let hours_end = self.hours.end_of_stretch(now).map_err(|_| AccountStatusError::OutsideLogonHours)?;
        Ok(self.expires.into_iter().chain(hours_end).min())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime::from_seconds(1_795_339_800);

    fn at(seconds: u64) -> UnixTime {
        UnixTime::from_seconds(NOW.seconds() + seconds)
    }

    #[test]
    fn an_account_that_nothing_is_said_against_may_be_used_without_end() {
        assert_eq!(AccountStatus::default().check(NOW), Ok(None));
    }

    #[test]
    fn a_disabled_account_and_a_locked_one_may_not_be_used() {
        let disabled = AccountStatus { disabled: true, locked: true, ..AccountStatus::default() };
        assert_eq!(disabled.check(NOW), Err(AccountStatusError::Disabled));
        let locked = AccountStatus { locked: true, ..AccountStatus::default() };
        assert_eq!(locked.check(NOW), Err(AccountStatusError::Locked));
    }

    #[test]
    fn an_account_may_be_used_up_to_the_second_before_it_expires() {
        let status = AccountStatus { expires: Some(at(10)), ..AccountStatus::default() };
        assert_eq!(status.check(at(9)), Ok(Some(at(10))));
        assert_eq!(status.check(at(10)), Err(AccountStatusError::Expired { since: at(10) }));
    }

    #[test]
    fn what_ends_first_counts() {
        // 2026-11-22 is a Sunday; 09:30 is in the tenth hour of the week.
        let mut hours = [0; 21];
        hours[1] = 0b0000_0010;
        let hours = LogonHours::from_bytes(&hours).unwrap();
        let status = AccountStatus { expires: Some(at(3600)), hours, ..AccountStatus::default() };
        assert_eq!(status.check(NOW), Ok(Some(at(1800))));
        let status = AccountStatus { expires: Some(at(60)), ..status };
        assert_eq!(status.check(NOW), Ok(Some(at(60))));
        assert_eq!(
            status.check(UnixTime::from_seconds(NOW.seconds() - 3600)),
            Err(AccountStatusError::OutsideLogonHours)
        );
    }
}
