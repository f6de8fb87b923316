//! The canonical path of a request, which is matched, decided on and forwarded.
//!
//! Paths are not decoded, collapsed or resolved. A spelling that IIS could interpret in two ways is rejected: if the gateway
//! and the server disagree about a path, they disagree about the users that may request it.

use super::InvalidPath;
use std::fmt;

/// The maximum length of a path in bytes. ASP.NET allows URLs of 260 characters, and the longest path of RMS has 60.
pub(crate) const MAX_PATH_BYTES: usize = 256;

/// Whether paths that differ only in ASCII letter case are equal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PathCase {
    /// They are equal, as in IIS. The canonical path is in lower case.
    #[default]
    Fold,
    /// They are different paths.
    Exact,
}

impl PathCase {
    /// Returns `text` in the letter case in which it is compared.
    pub fn apply(self, text: &str) -> String {
        match self {
            Self::Fold => text.to_ascii_lowercase(),
            Self::Exact => text.to_owned(),
        }
    }
}

/// A path in the strict alphabet: `(/[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*)+` with or without one trailing slash, or `/`. It is
/// in lower case if the site ignores letter case, and has no `%`, no empty segment and no dot segment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CanonicalPath(Box<str>);

impl CanonicalPath {
    /// Parses a path as received, without its query.
    ///
    /// # Errors
    /// The path has another byte, a dot that is not between two name characters, two slashes in a row, or more than
    /// [`MAX_PATH_BYTES`] bytes.
    pub fn parse(raw: &str, case: PathCase) -> Result<Self, InvalidPath> {
        check_alphabet(raw)?;
        Ok(Self(case.apply(raw).into_boxed_str()))
    }

    /// Returns the canonical path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether a segment before the last slash has an extension.
    ///
    /// IIS executes a segment with the extension of a script and passes the rest of the path as PATH_INFO (KB 275601), so
    /// that a request for any path below a file runs the file.
    pub fn is_below_a_file(&self) -> bool {
        has_inner_extension(&self.0)
    }

    /// Returns the paths above this one without trailing slashes, nearest first. The last one is empty and stands for the
    /// root.
    pub fn ancestors(&self) -> impl Iterator<Item = &str> {
        ancestors_of(&self.0)
    }
}

impl fmt::Display for CanonicalPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Checks `path` against the strict alphabet. The patterns of rules are checked, too, so that a request can match each.
pub(super) fn check_alphabet(path: &str) -> Result<(), InvalidPath> {
    if path.len() > MAX_PATH_BYTES {
        return Err(InvalidPath::TooLong { bytes: path.len(), limit: MAX_PATH_BYTES });
    }
    if !path.starts_with('/') {
        return Err(InvalidPath::NotRooted);
    }
    let mut previous = b'/';
    for (position, byte) in path.bytes().enumerate().skip(1) {
        match (previous, byte) {
            (b'/', b'/') => return Err(InvalidPath::EmptySegment { position }),
            (b'.', b'/' | b'.') => return Err(InvalidPath::StrayDot { position: position - 1 }),
            (b'/', b'.') => return Err(InvalidPath::StrayDot { position }),
            (_, b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'.' | b'/') => previous = byte,
            (_, byte) => return Err(InvalidPath::ForeignByte { byte, position }),
        }
    }
    if previous == b'.' {
        return Err(InvalidPath::StrayDot { position: path.len() - 1 });
    }
    Ok(())
}

/// Returns whether `path` has a dot before its last slash.
pub(super) fn has_inner_extension(path: &str) -> bool {
    path.rsplit_once('/').is_some_and(|(above, _)| above.contains('.'))
}

/// Returns the ancestors of `path` as [`CanonicalPath::ancestors`] does. An empty path has none.
pub(crate) fn ancestors_of(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(path), |below| Some(below.rsplit_once('/')?.0)).skip(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn folded(raw: &str) -> Result<String, InvalidPath> {
        CanonicalPath::parse(raw, PathCase::Fold).map(|path| path.to_string())
    }

    #[test]
    fn the_strict_alphabet_is_accepted() {
        for path in ["/", "/a", "/a/", "/_wmcs/licensing/license.asmx", "/a/b.c.d", "/-/_", "/a.b/", "/a.b/c"]
        {
            assert_eq!(folded(path).as_deref(), Ok(path));
        }
    }

    #[test]
    fn letter_case_is_folded_or_kept_as_the_site_specifies() {
        assert_eq!(folded("/_WMCS/License.ASMX").as_deref(), Ok("/_wmcs/license.asmx"));
        let exact = CanonicalPath::parse("/_WMCS/License.ASMX", PathCase::Exact).unwrap();
        assert_eq!(exact.as_str(), "/_WMCS/License.ASMX");
    }

    #[test]
    fn an_error_contains_the_byte_and_its_position() {
        assert_eq!(folded("/a%2f"), Err(InvalidPath::ForeignByte { byte: b'%', position: 2 }));
        assert_eq!(folded("/\u{e9}"), Err(InvalidPath::ForeignByte { byte: 0xc3, position: 1 }));
        assert_eq!(folded("/a//b"), Err(InvalidPath::EmptySegment { position: 3 }));
        assert_eq!(folded("//"), Err(InvalidPath::EmptySegment { position: 1 }));
        assert_eq!(folded("/a/./b"), Err(InvalidPath::StrayDot { position: 3 }));
        assert_eq!(folded("/a/../b"), Err(InvalidPath::StrayDot { position: 3 }));
        assert_eq!(folded("/a./b"), Err(InvalidPath::StrayDot { position: 2 }));
        assert_eq!(folded("/a..b"), Err(InvalidPath::StrayDot { position: 2 }));
        assert_eq!(folded("/a."), Err(InvalidPath::StrayDot { position: 2 }));
        assert_eq!(folded(""), Err(InvalidPath::NotRooted));
        assert_eq!(folded("a/b"), Err(InvalidPath::NotRooted));
        assert_eq!(
            InvalidPath::ForeignByte { byte: b'%', position: 2 }.to_string(),
            "byte 0x25 at position 2 of the path is outside A-Z a-z 0-9 _ - . /"
        );
    }

    #[test]
    fn a_path_has_at_most_256_bytes() {
        let longest = format!("/{}", "a".repeat(MAX_PATH_BYTES - 1));
        assert_eq!(folded(&longest).as_deref(), Ok(longest.as_str()));
        assert_eq!(folded(&format!("{longest}a")), Err(InvalidPath::TooLong { bytes: 257, limit: 256 }));
    }

    #[test]
    fn a_path_after_a_segment_with_an_extension_is_below_a_file() {
        let below = |raw| CanonicalPath::parse(raw, PathCase::Fold).unwrap().is_below_a_file();
        assert!(below("/a/license.asmx/x"));
        assert!(below("/a/license.asmx/"));
        assert!(!below("/a/license.asmx"));
        assert!(!below("/a/b/"));
    }

    #[test]
    fn the_last_ancestor_is_the_root() {
        let above = |raw| {
            CanonicalPath::parse(raw, PathCase::Fold).unwrap().ancestors().collect::<Vec<_>>().join("|")
        };
        assert_eq!(above("/a/b/c"), "/a/b|/a|");
        assert_eq!(above("/a/b/"), "/a/b|/a|");
        assert_eq!(above("/"), "");
    }

    proptest! {
        #[test]
        fn the_canonical_form_of_any_accepted_spelling_is_a_fixed_point(raw in "(/[A-Za-z0-9_.%-]{0,6}){1,5}") {
            for case in [PathCase::Fold, PathCase::Exact] {
                if let Ok(path) = CanonicalPath::parse(&raw, case) {
                    prop_assert_eq!(CanonicalPath::parse(path.as_str(), case), Ok(path.clone()));
                    prop_assert!(path.as_str().eq_ignore_ascii_case(&raw));
                }
            }
        }

        #[test]
        fn the_canonical_form_does_not_depend_on_letter_case(raw in "(/[A-Za-z0-9_.-]{1,6}){1,5}/?") {
            prop_assert_eq!(folded(&raw), folded(&raw.to_ascii_uppercase()));
            prop_assert_eq!(folded(&raw), folded(&raw.to_ascii_lowercase()));
        }

        #[test]
        fn no_text_outside_the_alphabet_is_accepted(raw in "\\PC{0,40}") {
            if let Ok(path) = folded(&raw) {
                let inside = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./".contains(&byte);
                prop_assert!(path.bytes().all(inside));
                prop_assert!(!path.contains("//") && !path.contains(".."));
            }
        }
    }
}
