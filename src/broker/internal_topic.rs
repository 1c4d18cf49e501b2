//! A topic that the broker itself writes and reads back: one partition, compacted.

use crate::broker::log::FirstBatch;
use crate::broker::setting::TopicSettings;
use crate::broker::topics::Topics;
use crate::protocol::batch_builder::BatchBuilder;
use crate::protocol::batch_builder::BatchStamp;
use crate::protocol::batch_reader::Batches;
use crate::protocol::compression::Decompressor;
use crate::protocol::error_code::ErrorCode;
use crate::record::PartitionId;
use crate::record::RecordView;
use crate::record::Timestamp;

/// The settings that keep such a topic small: Kafka's own, with smaller segments.
const SETTINGS: [(&str, &str); 2] = [("cleanup.policy", "compact"), ("segment.bytes", "1048576")];
/// How much is read at a time when a topic is replayed.
const REPLAY_BYTES: usize = 1 << 20;

/// A key and a value; no value is a tombstone.
pub(crate) type Entry = (Vec<u8>, Option<Vec<u8>>);

/// Appends `entries` as one batch to `topic`, which is made where it is missing.
///
/// # Errors
///
/// `KAFKA_STORAGE_ERROR` where the topic cannot be written.
pub(crate) fn append(
    topics: &mut Topics,
    topic: &str,
    entries: &[Entry],
    now: Timestamp,
) -> Result<(), ErrorCode> {
    let batch = encode(entries, now).ok_or(ErrorCode::KAFKA_STORAGE_ERROR)?;
    if topics.named(topic).is_none() {
        topics
            .create(topic, 1, settings(), now)
            .map_err(|error| error.code())?;
    }
    let (partition, settings) = topics
        .partition_mut(topic, PartitionId(0))
        .ok_or(ErrorCode::KAFKA_STORAGE_ERROR)?;
    partition.append(batch, settings, now).map_err(|error| {
        tracing::error!(topic, %error, "append failed");
        ErrorCode::KAFKA_STORAGE_ERROR
    })?;
    Ok(())
}

fn settings() -> TopicSettings {
    let mut settings = TopicSettings::new();
    for (name, value) in SETTINGS {
        let outcome = settings.set(name, value);
        debug_assert_eq!(outcome, Ok(()), "a setting of ours is refused");
    }
    settings
}

fn encode(entries: &[Entry], now: Timestamp) -> Option<Vec<u8>> {
    let mut builder = BatchBuilder::new();
    for (key, value) in entries {
        builder.push(now, Some(key), value.as_deref(), []).ok()?;
    }
    let mut out = Vec::new();
    builder.finish(&BatchStamp::default(), &mut out).ok()?;
    Some(out)
}

/// Shows `seen` each record of `topic` in order; none where there is no such topic.
pub(crate) fn replay(topics: &Topics, topic: &str, seen: &mut dyn FnMut(&RecordView<'_>)) {
    let Some(partition) = topics
        .named(topic)
        .and_then(|topic| topic.partition(PartitionId(0)))
    else {
        return;
    };
    let mut decompressor = Decompressor::default();
    let mut from = partition.log.start();
    let end = partition.log.end();
    while from < end {
        let chunks = match partition.read(from, end, REPLAY_BYTES, FirstBatch::Always) {
            Ok(chunks) if !chunks.is_empty() => chunks,
            Ok(_) => return,
            Err(error) => {
                tracing::error!(topic, %error, "replay failed");
                return;
            }
        };
        for batch in chunks.iter().flat_map(|chunk| Batches::new(chunk)) {
            let Ok(batch) = batch else { return };
            from = batch.header().next_offset();
            if let Ok(records) = batch.records(&mut decompressor) {
                records.flatten().for_each(|record| seen(&record));
            }
        }
    }
}
