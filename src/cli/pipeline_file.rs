//! Pipeline files from the disk.

use std::env;
use std::fs;
use std::io;
use std::io::IsTerminal;
use std::path::Path;

use crate::cli::exit::Exit;
use crate::cli::exit::Failure;
use crate::pipeline;
use crate::pipeline::Colour;
use crate::pipeline::Connect;
use crate::pipeline::FILE_BYTES_MAX;
use crate::pipeline::Outside;
use crate::pipeline::Pipeline;

/// Reads and compiles a pipeline file. All that is wrong with it is in the failure's message.
pub(super) fn load(file: &Path) -> Result<Pipeline, Failure> {
    let name = file.display();
    let failed = |error: io::Error| Failure::new(Exit::Usage, format!("read {name}: {error}"));
    let size = fs::metadata(file).map_err(failed)?.len();
    if size > FILE_BYTES_MAX as u64 {
        return Err(Failure::usage(format!(
            "read {name}: {size} bytes are more than a pipeline file may have"
        )));
    }
    let text = fs::read_to_string(file).map_err(failed)?;
    let folder = file.parent().unwrap_or_else(|| Path::new("."));
    compile(&name.to_string(), &text, folder)
}

/// Compiles the text of a pipeline file; schema files are looked for in `folder`.
pub(super) fn compile(name: &str, text: &str, folder: &Path) -> Result<Pipeline, Failure> {
    let outside = Outside {
        variable: &|name| env::var(name).ok(),
        file: &|file| fs::read_to_string(folder.join(file)).map_err(|error| error.to_string()),
    };
    let colour = match io::stderr().is_terminal() && env::var_os("NO_COLOR").is_none() {
        true => Colour::Always,
        false => Colour::Never,
    };
    pipeline::compile(text, &outside).map_err(|findings| {
        let count = findings.as_slice().len();
        let noun = if count == 1 { "error" } else { "errors" };
        Failure::usage(format!(
            "{count} {noun} in {name}\n\n{}",
            findings.render(name, text, colour)
        ))
    })
}

/// What a pipeline's `connect:` says, as properties.
pub(super) fn properties(connect: &Connect) -> Vec<(String, String)> {
    let own = [
        ("bootstrap.servers", &connect.brokers),
        ("schema.registry.url", &connect.registry),
    ];
    let own = own
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value.as_ref()?.value.clone())));
    own.chain(
        connect
            .properties
            .iter()
            .map(|(name, value)| (name.value.clone(), value.clone())),
    )
    .collect()
}
