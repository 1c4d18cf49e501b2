use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;
use crate::group::assignor::Member;
use crate::group::assignor::Subscription;

const SECOND: Duration = Duration::from_secs(1);

fn settings(assignor: Assignor) -> Settings {
    Settings {
        topics: vec!["t".into()],
        assignors: vec![assignor],
        instance_id: None,
        heartbeat_interval: SECOND * 3,
        poll_interval: SECOND * 300,
        retry_backoff: Duration::from_millis(100),
        retry_backoff_max: SECOND,
    }
}

fn partitions(numbers: &[i32]) -> Vec<TopicPartition> {
    let numbered = |number: &i32| TopicPartition::new("t", *number);
    numbers.iter().map(numbered).collect()
}

fn joined(generation: i32) -> Joined {
    Joined {
        member_id: "m".to_owned(),
        generation,
        assignor: Assignor::Range,
        members: None,
        keeps_shares: false,
    }
}

/// The ticket of the one request among `actions`.
fn ticket(actions: &[Action]) -> Ticket {
    match actions {
        [.., Action::Join(JoinRequest { ticket, .. })]
        | [.., Action::Sync(SyncRequest { ticket, .. })]
        | [.., Action::Heartbeat(ticket, _)] => *ticket,
        other => panic!("no request: {other:?}"),
    }
}

/// A member of generation 1 that reads `numbers`.
fn stable(assignor: Assignor, numbers: &[i32]) -> Membership {
    let mut member = Membership::new(settings(assignor), Duration::ZERO);
    share(&mut member, 1, numbers);
    member
}

/// Takes the member, which is about to join, through a rebalance at time 0.
fn share(member: &mut Membership, generation: i32, numbers: &[i32]) -> Vec<Action> {
    let join = ticket(&member.tick(Duration::ZERO));
    finish_joining(member, join, generation, numbers)
}

fn finish_joining(
    member: &mut Membership,
    join: Ticket,
    generation: i32,
    numbers: &[i32],
) -> Vec<Action> {
    let sync = member.handle(Event::Joined(join, joined(generation)), Duration::ZERO);
    member.handle(
        Event::Synced(ticket(&sync), partitions(numbers)),
        Duration::ZERO,
    )
}

#[test]
fn a_new_member_joins_again_at_once_under_the_id_that_it_is_given() {
    let mut member = Membership::new(settings(Assignor::Range), Duration::ZERO);
    let first = ticket(&member.tick(Duration::ZERO));
    let refusal = Refusal::IdRequired("m-1".to_owned());
    assert_eq!(member.handle(Event::Refused(first, refusal), SECOND), []);
    let again = member.tick(SECOND);
    let [Action::Join(request)] = &again[..] else {
        panic!("{again:?}");
    };
    assert_eq!(request.identity.member_id, "m-1");
}

#[test]
fn an_answer_to_an_older_request_changes_nothing() {
    let mut member = Membership::new(settings(Assignor::Range), Duration::ZERO);
    let lost = ticket(&member.tick(Duration::ZERO));
    member.handle(Event::Refused(lost, Refusal::TryAgain), Duration::ZERO);
    let second = ticket(&member.tick(SECOND));
    assert_eq!(member.handle(Event::Joined(lost, joined(1)), SECOND), []);
    let sync = member.handle(Event::Joined(second, joined(2)), SECOND);
    assert!(matches!(&sync[..], [Action::Sync(sync)] if sync.identity.generation == 2));
}

#[test]
fn an_eager_member_gives_everything_up_before_it_joins_again() {
    let mut member = stable(Assignor::Range, &[0, 1]);
    assert_eq!(member.deadline(), Some(SECOND * 3));
    assert_eq!(member.tick(SECOND * 3 - Duration::from_millis(1)), []);
    let heartbeat = ticket(&member.tick(SECOND * 3));
    let revoke = member.handle(Event::Refused(heartbeat, Refusal::Rebalancing), SECOND * 3);
    assert_eq!(revoke, [Action::Revoke(partitions(&[0, 1]))]);
    let join = member.handle(Event::GivenUp, SECOND * 4);
    let [Action::Join(request)] = &join[..] else {
        panic!("{join:?}");
    };
    assert_eq!(request.offers[0].1.owned, []);
    assert_eq!(member.owned(), []);
}

#[test]
fn heartbeats_go_on_while_partitions_are_given_up() {
    let mut member = stable(Assignor::Range, &[0]);
    let heartbeat = ticket(&member.tick(SECOND * 3));
    member.handle(Event::Refused(heartbeat, Refusal::Rebalancing), SECOND * 3);
    let next = member.tick(SECOND * 6);
    assert!(matches!(&next[..], [Action::Heartbeat(..)]), "{next:?}");
    let told_again = member.handle(
        Event::Refused(ticket(&next), Refusal::Rebalancing),
        SECOND * 6,
    );
    assert_eq!(told_again, []);
}

#[test]
fn a_cooperative_member_keeps_what_stays_and_joins_again_after_giving_up_what_moves() {
    let mut member = stable(Assignor::CooperativeSticky, &[0, 1, 2]);
    let heartbeat = ticket(&member.tick(SECOND * 3));
    let join = member.handle(Event::Refused(heartbeat, Refusal::Rebalancing), SECOND * 3);
    let [Action::Join(request)] = &join[..] else {
        panic!("{join:?}");
    };
    assert_eq!(request.offers[0].1.owned, partitions(&[0, 1, 2]));
    let actions = finish_joining(&mut member, ticket(&join), 2, &[0, 1, 3]);
    assert_eq!(actions, [Action::Revoke(partitions(&[2]))]);
    let actions = member.handle(Event::GivenUp, SECOND * 4);
    assert_eq!(actions[0], Action::Assign(partitions(&[3])));
    let [_, Action::Join(request)] = &actions[..] else {
        panic!("{actions:?}");
    };
    assert_eq!(request.offers[0].1.owned, partitions(&[0, 1, 3]));
    assert_eq!(request.offers[0].1.generation, Some(2));
}

#[test]
fn an_unknown_member_loses_all_and_begins_anew() {
    let mut member = stable(Assignor::CooperativeSticky, &[0, 1]);
    let heartbeat = ticket(&member.tick(SECOND * 3));
    let lost = member.handle(
        Event::Refused(heartbeat, Refusal::UnknownMember),
        SECOND * 3,
    );
    assert_eq!(lost, [Action::Lost(partitions(&[0, 1]))]);
    let join = member.tick(SECOND * 3);
    let [Action::Join(request)] = &join[..] else {
        panic!("{join:?}");
    };
    assert_eq!(request.identity.member_id, "");
    assert_eq!(request.identity.generation, Identity::NO_GENERATION);
}

#[test]
fn a_member_of_another_generation_loses_all_and_keeps_its_id() {
    let mut member = stable(Assignor::CooperativeSticky, &[0]);
    let heartbeat = ticket(&member.tick(SECOND * 3));
    member.handle(
        Event::Refused(heartbeat, Refusal::OtherGeneration),
        SECOND * 3,
    );
    assert_eq!(member.identity().member_id, "m");
    assert_eq!(member.owned(), []);
}

#[test]
fn a_final_refusal_ends_it() {
    let mut member = stable(Assignor::Range, &[0]);
    let heartbeat = ticket(&member.tick(SECOND * 3));
    let actions = member.handle(Event::Refused(heartbeat, Refusal::Final), SECOND * 3);
    assert_eq!(actions, [Action::Lost(partitions(&[0])), Action::End]);
    assert!(member.has_ended());
    assert_eq!(member.deadline(), None);
}

#[test]
fn pauses_between_attempts_double_up_to_their_limit() {
    let mut member = Membership::new(settings(Assignor::Range), Duration::ZERO);
    let mut now = Duration::ZERO;
    let mut pauses = Vec::new();
    for _ in 0..6 {
        let join = ticket(&member.tick(now));
        member.handle(Event::Refused(join, Refusal::TryAgain), now);
        let next = member.deadline().expect("it tries again");
        pauses.push((next - now).as_millis());
        now = next;
    }
    assert_eq!(pauses, [100, 200, 400, 800, 1000, 1000]);
}

#[test]
fn a_group_that_never_settles_is_not_asked_without_a_pause() {
    let mut member = Membership::new(settings(Assignor::Range), Duration::ZERO);
    for attempt in 1..=5 {
        let now = member.deadline().expect("it tries");
        let join = ticket(&member.tick(now));
        member.handle(Event::Refused(join, Refusal::Rebalancing), now);
        let pause = member.deadline().expect("it tries") - now;
        assert_eq!(pause.is_zero(), attempt <= 2, "{attempt}");
    }
}

#[test]
fn a_member_that_nobody_polls_for_longer_than_the_poll_interval_leaves_until_it_is_polled() {
    let mut member = stable(Assignor::Range, &[0]);
    member.handle(Event::Polled, SECOND);
    let heartbeat = ticket(&member.tick(SECOND * 301));
    member.handle(Event::Alive(heartbeat), SECOND * 301);
    let actions = member.tick(SECOND * 301 + Duration::from_nanos(1));
    assert_eq!(actions[0], Action::Lost(partitions(&[0])));
    assert!(matches!(&actions[1..], [Action::Leave(_)]), "{actions:?}");
    assert_eq!(member.deadline(), None);
    member.handle(Event::Polled, SECOND * 400);
    let join = member.tick(SECOND * 400);
    assert!(matches!(&join[..], [Action::Join(_)]), "{join:?}");
}

#[test]
fn a_member_that_stops_gives_up_leaves_and_ends() {
    let mut member = stable(Assignor::Range, &[0]);
    assert_eq!(
        member.handle(Event::Stop, SECOND),
        [Action::Revoke(partitions(&[0]))]
    );
    let leave = member.handle(Event::GivenUp, SECOND);
    assert!(matches!(&leave[..], [Action::Leave(who)] if who.member_id == "m"));
    assert_eq!(member.handle(Event::Left, SECOND), [Action::End]);
}

#[test]
fn a_static_member_stops_without_leaving() {
    let with_name = Settings {
        instance_id: Some("one".to_owned()),
        ..settings(Assignor::Range)
    };
    let mut member = Membership::new(with_name, Duration::ZERO);
    share(&mut member, 1, &[0]);
    member.handle(Event::Stop, SECOND);
    assert_eq!(member.handle(Event::GivenUp, SECOND), [Action::End]);
}

#[test]
fn a_stop_while_giving_up_for_a_rebalance_gives_up_once_and_leaves() {
    let mut member = stable(Assignor::Range, &[0]);
    let heartbeat = ticket(&member.tick(SECOND * 3));
    member.handle(Event::Refused(heartbeat, Refusal::Rebalancing), SECOND * 3);
    assert_eq!(member.handle(Event::Stop, SECOND * 3), []);
    let leave = member.handle(Event::GivenUp, SECOND * 3);
    assert!(matches!(&leave[..], [Action::Leave(_)]), "{leave:?}");
}

fn leader(assignor: Assignor, sizes: i32) -> Membership {
    let mut member = Membership::new(settings(assignor), Duration::ZERO);
    let join = ticket(&member.tick(Duration::ZERO));
    let members = vec![Member {
        id: "m".to_owned(),
        subscription: Subscription {
            topics: vec!["t".into(), "t".into()],
            ..Subscription::default()
        },
        ..Member::default()
    }];
    let leading = Joined {
        members: Some(members),
        assignor,
        ..joined(1)
    };
    let actions = member.handle(Event::Joined(join, leading), Duration::ZERO);
    assert_eq!(actions, [Action::LookUp(vec!["t".into()])]);
    let sizes = TopicSizes::from([("t".into(), sizes)]);
    let sync = member.handle(Event::Sizes(sizes), Duration::ZERO);
    let [Action::Sync(request)] = &sync[..] else {
        panic!("{sync:?}");
    };
    let share = request.shares["m"].clone();
    member.handle(Event::Synced(request.ticket, share), Duration::ZERO);
    member
}

#[test]
fn a_leader_shares_out_anew_once_a_topic_has_grown() {
    let mut member = leader(Assignor::CooperativeSticky, 2);
    assert_eq!(member.owned(), partitions(&[0, 1]));
    let same = TopicSizes::from([("t".into(), 2)]);
    assert_eq!(member.handle(Event::Sizes(same), SECOND), []);
    let grown = TopicSizes::from([("t".into(), 3)]);
    let join = member.handle(Event::Sizes(grown), SECOND);
    assert!(matches!(&join[..], [Action::Join(_)]), "{join:?}");
}

/// A group's coordinator, as simple as it can be: everybody joins, then everybody syncs.
#[derive(Debug, Default)]
struct Coordinator {
    generation: i32,
    named: u32,
    /// Known members, and the request to join of those that have sent it.
    members: BTreeMap<String, Option<(usize, JoinRequest)>>,
    /// Members of this generation that wait for their share, by id.
    syncing: BTreeMap<String, (usize, Ticket)>,
    shares: BTreeMap<String, Vec<TopicPartition>>,
    is_rebalancing: bool,
}

impl Coordinator {
    fn rebalance(&mut self, answers: &mut Vec<(usize, Event)>) {
        self.is_rebalancing = true;
        self.shares.clear();
        for (_, (who, ticket)) in std::mem::take(&mut self.syncing) {
            answers.push((who, Event::Refused(ticket, Refusal::Rebalancing)));
        }
    }

    fn check(&self, identity: &Identity) -> Result<(), Refusal> {
        if !self.members.contains_key(&identity.member_id) {
            Err(Refusal::UnknownMember)
        } else if identity.generation != self.generation {
            Err(Refusal::OtherGeneration)
        } else if self.is_rebalancing {
            Err(Refusal::Rebalancing)
        } else {
            Ok(())
        }
    }

    /// Takes the request of member number `who`; tells what is answered, and to whom.
    fn take(&mut self, who: usize, action: Action) -> Vec<(usize, Event)> {
        let mut answers = Vec::new();
        match action {
            Action::Join(request) => self.take_join(who, request, &mut answers),
            Action::Sync(request) => match self.check(&request.identity) {
                Ok(()) => {
                    self.shares.extend(request.shares);
                    let id = request.identity.member_id;
                    self.syncing.insert(id, (who, request.ticket));
                    self.hand_out(&mut answers);
                }
                Err(refusal) => answers.push((who, Event::Refused(request.ticket, refusal))),
            },
            Action::Heartbeat(ticket, identity) => {
                let answer = match self.check(&identity) {
                    Ok(()) => Event::Alive(ticket),
                    Err(refusal) => Event::Refused(ticket, refusal),
                };
                answers.push((who, answer));
            }
            Action::Leave(identity) => {
                self.remove(&identity.member_id, &mut answers);
                answers.push((who, Event::Left));
            }
            other => panic!("not for the coordinator: {other:?}"),
        }
        answers
    }

    fn take_join(&mut self, who: usize, request: JoinRequest, answers: &mut Vec<(usize, Event)>) {
        let id = request.identity.member_id.clone();
        if id.is_empty() {
            self.named += 1;
            let id = format!("m{}", self.named);
            self.members.insert(id.clone(), None);
            self.rebalance(answers);
            answers.push((who, Event::Refused(request.ticket, Refusal::IdRequired(id))));
        } else if let Some(joining) = self.members.get_mut(&id) {
            *joining = Some((who, request));
            self.rebalance(answers);
            self.begin(answers);
        } else {
            answers.push((who, Event::Refused(request.ticket, Refusal::UnknownMember)));
        }
    }

    fn remove(&mut self, id: &str, answers: &mut Vec<(usize, Event)>) {
        let waiting = self.syncing.remove(id);
        if let Some(joining) = self.members.remove(id) {
            let joining = joining.map(|(who, request)| (who, request.ticket));
            for (who, ticket) in joining.into_iter().chain(waiting) {
                answers.push((who, Event::Refused(ticket, Refusal::UnknownMember)));
            }
            self.rebalance(answers);
            self.begin(answers);
        }
    }

    /// Begins the next generation once everybody has joined.
    fn begin(&mut self, answers: &mut Vec<(usize, Event)>) {
        if self.members.is_empty() || self.members.values().any(Option::is_none) {
            return;
        }
        self.generation += 1;
        self.is_rebalancing = false;
        let joining: Vec<(usize, JoinRequest)> =
            self.members.values_mut().filter_map(Option::take).collect();
        let described = joining.iter().map(|(_, request)| Member {
            id: request.identity.member_id.clone(),
            instance_id: None,
            subscription: request.offers[0].1.clone(),
        });
        let mut members = Some(described.collect());
        for (who, request) in joining {
            let joined = Joined {
                member_id: request.identity.member_id,
                generation: self.generation,
                assignor: request.offers[0].0,
                members: members.take(),
                keeps_shares: false,
            };
            answers.push((who, Event::Joined(request.ticket, joined)));
        }
    }

    fn hand_out(&mut self, answers: &mut Vec<(usize, Event)>) {
        if self.shares.is_empty() {
            return;
        }
        for (id, (who, ticket)) in std::mem::take(&mut self.syncing) {
            let share = self.shares.get(&id).cloned().unwrap_or_default();
            answers.push((who, Event::Synced(ticket, share)));
        }
    }
}

/// What may go wrong between a member and the coordinator.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// The next message on its way arrives.
    Deliver(usize),
    /// The next message on its way is lost.
    Lose(usize),
    /// The next message on its way arrives, and its answer is lost.
    LoseAnswer(usize),
    /// Time passes.
    Wait(u8),
    /// The coordinator gives a member up.
    Expire(usize),
    /// A member is told to stop.
    Stop(usize),
}

/// Members, their coordinator, and what is on its way between them.
struct World {
    coordinator: Coordinator,
    members: Vec<Membership>,
    requests: VecDeque<(usize, Action)>,
    /// Partitions that members read, as they were told to.
    reading: Vec<BTreeSet<TopicPartition>>,
    now: Duration,
    size: i32,
}

impl World {
    fn new(assignor: Assignor, members: usize, size: i32) -> Self {
        let member = |_| Membership::new(settings(assignor), Duration::ZERO);
        Self {
            coordinator: Coordinator::default(),
            members: (0..members).map(member).collect(),
            requests: VecDeque::new(),
            reading: vec![BTreeSet::new(); members],
            now: Duration::ZERO,
            size,
        }
    }

    fn play(&mut self, step: Step) {
        match step {
            Step::Deliver(place) => self.deliver(place, Fate::Arrives),
            Step::Lose(place) => self.deliver(place, Fate::Lost),
            Step::LoseAnswer(place) => self.deliver(place, Fate::AnswerLost),
            Step::Wait(halves) => {
                self.now += SECOND / 2 * u32::from(halves);
                for who in 0..self.members.len() {
                    self.tell(who, Event::Polled);
                    let actions = self.members[who].tick(self.now);
                    self.perform(who, actions);
                }
            }
            Step::Expire(who) => {
                let who = who % self.members.len();
                let id = self.members[who].identity().member_id.clone();
                let mut answers = Vec::new();
                self.coordinator.remove(&id, &mut answers);
                self.answer(answers);
            }
            Step::Stop(who) => self.tell(who % self.members.len(), Event::Stop),
        }
    }

    fn deliver(&mut self, place: usize, fate: Fate) {
        if self.requests.is_empty() {
            return;
        }
        let place = place % self.requests.len();
        let Some((who, action)) = self.requests.remove(place) else {
            return;
        };
        let ticket = match &action {
            Action::Join(request) => Some(request.ticket),
            Action::Sync(request) => Some(request.ticket),
            Action::Heartbeat(ticket, _) => Some(*ticket),
            _ => None,
        };
        if fate != Fate::Lost {
            let mut answers = self.coordinator.take(who, action);
            if fate == Fate::AnswerLost {
                answers.retain(|(to, _)| *to != who);
            }
            self.answer(answers);
        }
        if fate != Fate::Arrives {
            let no_answer = ticket.map(|ticket| Event::Refused(ticket, Refusal::TryAgain));
            self.tell(who, no_answer.unwrap_or(Event::Left));
        }
    }

    fn answer(&mut self, answers: Vec<(usize, Event)>) {
        for (who, event) in answers {
            self.tell(who, event);
        }
    }

    fn tell(&mut self, who: usize, event: Event) {
        let actions = self.members[who].handle(event, self.now);
        self.perform(who, actions);
    }

    fn perform(&mut self, who: usize, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::LookUp(_) => {
                    let sizes = TopicSizes::from([("t".into(), self.size)]);
                    self.tell(who, Event::Sizes(sizes));
                }
                Action::Revoke(partitions) => {
                    for partition in &partitions {
                        assert!(
                            self.reading[who].remove(partition),
                            "{partition} is not read"
                        );
                    }
                    self.tell(who, Event::GivenUp);
                }
                Action::Lost(partitions) => {
                    for partition in &partitions {
                        self.reading[who].remove(partition);
                    }
                }
                Action::Assign(partitions) => {
                    for partition in partitions {
                        assert!(self.reading[who].insert(partition), "assigned twice");
                    }
                }
                Action::End => assert!(self.reading[who].is_empty(), "ends while it reads"),
                request => self.requests.push_back((who, request)),
            }
            let owned: BTreeSet<_> = self.members[who].owned().iter().cloned().collect();
            assert!(self.reading[who].is_subset(&owned) || owned.is_subset(&self.reading[who]));
        }
    }

    /// Among members whom the coordinator still counts as of its generation, no partition is read
    /// twice.
    fn check_no_two_read_the_same(&self) {
        let mut read = BTreeSet::new();
        for (member, reading) in self.members.iter().zip(&self.reading) {
            let identity = member.identity();
            let is_current = identity.generation == self.coordinator.generation
                && self.coordinator.members.contains_key(&identity.member_id);
            for partition in reading.iter().filter(|_| is_current) {
                assert!(read.insert(partition.clone()), "{partition} is read twice");
            }
        }
    }

    /// Lets everything arrive until nothing happens any more.
    fn settle(&mut self) {
        for _ in 0..400 {
            while !self.requests.is_empty() {
                self.play(Step::Deliver(0));
                self.check_no_two_read_the_same();
            }
            self.play(Step::Wait(7));
            // Ids that nobody uses, as requests were lost, expire.
            let used: BTreeSet<String> = self
                .members
                .iter()
                .filter(|member| !member.has_ended())
                .map(|member| member.identity().member_id.clone())
                .collect();
            let known: Vec<String> = self.coordinator.members.keys().cloned().collect();
            for id in known.iter().filter(|id| !used.contains(*id)) {
                let mut answers = Vec::new();
                self.coordinator.remove(id, &mut answers);
                self.answer(answers);
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Arrives,
    Lost,
    AnswerLost,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..4usize).prop_map(Step::Deliver),
        1 => (0..4usize).prop_map(Step::Lose),
        1 => (0..4usize).prop_map(Step::LoseAnswer),
        4 => (1..10u8).prop_map(Step::Wait),
        1 => (0..4usize).prop_map(Step::Expire),
        1 => (1..4usize).prop_map(Step::Stop),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn whatever_is_lost_or_expires_the_members_that_stay_share_everything_in_the_end(
        assignor in prop::sample::select(&[
            Assignor::Range, Assignor::RoundRobin, Assignor::Sticky, Assignor::CooperativeSticky,
        ][..]),
        members in 1..4usize,
        steps in prop::collection::vec(step(), 0..80),
    ) {
        let mut world = World::new(assignor, members, 5);
        for step in steps {
            // The first member stays.
            if !matches!(step, Step::Stop(who) if who % members == 0) {
                world.play(step);
                world.check_no_two_read_the_same();
            }
        }
        world.settle();
        let read: Vec<&TopicPartition> = world.reading.iter().flatten().collect();
        prop_assert_eq!(read.len(), 5, "{:?}", world.reading);
        let different: BTreeSet<_> = read.into_iter().collect();
        prop_assert_eq!(different.len(), 5);
    }
}
