//! `tidemill consume`: read records from topics.

mod filter;
mod group;
mod output;
mod range;

use std::fs::File;
use std::io;
use std::io::Write;
use std::ops::ControlFlow;
use std::os::fd::AsFd;
use std::time::Duration;

use clap::Args;
use clap::ValueEnum;
use tokio::time::Instant;

use crate::cli::args::ClusterArgs;
use crate::cli::args::Verbosity;
use crate::cli::avro::Schemas;
use crate::cli::consume::filter::Filter;
use crate::cli::consume::output::NotPrinted;
use crate::cli::consume::output::Printed;
use crate::cli::consume::output::Printer;
use crate::cli::consume::range::Ranges;
use crate::cli::exit::Exit;
use crate::cli::exit::Failure;
use crate::cli::offset_spec::OffsetSpec;
use crate::cli::progress::Progress;
use crate::cli::signal::Stop;
use crate::cli::signal::block_on;
use crate::client::cluster::Cluster;
use crate::client::config::Isolation;
use crate::client::fetcher::Fetched;
use crate::client::fetcher::FetchedPartition;
use crate::client::fetcher::Fetcher;
use crate::codec::format::Format;
use crate::codec::framing::SchemaId;
use crate::group::positions::Positions;
use crate::protocol::compression::Decompressor;
use crate::record::Offset;

/// Printed bytes are written once they reach this size, and at the end of each answer.
const WRITE_BYTES: usize = 256 << 10;
/// How long one poll waits for records.
const POLL: Duration = Duration::from_secs(1);

/// Flags of `consume`.
#[derive(Args, Debug)]
pub(super) struct Consume {
    #[command(flatten)]
    cluster: ClusterArgs,
    /// Topics to read
    #[arg(required = true, value_name = "TOPIC")]
    topics: Vec<String>,
    /// Where to start, and to end: start, end, N, -N, +N, A:B, @TIME, @T1:T2, @-1h
    #[arg(
        long,
        value_name = "SPEC",
        default_value = "start",
        allow_hyphen_values = true
    )]
    offset: OffsetSpec,
    /// Read only this partition; may be given again
    #[arg(short, long = "partition", value_name = "PARTITION")]
    partitions: Vec<i32>,
    /// Share the partitions with the other members of this group, and go on where it has committed;
    /// --offset says where to start without a committed offset
    #[arg(short, long, value_name = "GROUP", conflicts_with = "partitions")]
    group: Option<String>,
    /// Stop after so many records
    #[arg(short = 'n', long, value_name = "COUNT")]
    count: Option<u64>,
    /// Stop at the end that was there at the start
    #[arg(short = 'e', long)]
    exit_at_end: bool,
    /// raw (value and line feed), json, jsonl (the envelope), or a format such as '%k=%v\n'
    #[arg(short, long, value_name = "FORMAT", default_value = "raw")]
    output: String,
    /// Print only records for which this is true, such as 'value.price > 10'
    #[arg(long = "where", value_name = "EXPR")]
    condition: Option<String>,
    /// How keys are written
    #[arg(long, value_name = "FORMAT", value_parser = parse_format)]
    key_format: Option<Format>,
    /// How values are written: bytes, text, json, avro (through the schema registry), or a number as
    /// Kafka's serializers write it: integer, long, float, double
    #[arg(long, value_name = "FORMAT", value_parser = parse_format)]
    value_format: Option<Format>,
    /// Which records to see
    #[arg(long, value_enum)]
    isolation: Option<IsolationArg>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum IsolationArg {
    /// Those of committed transactions, and those outside of any (the default)
    #[value(name = "read_committed")]
    ReadCommitted,
    /// All
    #[value(name = "read_uncommitted")]
    ReadUncommitted,
}

/// Reads the name of a format.
pub(super) fn parse_format(text: &str) -> Result<Format, String> {
    text.parse()
        .map_err(|_| format!("{text:?} is no format; one of {}", Format::names()))
}

impl Consume {
    /// Runs the command.
    pub(super) fn run(self, verbosity: Verbosity) -> Result<Exit, Failure> {
        block_on(self.cluster.timeout, self.consume(verbosity))
    }

    async fn consume(&self, verbosity: Verbosity) -> Result<Exit, Failure> {
        let mut config = self.cluster.config()?;
        match self.isolation {
            Some(IsolationArg::ReadCommitted) => config.fetch.isolation = Isolation::ReadCommitted,
            Some(IsolationArg::ReadUncommitted) => {
                config.fetch.isolation = Isolation::ReadUncommitted
            }
            None => {}
        }
        let formats = (
            self.key_format.unwrap_or(Format::Bytes),
            self.value_format.unwrap_or(Format::Bytes),
        );
        let has_avro = formats.0 == Format::Avro || formats.1 == Format::Avro;
        let schemas = has_avro.then(|| Schemas::new(&config)).transpose()?;
        let filter = self
            .condition
            .as_deref()
            .map(|source| Filter::compile(source, self.key_format, self.value_format));
        let printer = Printer::new(&self.output, formats, filter.transpose()?, schemas)?;
        let mut stop = Stop::listen(None)?;
        let cluster = Cluster::connect(config).await?;
        let ranges = match &self.group {
            Some(_) => Ranges::default(),
            None => self.ranges(&cluster).await?,
        };
        let fetcher = ranges.fetcher(&cluster);
        let out = io::stdout()
            .as_fd()
            .try_clone_to_owned()
            .map_err(|error| Failure::output(&error))?;
        let mut reading = Reading {
            cluster,
            ranges,
            positions: Positions::default(),
            reached: Offset(0),
            printer,
            decompressor: Decompressor::new(),
            out: File::from(out),
            left: self.count.unwrap_or(u64::MAX),
            progress: Progress::start("read", verbosity),
        };
        let result = match &self.group {
            None => reading.read(fetcher, &mut stop).await,
            Some(group) => {
                self.read_in_group(group, &mut reading, fetcher, &mut stop)
                    .await
            }
        };
        reading.write()?;
        reading.progress.finish("");
        result
    }

    async fn ranges(&self, cluster: &Cluster) -> Result<Ranges, Failure> {
        let (topics, only) = (&self.topics, &self.partitions);
        Ranges::resolve(cluster, topics, only, self.offset, self.exit_at_end).await
    }
}

/// The state of one `consume`.
#[derive(Debug)]
struct Reading {
    cluster: Cluster,
    ranges: Ranges,
    /// In a group: how far records are printed, to be committed.
    positions: Positions,
    /// The offset behind the last record that was looked at.
    reached: Offset,
    printer: Printer,
    decompressor: Decompressor,
    out: File,
    left: u64,
    progress: Progress,
}

impl Reading {
    async fn read(&mut self, mut fetcher: Fetcher, stop: &mut Stop) -> Result<Exit, Failure> {
        while self.left > 0 && !self.ranges.are_done() {
            let fetched = tokio::select! {
                exit = stop.stopped() => return Ok(exit),
                fetched = fetcher.poll(Instant::now() + POLL) => fetched?,
            };
            self.take(&fetched).await?;
            self.write()?;
            for done in self.ranges.newly_done() {
                fetcher.release(&done);
            }
        }
        Ok(Exit::Done)
    }

    async fn take(&mut self, fetched: &Fetched<'_>) -> Result<(), Failure> {
        for partition in fetched.partitions() {
            let mut rest = partition;
            self.reached = partition.position;
            // Each time a record needs a schema that is not known yet, it is fetched, and reading
            // goes on with that record.
            while let ControlFlow::Break(missing) = self.take_partition(&mut rest)? {
                self.printer.fetch_schema(missing).await?;
            }
            self.positions
                .move_to(partition.topic_partition, self.reached);
            self.ranges
                .moved_to(partition.topic_partition, partition.next_offset);
        }
        Ok(())
    }

    fn take_partition(
        &mut self,
        partition: &mut FetchedPartition<'_>,
    ) -> Result<ControlFlow<SchemaId>, Failure> {
        let end = self.ranges.end(partition.topic_partition);
        let (topic, number) = (
            &*partition.topic_partition.topic,
            partition.topic_partition.partition,
        );
        let (mut records, mut bytes) = (0u64, 0usize);
        let mut stopped = None;
        let Self {
            printer,
            decompressor,
            out,
            left,
            reached,
            ..
        } = self;
        let read = *partition;
        let flow = read.for_each(decompressor, |record| {
            if *left == 0 || end.is_some_and(|end| record.offset >= end) {
                return ControlFlow::Break(None);
            }
            match printer.print(topic, number, &record) {
                Ok(Printed::Yes) => {
                    records += 1;
                    bytes +=
                        record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len);
                    *left -= 1;
                }
                Ok(Printed::Filtered) => {}
                Err(NotPrinted::NeedsSchema(id)) => {
                    partition.position = record.offset;
                    return ControlFlow::Break(Some(id));
                }
                Err(other) => {
                    stopped = Some(other.failure(topic, number, record.offset));
                    return ControlFlow::Break(None);
                }
            }
            *reached = record.offset.next();
            if printer.out.len() >= WRITE_BYTES
                && let Err(error) = write(out, &mut printer.out)
            {
                stopped = Some(error);
                return ControlFlow::Break(None);
            }
            ControlFlow::Continue(())
        })?;
        self.progress.add(records, bytes as u64);
        if flow.is_continue() {
            self.reached = partition.next_offset;
        }
        match (stopped, flow) {
            (Some(failure), _) => Err(failure),
            (None, ControlFlow::Break(Some(id))) => Ok(ControlFlow::Break(id)),
            (None, _) => Ok(ControlFlow::Continue(())),
        }
    }

    fn write(&mut self) -> Result<(), Failure> {
        write(&mut self.out, &mut self.printer.out)
    }
}

fn write(out: &mut File, bytes: &mut Vec<u8>) -> Result<(), Failure> {
    let written = out.write_all(bytes);
    bytes.clear();
    written.map_err(|error| Failure::output(&error))
}
