use std::collections::BTreeMap;
use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn sizes(topics: &[(&str, i32)]) -> TopicSizes {
    let size = |(name, count): &(&str, i32)| (TopicName::from(*name), *count);
    topics.iter().map(size).collect()
}

fn named(names: &[&str]) -> Vec<TopicPartition> {
    names.iter().map(|name| parse(name)).collect()
}

fn parse(name: &str) -> TopicPartition {
    let (topic, number) = name.rsplit_once('-').expect("topic-number");
    TopicPartition::new(topic, number.parse().expect("a number"))
}

fn member(id: &str, topics: &[&str], owned: &[&str], generation: i32) -> Member {
    Member {
        id: id.to_owned(),
        instance_id: None,
        subscription: Subscription {
            topics: topics.iter().map(|topic| TopicName::from(*topic)).collect(),
            owned: named(owned),
            generation: Some(generation),
            user_data: None,
        },
    }
}

fn shares(of: &[(&str, &[&str])]) -> Shares {
    of.iter()
        .map(|(id, names)| ((*id).to_owned(), named(names)))
        .collect()
}

#[test]
fn a_member_that_leaves_costs_the_others_nothing_that_they_had() {
    let members = [
        member("a", &["t"], &["t-0", "t-1"], 4),
        member("c", &["t"], &["t-4", "t-5"], 4),
    ];
    let shared = Assignor::CooperativeSticky.assign(&sizes(&[("t", 6)]), &members);
    let expected = shares(&[("a", &["t-0", "t-1", "t-2"]), ("c", &["t-4", "t-5", "t-3"])]);
    assert_eq!(shared, expected);
}

#[test]
fn what_another_member_still_reads_is_withheld_for_one_round() {
    let members = [
        member("a", &["t"], &["t-0", "t-1"], 4),
        member("b", &["t"], &[], -1),
    ];
    let topics = sizes(&[("t", 2)]);
    let first = Assignor::CooperativeSticky.assign(&topics, &members);
    assert_eq!(first, shares(&[("a", &["t-0"]), ("b", &[])]));
    let members = [
        member("a", &["t"], &["t-0"], 5),
        member("b", &["t"], &[], 5),
    ];
    let second = Assignor::CooperativeSticky.assign(&topics, &members);
    assert_eq!(second, shares(&[("a", &["t-0"]), ("b", &["t-1"])]));
}

#[test]
fn of_two_claims_the_later_generation_is_right_and_of_two_equal_ones_neither() {
    let topics = sizes(&[("t", 2)]);
    let later = [
        member("a", &["t"], &["t-0"], 3),
        member("b", &["t"], &["t-0", "t-1"], 4),
    ];
    let shared = Assignor::CooperativeSticky.assign(&topics, &later);
    assert_eq!(shared, shares(&[("a", &[]), ("b", &["t-0"])]));
    let equal = [
        member("a", &["t"], &["t-0", "t-1"], 4),
        member("b", &["t"], &["t-0", "t-1"], 4),
    ];
    let shared = Assignor::CooperativeSticky.assign(&topics, &equal);
    assert_eq!(shared, shares(&[("a", &[]), ("b", &[])]));
}

#[test]
fn a_group_without_members_or_topics_shares_nothing() {
    for assignor in Assignor::ALL {
        assert_eq!(assignor.assign(&sizes(&[("t", 3)]), &[]), Shares::new());
        let lonely = [member("a", &["gone"], &["gone-0"], 1)];
        let shared = assignor.assign(&TopicSizes::new(), &lonely);
        assert_eq!(shared, shares(&[("a", &[])]), "{assignor}");
    }
}

#[test]
fn assignors_are_named_as_on_the_wire_and_as_java_names_them() {
    for assignor in Assignor::ALL {
        assert_eq!(assignor.name().parse(), Ok(assignor));
        assert_eq!(assignor.java_class().parse(), Ok(assignor));
    }
    let unknown = "rang".parse::<Assignor>().unwrap_err();
    assert_eq!(
        unknown.to_string(),
        "\"rang\" is no assignor; one of range, roundrobin, sticky, cooperative-sticky"
    );
}

/// Members with topics of t0 to t2 each, and claims that may contradict one another.
fn members() -> impl Strategy<Value = Vec<Member>> {
    let claim = (0..3usize, 0..8i32);
    let one = (
        prop::collection::btree_set(0..3usize, 1..=3),
        prop::collection::vec(claim, 0..8),
        -1..3i32,
    );
    prop::collection::vec(one, 1..7).prop_map(|members| {
        let describe =
            |(place, (topics, claims, generation))| describe(place, topics, claims, generation);
        members.into_iter().enumerate().map(describe).collect()
    })
}

fn describe(
    place: usize,
    topics: BTreeSet<usize>,
    claims: Vec<(usize, i32)>,
    generation: i32,
) -> Member {
    let owned: Vec<TopicPartition> = claims
        .into_iter()
        .map(|(topic, number)| TopicPartition::new(format!("t{topic}"), number))
        .collect();
    Member {
        id: format!("m{place}"),
        instance_id: (place % 3 == 2).then(|| format!("s{}", 9 - place)),
        subscription: Subscription {
            topics: topics
                .into_iter()
                .map(|topic| format!("t{topic}").into())
                .collect(),
            user_data: Assignor::Sticky.user_data(&owned, generation),
            generation: Some(generation),
            owned,
        },
    }
}

fn topic_sizes() -> impl Strategy<Value = TopicSizes> {
    prop::collection::vec(0..7i32, 3).prop_map(|counts| {
        let named = counts.into_iter().enumerate();
        named
            .map(|(topic, count)| (format!("t{topic}").into(), count))
            .collect()
    })
}

/// What a cooperative group comes to once everybody has given up what moves.
fn settled(topics: &TopicSizes, members: &mut [Member]) -> Shares {
    for generation in 10..20 {
        let shared = Assignor::CooperativeSticky.assign(topics, members);
        let mut is_settled = true;
        for member in members.iter_mut() {
            let share = &shared[&member.id];
            is_settled &= member.subscription.owned == *share;
            member.subscription.owned.clone_from(share);
            member.subscription.generation = Some(generation);
        }
        if is_settled {
            return shared;
        }
    }
    panic!("a cooperative group comes to rest within ten rounds");
}

/// Every partition that somebody reads is shared out once, to one of its readers.
fn check_complete(topics: &TopicSizes, members: &[Member], shared: &Shares) {
    let mut given: BTreeMap<&TopicPartition, &str> = BTreeMap::new();
    for (id, share) in shared {
        let reader = members
            .iter()
            .find(|member| member.id == *id)
            .expect("a member");
        for partition in share {
            assert!(reader.subscribes_to(&partition.topic), "{id} {partition}");
            assert_eq!(given.insert(partition, id), None, "{partition} twice");
        }
    }
    for partition in partitions(topics) {
        let is_read = members
            .iter()
            .any(|member| member.subscribes_to(&partition.topic));
        assert_eq!(given.contains_key(&partition), is_read, "{partition}");
    }
}

/// No partition could move to a reader with at least two fewer.
fn check_even(members: &[Member], shared: &Shares) {
    for share in shared.values() {
        for partition in share {
            for other in members
                .iter()
                .filter(|member| member.subscribes_to(&partition.topic))
            {
                assert!(
                    shared[&other.id].len() + 1 >= share.len(),
                    "{partition}: {shared:?}"
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_partition_is_shared_out_once_to_one_of_its_readers(
        topics in topic_sizes(), mut members in members(),
    ) {
        for assignor in [Assignor::Range, Assignor::RoundRobin, Assignor::Sticky] {
            check_complete(&topics, &members, &assignor.assign(&topics, &members));
        }
        let sticky = Assignor::Sticky.assign(&topics, &members);
        check_even(&members, &sticky);
        let cooperative = settled(&topics, &mut members);
        check_complete(&topics, &members, &cooperative);
        check_even(&members, &cooperative);
    }

    #[test]
    fn no_partition_is_handed_over_while_another_member_may_be_reading_it(
        topics in topic_sizes(), members in members(),
    ) {
        let shared = Assignor::CooperativeSticky.assign(&topics, &members);
        for (id, share) in &shared {
            for partition in share {
                let latest = members.iter()
                    .filter(|member| member.subscription.owned.contains(partition))
                    .map(|member| (member.subscription.generation, &member.id))
                    .max();
                prop_assert!(latest.is_none_or(|(_, owner)| owner == id), "{} {}", id, partition);
            }
        }
    }

    #[test]
    fn nothing_moves_once_the_shares_are_even(topics in topic_sizes(), mut members in members()) {
        let before = settled(&topics, &mut members);
        members.reverse();
        prop_assert_eq!(Assignor::CooperativeSticky.assign(&topics, &members), before);
    }
}
