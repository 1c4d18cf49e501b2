//! Balanced, and as much as possible as it was.
//!
//! Where all members read the same topics, [`uniform`] shares out in one go; else
//! [`general`] moves partitions until no move makes the shares more even.
//!
//! Source: `AbstractStickyAssignor.java`, `CooperativeStickyAssignor.java` (Apache Kafka 4.3.1), with
//! two differences. Kafka settles some ties by the order of its hash maps, which here are settled by
//! the order of member ids. And a partition that a member claims without right is withheld from it
//! until the rightful holder has given it up, also where members read different topics.

use std::collections::BTreeSet;

use crate::group::assignor::Member;
use crate::group::assignor::Shares;
use crate::group::assignor::TopicSizes;
use crate::group::assignor::claims::Claims;
use crate::group::assignor::general;
use crate::group::assignor::uniform;
use crate::group::assignor::user_data;
use crate::record::TopicName;

/// Shares out among members that have given everything up, and tell in their user data what they had.
pub(super) fn eager(topics: &TopicSizes, members: &[&Member]) -> Shares {
    let claims = Claims::read(topics, members, |member| {
        let data = member.subscription.user_data.as_deref();
        let last = user_data::read_partitions(data.unwrap_or_default());
        (last.partitions, last.generation)
    });
    share_out(topics, members, &claims)
}

/// Shares out among members that go on reading what they own; what would change hands is nobody's.
pub(super) fn cooperative(topics: &TopicSizes, members: &[&Member]) -> Shares {
    let claims = Claims::read(topics, members, |member| {
        let subscription = &member.subscription;
        let data = subscription.user_data.as_deref();
        let told = || data.and_then(user_data::read_generation);
        (
            subscription.owned.clone(),
            subscription.generation.or_else(told),
        )
    });
    let mut shares = share_out(topics, members, &claims);
    for (member, share) in &mut shares {
        share.retain(|partition| claims.is_free_for(partition, member));
    }
    shares
}

fn share_out(topics: &TopicSizes, members: &[&Member], claims: &Claims<'_>) -> Shares {
    let mut subscriptions = members.iter().map(|member| subscribed(member));
    let first = subscriptions.next();
    if subscriptions.all(|other| Some(&other) == first.as_ref()) {
        uniform::share_out(topics, &claims.by_member(members))
    } else {
        general::share_out(topics, members, claims)
    }
}

fn subscribed(member: &Member) -> BTreeSet<&TopicName> {
    member.subscription.topics.iter().collect()
}
