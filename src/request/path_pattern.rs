//! Takes a path as an operator writes it for a rule, gives a pattern that some request can meet.

use super::path::{check_alphabet, has_inner_extension};
use super::{BadPath, PathCase};
use std::fmt;

/// What a pattern covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reach {
    /// The path itself and nothing else.
    Itself,
    /// The path itself, with and without its trailing slash, and everything below it, segment by segment.
    Below,
}

/// The path of a rule: exact, as `/_wmcs/licensing/license.asmx`, or everything in a directory, as `/scripts/*`.
/// `/*` is every path. There are no other wildcards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPattern {
    /// As written, without the `/*` of a directory.
    path: Box<str>,
    reach: Reach,
}

/// Why a pattern can be met by no request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPattern {
    /// The path is not one that a request may have.
    #[error("no request has such a path")]
    Path(#[source] BadPath),
    /// A segment before the last has an extension: requests below a file are always turned away.
    #[error(
        "only the last segment of a path may have an extension: what goes on below a file is never found"
    )]
    InnerExtension,
}

impl PathPattern {
    /// Takes the pattern as written in the configuration.
    ///
    /// # Errors
    ///
    /// Refuses a path outside the strict alphabet, and one that goes on below a segment with an extension.
    pub fn parse(written: &str) -> Result<Self, BadPattern> {
        let (path, reach) = match written.strip_suffix("/*") {
            Some(directory) => (directory, Reach::Below),
            None => (written, Reach::Itself),
        };
        let whole_server = path.is_empty() && reach == Reach::Below;
        if !whole_server {
            check_alphabet(path).map_err(BadPattern::Path)?;
        }
        if reach == Reach::Below && path.ends_with('/') {
            return Err(BadPattern::Path(BadPath::EmptySegment { position: path.len() }));
        }
        // All of a directory's own segments stand before the last one of a path in it.
        let inner_extension = match reach {
            Reach::Itself => has_inner_extension(path),
            Reach::Below => path.contains('.'),
        };
        if inner_extension {
            return Err(BadPattern::InnerExtension);
        }
        Ok(Self { path: path.into(), reach })
    }

    /// The path as written; of a directory without its trailing slash, so empty for `/*`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What it covers.
    pub fn reach(&self) -> Reach {
        self.reach
    }

    /// The path in the spelling in which it is compared with a [`super::CanonicalPath`].
    pub fn key(&self, case: PathCase) -> String {
        case.apply(&self.path)
    }
}

/// As written.
impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)?;
        match self.reach {
            Reach::Itself => Ok(()),
            Reach::Below => f.write_str("/*"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_shown_as_written() {
        for written in ["/", "/*", "/a/*", "/a/", "/_wmcs/Licensing/License.asmx"] {
            assert_eq!(
                PathPattern::parse(written).map(|pattern| pattern.to_string()),
                Ok(written.to_owned())
            );
        }
    }

    #[test]
    fn a_pattern_that_no_request_can_meet_is_refused() {
        let fault = |written| PathPattern::parse(written).unwrap_err();
        assert_eq!(fault(""), BadPattern::Path(BadPath::NotRooted));
        assert_eq!(fault("*"), BadPattern::Path(BadPath::NotRooted));
        assert_eq!(fault("a/*"), BadPattern::Path(BadPath::NotRooted));
        assert_eq!(fault("//*"), BadPattern::Path(BadPath::EmptySegment { position: 1 }));
        assert_eq!(fault("/a//*"), BadPattern::Path(BadPath::EmptySegment { position: 3 }));
        assert_eq!(fault("/a*"), BadPattern::Path(BadPath::ForeignByte { byte: b'*', position: 2 }));
        assert_eq!(fault("/*/a"), BadPattern::Path(BadPath::ForeignByte { byte: b'*', position: 1 }));
        assert_eq!(fault("/a%20b"), BadPattern::Path(BadPath::ForeignByte { byte: b'%', position: 2 }));
    }

    #[test]
    fn an_extension_before_the_last_segment_is_refused() {
        for written in ["/a.b/c", "/a.b/", "/a.b/*", "/v1.0/x/*"] {
            assert_eq!(PathPattern::parse(written), Err(BadPattern::InnerExtension));
        }
    }
}
