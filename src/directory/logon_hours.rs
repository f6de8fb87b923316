//! The logonHours attribute ([MS-SAMR] 2.2.6.5): one bit for each hour of a week in UTC, from Sunday 00:00, the lowest bit
//! of a byte first.

use crate::clock::UnixTime;
use thiserror::Error;

const HOUR: u64 = 3600;
const HOURS_PER_WEEK: u64 = 168;
/// The hour of the week at 1970-01-01T00:00:00Z, a Thursday.
const EPOCH_HOUR: u64 = 4 * 24;

/// The hours of a week in which an account may be used; by default all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogonHours([u8; 21]);

/// A value that does not have 21 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("logonHours does not have 21 bytes")]
pub struct LogonHoursError;

/// The hour is not permitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OutsideLogonHours;

impl Default for LogonHours {
    fn default() -> Self {
        Self([0xff; 21])
    }
}

impl LogonHours {
    /// Reads the value of the attribute.
    ///
    /// # Errors
    /// The value does not have 21 bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, LogonHoursError> {
        bytes.try_into().map(Self).map_err(|_| LogonHoursError)
    }

    /// Returns the end of the permitted hours that include `now`; `None` if all hours are permitted.
    pub(super) fn end_of_permitted_hours(
        &self,
        now: UnixTime,
    ) -> Result<Option<UnixTime>, OutsideLogonHours> {
        let hour = now.seconds() / HOUR;
        if !self.permits(hour) {
            return Err(OutsideLogonHours);
        }
        let end = (1..HOURS_PER_WEEK).map(|ahead| hour + ahead).find(|hour| !self.permits(*hour));
        Ok(end.map(|hour| UnixTime::from_seconds(hour * HOUR)))
    }

    /// Returns whether an hour, counted from 1970-01-01T00:00:00Z, is permitted.
    fn permits(&self, hour: u64) -> bool {
        let bit = (hour + EPOCH_HOUR) % HOURS_PER_WEEK;
        let byte = usize::try_from(bit / 8).ok().and_then(|byte| self.0.get(byte));
        byte.is_some_and(|byte| byte >> (bit % 8) & 1 == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-22T09:30:00Z, a Sunday.
    const SUNDAY: UnixTime = UnixTime::from_seconds(1_795_339_800);

    fn permitting(hours: impl IntoIterator<Item = usize>) -> LogonHours {
        let mut bytes = [0; 21];
        for hour in hours {
            bytes[hour / 8] |= 1 << (hour % 8);
        }
        LogonHours::from_bytes(&bytes).unwrap()
    }

    fn hours_after_sunday_began(hours: u64) -> UnixTime {
        UnixTime::from_seconds(SUNDAY.seconds() - 9 * HOUR - HOUR / 2 + hours * HOUR)
    }

    #[test]
    fn permitted_hours_end_with_the_last_one() {
        let hours = permitting([8, 9, 10, 12]);
        assert_eq!(hours.end_of_permitted_hours(SUNDAY), Ok(Some(hours_after_sunday_began(11))));
        assert_eq!(
            hours.end_of_permitted_hours(hours_after_sunday_began(12)),
            Ok(Some(hours_after_sunday_began(13)))
        );
    }

    #[test]
    fn another_hour_is_rejected() {
        assert_eq!(permitting([8, 10]).end_of_permitted_hours(SUNDAY), Err(OutsideLogonHours));
        assert_eq!(permitting([]).end_of_permitted_hours(SUNDAY), Err(OutsideLogonHours));
    }

    #[test]
    fn permitted_hours_continue_from_saturday_to_sunday() {
        let hours = permitting([166, 167, 0, 1]);
        assert_eq!(
            hours.end_of_permitted_hours(hours_after_sunday_began(166)),
            Ok(Some(hours_after_sunday_began(170)))
        );
    }

    #[test]
    fn all_hours_have_no_end() {
        assert_eq!(LogonHours::default().end_of_permitted_hours(SUNDAY), Ok(None));
    }

    #[test]
    fn all_hours_except_the_previous_one_end_after_almost_a_week() {
        let hours = permitting((0..168).filter(|hour| *hour != 8));
        assert_eq!(hours.end_of_permitted_hours(SUNDAY), Ok(Some(hours_after_sunday_began(168 + 8))));
    }

    #[test]
    fn a_value_of_another_length_is_rejected() {
        for length in [0, 20, 22] {
            assert_eq!(LogonHours::from_bytes(&vec![0xff; length]), Err(LogonHoursError));
        }
    }
}
