//! One Rust file as the guards see it: comments and literals blanked, test code marked.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// A source file.
pub(crate) struct Source {
    /// The path from the package's root, `/` between its parts.
    pub(crate) path: String,
    /// The text as it is.
    pub(crate) text: String,
    /// The text with every comment and literal replaced by spaces, byte for byte.
    pub(crate) code: String,
    /// Where code stands that only a test build has.
    test_code: Vec<Range<usize>>,
}

/// A function with a body.
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) start: usize,
    /// Lines from its `fn` to its closing brace, both counted.
    pub(crate) lines: usize,
}

impl Source {
    pub(crate) fn read(root: &Path, file: &Path) -> Self {
        let text = fs::read_to_string(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        let path = file.strip_prefix(root).unwrap_or(file);
        Self::new(path.to_string_lossy().replace('\\', "/"), text)
    }

    pub(crate) fn new(path: String, text: String) -> Self {
        let code = blank(&text);
        let test_code = test_items(&code);
        Self {
            path,
            text,
            code,
            test_code,
        }
    }

    /// Says `file:line: what`, for the byte `at`.
    pub(crate) fn finding(&self, at: usize, what: &str) -> String {
        let line = 1 + self.text[..at].matches('\n').count();
        format!("{}:{line}: {what}", self.path)
    }

    /// Says that only a test build has this file.
    pub(crate) fn set_test_code(&mut self) {
        self.test_code = std::iter::once(0..self.code.len()).collect();
    }

    pub(crate) fn is_test_code(&self, at: usize) -> bool {
        self.test_code.iter().any(|range| range.contains(&at))
    }

    /// The top module that the file belongs to: `None` for `main.rs` and `lib.rs`.
    pub(crate) fn top_module(&self) -> Option<&str> {
        let inside = self.path.strip_prefix("src/")?;
        let first = inside.split('/').next()?;
        let name = first.strip_suffix(".rs").unwrap_or(first);
        (name != "lib" && name != "main").then_some(name)
    }

    /// The module's path from the crate's root, without `crate`.
    pub(crate) fn module(&self) -> Vec<String> {
        let inside = self.path.strip_prefix("src/").unwrap_or(&self.path);
        let inside = inside.strip_suffix(".rs").unwrap_or(inside);
        let mut parts: Vec<String> = inside.split('/').map(String::from).collect();
        if matches!(
            parts.last().map(String::as_str),
            Some("mod" | "lib" | "main")
        ) {
            parts.pop();
        }
        parts
    }

    /// Where `word` stands in the code, not as a part of a longer word.
    pub(crate) fn occurrences<'s>(&'s self, word: &'s str) -> impl Iterator<Item = usize> + 's {
        self.code
            .match_indices(word)
            .map(|(at, _)| at)
            .filter(move |&at| {
                let starts = !word.starts_with(is_word) || !self.code[..at].ends_with(is_word);
                let ends =
                    !word.ends_with(is_word) || !self.code[at + word.len()..].starts_with(is_word);
                starts && ends
            })
    }

    /// Every function with a body, nested ones too.
    pub(crate) fn functions(&self) -> Vec<Function> {
        let found = self.occurrences("fn").filter_map(|start| {
            let name: String = self.code[start + 2..]
                .trim_start()
                .chars()
                .take_while(|&c| is_word(c))
                .collect();
            let end = item_end(&self.code, start)?;
            let has_body = !name.is_empty() && self.code[..end].ends_with('}');
            let lines = 1 + self.code[start..end].matches('\n').count();
            has_body.then_some(Function { name, start, lines })
        });
        found.collect()
    }

    /// The bodies of modules written inside this file.
    pub(crate) fn inline_modules(&self) -> Vec<Range<usize>> {
        let found = self.occurrences("mod").filter_map(|start| {
            let end = item_end(&self.code, start)?;
            self.code[..end].ends_with('}').then_some(start..end)
        });
        found.collect()
    }
}

/// Every file below `folder` with this extension, sorted; none where there is no such folder.
pub(crate) fn files_below(folder: &Path, extension: Option<&str>) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("readable folder").path())
        .collect();
    paths.sort();
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            files.extend(files_below(&path, extension));
        } else if extension.is_none_or(|wanted| path.extension().is_some_and(|e| e == wanted)) {
            files.push(path);
        }
    }
    files
}

pub(crate) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Where the item that begins at `start` ends: past its `;`, or past the brace that closes it.
fn item_end(code: &str, start: usize) -> Option<usize> {
    let mut depth = 0_i32;
    for (at, byte) in code.bytes().enumerate().skip(start) {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' => depth -= 1,
            b'}' => {
                depth -= 1;
                if depth <= 0 {
                    return Some(at + 1);
                }
            }
            b';' if depth == 0 => return Some(at + 1),
            _ => {}
        }
    }
    None
}

fn test_items(code: &str) -> Vec<Range<usize>> {
    let marked = code
        .match_indices("#[cfg(test)]")
        .filter_map(|(start, attribute)| {
            let mut item = start + attribute.len();
            while let Some(next) = code[item..].trim_start().strip_prefix("#[") {
                item = code.len() - next.len() + next.find(']')? + 1;
            }
            Some(start..item_end(code, item)?)
        });
    marked.collect()
}

/// Replaces comments and the insides of literals by spaces; line breaks stay.
fn blank(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let after_word = out.ends_with(is_word);
        let (length, keep) = match token(rest, after_word) {
            Some(length) => (length, false),
            None => (first.len_utf8(), true),
        };
        let (piece, tail) = rest.split_at(length);
        if keep {
            out.push_str(piece);
        } else {
            let blanked = piece.bytes().map(|b| if b == b'\n' { '\n' } else { ' ' });
            out.extend(blanked);
        }
        rest = tail;
    }
    out
}

/// The length of the comment or literal that `rest` begins with.
fn token(rest: &str, after_word: bool) -> Option<usize> {
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return Some(block_comment(rest));
    }
    if rest.starts_with('"') {
        return Some(quoted(rest));
    }
    if rest.starts_with('\'') {
        return character(rest);
    }
    let prefixed = ["br", "cr", "r", "b", "c"]
        .iter()
        .find_map(|prefix| rest.strip_prefix(prefix));
    if after_word {
        return None;
    }
    let literal = prefixed?;
    let prefix = rest.len() - literal.len();
    if rest[..prefix].ends_with('r') {
        return raw(literal).map(|length| prefix + length);
    }
    match literal.chars().next()? {
        '"' => Some(prefix + quoted(literal)),
        '\'' => character(literal).map(|length| prefix + length),
        _ => None,
    }
}

fn block_comment(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

fn quoted(rest: &str) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// A character literal; `None` for a lifetime.
fn character(rest: &str) -> Option<usize> {
    let inside = &rest[1..];
    let first = inside.chars().next()?;
    if first == '\\' {
        return inside
            .char_indices()
            .skip(2)
            .find(|&(_, c)| c == '\'')
            .map(|(at, _)| at + 2);
    }
    inside[first.len_utf8()..]
        .starts_with('\'')
        .then_some(first.len_utf8() + 2)
}

fn raw(literal: &str) -> Option<usize> {
    let hashes = literal.bytes().take_while(|&b| b == b'#').count();
    let body = literal[hashes..].strip_prefix('"')?;
    let close = format!("\"{}", "#".repeat(hashes));
    let end = body.find(&close).map_or(body.len(), |at| at + close.len());
    Some(hashes + 1 + end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        Source::new("src/stream/task.rs".into(), text.into())
    }

    #[test]
    fn words_in_comments_and_literals_are_not_code() {
        let text =
            "// a\n/* b /* c */ d */ let x = \"e\\\"f\"; r#\"g\"h\"#; b'i'; 'j'; '\\''; k<'l>()";
        let code: String = source(text).code.split_whitespace().collect();
        assert_eq!(code, "letx=;;;;;k<'l>()");
    }

    #[test]
    fn a_test_module_is_test_code_and_what_follows_it_is_not() {
        let text = "fn a() {}\n#[cfg(test)]\n#[rustfmt::skip]\nmod tests { fn b() {} }\nfn c() {}";
        let file = source(text);
        assert!(!file.is_test_code(text.find("a()").unwrap()));
        assert!(file.is_test_code(text.find("b()").unwrap()));
        assert!(!file.is_test_code(text.find("c()").unwrap()));
    }

    #[test]
    fn a_function_is_as_long_as_from_its_word_to_its_brace() {
        let file = source("trait T { fn none(&self); }\nfn three(x: [u8; 2]) {\n  x;\n}\n");
        let found: Vec<_> = file
            .functions()
            .into_iter()
            .map(|f| (f.name, f.lines))
            .collect();
        assert_eq!(found, [("three".to_owned(), 3)]);
    }
}
