//! Transactional ids and their open transactions.
//!
//! Semantics are those of transaction version 1 (before KIP-890): partitions are added before they
//! are written to, and an epoch lasts for many transactions. With one broker a transaction ends
//! in one step, so there is no state between open and ended.
//!
//! Source: `TransactionCoordinator.scala`, `TransactionMetadata.java` (Apache Kafka 4.x); KIP-98.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::broker::groups::CommittedOffset;
use crate::protocol::error_code::ErrorCode;
use crate::record::Timestamp;
use crate::record::TopicPartition;

/// Longest transaction timeout (`transaction.max.timeout.ms`).
const TIMEOUT_MAX_MS: i64 = 900_000;
/// Most transactional ids that are kept.
const IDS_MAX: usize = 10_000;

/// Who writes: a producer id and its epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ProducerRef {
    /// The producer id.
    pub(crate) id: i64,
    /// The producer epoch.
    pub(crate) epoch: i16,
}

/// An open transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Open {
    began_at: Timestamp,
    /// Where it has written, or is about to.
    pub(crate) partitions: BTreeSet<TopicPartition>,
    /// What it commits, by group.
    pub(crate) offsets: BTreeMap<String, BTreeMap<TopicPartition, CommittedOffset>>,
}

/// A transaction that is to end, taken out: its markers are to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    /// Who the markers are from.
    pub(crate) producer: ProducerRef,
    /// What it held.
    pub(crate) open: Open,
}

#[derive(Debug)]
struct Transactional {
    producer: ProducerRef,
    timeout_ms: i64,
    open: Option<Open>,
    used_at: Timestamp,
}

/// All transactional ids.
#[derive(Debug, Default)]
pub(crate) struct Transactions {
    by_id: BTreeMap<String, Transactional>,
}

impl Transactions {
    /// Gives a producer its epoch, which fences all earlier ones of the same transactional id.
    /// `claimed` is who the producer believes to be, `new_id` makes a producer id. Returns who it
    /// is now, and the transaction that an earlier one left open.
    ///
    /// # Errors
    ///
    /// `INVALID_REQUEST` without an id, `INVALID_TRANSACTION_TIMEOUT`, `PRODUCER_FENCED` where
    /// the producer is not who it believes to be, what `new_id` says, and
    /// `COORDINATOR_NOT_AVAILABLE` where there are too many ids.
    pub(crate) fn init(
        &mut self,
        id: &str,
        timeout_ms: i64,
        claimed: Option<ProducerRef>,
        now: Timestamp,
        new_id: &mut dyn FnMut() -> Result<i64, ErrorCode>,
    ) -> Result<(ProducerRef, Option<Ended>), ErrorCode> {
        if id.is_empty() {
            return Err(ErrorCode::INVALID_REQUEST);
        }
        if !(1..=TIMEOUT_MAX_MS).contains(&timeout_ms) {
            return Err(ErrorCode::INVALID_TRANSACTION_TIMEOUT);
        }
        let Some(known) = self.by_id.get_mut(id) else {
            self.make_room()?;
            let producer = ProducerRef {
                id: new_id()?,
                epoch: 0,
            };
            let transactional = Transactional {
                producer,
                timeout_ms,
                open: None,
                used_at: now,
            };
            self.by_id.insert(id.to_owned(), transactional);
            return Ok((producer, None));
        };
        if claimed.is_some_and(|claimed| claimed != known.producer) {
            return Err(ErrorCode::PRODUCER_FENCED);
        }
        let ended = known.fence(new_id)?;
        known.timeout_ms = timeout_ms;
        known.used_at = now;
        Ok((known.producer, ended))
    }

    /// The id that has been idle longest makes room.
    fn make_room(&mut self) -> Result<(), ErrorCode> {
        if self.by_id.len() < IDS_MAX {
            return Ok(());
        }
        let idle = self
            .by_id
            .iter()
            .filter(|(_, known)| known.open.is_none())
            .min_by_key(|(_, known)| known.used_at)
            .map(|(id, _)| id.clone());
        let idle = idle.ok_or(ErrorCode::COORDINATOR_NOT_AVAILABLE)?;
        self.by_id.remove(&idle);
        Ok(())
    }

    fn known(&mut self, id: &str, producer: ProducerRef) -> Result<&mut Transactional, ErrorCode> {
        let known = self
            .by_id
            .get_mut(id)
            .filter(|known| known.producer.id == producer.id)
            .ok_or(ErrorCode::INVALID_PRODUCER_ID_MAPPING)?;
        if known.producer.epoch == producer.epoch {
            Ok(known)
        } else {
            Err(ErrorCode::PRODUCER_FENCED)
        }
    }

    /// Opens the transaction where it is not open yet, and returns it.
    ///
    /// # Errors
    ///
    /// `INVALID_PRODUCER_ID_MAPPING` for an unknown id or another producer's, `PRODUCER_FENCED`
    /// for an older epoch.
    pub(crate) fn open(
        &mut self,
        id: &str,
        producer: ProducerRef,
        now: Timestamp,
    ) -> Result<&mut Open, ErrorCode> {
        let known = self.known(id, producer)?;
        known.used_at = now;
        Ok(known.open.get_or_insert_with(|| Open {
            began_at: now,
            partitions: BTreeSet::new(),
            offsets: BTreeMap::new(),
        }))
    }

    /// Whether `producer` may write to `partition` within its transaction.
    ///
    /// # Errors
    ///
    /// As [`Self::open`], and `INVALID_TXN_STATE` where the partition was not added.
    pub(crate) fn check_write(
        &mut self,
        id: &str,
        producer: ProducerRef,
        partition: &TopicPartition,
    ) -> Result<(), ErrorCode> {
        let open = self.known(id, producer)?.open.as_ref();
        if open.is_some_and(|open| open.partitions.contains(partition)) {
            Ok(())
        } else {
            Err(ErrorCode::INVALID_TXN_STATE)
        }
    }

    /// Takes the open transaction out; `None` where there is none, as after a repeated request.
    ///
    /// # Errors
    ///
    /// As [`Self::open`].
    pub(crate) fn end(
        &mut self,
        id: &str,
        producer: ProducerRef,
        now: Timestamp,
    ) -> Result<Option<Ended>, ErrorCode> {
        let known = self.known(id, producer)?;
        known.used_at = now;
        let producer = known.producer;
        Ok(known.open.take().map(|open| Ended { producer, open }))
    }

    /// Whether an open transaction is about to commit an offset of `group` for `partition`.
    pub(crate) fn is_pending(&self, group: &str, partition: &TopicPartition) -> bool {
        let open = self.by_id.values().filter_map(|known| known.open.as_ref());
        open.filter_map(|open| open.offsets.get(group))
            .any(|offsets| offsets.contains_key(partition))
    }

    /// The earliest instant at which [`Self::expire`] has something to do.
    pub(crate) fn next_deadline(&self) -> Option<Timestamp> {
        self.by_id
            .values()
            .filter_map(Transactional::deadline)
            .min()
    }

    /// Takes out the transactions that are open for too long, and fences their producers; they
    /// are to be aborted.
    pub(crate) fn expire(
        &mut self,
        now: Timestamp,
        new_id: &mut dyn FnMut() -> Result<i64, ErrorCode>,
    ) -> Vec<Ended> {
        let late = self
            .by_id
            .values_mut()
            .filter(|known| known.deadline().is_some_and(|deadline| now >= deadline));
        // Where no producer id can be made, the next round tries again.
        late.filter_map(|known| known.fence(new_id).ok().flatten())
            .collect()
    }
}

impl Transactional {
    fn deadline(&self) -> Option<Timestamp> {
        let open = self.open.as_ref()?;
        Some(open.began_at.saturating_add(self.timeout_ms))
    }

    /// Moves on to the next epoch, or to a new producer id after the last one; the markers of the
    /// transaction left open are from the epoch that fences it.
    fn fence(
        &mut self,
        new_id: &mut dyn FnMut() -> Result<i64, ErrorCode>,
    ) -> Result<Option<Ended>, ErrorCode> {
        // The largest epoch is kept for the markers that fence the last but one.
        let marking = ProducerRef {
            epoch: self.producer.epoch.saturating_add(1),
            ..self.producer
        };
        self.producer = if marking.epoch < i16::MAX {
            marking
        } else {
            ProducerRef {
                id: new_id()?,
                epoch: 0,
            }
        };
        Ok(self.open.take().map(|open| Ended {
            producer: marking,
            open,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000);

    fn init(
        transactions: &mut Transactions,
        claimed: Option<ProducerRef>,
    ) -> Result<(ProducerRef, Option<Ended>), ErrorCode> {
        transactions.init("x", 100, claimed, NOW, &mut || Ok(7))
    }

    fn begin(transactions: &mut Transactions, producer: ProducerRef) {
        let open = transactions.open("x", producer, NOW).expect("known");
        open.partitions.insert(TopicPartition::new("t", 0));
    }

    #[test]
    fn a_new_incarnation_fences_the_old_one_and_ends_its_transaction() {
        let transactions = &mut Transactions::default();
        let (old, ended) = init(transactions, None).expect("first");
        assert_eq!((old, ended), (ProducerRef { id: 7, epoch: 0 }, None));
        begin(transactions, old);
        let (new, ended) = init(transactions, None).expect("second");
        assert_eq!(new, ProducerRef { id: 7, epoch: 1 });
        let ended = ended.expect("was open");
        assert_eq!(ended.producer, new, "markers fence the old epoch");
        assert_eq!(ended.open.partitions.len(), 1);
        let zombie = transactions.open("x", old, NOW).map(|_| ());
        assert_eq!(zombie, Err(ErrorCode::PRODUCER_FENCED));
        assert_eq!(
            init(transactions, Some(old)),
            Err(ErrorCode::PRODUCER_FENCED)
        );
    }

    #[test]
    fn a_partition_is_written_to_only_while_added() {
        let transactions = &mut Transactions::default();
        let (producer, _) = init(transactions, None).expect("first");
        let (t0, t1) = (TopicPartition::new("t", 0), TopicPartition::new("t", 1));
        let before = transactions.check_write("x", producer, &t0);
        assert_eq!(before, Err(ErrorCode::INVALID_TXN_STATE));
        begin(transactions, producer);
        assert_eq!(transactions.check_write("x", producer, &t0), Ok(()));
        let other = transactions.check_write("x", producer, &t1);
        assert_eq!(other, Err(ErrorCode::INVALID_TXN_STATE));
        let ended = transactions.end("x", producer, NOW).expect("known");
        assert!(ended.is_some());
        let again = transactions.end("x", producer, NOW);
        assert_eq!(again, Ok(None), "a repeated request finds nothing to do");
    }

    #[test]
    fn a_transaction_is_aborted_at_exactly_its_timeout() {
        let transactions = &mut Transactions::default();
        let (producer, _) = init(transactions, None).expect("first");
        begin(transactions, producer);
        let deadline = NOW.saturating_add(100);
        assert_eq!(transactions.next_deadline(), Some(deadline));
        let early = transactions.expire(deadline.saturating_sub(1), &mut || Ok(8));
        assert_eq!(early, []);
        let late = transactions.expire(deadline, &mut || Ok(8));
        assert_eq!(late.len(), 1);
        assert_eq!(transactions.next_deadline(), None);
        let zombie = transactions.end("x", producer, NOW);
        assert_eq!(zombie, Err(ErrorCode::PRODUCER_FENCED));
    }

    #[test]
    fn after_the_last_epoch_comes_a_new_producer_id() {
        let transactions = &mut Transactions::default();
        let (mut producer, _) = init(transactions, None).expect("first");
        while producer.epoch < i16::MAX - 1 {
            let (next, _) = init(transactions, Some(producer)).expect("next");
            assert_eq!(next.epoch, producer.epoch + 1);
            producer = next;
        }
        let next = transactions.init("x", 100, None, NOW, &mut || Ok(9));
        let (next, _) = next.expect("a new id");
        assert_eq!(next, ProducerRef { id: 9, epoch: 0 });
    }

    #[test]
    fn timeouts_out_of_bounds_and_an_empty_id_are_refused() {
        let transactions = &mut Transactions::default();
        let mut refused = |id: &str, timeout_ms| {
            let outcome = transactions.init(id, timeout_ms, None, NOW, &mut || Ok(7));
            outcome.expect_err("refused")
        };
        assert_eq!(refused("x", 0), ErrorCode::INVALID_TRANSACTION_TIMEOUT);
        assert_eq!(
            refused("x", 900_001),
            ErrorCode::INVALID_TRANSACTION_TIMEOUT
        );
        assert_eq!(refused("", 1), ErrorCode::INVALID_REQUEST);
    }
}
