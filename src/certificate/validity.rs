//! Takes the validity of a certificate, gives its first and its last second. Never compares them with any time.

use der::{Decode, ErrorKind, Tag};
use x509_cert::time::Time;

use super::layout::elements;
use crate::clock::UnixTime;

/// notBefore and notAfter (RFC 5280 4.1.2.5).
pub(super) fn read(der: &[u8]) -> der::Result<(UnixTime, UnixTime)> {
    match elements(der)?.as_slice() {
        [not_before, not_after] => Ok((time(not_before)?, time(not_after)?)),
        _ => Err(ErrorKind::Value { tag: Tag::Sequence }.into()),
    }
}

/// What lies before 1970 is read as the first second of 1970: no request is made before it, so the difference is none.
fn time(der: &[u8]) -> der::Result<UnixTime> {
    // RFC 5280 4.1.2.5.1: two digits from 50 on are of the last century. 1972 stands in for the years that the
    // decoder does not know, to have the rest checked; it was a leap year.
    if let [0x17, 0x0d, b'5'..=b'6', b'0'..=b'9', rest @ ..] = der {
        Time::from_der(&[&[0x17, 0x0d, b'7', b'2'], rest].concat())?;
        return Ok(UnixTime::EPOCH);
    }
    Ok(UnixTime::from(Time::from_der(der)?.to_unix_duration()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn validity(not_before: &str, not_after: &str) -> der::Result<(UnixTime, UnixTime)> {
        let time = |text: &str| [&[0x17, 0x0d], text.as_bytes()].concat();
        read(&[vec![0x30, 30], time(not_before), time(not_after)].concat())
    }

    #[test]
    fn two_digits_of_a_year_are_of_the_last_century_from_50_on() {
        let end = UnixTime::from_seconds(2_524_607_999);
        assert_eq!(validity("500101120100Z", "491231235959Z"), Ok((UnixTime::EPOCH, end)));
        assert_eq!(
            validity("690101000000Z", "700101000001Z"),
            Ok((UnixTime::EPOCH, UnixTime::from_seconds(1)))
        );
        assert!(validity("501301120100Z", "491231235959Z").is_err());
        assert!(validity("5001011201000", "491231235959Z").is_err());
    }
}
