//! A topic partition as it stands in the answers to fetches.

use tidemill::client::fetcher::FetchedPartition;
use tidemill::client::fetcher::Watermarks;
use tidemill::codec::format::Format;
use tidemill::protocol::batch_builder::BatchBuilder;
use tidemill::protocol::batch_builder::BatchStamp;
use tidemill::protocol::compression::Compression;
use tidemill::record::Offset;
use tidemill::record::Timestamp;
use tidemill::record::TopicPartition;

use crate::flow::PRICE_MIN;
use crate::orders::Orders;
use crate::orders::price;

/// How many records a batch has, but the last.
pub(crate) const BATCH_RECORDS: i64 = 500;
/// From how many bytes on a fetch is answered: Kafka's `max.partition.fetch.bytes`.
const FETCH_BYTES: usize = 1 << 20;
/// How much later than all others the last record is: it closes their windows.
const CLOSING_MS: i64 = 24 * 60 * 60 * 1000;
/// The key of the last record, which no other has.
pub(crate) const CLOSING_KEY: &str = "closing";

/// What the records of a topic are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) format: Format,
    pub(crate) compression: Compression,
    pub(crate) keys: u32,
}

/// One partition: the orders, and a last record that closes the windows of all of them.
#[derive(Debug)]
pub(crate) struct Topic {
    partition: TopicPartition,
    fetches: Vec<Fetch>,
}

/// The bytes of one answer: whole batches.
#[derive(Debug)]
struct Fetch {
    position: Offset,
    next_offset: Offset,
    bytes: Vec<u8>,
}

impl Topic {
    /// So many orders of this shape.
    pub(crate) fn new(shape: Shape, records: u32) -> Self {
        let orders = shape.orders(records);
        let mut topic = Self {
            partition: TopicPartition::new("orders", 0),
            fetches: Vec::new(),
        };
        let records = i64::from(records);
        let mut builder = BatchBuilder::new();
        let mut fetch = Fetch::at(0);
        let mut base = 0;
        while base < records {
            let after = (base + BATCH_RECORDS).min(records);
            for i in base..after {
                shape.push(orders, &mut builder, i);
            }
            fetch.add(&mut builder, shape.compression, base, after);
            if fetch.bytes.len() >= FETCH_BYTES {
                topic
                    .fetches
                    .push(std::mem::replace(&mut fetch, Fetch::at(after)));
            }
            base = after;
        }
        shape.push_closing(orders, &mut builder);
        fetch.add(&mut builder, shape.compression, records, records + 1);
        topic.fetches.push(fetch);
        topic
    }

    /// What each fetch brings, in order.
    pub(crate) fn fetches(&self) -> impl Iterator<Item = FetchedPartition<'_>> {
        self.fetches.iter().map(|fetch| FetchedPartition {
            topic_partition: &self.partition,
            position: fetch.position,
            next_offset: fetch.next_offset,
            watermarks: Watermarks::default(),
            records: &fetch.bytes,
            aborted: &[],
        })
    }

    /// The bytes of all fetches.
    pub(crate) fn bytes(&self) -> usize {
        self.fetches.iter().map(|fetch| fetch.bytes.len()).sum()
    }
}

impl Fetch {
    fn at(position: i64) -> Self {
        Self {
            position: Offset(position),
            next_offset: Offset(position),
            bytes: Vec::with_capacity(FETCH_BYTES),
        }
    }

    /// Adds the batch that `builder` holds, of the offsets from `base` up to `after`.
    fn add(&mut self, builder: &mut BatchBuilder, compression: Compression, base: i64, after: i64) {
        let stamp = BatchStamp {
            base_offset: Offset(base),
            compression,
            ..BatchStamp::default()
        };
        let mut bytes = Vec::new();
        builder.finish(&stamp, &mut bytes).expect("compresses");
        self.bytes.extend_from_slice(&bytes);
        self.next_offset = Offset(after);
    }
}

impl Shape {
    /// The orders of a topic of `records` records.
    pub(crate) const fn orders(self, records: u32) -> Orders {
        Orders {
            count: records,
            keys: self.keys,
        }
    }

    fn push(self, orders: Orders, builder: &mut BatchBuilder, i: i64) {
        let (key, value) = (orders.key(i), orders.value(self.format, i));
        let at = Timestamp(orders.timestamp(i));
        builder
            .push(at, Some(key.as_bytes()), Some(&value), [])
            .expect("small");
    }

    /// The order after all others, of another customer and a day later, at a price that passes.
    fn push_closing(self, orders: Orders, builder: &mut BatchBuilder) {
        let mut after = i64::from(orders.count)..;
        let i = after.find(|&i| price(i) >= PRICE_MIN);
        let i = i.expect("nine of ten do");
        let value = orders.value(self.format, i);
        let at = Timestamp(orders.timestamp(i) + CLOSING_MS);
        builder
            .push(at, Some(CLOSING_KEY.as_bytes()), Some(&value), [])
            .expect("small");
    }
}
