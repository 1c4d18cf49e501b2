//! Files with one JSON object a line.

use std::io::Read;
use std::path::Path;
use std::path::PathBuf;

use serde_json::Value;

/// The objects in every `*.jsonl` and `*.jsonl.gz` below `ours`, a folder of this package, and below
/// the folder that the environment variable `variable` names, if it does.
pub(crate) fn in_folders(ours: &str, variable: &str) -> impl Iterator<Item = Value> {
    let mut files = below(&Path::new(env!("CARGO_MANIFEST_DIR")).join(ours));
    if let Some(folder) = std::env::var_os(variable) {
        files.extend(below(Path::new(&folder)));
    }
    files.into_iter().flat_map(|file| {
        let text = text(&file);
        let lines = text.lines().filter(|line| !line.trim().is_empty());
        let objects = lines.map(|line| serde_json::from_str(line).expect("JSON"));
        objects.collect::<Vec<Value>>()
    })
}

/// The files below `folder`, sorted.
fn below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.to_string_lossy().into_owned();
        if path.is_dir() {
            files.extend(below(&path));
        } else if name.ends_with(".jsonl") || name.ends_with(".jsonl.gz") {
            files.push(path);
        }
    }
    files.sort();
    files
}

fn text(file: &Path) -> String {
    let bytes = std::fs::read(file).expect("readable");
    let mut text = String::new();
    let is_packed = file.extension().is_some_and(|extension| extension == "gz");
    let read = match is_packed {
        true => flate2::read::GzDecoder::new(&*bytes).read_to_string(&mut text),
        false => (&*bytes).read_to_string(&mut text),
    };
    read.expect("text");
    text
}
