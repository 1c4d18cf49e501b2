//! What flows: records, their headers, offsets, times, and decoded values.
//!
//! Bytes are borrowed wherever they can be: [`RecordView`] points into the batch that it was read
//! from, and [`Value`] into the record. Nothing here reads a clock or allocates for a record that
//! only passes through.
//!
//! Deliberately absent: any knowledge of batches (that is [`crate::protocol`]) or of formats
//! (that is [`crate::codec`]).

pub(crate) mod copy;
mod headers;
mod offset;
mod owned;
mod timestamp;
mod topic_partition;
mod value;
pub mod varint;

pub(crate) use headers::put_header;
pub use headers::{Header, HeaderIter, HeadersView};
pub use offset::{LeaderEpoch, Offset};
pub use owned::{Record, RecordView};
pub use timestamp::{Timestamp, TimestampType};
pub use topic_partition::{PartitionId, TopicName, TopicPartition};
pub use value::Value;
