//! A lane against a log that checks sequence numbers as brokers do.

use super::*;
use crate::client::producer::batch::Scope;
use crate::client::producer::batch::encode;
use crate::protocol::batch_header::BatchHeader;
use crate::protocol::compression::Compression;
use crate::record::Timestamp;

const FRESH: Identity = Identity {
    id: 7,
    epoch: 0,
    scope: Scope::Batch,
};

fn lane() -> Lane {
    Lane::new(TopicPartition::new("t", 0))
}

/// A lane whose first batch, of one record, is in the log.
fn established() -> Lane {
    let mut lane = lane();
    put(&mut lane, 1);
    let first = take(&mut lane).expect("a batch");
    lane.answered(first, code(ErrorCode::NONE));
    lane
}

/// A closed batch of `records` records.
fn put(lane: &mut Lane, records: usize) {
    let (open, _) = lane.open(Box::default);
    for _ in 0..records {
        open.builder
            .push(Timestamp(0), None, Some(b"v"), [])
            .expect("fits");
    }
    lane.close();
}

fn take(lane: &mut Lane) -> Option<Numbered> {
    match lane.next(FRESH, Instant::now())? {
        Next::Again(batch) => Some(batch),
        Next::Fresh(mut closed, identity, sequence) => Some(
            encode(
                &mut closed,
                identity,
                sequence,
                Compression::None,
                Vec::new(),
            )
            .expect("fits"),
        ),
    }
}

fn code(code: ErrorCode) -> Answer {
    Answer::Code(code, Offset(0), None)
}

fn lost() -> Answer {
    Answer::Lost("reset".into())
}

fn header(batch: &Numbered) -> (i16, i32) {
    let header = BatchHeader::parse(&batch.bytes).expect("a header");
    (header.producer_epoch, header.base_sequence)
}

#[tokio::test]
async fn batches_are_numbered_in_order() {
    let mut lane = established();
    put(&mut lane, 3);
    put(&mut lane, 2);
    let batches = [take(&mut lane), take(&mut lane)].map(|batch| batch.expect("a batch"));
    assert_eq!(batches.each_ref().map(header), [(0, 1), (0, 4)]);
    assert!(take(&mut lane).is_none());
}

#[tokio::test]
async fn only_one_batch_is_in_flight_until_the_broker_knows_us() {
    let mut lane = lane();
    put(&mut lane, 1);
    put(&mut lane, 1);
    let first = take(&mut lane).expect("a batch");
    assert!(
        take(&mut lane).is_none(),
        "a broker without state would accept it first"
    );
    lane.answered(first, code(ErrorCode::NONE));
    assert!(take(&mut lane).is_some());
}

#[tokio::test]
async fn after_a_lost_answer_the_same_numbers_go_again_one_by_one() {
    let mut lane = established();
    for _ in 0..3 {
        put(&mut lane, 1);
    }
    let [first, second] = [take(&mut lane), take(&mut lane)].map(|batch| batch.expect("a batch"));
    assert!(matches!(lane.answered(second, lost()), Verdict::Again));
    assert!(take(&mut lane).is_none(), "the first is still in flight");
    assert!(matches!(lane.answered(first, lost()), Verdict::Again));
    let first = take(&mut lane).expect("the first again");
    assert_eq!(header(&first), (0, 1));
    assert!(take(&mut lane).is_none(), "one by one");
    let done = lane.answered(first, code(ErrorCode::DUPLICATE_SEQUENCE_NUMBER));
    assert!(matches!(
        done,
        Verdict::Done(_, Outcome::Written { base_offset: None })
    ));
    let second = take(&mut lane).expect("the second again");
    assert_eq!(header(&second), (0, 2));
    lane.answered(second, code(ErrorCode::NONE));
    assert_eq!(header(&take(&mut lane).expect("the third")), (0, 3));
}

#[tokio::test]
async fn a_refused_batch_leaves_no_gap_in_the_numbers() {
    let mut lane = established();
    put(&mut lane, 3);
    put(&mut lane, 2);
    let [first, second] = [take(&mut lane), take(&mut lane)].map(|batch| batch.expect("a batch"));
    let refused = lane.answered(first, code(ErrorCode::INVALID_RECORD));
    assert!(
        matches!(refused, Verdict::Done(_, Outcome::NotWritten(_))),
        "{refused:?}"
    );
    let again = lane.answered(second, code(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER));
    assert!(matches!(again, Verdict::Again), "{again:?}");
    put(&mut lane, 1);
    let second = take(&mut lane).expect("the second again");
    assert_eq!(header(&second), (0, 1));
    lane.answered(second, code(ErrorCode::NONE));
    assert_eq!(header(&take(&mut lane).expect("the third")), (0, 3));
}

#[tokio::test]
async fn a_late_acknowledgement_does_not_free_numbers_that_are_taken() {
    let mut lane = established();
    for _ in 0..3 {
        put(&mut lane, 1);
    }
    let [first, second, third] = std::array::from_fn(|_| take(&mut lane).expect("a batch"));
    lane.answered(first, lost());
    lane.answered(second, code(ErrorCode::NONE));
    lane.answered(third, code(ErrorCode::INVALID_RECORD));
    let first = take(&mut lane).expect("the first again");
    lane.answered(first, code(ErrorCode::DUPLICATE_SEQUENCE_NUMBER));
    put(&mut lane, 1);
    assert_eq!(header(&take(&mut lane).expect("the fourth")), (0, 3));
}

#[tokio::test]
async fn a_broker_that_has_forgotten_us_gets_a_new_epoch() {
    let mut lane = lane();
    put(&mut lane, 3);
    let first = take(&mut lane).expect("a batch");
    lane.answered(first, code(ErrorCode::NONE));
    put(&mut lane, 1);
    let second = take(&mut lane).expect("a batch");
    assert_eq!(header(&second), (0, 3));
    assert!(matches!(
        lane.answered(second, code(ErrorCode::UNKNOWN_PRODUCER_ID)),
        Verdict::Again
    ));
    let second = take(&mut lane).expect("the second again");
    assert_eq!(header(&second), (1, 0));
}

#[tokio::test]
async fn what_may_be_written_is_unknown_when_it_is_given_up_and_never_renumbered() {
    let mut lane = lane();
    put(&mut lane, 3);
    let batch = take(&mut lane).expect("a batch");
    lane.answered(batch, lost());
    let batch = take(&mut lane).expect("again");
    let verdict = lane.answered(batch, code(ErrorCode::TOPIC_AUTHORIZATION_FAILED));
    assert!(
        matches!(verdict, Verdict::Done(_, Outcome::Unknown(_))),
        "{verdict:?}"
    );
    put(&mut lane, 1);
    assert_eq!(
        header(&take(&mut lane).expect("the next")),
        (1, 0),
        "in a new epoch"
    );
}

#[tokio::test]
async fn a_batch_that_is_too_large_goes_in_halves_with_the_same_numbers() {
    let mut lane = lane();
    put(&mut lane, 5);
    let batch = take(&mut lane).expect("a batch");
    let Verdict::Split(batch) = lane.answered(batch, code(ErrorCode::MESSAGE_TOO_LARGE)) else {
        panic!("to be split");
    };
    let mut decompressor = crate::protocol::compression::Decompressor::new();
    lane.replace(
        batch
            .split(Compression::None, &mut decompressor)
            .expect("readable"),
    );
    let left = take(&mut lane).expect("the first half");
    assert_eq!((header(&left), left.records), ((0, 0), 2));
    lane.answered(left, code(ErrorCode::NONE));
    let right = take(&mut lane).expect("the second half");
    assert_eq!((header(&right), right.records), ((0, 2), 3));
    lane.answered(right, code(ErrorCode::NONE));
    put(&mut lane, 1);
    let single = take(&mut lane).expect("a batch");
    let verdict = lane.answered(single, code(ErrorCode::MESSAGE_TOO_LARGE));
    assert!(
        matches!(verdict, Verdict::Done(_, Outcome::NotWritten(_))),
        "{verdict:?}"
    );
}

#[tokio::test]
async fn expired_batches_are_told_apart_by_whether_they_may_be_written() {
    let mut lane = established();
    for _ in 0..3 {
        put(&mut lane, 1);
    }
    let [first, second] = [take(&mut lane), take(&mut lane)].map(|batch| batch.expect("a batch"));
    lane.answered(first, lost());
    lane.answered(second, Answer::NotSent("closed".into()));
    let error = ProduceError::TimedOut {
        partition: lane.partition.clone(),
        after: std::time::Duration::from_secs(1),
        last: None,
    };
    let expired = lane.expire(Instant::now(), &error);
    assert!(matches!(expired.numbered[0].1, Outcome::Unknown(_)));
    assert!(matches!(expired.numbered[1].1, Outcome::NotWritten(_)));
    assert_eq!(expired.closed.len(), 1);
    assert!(lane.is_empty());
}

/// A partition's log as `ProducerStateManager` keeps it: the last five batches, epochs, no gaps.
#[derive(Default)]
struct Log {
    epoch: i16,
    expected: Option<i32>,
    recent: VecDeque<(i16, i32)>,
    written: Vec<u8>,
}

impl Log {
    fn append(&mut self, batch: &Numbered) -> ErrorCode {
        let (epoch, sequence) = header(batch);
        if self.recent.contains(&(epoch, sequence)) {
            return ErrorCode::DUPLICATE_SEQUENCE_NUMBER;
        }
        let expected = if epoch > self.epoch {
            Some(0)
        } else {
            self.expected
        };
        if expected.is_some_and(|expected| expected != sequence) {
            return ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER;
        }
        self.epoch = epoch;
        self.expected = Some(batch.next_sequence());
        self.recent.push_back((epoch, sequence));
        if self.recent.len() > 5 {
            self.recent.pop_front();
        }
        let mut decompressor = crate::protocol::compression::Decompressor::new();
        for batch in crate::protocol::batch_reader::Batches::new(&batch.bytes) {
            let batch = batch.expect("well formed");
            batch.verify_crc().expect("sealed");
            for record in batch.records(&mut decompressor).expect("readable") {
                let value = record.expect("well formed").value.expect("not null");
                self.written.extend_from_slice(value);
            }
        }
        ErrorCode::NONE
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(200))]

    /// Whatever the network does, each record is written once and in order, or told as not written
    /// or unknown.
    #[test]
    fn every_record_is_written_once_in_order(
        faults in proptest::collection::vec(0_u8..6, 0..60),
        batches in 1_u8..20,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        runtime.block_on(async {
            let (mut lane, mut log) = (lane(), Log::default());
            for number in 0..batches {
                let (open, _) = lane.open(Box::default);
                open.builder.push(Timestamp(0), None, Some(&[number]), []).expect("fits");
                lane.close();
            }
            let mut faults = faults.into_iter();
            let (mut refused, mut unknown) = (Vec::new(), Vec::new());
            while !lane.is_empty() {
                let flight: Vec<_> = std::iter::from_fn(|| take(&mut lane)).take(5).collect();
                assert!(!flight.is_empty(), "progress");
                for batch in flight {
                    let value = *batch.bytes.iter().rev().nth(1).expect("a value");
                    let answer = match faults.next() {
                        Some(1) => { log.append(&batch); lost() }
                        Some(2) => lost(),
                        Some(3) => Answer::NotSent("closed".into()),
                        Some(4) => code(ErrorCode::NOT_LEADER_OR_FOLLOWER),
                        Some(5) if !batch.may_be_written => code(ErrorCode::INVALID_RECORD),
                        _ => code(log.append(&batch)),
                    };
                    match lane.answered(batch, answer) {
                        Verdict::Done(_, Outcome::NotWritten(_)) => refused.push(value),
                        // Lost behind a refused one: the gap that this left may be the broker's.
                        Verdict::Done(_, Outcome::Unknown(_)) => unknown.push(value),
                        _ => {}
                    }
                }
            }
            assert!(unknown.is_empty() || !refused.is_empty(), "nothing is given up without a refusal");
            let may_lack = |number: &u8| unknown.contains(number) && !log.written.contains(number);
            let expected: Vec<u8> = (0..batches)
                .filter(|number| !refused.contains(number) && !may_lack(number))
                .collect();
            assert_eq!(log.written, expected);
        });
    }
}
