//! What `consume -o jsonl` prints, `produce -i jsonl` writes again as it was: keys, values, nulls,
//! headers, timestamps, partitions, order.

use std::collections::BTreeMap;
use std::process::Stdio;

use bytes::Bytes;
use tidemill::client::cluster::Cluster;
use tidemill::record::Offset;
use tidemill::record::Record;
use tidemill::record::Timestamp;
use tidemill::record::TopicPartition;

use crate::client_suite;
use crate::pipeline_suite::Scene;
use crate::pipeline_suite::on_embedded_broker;
use crate::support::commands::Running;

const PARTITIONS: i32 = 4;

#[test]
fn a_hundred_thousand_random_records_come_back_as_they_were() {
    on_embedded_broker(|scene| records_come_back(scene, 100_000));
}

/// The same for `count` records on any broker.
pub(crate) fn records_come_back(scene: &Scene<'_>, count: usize) {
    let tokio = tokio::runtime::Runtime::new().expect("a runtime");
    let written = random_records(count);
    for topic in ["first", "second"] {
        scene.create(topic, PARTITIONS.unsigned_abs());
    }
    let bootstrap = scene.brokers.bootstrap.as_str();
    tokio.block_on(write(bootstrap, &scene.name("first"), &written));
    copy_by_envelopes(scene);
    let read = tokio.block_on(read(bootstrap, &scene.name("second"), &written));
    for (partition, records) in &written {
        let copies = &read[partition];
        assert_eq!(copies.len(), records.len(), "in partition {partition}");
        for (copy, record) in copies.iter().zip(records) {
            assert_eq!(copy, record, "in partition {partition}");
        }
    }
}

/// `consume first -e -o jsonl | produce second -i jsonl`.
fn copy_by_envelopes(scene: &Scene<'_>) {
    let [first, second] = ["first", "second"].map(|topic| scene.name(topic));
    let mut consume = scene
        .brokers
        .command(&["consume", &first, "-q", "-e", "-o", "jsonl"]);
    let mut consume = Running(consume.stdout(Stdio::piped()).spawn().expect("built"));
    let mut produce = scene
        .brokers
        .command(&["produce", &second, "-q", "-i", "jsonl"]);
    let produce = produce.stdin(consume.0.stdout.take().expect("piped"));
    assert!(produce.status().expect("built").success());
    assert!(consume.0.wait().expect("it ends").success());
}

type ByPartition = BTreeMap<i32, Vec<Record>>;

async fn write(bootstrap: &str, topic: &str, records: &ByPartition) {
    let cluster = connect(bootstrap).await;
    for (partition, records) in records {
        client_suite::write(&cluster, topic, *partition, records).await;
    }
}

/// As many records of each partition as `wanted` has, and whether there are more.
async fn read(bootstrap: &str, topic: &str, wanted: &ByPartition) -> ByPartition {
    let cluster = connect(bootstrap).await;
    let mut found = ByPartition::new();
    for (&partition, records) in wanted {
        let mut fetcher = client_suite::fetcher(&cluster);
        fetcher.assign(TopicPartition::new(topic, partition), Offset(0));
        let got = client_suite::read(&mut fetcher, records.len()).await;
        let records = got.into_values().flatten().map(|(_, record)| record);
        found.insert(partition, records.collect());
    }
    found
}

async fn connect(bootstrap: &str) -> Cluster {
    let config = client_suite::config(bootstrap);
    Cluster::connect(config).await.expect("connected")
}

fn random_records(count: usize) -> ByPartition {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut records = ByPartition::new();
    for partition in 0..PARTITIONS {
        records.insert(partition, Vec::new());
    }
    for _ in 0..count {
        let partition = i32::try_from(random.below(4)).expect("small");
        let record = random.record();
        records.entry(partition).or_default().push(record);
    }
    records
}

/// The same numbers in every run (Marsaglia's xorshift64).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let high = usize::try_from(self.0 >> 33).expect("31 bits");
        high % bound
    }

    fn one_of<'a>(&mut self, choices: &[&'a [u8]]) -> &'a [u8] {
        choices[self.below(choices.len())]
    }

    fn record(&mut self) -> Record {
        let headers = (0..self.below(5).saturating_sub(1)).map(|_| self.header());
        Record {
            headers: headers.collect(),
            key: self.payload(),
            value: self.payload(),
            timestamp: self.timestamp(),
        }
    }

    /// Few names, so that they repeat.
    fn header(&mut self) -> (Bytes, Option<Bytes>) {
        let names: [&[u8]; 5] = [b"trace", b"a", b"", "Straße".as_bytes(), b"\"\\\n"];
        (Bytes::from_static(self.one_of(&names)), self.payload())
    }

    /// None above today: brokers refuse a timestamp of the future.
    fn timestamp(&mut self) -> Option<Timestamp> {
        let millis = i64::try_from(self.below(1 << 30)).expect("30 bits") * 1_500;
        let time = match self.below(10) {
            0 => Timestamp::NONE,
            1 => Timestamp(0),
            _ => Timestamp(millis),
        };
        Some(time)
    }

    fn payload(&mut self) -> Option<Bytes> {
        let bytes = match self.below(6) {
            0 => return None,
            1 => self.one_of(LOOKS_LIKE_JSON).to_vec(),
            2 => self.json(),
            3 => self.text(),
            4 => self.noise(40),
            _ => match self.below(200) {
                0 => self.noise(20_000),
                _ => self.noise(6),
            },
        };
        Some(bytes.into())
    }

    fn json(&mut self) -> Vec<u8> {
        let (order, price) = (self.below(1 << 30), self.below(10_000));
        let spaces = " ".repeat(self.below(3));
        format!(
            "{{\"order\":{spaces}{order},{spaces}\"price\":{price}.50,\"ok\":true,\"none\":null}}"
        )
        .into_bytes()
    }

    fn text(&mut self) -> Vec<u8> {
        let words = [
            "tea", " ", "\n", "\r\n", "\t", "\0", "\"", "\\u0041", "é", "𝄞", "\u{feff}",
            "\u{2028}", "\u{7f}",
        ];
        (0..self.below(12))
            .flat_map(|_| words[self.below(words.len())].bytes())
            .collect()
    }

    fn noise(&mut self, length_max: usize) -> Vec<u8> {
        (0..self.below(length_max))
            .map(|_| u8::try_from(self.below(256)).expect("a byte"))
            .collect()
    }
}

/// What a copy that reads JSON and writes it anew, or that mistakes a payload for a part of the
/// envelope, gets wrong.
const LOOKS_LIKE_JSON: &[&[u8]] = &[
    b"",
    b"null",
    b"\"null\"",
    b"true",
    b"1.0",
    b"1e400",
    b"-0",
    b"0.1000000000000000055511151231257827",
    b"123456789012345678901234567890",
    b" 1",
    b"1 ",
    b"{}\n",
    b"{\"a\":1,\"a\":2}",
    b"{\"b\":1,\"a\":2}",
    b"{ \"a\" : [ 1 , 2 ] }",
    b"\"\\u00e9\"",
    b"\"\\/\"",
    b"\"\\ud800\"",
    b"{\"base64\":\"AAE=\"}",
    b"{\"base64\":\"not base64\"}",
    b"{\"base64\":null}",
    b"[1,2",
    b"{\"key\":null,\"value\":null,\"headers\":[]}",
    b"\xff\xfe",
    b"{\"a\":\"\xff\"}",
    b"\"line\nbreak\"",
];
