//! Moments and spans of time on the command line: read from an argument, written for people and for scripts.

use crate::clock::UnixTime;
use std::time::{Duration, SystemTime};

/// Reads seconds since 1970, or RFC 3339 in UTC (`2026-11-22T09:30:00Z`).
pub(super) fn moment(text: &str) -> Result<UnixTime, String> {
    if let Ok(seconds) = text.parse() {
        let time = UnixTime::from_seconds(seconds);
        return if time <= UnixTime::END { Ok(time) } else { Err("it lies after the year 9999".to_owned()) };
    }
    let time = humantime::parse_rfc3339(text).ok();
    let since = time.and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
    since.map(UnixTime::from).ok_or_else(|| "write seconds since 1970, or 2026-11-22T09:30:00Z".to_owned())
}

/// RFC 3339 in UTC, to the second, as certificates and CRLs count.
pub(super) fn written(time: UnixTime) -> String {
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(time.min(UnixTime::END).seconds());
    humantime::format_rfc3339_seconds(time).to_string()
}

/// `2days 3h`: no more than two units, for people.
pub(super) fn span(duration: Duration) -> String {
    let whole = humantime::format_duration(Duration::from_secs(duration.as_secs())).to_string();
    whole.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_read_in_seconds_or_in_rfc_3339() {
        let expected = Ok(UnixTime::from_seconds(1_795_339_800));
        assert_eq!(moment("1795339800"), expected);
        assert_eq!(moment("2026-11-22T09:30:00Z"), expected);
        for wrong in ["", "now", "2026-11-22", "2026-11-22T09:30:00+01:00", "-1", "253402300800"] {
            assert!(moment(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn times_are_written_to_the_second_and_spans_in_two_units() {
        assert_eq!(written(UnixTime::from(Duration::from_millis(1_795_339_800_250))), "2026-11-22T09:30:00Z");
        assert_eq!(span(Duration::from_millis(93_784_250)), "1day 2h");
        assert_eq!(span(Duration::ZERO), "0s");
    }
}
