//! Takes the value of a logonHours attribute, gives whether an hour is among those allowed and when the allowed stretch
//! ends ([MS-SAMR] 2.2.6.5: one bit for each hour of a week in UTC, from Sunday 00:00, the lowest bit of a byte first).

use crate::clock::UnixTime;
use thiserror::Error;

const HOUR: u64 = 3600;
const HOURS_OF_A_WEEK: u64 = 168;
/// 1970-01-01 was a Thursday: its hours begin this far into the week.
const EPOCHS_PLACE: u64 = 4 * 24;

/// The hours of a week in which an account may be used. By default all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogonHours([u8; 21]);

/// A value that is not one bit for each hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("logonHours does not have 21 bytes")]
pub struct LogonHoursError;

/// The hour is not among those allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotNow;

impl Default for LogonHours {
    fn default() -> Self {
        Self([0xff; 21])
    }
}

impl LogonHours {
    /// Takes the attribute's value.
    ///
    /// # Errors
    /// Where it does not have 21 bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, LogonHoursError> {
        bytes.try_into().map(Self).map_err(|_| LogonHoursError)
    }

    /// When the hours that are allowed from `now` on without a break end; `None` where all are.
    pub(super) fn end_of_stretch(&self, now: UnixTime) -> Result<Option<UnixTime>, NotNow> {
        let hour = now.seconds() / HOUR;
        if !self.allows(hour) {
            return Err(NotNow);
        }
        let end = (1..HOURS_OF_A_WEEK).map(|ahead| hour + ahead).find(|hour| !self.allows(*hour));
        Ok(end.map(|hour| UnixTime::from_seconds(hour * HOUR)))
    }

    /// `hour` counts from 1970-01-01T00:00:00Z.
    fn allows(&self, hour: u64) -> bool {
        let place = (hour + EPOCHS_PLACE) % HOURS_OF_A_WEEK;
        let byte = usize::try_from(place / 8).ok().and_then(|byte| self.0.get(byte));
        byte.is_some_and(|byte| byte >> (place % 8) & 1 == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-22T09:30:00Z, a Sunday.
    const SUNDAY: UnixTime = UnixTime::from_seconds(1_795_339_800);

    fn allowing(hours: impl IntoIterator<Item = usize>) -> LogonHours {
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
    fn the_stretch_ends_with_its_last_hour() {
        let hours = allowing([8, 9, 10, 12]);
        assert_eq!(hours.end_of_stretch(SUNDAY), Ok(Some(hours_after_sunday_began(11))));
        assert_eq!(
            hours.end_of_stretch(hours_after_sunday_began(12)),
            Ok(Some(hours_after_sunday_began(13)))
        );
    }

    #[test]
    fn an_hour_that_is_not_among_them_is_refused() {
        assert_eq!(allowing([8, 10]).end_of_stretch(SUNDAY), Err(NotNow));
        assert_eq!(allowing([]).end_of_stretch(SUNDAY), Err(NotNow));
    }

    #[test]
    fn a_stretch_goes_on_from_saturday_into_sunday() {
        let hours = allowing([166, 167, 0, 1]);
        assert_eq!(
            hours.end_of_stretch(hours_after_sunday_began(166)),
            Ok(Some(hours_after_sunday_began(170)))
        );
    }

    #[test]
    fn all_hours_have_no_end() {
        assert_eq!(LogonHours::default().end_of_stretch(SUNDAY), Ok(None));
    }

    #[test]
    fn all_hours_but_the_one_before_end_after_almost_a_week() {
        let hours = allowing((0..168).filter(|hour| *hour != 8));
        assert_eq!(hours.end_of_stretch(SUNDAY), Ok(Some(hours_after_sunday_began(168 + 8))));
    }

    #[test]
    fn another_length_is_refused() {
        for length in [0, 20, 22] {
            assert_eq!(LogonHours::from_bytes(&vec![0xff; length]), Err(LogonHoursError));
        }
    }
}
