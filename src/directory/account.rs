//! Accounts as a directory returns them: their names, groups and status.

use super::logon_hours::LogonHours;
use super::sid::Sid;
use crate::clock::UnixTime;
use std::collections::BTreeMap;
use std::sync::Arc;
use thiserror::Error;

/// The account of a person. Its [`AccountStatus`] decides whether it may be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryAccount {
    /// Its distinguished name.
    pub dn: String,
    /// The [name](super::DirectorySettings::name) of the directory that it was read from.
    pub directory: Arc<str>,
    /// userPrincipalName.
    pub upn: Option<String>,
    /// sAMAccountName; in a generic schema the user name.
    pub account_name: Option<String>,
    /// `CORP` of `CORP\alice`. Active Directory only.
    pub netbios_domain: Option<String>,
    /// `corp.example`. Active Directory only.
    pub dns_domain: Option<String>,
    /// objectSid. Active Directory only.
    pub sid: Option<Sid>,
    /// mail, and the SMTP addresses of proxyAddresses.
    pub emails: Vec<String>,
    /// altSecurityIdentities.
    pub alt_security_identities: Vec<String>,
    /// The attributes of [`LookupKeys::attributes`](super::LookupKeys::attributes), by their names in lower case.
    pub attributes: BTreeMap<String, Vec<String>>,
    /// whenCreated; in a generic schema createTimestamp.
    pub created: Option<UnixTime>,
    /// The flags and times that decide whether it may be used.
    pub status: AccountStatus,
    /// All its groups, in Active Directory including nested membership.
    pub groups: Vec<DirectoryGroup>,
}

/// A group that an account is a member of, directly or through other groups.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DirectoryGroup {
    /// In Active Directory the sAMAccountName, in a generic schema the common name; the security identifier if the name
    /// cannot be read. Two domains may each have a group of this name.
    pub name: String,
    /// Its security identifier as `S-1-5-21-…`, if it has one.
    pub sid: Option<String>,
}

/// The status of an account. The default has no restriction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountStatus {
    /// An administrator disabled the account.
    pub disabled: bool,
    /// The account is locked after too many wrong passwords.
    pub locked: bool,
    /// The time at which the account expires.
    pub expires: Option<UnixTime>,
    /// The hours of a week in which the account may be used.
    pub hours: LogonHours,
    /// The reason for which the account cannot be delegated, if it cannot. It may be used nevertheless.
    pub not_delegated: Option<NotDelegated>,
}

/// The reason for which an account cannot be delegated: domain controllers issue no forwardable ticket for it ([MS-SFU]
/// 3.2.5.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NotDelegated {
    /// An administrator set the flag NOT_DELEGATED.
    #[error("it is marked \"sensitive and cannot be delegated\"")]
    Sensitive,
    /// The account is a member of Protected Users.
    #[error("it is a member of Protected Users")]
    ProtectedUsers,
}

/// The reason for which an account may not be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum AccountStatusError {
    /// An administrator disabled the account.
    #[error("the account is disabled")]
    Disabled,
    /// The account is locked after too many wrong passwords.
    #[error("the account is locked")]
    Locked,
    /// The account has expired.
    #[error("the account expired at {since}")]
    Expired {
        /// The time at which the account expired.
        since: UnixTime,
    },
    /// The account's logon hours do not include this hour.
    #[error("outside the account's permitted logon hours")]
    OutsideLogonHours,
}

impl AccountStatus {
    /// Returns the time until which the account may be used without interruption; `None` for no end. The directory may
    /// report another status before that.
    ///
    /// # Errors
    /// The account may not be used at `now`.
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
    fn the_earlier_of_expiry_and_logon_hours_is_returned() {
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
