//! `tidemill run`: run a pipeline file.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::cli::args::ClusterArgs;
use crate::cli::args::Verbosity;
use crate::cli::args::parse_duration;
use crate::cli::exit::Exit;
use crate::cli::exit::Failure;
use crate::cli::pipeline_file;
use crate::cli::signal::Stop;
use crate::cli::signal::block_on;
use crate::client::cluster::Cluster;
use crate::client::error_chain::chain;
use crate::pipeline::Pipeline;
use crate::runtime::Alerts;
use crate::runtime::End;
use crate::runtime::FlowCounts;
use crate::runtime::RunError;
use crate::runtime::app::App;
use crate::runtime::app::RunOptions;

/// Flags of `run`.
#[derive(Args, Debug)]
pub(super) struct Run {
    #[command(flatten)]
    cluster: ClusterArgs,
    /// Pipeline file
    file: PathBuf,
    /// At most so many worker threads (default: as many as there are processors)
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Stop at the end that was there at the start
    #[arg(short = 'e', long)]
    exit_at_end: bool,
    /// Stop after this time
    #[arg(long = "for", value_name = "DURATION", value_parser = parse_duration)]
    run_for: Option<Duration>,
}

impl Run {
    /// Runs the command.
    pub(super) fn run(self, verbosity: Verbosity) -> Result<Exit, Failure> {
        let pipeline = pipeline_file::load(&self.file)?;
        block_on(self.cluster.timeout, self.serve(pipeline, verbosity))
    }

    async fn serve(&self, pipeline: Pipeline, verbosity: Verbosity) -> Result<Exit, Failure> {
        let config = self
            .cluster
            .config_over(&pipeline_file::properties(&pipeline.connect))?;
        let mut stop = Stop::listen(self.run_for)?;
        let cluster = Cluster::connect(config).await?;
        let end = if self.exit_at_end {
            End::AtEnd
        } else {
            End::Follow
        };
        let mut app = App::start(
            &cluster,
            &pipeline.plan,
            RunOptions {
                threads: self.threads,
                end,
                alerts: Alerts {
                    alerts: pipeline.alerts.clone(),
                    log: |line| eprintln!("{line}"),
                },
                delivery: pipeline.delivery,
            },
        )
        .await?;
        if !verbosity.quiet {
            eprintln!("running {}: {}", pipeline.plan.name, pipeline.delivery);
        }
        let exit = finish(&mut app, &mut stop).await?;
        if !verbosity.quiet {
            eprint!("{}", totals(&app.counts()));
        }
        Ok(exit)
    }
}

/// Waits until the pipeline has ended, or is told to and has.
pub(super) async fn finish(app: &mut App, stop: &mut Stop) -> Result<Exit, Failure> {
    let exit = tokio::select! {
        exit = stop.stopped() => exit,
        ended = app.ended() => return Ok(ended.map(|()| Exit::Done)?),
    };
    app.stop();
    app.ended().await?;
    Ok(exit)
}

/// A line for each flow: where every record went.
pub(super) fn totals(flows: &BTreeMap<Box<str>, FlowCounts>) -> String {
    let line = |(flow, counts): (&str, &FlowCounts)| {
        let replayed = match counts.replayed() {
            0 => String::new(),
            replayed => format!(" + {replayed} read again"),
        };
        format!(
            "{flow}: {} records = {} used + {} filtered + {} late + {} rejected{replayed}; {} results\n",
            counts.taken(),
            counts.used(),
            counts.filtered(),
            counts.late(),
            counts.rejected(),
            counts.results(),
        )
    };
    flows
        .iter()
        .map(|(flow, counts)| (&**flow, counts))
        .map(line)
        .collect()
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        let kind = error.kind();
        match error {
            RunError::Call(call) => call.into(),
            RunError::Connect(connect) => connect.into(),
            RunError::Registry(registry) => registry.into(),
            RunError::Fetch(fetch) => fetch.into(),
            RunError::Isolation => Self::new(kind.into(), chain(&error))
                .hint("leave isolation.level out, or set `delivery: at-least-once` in the pipeline file"),
            RunError::Panicked(_) => Self::new(Exit::Bug, chain(&error)),
            RunError::Record { .. } => Self::new(kind.into(), chain(&error))
                .hint("mend the record's producer, or name a topic for such records with on_error: { topic: … }"),
            error => Self::new(kind.into(), chain(&error)),
        }
    }
}
