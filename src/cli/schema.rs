//! `tidemill schema`: look up, register, check and delete schemas in a registry.

use std::fs;
use std::io;
use std::io::IsTerminal;
use std::io::Read;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

use clap::Args;
use clap::Subcommand;
use serde_json::json;

use crate::cli::args::ClusterArgs;
use crate::cli::exit::Exit;
use crate::cli::exit::Failure;
use crate::cli::listing::ListFormat;
use crate::cli::listing::Listing;
use crate::cli::signal::block_on;
use crate::client::schema_registry::Deletion;
use crate::client::schema_registry::SchemaRegistry;
use crate::codec::framing::SchemaId;

/// Flags of `schema`.
#[derive(Args, Debug)]
pub(super) struct Schema {
    #[command(flatten)]
    cluster: ClusterArgs,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List subjects, or the versions of one
    List {
        /// Only this subject, with its versions
        subject: Option<String>,
        /// Format
        #[arg(short, long, value_enum, default_value_t)]
        output: ListFormat,
    },
    /// Print a schema, by subject or by id
    Get {
        /// Subject, or the id of a schema
        subject_or_id: String,
        /// Version of the subject (default: the latest)
        #[arg(long, value_name = "N")]
        version: Option<i32>,
    },
    /// Register a schema; prints its id
    Register {
        /// Subject, usually TOPIC-value
        subject: String,
        /// File with the schema; - is standard input
        file: PathBuf,
    },
    /// Check whether a schema may become the next version; exit code 3 if it may not
    Check {
        /// Subject
        subject: String,
        /// File with the schema; - is standard input
        file: PathBuf,
    },
    /// Print or set the compatibility level of a subject or of the registry
    Level {
        /// Subject (default: the registry's own level)
        #[arg(long)]
        subject: Option<String>,
        /// Level to set, such as BACKWARD or FULL_TRANSITIVE
        level: Option<String>,
    },
    /// Delete a subject
    Delete {
        /// Subject
        subject: String,
        /// Delete it for good; it has to be deleted without this first
        #[arg(long)]
        permanent: bool,
        /// Do it; without, the command only says what it would delete
        #[arg(long)]
        yes: bool,
    },
}

impl Schema {
    /// Runs the command.
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let config = self.cluster.config()?;
        let registry = SchemaRegistry::new(&config.registry)?;
        block_on(self.cluster.timeout, dispatch(&registry, self.verb))
    }
}

async fn dispatch(registry: &SchemaRegistry, verb: Verb) -> Result<Exit, Failure> {
    match verb {
        Verb::List { subject, output } => list(registry, subject, output).await,
        Verb::Get {
            subject_or_id,
            version,
        } => get(registry, &subject_or_id, version).await,
        Verb::Register { subject, file } => {
            let id = registry.register(&subject, &read(&file)?).await?;
            print(&id.to_string())
        }
        Verb::Check { subject, file } => check(registry, &subject, &file).await,
        Verb::Level {
            subject,
            level: Some(level),
        } => {
            registry.set_level(subject.as_deref(), &level).await?;
            Ok(Exit::Done)
        }
        Verb::Level {
            subject,
            level: None,
        } => print(&registry.level(subject.as_deref()).await?),
        Verb::Delete {
            subject,
            permanent,
            yes,
        } => delete(registry, &subject, permanent, yes).await,
    }
}

async fn list(
    registry: &SchemaRegistry,
    subject: Option<String>,
    output: ListFormat,
) -> Result<Exit, Failure> {
    let listing = match subject {
        None => {
            let mut listing = Listing::new(&["subject"]);
            registry
                .subjects()
                .await?
                .into_iter()
                .for_each(|subject| listing.push(vec![json!(subject)]));
            listing
        }
        Some(subject) => {
            let mut listing = Listing::new(&["subject", "version", "id", "type"]);
            for version in registry.versions(&subject).await? {
                let found = registry.version(&subject, Some(version)).await?;
                listing.push(vec![
                    json!(found.subject),
                    json!(version),
                    json!(found.id),
                    json!(found.schema_type),
                ]);
            }
            listing
        }
    };
    listing
        .write(output, &mut io::stdout().lock())
        .map_err(|error| Failure::output(&error))?;
    Ok(Exit::Done)
}

async fn get(
    registry: &SchemaRegistry,
    subject_or_id: &str,
    version: Option<i32>,
) -> Result<Exit, Failure> {
    match subject_or_id.parse() {
        Ok(id) if version.is_none() => print(&registry.schema(SchemaId::Number(id)).await?),
        _ => print(&registry.version(subject_or_id, version).await?.schema),
    }
}

async fn check(registry: &SchemaRegistry, subject: &str, file: &Path) -> Result<Exit, Failure> {
    let answer = registry.check(subject, &read(file)?).await?;
    if answer.is_compatible {
        return print("compatible");
    }
    print("not compatible")?;
    for message in answer.messages {
        print(&message)?;
    }
    Ok(Exit::Differences)
}

async fn delete(
    registry: &SchemaRegistry,
    subject: &str,
    permanent: bool,
    yes: bool,
) -> Result<Exit, Failure> {
    if !yes {
        return Err(Failure::usage(format!("subject {subject} is not deleted"))
            .hint("say --yes to delete it"));
    }
    let deletion = if permanent {
        Deletion::Permanent
    } else {
        Deletion::Soft
    };
    let versions = registry.delete(subject, deletion).await?;
    eprintln!("deleted {subject}, versions {versions:?}");
    Ok(Exit::Done)
}

fn read(file: &Path) -> Result<String, Failure> {
    let failed = |error| Failure::new(Exit::Failed, format!("read {}: {error}", file.display()));
    if file != Path::new("-") {
        return fs::read_to_string(file).map_err(failed);
    }
    if io::stdin().is_terminal() {
        eprintln!("reading the schema from the terminal; end with Ctrl-D");
    }
    let mut text = String::new();
    io::stdin().read_to_string(&mut text).map_err(failed)?;
    Ok(text)
}

fn print(line: &str) -> Result<Exit, Failure> {
    writeln!(io::stdout(), "{line}").map_err(|error| Failure::output(&error))?;
    Ok(Exit::Done)
}
