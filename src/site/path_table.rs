//! Takes a canonical path, gives the one rule that governs it and the path to forward. What no rule names is not found.
//!
//! Never decides anything but which rule. The most specific rule wins: the path itself before a directory, a deeper
//! directory before a higher one. What goes on below a rule's own path, or below any file, has no rule at all: IIS runs
//! `license.asmx/x` as `license.asmx`, so a broader rule would let in by the back what the file's own rule turns away.

use crate::request::{CanonicalPath, PathCase, PathPattern, PathScope, ancestors_of};
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// The path rules of one site, ready for look-up.
#[derive(Clone, Debug)]
pub struct PathTable<R> {
    case: PathCase,
    nodes: HashMap<Box<str>, PathNode<R>>,
    /// The length of the longest key: longer ancestors of a path need not be looked up.
    longest: usize,
}

#[derive(Clone, Debug)]
struct PathNode<R> {
    pattern: PathPattern,
    /// Where the rule stood in the list that the table was built from.
    position: usize,
    rule: R,
}

/// The rule that governs a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathMatch<'a, R> {
    /// The rule.
    pub rule: &'a R,
    /// Its pattern.
    pub pattern: &'a PathPattern,
    /// What goes to the backend: the pattern's own spelling where it is exact, the canonical path in a directory.
    pub forward: &'a str,
}

/// Why no rule governs a path. The client is told the same in every case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoPathRule {
    /// Neither an exact rule nor a directory's.
    #[error("no rule names this path")]
    NoRule,
    /// The path goes on below a segment with an extension, which IIS runs whatever follows.
    #[error("the path goes on below a file")]
    BelowFile,
    /// The path goes on below one that an exact rule names.
    #[error("the path goes on below that of an exact rule")]
    BelowExactRule,
}

/// Two rules that cannot both govern. Positions count from 0 in the list given to [`PathTable::build`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathTableError {
    /// The same pattern, letter case aside where the site folds it.
    #[error("`{pattern}` is named twice")]
    Duplicate {
        /// The pattern, as written the second time.
        pattern: String,
        /// The first rule.
        first: usize,
        /// The second.
        again: usize,
    },
    /// A directory at or below an exact rule's path, where no path is ever found.
    #[error("no path of `{directory}` is ever found, because the exact rule `{exact}` ends there")]
    Unreachable {
        /// The directory's pattern.
        directory: String,
        /// The exact rule's.
        exact: String,
        /// The directory's rule.
        directory_position: usize,
        /// The exact rule.
        exact_position: usize,
    },
}

impl<R> PathTable<R> {
    /// Takes the rules in any order; their order means nothing.
    ///
    /// # Errors
    ///
    /// Names every pattern that stands there twice, and every directory that an exact rule makes unreachable.
    pub fn build(
        case: PathCase,
        rules: impl IntoIterator<Item = (PathPattern, R)>,
    ) -> Result<Self, Vec<PathTableError>> {
        let mut nodes = HashMap::new();
        let mut faults = Vec::new();
        for (position, (pattern, rule)) in rules.into_iter().enumerate() {
            match nodes.entry(pattern.key(case).into_boxed_str()) {
                Entry::Vacant(vacant) => _ = vacant.insert(PathNode { pattern, position, rule }),
                Entry::Occupied(first) => faults.push(clash(first.get(), &pattern, position)),
            }
        }
        faults.extend(unreachable_directories(&nodes));
        if !faults.is_empty() {
            return Err(faults);
        }
        let longest = nodes.keys().map(|key| key.len()).max().unwrap_or(0);
        Ok(Self { case, nodes, longest })
    }

    /// The letter case under which the table was built: paths to look up are parsed under the same.
    pub fn case(&self) -> PathCase {
        self.case
    }

    /// The rule that governs `path`, which was parsed under [`PathTable::case`]. An empty table finds nothing.
    ///
    /// # Errors
    ///
    /// Says why no rule does.
    pub fn find<'a>(&'a self, path: &'a CanonicalPath) -> Result<PathMatch<'a, R>, NoPathRule> {
        if path.goes_below_a_file() {
            return Err(NoPathRule::BelowFile);
        }
        if let Some(node) = self.nodes.get(path.as_str()) {
            return Ok(node.found(path));
        }
        // No directory's rule stands below an exact rule (see `build`), so the nearest rule above settles it.
        let mut above = path.ancestors().filter(|key| key.len() <= self.longest);
        match above.find_map(|key| self.nodes.get(key)) {
            Some(node) if node.pattern.scope() == PathScope::Below => Ok(node.found(path)),
            Some(_) => Err(NoPathRule::BelowExactRule),
            None => Err(NoPathRule::NoRule),
        }
    }

    /// Every rule with its pattern, in no order.
    pub fn rules(&self) -> impl Iterator<Item = (&PathPattern, &R)> {
        self.nodes.values().map(|node| (&node.pattern, &node.rule))
    }
}

impl<R> PathNode<R> {
    fn found<'a>(&'a self, path: &'a CanonicalPath) -> PathMatch<'a, R> {
        let forward = match self.pattern.scope() {
            PathScope::Itself => self.pattern.path(),
            PathScope::Below => path.as_str(),
        };
        PathMatch { rule: &self.rule, pattern: &self.pattern, forward }
    }
}

/// Two patterns with one key: the same twice, or a path and the directory of that name.
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
    let mut faults: Vec<(usize, PathTableError)> = Vec::new();
    for (key, node) in nodes.iter().filter(|(_, node)| node.pattern.scope() == PathScope::Below) {
        let mut above = ancestors_of(key).filter_map(|key| nodes.get(key));
        if let Some(exact) = above.find(|above| above.pattern.scope() == PathScope::Itself) {
            let fault = unreachable(&node.pattern, node.position, &exact.pattern, exact.position);
            faults.push((node.position, fault));
        }
    }
    // The map has no order; the person who reads the faults has one.
    faults.sort_by_key(|(position, _)| *position);
    faults.into_iter().map(|(_, fault)| fault).collect()
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
