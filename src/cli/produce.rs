//! `tidemill produce`: write records to a topic.

mod source;

use std::path::PathBuf;

use bytes::Bytes;
use clap::Args;
use clap::ValueEnum;
use memchr::memchr;
use memchr::memmem;
use tokio::time::Instant;

use crate::cli::args::ClusterArgs;
use crate::cli::args::Verbosity;
use crate::cli::avro::Schemas;
use crate::cli::clock::now_millis;
use crate::cli::consume::parse_format;
use crate::cli::exit::Exit;
use crate::cli::exit::Failure;
use crate::cli::produce::source::READ_BYTES;
use crate::cli::produce::source::Source;
use crate::cli::progress::Progress;
use crate::cli::signal::Stop;
use crate::cli::signal::block_on;
use crate::client::cluster::Cluster;
use crate::client::error_chain::chain;
use crate::client::producer::NewRecord;
use crate::client::producer::Outcomes;
use crate::client::producer::Placement;
use crate::client::producer::Producer;
use crate::client::producer::SendError;
use crate::client::producer::TopicHandle;
use crate::client::schema_registry::Side;
use crate::codec::avro::render;
use crate::codec::avro::schema::Schema;
use crate::codec::envelope;
use crate::codec::envelope::Payload;
use crate::codec::fixed::Fixed;
use crate::codec::format::Format;
use crate::codec::framing;
use crate::codec::framing::SchemaId;
use crate::record::Header;
use crate::record::PartitionId;
use crate::record::Timestamp;

/// The longest line that is read; a longer one could not be a record anyway.
const LINE_BYTES_MAX: usize = 256 << 20;

/// Flags of `produce`.
#[derive(Args, Debug)]
pub(super) struct Produce {
    #[command(flatten)]
    cluster: ClusterArgs,
    /// Topic to write to
    topic: String,
    /// Files to read (default: standard input)
    files: Vec<PathBuf>,
    /// What a line is
    #[arg(short, long, value_enum, default_value = "lines")]
    input: Input,
    /// Key of every record
    #[arg(short, long, conflicts_with = "key_separator")]
    key: Option<String>,
    /// The key of a line ends at the first of these, and the value begins behind it
    #[arg(short = 'K', long, value_name = "SEPARATOR")]
    key_separator: Option<String>,
    /// Partition of every record (default: by key, as Java's clients do)
    #[arg(short, long)]
    partition: Option<i32>,
    /// A header of every record
    #[arg(short = 'H', long = "header", value_name = "NAME=VALUE")]
    headers: Vec<String>,
    /// An empty key or value is null
    #[arg(short = 'Z', long)]
    empty_is_null: bool,
    /// How values are written: bytes (as they are), avro (what comes in is JSON; through the
    /// registry), or integer, long, float, double (what comes in is decimal)
    #[arg(long, value_name = "FORMAT", value_parser = parse_format)]
    value_format: Option<Format>,
    /// Schema of the values; without, the latest of the topic's subject
    #[arg(long, value_name = "FILE")]
    schema: Option<PathBuf>,
    /// none, gzip, snappy, lz4 or zstd
    #[arg(long, value_name = "CODEC")]
    compression: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Input {
    /// A value, or a key and a value
    Lines,
    /// A record as `consume -o jsonl` prints it
    Jsonl,
}

/// A record of which only the parts that its line gives are set.
type Headers<'a> = &'a [(Vec<u8>, Option<Vec<u8>>)];

impl Produce {
    /// Runs the command.
    pub(super) fn run(self, verbosity: Verbosity) -> Result<Exit, Failure> {
        block_on(self.cluster.timeout, self.produce(verbosity))
    }

    async fn produce(&self, verbosity: Verbosity) -> Result<Exit, Failure> {
        let mut config = self.cluster.config()?;
        if let Some(codec) = &self.compression {
            config.produce.compression = codec
                .parse()
                .map_err(|error| Failure::usage(format!("--compression: {error}")))?;
        }
        let headers = self
            .headers
            .iter()
            .map(|header| parse_header(header))
            .collect::<Result<Vec<_>, _>>()?;
        let mut stop = Stop::listen(None)?;
        let cluster = Cluster::connect(config).await?;
        let config = cluster.config();
        let producer = Producer::new(cluster.clone(), config.produce.clone(), Outcomes::Count);
        let topic = producer.topic(&self.topic).await?;
        let encoding = match (self.value_format, &self.schema) {
            (Some(Format::Avro), _) | (None, Some(_)) => Some(self.avro(&cluster).await?),
            (Some(Format::Fixed(fixed)), _) => Some(Encoding::Fixed(fixed)),
            _ => None,
        };
        let schemas = (self.input == Input::Jsonl && !config.registry.urls.is_empty())
            .then(|| Schemas::new(config));
        let mut writing = Writing {
            args: self,
            topic,
            separator: self.key_separator.as_ref().map(memmem::Finder::new),
            headers: &headers,
            encoding,
            schemas: schemas.transpose()?,
            progress: Progress::start("read", verbosity),
            encoded: Vec::new(),
            line: 0,
            now: Timestamp(now_millis()),
        };
        let written = writing.write_all(&producer, &mut stop).await;
        let deadline = Instant::now() + config.produce.delivery_timeout;
        let delivery = producer.flush(deadline).await;
        let lost = delivery.sent - delivery.written;
        let retried = if delivery.retries > 0 {
            format!(", {} batches sent again", delivery.retries)
        } else {
            String::new()
        };
        writing.progress.finish(&format!(
            "; {} written in {} batches{retried}",
            delivery.written, delivery.batches
        ));
        if let Some(error) = delivery.first_error {
            return Err(Failure::from(error).hint(format!(
                "{lost} of {} records were not acknowledged",
                delivery.sent
            )));
        }
        if lost > 0 {
            return Err(Failure::new(
                Exit::NotReachable,
                format!("{lost} records were not acknowledged in time"),
            ));
        }
        written
    }

    /// The schema of the values.
    async fn avro(&self, cluster: &Cluster) -> Result<Encoding, Failure> {
        let config = cluster.config();
        let text = match &self.schema {
            Some(file) => Some(std::fs::read_to_string(file).map_err(|error| {
                Failure::new(
                    Exit::Usage,
                    format!("read schema {}: {error}", file.display()),
                )
            })?),
            None => None,
        };
        let schemas = Schemas::new(config)?;
        let (id, schema) = schemas
            .for_writing(config, &self.topic, Side::Value, text.as_deref())
            .await?;
        Ok(Encoding::Avro(id, schema))
    }
}

fn parse_header(text: &str) -> Result<(Vec<u8>, Option<Vec<u8>>), Failure> {
    let (name, value) = text
        .split_once('=')
        .ok_or_else(|| Failure::usage(format!("-H {text}: not NAME=VALUE")))?;
    Ok((name.as_bytes().to_vec(), Some(value.as_bytes().to_vec())))
}

/// Whether a record was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taken {
    Yes,
    NoRoom,
}

/// The state of one `produce`.
struct Writing<'a> {
    args: &'a Produce,
    topic: TopicHandle,
    separator: Option<memmem::Finder<'a>>,
    headers: Headers<'a>,
    /// What is made of values; else they are written as they come.
    encoding: Option<Encoding>,
    schemas: Option<Schemas>,
    progress: Progress,
    /// The last value that was encoded.
    encoded: Vec<u8>,
    /// The number of the last line, from 1.
    line: u64,
    /// The wall clock when the last bytes were read.
    now: Timestamp,
}

impl Writing<'_> {
    async fn write_all(&mut self, producer: &Producer, stop: &mut Stop) -> Result<Exit, Failure> {
        if self.args.files.is_empty() {
            let stdin = Source::stdin();
            return self.write(producer, stop, stdin, "standard input").await;
        }
        for file in &self.args.files {
            let name = file.display().to_string();
            let source = Source::open(file)
                .await
                .map_err(|error| Failure::new(Exit::Failed, format!("open {name}: {error}")))?;
            let exit = self.write(producer, stop, source, &name).await?;
            if exit != Exit::Done {
                return Ok(exit);
            }
        }
        Ok(Exit::Done)
    }

    /// Writes the records of one input, up to its end or until the command is to stop.
    async fn write(
        &mut self,
        producer: &Producer,
        stop: &mut Stop,
        mut source: Source,
        name: &str,
    ) -> Result<Exit, Failure> {
        self.line = 0;
        let mut buffer = Vec::with_capacity(2 * READ_BYTES);
        loop {
            buffer.reserve(READ_BYTES);
            let read = tokio::select! {
                biased;
                exit = stop.stopped() => return Ok(exit),
                read = source.read(&mut buffer) => read,
            };
            let count =
                read.map_err(|error| Failure::new(Exit::Failed, format!("read {name}: {error}")))?;
            self.now = Timestamp(now_millis());
            let used = self.write_lines(producer, &buffer, name).await?;
            buffer.drain(..used);
            // What was taken goes out while more is read.
            tokio::task::yield_now().await;
            if count == 0 {
                if !buffer.is_empty() {
                    self.write_line(producer, &buffer, name).await?;
                }
                return Ok(Exit::Done);
            }
            if buffer.len() > LINE_BYTES_MAX {
                return Err(Failure::new(
                    Exit::Data,
                    format!(
                        "{name}:{}: line of more than {LINE_BYTES_MAX} bytes",
                        self.line + 1
                    ),
                ));
            }
        }
    }

    /// Writes the whole lines of `bytes`, and returns how many bytes they took.
    async fn write_lines(
        &mut self,
        producer: &Producer,
        bytes: &[u8],
        name: &str,
    ) -> Result<usize, Failure> {
        let (mut used, before) = (0, self.line);
        while let Some((line, _)) = bytes
            .get(used..)
            .and_then(|rest| rest.split_at_checked(memchr(b'\n', rest)?))
        {
            let is_taken = self.args.input == Input::Lines
                && matches!(self.write_plain(producer, line), Ok(Taken::Yes));
            if is_taken {
                self.line += 1;
            } else {
                // Where there is no room, or something is wrong, nothing was taken.
                self.write_line(producer, line, name).await?;
            }
            used += line.len() + 1;
        }
        self.progress.add(self.line - before, used as u64);
        Ok(used)
    }

    async fn write_line(
        &mut self,
        producer: &Producer,
        line: &[u8],
        name: &str,
    ) -> Result<(), Failure> {
        self.line += 1;
        let sent = match self.args.input {
            Input::Lines => loop {
                match self.write_plain(producer, line) {
                    Ok(Taken::Yes) => return Ok(()),
                    Ok(Taken::NoRoom) => producer.room().await,
                    Err(failure) => break Err(failure),
                }
            },
            Input::Jsonl if line.trim_ascii().is_empty() => Ok(()),
            Input::Jsonl => self.write_envelope(producer, line).await,
        };
        sent.map_err(|failure| Failure {
            message: format!("{name}:{}: {}", self.line, failure.message),
            ..failure
        })
    }

    #[inline]
    fn write_plain(&mut self, producer: &Producer, line: &[u8]) -> Result<Taken, Failure> {
        let (key, value) = match &self.separator {
            None => (self.args.key.as_ref().map(String::as_bytes), line),
            Some(separator) => match separator.find(line) {
                Some(at) => (
                    line.get(..at),
                    line.get(at + separator.needle().len()..)
                        .unwrap_or_default(),
                ),
                None => {
                    return Err(Failure::new(
                        Exit::Data,
                        format!(
                            "no key: the line has no {:?}",
                            self.args.key_separator.as_deref().unwrap_or_default()
                        ),
                    ));
                }
            },
        };
        let or_null = |bytes: &&[u8]| !(self.args.empty_is_null && bytes.is_empty());
        let (key, value) = (key.filter(or_null), Some(value).filter(or_null));
        let value = match (&self.encoding, value) {
            (Some(encoding), Some(value)) => {
                encoding.encode(value, &mut self.encoded)?;
                Some(self.encoded.as_slice())
            }
            (_, value) => value,
        };
        let headers = self.headers.iter().map(|(name, value)| Header {
            name,
            value: value.as_deref(),
        });
        let record = NewRecord {
            timestamp: Some(self.now),
            key,
            value,
            headers,
        };
        match producer.try_send(&self.topic, self.placement(None), record) {
            Ok(()) => Ok(Taken::Yes),
            Err(SendError::Full) => Ok(Taken::NoRoom),
            Err(error) => Err(error.into()),
        }
    }

    async fn write_envelope(&mut self, producer: &Producer, line: &[u8]) -> Result<(), Failure> {
        let read = envelope::read_line(line);
        let mut line = read.map_err(|error| Failure::new(Exit::Data, error.to_string()))?;
        if let (Some(encoding), Payload::Bytes(value)) = (&self.encoding, &line.value) {
            encoding.encode(value, &mut self.encoded)?;
            line.value = Payload::Bytes(Bytes::copy_from_slice(&self.encoded));
        }
        for payload in [&line.key, &line.value] {
            if let Payload::Avro {
                schema: Some(id), ..
            } = payload
            {
                self.fetch(*id).await?;
            }
        }
        let partition = line.partition;
        let schemas = self.schemas.as_ref();
        let record =
            line.into_record(
                |id, json, out| match schemas.and_then(|schemas| schemas.known(id)) {
                    Some(schema) => {
                        render::from_json(schema, json, out).map_err(|error| error.to_string())
                    }
                    None => Err(format!("schema {id} is not known; give --registry")),
                },
            );
        let record = record.map_err(|error| Failure::new(Exit::Data, error.to_string()))?;
        let new = NewRecord {
            timestamp: Some(record.timestamp.unwrap_or(self.now)),
            key: record.key.as_deref(),
            value: record.value.as_deref(),
            headers: record
                .headers()
                .chain(self.headers.iter().map(|(name, value)| Header {
                    name,
                    value: value.as_deref(),
                })),
        };
        Ok(producer
            .send(&self.topic, self.placement(partition), new)
            .await?)
    }

    async fn fetch(&mut self, id: SchemaId) -> Result<(), Failure> {
        match &mut self.schemas {
            Some(schemas) if schemas.known(id).is_none() => schemas.fetch(id).await.map(drop),
            _ => Ok(()),
        }
    }

    fn placement(&self, of_record: Option<PartitionId>) -> Placement {
        let asked = self.args.partition.map(PartitionId).or(of_record);
        asked.map_or(Placement::ByKey, Placement::Partition)
    }
}

/// What becomes of the values that come in.
#[derive(Debug)]
enum Encoding {
    /// JSON becomes Avro by the schema, behind the prefix that names it.
    Avro(i32, Schema),
    /// Decimals become numbers of fixed width.
    Fixed(Fixed),
}

impl Encoding {
    /// Writes `value` into `out`, which is emptied before.
    fn encode(&self, value: &[u8], out: &mut Vec<u8>) -> Result<(), Failure> {
        out.clear();
        let encoded = match self {
            Self::Avro(id, schema) => {
                framing::put_prefix(out, SchemaId::Number(*id));
                render::from_json(schema, value, out).map_err(|error| error.to_string())
            }
            Self::Fixed(fixed) => {
                let text = String::from_utf8_lossy(value);
                let put = fixed.put_text(&text, out);
                put.map_err(|error| error.to_string())
            }
        };
        encoded.map_err(|error| Failure::new(Exit::Data, error))
    }
}

impl From<SendError> for Failure {
    fn from(error: SendError) -> Self {
        let message = chain(&error);
        match error {
            SendError::TooLarge { bytes, .. } => Self::new(Exit::Data, message).hint(format!(
                "raise it with -X max.request.size={bytes}, and max.message.bytes of the topic with it"
            )),
            SendError::Encode { .. } => Self::new(Exit::Data, message),
            SendError::NoPartition { .. } => Self::new(Exit::Usage, message),
            SendError::Failed(failed) => (*failed).into(),
            SendError::Full | SendError::NoTransaction => Self::new(Exit::Failed, message),
        }
    }
}
