//! The ConsumerGroupHeartbeat API.

use super::Str;
use super::Uuid;

declare! {
    ConsumerGroupHeartbeat, versions 0-1, flexible 0+: ConsumerGroupHeartbeatRequest<'a>
        => ConsumerGroupHeartbeatResponse<'r>;

    /// Joins a consumer group of the new protocol (KIP-848), stays in it, leaves it, and tells what
    /// changed since the last heartbeat.
    pub struct ConsumerGroupHeartbeatRequest<'a> {
        /// The group.
        group_id: Str<'a>;
        /// The member, named by itself for as long as its process lives.
        member_id: Str<'a>;
        /// The epoch of the member: 0 to join, −1 to leave, −2 to leave for a while as a static
        /// member.
        member_epoch: i32;
        /// The name that a static member keeps over restarts; null for a dynamic member, or for no
        /// change.
        instance_id: Option<Str<'a>> = None;
        /// The rack of the member; null for none, or for no change.
        rack_id: Option<Str<'a>> = None;
        /// How long the member may take to give up partitions, in milliseconds; −1 for no change.
        rebalance_timeout_ms: i32 = -1;
        /// The topics that the member subscribes to; null for no change.
        subscribed_topic_names: Option<Vec<Str<'a>>> = None;
        /// The pattern of topics that the member subscribes to; null for none, or for no change.
        subscribed_topic_regex: Option<Str<'a>> = None, versions 1+;
        /// The broker's assignor that the member wants; null for the default, or for no change.
        server_assignor: Option<Str<'a>> = None;
        /// The partitions that the member has; null for no change.
        topic_partitions: Option<Vec<TopicPartitions>> = None;
    }

    /// The partitions of one topic.
    pub struct TopicPartitions {
        /// The id of the topic.
        topic_id: Uuid;
        /// The partitions.
        partitions: Vec<i32>;
    }

    /// Answers a heartbeat, with the assignment if it has changed.
    pub struct ConsumerGroupHeartbeatResponse<'a> {
        /// For how many milliseconds the client must stay silent because of a quota; 0 for none.
        throttle_time_ms: i32;
        /// The error, or 0.
        error_code: i16;
        /// The error in words; null for none.
        error_message: Option<Str<'a>> = None;
        /// The member; null on error.
        member_id: Option<Str<'a>> = None;
        /// The epoch of the member.
        member_epoch: i32;
        /// How often the member is to send heartbeats, in milliseconds.
        heartbeat_interval_ms: i32;
        /// What the member is assigned; null for no change.
        assignment: Option<Assignment> = None;
    }

    /// Partitions, by topic.
    pub struct Assignment {
        /// The partitions, by topic.
        topic_partitions: Vec<TopicPartitions>;
    }
}
