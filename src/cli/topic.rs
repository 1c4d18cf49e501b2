//! `tidemill topic`: list, create, describe, alter and delete topics.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::io::IsTerminal;
use std::io::Write;

use clap::Args;
use clap::Subcommand;
use serde_json::json;

use crate::cli::args::ClusterArgs;
use crate::cli::exit::Exit;
use crate::cli::exit::Failure;
use crate::cli::listing::ListFormat;
use crate::cli::listing::Listing;
use crate::cli::signal::block_on;
use crate::client::admin::Admin;
use crate::client::admin::Change;
use crate::client::admin::NewTopic;
use crate::client::cluster::Cluster;
use crate::client::topic_config::ConfigChange;
use crate::client::topic_config::ConfigSource;
use crate::client::topic_config::Resource;

/// Flags of `topic`.
#[derive(Args, Debug)]
pub(super) struct Topic {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List topics
    List(List),
    /// Create a topic
    Create(Create),
    /// Show a topic's partitions and settings
    Describe(Describe),
    /// Change a topic's settings, or raise its number of partitions
    Alter(Alter),
    /// Delete a topic and all its records
    Delete(Delete),
}

#[derive(Args, Debug)]
struct List {
    #[command(flatten)]
    cluster: ClusterArgs,
    /// Internal topics too, such as __consumer_offsets
    #[arg(long)]
    internal: bool,
    /// Format
    #[arg(short, long, value_enum, default_value_t)]
    output: ListFormat,
}

#[derive(Args, Debug)]
struct Create {
    #[command(flatten)]
    cluster: ClusterArgs,
    /// Name of the topic
    name: String,
    /// Number of partitions (default: the broker's)
    #[arg(short, long, value_name = "N")]
    partitions: Option<i32>,
    /// Number of replicas of each partition (default: the broker's)
    #[arg(short, long, value_name = "N")]
    replicas: Option<i16>,
    /// A setting of the topic, such as retention.ms=-1
    #[arg(short = 'c', long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,
    /// Let the broker say whether it would, and create nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Args, Debug)]
struct Describe {
    #[command(flatten)]
    cluster: ClusterArgs,
    /// Name of the topic
    name: String,
    /// Settings at their defaults too
    #[arg(long)]
    all: bool,
    /// Format
    #[arg(short, long, value_enum, default_value_t)]
    output: ListFormat,
}

#[derive(Args, Debug)]
struct Alter {
    #[command(flatten)]
    cluster: ClusterArgs,
    /// Name of the topic
    name: String,
    /// Number of partitions in all; can only be raised
    #[arg(short, long, value_name = "N")]
    partitions: Option<i32>,
    /// A setting to give the topic; KEY= goes back to the broker's
    #[arg(short = 'c', long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,
}

#[derive(Args, Debug)]
struct Delete {
    #[command(flatten)]
    cluster: ClusterArgs,
    /// Name of the topic
    name: String,
    /// Do it; without, the command only says what it would delete
    #[arg(long)]
    yes: bool,
}

impl Topic {
    /// Runs the command.
    pub(super) fn run(self) -> Result<Exit, Failure> {
        match self.verb {
            Verb::List(list) => on(list.cluster.clone(), list.run()),
            Verb::Create(create) => on(create.cluster.clone(), create.run()),
            Verb::Describe(describe) => on(describe.cluster.clone(), describe.run()),
            Verb::Alter(alter) => on(alter.cluster.clone(), alter.run()),
            Verb::Delete(delete) => on(delete.cluster.clone(), delete.run()),
        }
    }
}

fn on(
    cluster: ClusterArgs,
    command: impl Future<Output = Result<(), Failure>>,
) -> Result<Exit, Failure> {
    block_on(cluster.timeout, command).map(|()| Exit::Done)
}

async fn admin(args: &ClusterArgs) -> Result<Admin, Failure> {
    Ok(Admin::new(Cluster::connect(args.config()?).await?))
}

/// Splits `KEY=VALUE`.
fn pair(text: &str) -> Result<(String, String), Failure> {
    let (key, value) = text
        .split_once('=')
        .ok_or_else(|| Failure::usage(format!("{text:?} is not KEY=VALUE")))?;
    Ok((key.trim().to_owned(), value.to_owned()))
}

fn print(listing: &Listing, format: ListFormat) -> Result<(), Failure> {
    listing
        .write(format, &mut io::stdout().lock())
        .map_err(|error| Failure::output(&error))
}

impl List {
    async fn run(self) -> Result<(), Failure> {
        let mut listing = Listing::new(&["topic", "partitions", "replicas", "id"]);
        for topic in admin(&self.cluster).await?.list_topics().await? {
            if topic.is_internal && !self.internal {
                continue;
            }
            let replicas = topic
                .partitions
                .iter()
                .map(|partition| partition.replicas.len())
                .max();
            listing.push(vec![
                json!(&*topic.name),
                json!(topic.partitions.len()),
                json!(replicas),
                json!(topic.id.to_string()),
            ]);
        }
        print(&listing, self.output)
    }
}

impl Create {
    async fn run(self) -> Result<(), Failure> {
        let configs: BTreeMap<_, _> = self
            .settings
            .iter()
            .map(|setting| pair(setting))
            .collect::<Result<_, _>>()?;
        let topic = NewTopic {
            name: self.name,
            partitions: self.partitions,
            replicas: self.replicas,
            configs,
        };
        let change = if self.dry_run {
            Change::Validate
        } else {
            Change::Apply
        };
        admin(&self.cluster)
            .await?
            .create_topic(&topic, change)
            .await?;
        eprintln!(
            "{} topic {}",
            if self.dry_run {
                "would create"
            } else {
                "created"
            },
            topic.name
        );
        Ok(())
    }
}

impl Describe {
    async fn run(self) -> Result<(), Failure> {
        let admin = admin(&self.cluster).await?;
        let topic = admin.describe_topic(&self.name).await?;
        let mut listing = Listing::new(&[
            "partition",
            "leader",
            "leader_epoch",
            "replicas",
            "in_sync",
            "offline",
        ]);
        for (number, partition) in topic.partitions.iter().enumerate() {
            let (replicas, in_sync, offline) =
                (&partition.replicas, &partition.in_sync, &partition.offline);
            let leader = (json!(partition.leader), json!(partition.leader_epoch.0));
            listing.push(vec![
                json!(number),
                leader.0,
                leader.1,
                json!(replicas),
                json!(in_sync),
                json!(offline),
            ]);
        }
        print(&listing, self.output)?;
        let mut settings = Listing::new(&["setting", "value", "source"]);
        for config in admin.describe_configs(Resource::Topic(&self.name)).await? {
            if self.all || config.source == ConfigSource::Topic {
                let value = if config.is_sensitive {
                    json!("***")
                } else {
                    json!(config.value)
                };
                settings.push(vec![json!(config.name), value, json!(config.source.name())]);
            }
        }
        if self.output == ListFormat::Table {
            blank_line()?;
        }
        print(&settings, self.output)
    }
}

fn blank_line() -> Result<(), Failure> {
    writeln!(io::stdout()).map_err(|error| Failure::output(&error))
}

impl Alter {
    async fn run(self) -> Result<(), Failure> {
        if self.partitions.is_none() && self.settings.is_empty() {
            return Err(
                Failure::usage("nothing to change").hint("give --partitions N or --set KEY=VALUE")
            );
        }
        let changes = self.settings.iter().map(|setting| {
            let (key, value) = pair(setting)?;
            Ok(if value.is_empty() {
                ConfigChange::Unset(key)
            } else {
                ConfigChange::Set(key, value)
            })
        });
        let changes: Vec<_> = changes.collect::<Result<_, Failure>>()?;
        let admin = admin(&self.cluster).await?;
        if !changes.is_empty() {
            admin
                .alter_configs(Resource::Topic(&self.name), &changes, Change::Apply)
                .await?;
        }
        if let Some(count) = self.partitions {
            admin
                .create_partitions(&self.name, count, Change::Apply)
                .await?;
        }
        eprintln!("altered topic {}", self.name);
        Ok(())
    }
}

impl Delete {
    async fn run(self) -> Result<(), Failure> {
        let admin = admin(&self.cluster).await?;
        let topic = admin.describe_topic(&self.name).await?;
        if !self.yes && !self.is_confirmed(topic.partitions.len())? {
            return Err(Failure::usage(format!(
                "topic {} with {} partitions is not deleted",
                self.name,
                topic.partitions.len()
            ))
            .hint("say --yes to delete it and all its records"));
        }
        admin.delete_topic(&self.name).await?;
        eprintln!("deleted topic {}", self.name);
        Ok(())
    }

    /// Asks on a terminal; elsewhere nobody can answer, and the answer is no.
    fn is_confirmed(&self, partitions: usize) -> Result<bool, Failure> {
        if !io::stdin().is_terminal() {
            return Ok(false);
        }
        eprint!(
            "delete topic {} with {partitions} partitions and all its records? [y/N] ",
            self.name
        );
        let mut answer = String::new();
        io::stdin()
            .read_line(&mut answer)
            .map_err(|error| Failure::new(Exit::Failed, format!("read the answer: {error}")))?;
        Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
    }
}
