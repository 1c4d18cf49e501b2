//! The ConsumerGroupDescribe API.

use super::Str;
use super::Uuid;

declare! {
    ConsumerGroupDescribe, versions 0-1, flexible 0+: ConsumerGroupDescribeRequest<'a>
        => ConsumerGroupDescribeResponse<'r>;

    /// Asks for the state and members of consumer groups of the new protocol (KIP-848).
    pub struct ConsumerGroupDescribeRequest<'a> {
        /// The groups.
        group_ids: Vec<Str<'a>>;
        /// Whether to tell what the asking user may do.
        include_authorized_operations: bool;
    }

    /// Holds what a [`ConsumerGroupDescribeRequest`] asked for.
    pub struct ConsumerGroupDescribeResponse<'a> {
        /// For how many milliseconds the client must stay silent because of a quota; 0 for none.
        throttle_time_ms: i32;
        /// The groups.
        groups: Vec<DescribedGroup<'a>>;
    }

    /// One group.
    pub struct DescribedGroup<'a> {
        /// The error, or 0.
        error_code: i16;
        /// The error in words; null for none.
        error_message: Option<Str<'a>> = None;
        /// The group.
        group_id: Str<'a>;
        /// The state of the group, in Kafka's words.
        group_state: Str<'a>;
        /// The epoch of the group.
        group_epoch: i32;
        /// The epoch of the target assignment.
        assignment_epoch: i32;
        /// The assignor in use.
        assignor_name: Str<'a>;
        /// The members.
        members: Vec<Member<'a>>;
        /// The operations that the asking user may do, as a bit field by ACL operation code;
        /// `i32::MIN` if not asked for.
        authorized_operations: i32 = i32::MIN;
    }

    /// One member.
    pub struct Member<'a> {
        /// The member.
        member_id: Str<'a>;
        /// The name that a static member keeps over restarts; null for a dynamic member.
        instance_id: Option<Str<'a>> = None;
        /// The rack; null if none is set.
        rack_id: Option<Str<'a>> = None;
        /// The epoch of the member.
        member_epoch: i32;
        /// The client id that the member gave in its request header.
        client_id: Str<'a>;
        /// The host that the member speaks from.
        client_host: Str<'a>;
        /// The topics that the member subscribes to.
        subscribed_topic_names: Vec<Str<'a>>;
        /// The pattern of topics that the member subscribes to; null for none.
        subscribed_topic_regex: Option<Str<'a>> = None;
        /// What the member has.
        assignment: Assignment<'a>;
        /// What the member is to have.
        target_assignment: Assignment<'a>;
        /// How the member takes part: −1 not known, 0 classic, 1 consumer.
        member_type: i8 = -1, versions 1+, ignorable;
    }

    /// Partitions, by topic.
    pub struct Assignment<'a> {
        /// The partitions, by topic.
        topic_partitions: Vec<TopicPartitions<'a>>;
    }

    /// The partitions of one topic.
    pub struct TopicPartitions<'a> {
        /// The id of the topic.
        topic_id: Uuid;
        /// The topic.
        topic_name: Str<'a>;
        /// The partitions.
        partitions: Vec<i32>;
    }
}
