//! GeneralizedTime values (RFC 4517 section 3.3.13).

use crate::clock::UnixTime;
use der::DateTime;

/// Parses a GeneralizedTime in UTC, `20260131235959Z`; a fraction of a second is ignored. Returns `None` if the text
/// has another form, omits minutes or seconds, or is before 1970.
pub(crate) fn generalized_time(text: &str) -> Option<UnixTime> {
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
    fn a_time_is_read_with_and_without_a_fraction() {
        let time = Some(UnixTime::from_seconds(1_795_339_800));
        assert_eq!(generalized_time("20261122093000.0Z"), time);
        assert_eq!(generalized_time("20261122093000Z"), time);
    }

    #[test]
    fn other_text_is_not_a_time() {
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
