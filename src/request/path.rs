//! The path of a request in the one spelling that is matched, decided on and forwarded.
//!
//! Nothing is decoded, collapsed or resolved. A spelling that IIS could read in two ways is refused: if gateway and server
//! disagree about a path, they disagree about the users that may request it.

use super::InvalidPath;
use std::fmt;

/// The most bytes of a path. ASP.NET allows 260 characters of URL; the longest path of RMS has 60.
pub(crate) const MAX_PATH_BYTES: usize = 256;

/// Whether two spellings that differ only in ASCII letter case are the same path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PathCase {
    /// They are, as in IIS. The canonical path is in lower case.
    #[default]
    Fold,
    /// They are not.
    Exact,
}

impl PathCase {
    /// `text` in the letter case in which it is compared.
    pub fn apply(self, text: &str) -> String {
        match self {
            Self::Fold => text.to_ascii_lowercase(),
            Self::Exact => text.to_owned(),
        }
    }
}

/// A path in the strict alphabet, `(/[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*)+`, or `/`, or either with one trailing slash;
/// in lower case if the site ignores case. It has no `%`, no empty segment and no dot segment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CanonicalPath(Box<str>);

impl CanonicalPath {
    /// Parses a path as received, without its query.
    ///
    /// # Errors
    /// For any other byte, a dot that is not between two name characters, two slashes in a row, and more than
    /// [`MAX_PATH_BYTES`].
    pub fn parse(raw: &str, case: PathCase) -> Result<Self, InvalidPath> {
        check_alphabet(raw)?;
        Ok(Self(case.apply(raw).into_boxed_str()))
    }

    /// The canonical path.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a segment before the last has an extension, or a slash follows a segment that has one.
    ///
    /// IIS executes a segment with a script's extension and passes all that follows as PATH_INFO (KB 275601), so such a path
    /// runs the file, whatever follows.
    pub fn is_below_a_file(&self) -> bool {
        has_inner_extension(&self.0)
    }

    /// The paths above this one, nearest first, without trailing slash; the last is empty and stands for the root.
    pub fn ancestors(&self) -> impl Iterator<Item = &str> {
        ancestors_of(&self.0)
    }
}

impl fmt::Display for CanonicalPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Checks `path` against the alphabet. Also used for the patterns of rules, so that no rule has a path that no request has.
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

/// Whether there is a dot before the last slash of `path`.
pub(super) fn has_inner_extension(path: &str) -> bool {
    path.rsplit_once('/').is_some_and(|(above, _)| above.contains('.'))
}

/// As [`CanonicalPath::ancestors`], for a path in the alphabet, or the empty text, which has no ancestors.
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
    fn letter_case_is_ignored_only_if_the_site_is_configured_so() {
        assert_eq!(folded("/_WMCS/License.ASMX").as_deref(), Ok("/_wmcs/license.asmx"));
        let exact = CanonicalPath::parse("/_WMCS/License.ASMX", PathCase::Exact).unwrap();
        assert_eq!(exact.as_str(), "/_WMCS/License.ASMX");
    }

    #[test]
    fn a_refusal_names_the_byte_and_its_position() {
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
    fn ancestors_go_up_to_the_root() {
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
