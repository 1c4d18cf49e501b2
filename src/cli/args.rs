//! Flags that several commands share, and how flags, files and the environment become settings.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::expr::duration;

/// Which cluster, and how to reach it.
///
/// A setting may stand in several places; the first one wins: its own flag, `-X`, the environment
/// (`TIDEMILL_<PROPERTY_IN_CAPS>`), the file of `-F`, the default.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Cluster")]
pub(super) struct ClusterArgs {
    /// Brokers to ask first, as HOST:PORT,… (default localhost:9092)
    #[arg(
        short,
        long,
        global = true,
        value_name = "HOST:PORT,…",
        env = "TIDEMILL_BROKERS",
        hide_env = true
    )]
    pub brokers: Option<String>,
    /// Schema registry
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "TIDEMILL_REGISTRY",
        hide_env = true
    )]
    pub registry: Option<String>,
    /// File of client properties, as Java's or librdkafka's clients read it
    #[arg(
        short = 'F',
        long = "config",
        global = true,
        value_name = "FILE.properties"
    )]
    pub config_file: Option<PathBuf>,
    /// One client property, by the name that Java's or librdkafka's clients have for it
    #[arg(short = 'X', global = true, value_name = "NAME=VALUE")]
    pub properties: Vec<String>,
    /// How long to wait for a connection
    #[arg(long, global = true, value_name = "DURATION", value_parser = parse_duration, default_value = "5s")]
    pub connect_timeout: Duration,
    /// How long the whole command may take; past it, exit code 8
    #[arg(long, global = true, value_name = "DURATION", value_parser = parse_duration)]
    pub timeout: Option<Duration>,
}

/// How much to say on standard error.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Output")]
pub(super) struct Verbosity {
    /// Print errors only
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Say more on standard error: -v what is done, -vv each request
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// Reads `5s`, `1m30s`, `500ms`.
///
/// # Errors
///
/// What is wrong, for clap to quote.
pub(super) fn parse_duration(text: &str) -> Result<Duration, String> {
    let span = duration::parse(text).map_err(|error| error.to_string())?;
    span.to_std()
        .map_err(|_| format!("duration `{text}` is negative"))
}
