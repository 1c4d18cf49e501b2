//! How transactions end: markers into the partitions, offsets to the groups.

use crate::broker::offsets_topic;
use crate::broker::state::State;
use crate::broker::transactions::Ended;
use crate::broker::transactions::ProducerRef;
use crate::protocol::batch_builder::BatchStamp;
use crate::protocol::control_record::ControlRecord;
use crate::protocol::control_record::MarkerKind;
use crate::protocol::error_code::ErrorCode;
use crate::record::Timestamp;
use crate::record::TopicPartition;

/// The only incarnation of the coordinator.
const COORDINATOR_EPOCH: i32 = 0;

/// Writes the markers of a transaction, and with a commit makes its offsets the groups'.
///
/// # Errors
///
/// `KAFKA_STORAGE_ERROR` where a marker or the offsets cannot be written.
pub(crate) fn write(
    state: &mut State,
    ended: Ended,
    kind: MarkerKind,
    now: Timestamp,
) -> Result<(), ErrorCode> {
    for partition in &ended.open.partitions {
        write_one(state, ended.producer, partition, kind, now)?;
    }
    if kind == MarkerKind::Commit {
        for (group, offsets) in ended.open.offsets {
            let changes = offsets.into_iter();
            let changes = changes.map(|(partition, committed)| (partition, Some(committed)));
            offsets_topic::commit(state, &group, changes.collect(), now)?;
        }
    }
    Ok(())
}

/// Aborts what transactions were left open by a broker that stopped.
///
/// # Errors
///
/// `KAFKA_STORAGE_ERROR` where a marker cannot be written.
pub(crate) fn abort_leftovers(state: &mut State, now: Timestamp) -> Result<(), ErrorCode> {
    let mut open = Vec::new();
    for topic in state.topics.iter() {
        for (index, partition) in (0i32..).zip(&topic.partitions) {
            let place = TopicPartition::new(&*topic.name, index);
            let producers = partition.producers.undecided();
            open.extend(producers.map(|producer| (place.clone(), producer)));
        }
    }
    for (partition, producer) in open {
        write_one(state, producer, &partition, MarkerKind::Abort, now)?;
    }
    Ok(())
}

fn write_one(
    state: &mut State,
    producer: ProducerRef,
    partition: &TopicPartition,
    kind: MarkerKind,
    now: Timestamp,
) -> Result<(), ErrorCode> {
    let topic = &partition.topic;
    let Some((log, settings)) = state.topics.partition_mut(topic, partition.partition) else {
        // The topic was deleted in the meantime.
        return Ok(());
    };
    let control = ControlRecord {
        kind,
        coordinator_epoch: COORDINATOR_EPOCH,
    };
    let stamp = BatchStamp {
        producer_id: producer.id,
        producer_epoch: producer.epoch,
        ..BatchStamp::default()
    };
    let failed = |error: &dyn std::fmt::Display| {
        tracing::error!(%partition, %error, "write transaction marker");
        ErrorCode::KAFKA_STORAGE_ERROR
    };
    let batch = stamp.marker(control, now).map_err(|error| failed(&error))?;
    log.append(batch, settings, now)
        .map_err(|error| failed(&error))?;
    Ok(())
}
