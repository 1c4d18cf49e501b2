//! `tidemill broker`: the embedded development broker and schema registry.

use std::io;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use tokio::runtime;

use crate::broker::Broker as Embedded;
use crate::broker::BrokerConfig;
use crate::broker::StartError;
use crate::cli::args::Verbosity;
use crate::cli::args::parse_duration;
use crate::cli::exit::Exit;
use crate::cli::exit::Failure;
use crate::cli::signal::Stop;
use crate::client::error_chain::chain;

/// Flags of `broker`.
#[derive(Args, Debug)]
pub(super) struct Broker {
    /// Port on 127.0.0.1; 0 picks a free one
    #[arg(long, value_name = "PORT", default_value_t = 9092)]
    port: u16,
    /// Port of the schema registry on 127.0.0.1; 0 picks a free one
    #[arg(long, value_name = "PORT", default_value_t = 8081)]
    registry_port: u16,
    /// Start no schema registry
    #[arg(long, conflicts_with = "registry_port")]
    no_registry: bool,
    /// Keep topics and groups in this directory (default: in memory)
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Create a topic when a client that allows it asks for one
    #[arg(long)]
    auto_create_topics: bool,
    /// Partitions of topics whose creator does not say how many
    #[arg(short, long, value_name = "N", default_value_t = 1)]
    partitions: i32,
    /// Stop after this time
    #[arg(long = "for", value_name = "DURATION", value_parser = parse_duration)]
    run_for: Option<Duration>,
}

impl Broker {
    /// Runs the command.
    pub(super) fn run(self, verbosity: Verbosity) -> Result<Exit, Failure> {
        let runtime = runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .map_err(|error| Failure::new(Exit::Failed, format!("start the runtime: {error}")))?;
        runtime.block_on(self.serve(verbosity))
    }

    async fn serve(self, verbosity: Verbosity) -> Result<Exit, Failure> {
        let config = BrokerConfig {
            port: self.port,
            registry_port: (!self.no_registry).then_some(self.registry_port),
            data_dir: self.data,
            creates_topics: self.auto_create_topics,
            partitions: self.partitions,
            ..BrokerConfig::default()
        };
        let mut stop = Stop::listen(self.run_for)?;
        let broker = Embedded::start(config)
            .await
            .map_err(|error| not_started(&error))?;
        announce(&broker).map_err(|error| Failure::output(&error))?;
        if !verbosity.quiet {
            eprintln!("embedded development broker, for loopback only; Ctrl-C stops it");
        }
        let exit = stop.stopped().await;
        let stopped = broker.shutdown().await;
        stopped.map_err(|error| {
            Failure::new(Exit::Failed, format!("stop the broker: {}", chain(&error)))
        })?;
        Ok(exit)
    }
}

pub(super) fn not_started(error: &StartError) -> Failure {
    Failure::new(Exit::Failed, chain(error))
        .hint("take another port with --port and --registry-port; 0 picks a free one")
}

/// Says where it serves, for people and for scripts.
fn announce(broker: &Embedded) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "BOOTSTRAP={}", broker.bootstrap())?;
    if let Some(registry) = broker.registry_url() {
        writeln!(out, "REGISTRY={registry}")?;
    }
    out.flush()
}
