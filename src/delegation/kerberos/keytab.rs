//! The names and types of the keys in a keytab file (MIT krb5, "The Keytab Binary File Format", version 5.2).
//!
//! The library reads the keys themselves from the file. The names are read here because the library does not report
//! which keys a keytab has if it lacks the required one.

use super::encryption_type::EncryptionType;
use super::status::GssStatus;
use crate::secret::Secret;
use aws_lc_rs::digest;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// The version number at the beginning of the file.
const VERSION: [u8; 2] = [5, 2];
/// The maximum file size. An entry has about a hundred bytes.
const MAXIMUM_BYTES: usize = 1024 * 1024;

/// The keys of a keytab, without their values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Keytab {
    entries: Vec<KeytabEntry>,
    /// SHA-256 of the file.
    content: [u8; 32],
}

/// One key, without its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeytabEntry {
    /// The principal: `svc-gw@CORP.EXAMPLE`.
    pub principal: String,
    /// The key version number.
    pub version: u32,
    /// The encryption type.
    pub encryption: EncryptionType,
}

/// The reason for which a keytab cannot be used.
#[derive(Clone, Debug, thiserror::Error)]
pub enum KeytabError {
    /// The file cannot be read.
    #[error("cannot read the file")]
    Unreadable(#[source] Arc<io::Error>),
    /// The file is not a keytab, or is truncated.
    #[error("not a keytab, or truncated")]
    Malformed,
    /// The keytab has no key.
    #[error("the keytab has no keys")]
    Empty,
    /// The keytab has no key of the configured account.
    #[error("no key of {principal}; it has keys of {}", names.join(", "))]
    NoKey {
        /// The account.
        principal: String,
        /// The principals of its keys.
        names: Vec<String>,
    },
    /// The KDC does not know the principal of the key.
    #[error("{principal} cannot log in")]
    NoAccount {
        /// The principal.
        principal: String,
        /// The response of the KDC.
        #[source]
        status: GssStatus,
    },
    /// The password of the account has changed since the key was created.
    #[error("the key of {principal} does not match the password of the account")]
    WrongKey {
        /// The account.
        principal: String,
        /// The response of the KDC.
        #[source]
        status: GssStatus,
    },
    /// The library finds no usable key in the keytab.
    #[error("no usable key for {principal}")]
    Unusable {
        /// The account.
        principal: String,
        /// The error of the library.
        #[source]
        status: GssStatus,
    },
}

impl KeytabError {
    /// Returns one sentence that names the change to make.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "Make the keytab readable for the gateway's user alone (mode 0400).",
            Self::Malformed | Self::Empty => {
                "Create the keytab again (ktpass, msktutil or samba-tool), and copy it as a binary file."
            }
            Self::NoKey { .. } | Self::NoAccount { .. } => {
                "Create the keytab for the account's own name (sAMAccountName@REALM): an account cannot log in by a service principal name."
            }
            Self::WrongKey { .. } => {
                "The password was changed after the keytab was created: create the keytab again."
            }
            Self::Unusable { .. } => "Create the keytab with AES keys, and permit AES in krb5.conf.",
        }
    }
}

impl Keytab {
    /// Reads the file. Blocks.
    ///
    /// # Errors
    ///
    /// The file cannot be read, is not a keytab, or has no key.
    pub(crate) fn read(path: &Path) -> Result<Self, KeytabError> {
        let bytes =
            Secret::read(path, MAXIMUM_BYTES).map_err(|error| KeytabError::Unreadable(Arc::new(error)))?;
        let entries = entries(bytes.expose()).ok_or(KeytabError::Malformed)?;
        if entries.is_empty() {
            return Err(KeytabError::Empty);
        }
        Ok(Self { entries, content: sha256(bytes.expose()) })
    }

    /// Returns all keys, in the order of the file.
    pub(crate) fn entries(&self) -> &[KeytabEntry] {
        &self.entries
    }

    /// Returns the principals of the keys, each once.
    pub(crate) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for entry in &self.entries {
            if !names.contains(&entry.principal) {
                names.push(entry.principal.clone());
            }
        }
        names
    }

    /// Returns the account to log in as: `configured`, with its realm if `configured` has none. Without `configured`, the first
    /// that is not a service principal name, because an account cannot usually log in by one, or else the first of all.
    ///
    /// # Errors
    ///
    /// The keytab has no key of `configured`.
    pub(crate) fn account(&self, configured: Option<&str>) -> Result<String, KeytabError> {
        let names = self.names();
        let found = match configured {
            Some(configured) => names.iter().find(|name| {
                name.as_str() == configured
                    || name.rsplit_once('@').is_some_and(|(name, _)| name == configured)
            }),
            None => names.iter().find(|name| !name.contains('/')).or(names.first()),
        };
        found.cloned().ok_or_else(|| match configured {
            Some(configured) => KeytabError::NoKey { principal: configured.to_owned(), names: names.clone() },
            None => KeytabError::Empty,
        })
    }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut sum = [0; 32];
    sum.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    sum
}

/// Decodes all entries of a file; returns `None` if it is not a complete keytab.
fn entries(file: &[u8]) -> Option<Vec<KeytabEntry>> {
    let mut rest = file.strip_prefix(&VERSION)?;
    let mut entries = Vec::new();
    while !rest.is_empty() {
        let length = i32::from_be_bytes(take(&mut rest)?);
        let record = split(&mut rest, usize::try_from(length.unsigned_abs()).ok()?)?;
        match length {
            // The end of the entries.
            0 => break,
            // The bytes of an entry that was removed.
            ..0 => {}
            1.. => entries.push(entry(record)?),
        }
    }
    Some(entries)
}

fn entry(mut record: &[u8]) -> Option<KeytabEntry> {
    let components = u16::from_be_bytes(take(&mut record)?);
    let realm = counted(&mut record)?;
    let mut name = Vec::new();
    for _ in 0..components {
        name.push(counted(&mut record)?);
    }
    let _name_type: [u8; 4] = take(&mut record)?;
    let _written_at: [u8; 4] = take(&mut record)?;
    let [short_version] = take(&mut record)?;
    let encryption = EncryptionType::new(i32::from(u16::from_be_bytes(take(&mut record)?)));
    let key_length = u16::from_be_bytes(take(&mut record)?);
    let _key = split(&mut record, usize::from(key_length))?;
    // A version above 255 follows the key; zero means that the short version applies.
    let long_version = take(&mut record).map(u32::from_be_bytes).filter(|version| *version != 0);
    Some(KeytabEntry {
        principal: format!("{}@{realm}", name.join("/")),
        version: long_version.unwrap_or(u32::from(short_version)),
        encryption,
    })
}

/// Decodes text, which its length precedes.
fn counted(rest: &mut &[u8]) -> Option<String> {
    let length = u16::from_be_bytes(take(rest)?);
    Some(String::from_utf8_lossy(split(rest, usize::from(length))?).into_owned())
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    split(rest, N)?.try_into().ok()
}

fn split<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(length)?;
    *rest = left;
    Some(taken)
}

#[cfg(test)]
impl Keytab {
    /// Creates a keytab without keys, as if its file had this content.
    pub(super) fn of_content(content: &[u8]) -> Self {
        Self { entries: Vec::new(), content: sha256(content) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Encodes an entry as `ktutil` does.
    fn record(components: &[&str], short_version: u8, encryption: u16, long_version: Option<u32>) -> Vec<u8> {
        let counted = |text: &[u8]| [&u16::try_from(text.len()).unwrap().to_be_bytes(), text].concat();
        let mut record = u16::try_from(components.len()).unwrap().to_be_bytes().to_vec();
        record.extend(counted(b"CORP.EXAMPLE"));
        for component in components {
            record.extend(counted(component.as_bytes()));
        }
        record.extend([0, 0, 0, 1, 0, 0, 0, 0, short_version]);
        record.extend(encryption.to_be_bytes());
        record.extend(counted(&[0xaa; 32]));
        record.extend(long_version.into_iter().flat_map(u32::to_be_bytes));
        [&i32::try_from(record.len()).unwrap().to_be_bytes()[..], &record].concat()
    }

    fn keytab(records: &[Vec<u8>]) -> Option<Keytab> {
        let file = [&VERSION[..], &records.concat()].concat();
        entries(&file).map(|entries| Keytab { entries, content: sha256(&file) })
    }

    fn key(principal: &str, version: u32, encryption: i32) -> KeytabEntry {
        KeytabEntry { principal: principal.to_owned(), version, encryption: EncryptionType::new(encryption) }
    }

    #[test]
    fn names_versions_and_types_are_decoded_and_removed_entries_skipped() {
        let free = [&(-7_i32).to_be_bytes()[..], &[0; 7]].concat();
        let records = [
            record(&["HTTP", "gw.corp.example"], 3, 18, None),
            free,
            record(&["svc-gw"], 4, 17, Some(260)),
            record(&["svc-gw"], 5, 23, Some(0)),
        ];
        let expected = [
            key("HTTP/gw.corp.example@CORP.EXAMPLE", 3, 18),
            key("svc-gw@CORP.EXAMPLE", 260, 17),
            key("svc-gw@CORP.EXAMPLE", 5, 23),
        ];
        let keytab = keytab(&records).unwrap();
        assert_eq!(keytab.entries(), expected);
        assert_eq!(keytab.names(), ["HTTP/gw.corp.example@CORP.EXAMPLE", "svc-gw@CORP.EXAMPLE"]);
    }

    #[test]
    fn an_account_name_is_preferred_to_a_service_principal_name() {
        let keytab =
            keytab(&[record(&["HTTP", "gw"], 3, 18, None), record(&["svc-gw"], 3, 18, None)]).unwrap();
        let account = |configured| keytab.account(configured).map_err(|error| error.to_string());
        assert_eq!(account(None).unwrap(), "svc-gw@CORP.EXAMPLE");
        assert_eq!(account(Some("HTTP/gw")).unwrap(), "HTTP/gw@CORP.EXAMPLE");
        assert_eq!(account(Some("svc-gw@CORP.EXAMPLE")).unwrap(), "svc-gw@CORP.EXAMPLE");
        assert_eq!(
            account(Some("svc-gw@OTHER.EXAMPLE")).unwrap_err(),
            "no key of svc-gw@OTHER.EXAMPLE; it has keys of HTTP/gw@CORP.EXAMPLE, svc-gw@CORP.EXAMPLE"
        );
    }

    #[test]
    fn a_truncated_file_is_not_a_keytab() {
        let whole = [&VERSION[..], &record(&["svc-gw"], 4, 17, None)].concat();
        for length in (0..whole.len()).filter(|length| *length != VERSION.len()) {
            assert_eq!(entries(&whole[..length]), None, "the first {length} bytes");
        }
        assert_eq!(entries(b"root:x:0:0:root:/root:/bin/bash\n"), None);
        assert_eq!(entries(&[5, 2, 0x80, 0, 0, 0]), None);
    }
}
