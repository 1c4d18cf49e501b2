use super::*;
use crate::protocol::batch_builder::BatchBuilder;
use crate::protocol::batch_builder::BatchStamp;
use crate::protocol::batch_reader::Batches;
use crate::protocol::compression::Compression;
use crate::protocol::compression::Decompressor;
use std::fs;
use std::path::Path;

const NOW: Timestamp = Timestamp(1_000_000);
const ROLLING: Rolling = Rolling {
    segment_bytes_max: 1 << 30,
    segment_ms_max: i64::MAX,
};
const EACH_ITS_OWN: Rolling = Rolling {
    segment_bytes_max: 1,
    segment_ms_max: i64::MAX,
};

type Pair<'a> = (&'a str, Option<&'a str>);

fn batch(base_offset: Offset, timestamp: i64, records: &[Pair<'_>], codec: Compression) -> Bytes {
    let mut builder = BatchBuilder::new();
    for (key, value) in records {
        let value = value.map(str::as_bytes);
        builder
            .push(Timestamp(timestamp), Some(key.as_bytes()), value, [])
            .expect("fits");
    }
    let mut out = Vec::new();
    let stamp = BatchStamp {
        base_offset,
        compression: codec,
        ..BatchStamp::default()
    };
    builder.finish(&stamp, &mut out).expect("fits");
    out.into()
}

fn append(log: &mut Log, timestamp: i64, records: &[Pair<'_>], rolling: Rolling) {
    append_with(log, timestamp, records, rolling, Compression::None);
}

fn append_with(
    log: &mut Log,
    timestamp: i64,
    records: &[Pair<'_>],
    rolling: Rolling,
    codec: Compression,
) {
    let batch = batch(log.end(), timestamp, records, codec);
    let header = BatchHeader::parse(&batch).expect("whole");
    log.append(&header, batch, rolling, NOW).expect("appended");
}

/// All records as offset, key and value.
fn contents(log: &Log) -> Vec<(i64, String, Option<String>)> {
    let chunks = log
        .read(log.start(), log.end(), usize::MAX, FirstBatch::Always)
        .expect("readable");
    let mut decompressor = Decompressor::default();
    let mut all = Vec::new();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    for batch in chunks.iter().flat_map(|chunk| Batches::new(chunk)) {
        let batch = batch.expect("sound");
        batch.verify_crc().expect("sound");
        for record in batch.records(&mut decompressor).expect("readable") {
            let record = record.expect("readable");
            let key = text(record.key.expect("a key"));
            all.push((record.offset.0, key, record.value.map(text)));
        }
    }
    all
}

fn open(dir: &Path) -> Log {
    Log::open(dir, NOW, &mut |_, _| {}).expect("opened")
}

fn size(log: &Log) -> usize {
    usize::try_from(log.size_bytes()).expect("small")
}

fn offsets(log: &Log) -> Vec<i64> {
    contents(log)
        .into_iter()
        .map(|(offset, ..)| offset)
        .collect()
}

#[test]
fn a_read_begins_with_the_batch_that_holds_the_offset() {
    let mut log = Log::in_memory();
    for value in ["a", "b", "c"] {
        append(&mut log, 1, &[(value, None), (value, None)], EACH_ITS_OWN);
    }
    let read = |from, below, bytes_max, first| {
        log.read(Offset(from), Offset(below), bytes_max, first)
            .expect("readable")
            .len()
    };
    let one = size(&log) / 3;
    let (always, within) = (FirstBatch::Always, FirstBatch::WithinBound);
    assert_eq!(read(0, 6, usize::MAX, always), 3);
    assert_eq!(read(3, 6, usize::MAX, always), 2, "from within the second");
    assert_eq!(read(0, 4, usize::MAX, always), 2, "below the third");
    assert_eq!(read(0, 6, 2 * one, always), 2, "exactly two fit");
    assert_eq!(read(0, 6, 2 * one - 1, always), 1);
    assert_eq!(read(0, 6, 0, always), 1, "the first one always");
    assert_eq!(read(0, 6, one - 1, within), 0);
    assert_eq!(read(6, 6, usize::MAX, always), 0, "the end");
}

#[test]
fn times_find_the_first_batch_at_or_above_them() {
    let mut log = Log::in_memory();
    for time in [10, 30, 20] {
        append(&mut log, time, &[("k", None)], ROLLING);
    }
    let found = |log: &Log, time| {
        let batch = log.batch_at_time(Timestamp(time), Offset(0));
        let batch = batch.expect("readable")?;
        Some(BatchHeader::parse(&batch)?.base_offset.0)
    };
    assert_eq!(found(&log, 0), Some(0));
    assert_eq!(found(&log, 10), Some(0));
    assert_eq!(found(&log, 11), Some(1));
    assert_eq!(found(&log, 31), None);
    assert_eq!(log.max_timestamp(), Some(Timestamp(30)));
    log.advance_start(Offset(2)).expect("moved");
    assert_eq!(log.max_timestamp(), Some(Timestamp(20)));
}

#[test]
fn a_log_in_files_is_the_same_after_a_restart() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut log = open(dir.path());
    for n in 0..5 {
        append(&mut log, n, &[("a", Some("1")), ("b", None)], EACH_ITS_OWN);
    }
    log.advance_start(Offset(3)).expect("moved");
    let before = contents(&log);
    drop(log);
    let log = open(dir.path());
    assert_eq!((log.start(), log.end()), (Offset(3), Offset(10)));
    assert_eq!(contents(&log), before);
}

#[test]
fn a_torn_tail_is_cut_off_wherever_it_was_torn() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut log = open(dir.path());
    append(&mut log, 1, &[("a", Some("1"))], ROLLING);
    let whole = size(&log);
    append(&mut log, 2, &[("b", Some("2"))], ROLLING);
    drop(log);
    let file = dir.path().join("00000000000000000000.log");
    let bytes = fs::read(&file).expect("readable");
    for end in whole..bytes.len() {
        fs::write(&file, &bytes[..end]).expect("written");
        let mut log = open(dir.path());
        assert_eq!(offsets(&log), [0], "torn at {end}");
        append(&mut log, 3, &[("c", None)], ROLLING);
        assert_eq!(offsets(&log), [0, 1], "goes on at {end}");
    }
}

#[test]
fn a_flipped_bit_in_the_active_segment_ends_the_log_there() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut log = open(dir.path());
    append(&mut log, 1, &[("a", Some("1"))], ROLLING);
    append(&mut log, 2, &[("b", Some("2"))], ROLLING);
    drop(log);
    let file = dir.path().join("00000000000000000000.log");
    let mut bytes = fs::read(&file).expect("readable");
    *bytes.last_mut().expect("bytes") ^= 1;
    fs::write(&file, &bytes).expect("written");
    assert_eq!(offsets(&open(dir.path())), [0]);
}

#[test]
fn a_damaged_closed_segment_is_named_and_not_cut() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut log = open(dir.path());
    for n in 0..2 {
        append(&mut log, n, &[("a", None)], EACH_ITS_OWN);
    }
    drop(log);
    let file = dir.path().join("00000000000000000000.log");
    fs::write(&file, b"short").expect("written");
    let error = Log::open(dir.path(), NOW, &mut |_, _| {}).expect_err("damaged");
    assert!(
        matches!(error, LogError::Corrupt { position: 0, .. }),
        "{error}"
    );
    assert_eq!(fs::read(&file).expect("readable"), b"short");
}

#[test]
fn retention_by_age_counts_from_a_segments_largest_timestamp() {
    let mut log = Log::in_memory();
    for time in [100, 200, 300] {
        append(&mut log, time, &[("k", None)], EACH_ITS_OWN);
    }
    let retain = |log: &mut Log, now| log.retain(Timestamp(now), 50, -1).expect("retained");
    retain(&mut log, 150);
    assert_eq!(offsets(&log), [0, 1, 2], "exactly as old as is kept");
    retain(&mut log, 151);
    assert_eq!((log.start(), offsets(&log)), (Offset(1), vec![1, 2]));
    retain(&mut log, 351);
    assert_eq!((log.start(), log.end()), (Offset(3), Offset(3)));
    append(&mut log, 400, &[("k", None)], EACH_ITS_OWN);
    assert_eq!(offsets(&log), [3], "offsets go on");
}

#[test]
fn retention_by_size_keeps_at_least_what_was_asked_for() {
    let mut log = Log::in_memory();
    for _ in 0..3 {
        append(&mut log, 1, &[("k", None)], EACH_ITS_OWN);
    }
    let one = i64::try_from(size(&log) / 3).expect("small");
    log.retain(NOW, -1, 2 * one + 1).expect("retained");
    assert_eq!(offsets(&log), [0, 1, 2]);
    log.retain(NOW, -1, 2 * one).expect("retained");
    assert_eq!(offsets(&log), [1, 2]);
    log.retain(NOW, -1, 0).expect("retained");
    assert_eq!(offsets(&log), [2], "never the active segment");
}

fn compact_at(log: &mut Log, now: i64) {
    let run = Compaction {
        now: Timestamp(now),
        delete_retention_ms: 100,
        lag_ms_min: 0,
        dirty_ratio_min: 0.0,
        segment_bytes_max: 1 << 20,
        below: log.end(),
        is_aborted: &|_| false,
        is_last_of_producer: &|_| false,
    };
    log.compact(&run).expect("compacted");
}

#[test]
fn compaction_keeps_the_newest_record_of_each_key_and_never_touches_the_tail() {
    for codec in [Compression::None, Compression::Lz4] {
        let mut log = Log::in_memory();
        let first = [("a", Some("1")), ("b", Some("1")), ("a", Some("2"))];
        append_with(&mut log, 1, &first, EACH_ITS_OWN, codec);
        append_with(&mut log, 2, &[("b", Some("2"))], EACH_ITS_OWN, codec);
        append_with(&mut log, 3, &[("b", Some("3"))], EACH_ITS_OWN, codec);
        compact_at(&mut log, 1_000);
        let kept: Vec<_> = contents(&log)
            .into_iter()
            .map(|(offset, key, value)| (offset, key, value.unwrap_or_default()))
            .collect();
        let expected = [(2, "a", "2"), (3, "b", "2"), (4, "b", "3")];
        let expected = expected.map(|(o, k, v)| (o, k.to_owned(), v.to_owned()));
        assert_eq!(kept, expected, "{codec:?}");
        assert_eq!((log.start(), log.end()), (Offset(0), Offset(5)));
    }
}

#[test]
fn a_tombstone_stays_for_the_delete_retention_after_the_run_that_met_it() {
    let mut log = Log::in_memory();
    append(&mut log, 1, &[("a", Some("1")), ("a", None)], EACH_ITS_OWN);
    append(&mut log, 2, &[("z", None)], EACH_ITS_OWN);
    compact_at(&mut log, 1_000);
    assert_eq!(offsets(&log), [1, 2]);
    compact_at(&mut log, 1_099);
    assert_eq!(offsets(&log), [1, 2]);
    compact_at(&mut log, 1_100);
    assert_eq!(offsets(&log), [2]);
    let times = log
        .batch_at_time(Timestamp(2), Offset(0))
        .expect("readable");
    assert!(times.is_some(), "timestamps are as before");
}

#[test]
fn a_compacted_log_in_files_is_the_same_after_a_restart() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut log = open(dir.path());
    for n in 0..6 {
        append(&mut log, n, &[("a", Some("x")), ("b", None)], EACH_ITS_OWN);
    }
    compact_at(&mut log, 1_000);
    let before = contents(&log);
    assert_eq!(offsets(&log), [8, 9, 10, 11]);
    drop(log);
    let mut log = open(dir.path());
    assert_eq!(contents(&log), before);
    assert_eq!(log.end(), Offset(12));
    append(&mut log, 9, &[("c", None)], ROLLING);
    assert_eq!(offsets(&log).last(), Some(&12));
}

#[test]
fn a_producers_last_batch_stays_when_its_records_go() {
    let mut log = Log::in_memory();
    append(&mut log, 1, &[("a", Some("1"))], EACH_ITS_OWN);
    append(&mut log, 2, &[("a", Some("2"))], EACH_ITS_OWN);
    append(&mut log, 3, &[("b", None)], EACH_ITS_OWN);
    let mut numbered = Log::in_memory();
    for chunk in log
        .read(Offset(0), log.end(), usize::MAX, FirstBatch::Always)
        .expect("readable")
    {
        let mut header = BatchHeader::parse(&chunk).expect("whole");
        header.producer_id = 7;
        let mut bytes = chunk.to_vec();
        bytes[..61].copy_from_slice(&header.to_bytes());
        crate::protocol::batch_header::BatchMut::new(&mut bytes)
            .expect("whole")
            .seal();
        numbered
            .append(&header, bytes.into(), EACH_ITS_OWN, NOW)
            .expect("appended");
    }
    let run = Compaction {
        now: NOW,
        delete_retention_ms: 0,
        lag_ms_min: 0,
        dirty_ratio_min: 0.0,
        segment_bytes_max: 1,
        below: numbered.end(),
        is_aborted: &|_| false,
        is_last_of_producer: &|header| header.base_offset == Offset(0),
    };
    numbered.compact(&run).expect("compacted");
    let first = numbered
        .read(Offset(0), Offset(1), usize::MAX, FirstBatch::Always)
        .expect("readable");
    let header = BatchHeader::parse(&first[0]).expect("whole");
    assert_eq!((header.record_count, header.next_offset()), (0, Offset(1)));
    assert_eq!(offsets(&numbered), [1, 2]);
}
