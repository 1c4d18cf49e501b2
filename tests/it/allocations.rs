//! What allocates nothing, once its memory has grown to the work: counted by an allocator.

use std::sync::Arc;

use allocation_counter::measure;
use tidemill::broker::Broker;
use tidemill::broker::BrokerConfig;
use tidemill::client::cluster::Cluster;
use tidemill::client::fetcher::FetchedPartition;
use tidemill::client::fetcher::Fetcher;
use tidemill::codec::format::Format;
use tidemill::pipeline::Outside;
use tidemill::pipeline::compile;
use tidemill::protocol::batch_builder::BatchBuilder;
use tidemill::protocol::batch_builder::BatchStamp;
use tidemill::protocol::batch_reader::Batches;
use tidemill::protocol::compression::Compression;
use tidemill::protocol::compression::Decompressor;
use tidemill::record::Header;
use tidemill::record::HeadersView;
use tidemill::record::Offset;
use tidemill::record::PartitionId;
use tidemill::record::Timestamp;
use tidemill::record::TopicPartition;
use tidemill::stream::effects::Effects;
use tidemill::stream::stage::Stage;
use tidemill::stream::step::StepEnd;
use tidemill::stream::task::Task;
use tokio::runtime::Builder;
use tokio::runtime::Runtime;
use tokio::time::Instant;

use crate::broker::raw_client::RawClient;
use crate::client_suite;

const RECORDS: i64 = 500;

/// Builds one batch into `out`.
fn build(builder: &mut BatchBuilder, compression: Compression, out: &mut Vec<u8>) {
    let headers = [
        Header {
            name: b"trace",
            value: Some(b"0123456789"),
        },
        Header {
            name: b"empty",
            value: None,
        },
    ];
    out.clear();
    for n in 0..RECORDS {
        let key = n.to_be_bytes();
        builder
            .push(Timestamp(n), Some(&key), Some(&[b'v'; 160]), headers)
            .expect("fits");
    }
    let stamp = BatchStamp {
        compression,
        ..BatchStamp::default()
    };
    builder.finish(&stamp, out).expect("compresses");
}

/// Reads all of `bytes` and adds up some of what it sees.
fn read(bytes: &[u8], decompressor: &mut Decompressor) -> usize {
    let mut seen = 0;
    for batch in Batches::new(bytes) {
        let batch = batch.expect("a good batch");
        batch.verify_crc().expect("the CRC is right");
        for record in batch.records(decompressor).expect("readable") {
            let record = record.expect("well formed");
            let headers: HeadersView<'_> = record.headers;
            seen += record.value.map_or(0, <[u8]>::len) + headers.iter().count();
        }
    }
    seen
}

/// The pure-Rust zstd takes new memory for each batch.
fn reuses_its_memory(compression: Compression) -> bool {
    cfg!(feature = "zstd-c") || compression != Compression::Zstd
}

#[test]
fn building_a_batch_allocates_nothing_the_third_time() {
    for compression in Compression::ALL
        .into_iter()
        .filter(|&c| reuses_its_memory(c))
    {
        let mut builder = BatchBuilder::new();
        let mut out = Vec::new();
        // Builder and output may change places: each of the two has to grow once.
        build(&mut builder, compression, &mut out);
        build(&mut builder, compression, &mut out);
        let info = measure(|| build(&mut builder, compression, &mut out));
        assert_eq!(info.count_total, 0, "{compression}");
    }
}

#[test]
fn reading_a_batch_allocates_nothing_the_second_time() {
    for compression in Compression::ALL
        .into_iter()
        .filter(|&c| reuses_its_memory(c))
    {
        let mut out = Vec::new();
        build(&mut BatchBuilder::new(), compression, &mut out);
        let mut decompressor = Decompressor::new();
        let expected = read(&out, &mut decompressor);
        let mut seen = 0;
        let info = measure(|| seen = read(&out, &mut decompressor));
        assert_eq!(info.count_total, 0, "{compression}");
        assert_eq!(seen, expected);
    }
}

/// Fetches before anything is counted: every buffer grows to its size, every key gets its window.
const WARM_UP: usize = 40;
/// Fetches, of one batch each, that are counted.
const COUNTED: usize = 100;
/// Each batch has all of these keys, so that every flush has as many results.
const KEYS: usize = 20;
/// So many fetches to a flush.
const TO_A_FLUSH: usize = 10;

const ORDER: &str = r#"{"type": "record", "name": "Order", "fields": [
    {"name": "order", "type": "long"}, {"name": "product", "type": "string"},
    {"name": "qty", "type": "int"}, {"name": "price", "type": "double"}]}"#;

const TOTALS: &str = "
tidemill: 1
name: totals
sources:
  orders: { topic: orders, value: json }
flows:
  totals:
    from: orders
    where: value.qty > 3 && value.product != 'tea'
    window: { hopping: 1m, every: 30s }
    aggregate:
      n: count()
      qty: sum(value.qty)
      mean: avg(value.price)
      most: max(value.price)
      first: first(value.product)
      last: last(value.price)
      variance: variance(value.price)
      decayed: ema(value.price, duration('5m'))
      smoothed: ewma(value.price, 0.2)
      sold: rate(value.qty)
    emit: updates
    to: { topic: totals, value: json }
";

/// A pipeline over a real connection, as far as its windows.
struct Reader {
    fetcher: Fetcher,
    decompressor: Decompressor,
    task: Task,
    effects: Effects,
    used: u64,
}

impl Reader {
    async fn new(broker: &str, stage: &Arc<Stage>) -> Self {
        let mut config = client_suite::config(broker);
        // The first batch comes whole, and no second one.
        config.fetch.partition_bytes_max = 1;
        let cluster = Cluster::connect(config).await.expect("connected");
        let mut fetcher = client_suite::fetcher(&cluster);
        fetcher.assign(TopicPartition::new("orders", 0), Offset(0));
        Self {
            fetcher,
            decompressor: Decompressor::new(),
            task: Task::new(stage, PartitionId(0), None).expect("JSON"),
            effects: Effects::new(),
            used: 0,
        }
    }

    async fn read(&mut self, fetches: usize) {
        for fetch in 1..=fetches {
            let deadline = Instant::now() + client_suite::PATIENCE;
            let fetched = self.fetcher.poll(deadline).await.expect("readable");
            let mut partitions = fetched.partitions();
            let partition = partitions.next().expect("a batch in time");
            step(
                &mut self.task,
                &partition,
                &mut self.decompressor,
                &mut self.effects,
            );
            if fetch % TO_A_FLUSH == 0 {
                self.task.flush(&mut self.effects).expect("written");
                self.used += self.effects.account.aggregated;
                self.effects.clear();
            }
        }
    }
}

fn step(
    task: &mut Task,
    fetched: &FetchedPartition<'_>,
    decompressor: &mut Decompressor,
    effects: &mut Effects,
) {
    let mut batches = fetched.batches();
    let batch = batches.next().expect("a batch").expect("whole");
    assert!(batches.next().is_none(), "one batch to a fetch");
    let mut end = None;
    while end != Some(StepEnd::Done) {
        let records = batch.records(decompressor).expect("readable");
        let records = records.map(|record| record.expect("well formed"));
        end = Some(task.step(records, Timestamp(100_000), effects));
        if let Some(StepEnd::NeedsSchema { root, id, .. }) = end {
            task.add_schema(root, id, ORDER).expect("a schema");
        }
    }
}

/// What the batches are like.
#[derive(Clone, Copy, Debug)]
struct Topic {
    format: Format,
    compression: Compression,
    records_in_a_batch: usize,
}

impl Topic {
    /// How often memory was asked for from socket to window.
    fn allocations(self) -> u64 {
        let elsewhere = Runtime::new().expect("a runtime");
        let broker = elsewhere.block_on(Broker::start(BrokerConfig::default()));
        let broker = broker.expect("started");
        elsewhere.block_on(self.fill(&broker));
        // Everything of the client runs on this thread, and is counted; the broker does not.
        let here = Builder::new_current_thread().enable_all().build();
        let here = here.expect("a runtime");
        let mut reader = here.block_on(Reader::new(&broker.bootstrap(), &self.stage()));
        here.block_on(reader.read(WARM_UP));
        let info = measure(|| here.block_on(reader.read(COUNTED)));
        let used = (WARM_UP + COUNTED) * self.records_in_a_batch / 2;
        assert_eq!(reader.used, used as u64, "half of them pass the filter");
        info.count_total
    }

    fn stage(self) -> Arc<Stage> {
        let outside = Outside {
            variable: &|_| None,
            file: &|_| Err("none".to_owned()),
        };
        let source = format!("topic: orders, value: {}", self.format.name());
        let text = TOTALS.replace("topic: orders, value: json", &source);
        let plan = compile(&text, &outside).expect("a pipeline").plan;
        plan.lay_out(|_| Some(1)).expect("a topic").remove(0)
    }

    async fn fill(self, broker: &Broker) {
        let mut client = RawClient::connect(broker).await;
        let keep = [("retention.ms", "-1")];
        client.create_topic("orders", 1, &keep).await;
        let batch = self.batch();
        for _ in 0..=WARM_UP + COUNTED {
            assert_eq!(client.produce("orders", &batch).await.0, 0);
        }
    }

    fn batch(self) -> Vec<u8> {
        let mut builder = BatchBuilder::new();
        for n in 0..self.records_in_a_batch {
            let key = format!("key-{}", n % KEYS);
            let (key, value) = (Some(key.as_bytes()), self.order(n));
            builder
                .push(Timestamp(1_000), key, Some(&value), [])
                .expect("fits");
        }
        let stamp = BatchStamp {
            compression: self.compression,
            ..BatchStamp::default()
        };
        let mut bytes = Vec::new();
        builder.finish(&stamp, &mut bytes).expect("fits");
        bytes
    }

    fn order(self, n: usize) -> Vec<u8> {
        let product = ["tea", "coffee"][n / KEYS % 2];
        let (qty, price) = (n % 7 + 4, f64::from(u32::try_from(n).expect("few")) / 4.0);
        if self.format == Format::Json {
            let text =
                format!(r#"{{"order":{n},"product":"{product}","qty":{qty},"price":{price:.2}}}"#);
            return text.into_bytes();
        }
        // Framing of schema 7, then the fields; below 64 a zigzag number is one byte of its double.
        let small = |number: usize| [u8::try_from(2 * number).expect("below 64")];
        let fields = [
            &small(n % 64)[..],
            &small(product.len()),
            product.as_bytes(),
            &small(qty),
            &price.to_le_bytes(),
        ];
        [&[0, 0, 0, 0, 7][..], &fields.concat()].concat()
    }
}

#[test]
fn from_socket_to_window_more_records_allocate_no_more() {
    for (format, compression) in [
        (Format::Json, Compression::None),
        (Format::Json, Compression::Lz4),
        (Format::Avro, Compression::None),
    ] {
        let [few, many] = [2 * KEYS, 8 * KEYS].map(|records_in_a_batch| {
            let topic = Topic {
                format,
                compression,
                records_in_a_batch,
            };
            topic.allocations()
        });
        assert_eq!(few, many, "{format:?}, {compression}");
    }
}
