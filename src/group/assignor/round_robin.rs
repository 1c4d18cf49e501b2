//! All partitions in order, to each member in turn.
//!
//! Source: `RoundRobinAssignor.java` (Apache Kafka 4.3.1).

use crate::group::assignor::Member;
use crate::group::assignor::Shares;
use crate::group::assignor::TopicSizes;
use crate::group::assignor::empty_shares;
use crate::group::assignor::partitions;

pub(super) fn assign(topics: &TopicSizes, members: &[&Member]) -> Shares {
    let mut shares = empty_shares(members);
    let mut ranked = members.to_vec();
    ranked.sort_unstable_by_key(|member| member.rank());
    let mut turn = 0;
    for partition in partitions(topics) {
        // From whoever's turn it is on, the first who reads the topic.
        let (before, from) = ranked.split_at(turn);
        let reads = |member: &&&Member| member.subscribes_to(&partition.topic);
        let Some(reader) = from.iter().chain(before).find(reads) else {
            continue;
        };
        let place = ranked.iter().position(|member| member.id == reader.id);
        turn = place.map_or(0, |place| (place + 1) % ranked.len());
        shares.entry(reader.id.clone()).or_default().push(partition);
    }
    shares
}
