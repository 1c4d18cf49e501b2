//! The machine against the rules of both versions.

use super::*;
use crate::client::call::Failure;
use crate::client::connection::RequestError;
use crate::client::producer::batch::Scope;
use crate::protocol::message::ApiKey;

const ALL: [Asked; 5] = [
    Asked::Epoch,
    Asked::Partitions,
    Asked::Offsets,
    Asked::OffsetCommit,
    Asked::End,
];

fn identity(epoch: i16) -> Identity {
    Identity {
        id: 7,
        epoch,
        scope: Scope::Transaction,
    }
}

fn machine(version: Version) -> Transaction {
    let identity = identity(0);
    Transaction::new("x", Incarnation { identity, version })
}

/// With an open transaction that the coordinator knows of.
fn open(version: Version) -> Transaction {
    let mut machine = machine(version);
    assert_eq!(machine.before_begin().expect("idle"), Step::Done);
    machine.begun();
    machine.touch();
    machine
}

fn sure<T>(value: T) -> Result<Sure<T>, CallError> {
    Ok(Sure {
        value,
        maybe_repeated: false,
    })
}

fn repeated<T>(value: T) -> Result<Sure<T>, CallError> {
    Ok(Sure {
        value,
        maybe_repeated: true,
    })
}

fn address() -> crate::client::address::BrokerAddress {
    let mut list = crate::client::address::BrokerAddress::parse_list("b:1").expect("an address");
    list.remove(0)
}

fn answered(code: ErrorCode) -> CallError {
    let failure = Failure::Answered {
        address: address(),
        code,
        message: None,
    };
    CallError::once("ask", failure)
}

fn lost() -> CallError {
    let failure = RequestError::Lost {
        address: address(),
        api: ApiKey::EndTxn,
        because: "reset".into(),
    };
    CallError::once("ask", failure.into())
}

fn epoch_of(step: Step) -> Option<i16> {
    match step {
        Step::Epoch(own) => Some(own.identity.epoch),
        Step::Done | Step::End(_) => None,
    }
}

/// Answers what an abort asks, until it is over; which epochs the answers were for.
fn abort(machine: &mut Transaction) -> Vec<String> {
    let mut asked = Vec::new();
    loop {
        match machine.before_abort().expect("may be aborted") {
            Step::Done => break,
            Step::End(own) => {
                asked.push(format!("end {}", own.identity.epoch));
                let next = identity(own.identity.epoch + 1);
                machine.aborted(sure(next)).expect("taken");
            }
            Step::Epoch(own) => {
                asked.push(format!("epoch {}", own.identity.epoch));
                let next = Incarnation {
                    identity: identity(own.identity.epoch + 1),
                    ..own
                };
                machine.renewed(sure(next)).expect("taken");
            }
        }
    }
    machine.abandoned();
    asked
}

#[test]
fn every_error_of_every_request_has_its_meaning() {
    let fenced = ["INVALID_PRODUCER_EPOCH", "PRODUCER_FENCED"];
    // What another transaction may do without, or what a new epoch mends.
    let abort = [
        "TOPIC_AUTHORIZATION_FAILED",
        "GROUP_AUTHORIZATION_FAILED",
        "FENCED_INSTANCE_ID",
        "ILLEGAL_GENERATION",
        "UNKNOWN_MEMBER_ID",
        "REBALANCE_IN_PROGRESS",
        "MEMBER_ID_REQUIRED",
        "FENCED_MEMBER_EPOCH",
        "STALE_MEMBER_EPOCH",
        "OUT_OF_ORDER_SEQUENCE_NUMBER",
        "INVALID_TXN_STATE",
        "INVALID_PRODUCER_ID_MAPPING",
        "CONCURRENT_TRANSACTIONS",
        "UNKNOWN_PRODUCER_ID",
        "TRANSACTION_ABORTABLE",
        "COORDINATOR_LOAD_IN_PROGRESS",
        "COORDINATOR_NOT_AVAILABLE",
        "NOT_COORDINATOR",
        "UNKNOWN_TOPIC_OR_PARTITION",
        "REQUEST_TIMED_OUT",
        "NETWORK_EXCEPTION",
        "UNSTABLE_OFFSET_COMMIT",
    ];
    let useless = [
        "UNKNOWN_SERVER_ERROR",
        "OFFSET_METADATA_TOO_LARGE",
        "INVALID_REQUEST",
        "UNSUPPORTED_VERSION",
        "INVALID_TRANSACTION_TIMEOUT",
        "TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
        "CLUSTER_AUTHORIZATION_FAILED",
        "SASL_AUTHENTICATION_FAILED",
        "TRANSACTION_COORDINATOR_FENCED",
        "INVALID_COMMIT_OFFSET_SIZE",
        "UNSUPPORTED_FOR_MESSAGE_FORMAT",
    ];
    for (names, wanted) in [
        (&fenced[..], Meaning::Fenced),
        (&abort[..], Meaning::Abort),
        (&useless[..], Meaning::Useless),
    ] {
        for name in names {
            let code = ErrorCode::all().find(|code| code.name() == *name);
            let code = code.unwrap_or_else(|| panic!("no {name}"));
            for asked in &ALL[1..] {
                assert_eq!(meaning(*asked, code), wanted, "{asked:?}: {code}");
            }
        }
    }
    for code in ErrorCode::all() {
        let is_fenced = fenced.contains(&code.name());
        for asked in ALL {
            let found = meaning(asked, code);
            assert_eq!(found == Meaning::Fenced, is_fenced, "{asked:?}: {code}");
            // Without an epoch there is nothing to be aborted.
            let is_of_transaction = code.action() == Action::Authorization || code.0 == 82;
            if asked == Asked::Epoch && !is_fenced && !is_of_transaction {
                assert_eq!(found, Meaning::Useless, "{code}");
            }
        }
    }
}

#[test]
fn a_transaction_without_content_asks_nothing() {
    for version in [Version::One, Version::Two] {
        let mut machine = machine(version);
        machine.begun();
        assert_eq!(machine.before_commit().expect("open"), Step::Done);
        assert!(matches!(machine.committed(None), TransactionEnd::Committed));
        machine.begun();
        assert!(abort(&mut machine).is_empty());
        assert_eq!(machine.before_begin().expect("idle"), Step::Done);
    }
}

#[test]
fn partitions_and_groups_are_told_of_in_each_transaction_of_version_one_only() {
    let mut one = open(Version::One);
    assert!(!one.is_member((0, 1)) && one.must_announce("g"));
    one.joined([(0, 1)], sure(())).expect("taken");
    one.announced("g", sure(())).expect("taken");
    assert!(one.is_member((0, 1)) && !one.is_member((0, 0)) && !one.must_announce("g"));
    let end = one.committed(Some(sure(identity(-1))));
    assert!(matches!(end, TransactionEnd::Committed));
    one.begun();
    assert!(!one.is_member((0, 1)) && one.must_announce("g"));
    let two = open(Version::Two);
    assert!(two.is_member((0, 1)) && !two.must_announce("g"));
}

#[test]
fn the_end_gives_the_next_epoch_in_version_two_and_none_in_version_one() {
    let mut two = open(Version::Two);
    two.committed(Some(sure(identity(1))));
    assert_eq!(two.incarnation().identity, identity(1));
    let mut one = open(Version::One);
    one.committed(Some(sure(identity(-1))));
    assert_eq!(one.incarnation().identity, identity(0));
}

#[test]
fn after_an_answer_that_was_lost_version_one_asks_for_an_epoch_before_it_goes_on() {
    let mut one = open(Version::One);
    let end = one.committed(Some(repeated(identity(-1))));
    assert!(matches!(end, TransactionEnd::Committed));
    assert_eq!(epoch_of(one.before_begin().expect("idle")), Some(0));
    let mut two = open(Version::Two);
    two.committed(Some(repeated(identity(1))));
    assert_eq!(two.before_begin().expect("idle"), Step::Done);
}

#[test]
fn a_commit_that_nobody_answers_is_unknown_and_one_that_is_refused_is_not_done() {
    for version in [Version::One, Version::Two] {
        let mut machine = open(version);
        let end = machine.committed(Some(Err(lost())));
        assert!(matches!(end, TransactionEnd::Unknown(_)), "{end:?}");
        let mut machine = open(version);
        let refused = answered(ErrorCode::TRANSACTION_ABORTABLE);
        let end = machine.committed(Some(Err(refused)));
        assert!(matches!(end, TransactionEnd::NotCommitted(_)), "{end:?}");
        // The first attempt may have been the one that counted.
        let mut machine = open(version);
        let fenced = CallError {
            maybe_done: true,
            ..answered(ErrorCode::PRODUCER_FENCED)
        };
        let end = machine.committed(Some(Err(fenced)));
        let TransactionEnd::Unknown(TransactionError::Fenced { .. }) = end else {
            panic!("{end:?}");
        };
        assert!(machine.before_begin().is_err() && machine.before_abort().is_err());
    }
}

#[test]
fn an_abort_ends_the_transaction_and_in_version_one_then_takes_an_epoch() {
    assert_eq!(abort(&mut open(Version::One)), ["end 0", "epoch 0"]);
    assert_eq!(abort(&mut open(Version::Two)), ["end 0"]);
}

#[test]
fn what_the_coordinator_knows_nothing_of_is_aborted_by_the_next_epoch() {
    for code in [
        ErrorCode::INVALID_TXN_STATE,
        ErrorCode::INVALID_PRODUCER_ID_MAPPING,
        ErrorCode::UNKNOWN_PRODUCER_ID,
    ] {
        for version in [Version::One, Version::Two] {
            let mut machine = open(version);
            machine
                .aborted(Err(answered(code)))
                .expect("nothing to abort");
            assert_eq!(abort(&mut machine), ["epoch 0"], "{code}");
        }
    }
}

#[test]
fn records_that_were_not_written_leave_only_the_abort() {
    for version in [Version::One, Version::Two] {
        let mut machine = open(version);
        machine.doom(TransactionError::NotAcknowledged(3));
        assert!(machine.writer().is_none());
        assert!(matches!(
            machine.before_commit(),
            Err(TransactionError::NotAcknowledged(3))
        ));
        assert!(matches!(
            machine.before_begin(),
            Err(TransactionError::NotIdle)
        ));
        abort(&mut machine);
        machine.begun();
        assert!(machine.writer().is_some());
    }
}

#[test]
fn a_fenced_producer_neither_writes_nor_aborts_nor_begins() {
    for asked in &ALL[1..] {
        let mut machine = open(Version::One);
        let error = answered(ErrorCode::INVALID_PRODUCER_EPOCH);
        let told = match asked {
            Asked::Epoch => machine.renewed(Err(error)),
            Asked::Partitions => machine.joined([], Err(error)),
            Asked::Offsets => machine.announced("g", Err(error)),
            Asked::OffsetCommit => machine.offsets_taken(Err(error)),
            Asked::End => machine.aborted(Err(error)),
        };
        assert!(matches!(told, Err(TransactionError::Fenced { .. })));
        assert!(machine.writer().is_none());
        for refused in [machine.before_abort(), machine.before_begin()] {
            assert!(matches!(refused, Err(TransactionError::Fenced { .. })));
        }
    }
}
