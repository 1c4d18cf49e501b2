//! `tidemill demo`: the whole of it, with nothing installed.
//!
//! A broker and a registry of its own, a producer of orders in Avro (some late, some no orders at
//! all), the pipeline of `pipeline.yaml`, and a reader of its results: all in one process, but each
//! talking to the others through the broker, as they would anywhere.

mod orders;
mod screen;

use std::io;
use std::io::IsTerminal;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use clap::Args;
use tokio::time::Instant;

use crate::broker::Broker;
use crate::broker::BrokerConfig;
use crate::cli::args::Verbosity;
use crate::cli::args::parse_duration;
use crate::cli::broker::not_started;
use crate::cli::clock::now_millis;
use crate::cli::demo::orders::Order;
use crate::cli::demo::screen::Screen;
use crate::cli::exit::Exit;
use crate::cli::exit::Failure;
use crate::cli::pipeline_file;
use crate::cli::run::totals;
use crate::cli::signal::Stop;
use crate::client::admin::Admin;
use crate::client::admin::Change;
use crate::client::admin::NewTopic;
use crate::client::cluster::Cluster;
use crate::client::config::Config;
use crate::client::error_chain::chain;
use crate::client::fetcher::Fetcher;
use crate::client::producer::NewRecord;
use crate::client::producer::Outcomes;
use crate::client::producer::Placement;
use crate::client::producer::Producer;
use crate::client::schema_registry::SchemaRegistry;
use crate::codec::avro::encode;
use crate::codec::avro::schema::Schema;
use crate::codec::framing;
use crate::codec::framing::SchemaId;
use crate::protocol::compression::Decompressor;
use crate::record::Offset;
use crate::record::Timestamp;
use crate::record::TopicPartition;
use crate::runtime::End;
use crate::runtime::FlowCounts;
use crate::runtime::app::App;
use crate::runtime::app::RunOptions;

const PIPELINE: &str = include_str!("pipeline.yaml");
const SCHEMA: &str = include_str!("../../../schemas/order.avsc");
/// One order each so many milliseconds.
const ORDER_EVERY_MS: i64 = 20;
/// The orders of so long before the start are written at once, so that there is something to see.
const HISTORY_MS: i64 = 45_000;

/// Flags of `demo`.
#[derive(Args, Debug)]
pub(super) struct Demo {
    /// Stop after this time
    #[arg(long = "for", value_name = "DURATION", value_parser = parse_duration)]
    run_for: Option<Duration>,
    /// Print results as lines, also on a terminal
    #[arg(long)]
    no_ui: bool,
    /// Print the pipeline file that the demo runs, and do nothing else
    #[arg(long)]
    print_pipeline: bool,
}

impl Demo {
    /// Runs the command.
    pub(super) fn run(self, verbosity: Verbosity) -> Result<Exit, Failure> {
        if self.print_pipeline {
            return write!(io::stdout(), "{PIPELINE}")
                .map(|()| Exit::Done)
                .map_err(|error| Failure::output(&error));
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build();
        let runtime = runtime
            .map_err(|error| Failure::new(Exit::Failed, format!("start the runtime: {error}")))?;
        let result = runtime.block_on(self.show(verbosity));
        runtime.shutdown_background();
        result
    }

    async fn show(&self, verbosity: Verbosity) -> Result<Exit, Failure> {
        let mut stop = Stop::listen(self.run_for)?;
        let broker = Broker::start(BrokerConfig {
            registry_port: Some(0),
            ..BrokerConfig::default()
        });
        let broker = broker.await.map_err(|error| not_started(&error))?;
        let config = client_config(&broker)?;
        let cluster = Cluster::connect(config.clone()).await?;
        create_topics(&cluster).await?;
        if !verbosity.quiet {
            eprintln!(
                "broker {}, schema registry {}",
                broker.bootstrap(),
                broker.registry_url().unwrap_or_default()
            );
            eprintln!(
                "read along: tidemill consume revenue -b {} -o jsonl",
                broker.bootstrap()
            );
        }
        let shop = Shop::open(&cluster).await?;
        let selling = tokio::spawn(shop.sell(stop.clone()));
        let pipeline = pipeline_file::compile("demo.yaml", PIPELINE, Path::new("."))?;
        let mut app = App::start(
            &cluster,
            &pipeline.plan,
            RunOptions {
                threads: Some(1),
                end: End::Follow,
                delivery: pipeline.delivery,
                ..RunOptions::default()
            },
        )
        .await?;
        let screen = Screen::new(!self.no_ui && io::stdout().is_terminal());
        let exit = watch(&cluster, &app, screen, &mut stop).await?;
        let sold = selling
            .await
            .map_err(|error| Failure::new(Exit::Bug, error.to_string()))??;
        all_taken(
            &app,
            sold.orders,
            Instant::now() + cluster.config().request_timeout,
        )
        .await;
        app.stop();
        app.ended().await?;
        eprintln!(
            "orders: {} written, of them {} paid and late, {} broken",
            sold.orders, sold.late, sold.broken
        );
        eprint!("{}", totals(&app.counts()));
        let stopped = broker.shutdown().await;
        stopped.map_err(|error| Failure::new(Exit::Failed, chain(&error)))?;
        Ok(exit)
    }
}

fn client_config(broker: &Broker) -> Result<Config, Failure> {
    let mut config = Config::default();
    let registry = broker.registry_url().unwrap_or_default();
    for (name, value) in [
        ("bootstrap.servers", broker.bootstrap().as_str()),
        ("schema.registry.url", registry.as_str()),
        ("client.id", "tidemill-demo"),
    ] {
        config
            .set(name, value)
            .map_err(|error| Failure::new(Exit::Bug, chain(&error)))?;
    }
    Ok(config)
}

async fn create_topics(cluster: &Cluster) -> Result<(), Failure> {
    let admin = Admin::new(cluster.clone());
    for name in ["orders", "orders.late", "revenue", "demo.dead-letters"] {
        let topic = NewTopic {
            name: name.to_owned(),
            partitions: Some(1),
            ..NewTopic::default()
        };
        admin.create_topic(&topic, Change::Apply).await?;
    }
    Ok(())
}

/// Prints results as they come, until it is time to stop.
async fn watch(
    cluster: &Cluster,
    app: &App,
    mut screen: Screen,
    stop: &mut Stop,
) -> Result<Exit, Failure> {
    let mut fetcher = Fetcher::new(cluster.clone(), cluster.config().fetch.clone());
    fetcher.assign(TopicPartition::new("revenue", 0), Offset(0));
    let mut decompressor = Decompressor::new();
    loop {
        let fetched = tokio::select! {
            exit = stop.stopped() => return Ok(exit),
            fetched = fetcher.poll(Instant::now() + Duration::from_millis(500)) => fetched?,
        };
        for partition in fetched.partitions() {
            // Nothing breaks off here, so what comes back says nothing.
            let _: std::ops::ControlFlow<()> = partition.for_each(&mut decompressor, |record| {
                screen.take(record.value.unwrap_or_default());
                std::ops::ControlFlow::Continue(())
            })?;
        }
        screen
            .draw(&app.counts())
            .map_err(|error| Failure::output(&error))?;
    }
}

/// Waits until the pipeline has taken every order, so that the account at the end is whole; at most
/// until `deadline`, after which it tells what is missing.
async fn all_taken(app: &App, orders: u64, deadline: Instant) {
    let taken = || app.counts().values().map(FlowCounts::taken).sum::<u64>();
    while taken() < orders && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Writes orders.
struct Shop {
    producer: Producer,
    cluster: Cluster,
    schema: Schema,
    id: i32,
}

/// What was written.
#[derive(Clone, Copy, Debug, Default)]
struct Sold {
    orders: u64,
    /// Those that are late but would count.
    late: u64,
    broken: u64,
}

impl Shop {
    async fn open(cluster: &Cluster) -> Result<Self, Failure> {
        let config = cluster.config();
        let id = SchemaRegistry::new(&config.registry)?
            .register("orders-value", SCHEMA)
            .await?;
        let schema =
            Schema::parse(SCHEMA).map_err(|error| Failure::new(Exit::Bug, error.to_string()))?;
        let producer = Producer::new(cluster.clone(), config.produce.clone(), Outcomes::Count);
        Ok(Self {
            producer,
            cluster: cluster.clone(),
            schema,
            id,
        })
    }

    /// Writes the orders of a while ago at once and then one after another, until it is time to
    /// stop.
    async fn sell(self, mut stop: Stop) -> Result<Sold, Failure> {
        let topic = self.producer.topic("orders").await?;
        let mut sold = Sold::default();
        let begin = now_millis() - HISTORY_MS;
        for number in 0.. {
            let at = begin + i64::try_from(number).unwrap_or(i64::MAX) * ORDER_EVERY_MS;
            let wait = u64::try_from(at - now_millis()).unwrap_or(0);
            if wait > 0 {
                tokio::select! {
                    _ = stop.stopped() => break,
                    () = tokio::time::sleep(Duration::from_millis(wait)) => {}
                }
            }
            let value = self.value(number, at, &mut sold)?;
            let record = NewRecord {
                timestamp: Some(Timestamp(at)),
                key: None,
                value: Some(&value),
                headers: std::iter::empty(),
            };
            self.producer.send(&topic, Placement::ByKey, record).await?;
        }
        let deadline = Instant::now() + self.cluster.config().request_timeout;
        match self.producer.flush(deadline).await.first_error {
            None => Ok(sold),
            Some(error) => Err(error.into()),
        }
    }

    /// The bytes of the `number`th record.
    fn value(&self, number: u64, at: i64, sold: &mut Sold) -> Result<Vec<u8>, Failure> {
        sold.orders += 1;
        let order = match orders::order(number, at) {
            Order::Broken(bytes) => {
                sold.broken += 1;
                return Ok(bytes.to_vec());
            }
            Order::Whole(order) => order,
        };
        sold.late += u64::from(orders::is_late(number) && orders::is_paid(&order));
        let mut value = Vec::new();
        framing::put_prefix(&mut value, SchemaId::Number(self.id));
        let encoded = encode::encode(&self.schema, &order, &mut value);
        encoded.map_err(|error| Failure::new(Exit::Bug, error.to_string()))?;
        Ok(value)
    }
}
