//! The times in certificates, CRLs and OCSP responses, as seconds since 1970.

use der::asn1::AnyRef;
use der::{DateTime, Decode, ErrorKind, Tag, Tagged};
use std::str;
use std::time::Duration;

use super::layout::elements;
use crate::clock::UnixTime;

/// Reads notBefore and notAfter (RFC 5280 4.1.2.5).
pub(super) fn read(der: &[u8]) -> der::Result<(UnixTime, UnixTime)> {
    match elements(der)?.as_slice() {
        [not_before, not_after] => Ok((strict(not_before)?, strict(not_after)?)),
        _ => Err(ErrorKind::Value { tag: Tag::Sequence }.into()),
    }
}

/// Reads a time in the only form that RFC 5280 4.1.2.5 allows: with seconds, without a fraction, in UTC. If two readers
/// disagreed about another form, they would disagree about whether a certificate is valid.
fn strict(der: &[u8]) -> der::Result<UnixTime> {
    let time = AnyRef::from_der(der)?;
    let is_strict = match time.tag() {
        Tag::UtcTime => time.value().len() == b"YYMMDDHHMMSSZ".len(),
        Tag::GeneralizedTime => time.value().len() == b"YYYYMMDDHHMMSSZ".len(),
        _ => false,
    };
    match time.value() {
        [digits @ .., b'Z'] if is_strict && digits.iter().all(u8::is_ascii_digit) => read_time(time),
        _ => Err(time.tag().value_error().into()),
    }
}

/// Reads a UTCTime or GeneralizedTime in the forms of X.680: without seconds, with a fraction, with an offset from
/// UTC. CAs write such times into CRLs, where they have little effect. Local time without an offset is ambiguous and
/// refused.
///
/// A time before 1970 is read as the first second of 1970: no request is made before it, so this makes no difference.
/// CAs write the zero of their programming language, of year 1 or 1601, for "unknown".
pub(crate) fn read_time(time: AnyRef<'_>) -> der::Result<UnixTime> {
    let malformed = || der::Error::from(time.tag().value_error());
    let text = str::from_utf8(time.value()).map_err(|_| malformed())?;
    let mut text = TimeDigits(text);
    let year = match time.tag() {
        // RFC 5280 4.1.2.5.1: years from 50 on are of the last century.
        Tag::UtcTime => text.number(2).map(|year| if year < 50 { 2000 + year } else { 1900 + year }),
        Tag::GeneralizedTime => text.number(4),
        _ => None,
    };
    let local = text.date_and_time(year.ok_or_else(malformed)?).ok_or_else(malformed)?;
    let fraction = text.0.strip_prefix(['.', ',']).filter(|_| time.tag() == Tag::GeneralizedTime);
    if let Some(fraction) = fraction {
        text.0 = fraction.trim_start_matches(|letter: char| letter.is_ascii_digit());
    }
    let (east, offset) = text.offset().ok_or_else(malformed)?;
    let utc = if east { local.saturating_sub(offset) } else { local + offset };
    Ok(UnixTime::from(utc))
}

/// The rest of a time's text.
struct TimeDigits<'a>(&'a str);

impl TimeDigits<'_> {
    /// Returns the number of the next `length` digits.
    fn number(&mut self, length: usize) -> Option<u16> {
        let (digits, rest) = self.0.split_at_checked(length)?;
        let number = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())??;
        self.0 = rest;
        Some(number)
    }

    fn pair(&mut self) -> Option<u8> {
        self.number(2).and_then(|number| number.try_into().ok())
    }

    /// Reads month, day, hour, minute and second; the last two are optional.
    fn date_and_time(&mut self, year: u16) -> Option<Duration> {
        let (month, day, hour) = (self.pair()?, self.pair()?, self.pair()?);
        let minute = self.pair();
        let second = minute.and_then(|_| self.pair());
        // A year of the same length replaces one that this calendar does not have.
        let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let known = if year >= 1970 { year } else { if is_leap { 1972 } else { 1973 } };
        let time = DateTime::new(known, month, day, hour, minute.unwrap_or(0), second.unwrap_or(0)).ok()?;
        Some(if year >= 1970 { time.unix_duration() } else { Duration::ZERO })
    }

    /// Returns whether the offset is east of Greenwich, and its size.
    fn offset(&mut self) -> Option<(bool, Duration)> {
        let (sign, rest) = self.0.split_at_checked(1)?;
        self.0 = rest;
        let offset = match sign {
            "Z" => Duration::ZERO,
            "+" | "-" => {
                let (hours, minutes) = (self.pair()?, if self.0.is_empty() { 0 } else { self.pair()? });
                let whole = hours < 24 && minutes < 60;
                whole.then(|| Duration::from_secs(u64::from(hours) * 3600 + u64::from(minutes) * 60))?
            }
            _ => return None,
        };
        self.0.is_empty().then_some((sign == "+", offset))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(tag: u8, text: &str) -> Vec<u8> {
        [&[tag, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat()
    }

    fn validity(not_before: &[u8], not_after: &[u8]) -> der::Result<(UnixTime, UnixTime)> {
        let both = [not_before, not_after].concat();
        read(&[&[0x30, u8::try_from(both.len()).unwrap()], both.as_slice()].concat())
    }

    fn not_before(tag: u8, text: &str) -> der::Result<UnixTime> {
        validity(&element(tag, text), &element(0x17, "491231235959Z")).map(|(not_before, _)| not_before)
    }

    /// Reads a time as in a CRL.
    fn lenient(tag: u8, text: &str) -> Option<u64> {
        let der = element(tag, text);
        read_time(AnyRef::from_der(&der).unwrap()).ok().map(UnixTime::seconds)
    }

    #[test]
    fn two_digit_years_from_50_on_are_of_the_last_century() {
        let end = UnixTime::from_seconds(2_524_607_999);
        let read = validity(&element(0x17, "500101120100Z"), &element(0x17, "491231235959Z"));
        assert_eq!(read, Ok((UnixTime::EPOCH, end)));
        assert_eq!(not_before(0x17, "690101000000Z"), Ok(UnixTime::EPOCH));
        assert_eq!(not_before(0x17, "700101000001Z"), Ok(UnixTime::from_seconds(1)));
        assert!(not_before(0x17, "501301120100Z").is_err());
        assert!(not_before(0x17, "5001011201000").is_err());
    }

    #[test]
    fn any_year_before_1970_is_read() {
        for text in ["00000101000000Z", "00010101000000Z", "16010101000000Z", "19691231235959Z"] {
            assert_eq!(not_before(0x18, text), Ok(UnixTime::EPOCH), "{text}");
        }
        assert_eq!(not_before(0x18, "16000229000000Z"), Ok(UnixTime::EPOCH), "a leap year");
        assert!(not_before(0x18, "17000229000000Z").is_err(), "no leap year");
        assert_eq!(not_before(0x18, "20260101000000Z"), Ok(UnixTime::from_seconds(1_767_225_600)));
    }

    #[test]
    fn the_validity_of_a_certificate_has_one_form() {
        for (tag, text) in [
            (0x17, "2601010000Z"),
            (0x17, "260101000000+0000"),
            (0x17, "260101000000"),
            (0x17, "2601010000+00"),
            (0x18, "202601010000Z"),
            (0x18, "20260101000000.5Z"),
            (0x18, "20260101000000"),
            (0x18, "2026010100000Z"),
            (0x16, "260101000000Z"),
        ] {
            assert!(not_before(tag, text).is_err(), "{text}");
        }
    }

    #[test]
    fn other_forms_of_a_time_in_a_crl_are_read_as_the_same_time() {
        let nine = Some(1_767_258_000);
        for text in ["260101090000Z", "2601010900Z", "260101100000+0100", "2601010430-0430", "26010109Z"] {
            assert_eq!(lenient(0x17, text), nine, "{text}");
        }
        for text in [
            "20260101090000Z",
            "2026010109Z",
            "20260101090000.123Z",
            "20260101090000,5Z",
            "20260101110000+02",
        ] {
            assert_eq!(lenient(0x18, text), nine, "{text}");
        }
        assert_eq!(lenient(0x18, "19700101000000+0100"), Some(0));
        for text in [
            "",
            "Z",
            "260101",
            "260101090000",
            "260101090000.5Z",
            "260101090000Z0",
            "260101090000+2500",
            "2601x1090000Z",
            "+60101090000Z",
        ] {
            assert_eq!(lenient(0x17, text), None, "{text}");
        }
        assert_eq!(lenient(0x0c, "20260101090000Z"), None);
    }
}
