//! What members of a classic group say to each other, to bytes and back.

use std::collections::BTreeMap;

use crate::client::group::JoinedMember;
use crate::group::assignor::Member;
use crate::group::assignor::Subscription;
use crate::protocol::message::ReadError;
use crate::protocol::message::WriteError;
use crate::protocol::message::consumer_protocol::ConsumerProtocolAssignment;
use crate::protocol::message::consumer_protocol::ConsumerProtocolSubscription;
use crate::protocol::message::consumer_protocol::TopicPartition as Grouped;
use crate::protocol::message::consumer_protocol::VERSIONS;
use crate::record::TopicName;
use crate::record::TopicPartition;

/// What a member tells its leader.
pub(super) fn write_subscription(subscription: &Subscription) -> Result<Vec<u8>, WriteError> {
    let topics = subscription.topics.iter();
    let message = ConsumerProtocolSubscription {
        topics: topics.map(|topic| topic.as_ref().into()).collect(),
        user_data: subscription.user_data.as_deref().map(Into::into),
        owned_partitions: by_topic(&subscription.owned),
        generation_id: subscription.generation.unwrap_or(-1),
        rack_id: None,
    };
    let mut bytes = Vec::new();
    message.write(VERSIONS.max, &mut bytes)?;
    Ok(bytes)
}

/// A member's share.
pub(super) fn write_share(share: &[TopicPartition]) -> Result<Vec<u8>, WriteError> {
    let message = ConsumerProtocolAssignment {
        assigned_partitions: by_topic(share),
        user_data: None,
    };
    let mut bytes = Vec::new();
    message.write(VERSIONS.max, &mut bytes)?;
    Ok(bytes)
}

/// Reads a share. One without bytes is that of a member whom the leader did not know of.
pub(super) fn read_share(bytes: &[u8]) -> Result<Vec<TopicPartition>, ReadError> {
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    let message = ConsumerProtocolAssignment::read(bytes)?;
    Ok(apart(&message.assigned_partitions))
}

/// A member as the leader is told of it. What cannot be read counts as no subscription, so that one
/// member does not keep the others from their shares.
pub(super) fn read_member(joined: JoinedMember) -> Member {
    let read = ConsumerProtocolSubscription::read(&joined.metadata).unwrap_or_default();
    let generation = Some(read.generation_id).filter(|generation| *generation >= 0);
    let subscription = Subscription {
        topics: read
            .topics
            .iter()
            .map(|topic| TopicName::from(&**topic))
            .collect(),
        owned: apart(&read.owned_partitions),
        generation,
        user_data: read.user_data.map(|data| data.into_owned()),
    };
    Member {
        id: joined.id,
        instance_id: joined.instance_id,
        subscription,
    }
}

fn by_topic(partitions: &[TopicPartition]) -> Vec<Grouped<'_>> {
    let mut topics: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
    for partition in partitions {
        let numbers = topics.entry(&partition.topic).or_default();
        numbers.push(partition.partition.0);
    }
    let grouped = |(topic, partitions): (&'_ str, Vec<i32>)| Grouped {
        topic: topic.to_owned().into(),
        partitions,
    };
    topics.into_iter().map(grouped).collect()
}

fn apart(topics: &[Grouped<'_>]) -> Vec<TopicPartition> {
    let mut partitions = Vec::new();
    for grouped in topics {
        let topic = TopicName::from(&*grouped.topic);
        let numbers = grouped.partitions.iter();
        partitions
            .extend(numbers.map(|number| TopicPartition::new(TopicName::clone(&topic), *number)));
    }
    partitions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_member_tells_comes_back_and_what_cannot_be_read_is_no_subscription() {
        let subscription = Subscription {
            topics: vec!["a".into(), "b".into()],
            owned: vec![TopicPartition::new("a", 3), TopicPartition::new("b", 0)],
            generation: Some(7),
            user_data: Some(vec![0, 0, 0, 7]),
        };
        let told = |metadata| JoinedMember {
            id: "m".to_owned(),
            instance_id: Some("one".to_owned()),
            metadata,
        };
        let bytes = write_subscription(&subscription).unwrap();
        let cut = bytes[..bytes.len() - 3].to_vec();
        assert_eq!(read_member(told(bytes)).subscription, subscription);
        assert_eq!(read_member(told(cut)).subscription, Subscription::default());
    }

    #[test]
    fn a_share_comes_back_and_none_is_an_empty_one() {
        let share = vec![TopicPartition::new("a", 1), TopicPartition::new("a", 4)];
        let bytes = write_share(&share).unwrap();
        assert_eq!(read_share(&bytes), Ok(share));
        assert_eq!(read_share(&[]), Ok(Vec::new()));
        read_share(&bytes[..bytes.len() - 5]).unwrap_err();
    }
}
