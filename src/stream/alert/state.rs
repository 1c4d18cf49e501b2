//! What an alert knows of one key, and how that changes.

use crate::record::Timestamp;
use crate::stream::alert::notice::Change;

/// How long things may last, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    /// For how long the condition must hold; equal is long enough.
    pub(super) hold: i64,
    /// For how long nothing may come out; equal is too long.
    pub(super) no_data: Option<i64>,
    pub(super) lasting: Lasting,
    /// How far results of windows that follow one another are apart at most, equal included: further
    /// apart, there is a window between them that nothing came out of. `None` where nobody can know.
    pub(super) every: Option<i64>,
}

/// For how long what a result says is true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lasting {
    /// Until the next result of the key.
    UntilNext,
    /// For the window that it is of, and no longer.
    Momentary,
}

/// What a result says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    /// The condition holds.
    Fires,
    /// It does not, and what has fired may clear.
    Clears,
    /// Neither.
    Neither,
}

/// What is known of one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KeyState {
    condition: Condition,
    /// The largest time of a result.
    latest: Timestamp,
    /// The wall clock when the last result came out.
    seen: Timestamp,
    is_silent: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Condition {
    Calm,
    Pending {
        /// The time of the first of the results that fire.
        since: Timestamp,
        /// The wall clock when it came out.
        seen: Timestamp,
    },
    Firing,
}

impl KeyState {
    /// A key of which nothing has come out yet.
    pub(super) const NEW: Self = Self {
        condition: Condition::Calm,
        latest: Timestamp::MIN,
        seen: Timestamp::MIN,
        is_silent: false,
    };

    pub(super) const fn is_firing(&self) -> bool {
        matches!(self.condition, Condition::Firing)
    }

    pub(super) const fn is_pending(&self) -> bool {
        matches!(self.condition, Condition::Pending { .. })
    }

    /// Whether something was told that has not been taken back.
    pub(super) const fn is_up(&self) -> bool {
        self.is_firing() || self.is_silent
    }

    /// Whether a key of which nothing has come out yet would do as well.
    pub(super) const fn is_forgettable(&self, terms: &Terms) -> bool {
        matches!(self.condition, Condition::Calm) && terms.no_data.is_none()
    }

    /// The time of what the last result changed.
    pub(super) const fn latest(&self) -> Timestamp {
        self.latest
    }

    /// A result of this time came out at the wall clock `now`; one older than another counts as
    /// being of that one's time.
    pub(super) fn take(
        &mut self,
        judgement: Judgement,
        time: Timestamp,
        now: Timestamp,
        terms: &Terms,
    ) -> Option<Change> {
        let was = *self;
        let apart = time.0.saturating_sub(self.latest.0);
        if self.is_pending() && terms.every.is_some_and(|every| apart > every) {
            self.condition = Condition::Calm;
        }
        self.latest = self.latest.max(time);
        self.seen = now;
        self.is_silent = false;
        self.condition = self.next(judgement, terms.hold);
        match (was.is_firing(), self.is_firing()) {
            (false, true) => Some(Change::Fired),
            (_, false) if was.is_up() => Some(Change::Cleared),
            (true | false, true | false) => None,
        }
    }

    fn next(&self, judgement: Judgement, hold: i64) -> Condition {
        let (since, seen) = match (self.condition, judgement) {
            (Condition::Firing, Judgement::Clears) => return Condition::Calm,
            (Condition::Firing, Judgement::Fires | Judgement::Neither) => return Condition::Firing,
            (_, Judgement::Clears | Judgement::Neither) => return Condition::Calm,
            (Condition::Pending { since, seen }, Judgement::Fires) => (since, seen),
            (Condition::Calm, Judgement::Fires) => (self.latest, self.seen),
        };
        match self.latest.0.saturating_sub(since.0) >= hold {
            true => Condition::Firing,
            false => Condition::Pending { since, seen },
        }
    }

    /// What changes next if no more results come out, and at which wall clock: of two at once, what
    /// fires is first.
    pub(super) fn due(&self, terms: &Terms) -> Option<(Timestamp, Change)> {
        let fires = match (self.condition, terms.lasting) {
            (Condition::Pending { seen, .. }, Lasting::UntilNext) => {
                Some((seen.saturating_add(terms.hold), Change::Fired))
            }
            _ => None,
        };
        let no_data = terms.no_data.filter(|_| !self.is_silent);
        let falls_silent =
            no_data.map(|no_data| (self.seen.saturating_add(no_data), Change::NoData));
        let both = fires.into_iter().chain(falls_silent);
        both.min_by_key(|(at, _)| *at)
    }

    /// What is due comes about; since when it is so.
    pub(super) fn pass(&mut self, (at, change): (Timestamp, Change), terms: &Terms) -> Timestamp {
        match (change, self.condition) {
            (Change::Fired, Condition::Pending { since, .. }) => {
                self.condition = Condition::Firing;
                return since.saturating_add(terms.hold);
            }
            (Change::NoData, condition) => {
                self.is_silent = true;
                // Nobody knows whether it still holds.
                if let Condition::Pending { .. } = condition {
                    self.condition = Condition::Calm;
                }
            }
            (Change::Fired | Change::Cleared, _) => {}
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Judgement::Clears;
    use Judgement::Fires;
    use Judgement::Neither;

    const WINDOWS: Terms = Terms {
        hold: 30,
        no_data: Some(100),
        lasting: Lasting::Momentary,
        every: None,
    };
    const ROWS: Terms = Terms {
        lasting: Lasting::UntilNext,
        ..WINDOWS
    };

    /// What comes of results at these times, each of which comes out 1000 ms later.
    fn changes<const N: usize>(
        terms: &Terms,
        results: [(Judgement, i64); N],
    ) -> (KeyState, [Option<Change>; N]) {
        let mut state = KeyState::NEW;
        let changes = results.map(|(judgement, time)| {
            state.take(judgement, Timestamp(time), Timestamp(time + 1_000), terms)
        });
        (state, changes)
    }

    #[test]
    fn it_fires_at_the_result_that_is_exactly_as_old_as_it_must_hold_and_not_before() {
        let (_, told) = changes(&WINDOWS, [(Fires, 10), (Fires, 39), (Fires, 40)]);
        assert_eq!(told, [None, None, Some(Change::Fired)]);
    }

    #[test]
    fn a_condition_that_does_not_hold_once_begins_anew() {
        for other in [Neither, Clears] {
            let results = [
                (Fires, 10),
                (other, 20),
                (Fires, 30),
                (Fires, 59),
                (Fires, 60),
            ];
            let (_, told) = changes(&WINDOWS, results);
            assert_eq!(told, [None, None, None, None, Some(Change::Fired)]);
        }
    }

    #[test]
    fn a_window_that_nothing_came_out_of_begins_anew_too() {
        let terms = Terms {
            every: Some(20),
            ..WINDOWS
        };
        let (_, told) = changes(&terms, [(Fires, 10), (Fires, 30), (Fires, 50)]);
        assert_eq!(told, [None, None, Some(Change::Fired)]);
        let (_, told) = changes(&terms, [(Fires, 10), (Fires, 31), (Fires, 50), (Fires, 61)]);
        assert_eq!(told, [None, None, None, Some(Change::Fired)]);
    }

    #[test]
    fn without_a_time_to_hold_it_fires_at_once() {
        let terms = Terms { hold: 0, ..WINDOWS };
        let (_, told) = changes(&terms, [(Fires, 10), (Fires, 20)]);
        assert_eq!(told, [Some(Change::Fired), None]);
    }

    #[test]
    fn what_has_fired_clears_once_and_not_while_it_is_between() {
        let terms = Terms { hold: 0, ..WINDOWS };
        let results = [
            (Fires, 10),
            (Neither, 20),
            (Fires, 30),
            (Clears, 40),
            (Clears, 50),
        ];
        let (_, told) = changes(&terms, results);
        assert_eq!(
            told,
            [Some(Change::Fired), None, None, Some(Change::Cleared), None]
        );
    }

    #[test]
    fn a_result_older_than_another_does_not_turn_time_back() {
        let (state, told) = changes(&WINDOWS, [(Fires, 10), (Fires, 45), (Fires, 12)]);
        assert_eq!(told, [None, Some(Change::Fired), None]);
        assert_eq!(state.latest(), Timestamp(45));
    }

    #[test]
    fn silence_is_told_once_and_taken_back_by_a_result() {
        let (mut state, _) = changes(&WINDOWS, [(Clears, 10)]);
        let due = state.due(&WINDOWS).expect("silence");
        assert_eq!(due, (Timestamp(1_110), Change::NoData));
        assert_eq!(state.pass(due, &WINDOWS), Timestamp(1_110));
        assert_eq!(state.due(&WINDOWS), None);
        let told = state.take(Clears, Timestamp(300), Timestamp(1_300), &WINDOWS);
        assert_eq!(told, Some(Change::Cleared));
    }

    #[test]
    fn silence_does_not_clear_what_has_fired_and_forgets_what_was_pending() {
        let terms = Terms { hold: 0, ..WINDOWS };
        let (mut firing, _) = changes(&terms, [(Fires, 10)]);
        let due = firing.due(&terms).expect("silence");
        firing.pass(due, &terms);
        assert!(firing.is_firing());
        let told = firing.take(Fires, Timestamp(300), Timestamp(1_300), &terms);
        assert_eq!(told, None, "still firing");

        let (mut pending, _) = changes(&WINDOWS, [(Fires, 10)]);
        let due = pending.due(&WINDOWS).expect("silence");
        pending.pass(due, &WINDOWS);
        let told = pending.take(Fires, Timestamp(300), Timestamp(1_300), &WINDOWS);
        assert_eq!(told, Some(Change::Cleared), "of silence");
        assert!(pending.is_pending());
    }

    #[test]
    fn a_result_of_a_window_never_fires_by_the_wall_clock_and_a_row_does() {
        let (windows, _) = changes(&WINDOWS, [(Fires, 10)]);
        assert_eq!(
            windows.due(&WINDOWS),
            Some((Timestamp(1_110), Change::NoData))
        );
        let (mut row, _) = changes(&ROWS, [(Fires, 10), (Fires, 20)]);
        let due = row.due(&ROWS).expect("it fires");
        assert_eq!(
            due,
            (Timestamp(1_040), Change::Fired),
            "30 after the first came out"
        );
        assert_eq!(row.pass(due, &ROWS), Timestamp(40), "30 after the first");
        assert!(row.is_firing());
    }

    #[test]
    fn silence_that_is_shorter_than_the_time_to_hold_comes_first() {
        let terms = Terms {
            no_data: Some(29),
            ..ROWS
        };
        let (mut state, _) = changes(&terms, [(Fires, 10)]);
        let due = state.due(&terms).expect("silence");
        assert_eq!(due.1, Change::NoData);
        state.pass(due, &terms);
        assert_eq!(state.due(&terms), None, "and then nothing fires");
    }
}
