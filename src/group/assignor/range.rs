//! Each topic by itself: its partitions in order, cut into as many stretches as it has readers.
//!
//! Readers of the same topics with as many partitions get the same numbers of each, so that records
//! of one key meet. Source: `RangeAssignor.java` (Apache Kafka 4.3.1).

use crate::group::assignor::Member;
use crate::group::assignor::Shares;
use crate::group::assignor::TopicSizes;
use crate::group::assignor::empty_shares;
use crate::record::TopicName;
use crate::record::TopicPartition;

pub(super) fn assign(topics: &TopicSizes, members: &[&Member]) -> Shares {
    let mut shares = empty_shares(members);
    let mut ranked = members.to_vec();
    ranked.sort_unstable_by_key(|member| member.rank());
    for (topic, count) in topics {
        let readers = ranked.iter().filter(|member| member.subscribes_to(topic));
        let readers: Vec<&&Member> = readers.collect();
        let mut numbers = 0..*count;
        for (reader, len) in readers.iter().zip(lengths(*count, readers.len())) {
            let stretch = numbers.by_ref().take(len);
            let share = shares.entry(reader.id.clone()).or_default();
            share
                .extend(stretch.map(|number| TopicPartition::new(TopicName::clone(topic), number)));
        }
    }
    shares
}

/// How long each of `readers` stretches is: the first ones get one more where it does not come out
/// even.
fn lengths(partitions: i32, readers: usize) -> impl Iterator<Item = usize> {
    let partitions = usize::try_from(partitions).unwrap_or(0);
    let (each, more) = match readers {
        0 => (0, 0),
        readers => (partitions / readers, partitions % readers),
    };
    (0..readers).map(move |place| each + usize::from(place < more))
}
