//! The paths that code names, resolved to the file that they lead to.

use std::collections::{BTreeMap, BTreeSet};

use crate::tidy::source::{Source, is_word};

/// A path that starts at `crate`, `super` or `self`, as absolute parts without `crate`.
pub(crate) struct Named {
    pub(crate) at: usize,
    pub(crate) parts: Vec<String>,
}

/// Every path that `source` names from `crate`, `super` or `self`; a group counts once a branch.
pub(crate) fn named(source: &Source) -> Vec<Named> {
    let inline = source.inline_modules();
    let mut found = Vec::new();
    for root in ["crate", "super", "self"] {
        for at in source
            .occurrences(root)
            .filter(|&at| !source.code[..at].ends_with("::"))
        {
            let Some(rest) = source.code[at + root.len()..].strip_prefix("::") else {
                continue;
            };
            let mut base = source.module();
            let depth = inline.iter().filter(|body| body.contains(&at)).count();
            match root {
                "crate" => base.clear(),
                // A module inside the file is its own level, and its `super` is the file.
                "super" if depth == 0 => drop(base.pop()),
                _ => {}
            }
            branches(rest, &base, &mut |parts| found.push(Named { at, parts }));
        }
    }
    found
}

/// Walks `a::b`, `a::{b, c::d}` and the like.
fn branches(rest: &str, base: &[String], found: &mut impl FnMut(Vec<String>)) {
    if let Some(group) = rest.strip_prefix('{') {
        for branch in group_parts(group) {
            branches(branch.trim(), base, found);
        }
        return;
    }
    let word: String = rest.chars().take_while(|&c| is_word(c)).collect();
    let mut parts = base.to_vec();
    if word.is_empty() {
        return found(parts);
    }
    let tail = &rest[word.len()..];
    if word == "super" {
        parts.pop();
    } else if word != "self" {
        parts.push(word);
    }
    match tail.strip_prefix("::") {
        Some(next) if next.starts_with(|c| is_word(c) || c == '{') => branches(next, &parts, found),
        _ => found(parts),
    }
}

fn group_parts(group: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0_i32, 0);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                parts.push(&group[start..at]);
                return parts;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&group[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts
}

/// Which file each file uses, as indices into the sources.
pub(crate) struct FileGraph<'s> {
    sources: &'s [Source],
    by_module: BTreeMap<Vec<String>, usize>,
    /// What a file names on behalf of others: `pub use child::Name`.
    re_exports: BTreeMap<(usize, String), Vec<String>>,
}

impl<'s> FileGraph<'s> {
    pub(crate) fn new(sources: &'s [Source]) -> Self {
        let by_module = sources
            .iter()
            .enumerate()
            .map(|(at, source)| (source.module(), at))
            .collect();
        let mut graph = Self {
            sources,
            by_module,
            re_exports: BTreeMap::new(),
        };
        for (file, source) in sources.iter().enumerate() {
            for statement in re_exports(source) {
                let base = source.module();
                branches(
                    statement.trim_start_matches("self::"),
                    &base,
                    &mut |parts| {
                        if let Some(name) = parts.last().cloned() {
                            graph.re_exports.insert((file, name), parts);
                        }
                    },
                );
            }
        }
        graph
    }

    /// The file where the item of this path stands, as far as the path tells.
    pub(crate) fn file_of(&self, parts: &[String]) -> Option<usize> {
        let known = (1..=parts.len())
            .rev()
            .find(|&n| self.by_module.contains_key(&parts[..n]))?;
        let file = self.by_module[&parts[..known]];
        let next = parts
            .get(known)
            .and_then(|name| self.re_exports.get(&(file, name.clone())));
        match next {
            Some(elsewhere) if elsewhere.len() > known + 1 => self.file_of(elsewhere),
            _ => Some(file),
        }
    }

    /// The files that `file` uses, tests and declarations of its own children left out.
    pub(crate) fn uses(&self, file: usize) -> BTreeSet<usize> {
        let source = &self.sources[file];
        let mut paths: Vec<Vec<String>> = named(source)
            .into_iter()
            .filter(|named| !source.is_test_code(named.at))
            .map(|named| named.parts)
            .collect();
        paths.extend(self.child_paths(file));
        let used = paths.iter().filter_map(|parts| self.file_of(parts));
        used.filter(|&other| other != file).collect()
    }

    /// Paths that start at a child module, `pub use` statements left out.
    fn child_paths(&self, file: usize) -> Vec<Vec<String>> {
        let source = &self.sources[file];
        let module = source.module();
        let inside =
            |path: &Vec<String>| path.len() == module.len() + 1 && path.starts_with(&module);
        let mut found = Vec::new();
        for child in self.by_module.keys().filter(|path| inside(path)) {
            let name = child.last().expect("a child has a name");
            let mentions = source.occurrences(name).filter(|&at| {
                let before = source.code[..at].trim_end();
                source.code[at + name.len()..].starts_with("::")
                    && !before.ends_with("::")
                    && !before.ends_with("pub use")
                    && !source.is_test_code(at)
            });
            for at in mentions {
                branches(&source.code[at..], &module, &mut |parts| found.push(parts));
            }
        }
        found
    }
}

fn re_exports(source: &Source) -> impl Iterator<Item = &str> {
    let starts = source.occurrences("pub use").map(|at| at + "pub use".len());
    starts.map(|at| source.code[at..].trim_start())
}

/// A way from a file back to itself, for every set of files that use each other in a ring.
pub(crate) fn cycles(edges: &[BTreeSet<usize>]) -> Vec<Vec<usize>> {
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for start in 0..edges.len() {
        if seen.contains(&start) {
            continue;
        }
        if let Some(way) = way_back(edges, start) {
            seen.extend(way.iter().copied());
            found.push(way);
        }
    }
    found
}

/// The shortest way from `start` back to it, `start` at its front.
fn way_back(edges: &[BTreeSet<usize>], start: usize) -> Option<Vec<usize>> {
    let mut came_from = BTreeMap::new();
    let mut queue = std::collections::VecDeque::from([start]);
    while let Some(at) = queue.pop_front() {
        for &next in &edges[at] {
            if next == start {
                let mut way = vec![at];
                while way.last() != Some(&start) {
                    way.push(came_from[way.last().expect("not empty")]);
                }
                way.reverse();
                return Some(way);
            }
            if let std::collections::btree_map::Entry::Vacant(entry) = came_from.entry(next) {
                entry.insert(at);
                queue.push_back(next);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> Source {
        Source::new(path.into(), text.into())
    }

    #[test]
    fn a_group_names_each_of_its_branches() {
        let source = file("src/a/b.rs", "use crate::x::{y, z::{P, Q as R}, self};");
        let found: Vec<_> = named(&source)
            .into_iter()
            .map(|n| n.parts.join("::"))
            .collect();
        assert_eq!(found, ["x::y", "x::z::P", "x::z::Q", "x"]);
    }

    #[test]
    fn a_re_export_leads_to_the_file_that_has_the_item() {
        let sources = [
            file(
                "src/a/mod.rs",
                "mod b;\nmod c;\npub use b::B;\npub use c::C;",
            ),
            file("src/a/b.rs", "use crate::a::C;\npub struct B(C);"),
            file("src/a/c.rs", "use super::B;\npub struct C;"),
        ];
        let graph = FileGraph::new(&sources);
        let edges: Vec<_> = (0..3).map(|file| graph.uses(file)).collect();
        assert_eq!(cycles(&edges), [[1, 2]]);
        assert!(edges[0].is_empty(), "a re-export is no use");
    }
}
