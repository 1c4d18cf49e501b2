//! What to do about partitions that cannot be read for now: finding their leaders, and positions
//! outside the log.

use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use tokio::time::Instant;

use crate::client::call::CallError;
use crate::client::config::Isolation;
use crate::client::config::OffsetReset;
use crate::client::connection::RequestError;
use crate::client::error_chain::chain;
use crate::client::fetcher::Fetcher;
use crate::client::fetcher::error::FetchError;
use crate::client::fetcher::slot::Flow;
use crate::client::fetcher::slot::Home;
use crate::client::offsets::OffsetSpec;
use crate::client::offsets::Offsets;
use crate::protocol::message::Uuid;
use crate::record::Offset;
use crate::record::TopicName;
use crate::record::TopicPartition;

/// How long a topic that was there may be unknown before it counts as deleted.
const DELETED_AFTER: Duration = Duration::from_secs(15);

/// Where a log begins and ends, once it is known.
pub(super) type LogRange = Result<(Offset, Offset), CallError>;

impl Fetcher {
    /// Asks where the log begins and ends.
    pub(super) fn reset(&mut self, number: usize) {
        let Some(slot) = self.slots.get_mut(number) else {
            return;
        };
        slot.flow = Flow::Resetting;
        let (offsets, partition) = (Offsets::new(self.cluster.clone()), slot.partition.clone());
        let isolation = self.settings.isolation;
        self.resets
            .push((number, Box::pin(log_range(offsets, partition, isolation))));
    }

    pub(super) fn poll_resets(&mut self, cx: &mut Context<'_>) {
        let mut done = Vec::new();
        self.resets
            .retain_mut(|(number, asking)| match asking.as_mut().poll(cx) {
                Poll::Pending => true,
                Poll::Ready(range) => {
                    done.push((*number, range));
                    false
                }
            });
        for (number, range) in done {
            self.apply_reset(number, range);
        }
    }

    fn apply_reset(&mut self, number: usize, range: LogRange) {
        let policy = self.settings.offset_reset;
        let Some(slot) = self
            .slots
            .get_mut(number)
            .filter(|slot| slot.flow == Flow::Resetting)
        else {
            return;
        };
        let (partition, position) = (slot.partition.clone(), slot.position);
        slot.flow = Flow::Stopped;
        match (range, policy) {
            (Err(source), _) => self.errors.push_back(FetchError::RangeUnknown {
                partition,
                position,
                source: Box::new(source),
            }),
            (Ok((log_start, log_end)), OffsetReset::Fail) => {
                self.errors.push_back(FetchError::OutOfRange {
                    partition,
                    position,
                    log_start,
                    log_end,
                })
            }
            (Ok((log_start, log_end)), OffsetReset::Earliest | OffsetReset::Latest) => {
                let to = if policy == OffsetReset::Earliest {
                    log_start
                } else {
                    log_end
                };
                tracing::warn!(%partition, %position, %log_start, %log_end, %to, "position outside the log, reset");
                slot.seek(to);
            }
        }
    }

    /// Gives partitions without a known leader one from memory, or asks for it.
    pub(super) fn settle(&mut self) {
        let metadata = self.cluster.metadata();
        let now = Instant::now();
        let mut stale = Vec::new();
        for slot in self.slots.iter_mut().filter(|slot| slot.flow == Flow::Read) {
            let Home::Unknown(not_before) = slot.home else {
                continue;
            };
            let known = metadata.topics.get(&slot.partition.topic);
            let leader = known.and_then(|topic| topic.leader(slot.partition.partition));
            match (known, leader) {
                (Some(topic), Some(leader)) if slot.trouble.is_none() => {
                    slot.topic_id = topic.id;
                    slot.home = Home::Leader(leader.node);
                    slot.leader_epoch = leader.epoch;
                }
                _ if not_before <= now => stale.push(TopicName::clone(&slot.partition.topic)),
                _ => {}
            }
        }
        stale.sort();
        stale.dedup();
        if self.refresh.is_none() && !stale.is_empty() {
            let cluster = self.cluster.clone();
            self.refresh = Some(Box::pin(async move {
                let names: Vec<&str> = stale.iter().map(|name| &**name).collect();
                cluster.refresh_topics(&names).await
            }));
        }
    }

    pub(super) fn poll_refresh(&mut self, cx: &mut Context<'_>) {
        let Some(refresh) = &mut self.refresh else {
            return;
        };
        let Poll::Ready(refreshed) = refresh.as_mut().poll(cx) else {
            return;
        };
        self.refresh = None;
        let failed = refreshed.err();
        if let Some(RequestError::Connect(error)) =
            failed.as_ref().filter(|error| !error.is_retriable())
        {
            self.errors
                .push_back(FetchError::Connect(Box::new(error.clone())));
            self.slots
                .iter_mut()
                .for_each(|slot| slot.flow = Flow::Stopped);
            return;
        }
        for number in 0..self.slots.len() {
            self.find_home(number, failed.as_ref());
        }
    }

    /// After metadata was asked: the leader of one partition, or why there is none.
    fn find_home(&mut self, number: usize, failed: Option<&RequestError>) {
        let metadata = self.cluster.metadata();
        let config = self.cluster.config();
        let Some(slot) = self.slots.get_mut(number) else {
            return;
        };
        let Home::Unknown(not_before) = slot.home else {
            return;
        };
        if slot.flow != Flow::Read || not_before > Instant::now() {
            return;
        }
        if let Some(error) = failed {
            return slot.lose_home(chain(error), config);
        }
        let name = TopicName::clone(&slot.partition.topic);
        let error = match metadata.topics.get(&name) {
            None => {
                slot.lose_home("the topic does not exist".to_owned(), config);
                let since = slot.trouble.as_ref().map(|trouble| trouble.since.elapsed());
                if since.is_none_or(|since| since < DELETED_AFTER) {
                    return;
                }
                FetchError::UnknownTopic(name)
            }
            Some(topic) if slot.topic_id != Uuid::default() && slot.topic_id != topic.id => {
                FetchError::Recreated(name)
            }
            Some(topic) if topic.partition(slot.partition.partition).is_none() => {
                FetchError::UnknownPartition(slot.partition.clone())
            }
            Some(topic) => {
                slot.topic_id = topic.id;
                match topic.leader(slot.partition.partition) {
                    None => slot.lose_home("the partition has no leader".to_owned(), config),
                    Some(leader) => {
                        slot.home = Home::Leader(leader.node);
                        slot.leader_epoch = leader.epoch;
                    }
                }
                return;
            }
        };
        slot.topic_id = Uuid::default();
        self.stop(number);
        self.errors.push_back(error);
    }
}

/// Where a log begins and ends now.
async fn log_range(offsets: Offsets, partition: TopicPartition, isolation: Isolation) -> LogRange {
    let asked = std::slice::from_ref(&partition);
    let mut ends = [Offset::default(); 2];
    for (end, spec) in ends
        .iter_mut()
        .zip([OffsetSpec::Earliest, OffsetSpec::Latest])
    {
        let listed = offsets.list(asked, spec, isolation).await?;
        *end = listed
            .get(&partition)
            .and_then(|listed| listed.offset)
            .unwrap_or_default();
    }
    let [start, end] = ends;
    Ok((start, end))
}
