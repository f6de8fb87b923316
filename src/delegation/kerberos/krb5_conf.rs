//! The KDCs of each realm in krb5.conf(5), in their order. The library reads all other settings in it.

use crate::secret;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// The environment variable with the file names, separated by colons.
pub(super) const VARIABLE: &str = "KRB5_CONFIG";
/// The file that is read if the variable is not set.
const DEFAULT_FILE: &str = "/etc/krb5.conf";
/// The maximum size of a file.
const MAXIMUM_BYTES: usize = 1024 * 1024;
/// The maximum depth of included files.
const MAXIMUM_DEPTH: u8 = 8;

/// A realm and its KDCs, as in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RealmKdcs {
    pub(super) realm: String,
    pub(super) kdcs: Vec<String>,
}

/// Returns the value of [`VARIABLE`], or its default.
pub(super) fn files() -> OsString {
    std::env::var_os(VARIABLE).unwrap_or_else(|| DEFAULT_FILE.into())
}

/// Returns the realms of all files that have KDCs. A file that cannot be read is skipped.
pub(super) fn read(files: &OsStr) -> Vec<RealmKdcs> {
    let mut realms = Vec::new();
    for file in std::env::split_paths(files) {
        read_file(&file, &mut realms, 0);
    }
    realms
}

fn read_file(file: &Path, realms: &mut Vec<RealmKdcs>, depth: u8) {
    let Ok(Ok(text)) = secret::read_file(file, MAXIMUM_BYTES).map(String::from_utf8) else { return };
    if depth <= MAXIMUM_DEPTH {
        read_text(&text, realms, depth);
    }
}

fn read_text(text: &str, realms: &mut Vec<RealmKdcs>, included: u8) {
    let mut in_realms = false;
    let mut realm: Option<String> = None;
    let mut depth = 0_usize;
    for line in text.lines().map(str::trim) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["include", file] if depth == 0 => {
                read_file(Path::new(file), realms, included + 1);
            }
            ["includedir", folder] if depth == 0 => {
                for file in files_in(Path::new(folder)) {
                    read_file(&file, realms, included + 1);
                }
            }
            _ if line.starts_with('[') && depth == 0 => in_realms = line.starts_with("[realms]"),
            _ if line.starts_with('}') => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    realm = None;
                }
            }
            _ if line.starts_with(['#', ';']) => {}
            _ => {
                let Some((name, value)) = line.split_once('=') else { continue };
                let (name, value) = (name.trim().trim_end_matches('*'), value.trim());
                if value.starts_with('{') {
                    depth += 1;
                    if depth == 1 && in_realms {
                        realm = Some(name.to_owned());
                    }
                } else if let (1, "kdc", Some(realm)) = (depth, name, &realm) {
                    add(realms, realm, value.trim_matches('"'));
                }
            }
        }
    }
}

fn add(realms: &mut Vec<RealmKdcs>, realm: &str, kdc: &str) {
    match realms.iter_mut().find(|known| known.realm == realm) {
        Some(known) => known.kdcs.push(kdc.to_owned()),
        None => realms.push(RealmKdcs { realm: realm.to_owned(), kdcs: vec![kdc.to_owned()] }),
    }
}

/// Returns the files of an included folder whose names have only letters, digits, hyphens and underscores, or end in
/// `.conf`.
fn files_in(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let plain = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    let is_read = |name: &str| plain(name) || (name.ends_with(".conf") && !name.starts_with('.'));
    let paths = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    let mut paths: Vec<_> = paths
        .filter(|path| path.file_name().is_some_and(|name| name.to_str().is_some_and(is_read)))
        .collect();
    paths.sort();
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(realm: &str, kdcs: &[&str]) -> RealmKdcs {
        RealmKdcs { realm: realm.to_owned(), kdcs: kdcs.iter().map(|kdc| (*kdc).to_owned()).collect() }
    }

    #[test]
    fn the_kdcs_of_each_realm_are_read_in_their_order() {
        let folder = tempfile::TempDir::new().unwrap();
        let (main, more) = (folder.path().join("krb5.conf"), folder.path().join("more.d"));
        std::fs::create_dir(&more).unwrap();
        std::fs::write(more.join("partner.conf"), "[realms]\nPARTNER.EXAMPLE = {\n kdc = p1\n}\n").unwrap();
        std::fs::write(more.join("ignored~"), "[realms]\nIGNORED = {\n kdc = p1\n}\n").unwrap();
        let text = format!(
            "includedir {}\n[libdefaults]\n  default_realm = CORP.EXAMPLE\n[realms]\n  # kdc = none\n  \
             CORP.EXAMPLE = {{\n    kdc = dc1.corp.example\n    auth_to_local_names = {{\n      kdc = x\n    }}\n    \
             kdc = dc2.corp.example:8888\n    admin_server = dc1\n  }}\n  EMPTY = {{\n  }}\n[domain_realm]\n  \
             .corp.example = CORP.EXAMPLE\n",
            more.display()
        );
        std::fs::write(&main, text).unwrap();
        let files = std::env::join_paths([main, folder.path().join("none")]).unwrap();
        let expected = [
            of("PARTNER.EXAMPLE", &["p1"]),
            of("CORP.EXAMPLE", &["dc1.corp.example", "dc2.corp.example:8888"]),
        ];
        assert_eq!(read(&files), expected);
    }
}
