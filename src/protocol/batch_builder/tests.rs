use super::*;
use crate::protocol::batch_reader::Batches;
use crate::protocol::compression::Decompressor;
use crate::protocol::control_record::MarkerKind;
use crate::record::RecordView;
use crate::record::TimestampType;
use bytes::Bytes;

fn record(key: &'static [u8], timestamp: i64) -> Record {
    Record {
        key: Some(Bytes::from_static(key)),
        value: Some(Bytes::from_static(b"value")),
        headers: vec![
            (Bytes::from_static(b"h"), None),
            (Bytes::from_static(b"h"), Some(Bytes::from_static(b"2"))),
        ],
        timestamp: Some(Timestamp(timestamp)),
    }
}

/// The offset and owned form of each record in the one batch that `bytes` hold.
fn read(bytes: &[u8]) -> (BatchHeader, Vec<(Offset, Record)>) {
    let mut batches = Batches::new(bytes);
    let batch = batches.next().expect("one batch").expect("good batch");
    assert!(batches.next().is_none() && batches.rest().is_empty());
    batch.verify_crc().expect("good CRC");
    let mut decompressor = Decompressor::new();
    let records = batch.records(&mut decompressor).expect("readable");
    let owned = |view: RecordView<'_>| (view.offset, Record::from(&view));
    let records = records.map(|record| record.map(owned));
    (
        *batch.header(),
        records.collect::<Result<_, _>>().expect("good records"),
    )
}

#[test]
fn a_batch_comes_back_in_every_codec() {
    let records = [record(b"a", 1_000), record(b"b", 999), record(b"", 1_002)];
    for compression in Compression::ALL {
        let stamp = BatchStamp {
            base_offset: Offset(40),
            compression,
            ..BatchStamp::default()
        };
        let (header, back) = read(&stamp.batch_of(&records).expect("fits"));
        let offsets = [Offset(40), Offset(41), Offset(42)];
        let expected: Vec<_> = offsets.into_iter().zip(records.clone()).collect();
        assert_eq!(back, expected, "{compression}");
        assert_eq!(header.compression(), Ok(compression));
        assert_eq!(header.next_offset(), Offset(43));
        assert_eq!(header.base_timestamp, Timestamp(1_000), "the first one's");
        assert_eq!(header.max_timestamp, Timestamp(1_002));
    }
}

#[test]
fn the_stamp_stands_in_the_header() {
    let stamp = BatchStamp {
        base_offset: Offset(7),
        leader_epoch: LeaderEpoch(3),
        compression: Compression::Lz4,
        append_time: Some(Timestamp(55)),
        producer_id: 9,
        producer_epoch: 2,
        base_sequence: 100,
        is_transactional: true,
    };
    let (header, records) = read(&stamp.batch_of(&[record(b"a", 1)]).expect("fits"));
    assert_eq!(header.base_offset, Offset(7));
    assert_eq!(header.partition_leader_epoch, LeaderEpoch(3));
    assert_eq!(header.timestamp_type(), TimestampType::LogAppendTime);
    assert_eq!(header.max_timestamp, Timestamp(55));
    assert_eq!(
        (
            header.producer_id,
            header.producer_epoch,
            header.base_sequence
        ),
        (9, 2, 100)
    );
    assert!(header.is_transactional() && !header.is_control());
    assert_eq!(records[0].1.timestamp, Some(Timestamp(55)), "append time");
}

#[test]
fn timestamps_at_both_ends_of_the_range_share_a_batch() {
    let records = [
        record(b"a", i64::MAX),
        record(b"b", i64::MIN),
        record(b"c", -1),
    ];
    let (_, back) = read(&BatchStamp::default().batch_of(&records).expect("fits"));
    let back: Vec<_> = back.into_iter().map(|(_, record)| record).collect();
    assert_eq!(back, records);
}

/// Three records at offsets 40 to 42, as compaction finds them.
fn original() -> Vec<u8> {
    let stamp = BatchStamp {
        base_offset: Offset(40),
        compression: Compression::Lz4,
        producer_id: 9,
        producer_epoch: 1,
        base_sequence: 7,
        ..BatchStamp::default()
    };
    let records = [
        record(b"a", 1_000),
        record(b"b", 3_000),
        record(b"c", 2_000),
    ];
    stamp.batch_of(&records).expect("fits")
}

/// What is left where only records whose key is in `keys` are kept.
fn compacted(keys: &[&[u8]]) -> (BatchHeader, Vec<(Offset, Record)>) {
    let bytes = original();
    let batch = Batches::new(&bytes).next().expect("one").expect("good");
    let mut decompressor = Decompressor::new();
    let records = batch.records(&mut decompressor).expect("readable");
    let kept = records
        .map(|record| record.expect("good"))
        .filter(|record| keys.contains(&record.key.expect("set")));
    let mut out = Vec::new();
    let rewritten = BatchBuilder::new().rewrite(batch.header(), kept, &mut out);
    rewritten.expect("fits");
    read(&out)
}

#[test]
fn a_compacted_batch_keeps_its_gaps_and_its_end() {
    let (header, records) = compacted(&[b"a", b"c"]);
    let expected = [
        (Offset(40), record(b"a", 1_000)),
        (Offset(42), record(b"c", 2_000)),
    ];
    assert_eq!(records, expected);
    let (original, _) = read(&original());
    let as_original = BatchHeader {
        batch_length: original.batch_length,
        crc: original.crc,
        record_count: 3,
        max_timestamp: Timestamp(3_000),
        ..header
    };
    assert_eq!(as_original, original);
    assert_eq!(header.record_count, 2);
    assert_eq!(header.max_timestamp, Timestamp(2_000), "of those left");
}

#[test]
fn an_emptied_batch_still_moves_the_position() {
    let (header, records) = compacted(&[]);
    assert_eq!(records, []);
    assert_eq!(header.next_offset(), Offset(43));
    assert_eq!(header.compression(), Ok(Compression::None));
    assert_eq!(header.max_timestamp, Timestamp(3_000));
}

#[test]
fn records_out_of_order_or_below_the_batch_are_not_rewritten() {
    let bytes = original();
    let batch = Batches::new(&bytes).next().expect("one").expect("good");
    let mut decompressor = Decompressor::new();
    let records = batch.records(&mut decompressor).expect("readable");
    let first = records.map(|record| record.expect("good")).next();
    let first = first.expect("three");
    let below = RecordView {
        offset: Offset(39),
        ..first
    };
    for (records, next_delta) in [([first, first], 1), ([below, first], 0)] {
        let mut out = vec![1];
        let error = BatchBuilder::new().rewrite(batch.header(), records, &mut out);
        let offset_delta = next_delta - 1;
        let expected = BuildError::OffsetDelta {
            offset_delta,
            next_delta,
        };
        assert_eq!(error, Err(expected));
        assert_eq!(out, [1]);
    }
}

#[test]
fn a_marker_is_a_control_batch_of_one_record() {
    let stamp = BatchStamp {
        producer_id: 5,
        producer_epoch: 1,
        ..BatchStamp::default()
    };
    for kind in [MarkerKind::Abort, MarkerKind::Commit] {
        let control = ControlRecord {
            kind,
            coordinator_epoch: 17,
        };
        let bytes = stamp.marker(control, Timestamp(3)).expect("fits");
        let batch = Batches::new(&bytes).next().expect("one").expect("good");
        assert_eq!(batch.verify_crc(), Ok(()));
        assert!(batch.header().is_control() && batch.header().is_transactional());
        assert_eq!(batch.header().record_count, 1);
        assert_eq!(batch.control(), Ok(Some(control)));
    }
}

#[test]
fn the_length_so_far_is_that_of_the_plain_batch() {
    let mut builder = BatchBuilder::new();
    assert_eq!(builder.len_bytes(), HEADER_LEN);
    for n in 0..200 {
        builder
            .push(Timestamp(n), None, Some(&[0; 70]), [])
            .expect("fits");
    }
    let expected = builder.len_bytes();
    let mut out = vec![1, 2, 3];
    builder
        .finish(&BatchStamp::default(), &mut out)
        .expect("fits");
    assert_eq!(out.len(), 3 + expected, "appended");
    assert!(builder.is_empty(), "ready for the next batch");
}
