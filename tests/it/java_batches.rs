//! Batches that Apache Kafka's own classes wrote, and the digests that they give for ours.
//!
//! Origin of the files: `tests/fixtures/batches/ORIGIN.md`.

use bytes::Bytes;
use tidemill::protocol::batch_builder::BatchStamp;
use tidemill::protocol::batch_reader::Batch;
use tidemill::protocol::batch_reader::Batches;
use tidemill::protocol::compression::Compression;
use tidemill::protocol::compression::Decompressor;
use tidemill::protocol::control_record::ControlRecord;
use tidemill::protocol::control_record::MarkerKind;
use tidemill::record::LeaderEpoch;
use tidemill::record::Offset;
use tidemill::record::Record;
use tidemill::record::RecordView;
use tidemill::record::Timestamp;

const FILES: [(Compression, usize, &[u8]); 5] = [
    (
        Compression::None,
        40,
        include_bytes!("../fixtures/batches/java_none.bin"),
    ),
    (
        Compression::Gzip,
        1_500,
        include_bytes!("../fixtures/batches/java_gzip.bin"),
    ),
    (
        Compression::Snappy,
        1_500,
        include_bytes!("../fixtures/batches/java_snappy.bin"),
    ),
    (
        Compression::Lz4,
        1_500,
        include_bytes!("../fixtures/batches/java_lz4.bin"),
    ),
    (
        Compression::Zstd,
        1_500,
        include_bytes!("../fixtures/batches/java_zstd.bin"),
    ),
];
const ABORT_MARKER: &[u8] = include_bytes!("../fixtures/batches/java_abort_marker.bin");
/// What Java's `read` prints for 40 and for 1,500 records.
const DIGESTS: [(usize, i64); 2] = [
    (40, 7_075_791_190_802_536_033),
    (1_500, -7_195_405_734_091_688_353),
];

/// Record `n`, as the Java program makes it.
fn record(n: usize) -> Record {
    let text = |text: String| Some(Bytes::from(text));
    let note = "x".repeat(n % 40);
    let value = format!(
        "{{\"order\":{n},\"product\":\"p{}\",\"price\":{},\"note\":\"{note}\"}}",
        n % 13,
        n * 7_919 % 10_000,
    );
    let name = Bytes::from_static(b"h");
    let headers = vec![
        (name.clone(), text(n.to_string())),
        (Bytes::new(), Some(Bytes::new())),
        (name, None),
    ];
    let n_signed = i64::try_from(n).expect("small");
    Record {
        key: text(format!("key-{n}")).filter(|_| !n.is_multiple_of(7)),
        value: text(value).filter(|_| !n.is_multiple_of(11)),
        headers: if n.is_multiple_of(5) { headers } else { vec![] },
        timestamp: Some(Timestamp(1_700_000_000_000 + n_signed * (n_signed % 3 - 1))),
    }
}

fn only_batch(bytes: &[u8]) -> Batch<'_> {
    let mut batches = Batches::new(bytes);
    let batch = batches.next().expect("one batch").expect("a good batch");
    assert!(batches.next().is_none() && batches.rest().is_empty());
    batch.verify_crc().expect("the CRC is right");
    batch
}

/// The Java program's digest of the records in the one batch that `bytes` hold.
fn digest(bytes: &[u8]) -> i64 {
    let mut decompressor = Decompressor::new();
    let records = only_batch(bytes).records(&mut decompressor);
    let add = |hash: i64, number: i64| hash.wrapping_mul(31).wrapping_add(number);
    records.expect("readable").fold(7, |hash, record| {
        let record = record.expect("well formed");
        let place = record.offset.0.wrapping_add(record.timestamp.0);
        let hash = [place, sum(record.key), sum(record.value)]
            .into_iter()
            .fold(hash, add);
        let headers = record.headers.iter();
        headers
            .flat_map(|header| [sum(Some(header.name)), sum(header.value)])
            .fold(hash, add)
    })
}

fn sum(bytes: Option<&[u8]>) -> i64 {
    let add = |hash: i64, &byte: &u8| hash.wrapping_mul(31).wrapping_add(byte.into());
    bytes.map_or(-1, |bytes| bytes.iter().fold(1, add))
}

fn digest_of(count: usize) -> i64 {
    let of_count = |&&(records, _): &&(usize, i64)| records == count;
    DIGESTS.iter().find(of_count).expect("known").1
}

fn ours(compression: Compression, count: usize) -> Vec<u8> {
    let stamp = BatchStamp {
        base_offset: Offset(1_000),
        compression,
        ..BatchStamp::default()
    };
    let records: Vec<_> = (0..count).map(record).collect();
    stamp.batch_of(&records).expect("fits")
}

#[test]
fn every_record_that_java_wrote_is_read_in_every_codec() {
    let mut decompressor = Decompressor::new();
    for (compression, count, bytes) in FILES {
        let batch = only_batch(bytes);
        assert_eq!(batch.header().compression(), Ok(compression));
        assert_eq!(batch.header().base_offset, Offset(1_000));
        let owned = |(n, view): (usize, Result<RecordView<'_>, _>)| {
            let view = view.expect("well formed");
            assert_eq!(view.offset.0, 1_000 + i64::try_from(n).expect("small"));
            Record::from(&view)
        };
        let records = batch.records(&mut decompressor).expect("readable");
        let records: Vec<_> = records.enumerate().map(owned).collect();
        let expected: Vec<_> = (0..count).map(record).collect();
        assert!(records == expected, "{compression}");
    }
}

#[test]
fn the_digests_are_javas() {
    for (compression, count, bytes) in FILES {
        assert_eq!(digest(bytes), digest_of(count), "{compression}");
        let ours = ours(compression, count);
        assert_eq!(digest(&ours), digest_of(count), "{compression}");
    }
}

#[test]
fn our_plain_batch_is_javas_byte_for_byte() {
    assert!(ours(Compression::None, 40) == FILES[0].2);
}

#[test]
fn our_headers_are_javas_but_for_length_and_checksum() {
    for (compression, count, bytes) in FILES {
        let ours = ours(compression, count);
        let (java, ours) = (*only_batch(bytes).header(), *only_batch(&ours).header());
        let same = tidemill::protocol::batch_header::BatchHeader {
            batch_length: java.batch_length,
            crc: java.crc,
            ..ours
        };
        assert_eq!(same, java, "{compression}");
    }
}

#[test]
fn our_abort_marker_is_javas_byte_for_byte() {
    let control = ControlRecord {
        kind: MarkerKind::Abort,
        coordinator_epoch: 17,
    };
    assert_eq!(only_batch(ABORT_MARKER).control(), Ok(Some(control)));
    let stamp = BatchStamp {
        base_offset: Offset(2_000),
        leader_epoch: LeaderEpoch(3),
        producer_id: 4_000,
        producer_epoch: 5,
        ..BatchStamp::default()
    };
    let ours = stamp.marker(control, Timestamp(1_700_000_000_000));
    assert_eq!(ours.as_deref(), Ok(ABORT_MARKER));
}

#[test]
fn a_flipped_bit_in_javas_batches_is_caught_and_never_panics() {
    let mut decompressor = Decompressor::with_limit(200_000);
    for (_, _, bytes) in FILES {
        for place in (61..bytes.len()).step_by(211) {
            let mut damaged = bytes.to_vec();
            damaged[place] ^= 0x10;
            let batch = Batches::new(&damaged).next().expect("one").expect("good");
            assert!(batch.verify_crc().is_err());
            if let Ok(records) = batch.records(&mut decompressor) {
                assert!(records.count() <= 1_501);
            }
        }
    }
}
