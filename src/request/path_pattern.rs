//! The path patterns of rules.

use super::path::{check_alphabet, has_inner_extension};
use super::{InvalidPath, PathCase};
use std::fmt;

/// The paths that a pattern covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PathScope {
    /// Exactly the path.
    Itself,
    /// The path with and without its trailing slash, and all paths below it, by whole segments.
    Below,
}

/// The path pattern of a rule: an exact path such as `/_wmcs/licensing/license.asmx`, or all paths of a directory such as
/// `/scripts/*`. `/*` covers every path. There are no other wildcards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPattern {
    /// As configured, without the `/*` of a directory.
    path: Box<str>,
    scope: PathScope,
}

/// The reason why no request can match a pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPathPattern {
    /// The path is outside of the strict alphabet.
    #[error("no request can have this path")]
    Path(#[source] InvalidPath),
    /// A segment before the last has an extension, and requests below a file are always rejected.
    #[error(
        "only the last segment of a path may have an extension: requests below a file are always rejected"
    )]
    InnerExtension,
}

impl PathPattern {
    /// Parses a pattern of the configuration.
    ///
    /// # Errors
    /// The path is outside of the strict alphabet, or below a segment with an extension.
    pub fn parse(written: &str) -> Result<Self, InvalidPathPattern> {
        let (path, scope) = match written.strip_suffix("/*") {
            Some(directory) => (directory, PathScope::Below),
            None => (written, PathScope::Itself),
        };
        let whole_server = path.is_empty() && scope == PathScope::Below;
        if !whole_server {
            check_alphabet(path).map_err(InvalidPathPattern::Path)?;
        }
        if scope == PathScope::Below && path.ends_with('/') {
            return Err(InvalidPathPattern::Path(InvalidPath::EmptySegment { position: path.len() }));
        }
        // A path in a directory has its last segment after all segments of the directory.
        let inner_extension = match scope {
            PathScope::Itself => has_inner_extension(path),
            PathScope::Below => path.contains('.'),
        };
        if inner_extension {
            return Err(InvalidPathPattern::InnerExtension);
        }
        Ok(Self { path: path.into(), scope })
    }

    /// Returns the path as configured. That of a directory has no trailing slash, and is empty for `/*`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns the paths that the pattern covers.
    pub fn scope(&self) -> PathScope {
        self.scope
    }

    /// Returns the path in the letter case in which it is compared with a [`super::CanonicalPath`].
    pub fn key(&self, case: PathCase) -> String {
        case.apply(&self.path)
    }
}

/// Formats the pattern as configured.
impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)?;
        match self.scope {
            PathScope::Itself => Ok(()),
            PathScope::Below => f.write_str("/*"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_displayed_as_configured() {
        for written in ["/", "/*", "/a/*", "/a/", "/_wmcs/Licensing/License.asmx"] {
            assert_eq!(
                PathPattern::parse(written).map(|pattern| pattern.to_string()),
                Ok(written.to_owned())
            );
        }
    }

    #[test]
    fn a_pattern_that_no_request_can_match_is_rejected() {
        let fault = |written| PathPattern::parse(written).unwrap_err();
        assert_eq!(fault(""), InvalidPathPattern::Path(InvalidPath::NotRooted));
        assert_eq!(fault("*"), InvalidPathPattern::Path(InvalidPath::NotRooted));
        assert_eq!(fault("a/*"), InvalidPathPattern::Path(InvalidPath::NotRooted));
        assert_eq!(fault("//*"), InvalidPathPattern::Path(InvalidPath::EmptySegment { position: 1 }));
        assert_eq!(fault("/a//*"), InvalidPathPattern::Path(InvalidPath::EmptySegment { position: 3 }));
        assert_eq!(
            fault("/a*"),
            InvalidPathPattern::Path(InvalidPath::ForeignByte { byte: b'*', position: 2 })
        );
        assert_eq!(
            fault("/*/a"),
            InvalidPathPattern::Path(InvalidPath::ForeignByte { byte: b'*', position: 1 })
        );
        assert_eq!(
            fault("/a%20b"),
            InvalidPathPattern::Path(InvalidPath::ForeignByte { byte: b'%', position: 2 })
        );
    }

    #[test]
    fn an_extension_before_the_last_segment_is_rejected() {
        for written in ["/a.b/c", "/a.b/", "/a.b/*", "/v1.0/x/*"] {
            assert_eq!(PathPattern::parse(written), Err(InvalidPathPattern::InnerExtension));
        }
    }
}
