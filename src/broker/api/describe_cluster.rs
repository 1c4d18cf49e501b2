//! DescribeCluster.

use crate::broker::api::Call;
use crate::broker::api::metadata::CLUSTER_OPERATIONS;
use crate::broker::api::text;
use crate::broker::state::NODE_ID;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::describe_cluster::DescribeClusterBroker;
use crate::protocol::message::describe_cluster::DescribeClusterRequest;
use crate::protocol::message::describe_cluster::DescribeClusterResponse;

/// `endpoint_type` of brokers; the controllers' endpoints are another.
const BROKERS: i8 = 1;

pub(super) fn answer(
    call: &Call<'_>,
    request: DescribeClusterRequest,
) -> DescribeClusterResponse<'static> {
    let mut response = DescribeClusterResponse {
        endpoint_type: request.endpoint_type,
        cluster_id: text(&call.shared.cluster_id),
        controller_id: NODE_ID,
        ..Default::default()
    };
    if request.endpoint_type != BROKERS {
        response.error_code = ErrorCode::MISMATCHED_ENDPOINT_TYPE.0;
        return response;
    }
    response.brokers = vec![DescribeClusterBroker {
        broker_id: NODE_ID,
        host: text(&call.shared.host),
        port: i32::from(call.shared.port),
        ..Default::default()
    }];
    if request.include_cluster_authorized_operations {
        response.cluster_authorized_operations = CLUSTER_OPERATIONS;
    }
    response
}
