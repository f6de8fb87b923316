//! Arguments that several commands share, and the parsers of their values.

use crate::certificate::{ObjectIdentifier, usage};
use crate::clock::UnixTime;
use crate::secret;
use crate::validation::MAX_PATH_CERTIFICATES;
use anyhow::Context;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

#[derive(Debug, clap::Args)]
pub(super) struct ConfigurationFile {
    /// The configuration file
    #[arg(long, value_name = "FILE", default_value = "proxy.toml")]
    pub(super) config: PathBuf,
}

/// The argument that reads standard input instead of a file.
const STANDARD_INPUT: &str = "-";

/// The maximum size of a file that an argument names, in bytes.
const MAXIMUM_BYTES: usize = 16 * 1024 * 1024;

/// Returns the content of a file that an argument names; `-` is standard input.
///
/// # Errors
/// The file cannot be read, is not a regular file, or is larger than [`MAXIMUM_BYTES`].
pub(super) fn read_file(file: &Path) -> anyhow::Result<Vec<u8>> {
    if file != Path::new(STANDARD_INPUT) {
        let bytes = secret::read_file(file, MAXIMUM_BYTES);
        return bytes.with_context(|| format!("cannot read {}", file.display()));
    }
    let mut bytes = Vec::new();
    // One byte more than the maximum shows that the input is too large.
    let limit = u64::try_from(MAXIMUM_BYTES + 1)?;
    std::io::stdin().lock().take(limit).read_to_end(&mut bytes).context("cannot read standard input")?;
    anyhow::ensure!(
        bytes.len() <= MAXIMUM_BYTES,
        "cannot read standard input: it has more than {MAXIMUM_BYTES} bytes"
    );
    Ok(bytes)
}

/// Returns the name of a file argument for an error message.
pub(super) fn file_name(file: &Path) -> String {
    if file == Path::new(STANDARD_INPUT) { "standard input".to_owned() } else { file.display().to_string() }
}

/// Returns the time of an argument in seconds since 1970, or in RFC 3339 in UTC (`2026-11-22T09:30:00Z`).
pub(super) fn parse_time(text: &str) -> Result<UnixTime, String> {
    if let Ok(seconds) = text.parse() {
        let time = UnixTime::from_seconds(seconds);
        return if time <= UnixTime::END {
            Ok(time)
        } else {
            Err("the time is after the year 9999".to_owned())
        };
    }
    let time = humantime::parse_rfc3339(text).ok();
    let since = time.and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
    since.map(UnixTime::from).ok_or_else(|| {
        "expected seconds since 1970, or a time in UTC such as 2026-11-22T09:30:00Z".to_owned()
    })
}

pub(super) fn parse_policy(text: &str) -> Result<ObjectIdentifier, String> {
    text.parse().map_err(|_| "expected an object identifier such as 2.16.840.1.101.3.2.1.3.13".to_owned())
}

/// Returns the extended key usage of an argument, which is an object identifier or a name as in proxy.toml.
pub(super) fn parse_extended_key_usage(text: &str) -> Result<ObjectIdentifier, String> {
    match usage::of_name(text) {
        Some(usage) => Ok(usage),
        None => text.parse().map_err(|_| {
            let names: Vec<_> = usage::NAMED.iter().map(|(name, _)| *name).collect();
            format!("expected an object identifier, or one of {}", names.join(", "))
        }),
    }
}

/// Returns the maximum number of certificates in a path, of which the gateway never validates more than
/// [`MAX_PATH_CERTIFICATES`].
pub(super) fn parse_path_length(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (1..=MAX_PATH_CERTIFICATES).contains(number));
    number.ok_or_else(|| format!("expected a number from 1 to {MAX_PATH_CERTIFICATES}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_in_seconds_or_in_rfc_3339() {
        let expected = Ok(UnixTime::from_seconds(1_795_339_800));
        assert_eq!(parse_time("1795339800"), expected);
        assert_eq!(parse_time("2026-11-22T09:30:00Z"), expected);
        for wrong in ["", "now", "2026-11-22", "2026-11-22T09:30:00+01:00", "-1", "253402300800"] {
            assert!(parse_time(wrong).is_err(), "{wrong}");
        }
    }
}
