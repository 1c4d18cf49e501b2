//! Committed offsets in the topic `__consumer_offsets`, in Kafka's own record format.
//!
//! Shape: key `1: int16, group: string, topic: string, partition: int32`; value `3: int16,
//! offset: int64, leader epoch: int32, metadata: string, commit time: int64`, null to forget; a
//! string is its length as int16 and its bytes. Unlike in Kafka, members are not written down:
//! after a restart they join again.
//!
//! Source: `OffsetCommitKey.json`, `OffsetCommitValue.json` (Apache Kafka 4.x).

use crate::broker::groups::CommittedOffset;
use crate::broker::groups::Coordinator;
use crate::broker::internal_topic;
use crate::broker::internal_topic::Entry;
use crate::broker::state::State;
use crate::broker::topics::Topics;
use crate::protocol::error_code::ErrorCode;
use crate::record::LeaderEpoch;
use crate::record::Offset;
use crate::record::RecordView;
use crate::record::Timestamp;
use crate::record::TopicPartition;

/// The topic.
pub(crate) const TOPIC: &str = "__consumer_offsets";
const KEY_VERSION: i16 = 1;
const VALUE_VERSION: i16 = 3;

/// One change: an offset committed, or forgotten.
pub(crate) type Change = (TopicPartition, Option<CommittedOffset>);

/// Writes `changes` of `group` to the topic, then makes them the group's.
///
/// # Errors
///
/// `KAFKA_STORAGE_ERROR` where the topic cannot be written; `INVALID_REQUEST` where a name is
/// longer than the format can say; `COORDINATOR_NOT_AVAILABLE` where there are too many groups.
pub(crate) fn commit(
    state: &mut State,
    group: &str,
    changes: Vec<Change>,
    now: Timestamp,
) -> Result<(), ErrorCode> {
    if changes.is_empty() {
        return Ok(());
    }
    let entries: Option<Vec<Entry>> = changes.iter().map(|change| entry(group, change)).collect();
    let entries = entries.ok_or(ErrorCode::INVALID_REQUEST)?;
    internal_topic::append(&mut state.topics, TOPIC, &entries, now)?;
    for (partition, committed) in changes {
        state.coordinator.set_offset(group, partition, committed)?;
    }
    Ok(())
}

/// Forgets what all groups have committed for `topic`, which has been deleted.
///
/// # Errors
///
/// As [`commit`].
pub(crate) fn forget_topic(
    state: &mut State,
    topic: &str,
    now: Timestamp,
) -> Result<(), ErrorCode> {
    let of_topic = |group: &crate::broker::groups::Group| {
        let partitions = group.offsets.keys();
        let changes: Vec<Change> = partitions
            .filter(|partition| &*partition.topic == topic)
            .map(|partition| (partition.clone(), None))
            .collect();
        (group.id.clone(), changes)
    };
    let all: Vec<_> = state.coordinator.groups.values().map(of_topic).collect();
    for (group, changes) in all {
        commit(state, &group, changes, now)?;
    }
    Ok(())
}

/// Gives `coordinator` what the topic holds.
pub(crate) fn replay(topics: &Topics, coordinator: &mut Coordinator) {
    internal_topic::replay(topics, TOPIC, &mut |record| apply(record, coordinator));
}

fn apply(record: &RecordView<'_>, coordinator: &mut Coordinator) {
    let Some((group, partition)) = record.key.and_then(decode_key) else {
        return;
    };
    let committed = record.value.and_then(decode_value);
    if let Err(error) = coordinator.set_offset(&group, partition, committed) {
        tracing::warn!(group, error = error.name(), "dropped a committed offset");
    }
}

/// `None` where a group's or topic's name is longer than the format can say.
fn entry(group: &str, (partition, committed): &Change) -> Option<Entry> {
    let key = encode_key(group, partition)?;
    let value = match committed {
        Some(committed) => Some(encode_value(committed)?),
        None => None,
    };
    Some((key, value))
}

fn encode_key(group: &str, partition: &TopicPartition) -> Option<Vec<u8>> {
    let mut out = KEY_VERSION.to_be_bytes().to_vec();
    put_text(&mut out, group)?;
    put_text(&mut out, &partition.topic)?;
    out.extend_from_slice(&partition.partition.0.to_be_bytes());
    Some(out)
}

fn encode_value(committed: &CommittedOffset) -> Option<Vec<u8>> {
    let mut out = VALUE_VERSION.to_be_bytes().to_vec();
    out.extend_from_slice(&committed.offset.0.to_be_bytes());
    out.extend_from_slice(&committed.leader_epoch.0.to_be_bytes());
    put_text(&mut out, &committed.metadata)?;
    out.extend_from_slice(&committed.committed_at.0.to_be_bytes());
    Some(out)
}

fn decode_key(mut key: &[u8]) -> Option<(String, TopicPartition)> {
    let rest = &mut key;
    if i16::from_be_bytes(take(rest)?) > KEY_VERSION {
        return None;
    }
    let group = take_text(rest)?;
    let topic = take_text(rest)?;
    let partition = i32::from_be_bytes(take(rest)?);
    Some((group, TopicPartition::new(topic, partition)))
}

fn decode_value(mut value: &[u8]) -> Option<CommittedOffset> {
    let rest = &mut value;
    if i16::from_be_bytes(take(rest)?) != VALUE_VERSION {
        return None;
    }
    Some(CommittedOffset {
        offset: Offset(i64::from_be_bytes(take(rest)?)),
        leader_epoch: LeaderEpoch(i32::from_be_bytes(take(rest)?)),
        metadata: take_text(rest)?,
        committed_at: Timestamp(i64::from_be_bytes(take(rest)?)),
    })
}

fn put_text(out: &mut Vec<u8>, text: &str) -> Option<()> {
    let length = i16::try_from(text.len()).ok()?;
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(text.as_bytes());
    Some(())
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = bytes.split_first_chunk()?;
    *bytes = tail;
    Some(*head)
}

fn take_text(bytes: &mut &[u8]) -> Option<String> {
    let length = usize::try_from(i16::from_be_bytes(take(bytes)?)).ok()?;
    let (text, tail) = bytes.split_at_checked(length)?;
    *bytes = tail;
    String::from_utf8(text.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_has_kafkas_bytes_and_comes_back() {
        let partition = TopicPartition::new("t", 7);
        let key = encode_key("g", &partition).expect("short names");
        assert_eq!(key, b"\0\x01\0\x01g\0\x01t\0\0\0\x07");
        assert_eq!(decode_key(&key), Some(("g".to_owned(), partition)));
        let committed = CommittedOffset {
            offset: Offset(5),
            leader_epoch: LeaderEpoch(-1),
            metadata: "m".to_owned(),
            committed_at: Timestamp(9),
        };
        let value = encode_value(&committed).expect("short metadata");
        let expected = b"\0\x03\0\0\0\0\0\0\0\x05\xff\xff\xff\xff\0\x01m\0\0\0\0\0\0\0\x09";
        assert_eq!(value, expected);
        assert_eq!(decode_value(&value), Some(committed));
        for end in 0..value.len() {
            assert_eq!(decode_value(&value[..end]), None, "cut at {end}");
        }
    }
}
