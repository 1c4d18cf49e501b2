//! Fetch sessions (KIP-227): a broker remembers what we read, and each request names only what has
//! changed, so that partitions without news cost nothing.

use std::collections::BTreeMap;

use crate::protocol::error_code::ErrorCode;
use crate::record::LeaderEpoch;
use crate::record::Offset;

/// What is asked of one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) offset: Offset,
    pub(super) leader_epoch: LeaderEpoch,
    pub(super) last_epoch: LeaderEpoch,
    pub(super) bytes_max: i32,
}

/// The next request of a session. Partitions go by the numbers that the caller gave them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SessionRequest {
    pub(super) id: i32,
    pub(super) epoch: i32,
    pub(super) changed: Vec<(usize, Wanted)>,
    pub(super) forgotten: Vec<usize>,
}

/// What a broker knows of what we read.
#[derive(Debug, Default)]
pub(super) struct Session {
    id: i32,
    /// 0 for a request that names everything and opens a session.
    epoch: i32,
    known: BTreeMap<usize, Wanted>,
}

impl Session {
    /// Makes the next request; from then on the broker knows `wanted`.
    pub(super) fn next(&mut self, wanted: &BTreeMap<usize, Wanted>) -> SessionRequest {
        let full = self.epoch == 0;
        let is_news =
            |(number, want): &(&usize, &Wanted)| full || self.known.get(number) != Some(want);
        let changed = wanted
            .iter()
            .filter(is_news)
            .map(|(number, want)| (*number, *want));
        let is_gone = |number: &&usize| !full && !wanted.contains_key(number);
        let request = SessionRequest {
            id: self.id,
            epoch: self.epoch,
            changed: changed.collect(),
            forgotten: self.known.keys().filter(is_gone).copied().collect(),
        };
        self.known.clone_from(wanted);
        request
    }

    /// What was asked of a partition last.
    pub(super) fn asked(&self, number: usize) -> Option<Wanted> {
        self.known.get(&number).copied()
    }

    /// Takes over what the broker says of the session.
    pub(super) fn answered(&mut self, code: ErrorCode, id: i32) {
        const NONE: i32 = 0;
        match code {
            ErrorCode::NONE if id == NONE => *self = Self::default(),
            ErrorCode::NONE => {
                self.id = id;
                self.epoch = if self.epoch == i32::MAX {
                    1
                } else {
                    self.epoch + 1
                };
            }
            ErrorCode::FETCH_SESSION_ID_NOT_FOUND => *self = Self::default(),
            // Names the old session once more, so that the broker closes it.
            _ => self.epoch = 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(offsets: &[(usize, i64)]) -> BTreeMap<usize, Wanted> {
        let want = |offset| Wanted {
            offset: Offset(offset),
            leader_epoch: LeaderEpoch(1),
            last_epoch: LeaderEpoch::UNKNOWN,
            bytes_max: 1,
        };
        offsets
            .iter()
            .map(|(number, offset)| (*number, want(*offset)))
            .collect()
    }

    fn numbers(request: &SessionRequest) -> Vec<usize> {
        request.changed.iter().map(|(number, _)| *number).collect()
    }

    #[test]
    fn only_what_changed_is_named_once_a_session_is_open() {
        let mut session = Session::default();
        let first = session.next(&wanted(&[(0, 5), (1, 5), (2, 5)]));
        assert_eq!(
            (first.id, first.epoch, numbers(&first)),
            (0, 0, vec![0, 1, 2])
        );
        session.answered(ErrorCode::NONE, 77);
        let second = session.next(&wanted(&[(0, 5), (1, 9), (3, 0)]));
        assert_eq!(
            (second.id, second.epoch, numbers(&second)),
            (77, 1, vec![1, 3])
        );
        assert_eq!(second.forgotten, [2]);
        session.answered(ErrorCode::NONE, 77);
        let third = session.next(&wanted(&[(0, 5), (1, 9), (3, 0)]));
        assert_eq!(
            (third.epoch, numbers(&third), third.forgotten),
            (2, vec![], vec![])
        );
    }

    #[test]
    fn a_lost_session_begins_anew_and_one_out_of_step_is_closed_on_the_way() {
        let mut session = Session::default();
        session.next(&wanted(&[(0, 5)]));
        session.answered(ErrorCode::NONE, 77);
        session.next(&wanted(&[(0, 5)]));
        session.answered(ErrorCode::INVALID_FETCH_SESSION_EPOCH, 0);
        let again = session.next(&wanted(&[(0, 5)]));
        assert_eq!((again.id, again.epoch, numbers(&again)), (77, 0, vec![0]));
        session.answered(ErrorCode::FETCH_SESSION_ID_NOT_FOUND, 0);
        let again = session.next(&wanted(&[(0, 5)]));
        assert_eq!((again.id, again.epoch, numbers(&again)), (0, 0, vec![0]));
    }

    #[test]
    fn a_broker_without_sessions_is_told_everything_each_time() {
        let mut session = Session::default();
        for _ in 0..3 {
            let request = session.next(&wanted(&[(0, 5), (1, 5)]));
            assert_eq!((request.epoch, numbers(&request)), (0, vec![0, 1]));
            session.answered(ErrorCode::NONE, 0);
        }
    }

    #[test]
    fn the_epoch_wraps_to_one() {
        let mut session = Session {
            id: 7,
            epoch: i32::MAX,
            known: BTreeMap::new(),
        };
        session.answered(ErrorCode::NONE, 7);
        assert_eq!(session.next(&wanted(&[])).epoch, 1);
    }
}
