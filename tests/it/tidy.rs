//! The rules of the house that the compiler does not know, checked against the sources.
//!
//! A finding names file and line, and says how to mend it.

mod paths;
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use paths::FileGraph;
use source::{Source, files_below};

/// Each module of `src/` and the modules that it may use, all of which stand above it here.
const MAY_USE: &[(&str, &[&str])] = &[
    ("record", &[]),
    ("protocol", &["record"]),
    ("codec", &["record"]),
    ("store", &["record"]),
    ("group", &["record"]),
    ("sink", &["record"]),
    ("expr", &["record", "codec"]),
    ("client", &["record", "protocol", "codec"]),
    ("broker", &["record", "protocol", "codec"]),
    ("stream", &["record", "codec", "expr", "store"]),
    ("mirror", &["record", "protocol", "group", "client"]),
    ("monitor", &["record", "codec", "expr", "client"]),
    ("pipeline", &["record", "codec", "expr", "stream"]),
    ("dashboard", &["monitor"]),
    (
        "runtime",
        &[
            "record", "protocol", "codec", "store", "group", "sink", "expr", "client", "stream",
            "mirror", "monitor", "pipeline",
        ],
    ),
    (
        "cli",
        &[
            "record",
            "protocol",
            "codec",
            "store",
            "group",
            "sink",
            "expr",
            "client",
            "broker",
            "stream",
            "mirror",
            "monitor",
            "pipeline",
            "dashboard",
            "runtime",
        ],
    ),
];

/// The modules that are plain functions of what they are given.
const PURE: &[&str] = &[
    "record", "protocol", "codec", "store", "group", "expr", "stream", "pipeline",
];

/// What a pure module does not say, and what to do instead.
const IMPURE: &[(&str, &str)] = &[
    ("tokio::", "move the call to `client` or `runtime`"),
    (
        "async fn",
        "return the next action instead of waiting for it",
    ),
    (
        "async move",
        "return the next action instead of waiting for it",
    ),
    (".await", "return the next action instead of waiting for it"),
    ("Instant::now", "take the time as a parameter"),
    ("SystemTime::now", "take the time as a parameter"),
    ("Utc::now", "take the time as a parameter"),
    ("Local::now", "take the time as a parameter"),
    ("std::net", "sockets belong to `client` and `broker`"),
    ("std::thread", "threads belong to `runtime`"),
    (
        "std::fs",
        "take the bytes as a parameter; let `cli` or `runtime` read the file",
    ),
    (
        "std::env",
        "take the setting as a parameter; let `cli` read the environment",
    ),
    ("println!", "return what is to be said; only `cli` prints"),
    ("eprintln!", "return what is to be said; only `cli` prints"),
    (
        "tracing::",
        "return what happened as a value; the caller logs it",
    ),
];

/// Files of pure modules that may touch the disk: the store's local snapshots.
const MAY_READ_FILES: &[&str] = &["src/store/snapshot.rs"];

/// Functions longer than [`FUNCTION_LINES_MAX`], with the reason. The number is what the function
/// has now: it may fall and never rise.
const LONG_FUNCTIONS: &[(&str, &str, usize, &str)] = &[];

/// A function longer than this does two things.
const FUNCTION_LINES_MAX: usize = 70;

/// Parts of a module (a file or a folder right below it) that use each other, with the reason.
/// Shrinks only.
const PART_CYCLES: &[(&[&str], &str)] = &[
    (
        &["src/client/call", "src/client/cluster"],
        "a call picks its broker by the layout, and the layout is learnt by a call",
    ),
    (
        &["src/client/call", "src/client/coordinator"],
        "a call may go to a coordinator, and a coordinator is found by a call",
    ),
    (
        &["src/client/config", "src/client/settings"],
        "the table of settings fills the configuration that reads it",
    ),
    (
        &["src/client/config", "src/client/security"],
        "security is a part of the configuration, and is made from the rest of it",
    ),
];

/// Names of drawers for odds and ends.
const DRAWERS: &[&str] = &[
    "utils", "util", "common", "helpers", "helper", "types", "manager", "misc",
];

#[test]
fn a_module_uses_only_what_stands_below_it() {
    let rows: BTreeMap<&str, &[&str]> = MAY_USE.iter().copied().collect();
    let mut findings = Vec::new();
    for source in library() {
        let Some(module) = source.top_module().map(String::from) else {
            continue;
        };
        let Some(allowed) = rows.get(module.as_str()) else {
            findings.push(source.finding(
                0,
                &format!("`{module}` has no row in MAY_USE: give it one, and one in lib.rs"),
            ));
            continue;
        };
        for named in paths::named(source) {
            let Some(other) = named
                .parts
                .first()
                .filter(|other| rows.contains_key(other.as_str()))
            else {
                continue;
            };
            if *other != module && !allowed.contains(&other.as_str()) {
                let mend = format!(
                    "`{module}` may not use `{other}`: take a parameter, or move the code to a module above both"
                );
                findings.push(source.finding(named.at, &mend));
            }
        }
    }
    none(findings);
}

#[test]
fn the_table_of_modules_has_no_cycle() {
    let mut above = BTreeSet::new();
    for (module, allowed) in MAY_USE {
        let later: Vec<_> = allowed
            .iter()
            .filter(|other| !above.contains(*other))
            .collect();
        assert!(
            later.is_empty(),
            "MAY_USE: `{module}` may use {later:?}, which stand at or below it in the table"
        );
        above.insert(module);
    }
}

#[test]
fn the_map_in_lib_rs_has_the_rows_of_the_table() {
    let map = fs::read_to_string(package().join("src/lib.rs")).expect("src/lib.rs");
    for (module, _) in MAY_USE.iter().filter(|(module, _)| exists(module)) {
        assert!(
            map.contains(&format!("[`{module}`]")),
            "src/lib.rs: the map has no row for `{module}`: add one"
        );
    }
}

#[test]
fn parts_of_a_module_do_not_use_each_other_in_a_ring() {
    let sources = library();
    let graph = FileGraph::new(sources);
    let mut known: BTreeSet<Vec<String>> =
        PART_CYCLES.iter().map(|(ring, _)| sorted(ring)).collect();
    let mut findings = Vec::new();
    for ring in MAY_USE
        .iter()
        .flat_map(|(module, _)| rings(module, sources, &graph))
    {
        if !known.remove(&sorted(&ring)) {
            findings.push(format!(
                "{} use each other: move what they need to a part of its own",
                ring.join(", ")
            ));
        }
    }
    findings.extend(
        known
            .iter()
            .map(|ring| format!("PART_CYCLES: {ring:?} is no ring any more: remove it")),
    );
    none(findings);
}

/// The rings among the parts of one top module, each as the parts in the order of their uses.
fn rings(module: &str, sources: &[Source], graph: &FileGraph<'_>) -> Vec<Vec<String>> {
    let of_module = |&file: &usize| sources[file].top_module() == Some(module);
    let files: Vec<usize> = (0..sources.len()).filter(of_module).collect();
    let parts: BTreeSet<String> = files.iter().map(|&file| part(&sources[file])).collect();
    let parts: Vec<String> = parts.into_iter().collect();
    let number = |file: usize| parts.binary_search(&part(&sources[file])).ok();
    let mut edges = vec![BTreeSet::new(); parts.len()];
    for file in files {
        let from = number(file).expect("a part of this module");
        let used = graph.uses(file).into_iter().filter_map(number);
        edges[from].extend(used.filter(|&to| to != from));
    }
    let rings = paths::cycles(&edges).into_iter();
    rings
        .map(|ring| ring.into_iter().map(|part| parts[part].clone()).collect())
        .collect()
}

fn sorted<S: AsRef<str>>(names: &[S]) -> Vec<String> {
    let names: BTreeSet<String> = names.iter().map(|name| name.as_ref().to_owned()).collect();
    names.into_iter().collect()
}

/// The file or folder right below the top module that the file belongs to.
fn part(source: &Source) -> String {
    match source.module().get(1) {
        Some(name) => format!("src/{}/{name}", source.module()[0]),
        None => source.path.clone(),
    }
}

#[test]
fn a_pure_module_says_no_impure_word() {
    let mut findings = Vec::new();
    for source in library()
        .iter()
        .filter(|source| source.top_module().is_some_and(|m| PURE.contains(&m)))
    {
        for (word, mend) in IMPURE {
            if *word == "std::fs" && MAY_READ_FILES.contains(&source.path.as_str()) {
                continue;
            }
            for at in source
                .occurrences(word)
                .filter(|&at| !source.is_test_code(at))
            {
                findings.push(source.finding(at, &format!("`{word}` in a pure module: {mend}")));
            }
        }
    }
    none(findings);
}

#[test]
fn no_function_outgrows_seventy_lines() {
    let mut findings = Vec::new();
    let mut excused = BTreeSet::new();
    for source in library() {
        // A test may be a table of cases.
        let in_build = |function: &source::Function| !source.is_test_code(function.start);
        for function in source.functions().into_iter().filter(in_build) {
            let row = LONG_FUNCTIONS
                .iter()
                .position(|(file, name, ..)| *file == source.path && *name == function.name);
            let lines_max = row.map_or(FUNCTION_LINES_MAX, |row| LONG_FUNCTIONS[row].2);
            if function.lines > lines_max {
                let what = format!(
                    "`{}` has {} lines, more than {lines_max}: split it",
                    function.name, function.lines
                );
                findings.push(source.finding(function.start, &what));
            } else if function.lines > FUNCTION_LINES_MAX && function.lines == lines_max {
                excused.extend(row);
            }
        }
    }
    for (row, (file, name, ..)) in LONG_FUNCTIONS.iter().enumerate() {
        if !excused.contains(&row) {
            findings.push(format!("LONG_FUNCTIONS: {file} `{name}` is shorter now or gone: lower its number or remove the row"));
        }
    }
    none(findings);
}

#[test]
fn no_file_is_a_drawer_for_odds_and_ends() {
    let mut findings = Vec::new();
    for source in library().iter().chain(integration_tests()) {
        let drawer = source
            .module()
            .into_iter()
            .find(|part| DRAWERS.contains(&part.as_str()));
        if let Some(name) = drawer {
            findings.push(source.finding(
                0,
                &format!("`{name}` says nothing: name the file after the one thing that it holds"),
            ));
        }
    }
    none(findings);
}

#[test]
fn a_use_names_one_module_a_line() {
    let mut findings = Vec::new();
    for source in library() {
        for (word, mend) in [
            ("crate::{", "write one `use crate::module::...` a line"),
            ("super::super", "name the module from `crate`"),
        ] {
            findings.extend(
                source
                    .occurrences(word)
                    .map(|at| source.finding(at, &format!("`{word}`: {mend}"))),
            );
        }
    }
    none(findings);
}

#[test]
fn a_module_does_not_hand_out_what_belongs_to_another() {
    let mut findings = Vec::new();
    for source in library()
        .iter()
        .filter(|source| source.top_module().is_some())
    {
        let module = source.top_module().map(String::from);
        for at in source.occurrences("pub use crate::") {
            let rest = &source.code[at + "pub use crate::".len()..];
            let other: String = rest.chars().take_while(|&c| source::is_word(c)).collect();
            if Some(&other) != module.as_ref() {
                findings.push(source.finding(
                    at,
                    &format!(
                        "re-exports from `{other}`: let users name `crate::{other}` themselves"
                    ),
                ));
            }
        }
    }
    none(findings);
}

#[test]
fn an_ignored_test_says_why() {
    let mut findings = Vec::new();
    for source in library().iter().chain(integration_tests()) {
        let bare = source.code.match_indices("#[ignore]");
        findings.extend(bare.map(|(at, _)| {
            source.finding(
                at,
                "`#[ignore]` without a reason: write `#[ignore = \"needs ...\"]`",
            )
        }));
    }
    none(findings);
}

#[test]
fn every_source_file_is_part_of_the_build() {
    let sources = library();
    let mut reached: BTreeSet<String> = ["src/lib.rs", "src/main.rs"].map(String::from).into();
    let mut queue: Vec<String> = reached.iter().cloned().collect();
    let by_path: BTreeMap<&str, &Source> = sources
        .iter()
        .map(|source| (source.path.as_str(), source))
        .collect();
    while let Some(source) = queue.pop().and_then(|path| by_path.get(path.as_str())) {
        for child in declarations(source).flat_map(|(_, files)| files) {
            if by_path.contains_key(child.as_str()) && reached.insert(child.clone()) {
                queue.push(child);
            }
        }
    }
    let dead = sources
        .iter()
        .filter(|source| !reached.contains(&source.path));
    none(
        dead.map(|source| source.finding(0, "no `mod` leads here: declare it or delete it"))
            .collect(),
    );
}

#[test]
fn every_fixture_says_where_it_comes_from() {
    let mut findings = Vec::new();
    for file in files_below(&package().join("tests/fixtures"), None) {
        if !has_origin(&file) {
            let path = file.strip_prefix(package()).unwrap_or(&file).display();
            findings.push(format!(
                "{path}:1: begin it with `# origin`, or name it in an ORIGIN.md beside it"
            ));
        }
    }
    none(findings);
}

/// Where the file says `mod name;`, and the files that this may lead to.
fn declarations(source: &Source) -> impl Iterator<Item = (usize, [String; 2])> {
    let folder = match source.path.rsplit_once('/') {
        Some((folder, "mod.rs" | "lib.rs" | "main.rs")) => folder.to_owned(),
        _ => source.path.trim_end_matches(".rs").to_owned(),
    };
    source.occurrences("mod").filter_map(move |at| {
        let rest = source.code[at + "mod".len()..].trim_start();
        let name: String = rest.chars().take_while(|&c| source::is_word(c)).collect();
        let is_file = !name.is_empty() && rest[name.len()..].trim_start().starts_with(';');
        is_file.then(|| {
            (
                at,
                [
                    format!("{folder}/{name}.rs"),
                    format!("{folder}/{name}/mod.rs"),
                ],
            )
        })
    })
}

/// Whether the file is about origins, begins with a remark on its own, or is named by an
/// `ORIGIN.md` beside it.
fn has_origin(file: &Path) -> bool {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let text =
        |path: &Path| String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned();
    matches!(name.as_ref(), "ORIGIN.md" | "README.md")
        || text(file).starts_with("# ")
        || text(&file.with_file_name("ORIGIN.md")).contains(name.as_ref())
}

fn package() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn exists(module: &str) -> bool {
    let path = package().join("src").join(module);
    path.is_dir() || path.with_extension("rs").is_file()
}

fn library() -> &'static [Source] {
    static LIBRARY: LazyLock<Vec<Source>> = LazyLock::new(|| read(package().join("src")));
    &LIBRARY
}

fn integration_tests() -> &'static [Source] {
    static TESTS: LazyLock<Vec<Source>> = LazyLock::new(|| read(package().join("tests")));
    &TESTS
}

fn read(folder: PathBuf) -> Vec<Source> {
    let files = files_below(&folder, Some("rs"));
    let mut sources: Vec<Source> = files
        .iter()
        .map(|file| Source::read(package(), file))
        .collect();
    let for_tests: BTreeSet<String> = sources.iter().flat_map(declared_for_tests).collect();
    for source in sources
        .iter_mut()
        .filter(|source| for_tests.contains(&source.path))
    {
        source.set_test_code();
    }
    sources
}

fn declared_for_tests(source: &Source) -> Vec<String> {
    let declared = declarations(source).filter(|(at, _)| source.is_test_code(*at));
    declared.flat_map(|(_, files)| files).collect()
}

#[track_caller]
fn none(findings: Vec<String>) {
    assert!(
        findings.is_empty(),
        "{} findings:\n{}",
        findings.len(),
        findings.join("\n")
    );
}
