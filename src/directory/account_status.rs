//! Whether an account may be used, and until when.

use super::logon_hours::LogonHours;
use crate::clock::UnixTime;
use thiserror::Error;

/// The status of an account. By default it may be used forever.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountStatus {
    /// An administrator disabled it.
    pub disabled: bool,
    /// It is locked after too many wrong passwords.
    pub locked: bool,
    /// When it expires.
    pub expires: Option<UnixTime>,
    /// The hours of a week in which it may be used.
    pub hours: LogonHours,
    /// Why it cannot be delegated, if it cannot. It may be used all the same.
    pub not_delegated: Option<NotDelegated>,
}

/// Why an account cannot be delegated: domain controllers issue no forwardable ticket for it ([MS-SFU] 3.2.5.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NotDelegated {
    /// An administrator marked it so (NOT_DELEGATED).
    #[error("it is marked \"sensitive and cannot be delegated\"")]
    Sensitive,
    /// It is a member of Protected Users.
    #[error("it is a member of Protected Users")]
    ProtectedUsers,
}

/// Why an account may not be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum AccountStatusError {
    /// An administrator disabled it.
    #[error("the account is disabled")]
    Disabled,
    /// It is locked after too many wrong passwords.
    #[error("the account is locked")]
    Locked,
    /// It has expired.
    #[error("the account expired at {since}")]
    Expired {
        /// When it expired.
        since: UnixTime,
    },
    /// Its logon hours do not include this hour.
    #[error("outside the account's permitted logon hours")]
    OutsideLogonHours,
}

impl AccountStatus {
    /// Returns until when the account may be used without interruption; `None` for no end. The directory may report
    /// another status before that.
    ///
    /// # Errors
    /// If it may not be used `now`.
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
        let hours_end =
            self.hours.end_of_permitted_hours(now).map_err(|_| AccountStatusError::OutsideLogonHours)?;
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
    fn an_account_without_restrictions_may_be_used_forever() {
        assert_eq!(AccountStatus::default().check(NOW), Ok(None));
    }

    #[test]
    fn a_disabled_or_locked_account_may_not_be_used() {
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
    fn the_earliest_end_counts() {
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
