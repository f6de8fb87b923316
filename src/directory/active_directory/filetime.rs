//! Times of Active Directory: FILETIME, ticks of 100 ns since 1601 ([MS-DTYP] 2.3.3).

use crate::clock::UnixTime;

/// Seconds from 1601-01-01 to 1970-01-01.
const UNIX_EPOCH: u64 = 11_644_473_600;
const TICKS_PER_SECOND: u64 = 10_000_000;
/// [MS-ADA1] 2.2: accountExpires with this value, or 0, means never.
const NEVER: i64 = i64::MAX;

/// The time from which an account is expired, by its accountExpires; `None` for never. Times before 1970 are read as 1970.
pub(in crate::directory) fn account_expires(filetime: i64) -> Option<UnixTime> {
    if filetime == 0 || filetime == NEVER {
        return None;
    }
    // A negative time is not valid; it is read as past, since it does not mean never.
    let seconds = u64::try_from(filetime).unwrap_or_default() / TICKS_PER_SECOND;
    Some(UnixTime::from_seconds(seconds.saturating_sub(UNIX_EPOCH)).min(UnixTime::END))
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
    fn zero_and_the_greatest_number_mean_never() {
        assert_eq!(account_expires(0), None);
        assert_eq!(account_expires(0x7fff_ffff_ffff_ffff), None);
    }

    #[test]
    fn an_expiry_out_of_range_is_past_or_at_the_end_of_time() {
        assert_eq!(account_expires(1), Some(UnixTime::EPOCH));
        assert_eq!(account_expires(-1), Some(UnixTime::EPOCH));
        assert_eq!(
            account_expires(i64::MAX - 1),
            Some(UnixTime::from_seconds(910_692_730_085)).map(|end| end.min(UnixTime::END))
        );
    }
}
