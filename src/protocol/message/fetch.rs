//! The Fetch API.

use super::Blob;
use super::Str;
use super::Uuid;

declare! {
    Fetch, versions 4-18, flexible 12+: FetchRequest<'a> => FetchResponse<'r>;

    /// Reads record batches from the logs of partitions.
    pub struct FetchRequest<'a> {
        /// The id of the cluster, from followers only.
        cluster_id: Option<Str<'a>> = None, versions 12+, tag 0, ignorable;
        /// The broker id of a follower; −1 from clients.
        replica_id: i32 = -1, versions 4-14;
        /// Which follower asks; left at its default by clients.
        replica_state: ReplicaState, versions 15+, tag 1;
        /// How long the broker may wait for `min_bytes`, in milliseconds.
        max_wait_ms: i32;
        /// The fewest bytes of records that are worth an answer before `max_wait_ms` is over.
        min_bytes: i32;
        /// The most bytes that the answer should have. A first batch that is larger is sent all the
        /// same.
        max_bytes: i32 = i32::MAX;
        /// 0 read uncommitted, 1 read committed.
        isolation_level: i8;
        /// The fetch session; 0 for none.
        session_id: i32, versions 7+, ignorable;
        /// The epoch of the fetch session: 0 opens one, −1 asks outside any and closes the one
        /// named.
        session_epoch: i32 = -1, versions 7+, ignorable;
        /// The partitions asked for; in a fetch session those that are new or have changed.
        topics: Vec<FetchTopic<'a>>;
        /// The partitions that leave the fetch session.
        forgotten_topics_data: Vec<ForgottenTopic<'a>>, versions 7+;
        /// The rack that the reader is in, for fetching from a near replica; empty for none.
        rack_id: Str<'a>, versions 11+, ignorable;
    }

    /// The follower that asks.
    pub struct ReplicaState {
        /// The broker id of a follower; −1 from clients.
        replica_id: i32 = -1;
        /// The broker epoch of a follower; −1 from clients.
        replica_epoch: i64 = -1;
    }

    /// The partitions of one topic.
    pub struct FetchTopic<'a> {
        /// The topic.
        topic: Str<'a>, versions 4-12, ignorable;
        /// The id of the topic.
        topic_id: Uuid, versions 13+, ignorable;
        /// The partitions.
        partitions: Vec<FetchPartition>;
    }

    /// From where, and how much, to read one partition.
    pub struct FetchPartition {
        /// The partition.
        partition: i32;
        /// The leader epoch that the client believes to be current, for fencing; −1 for no check.
        current_leader_epoch: i32 = -1, versions 9+, ignorable;
        /// The offset of the first record wanted.
        fetch_offset: i64;
        /// The leader epoch of the last record read, for truncation detection; −1 for no check.
        last_fetched_epoch: i32 = -1, versions 12+;
        /// The first offset of a follower's own log; −1 from clients.
        log_start_offset: i64 = -1, versions 5+, ignorable;
        /// The most bytes that the answer should have for this partition. A first batch that is
        /// larger is sent all the same.
        partition_max_bytes: i32;
        /// The log directory of a follower; zeros from clients.
        replica_directory_id: Uuid, versions 17+, tag 0, ignorable;
        /// The high watermark that a follower knows.
        high_watermark: i64 = i64::MAX, versions 18+, tag 1, ignorable;
    }

    /// The partitions of one topic that leave the session.
    pub struct ForgottenTopic<'a> {
        /// The topic.
        topic: Str<'a>, versions 7-12, ignorable;
        /// The id of the topic.
        topic_id: Uuid, versions 13+, ignorable;
        /// The partitions.
        partitions: Vec<i32>;
    }

    /// Holds the records that a [`FetchRequest`] asked for.
    pub struct FetchResponse<'a> {
        /// For how many milliseconds the client must stay silent because of a quota; 0 for none.
        throttle_time_ms: i32;
        /// The error, or 0.
        error_code: i16, versions 7+, ignorable;
        /// The fetch session; 0 for none.
        session_id: i32, versions 7+;
        /// The records, by topic.
        responses: Vec<FetchableTopicResponse<'a>>;
        /// Where the leaders named in the answer can be reached.
        node_endpoints: Vec<NodeEndpoint<'a>>, versions 16+, tag 0;
    }

    /// The records of one topic.
    pub struct FetchableTopicResponse<'a> {
        /// The topic.
        topic: Str<'a>, versions 4-12, ignorable;
        /// The id of the topic.
        topic_id: Uuid, versions 13+, ignorable;
        /// The partitions.
        partitions: Vec<PartitionData<'a>>;
    }

    /// The records of one partition.
    pub struct PartitionData<'a> {
        /// The partition.
        partition_index: i32;
        /// The error, or 0.
        error_code: i16;
        /// The offset after the last record that all in-sync replicas have.
        high_watermark: i64;
        /// The offset before which every transaction is decided; −1 if not known.
        last_stable_offset: i64 = -1;
        /// The offset of the first record in the log; −1 if not known.
        log_start_offset: i64 = -1, versions 5+, ignorable;
        /// Where the log of the leader and that of the reader part, if the reader sent a last
        /// fetched epoch and they do.
        diverging_epoch: EpochEndOffset, versions 12+, tag 0;
        /// Where the partition is led now, with the errors that tell of a wrong leader.
        current_leader: LeaderIdAndEpoch, versions 12+, tag 1;
        /// The snapshot that a follower is to load before it can fetch; never to clients.
        snapshot_id: SnapshotId, versions 12+, tag 2;
        /// The aborted transactions in these records, for readers of committed data; null for
        /// others.
        aborted_transactions: Option<Vec<AbortedTransaction>>;
        /// The replica that the reader should fetch from; −1 for the leader.
        preferred_read_replica: i32 = -1, versions 11+;
        /// The record batches; null for none.
        records: Option<Blob<'a>>;
    }

    /// An epoch and its end.
    pub struct EpochEndOffset {
        /// The leader epoch.
        epoch: i32 = -1;
        /// The end offset of the epoch.
        end_offset: i64 = -1;
    }

    /// The leader of a partition.
    pub struct LeaderIdAndEpoch {
        /// The id of the leader; −1 if there is none.
        leader_id: i32 = -1;
        /// The epoch of the partition's leader; −1 if not known.
        leader_epoch: i32 = -1;
    }

    /// A snapshot of the metadata log.
    pub struct SnapshotId {
        /// The end offset of the epoch.
        end_offset: i64 = -1;
        /// The leader epoch.
        epoch: i32 = -1;
    }

    /// One aborted transaction.
    pub struct AbortedTransaction {
        /// The id of the producer.
        producer_id: i64;
        /// The offset of the first record of the transaction.
        first_offset: i64;
    }

    /// Where a broker can be reached.
    pub struct NodeEndpoint<'a> {
        /// The id of the broker.
        node_id: i32;
        /// The host name or address.
        host: Str<'a>;
        /// The port.
        port: i32;
        /// The rack; null if none is set.
        rack: Option<Str<'a>> = None;
    }
}
