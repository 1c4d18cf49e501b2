//! Writes records in transactions: all of one count, with the offsets committed in it, or none.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::client::cluster::Cluster;
use crate::client::config::ProduceSettings;
use crate::client::offsets::ByPartition;
use crate::client::offsets::CommittedOffset;
use crate::client::producer::Outcomes;
use crate::client::producer::Producer;
use crate::client::producer::coordination;
use crate::client::producer::coordination::Ending;
use crate::client::producer::coordination::GroupMember;
use crate::client::producer::state::SharedTransaction;
use crate::client::producer::transaction::Asked;
use crate::client::producer::transaction::Incarnation;
use crate::client::producer::transaction::Meaning;
use crate::client::producer::transaction::Step;
use crate::client::producer::transaction::Transaction;
use crate::client::producer::transaction::meaning;
use crate::client::producer::transaction_error::TransactionEnd;
use crate::client::producer::transaction_error::TransactionError;

/// A transactional id that this process has taken over: every earlier owner is fenced, and the
/// transaction that it left open is aborted.
#[derive(Debug)]
pub struct TransactionalId {
    name: Arc<str>,
    timeout: Duration,
    incarnation: Incarnation,
}

impl TransactionalId {
    /// Takes `name` over. The coordinator aborts transactions of it that are open for longer than
    /// `timeout`, and fences their producer.
    ///
    /// What committed offsets say is to be read after this: before, an earlier owner may change it.
    ///
    /// # Errors
    ///
    /// [`TransactionError`]; as when the coordinator allows no such timeout, or nobody to use the
    /// id.
    pub async fn take_over(
        cluster: &Cluster,
        name: &str,
        timeout: Duration,
    ) -> Result<Self, TransactionError> {
        let taken = coordination::take_epoch(cluster, name, timeout, None).await;
        let taken = taken.map_err(|error| {
            let fenced = error
                .code()
                .filter(|code| meaning(Asked::Epoch, *code) == Meaning::Fenced);
            match fenced {
                Some(code) => TransactionError::Fenced {
                    id: name.to_owned(),
                    code,
                },
                None => TransactionError::Call(error),
            }
        })?;
        Ok(Self {
            name: name.into(),
            timeout,
            incarnation: taken.value,
        })
    }

    /// The id.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// Writes records in transactions.
///
/// Between [`Self::begin`] and the end of a transaction, records go through [`Self::producer`].
/// Readers that read what is committed only see them once [`Self::commit`] has said so.
#[derive(Debug)]
pub struct TransactionalProducer {
    producer: Producer,
    transaction: SharedTransaction,
    id: Arc<str>,
    timeout: Duration,
}

impl TransactionalProducer {
    /// A producer that owns `id`; its task runs on the current tokio runtime.
    #[must_use]
    pub fn new(
        cluster: Cluster,
        settings: ProduceSettings,
        outcomes: Outcomes,
        id: TransactionalId,
    ) -> Self {
        let transaction = Transaction::new(&id.name, id.incarnation);
        let transaction = SharedTransaction::new(transaction);
        Self {
            producer: Producer::start(cluster, settings, outcomes, Some(transaction.clone())),
            transaction,
            id: id.name,
            timeout: id.timeout,
        }
    }

    /// What takes the records.
    #[must_use]
    pub const fn producer(&self) -> &Producer {
        &self.producer
    }

    /// Begins a transaction. Costs nothing unless the last one ended in doubt; brokers learn of it
    /// with the first record or offset.
    ///
    /// # Errors
    ///
    /// [`TransactionError`]; no transaction is open then, unless one was before.
    pub async fn begin(&mut self) -> Result<(), TransactionError> {
        let step = self.with(|transaction| transaction.before_begin())?;
        if let Step::Epoch(own) = step {
            self.renew(own).await?;
        }
        self.producer.shared.lock().begin_transaction();
        Ok(())
    }

    /// Commits offsets as part of the transaction: they count when it does. What was taken is sent
    /// meanwhile.
    ///
    /// # Errors
    ///
    /// [`TransactionError`]; the transaction can only be aborted then, or not even that.
    pub async fn send_offsets(
        &mut self,
        member: &GroupMember,
        offsets: &ByPartition<CommittedOffset>,
    ) -> Result<(), TransactionError> {
        self.producer.hurry();
        let own = self.with(|transaction| {
            transaction.before_commit()?;
            transaction.touch();
            Ok(transaction.incarnation())
        })?;
        let cluster = &self.producer.cluster;
        let group = &member.group;
        if self.with(|transaction| transaction.must_announce(group)) {
            let answer =
                coordination::announce_offsets(cluster, &self.id, own.identity, group).await;
            self.with(|transaction| transaction.announced(group, answer))?;
        }
        let answer = coordination::commit_offsets(cluster, &self.id, own, member, offsets).await;
        self.with(|transaction| transaction.offsets_taken(answer))
    }

    /// Sends what was taken, waits until all of it is acknowledged or until `deadline`, and commits.
    pub async fn commit(&mut self, deadline: Instant) -> TransactionEnd {
        let delivery = self.producer.flush(deadline).await;
        let step = self.with(|transaction| {
            if delivery.outstanding() > 0 {
                transaction.doom(TransactionError::NotAcknowledged(delivery.outstanding()));
            }
            transaction.before_commit()
        });
        self.producer.shared.lock().shut();
        let answer = match step {
            Err(error) => return TransactionEnd::NotCommitted(error),
            Ok(Step::End(own)) => {
                let cluster = &self.producer.cluster;
                Some(coordination::end(cluster, &self.id, own, Ending::Commit).await)
            }
            Ok(Step::Done | Step::Epoch(_)) => None,
        };
        self.with(|transaction| transaction.committed(answer))
    }

    /// Gives up what was written, and what was only taken. Another transaction can begin then.
    ///
    /// # Errors
    ///
    /// [`TransactionError`]; may be called again, unless the producer is fenced. The coordinator
    /// aborts by itself what is open for too long.
    pub async fn abort(&mut self, deadline: Instant) -> Result<(), TransactionError> {
        self.producer.shared.lock().give_up_transaction();
        let delivery = self.producer.flush(deadline).await;
        if delivery.outstanding() > 0 {
            return Err(TransactionError::NotAcknowledged(delivery.outstanding()));
        }
        self.producer.joined().await;
        loop {
            match self.with(|transaction| transaction.before_abort())? {
                Step::Done => break,
                Step::End(own) => {
                    let cluster = &self.producer.cluster;
                    let answer = coordination::end(cluster, &self.id, own, Ending::Abort).await;
                    self.with(|transaction| transaction.aborted(answer))?;
                }
                Step::Epoch(own) => self.renew(own).await?,
            }
        }
        self.producer.shared.lock().transaction_aborted();
        Ok(())
    }

    /// Waits until readers see what was committed: a coordinator answers [`Self::commit`] before it
    /// has told the partitions, and gives another epoch only after. No record may be taken meanwhile.
    ///
    /// # Errors
    ///
    /// [`TransactionError`]; what was committed is committed all the same.
    pub async fn settled(&mut self) -> Result<(), TransactionError> {
        let own = self.with(|transaction| transaction.incarnation());
        self.renew(own).await
    }

    async fn renew(&self, own: Incarnation) -> Result<(), TransactionError> {
        let cluster = &self.producer.cluster;
        let own = Some(own.identity);
        let answer = coordination::take_epoch(cluster, &self.id, self.timeout, own).await;
        self.with(|transaction| transaction.renewed(answer))
    }

    fn with<T>(&self, act: impl FnOnce(&mut Transaction) -> T) -> T {
        act(&mut self.transaction.lock())
    }
}
