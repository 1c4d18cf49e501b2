//! How what tasks put out comes to count, together with how far they had come.
//!
//! | | exactly once | at least once |
//! | --- | --- | --- |
//! | results, late and rejected records, repartitioned records | in a transaction | as soon as they are written |
//! | offsets and progress | in the same transaction | after all of it is acknowledged |
//! | a crash in between | neither counts | results count, and come out again |
//! | an instance that was taken for dead | is fenced by its transactional id | writes on |

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio::time::timeout;

use crate::client::cluster::Cluster;
use crate::client::offsets::ByPartition;
use crate::client::offsets::CommittedOffset;
use crate::client::offsets::Offsets;
use crate::client::producer::GroupMember;
use crate::client::producer::Outcomes;
use crate::client::producer::Producer;
use crate::client::producer::TransactionEnd;
use crate::client::producer::TransactionError;
use crate::client::producer::TransactionalId;
use crate::client::producer::TransactionalProducer;
use crate::runtime::error::RunError;

/// The longest that a worker that ends waits for its last transaction to be settled or aborted.
const END_WITHIN: Duration = Duration::from_secs(3);

/// How what a worker puts out comes to count.
#[derive(Debug)]
pub(super) enum Delivering {
    /// First the records, then the offsets.
    AtLeastOnce {
        producer: Producer,
        offsets: Offsets,
    },
    /// All in one transaction.
    ExactlyOnce(Box<TransactionalProducer>),
}

/// Takes over the transactional ids that workers of `pipeline` may have had, `count` of them: no
/// earlier run writes anything from here on, and what it left open is aborted.
///
/// The names do not depend on how many workers there are, so that fewer of them fence more.
pub(super) async fn take_over(
    cluster: &Cluster,
    pipeline: &str,
    count: usize,
) -> Result<Vec<TransactionalId>, TransactionError> {
    let within = cluster.config().produce.transaction_timeout;
    let mut taking = JoinSet::new();
    for number in 0..count {
        let (cluster, name) = (cluster.clone(), format!("{pipeline}-{number}"));
        taking.spawn(async move { TransactionalId::take_over(&cluster, &name, within).await });
    }
    let mut taken = Vec::with_capacity(count);
    while let Some(joined) = taking.join_next().await {
        match joined {
            Ok(id) => taken.push(id?),
            Err(ended) => {
                if let Ok(panic) = ended.try_into_panic() {
                    std::panic::resume_unwind(panic);
                }
            }
        }
    }
    Ok(taken)
}

impl Delivering {
    /// Exactly once with a transactional id, else at least once. Has to be made on the runtime that
    /// the worker runs on.
    pub(super) fn new(cluster: &Cluster, id: Option<TransactionalId>) -> Self {
        let settings = cluster.config().produce.clone();
        match id {
            Some(id) => Self::ExactlyOnce(Box::new(TransactionalProducer::new(
                cluster.clone(),
                settings,
                Outcomes::Count,
                id,
            ))),
            None => Self::AtLeastOnce {
                producer: Producer::new(cluster.clone(), settings, Outcomes::Count),
                offsets: Offsets::new(cluster.clone()),
            },
        }
    }

    /// What takes the records.
    pub(super) const fn producer(&self) -> &Producer {
        match self {
            Self::AtLeastOnce { producer, .. } => producer,
            Self::ExactlyOnce(producer) => producer.producer(),
        }
    }

    /// To be called before the first record.
    pub(super) async fn begin(&mut self) -> Result<(), RunError> {
        match self {
            Self::AtLeastOnce { .. } => Ok(()),
            Self::ExactlyOnce(producer) => Ok(producer.begin().await?),
        }
    }

    /// Makes everything that was taken count, and the offsets of `group` with it.
    pub(super) async fn commit(
        &mut self,
        group: &str,
        committed: &ByPartition<CommittedOffset>,
        deadline: Instant,
    ) -> Result<(), RunError> {
        match self {
            Self::AtLeastOnce { producer, offsets } => {
                let delivery = producer.flush(deadline).await;
                if let Some(error) = delivery.first_error {
                    return Err(error.into());
                }
                if delivery.written < delivery.sent {
                    return Err(RunError::NotAcknowledged(delivery.sent - delivery.written));
                }
                if !committed.is_empty() {
                    offsets.commit(group, committed).await?;
                }
                Ok(())
            }
            Self::ExactlyOnce(producer) => {
                if !committed.is_empty() {
                    let member = GroupMember::by_hand(group);
                    producer.send_offsets(&member, committed).await?;
                }
                match producer.commit(deadline).await {
                    TransactionEnd::Committed => Ok(producer.begin().await?),
                    TransactionEnd::NotCommitted(error) => Err(error.into()),
                    TransactionEnd::Unknown(error) => Err(RunError::InDoubt(error)),
                }
            }
        }
    }

    /// The worker has committed and ends: waits until readers see all of it, as whoever starts them
    /// next expects.
    pub(super) async fn settle(&mut self) {
        let Self::ExactlyOnce(producer) = self else {
            return;
        };
        match timeout(END_WITHIN, producer.settled()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "settle the last transaction of a worker"),
            Err(_) => tracing::debug!("settle the last transaction of a worker: no answer"),
        }
    }

    /// The worker ends for an error: what is not committed is not to count, and readers need not
    /// wait for it until it times out.
    pub(super) async fn give_up(&mut self) {
        let Self::ExactlyOnce(producer) = self else {
            return;
        };
        let aborting = producer.abort(Instant::now() + END_WITHIN);
        // Where it does not succeed the next run aborts it, or the coordinator in time.
        match timeout(END_WITHIN, aborting).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "abort the transaction of a failed worker"),
            Err(_) => tracing::debug!("abort the transaction of a failed worker: no answer"),
        }
    }
}
