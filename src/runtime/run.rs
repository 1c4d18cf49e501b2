//! A plan run by a program of one's own.

use std::collections::BTreeMap;

use crate::client::cluster::Cluster;
use crate::client::config::Config;
use crate::runtime::app::App;
use crate::runtime::app::RunOptions;
use crate::runtime::counts::FlowCounts;
use crate::runtime::error::RunError;
use crate::stream::plan::Plan;

/// Runs `plan` on the cluster that `config` names until `stop` is done, or until it ends by itself,
/// and says what became of the records of each flow. When told to stop, it finishes what it has
/// read, commits, and ends.
///
/// A plan is the same whether it comes from a builder ([`crate::stream::builder`]) or from a
/// pipeline file ([`crate::pipeline::compile()`]); its topics have to be there, but those between
/// stages, which are created.
///
/// # Errors
///
/// [`RunError`]; what had been committed by then is where the next run goes on.
///
/// # Examples
///
/// ```no_run
/// use tidemill::client::address::BrokerAddress;
/// use tidemill::client::config::Config;
/// use tidemill::runtime::app::RunOptions;
/// use tidemill::runtime::run;
/// use tidemill::stream::builder::{Builder, count, field, json, mins, tumbling};
///
/// #[tokio::main]
/// async fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let app = Builder::new("site");
///     app.source("events")
///         .stream()
///         .key_by(field("page"))
///         .window(tumbling(mins(1)))
///         .aggregate(count().named("views"))
///         .to("views-per-minute", json());
///     let plan = app.build()?;
///     let config = Config::with_brokers(BrokerAddress::parse_list("localhost:9092")?);
///     let stop = async { drop(tokio::signal::ctrl_c().await) };
///     let counts = run(&plan, config, RunOptions::default(), stop).await?;
///     println!("{counts:?}");
///     Ok(())
/// }
/// ```
pub async fn run(
    plan: &Plan,
    config: Config,
    options: RunOptions,
    stop: impl Future<Output = ()>,
) -> Result<BTreeMap<Box<str>, FlowCounts>, RunError> {
    let cluster = Cluster::connect(config).await.map_err(RunError::Connect)?;
    let mut app = App::start(&cluster, plan, options).await?;
    let is_over = tokio::select! {
        () = stop => false,
        ended = app.ended() => ended.map(|()| true)?,
    };
    if !is_over {
        app.stop();
        app.ended().await?;
    }
    Ok(app.counts())
}
