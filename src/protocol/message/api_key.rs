//! The APIs of Kafka's protocol that are known here.

use std::fmt;

use super::Message;
use super::versions::Versions;

macro_rules! api_keys {
    ($($name:ident = $code:literal, $request:ty;)*) => {
        /// An API of Kafka's protocol. Displays as Kafka's name of it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(i16)]
        pub enum ApiKey {$(
            #[doc = concat!("Code ", $code, ".")]
            $name = $code,
        )*}

        impl ApiKey {
            /// All that are known here, by their codes.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The API with this code, if it is known here.
            #[must_use]
            pub const fn from_code(code: i16) -> Option<Self> {
                match code {
                    $($code => Some(Self::$name),)*
                    _ => None,
                }
            }

            /// The number that stands for it in requests.
            #[must_use]
            pub const fn code(self) -> i16 {
                match self {
                    $(Self::$name => $code,)*
                }
            }

            /// Kafka's name of it, for example `Produce`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }

            /// The versions that can be read and written here.
            #[must_use]
            pub const fn versions(self) -> Versions {
                match self {
                    $(Self::$name => <$request>::VERSIONS,)*
                }
            }

            /// Whether `version` has compact lengths and tagged fields (KIP-482).
            #[must_use]
            pub const fn is_flexible(self, version: i16) -> bool {
                match self {
                    $(Self::$name => <$request>::FLEXIBLE.contains(version),)*
                }
            }
        }
    };
}

api_keys! {
    Produce = 0, super::produce::ProduceRequest<'_>;
    Fetch = 1, super::fetch::FetchRequest<'_>;
    ListOffsets = 2, super::list_offsets::ListOffsetsRequest<'_>;
    Metadata = 3, super::metadata::MetadataRequest<'_>;
    OffsetCommit = 8, super::offset_commit::OffsetCommitRequest<'_>;
    OffsetFetch = 9, super::offset_fetch::OffsetFetchRequest<'_>;
    FindCoordinator = 10, super::find_coordinator::FindCoordinatorRequest<'_>;
    JoinGroup = 11, super::join_group::JoinGroupRequest<'_>;
    Heartbeat = 12, super::heartbeat::HeartbeatRequest<'_>;
    LeaveGroup = 13, super::leave_group::LeaveGroupRequest<'_>;
    SyncGroup = 14, super::sync_group::SyncGroupRequest<'_>;
    DescribeGroups = 15, super::describe_groups::DescribeGroupsRequest<'_>;
    ListGroups = 16, super::list_groups::ListGroupsRequest<'_>;
    SaslHandshake = 17, super::sasl_handshake::SaslHandshakeRequest<'_>;
    ApiVersions = 18, super::api_versions::ApiVersionsRequest<'_>;
    CreateTopics = 19, super::create_topics::CreateTopicsRequest<'_>;
    DeleteTopics = 20, super::delete_topics::DeleteTopicsRequest<'_>;
    DeleteRecords = 21, super::delete_records::DeleteRecordsRequest<'_>;
    InitProducerId = 22, super::init_producer_id::InitProducerIdRequest<'_>;
    OffsetForLeaderEpoch = 23, super::offset_for_leader_epoch::OffsetForLeaderEpochRequest<'_>;
    AddPartitionsToTxn = 24, super::add_partitions_to_txn::AddPartitionsToTxnRequest<'_>;
    AddOffsetsToTxn = 25, super::add_offsets_to_txn::AddOffsetsToTxnRequest<'_>;
    EndTxn = 26, super::end_txn::EndTxnRequest<'_>;
    TxnOffsetCommit = 28, super::txn_offset_commit::TxnOffsetCommitRequest<'_>;
    DescribeAcls = 29, super::describe_acls::DescribeAclsRequest<'_>;
    DescribeConfigs = 32, super::describe_configs::DescribeConfigsRequest<'_>;
    AlterConfigs = 33, super::alter_configs::AlterConfigsRequest<'_>;
    DescribeLogDirs = 35, super::describe_log_dirs::DescribeLogDirsRequest<'_>;
    SaslAuthenticate = 36, super::sasl_authenticate::SaslAuthenticateRequest<'_>;
    CreatePartitions = 37, super::create_partitions::CreatePartitionsRequest<'_>;
    DeleteGroups = 42, super::delete_groups::DeleteGroupsRequest<'_>;
    IncrementalAlterConfigs = 44, super::incremental_alter_configs::IncrementalAlterConfigsRequest<'_>;
    OffsetDelete = 47, super::offset_delete::OffsetDeleteRequest<'_>;
    DescribeCluster = 60, super::describe_cluster::DescribeClusterRequest;
    DescribeProducers = 61, super::describe_producers::DescribeProducersRequest<'_>;
    DescribeTransactions = 65, super::describe_transactions::DescribeTransactionsRequest<'_>;
    ListTransactions = 66, super::list_transactions::ListTransactionsRequest<'_>;
    ConsumerGroupHeartbeat = 68, super::consumer_group_heartbeat::ConsumerGroupHeartbeatRequest<'_>;
    ConsumerGroupDescribe = 69, super::consumer_group_describe::ConsumerGroupDescribeRequest<'_>;
}

impl fmt::Display for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_leads_back_to_its_api() {
        for &api in ApiKey::ALL {
            assert_eq!(ApiKey::from_code(api.code()), Some(api));
            assert!(!api.versions().is_empty(), "{api}");
        }
        assert_eq!(ApiKey::from_code(-1), None);
        assert_eq!(
            ApiKey::from_code(4),
            None,
            "LeaderAndIsr is between brokers"
        );
    }
}
