//! Lookup of the path rule for a canonical path.
//!
//! The most specific rule applies: an exact rule takes precedence over the rule of a directory, and a deeper directory over
//! a higher one. A path below an exact rule or below a file has no rule: IIS runs `license.asmx` for `license.asmx/x`, so
//! that the rule of a directory would permit requests that the rule of the file denies.

use crate::request::{CanonicalPath, PathCase, PathPattern, PathScope, ancestors_of};
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// The path rules of one site.
#[derive(Clone, Debug)]
pub struct PathTable<R> {
    case: PathCase,
    nodes: HashMap<Box<str>, PathNode<R>>,
    /// The length of the longest key in bytes. Longer ancestors of a path are not looked up.
    longest: usize,
}

#[derive(Clone, Debug)]
struct PathNode<R> {
    pattern: PathPattern,
    /// The rule's position in the list that the table was built from.
    position: usize,
    rule: R,
}

/// The rule that applies to a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathMatch<'a, R> {
    /// The rule.
    pub rule: &'a R,
    /// The pattern of the rule.
    pub pattern: &'a PathPattern,
}

impl<'a, R> PathMatch<'a, R> {
    /// Returns the path to forward: for an exact rule its configured spelling, for a directory `path`, which is the path that
    /// was looked up.
    pub fn forward<'p>(&self, path: &'p CanonicalPath) -> &'p str
    where
        'a: 'p,
    {
        match self.pattern.scope() {
            PathScope::Itself => self.pattern.path(),
            PathScope::Below => path.as_str(),
        }
    }
}

/// The reason why no rule applies to a path. The response is the same for all reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoPathRule {
    /// Neither an exact rule nor one for a directory matches.
    #[error("no path rule matches")]
    NoRule,
    /// The path continues below a segment with an extension. IIS runs that file and ignores the rest.
    #[error("the path continues below a file")]
    BelowFile,
    /// The path continues below the path of an exact rule.
    #[error("the path continues below the path of an exact rule")]
    BelowExactRule,
}

/// Two rules that cannot both apply. Positions count from 0 in the list passed to [`PathTable::build`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathTableError {
    /// The same pattern, without regard to letter case if the site ignores it.
    #[error("duplicate path `{pattern}`")]
    Duplicate {
        /// The second pattern.
        pattern: String,
        /// The position of the first rule.
        first: usize,
        /// The position of the second rule.
        again: usize,
    },
    /// A directory at or below the path of an exact rule, which no request matches.
    #[error("`{directory}` never matches: paths below the exact path `{exact}` are not found")]
    Unreachable {
        /// The directory's pattern.
        directory: String,
        /// The exact rule's pattern.
        exact: String,
        /// The position of the directory's rule.
        directory_position: usize,
        /// The position of the exact rule.
        exact_position: usize,
    },
}

impl<R> PathTable<R> {
    /// Builds the table. The order of the rules has no effect.
    ///
    /// # Errors
    /// All duplicate patterns, and all directories that an exact rule makes unreachable.
    pub fn build(
        case: PathCase,
        rules: impl IntoIterator<Item = (PathPattern, R)>,
    ) -> Result<Self, Vec<PathTableError>> {
        let mut nodes = HashMap::new();
        let mut errors = Vec::new();
        for (position, (pattern, rule)) in rules.into_iter().enumerate() {
            match nodes.entry(pattern.key(case).into_boxed_str()) {
                Entry::Vacant(vacant) => _ = vacant.insert(PathNode { pattern, position, rule }),
                Entry::Occupied(first) => errors.push(clash(first.get(), &pattern, position)),
            }
        }
        errors.extend(unreachable_directories(&nodes));
        if !errors.is_empty() {
            return Err(errors);
        }
        let longest = nodes.keys().map(|key| key.len()).max().unwrap_or(0);
        Ok(Self { case, nodes, longest })
    }

    /// Returns how the table treats letter case. Paths have to be parsed with the same value.
    pub fn case(&self) -> PathCase {
        self.case
    }

    /// Returns the rule that applies to `path`, which was parsed with [`PathTable::case`].
    ///
    /// # Errors
    /// The reason why no rule applies.
    pub fn find(&self, path: &CanonicalPath) -> Result<PathMatch<'_, R>, NoPathRule> {
        if path.is_below_a_file() {
            return Err(NoPathRule::BelowFile);
        }
        if let Some(node) = self.nodes.get(path.as_str()) {
            return Ok(node.matched());
        }
        // No directory is below an exact rule (see `build`), so the nearest rule above decides.
        let mut above = path.ancestors().filter(|key| key.len() <= self.longest);
        match above.find_map(|key| self.nodes.get(key)) {
            Some(node) if node.pattern.scope() == PathScope::Below => Ok(node.matched()),
            Some(_) => Err(NoPathRule::BelowExactRule),
            None => Err(NoPathRule::NoRule),
        }
    }

    /// Returns all rules with their patterns, in arbitrary order.
    pub fn rules(&self) -> impl Iterator<Item = (&PathPattern, &R)> {
        self.nodes.values().map(|node| (&node.pattern, &node.rule))
    }
}

impl<R> PathNode<R> {
    fn matched(&self) -> PathMatch<'_, R> {
        PathMatch { rule: &self.rule, pattern: &self.pattern }
    }
}

/// Returns the error for two patterns with the same key: a duplicate, or a path and the directory of that name.
fn clash<R>(first: &PathNode<R>, again: &PathPattern, position: usize) -> PathTableError {
    match (first.pattern.scope(), again.scope()) {
        (PathScope::Itself, PathScope::Below) => unreachable(again, position, &first.pattern, first.position),
        (PathScope::Below, PathScope::Itself) => unreachable(&first.pattern, first.position, again, position),
        (PathScope::Itself, PathScope::Itself) | (PathScope::Below, PathScope::Below) => {
            PathTableError::Duplicate { pattern: again.to_string(), first: first.position, again: position }
        }
    }
}

fn unreachable_directories<R>(nodes: &HashMap<Box<str>, PathNode<R>>) -> Vec<PathTableError> {
    let mut errors: Vec<(usize, PathTableError)> = Vec::new();
    for (key, node) in nodes.iter().filter(|(_, node)| node.pattern.scope() == PathScope::Below) {
        let mut above = ancestors_of(key).filter_map(|key| nodes.get(key));
        if let Some(exact) = above.find(|above| above.pattern.scope() == PathScope::Itself) {
            let error = unreachable(&node.pattern, node.position, &exact.pattern, exact.position);
            errors.push((node.position, error));
        }
    }
    // The map has no order, and diagnostics need one.
    errors.sort_by_key(|(position, _)| *position);
    errors.into_iter().map(|(_, error)| error).collect()
}

fn unreachable(
    directory: &PathPattern,
    directory_position: usize,
    exact: &PathPattern,
    exact_position: usize,
) -> PathTableError {
    PathTableError::Unreachable {
        directory: directory.to_string(),
        exact: exact.to_string(),
        directory_position,
        exact_position,
    }
}

#[cfg(test)]
mod tests;
