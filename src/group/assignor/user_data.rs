//! What members of sticky groups tell their leader, in the bytes of Kafka's own assignors.
//!
//! Shape: `sticky` writes a list of topics, each with its partitions, then the generation
//! (`StickyAssignor`'s version 1; version 0 has no generation); `cooperative-sticky` the generation
//! alone. All numbers are big-endian and have four bytes, but for the length of a name, which has two.

use std::collections::BTreeMap;

use crate::record::TopicName;
use crate::record::TopicPartition;

/// What a member was assigned, and when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Last {
    pub(super) partitions: Vec<TopicPartition>,
    pub(super) generation: Option<i32>,
}

/// The user data of `cooperative-sticky`.
pub(super) fn generation(generation: i32) -> Vec<u8> {
    generation.to_be_bytes().to_vec()
}

/// The user data of `sticky`. A topic whose name does not fit its length field, which no broker
/// allows, is left out.
pub(super) fn with_partitions(partitions: &[TopicPartition], generation: i32) -> Vec<u8> {
    let mut topics: BTreeMap<&TopicName, Vec<i32>> = BTreeMap::new();
    for partition in partitions {
        let numbers = topics.entry(&partition.topic).or_default();
        numbers.push(partition.partition.0);
    }
    let mut bytes = Vec::new();
    put_count(&mut bytes, topics.len());
    for (topic, numbers) in topics {
        let len = i16::try_from(topic.len()).unwrap_or(0);
        bytes.extend_from_slice(&len.to_be_bytes());
        bytes.extend_from_slice(topic.as_bytes());
        put_count(&mut bytes, numbers.len());
        for number in numbers {
            bytes.extend_from_slice(&number.to_be_bytes());
        }
    }
    bytes.extend_from_slice(&generation.to_be_bytes());
    bytes
}

fn put_count(bytes: &mut Vec<u8>, count: usize) {
    let count = i32::try_from(count).unwrap_or(i32::MAX);
    bytes.extend_from_slice(&count.to_be_bytes());
}

/// Reads the generation of `cooperative-sticky`.
pub(super) fn read_generation(mut bytes: &[u8]) -> Option<i32> {
    int(&mut bytes)
}

/// Reads the user data of `sticky`; what another member sent and cannot be read counts as nothing,
/// as with Kafka's own.
pub(super) fn read_partitions(bytes: &[u8]) -> Last {
    read(bytes).unwrap_or_default()
}

fn read(mut bytes: &[u8]) -> Option<Last> {
    let bytes = &mut bytes;
    let mut partitions = Vec::new();
    for _ in 0..int(bytes)? {
        let len = i16::from_be_bytes(*bytes.split_off(..2)?.first_chunk()?);
        let name = bytes.split_off(..usize::try_from(len).ok()?)?;
        let topic = TopicName::from(std::str::from_utf8(name).ok()?);
        for _ in 0..int(bytes)? {
            partitions.push(TopicPartition::new(TopicName::clone(&topic), int(bytes)?));
        }
    }
    Some(Last {
        partitions,
        generation: int(bytes),
    })
}

fn int(bytes: &mut &[u8]) -> Option<i32> {
    Some(i32::from_be_bytes(*bytes.split_off(..4)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_member_was_assigned_comes_back_and_what_is_cut_short_counts_as_nothing() {
        let partitions = [
            TopicPartition::new("orders", 1),
            TopicPartition::new("orders", 4),
            TopicPartition::new("users", 0),
        ];
        let bytes = with_partitions(&partitions, 7);
        let last = Last {
            partitions: partitions.to_vec(),
            generation: Some(7),
        };
        assert_eq!(read_partitions(&bytes), last);
        let old = Last {
            generation: None,
            ..last
        };
        let without_generation = bytes.len() - 4;
        assert_eq!(read_partitions(&bytes[..without_generation]), old);
        for len in 0..without_generation {
            assert_eq!(read_partitions(&bytes[..len]), Last::default(), "{len}");
        }
    }

    #[test]
    fn a_count_far_beyond_the_bytes_asks_for_no_memory() {
        let bytes = i32::MAX.to_be_bytes();
        assert_eq!(read_partitions(&bytes), Last::default());
        assert_eq!(read_generation(&[0, 0, 1]), None);
    }
}
