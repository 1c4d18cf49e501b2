//! What the broker does by itself: group deadlines, retention, compaction.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::broker::marker;
use crate::broker::state::Shared;
use crate::broker::state::State;
use crate::protocol::control_record::MarkerKind;
use crate::record::Timestamp;

/// How often retention and compaction run. Kafka: 5 minutes (`log.retention.check.interval.ms`)
/// and 15 seconds (`log.cleaner.backoff.ms`).
const CLEAN_EVERY: Duration = Duration::from_secs(15);

/// Runs until it is dropped; sleeps while nothing is due.
pub(crate) async fn run(shared: Arc<Shared>) {
    let mut clean_at = Instant::now() + CLEAN_EVERY;
    loop {
        let deadline = next_deadline(&shared);
        let deadline = deadline.map_or(clean_at, |time| shared.clock.instant_of(time));
        tokio::select! {
            () = tokio::time::sleep_until(deadline.min(clean_at)) => {}
            () = shared.deadlines_changed.notified() => {}
        }
        expire(&shared);
        if Instant::now() >= clean_at {
            clean(&shared);
            clean_at = Instant::now() + CLEAN_EVERY;
        }
    }
}

fn next_deadline(shared: &Shared) -> Option<Timestamp> {
    let state = shared.state();
    let groups = state.coordinator.next_deadline();
    groups
        .into_iter()
        .chain(state.transactions.next_deadline())
        .min()
}

fn expire(shared: &Shared) {
    let now = shared.now();
    let mut state = shared.state();
    state.coordinator.expire(now);
    state.hand_out();
    let State {
        transactions,
        producer_ids,
        ..
    } = &mut *state;
    let late = transactions.expire(now, &mut || producer_ids.next_or_code());
    for ended in late {
        if let Err(error) = marker::write(&mut state, ended, MarkerKind::Abort, now) {
            tracing::error!(error = error.name(), "abort a transaction that timed out");
        }
    }
}

/// Applies retention and compaction, one partition at a time, so that requests come between.
pub(crate) fn clean(shared: &Shared) {
    let now = shared.now();
    let names: Vec<_> = {
        let state = shared.state();
        state
            .topics
            .iter()
            .map(|topic| (Arc::clone(&topic.name), topic.partitions.len()))
            .collect()
    };
    for (name, count) in names {
        for index in 0..count {
            let mut state = shared.state();
            let Some(topic) = state.topics.named_mut(&name) else {
                break;
            };
            let settings = &topic.settings;
            let Some(partition) = topic.partitions.get_mut(index) else {
                break;
            };
            if let Err(error) = partition.clean(settings, now) {
                tracing::error!(topic = %name, partition = index, %error, "clean up failed");
            }
        }
    }
}
