//! Fetch sessions (KIP-227): the broker remembers what a client reads, so that requests name only
//! what changed and answers only what is new.
//!
//! Source: `FetchSession.scala` (Apache Kafka 4.x).

use std::collections::BTreeMap;

use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::Uuid;
use crate::record::Offset;
use crate::record::PartitionId;

/// Most sessions at a time (`max.incremental.fetch.session.cache.slots`); the one used least
/// recently makes room.
const SESSIONS_MAX: usize = 1_000;
/// The epoch of a request outside any session.
const FINAL_EPOCH: i32 = -1;

/// A partition as fetch requests name it: by topic name, or by topic id where the name is empty.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Place {
    /// The topic's name; empty where the client goes by ids.
    pub(crate) topic: String,
    /// The topic's id; zeros where the client goes by names.
    pub(crate) topic_id: Uuid,
    /// The partition.
    pub(crate) partition: PartitionId,
}

/// From where and how much a client reads one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Want {
    /// The offset of the first record wanted.
    pub(crate) offset: Offset,
    /// Most bytes for this partition.
    pub(crate) bytes_max: i32,
    /// The leader epoch that the client believes current; −1 for no check.
    pub(crate) leader_epoch: i32,
    /// The epoch of the last record read; −1 for no check.
    pub(crate) last_fetched_epoch: i32,
}

/// What the client was told of a partition last; an answer leaves out what has not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    /// The high watermark.
    pub(crate) high_watermark: i64,
    /// The last stable offset.
    pub(crate) last_stable_offset: i64,
    /// The log's start.
    pub(crate) log_start: i64,
}

/// One partition of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Follow {
    /// What the client wants.
    pub(crate) want: Want,
    /// What it was told; `None` before the first answer.
    pub(crate) told: Option<Told>,
}

/// One session.
#[derive(Debug, Default)]
struct Session {
    epoch: i32,
    partitions: BTreeMap<Place, Follow>,
    used: u64,
}

/// What a request asks, its session applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fetch {
    /// The session for the answer; 0 outside any.
    pub(crate) session_id: i32,
    /// Whether the answer leaves out partitions that have nothing new.
    pub(crate) is_incremental: bool,
    /// The partitions, in the order to be served.
    pub(crate) partitions: Vec<(Place, Follow)>,
}

/// All sessions of the broker.
#[derive(Debug, Default)]
pub(crate) struct FetchSessions {
    sessions: BTreeMap<i32, Session>,
    last_id: i32,
    uses: u64,
}

impl FetchSessions {
    /// Applies a request of `session_id` and `epoch` that names `wants` and forgets `forgotten`.
    ///
    /// # Errors
    ///
    /// `FETCH_SESSION_ID_NOT_FOUND`, `INVALID_FETCH_SESSION_EPOCH`: the client begins anew.
    pub(crate) fn apply(
        &mut self,
        session_id: i32,
        epoch: i32,
        wants: Vec<(Place, Want)>,
        forgotten: &[Place],
    ) -> Result<Fetch, ErrorCode> {
        if epoch == FINAL_EPOCH || epoch == 0 {
            self.sessions.remove(&session_id);
            let partitions = fresh(wants);
            let session_id = if epoch == 0 && !partitions.is_empty() {
                self.open(&partitions)
            } else {
                0
            };
            return Ok(Fetch {
                session_id,
                is_incremental: false,
                partitions,
            });
        }
        self.resume(session_id, epoch, wants, forgotten)
    }

    fn open(&mut self, partitions: &[(Place, Follow)]) -> i32 {
        if self.sessions.len() >= SESSIONS_MAX {
            let oldest = self.sessions.iter().min_by_key(|(_, session)| session.used);
            if let Some(id) = oldest.map(|(id, _)| *id) {
                self.sessions.remove(&id);
            }
        }
        self.uses += 1;
        self.last_id = self.last_id.checked_add(1).unwrap_or(1);
        let session = Session {
            epoch: 1,
            partitions: partitions.iter().cloned().collect(),
            used: self.uses,
        };
        self.sessions.insert(self.last_id, session);
        self.last_id
    }

    fn resume(
        &mut self,
        session_id: i32,
        epoch: i32,
        wants: Vec<(Place, Want)>,
        forgotten: &[Place],
    ) -> Result<Fetch, ErrorCode> {
        let session = self
            .sessions
            .get_mut(&session_id)
            .ok_or(ErrorCode::FETCH_SESSION_ID_NOT_FOUND)?;
        if session.epoch != epoch {
            return Err(ErrorCode::INVALID_FETCH_SESSION_EPOCH);
        }
        session.epoch = epoch.checked_add(1).unwrap_or(1);
        self.uses += 1;
        session.used = self.uses;
        for place in forgotten {
            session.partitions.remove(place);
        }
        for (place, want) in wants {
            let told = session
                .partitions
                .get(&place)
                .and_then(|follow| follow.told);
            session.partitions.insert(place, Follow { want, told });
        }
        Ok(Fetch {
            session_id,
            is_incremental: true,
            partitions: rotated(&session.partitions, epoch),
        })
    }

    /// Remembers what the client was told of a partition.
    pub(crate) fn tell(&mut self, session_id: i32, place: &Place, told: Option<Told>) {
        let session = self.sessions.get_mut(&session_id);
        if let Some(follow) = session.and_then(|session| session.partitions.get_mut(place)) {
            follow.told = told;
        }
    }
}

fn fresh(wants: Vec<(Place, Want)>) -> Vec<(Place, Follow)> {
    let follow = |want| Follow { want, told: None };
    wants
        .into_iter()
        .map(|(place, want)| (place, follow(want)))
        .collect()
}

/// The partitions from another one on each time, so that where the bound on the answer's bytes
/// cuts, none is left out for ever.
fn rotated(partitions: &BTreeMap<Place, Follow>, epoch: i32) -> Vec<(Place, Follow)> {
    let mut list: Vec<_> = partitions
        .iter()
        .map(|(place, follow)| (place.clone(), follow.clone()))
        .collect();
    if let Some(shift) = usize::try_from(epoch).unwrap_or(0).checked_rem(list.len()) {
        list.rotate_left(shift);
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(topic: &str) -> Place {
        Place {
            topic: topic.to_owned(),
            topic_id: Uuid::ZERO,
            partition: PartitionId(0),
        }
    }

    fn want(topic: &str, offset: i64) -> (Place, Want) {
        let want = Want {
            offset: Offset(offset),
            bytes_max: 1,
            leader_epoch: -1,
            last_fetched_epoch: -1,
        };
        (place(topic), want)
    }

    fn offsets(fetch: &Fetch) -> BTreeMap<&str, i64> {
        fetch
            .partitions
            .iter()
            .map(|(place, follow)| (place.topic.as_str(), follow.want.offset.0))
            .collect()
    }

    #[test]
    fn a_session_remembers_what_is_not_named_again() {
        let mut sessions = FetchSessions::default();
        let opened = sessions.apply(0, 0, vec![want("a", 1), want("b", 2)], &[]);
        let opened = opened.expect("opened");
        assert!(opened.session_id > 0 && !opened.is_incremental);
        let next = sessions
            .apply(opened.session_id, 1, vec![want("a", 5)], &[])
            .expect("resumed");
        assert!(next.is_incremental);
        assert_eq!(offsets(&next), BTreeMap::from([("a", 5), ("b", 2)]));
        let last = sessions
            .apply(opened.session_id, 2, vec![], &[place("a")])
            .expect("resumed");
        assert_eq!(offsets(&last), BTreeMap::from([("b", 2)]));
    }

    #[test]
    fn a_wrong_epoch_and_an_unknown_session_are_told_apart() {
        let mut sessions = FetchSessions::default();
        let id = sessions
            .apply(0, 0, vec![want("a", 1)], &[])
            .expect("opened")
            .session_id;
        assert_eq!(
            sessions.apply(id, 2, vec![], &[]),
            Err(ErrorCode::INVALID_FETCH_SESSION_EPOCH)
        );
        assert_eq!(
            sessions.apply(id + 1, 1, vec![], &[]),
            Err(ErrorCode::FETCH_SESSION_ID_NOT_FOUND)
        );
    }

    #[test]
    fn the_final_epoch_closes_the_session_and_reads_outside_any() {
        let mut sessions = FetchSessions::default();
        let id = sessions
            .apply(0, 0, vec![want("a", 1)], &[])
            .expect("opened")
            .session_id;
        let outside = sessions.apply(id, -1, vec![want("b", 3)], &[]);
        assert_eq!(outside.expect("outside").session_id, 0);
        assert_eq!(
            sessions.apply(id, 1, vec![], &[]),
            Err(ErrorCode::FETCH_SESSION_ID_NOT_FOUND)
        );
    }

    #[test]
    fn the_session_used_least_recently_makes_room() {
        let mut sessions = FetchSessions::default();
        let mut ids = Vec::new();
        for _ in 0..SESSIONS_MAX {
            let opened = sessions.apply(0, 0, vec![want("a", 1)], &[]);
            ids.push(opened.expect("opened").session_id);
        }
        sessions.apply(ids[0], 1, vec![], &[]).expect("used");
        sessions
            .apply(0, 0, vec![want("a", 1)], &[])
            .expect("one more");
        assert!(sessions.apply(ids[0], 2, vec![], &[]).is_ok());
        assert_eq!(
            sessions.apply(ids[1], 1, vec![], &[]),
            Err(ErrorCode::FETCH_SESSION_ID_NOT_FOUND)
        );
    }
}
