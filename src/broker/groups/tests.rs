use super::*;
use crate::protocol::error_code::ErrorCode;
use crate::record::Timestamp;
use bytes::Bytes;
use std::collections::BTreeMap;

const GROUP: &str = "g";
const SESSION_MS: i64 = 10_000;
const REBALANCE_MS: i64 = 60_000;

/// A coordinator on a clock that is moved by hand.
struct Bench {
    coordinator: Coordinator,
    now: Timestamp,
    last_ticket: u64,
    replies: BTreeMap<Ticket, Reply>,
}

impl Bench {
    fn new() -> Self {
        Self::with_delay(0)
    }

    fn with_delay(initial_delay_ms: i64) -> Self {
        Self {
            coordinator: Coordinator::new(Timestamp(0), initial_delay_ms),
            now: Timestamp(1_000_000),
            last_ticket: 0,
            replies: BTreeMap::new(),
        }
    }

    fn request(member_id: &str) -> JoinRequest {
        JoinRequest {
            group_id: GROUP.to_owned(),
            member_id: member_id.to_owned(),
            instance_id: None,
            client_id: "client".to_owned(),
            client_host: "/127.0.0.1".to_owned(),
            session_timeout_ms: SESSION_MS,
            rebalance_timeout_ms: REBALANCE_MS,
            protocol_type: "consumer".to_owned(),
            offers: vec![offer("range"), offer("roundrobin")],
            membership: Membership::AtOnce,
        }
    }

    fn send(&mut self, request: JoinRequest) -> Ticket {
        self.last_ticket += 1;
        let ticket = Ticket(self.last_ticket);
        self.coordinator.join(request, ticket, self.now);
        self.collect();
        ticket
    }

    fn sync(&mut self, member_id: &str, generation: i32, shares: &[(&str, &str)]) -> Ticket {
        self.last_ticket += 1;
        let ticket = Ticket(self.last_ticket);
        let share = |&(id, share): &(&str, &str)| (id.to_owned(), Bytes::from(share.to_owned()));
        let request = SyncRequest {
            group_id: GROUP.to_owned(),
            member_id: member_id.to_owned(),
            instance_id: None,
            generation,
            protocol_type: None,
            protocol: None,
            assignments: shares.iter().map(share).collect(),
        };
        self.coordinator.sync(request, ticket, self.now);
        self.collect();
        ticket
    }

    fn collect(&mut self) {
        self.replies.extend(self.coordinator.take_replies());
    }

    fn pass(&mut self, ms: i64) {
        self.now = self.now.saturating_add(ms);
        self.coordinator.expire(self.now);
        self.collect();
    }

    fn joined(&self, ticket: Ticket) -> JoinReply {
        match self.replies.get(&ticket) {
            Some(Reply::Join(reply)) => reply.clone(),
            other => panic!("no answer to JoinGroup: {other:?}"),
        }
    }

    fn synced(&self, ticket: Ticket) -> Result<Bytes, ErrorCode> {
        match self.replies.get(&ticket) {
            Some(Reply::Sync(reply)) if reply.error == ErrorCode::NONE => {
                Ok(reply.assignment.clone())
            }
            Some(Reply::Sync(reply)) => Err(reply.error),
            other => panic!("no answer to SyncGroup: {other:?}"),
        }
    }

    fn heartbeat(&mut self, member_id: &str, generation: i32) -> Result<(), ErrorCode> {
        self.coordinator
            .heartbeat(GROUP, member_id, None, generation, self.now)
    }

    /// One member, alone and stable: its id; the generation is 1.
    fn stable_alone(&mut self) -> String {
        let ticket = self.send(Self::request(""));
        let reply = self.joined(ticket);
        assert_eq!(reply.generation, 1);
        self.sync(&reply.member_id, 1, &[(&reply.member_id, "all")]);
        reply.member_id
    }

    fn phase(&self) -> &'static str {
        self.coordinator.groups[GROUP].phase.name()
    }
}

fn offer(name: &str) -> Offer {
    Offer {
        name: name.to_owned(),
        metadata: Bytes::from(format!("{name} metadata")),
    }
}

#[test]
fn a_first_member_leads_generation_one_and_gets_what_it_assigns() {
    let mut bench = Bench::new();
    let ticket = bench.send(Bench::request(""));
    let joined = bench.joined(ticket);
    assert_eq!(joined.error, ErrorCode::NONE);
    assert_eq!(joined.generation, 1);
    assert_eq!(joined.leader, joined.member_id);
    assert_eq!(joined.protocol.as_deref(), Some("range"));
    assert_eq!(joined.members.len(), 1);
    assert_eq!(joined.members[0].metadata, "range metadata");
    let id = joined.member_id;
    let synced = bench.sync(&id, 1, &[(&id, "all")]);
    assert_eq!(bench.synced(synced), Ok(Bytes::from("all")));
    assert_eq!(bench.phase(), "Stable");
}

#[test]
fn a_new_member_of_a_new_client_gets_its_id_first() {
    let mut bench = Bench::new();
    let request = |id: &str| JoinRequest {
        membership: Membership::IdFirst,
        ..Bench::request(id)
    };
    let ticket = bench.send(request(""));
    let first = bench.joined(ticket);
    assert_eq!(first.error, ErrorCode::MEMBER_ID_REQUIRED);
    assert!(first.member_id.starts_with("client-"));
    let ticket = bench.send(request(&first.member_id));
    let second = bench.joined(ticket);
    assert_eq!(second.error, ErrorCode::NONE);
    assert_eq!(second.member_id, first.member_id);
}

#[test]
fn an_id_not_used_within_the_session_timeout_lapses() {
    let mut bench = Bench::new();
    let request = |id: &str| JoinRequest {
        membership: Membership::IdFirst,
        ..Bench::request(id)
    };
    let ticket = bench.send(request(""));
    let id = bench.joined(ticket).member_id;
    bench.pass(SESSION_MS);
    let ticket = bench.send(request(&id));
    assert_eq!(bench.joined(ticket).error, ErrorCode::UNKNOWN_MEMBER_ID);
}

#[test]
fn a_second_member_makes_the_first_join_again_and_both_get_shares() {
    let mut bench = Bench::new();
    let one = bench.stable_alone();
    let second = bench.send(Bench::request(""));
    assert_eq!(bench.phase(), "PreparingRebalance");
    assert_eq!(
        bench.heartbeat(&one, 1),
        Err(ErrorCode::REBALANCE_IN_PROGRESS)
    );
    let first = bench.send(Bench::request(&one));
    let (first, second) = (bench.joined(first), bench.joined(second));
    assert_eq!((first.generation, second.generation), (2, 2));
    assert_eq!(first.leader, one, "the leader stays");
    assert_eq!((first.members.len(), second.members.len()), (2, 0));
    let two = second.member_id;
    let waiting = bench.sync(&two, 2, &[]);
    assert!(
        !bench.replies.contains_key(&waiting),
        "the leader is awaited"
    );
    let leading = bench.sync(&one, 2, &[(&one, "a"), (&two, "b")]);
    assert_eq!(bench.synced(leading), Ok(Bytes::from("a")));
    assert_eq!(bench.synced(waiting), Ok(Bytes::from("b")));
}

#[test]
fn a_member_that_does_not_join_again_is_removed_at_exactly_the_rebalance_timeout() {
    let mut bench = Bench::new();
    let one = bench.stable_alone();
    let second = bench.send(Bench::request(""));
    let beat = SESSION_MS / 2;
    for _ in 0..(REBALANCE_MS / beat - 1) {
        bench.pass(beat);
        // It still lives, but does not join.
        assert_eq!(
            bench.heartbeat(&one, 1),
            Err(ErrorCode::REBALANCE_IN_PROGRESS)
        );
    }
    bench.pass(beat - 1);
    assert!(!bench.replies.contains_key(&second));
    bench.pass(1);
    let second = bench.joined(second);
    assert_eq!((second.generation, &second.leader), (2, &second.member_id));
    assert_eq!(bench.heartbeat(&one, 2), Err(ErrorCode::UNKNOWN_MEMBER_ID));
}

#[test]
fn a_silent_member_is_removed_at_exactly_its_session_timeout() {
    let mut bench = Bench::new();
    let id = bench.stable_alone();
    bench.pass(SESSION_MS - 1);
    assert_eq!(bench.heartbeat(&id, 1), Ok(()));
    bench.pass(SESSION_MS - 1);
    assert_eq!(bench.phase(), "Stable");
    bench.pass(1);
    assert_eq!(bench.phase(), "Empty");
    assert_eq!(bench.heartbeat(&id, 1), Err(ErrorCode::UNKNOWN_MEMBER_ID));
}

#[test]
fn the_next_deadline_is_that_of_the_member_that_expires_first() {
    let mut bench = Bench::new();
    assert_eq!(bench.coordinator.next_deadline(), None);
    bench.stable_alone();
    let expected = bench.now.saturating_add(SESSION_MS);
    assert_eq!(bench.coordinator.next_deadline(), Some(expected));
}

#[test]
fn a_member_that_leaves_makes_the_others_share_anew() {
    let mut bench = Bench::new();
    let one = bench.stable_alone();
    let second = bench.send(Bench::request(""));
    bench.send(Bench::request(&one));
    let two = bench.joined(second).member_id;
    bench.sync(&one, 2, &[]);
    bench.sync(&two, 2, &[]);
    let left = bench.coordinator.leave(GROUP, &two, None, bench.now);
    assert_eq!(left, Ok(()));
    assert_eq!(bench.phase(), "PreparingRebalance");
    let again = bench.coordinator.leave(GROUP, &two, None, bench.now);
    assert_eq!(again, Err(ErrorCode::UNKNOWN_MEMBER_ID));
    let ticket = bench.send(Bench::request(&one));
    assert_eq!(bench.joined(ticket).generation, 3);
}

#[test]
fn a_leader_that_dies_while_it_should_assign_makes_the_others_join_again() {
    let mut bench = Bench::new();
    let one = bench.stable_alone();
    let second = bench.send(Bench::request(""));
    bench.send(Bench::request(&one));
    let two = bench.joined(second).member_id;
    let waiting = bench.sync(&two, 2, &[]);
    bench.pass(SESSION_MS);
    assert_eq!(
        bench.synced(waiting),
        Err(ErrorCode::REBALANCE_IN_PROGRESS),
        "the leader did not assign"
    );
    let ticket = bench.send(Bench::request(&two));
    let joined = bench.joined(ticket);
    assert_eq!((joined.generation, joined.leader), (3, two));
}

#[test]
fn offers_in_common_are_chosen_by_votes_and_none_in_common_is_refused() {
    let mut bench = Bench::new();
    let with = |id: &str, offers: &[&str]| JoinRequest {
        offers: offers.iter().map(|name| offer(name)).collect(),
        ..Bench::request(id)
    };
    let ticket = bench.send(with("", &["range", "sticky"]));
    let one = bench.joined(ticket).member_id;
    let second = bench.send(with("", &["sticky", "other"]));
    bench.send(with(&one, &["range", "sticky"]));
    assert_eq!(bench.joined(second).protocol.as_deref(), Some("sticky"));
    let third = bench.send(with("", &["range", "other"]));
    let refused = bench.joined(third).error;
    assert_eq!(refused, ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
}

#[test]
fn a_follower_that_joins_again_without_news_is_told_where_the_group_stands() {
    let mut bench = Bench::new();
    let one = bench.stable_alone();
    let second = bench.send(Bench::request(""));
    bench.send(Bench::request(&one));
    let two = bench.joined(second).member_id;
    bench.sync(&one, 2, &[]);
    bench.sync(&two, 2, &[]);
    let ticket = bench.send(Bench::request(&two));
    assert_eq!(bench.joined(ticket).generation, 2);
    assert_eq!(bench.phase(), "Stable");
    bench.send(Bench::request(&one));
    assert_eq!(
        bench.phase(),
        "PreparingRebalance",
        "the leader asks for one"
    );
}

#[test]
fn the_first_rebalance_waits_for_more_members_where_asked_to() {
    let mut bench = Bench::with_delay(3_000);
    let first = bench.send(Bench::request(""));
    let second = bench.send(Bench::request(""));
    bench.pass(2_999);
    assert!(bench.replies.is_empty());
    bench.pass(1);
    assert_eq!(bench.joined(first).generation, 1);
    assert_eq!(bench.joined(second).generation, 1);
}

fn static_request(id: &str) -> JoinRequest {
    JoinRequest {
        instance_id: Some("i".to_owned()),
        ..Bench::request(id)
    }
}

#[test]
fn a_static_member_comes_back_under_a_new_id_without_a_rebalance() {
    let mut bench = Bench::new();
    let ticket = bench.send(static_request(""));
    let old = bench.joined(ticket).member_id;
    bench.sync(&old, 1, &[(&old, "all")]);
    let ticket = bench.send(static_request(""));
    let back = bench.joined(ticket);
    assert_ne!(back.member_id, old);
    assert_eq!((back.generation, back.skip_assignment), (1, true));
    let synced = bench.sync(&back.member_id, 1, &[]);
    assert_eq!(bench.synced(synced), Ok(Bytes::from("all")));
    let zombie = bench
        .coordinator
        .heartbeat(GROUP, &old, Some("i"), 1, bench.now);
    assert_eq!(zombie, Err(ErrorCode::FENCED_INSTANCE_ID));
}

#[test]
fn a_static_member_may_be_sent_away_by_its_instance_alone() {
    let mut bench = Bench::new();
    let ticket = bench.send(static_request(""));
    assert_eq!(bench.joined(ticket).error, ErrorCode::NONE);
    let left = bench.coordinator.leave(GROUP, "", Some("i"), bench.now);
    assert_eq!(left, Ok(()));
    assert_eq!(bench.phase(), "Empty");
}

#[test]
fn only_members_of_the_generation_commit_and_anyone_while_there_are_none() {
    let mut bench = Bench::new();
    let now = bench.now;
    let check = |bench: &mut Bench, id: &str, generation| {
        bench
            .coordinator
            .check_commit(GROUP, id, None, generation, now)
    };
    assert_eq!(
        check(&mut bench, "x", 0),
        Err(ErrorCode::ILLEGAL_GENERATION),
        "no such group"
    );
    assert_eq!(check(&mut bench, "", -1), Ok(()));
    let id = bench.stable_alone();
    assert_eq!(check(&mut bench, &id, 1), Ok(()));
    assert_eq!(
        check(&mut bench, &id, 0),
        Err(ErrorCode::ILLEGAL_GENERATION)
    );
    assert_eq!(check(&mut bench, "", -1), Err(ErrorCode::UNKNOWN_MEMBER_ID));
}

#[test]
fn timeouts_and_names_out_of_bounds_are_refused() {
    let mut bench = Bench::new();
    let mut refused = |change: fn(&mut JoinRequest)| {
        let mut request = Bench::request("");
        change(&mut request);
        let ticket = bench.send(request);
        bench.joined(ticket).error
    };
    let too_short = refused(|request| request.session_timeout_ms = 0);
    assert_eq!(too_short, ErrorCode::INVALID_SESSION_TIMEOUT);
    let too_long = refused(|request| request.session_timeout_ms = 1_800_001);
    assert_eq!(too_long, ErrorCode::INVALID_SESSION_TIMEOUT);
    let nameless = refused(|request| request.group_id.clear());
    assert_eq!(nameless, ErrorCode::INVALID_GROUP_ID);
    let unknown = refused(|request| request.member_id = "x".to_owned());
    assert_eq!(unknown, ErrorCode::UNKNOWN_MEMBER_ID);
    let nothing = refused(|request| request.offers.clear());
    assert_eq!(nothing, ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
}
