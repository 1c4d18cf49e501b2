//! The DescribeLogDirs API.

use super::Str;

declare! {
    DescribeLogDirs, versions 1-4, flexible 2+: DescribeLogDirsRequest<'a>
        => DescribeLogDirsResponse<'r>;

    /// Asks for the log directories of a broker and what is in them.
    pub struct DescribeLogDirsRequest<'a> {
        /// The partitions asked for; null for all.
        topics: Option<Vec<DescribableLogDirTopic<'a>>>;
    }

    /// The partitions of one topic.
    pub struct DescribableLogDirTopic<'a> {
        /// The topic.
        topic: Str<'a>;
        /// The partitions.
        partitions: Vec<i32>;
    }

    /// Holds what a [`DescribeLogDirsRequest`] asked for.
    pub struct DescribeLogDirsResponse<'a> {
        /// For how many milliseconds the client must stay silent because of a quota; 0 for none.
        throttle_time_ms: i32;
        /// The error, or 0.
        error_code: i16, versions 3+, ignorable;
        /// The answers.
        results: Vec<DescribeLogDirsResult<'a>>;
    }

    /// One log directory.
    pub struct DescribeLogDirsResult<'a> {
        /// The error, or 0.
        error_code: i16;
        /// The log directory.
        log_dir: Str<'a>;
        /// The topics.
        topics: Vec<DescribeLogDirsTopic<'a>>;
        /// The size of the volume in bytes; −1 if not known.
        total_bytes: i64 = -1, versions 4+, ignorable;
        /// The free bytes of the volume; −1 if not known.
        usable_bytes: i64 = -1, versions 4+, ignorable;
    }

    /// The replicas of one topic.
    pub struct DescribeLogDirsTopic<'a> {
        /// The topic.
        name: Str<'a>;
        /// The partitions.
        partitions: Vec<DescribeLogDirsPartition>;
    }

    /// The replica of one partition.
    pub struct DescribeLogDirsPartition {
        /// The partition.
        partition_index: i32;
        /// The size of the replica's log segments in bytes.
        partition_size: i64;
        /// How far the replica's log end is behind the high watermark, or the future replica behind
        /// the present one.
        offset_lag: i64;
        /// Whether this replica is to take the place of the present one, moving between log
        /// directories.
        is_future_key: bool;
    }
}
