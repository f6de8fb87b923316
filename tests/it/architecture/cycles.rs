//! The files of `src/` import each other without a cycle, so that a file can be read without the files that use it.

use super::source::{SourceFile, shipped, source_files};
use proc_macro2::{Delimiter, TokenStream, TokenTree};
use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

/// The path of a module below the crate: `["pool"]` for `src/backend/pool.rs`.
type ModulePath = Vec<String>;

#[test]
fn no_files_import_each_other_in_a_cycle() {
    let cycles = cycles(&source_files("src"));
    assert!(cycles.is_empty(), "files that import each other:\n{cycles:#?}");
}

/// Returns one line for each group of files that import each other, directly or through others of the group.
fn cycles(files: &[SourceFile]) -> Vec<String> {
    let modules = Modules::read(files);
    let graph: BTreeMap<&ModulePath, BTreeSet<&ModulePath>> =
        modules.0.keys().map(|module| (module, modules.used_by(module))).collect();
    let reachable: BTreeMap<_, _> = graph.keys().map(|module| (*module, reachable(&graph, module))).collect();
    let mut groups = BTreeSet::new();
    for (module, reached) in &reachable {
        let group: Vec<_> = reached
            .iter()
            .filter(|other| reachable.get(*other).is_some_and(|back| back.contains(module)))
            .map(|other| other.join("::"))
            .collect();
        if group.len() > 1 {
            groups.insert(group.join(", "));
        }
    }
    groups.into_iter().collect()
}

fn reachable<'a>(
    graph: &BTreeMap<&'a ModulePath, BTreeSet<&'a ModulePath>>,
    from: &ModulePath,
) -> BTreeSet<&'a ModulePath> {
    let mut reached = BTreeSet::new();
    let mut next: Vec<&ModulePath> = graph.get(from).into_iter().flatten().copied().collect();
    while let Some(module) = next.pop() {
        if reached.insert(module) {
            next.extend(graph.get(module).into_iter().flatten().copied());
        }
    }
    reached
}

/// The modules of the binary.
struct Modules(BTreeMap<ModulePath, Names>);

/// The names that one file uses or re-exports.
#[derive(Default)]
struct Names {
    /// Paths in imports and in code, as written.
    used: Vec<Vec<String>>,
    /// The path of each name that the file imports or re-exports.
    imported: BTreeMap<String, Vec<String>>,
}

impl Modules {
    fn read(files: &[SourceFile]) -> Self {
        Self(shipped(files).map(|file| (module_path(&file.name), Names::of(&file.text))).collect())
    }

    /// Returns the other modules that `module` uses. A re-export by `pub use` does not count as a use.
    fn used_by(&self, module: &ModulePath) -> BTreeSet<&ModulePath> {
        let used = self.0.get(module).into_iter().flat_map(|names| &names.used);
        used.filter_map(|path| self.defining(&self.absolute(module, path)?, 0))
            .filter(|other| *other != module)
            .collect()
    }

    /// Returns the path from the crate root; `None` for a name of the standard library, of a dependency or of the file
    /// itself.
    fn absolute(&self, module: &ModulePath, path: &[String]) -> Option<Vec<String>> {
        let first = path.first()?;
        let supers = path.iter().take_while(|name| *name == "super").count();
        let (base, rest) = match first.as_str() {
            "crate" => (0, path.get(1..)?),
            "self" => (module.len(), path.get(1..)?),
            "super" => (module.len().checked_sub(supers)?, path.get(supers..)?),
            _ => {
                let child: ModulePath = module.iter().chain([first]).cloned().collect();
                self.0.get(&child)?;
                (module.len(), path)
            }
        };
        Some(module.iter().take(base).chain(rest).cloned().collect())
    }

    /// Returns the module that defines the item of an absolute path. Re-exports are followed.
    fn defining(&self, path: &[String], depth: usize) -> Option<&ModulePath> {
        let (module, names) =
            (1..=path.len()).rev().find_map(|length| self.0.get_key_value(path.get(..length)?))?;
        let rest = path.get(module.len()..)?;
        let reexported = rest.first().and_then(|name| names.imported.get(name));
        match reexported.and_then(|imported| self.absolute(module, imported)) {
            Some(imported) if depth < 8 && imported != path => {
                let next: Vec<_> = imported.into_iter().chain(rest.iter().skip(1).cloned()).collect();
                self.defining(&next, depth + 1)
            }
            Some(_) | None => Some(module),
        }
    }
}

/// Returns the module path of a file: `["ldap", "entry"]` for `src/ldap/entry.rs`.
fn module_path(name: &str) -> ModulePath {
    let name = name.trim_start_matches("src/").trim_end_matches(".rs").trim_end_matches("/mod");
    name.split('/').map(str::to_owned).collect()
}

impl Names {
    fn of(text: &str) -> Self {
        let tokens = TokenStream::from_str(text).expect("the file compiles");
        let mut names = Self::default();
        names.read(tokens);
        names
    }

    fn read(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut rest = tokens.as_slice();
        let mut public = false;
        while let [token, after @ ..] = rest {
            rest = after;
            match token {
                TokenTree::Punct(mark) if mark.as_char() == '#' && is_test_attribute(rest) => {
                    rest = after_item(rest);
                }
                TokenTree::Ident(word) if word == "pub" => {
                    public = true;
                    // The path in `pub(in crate::a)` does not count as a use of `crate::a`.
                    if let [TokenTree::Group(group), after @ ..] = rest
                        && group.delimiter() == Delimiter::Parenthesis
                    {
                        rest = after;
                    }
                    continue;
                }
                TokenTree::Ident(word) if word == "use" => {
                    let end = rest.iter().position(|token| is_punct(token, ';')).unwrap_or(rest.len());
                    let (tree, after) = rest.split_at(end);
                    rest = after;
                    self.import(tree, &[], public);
                }
                TokenTree::Ident(_) => {
                    let mut path = vec![token.to_string()];
                    while let [colon, second, TokenTree::Ident(name), after @ ..] = rest
                        && is_punct(colon, ':')
                        && is_punct(second, ':')
                    {
                        path.push(name.to_string());
                        rest = after;
                    }
                    if path.len() > 1 {
                        self.used.push(path);
                    }
                }
                TokenTree::Group(group) => self.read(group.stream()),
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
            public = false;
        }
    }

    /// Records the names of one `use` tree below `prefix`.
    fn import(&mut self, tree: &[TokenTree], prefix: &[String], public: bool) {
        let mut path = prefix.to_vec();
        let mut alias = None;
        let mut tokens = tree.iter();
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Ident(word) if word == "as" => alias = tokens.next().map(ToString::to_string),
                TokenTree::Ident(word) if word == "self" && !prefix.is_empty() => {}
                TokenTree::Ident(word) => path.push(word.to_string()),
                TokenTree::Group(group) => {
                    let list: Vec<TokenTree> = group.stream().into_iter().collect();
                    for part in list.split(|token| is_punct(token, ',')).filter(|part| !part.is_empty()) {
                        self.import(part, &path, public);
                    }
                    return;
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
        if let Some(name) = alias.or_else(|| path.last().cloned()) {
            self.imported.insert(name, path.clone());
        }
        if !public {
            self.used.push(path);
        }
    }
}

fn is_punct(token: &TokenTree, mark: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == mark)
}

/// Returns whether the attribute that begins after its `#` is a `cfg` of test code.
fn is_test_attribute(after_mark: &[TokenTree]) -> bool {
    let Some(TokenTree::Group(attribute)) = after_mark.first() else { return false };
    let text = attribute.stream().to_string().replace(' ', "");
    text == "cfg(test)" || text.starts_with("cfg(all(test")
}

/// Returns the tokens after the item that `tokens` begin with: those after its first `;` or its braces.
fn after_item(tokens: &[TokenTree]) -> &[TokenTree] {
    let ends = |token: &TokenTree| match token {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        other => is_punct(other, ';'),
    };
    let end = tokens.iter().position(ends).map_or(tokens.len(), |end| end + 1);
    tokens.get(end..).unwrap_or_default()
}

fn file(name: &str, text: &str) -> SourceFile {
    SourceFile { name: name.to_owned(), text: text.to_owned() }
}

#[test]
fn a_cycle_is_found_through_reexports() {
    let top = file("src/a/mod.rs", "mod b; mod c; mod d; pub use c::C; pub use d::D;");
    let b = file("src/a/b.rs", "use super::C; pub struct B;");
    let c = file("src/a/c.rs", "pub struct C; fn f() -> super::b::B {}");
    let d = file(
        "src/a/d.rs",
        "use super::{b::B, C}; pub struct D; #[cfg(test)] mod tests { use super::super::c; }",
    );
    assert_eq!(cycles(&[top.clone(), b, c.clone(), d.clone()]), ["a::b, a::c"]);
    let b = file(
        "src/a/b.rs",
        "pub(in crate::a) struct B; #[cfg(test)] use super::C; #[cfg(test)] fn g(_: C) {}",
    );
    assert!(cycles(&[top, b, c, d]).is_empty());
}
