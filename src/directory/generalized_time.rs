//! Takes points in time as directories write them, gives a [`UnixTime`].

use crate::clock::UnixTime;
use der::DateTime;

/// Seconds from 1601-01-01, where FILETIME begins, to 1970-01-01 ([MS-DTYP] 2.3.3).
const FILETIME_EPOCH: u64 = 11_644_473_600;
const TICKS_PER_SECOND: u64 = 10_000_000;
/// [MS-ADA1] 2.2: accountExpires with this value, or 0, stands for never.
const NEVER: i64 = i64::MAX;

/// When an account expires, by its accountExpires: FILETIME, where 0 and the greatest number stand for never. What lies
/// before 1970 reads as 1970.
pub(super) fn account_expires(filetime: i64) -> Option<UnixTime> {
    if filetime == 0 || filetime == NEVER {
        return None;
    }
    // Negative ones do not exist; whoever wrote one did not mean never.
    let seconds = u64::try_from(filetime).unwrap_or_default() / TICKS_PER_SECOND;
    Some(UnixTime::from_seconds(seconds.saturating_sub(FILETIME_EPOCH)).min(UnixTime::END))
}

/// Reads a GeneralizedTime in UTC (RFC 4517 3.3.13): `20260131235959Z`, a fraction of a second is cut off. `None` where it
/// is none, lies before 1970, or leaves out minutes or seconds.
pub(super) fn generalized_time(text: &str) -> Option<UnixTime> {
    let time = text.strip_suffix('Z')?;
    let (whole, fraction) = time.split_once(['.', ',']).unwrap_or((time, "0"));
    if whole.len() != 14 || !whole.bytes().chain(fraction.bytes()).all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let number = |from: usize, to: usize| whole.get(from..to)?.parse::<u8>().ok();
    let year = whole.get(..4)?.parse().ok()?;
    let time =
        DateTime::new(year, number(4, 6)?, number(6, 8)?, number(8, 10)?, number(10, 12)?, number(12, 14)?);
    time.ok().map(|time| UnixTime::from(time.unix_duration()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expiry_is_counted_in_ticks_since_1601() {
        // 2026-11-22T09:30:00Z.
        assert_eq!(account_expires(134_398_134_000_000_000), Some(UnixTime::from_seconds(1_795_339_800)));
        assert_eq!(account_expires(116_444_736_000_000_000), Some(UnixTime::EPOCH));
    }

    #[test]
    fn zero_and_the_greatest_number_stand_for_never() {
        assert_eq!(account_expires(0), None);
        assert_eq!(account_expires(0x7fff_ffff_ffff_ffff), None);
    }

    #[test]
    fn an_expiry_out_of_bounds_is_in_the_past_or_at_the_end_of_time() {
        assert_eq!(account_expires(1), Some(UnixTime::EPOCH));
        assert_eq!(account_expires(-1), Some(UnixTime::EPOCH));
        assert_eq!(
            account_expires(i64::MAX - 1),
            Some(UnixTime::from_seconds(910_692_730_085)).map(|end| end.min(UnixTime::END))
        );
    }

    #[test]
    fn a_generalized_time_is_read_with_and_without_a_fraction() {
        let time = Some(UnixTime::from_seconds(1_795_339_800));
        assert_eq!(generalized_time("20261122093000.0Z"), time);
        assert_eq!(generalized_time("20261122093000Z"), time);
    }

    #[test]
    fn what_is_no_time_is_not_read() {
        let others = [
            "",
            "Z",
            "20261122093000",
            "20261122093000+0100",
            "2026112209Z",
            "20261322093000Z",
            "20261122093000.xZ",
            "19691231235959Z",
            "2026112209300\u{e4}Z",
            "+0261122093000Z",
        ];
        for other in others {
            assert_eq!(generalized_time(other), None, "{other}");
        }
    }
}
