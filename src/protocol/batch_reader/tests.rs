use super::*;
use crate::protocol::batch_builder::BatchBuilder;
use crate::protocol::batch_builder::BatchStamp;
use crate::protocol::compression::Compression;
use crate::protocol::compression::CompressionError;
use crate::record::Record;
use bytes::Bytes;
use proptest::prelude::*;

fn record(key: &'static [u8]) -> Record {
    Record {
        key: Some(Bytes::from_static(key)),
        value: Some(Bytes::from_static(b"value")),
        headers: vec![(Bytes::from_static(b"name"), None)],
        timestamp: Some(Timestamp(1_000)),
    }
}

fn batch(compression: Compression) -> Vec<u8> {
    let stamp = BatchStamp {
        base_offset: Offset(5),
        compression,
        ..BatchStamp::default()
    };
    stamp.batch_of(&[record(b"a"), record(b"b")]).expect("fits")
}

/// A batch whose records are `payload`, declared to be `record_count`.
fn raw_batch(payload: &[u8], record_count: i32) -> Vec<u8> {
    let mut bytes = BatchStamp::default().batch_of([]).expect("fits");
    bytes.extend_from_slice(payload);
    let length = i32::try_from(bytes.len() - PREFIX_LEN).expect("small");
    bytes[8..12].copy_from_slice(&length.to_be_bytes());
    bytes[57..61].copy_from_slice(&record_count.to_be_bytes());
    bytes
}

/// All that reading `bytes` gives; the CRC is not looked at.
fn read(bytes: &[u8]) -> Result<Vec<(Offset, Record)>, BatchError> {
    let mut decompressor = Decompressor::new();
    let mut all = Vec::new();
    for batch in Batches::new(bytes) {
        for record in batch?.records(&mut decompressor)? {
            let record = record?;
            all.push((record.offset, Record::from(&record)));
        }
    }
    Ok(all)
}

fn malformed(index: i32, problem: RecordProblem) -> Result<Vec<(Offset, Record)>, BatchError> {
    Err(BatchError::Record {
        base_offset: Offset(0),
        index,
        problem,
    })
}

#[test]
fn a_tail_cut_anywhere_ends_the_batches_without_an_error() {
    let first = batch(Compression::None);
    let bytes = [first.clone(), batch(Compression::Lz4)].concat();
    for end in first.len()..bytes.len() {
        let mut batches = Batches::new(&bytes[..end]);
        assert!(batches.next().expect("the first").is_ok());
        assert!(batches.next().is_none(), "cut at {end}");
        assert_eq!(batches.rest(), &bytes[first.len()..end]);
    }
}

#[test]
fn a_cut_batch_says_how_many_bytes_it_takes() {
    let bytes = batch(Compression::None);
    assert_eq!(Batches::new(&bytes[..12]).next_len(), Some(bytes.len()));
    assert_eq!(Batches::new(&bytes[..11]).next_len(), None);
}

#[test]
fn old_and_unknown_formats_are_named_and_end_the_batches() {
    let mut bytes = [batch(Compression::None), batch(Compression::None)].concat();
    for magic in [0, 1] {
        bytes[16] = magic;
        let mut batches = Batches::new(&bytes);
        let expected = BatchError::OldFormat {
            base_offset: Offset(5),
            magic: magic.cast_signed(),
        };
        assert_eq!(batches.next().expect("an error").err(), Some(expected));
        assert!(batches.next().is_none());
    }
    bytes[16] = 3;
    let expected = BatchError::UnknownFormat {
        base_offset: Offset(5),
        magic: 3,
    };
    assert_eq!(read(&bytes), Err(expected));
}

#[test]
fn a_length_that_leaves_no_room_for_the_header_is_refused() {
    for batch_length in [i32::MIN, -1, 0, 48] {
        let mut bytes = batch(Compression::None);
        bytes[8..12].copy_from_slice(&batch_length.to_be_bytes());
        let expected = BatchError::Length {
            base_offset: Offset(5),
            batch_length,
        };
        assert_eq!(read(&bytes), Err(expected));
    }
    assert_eq!(read(&raw_batch(&[], 0)), Ok(vec![]), "49 is enough");
}

#[test]
fn a_record_count_that_the_bytes_cannot_hold_is_refused_at_once() {
    let seven = [12, 0, 0, 0, 1, 1, 0];
    assert_eq!(read(&raw_batch(&seven, 1)).map(|all| all.len()), Ok(1));
    for record_count in [-1, 2, i32::MAX] {
        let expected = BatchError::RecordCount {
            base_offset: Offset(0),
            record_count,
            bytes: 7,
        };
        assert_eq!(read(&raw_batch(&seven, record_count)), Err(expected));
    }
}

#[test]
fn bytes_after_the_last_record_are_an_error_behind_it() {
    let bytes = raw_batch(&[12, 0, 0, 0, 1, 1, 0, 99], 1);
    let batch = Batches::new(&bytes).next().expect("one").expect("good");
    let mut decompressor = Decompressor::new();
    let mut records = batch.records(&mut decompressor).expect("readable");
    assert!(records.next().expect("the record").is_ok());
    let expected = BatchError::BytesLeft {
        base_offset: Offset(0),
        bytes: 1,
    };
    assert_eq!(records.next(), Some(Err(expected)));
    assert_eq!(records.next(), None);
}

#[test]
fn each_malformed_part_of_a_record_is_named() {
    use RecordProblem::{Delta, Headers, Key, Length, Value};
    let cases: [(&[u8], RecordProblem); 10] = [
        (&[14, 0, 0, 0, 1, 1, 0], Length),
        (&[1, 0, 0, 0, 1, 1, 0], Length),
        (&[0, 0, 0, 0, 1, 1, 0], Length),
        (&[4, 0, 0x80, 0, 1, 1, 0], Delta),
        (&[4, 0, 0, 0x80, 1, 1, 0], Delta),
        (&[12, 0, 0, 0, 8, 1, 0], Key),
        (&[12, 0, 0, 0, 1, 8, 0], Value),
        (&[12, 0, 0, 0, 1, 1, 2], Headers),
        (&[12, 0, 0, 0, 1, 1, 1], Headers),
        (&[14, 0, 0, 0, 1, 1, 0, 0], Headers),
    ];
    for (payload, problem) in cases {
        assert_eq!(
            read(&raw_batch(payload, 1)),
            malformed(0, problem),
            "{payload:?}"
        );
    }
}

#[test]
fn a_malformed_record_is_named_by_its_place() {
    let bytes = raw_batch(&[12, 0, 0, 0, 1, 1, 0, 12, 0, 0, 2, 8, 1, 0], 2);
    assert_eq!(read(&bytes), malformed(1, RecordProblem::Key));
}

/// Java reads any negative length as null.
#[test]
fn negative_lengths_are_null() {
    let bytes = raw_batch(&[18, 0, 0, 0, 3, 5, 2, 2, b'h', 3], 1);
    let all = read(&bytes).expect("readable");
    let (key, value) = (&all[0].1.key, &all[0].1.value);
    assert_eq!((key, value), (&None, &None));
    assert_eq!(all[0].1.headers, [(Bytes::from_static(b"h"), None)]);
}

#[test]
fn offsets_stop_at_the_largest_and_timestamps_wrap_as_in_java() {
    let mut bytes = raw_batch(&[12, 0, 2, 2, 1, 1, 0], 1);
    bytes[0..8].copy_from_slice(&i64::MAX.to_be_bytes());
    bytes[27..35].copy_from_slice(&i64::MAX.to_be_bytes());
    let all = read(&bytes).expect("readable");
    assert_eq!(all[0].0, Offset(i64::MAX));
    assert_eq!(all[0].1.timestamp, Some(Timestamp(i64::MIN)));
}

#[test]
fn with_append_time_all_records_have_the_largest_timestamp() {
    let stamp = BatchStamp {
        append_time: Some(Timestamp(99)),
        ..BatchStamp::default()
    };
    let bytes = stamp.batch_of(&[record(b"a")]).expect("fits");
    let batch = Batches::new(&bytes).next().expect("one").expect("good");
    let mut decompressor = Decompressor::new();
    let mut records = batch.records(&mut decompressor).expect("readable");
    let record = records.next().expect("one").expect("good");
    assert_eq!(record.timestamp, Timestamp(99));
    assert_eq!(record.timestamp_type, TimestampType::LogAppendTime);
}

/// Compaction leaves the codec in the attributes, and no bytes that it could have written.
#[test]
fn an_emptied_batch_is_not_decompressed() {
    let mut bytes = raw_batch(&[], 0);
    bytes[22] |= 4;
    assert_eq!(read(&bytes), Ok(vec![]));
}

#[test]
fn an_unknown_codec_is_named() {
    let mut bytes = batch(Compression::None);
    bytes[22] |= 7;
    let expected = BatchError::UnknownCompression {
        base_offset: Offset(5),
        codec: 7,
    };
    assert_eq!(read(&bytes), Err(expected));
}

#[test]
fn a_bomb_is_refused_at_the_limit_and_read_within_it() {
    let plain_len = 200_000;
    for compression in Compression::ALL.into_iter().skip(1) {
        let mut builder = BatchBuilder::new();
        let push = builder.push(Timestamp(0), None, Some(&vec![0; plain_len]), []);
        push.expect("fits");
        let records_len = builder.len_bytes() - HEADER_LEN;
        let stamp = BatchStamp {
            compression,
            ..BatchStamp::default()
        };
        let mut bytes = Vec::new();
        builder.finish(&stamp, &mut bytes).expect("fits");
        let batch = Batches::new(&bytes).next().expect("one").expect("good");
        let limit_bytes = records_len - 1;
        let expected = BatchError::Decompress {
            base_offset: Offset(0),
            source: CompressionError::TooLarge {
                codec: compression,
                limit_bytes,
            },
        };
        let mut below = Decompressor::with_limit(limit_bytes);
        assert_eq!(batch.records(&mut below).err(), Some(expected));
        let mut exact = Decompressor::with_limit(records_len);
        assert_eq!(
            batch.records(&mut exact).expect("readable").count(),
            1,
            "{compression}"
        );
    }
}

#[test]
fn a_flipped_bit_behind_the_checksum_is_caught_and_never_panics() {
    for compression in Compression::ALL {
        let good = batch(compression);
        for bit in 8 * CRC_START..8 * good.len() {
            let mut bytes = good.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let batch = Batches::new(&bytes).next().expect("one").expect("good");
            assert!(
                matches!(batch.verify_crc(), Err(BatchError::Crc { .. })),
                "bit {bit}"
            );
            let _may_fail = read(&bytes);
        }
    }
}

#[test]
fn a_batch_of_data_is_no_control_batch() {
    let bytes = batch(Compression::None);
    let batch = Batches::new(&bytes).next().expect("one").expect("good");
    assert_eq!(batch.control(), Ok(None));
}

fn arbitrary_record() -> impl Strategy<Value = Record> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..90).prop_map(Bytes::from);
    let nullable = || prop::option::of(bytes());
    let headers = prop::collection::vec((bytes(), nullable()), 0..4);
    let timestamp = prop_oneof![0..2_000_000_000_000i64, any::<i64>()];
    (nullable(), nullable(), headers, timestamp).prop_map(|(key, value, headers, timestamp)| {
        Record {
            key,
            value,
            headers,
            timestamp: Some(Timestamp(timestamp)),
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_records_come_back_in_any_codec(
        records in prop::collection::vec(arbitrary_record(), 0..40),
        codec in 0..Compression::ALL.len(),
        base_offset in 0..i64::MAX / 2,
    ) {
        let stamp = BatchStamp {
            base_offset: Offset(base_offset),
            compression: Compression::ALL[codec],
            ..BatchStamp::default()
        };
        let bytes = stamp.batch_of(&records).expect("fits");
        let back = read(&bytes).expect("readable");
        let offsets = (base_offset..).map(Offset);
        prop_assert_eq!(back, offsets.zip(records).collect::<Vec<_>>());
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>) {
        let _may_fail = read(&bytes);
    }

    #[test]
    fn any_payload_is_read_without_a_panic(payload: Vec<u8>, count in 0..9i32, codec in 0..7u8) {
        let mut bytes = raw_batch(&payload, count);
        bytes[22] |= codec;
        let _may_fail = read(&bytes);
    }
}
