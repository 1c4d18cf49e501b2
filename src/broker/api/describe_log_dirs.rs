//! DescribeLogDirs: how much each partition takes.

use crate::broker::api::Call;
use crate::broker::api::text;
use crate::broker::topic::Topic;
use crate::protocol::message::describe_log_dirs::DescribableLogDirTopic;
use crate::protocol::message::describe_log_dirs::DescribeLogDirsPartition;
use crate::protocol::message::describe_log_dirs::DescribeLogDirsRequest;
use crate::protocol::message::describe_log_dirs::DescribeLogDirsResponse;
use crate::protocol::message::describe_log_dirs::DescribeLogDirsResult;
use crate::protocol::message::describe_log_dirs::DescribeLogDirsTopic;

/// The name of the log directory where topics are in memory.
const MEMORY: &str = "/memory";

pub(super) fn answer(
    call: &Call<'_>,
    request: DescribeLogDirsRequest<'_>,
) -> DescribeLogDirsResponse<'static> {
    let state = call.shared.state();
    let topics = state.topics.iter();
    let described = topics.filter_map(|topic| described(topic, request.topics.as_deref()));
    let dir = call.shared.config.data_dir.as_ref();
    DescribeLogDirsResponse {
        results: vec![DescribeLogDirsResult {
            log_dir: text(dir.map_or_else(|| MEMORY.to_owned(), |dir| dir.display().to_string())),
            topics: described.collect(),
            ..Default::default()
        }],
        ..Default::default()
    }
}

/// The partitions of `topic` that are wanted; without a list all are.
fn described(
    topic: &Topic,
    wanted: Option<&[DescribableLogDirTopic<'_>]>,
) -> Option<DescribeLogDirsTopic<'static>> {
    let wanted = match wanted {
        None => None,
        Some(wanted) => Some(wanted.iter().find(|wanted| *wanted.topic == *topic.name)?),
    };
    let partitions = (0i32..).zip(&topic.partitions);
    let partitions = partitions
        .filter(|(index, _)| wanted.is_none_or(|wanted| wanted.partitions.contains(index)))
        .map(|(partition_index, partition)| DescribeLogDirsPartition {
            partition_index,
            partition_size: i64::try_from(partition.log.size_bytes()).unwrap_or(i64::MAX),
            ..Default::default()
        });
    Some(DescribeLogDirsTopic {
        name: text(&*topic.name),
        partitions: partitions.collect(),
    })
}
