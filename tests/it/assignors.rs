//! Assignors against what Apache Kafka's own made of the same groups.
//!
//! The vectors are made by `tests/java/AssignorVectors.java`.

use std::collections::BTreeMap;

use serde::Deserialize;
use tidemill::group::assignor::Assignor;
use tidemill::group::assignor::Member;
use tidemill::group::assignor::Subscription;
use tidemill::record::TopicName;
use tidemill::record::TopicPartition;

const VECTORS: &str = include_str!("../golden/assignors/vectors.jsonl");

#[derive(Deserialize)]
struct Vector {
    assignor: String,
    topics: BTreeMap<String, i32>,
    members: Vec<Row>,
    shares: BTreeMap<String, Vec<String>>,
}

#[derive(Deserialize)]
struct Row {
    id: String,
    instance: Option<String>,
    topics: Vec<String>,
    owned: Vec<String>,
    generation: i32,
    user_data: Option<String>,
}

impl Row {
    fn member(self) -> Member {
        Member {
            id: self.id,
            instance_id: self.instance,
            subscription: Subscription {
                topics: self.topics.into_iter().map(TopicName::from).collect(),
                owned: self.owned.iter().map(|name| partition(name)).collect(),
                generation: Some(self.generation),
                user_data: self.user_data.as_deref().map(bytes),
            },
        }
    }
}

fn partition(name: &str) -> TopicPartition {
    let (topic, number) = name.rsplit_once('-').expect("topic-number");
    TopicPartition::new(topic, number.parse().expect("a number"))
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<char> = hex.chars().collect();
    let byte = |pair: &[char]| u8::from_str_radix(&String::from_iter(pair), 16);
    digits
        .chunks(2)
        .map(|pair| byte(pair).expect("hex"))
        .collect()
}

fn sorted(
    shares: impl IntoIterator<Item = (String, Vec<TopicPartition>)>,
) -> BTreeMap<String, Vec<TopicPartition>> {
    let shares = shares.into_iter().map(|(id, mut share)| {
        share.sort();
        (id, share)
    });
    shares.collect()
}

#[test]
fn partitions_are_shared_out_as_kafka_shares_them_out() {
    let mut differing = Vec::new();
    for (number, line) in VECTORS.lines().enumerate() {
        let vector: Vector = serde_json::from_str(line).expect("a vector");
        let assignor: Assignor = vector.assignor.parse().expect("an assignor");
        let topics = vector
            .topics
            .into_iter()
            .map(|(topic, count)| (topic.into(), count))
            .collect();
        let members: Vec<Member> = vector.members.into_iter().map(Row::member).collect();
        let ours = sorted(assignor.assign(&topics, &members));
        let theirs = sorted(
            vector
                .shares
                .into_iter()
                .map(|(id, names)| (id, names.iter().map(|name| partition(name)).collect())),
        );
        if ours != theirs {
            differing.push(format!("line {}: {line}\nours {ours:?}", number + 1));
        }
    }
    assert!(
        differing.is_empty(),
        "{} differ:\n{}",
        differing.len(),
        differing.join("\n")
    );
}

#[test]
fn what_members_tell_their_leader_has_kafkas_bytes() {
    let mut last: BTreeMap<String, Vec<TopicPartition>> = BTreeMap::new();
    let mut compared = 0;
    for line in VECTORS.lines() {
        let vector: Vector = serde_json::from_str(line).expect("a vector");
        let assignor: Assignor = vector.assignor.parse().expect("an assignor");
        // Kafka writes topics in the order of a hash map: of one topic there is but one order.
        let one_topic = vector.topics.len() == 1;
        for row in &vector.members {
            let share = last.get(&row.id).cloned().unwrap_or_default();
            let told = assignor.user_data(&share, row.generation);
            if one_topic || assignor != Assignor::Sticky {
                assert_eq!(told, row.user_data.as_deref().map(bytes), "{line}");
                compared += 1;
            }
        }
        let shares = vector.shares.into_iter();
        last = shares
            .map(|(id, names)| (id, names.iter().map(|name| partition(name)).collect()))
            .collect();
    }
    assert!(compared > 300, "{compared}");
}
