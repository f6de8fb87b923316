//! Takes one TOML value, gives the typed value that a key needs, or the fault in words that an operator understands.
//!
//! Never looks at other keys, at files or at the network.

use super::reader::Fault;
use super::suggestion::{alternatives, nearest};
use crate::certificate::{ObjectIdentifier, usage};
use crate::directory::Sid;
use bytesize::ByteSize;
use const_oid::db::rfc5280::{ANY_EXTENDED_KEY_USAGE, ANY_POLICY, ID_KP_CLIENT_AUTH};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;
use toml::de::DeValue;

/// Any text but the empty one, on one line.
pub(super) fn text(value: &DeValue<'_>) -> Result<String, Fault> {
    let text = raw_text(value)?;
    if text.trim().is_empty() {
        return Err(Fault::new("the text is empty"));
    }
    if text.chars().any(char::is_control) {
        return Err(Fault::new("the text holds a line break or another control character"));
    }
    Ok(text.to_owned())
}

/// Any string.
pub(super) fn raw_text<'v>(value: &'v DeValue<'_>) -> Result<&'v str, Fault> {
    value.as_str().ok_or_else(|| Fault::wrong_type("a string", value))
}

/// `true` or `false`.
pub(super) fn boolean(value: &DeValue<'_>) -> Result<bool, Fault> {
    let fault = || match value.as_str() {
        Some(word @ ("true" | "false")) => {
            Fault::wrong_type("true or false", value).help(format!("write {word} without quotes"))
        }
        Some(_) | None => Fault::wrong_type("true or false", value),
    };
    value.as_bool().ok_or_else(fault)
}

/// A whole number in `range`.
pub(super) fn integer(range: RangeInclusive<usize>) -> impl Fn(&DeValue<'_>) -> Result<usize, Fault> {
    move |value| {
        let number = value.as_integer().ok_or_else(|| Fault::wrong_type("a whole number", value))?;
        let in_range = usize::from_str_radix(number.as_str(), number.radix()).ok();
        in_range.filter(|number| range.contains(number)).ok_or_else(|| {
            let (least, most) = (range.start(), range.end());
            Fault::new(format!("{number} is out of range")).help(format!("from {least} to {most}"))
        })
    }
}

/// A duration in words, `1h 30min`, in `range`.
pub(super) fn duration(range: RangeInclusive<Duration>) -> impl Fn(&DeValue<'_>) -> Result<Duration, Fault> {
    move |value| {
        let (least, most) = (range.start(), range.end());
        let examples = ["500ms", "30s", "5m", "8h"].into_iter();
        let in_range = |text: &&str| parsed_duration(text).is_ok_and(|example| range.contains(&example));
        let help = format!(
            "from {} to {}, such as {}",
            humantime::format_duration(*least),
            humantime::format_duration(*most),
            alternatives(examples.filter(in_range))
        );
        if value.is_integer() {
            return Err(Fault::new("a duration needs a unit, in quotes").help(help));
        }
        let text = raw_text(value)?;
        let duration = parsed_duration(text)
            .map_err(|reason| Fault::new(format!("{text:?} is not a duration: {reason}")).help(&help))?;
        if !range.contains(&duration) {
            return Err(Fault::new(format!("{text:?} is out of range")).help(help));
        }
        Ok(duration)
    }
}

/// humantime panics where the seconds come to just above what a `Duration` holds, so numbers and text are bounded first.
fn parsed_duration(text: &str) -> Result<Duration, String> {
    let longest_number = text.split(|letter: char| !letter.is_ascii_digit()).map(str::len).max();
    if text.len() > 64 || longest_number.is_some_and(|digits| digits > 9) {
        return Err("it is too long".to_owned());
    }
    humantime::parse_duration(text).map_err(|error| error.to_string())
}

/// An amount of bytes, `64KiB`, in `range`.
pub(super) fn byte_size(range: RangeInclusive<u64>) -> impl Fn(&DeValue<'_>) -> Result<u64, Fault> {
    move |value| {
        let (least, most) = (ByteSize(*range.start()), ByteSize(*range.end()));
        let help = format!("from {least} to {most}, such as \"64KiB\", \"1MiB\" or \"12MiB\"");
        let size = match value {
            DeValue::Integer(number) => u64::from_str_radix(number.as_str(), number.radix()).ok(),
            other => parsed_size(raw_text(other)?),
        };
        let written = value.as_str().map_or_else(|| "the number".to_owned(), |text| format!("{text:?}"));
        let size = size.ok_or_else(|| Fault::new(format!("{written} is not a size")).help(&help))?;
        if !range.contains(&size) {
            return Err(Fault::new(format!("{written} is out of range")).help(help));
        }
        Ok(size)
    }
}

/// Its own messages speak of Rust types, so they are left out.
fn parsed_size(text: &str) -> Option<u64> {
    text.trim().parse::<ByteSize>().ok().map(|size| size.as_u64())
}

/// One word of a closed set.
pub(super) fn choice<T: Copy>(
    words: &'static [(&'static str, T)],
) -> impl Fn(&DeValue<'_>) -> Result<T, Fault> {
    move |value| {
        let known = || words.iter().map(|(word, _)| *word);
        let text = raw_text(value).map_err(|fault| fault.help(format!("write {}", alternatives(known()))))?;
        if let Some((_, meaning)) = words.iter().find(|(word, _)| *word == text) {
            return Ok(*meaning);
        }
        let help = match nearest(text, known()) {
            Some(near) => format!("did you mean {near:?}?"),
            None => format!("write {}", alternatives(known())),
        };
        Err(Fault::new(format!("{text:?} is not a value of this key")).help(help))
    }
}

/// The name of a file or folder. Relative ones start at the folder of proxy.toml, which the compile step knows.
pub(super) fn file(value: &DeValue<'_>) -> Result<PathBuf, Fault> {
    if raw_text(value)?.contains("-----BEGIN") {
        return Err(Fault::new("expected the name of a PEM file, found its contents"));
    }
    text(value).map(PathBuf::from)
}

/// RFC 5280 4.2.1.12: the usage of proving who one is to a TLS server.
pub(super) const CLIENT_AUTH: ObjectIdentifier = ObjectIdentifier::known(ID_KP_CLIENT_AUTH);

/// An extended key usage by name or number. anyExtendedKeyUsage is refused: it would admit certificates for any use.
pub(super) fn extended_key_usage(value: &DeValue<'_>) -> Result<ObjectIdentifier, Fault> {
    let text = raw_text(value)?;
    if let Some(usage) = usage::of_name(text) {
        return Ok(usage);
    }
    let names = || usage::NAMED.iter().map(|(name, _)| *name);
    let usage: ObjectIdentifier = text.parse().map_err(|_| {
        let help = match nearest(text, names()) {
            Some(near) => format!("did you mean {near:?}?"),
            None => format!("write {} or a dotted number", alternatives(names())),
        };
        Fault::new(format!("{text:?} is not an extended key usage")).help(help)
    })?;
    if usage == ANY_EXTENDED_KEY_USAGE {
        return Err(Fault::new("anyExtendedKeyUsage does not say what a certificate is for")
            .help("name the usages that it must have, or [] for no demand"));
    }
    Ok(usage)
}

/// A dotted object identifier, as of a certificate policy. anyPolicy (RFC 5280 4.2.1.4) demands nothing and is refused.
pub(super) fn policy(value: &DeValue<'_>) -> Result<ObjectIdentifier, Fault> {
    let text = raw_text(value)?;
    let policy: ObjectIdentifier = text.parse().map_err(|_| {
        Fault::new(format!("{text:?} is not an object identifier"))
            .help("dotted numbers, such as \"2.16.840.1.101.3.2.1.3.13\"")
    })?;
    if policy == ANY_POLICY {
        return Err(Fault::new("anyPolicy demands nothing").help("name the policies, or leave the key out"));
    }
    Ok(policy)
}

/// A security identifier ([MS-DTYP] 2.4.2.1).
pub(super) fn sid(value: &DeValue<'_>) -> Result<Sid, Fault> {
    let text = raw_text(value)?;
    Sid::parse(text).map_err(|_| {
        Fault::new(format!("{text:?} is not a security identifier"))
            .help("such as \"S-1-5-21-1004336348-1177238915-682003330\"")
    })
}

/// A SHA-256 in hexadecimal, with or without colons between the bytes.
pub(super) fn sha256(value: &DeValue<'_>) -> Result<[u8; 32], Fault> {
    let text = raw_text(value)?;
    let fault = || {
        Fault::new("this is not a SHA-256 in hexadecimal")
            .help("64 digits, as `portcullis inspect` and `openssl x509 -noout -fingerprint -sha256` show")
    };
    let digits: Vec<char> = text.chars().filter(|letter| *letter != ':').collect();
    let mut bytes = Vec::with_capacity(32);
    for pair in digits.chunks(2) {
        let pair: String = pair.iter().collect();
        let both_hexadecimal = pair.len() == 2 && pair.bytes().all(|digit| digit.is_ascii_hexdigit());
        let byte = u8::from_str_radix(&pair, 16).ok().filter(|_| both_hexadecimal);
        bytes.push(byte.ok_or_else(fault)?);
    }
    bytes.try_into().map_err(|_| fault())
}
