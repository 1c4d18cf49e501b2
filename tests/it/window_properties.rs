//! Random flows of every kind of windows against a model of their definitions
//! (`support::window_model`, and `support::expected` for aggregates): what comes out of each step, what is
//! late, filtered and rejected, and that a task that is interrupted goes on the same.
//!
//! A case is made of a seed, so that millions cost nothing but time: `TIDEMILL_CASES` says how many
//! there are, `TIDEMILL_SEED` from which on.

mod case;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;

use serde_json::Value as Json;
use tidemill::record::Offset;
use tidemill::stream::account::Account;
use tidemill::stream::effects::Destination;
use tidemill::stream::effects::Effects;
use tidemill::stream::plan::Emit;
use tidemill::stream::task::Task;

use crate::support::expected::Member;
use crate::support::expected::is_same;
use crate::support::setting;
use crate::support::stream::Out;
use crate::support::stream::Rec;
use crate::support::stream::Windowing;
use crate::support::stream::outs;
use crate::support::stream::step;
use crate::support::window_model::Given;
use crate::support::window_model::Kind;
use crate::support::window_model::Model;
use crate::support::window_model::Window;
use crate::window_properties::case::Body;
use crate::window_properties::case::Case;
use crate::window_properties::case::Cut;
use crate::window_properties::case::Record;

/// What a result says: its aggregates, and its timestamp.
type Result = (Vec<Json>, i64);

/// What becomes of a record before it comes to windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Filtered,
    Rejected,
    Windowed(Option<i64>),
}

impl Case {
    /// Whether values are decoded at all.
    fn reads_values(&self) -> bool {
        let has_argument = self
            .aggregates
            .iter()
            .any(|aggregate| aggregate.named().2.is_some());
        self.has_filter || self.has_key || has_argument
    }

    fn fate(&self, record: &Record) -> Fate {
        let (x, is_meant) = match record.body {
            Body::Tombstone => return Fate::Filtered,
            Body::Junk if self.reads_values() => return Fate::Rejected,
            Body::Junk | Body::Text => (None, true),
            Body::Number(x, is_meant) => (x, is_meant),
        };
        if self.has_filter && !is_meant {
            return Fate::Filtered;
        }
        let is_number = !matches!(record.body, Body::Text);
        match record.key.is_some() && record.time >= 0 && is_number {
            true => Fate::Windowed(x),
            false => Fate::Rejected,
        }
    }
}

/// A case under way: the engine, and beside it the model.
struct Trial<'c> {
    case: &'c Case,
    windowing: Windowing,
    task: Task,
    effects: Effects,
    model: Model,
    members: Vec<Member>,
    /// The last result of each window that came out.
    known: BTreeMap<Window, Result>,
    /// The last word on windows that closed, where updates come out.
    finals: BTreeMap<Window, Result>,
    account: Account,
}

impl<'c> Trial<'c> {
    fn new(case: &'c Case) -> Self {
        let windowing = case.windowing();
        Self {
            case,
            task: windowing.task(),
            windowing,
            effects: Effects::new(),
            model: Model::new(case.kind, case.grace),
            members: Vec::new(),
            known: BTreeMap::new(),
            finals: BTreeMap::new(),
            account: Account::default(),
        }
    }

    fn run(&mut self) {
        for (number, record) in self.case.records.iter().enumerate() {
            self.take(number, record);
            if (number + 1) % self.case.commit == 0 {
                self.commit();
            }
            if (number + 1) % self.case.cut.0 == 0 {
                self.cut(number + 1);
            }
        }
    }

    /// What `outs` say of windows, in order; no result is a tombstone.
    fn results(&self, outs: &[Out]) -> Vec<(Window, Option<Result>)> {
        let sink = outs
            .iter()
            .filter(|out| out.destination == Destination::Sink);
        sink.map(|out| self.result(out)).collect()
    }

    fn result(&self, out: &Out) -> (Window, Option<Result>) {
        let key = String::from_utf8(out.rec.key.clone().unwrap()).unwrap();
        if out.rec.value.is_none() {
            let bound = |name: &str| out.header(name).unwrap().parse::<i64>().unwrap();
            let bounds = (bound("tidemill-window-start"), bound("tidemill-window-end"));
            return ((key, Some(bounds)), None);
        }
        let mut json = out.json();
        let bound = |name: &str| json["window"][name].as_i64();
        let bounds = bound("start").zip(bound("end"));
        let aggregates = self.case.aggregates.iter();
        let values = aggregates.map(|aggregate| json[aggregate.named().0].take());
        ((key, bounds), Some((values.collect(), out.rec.timestamp)))
    }

    fn expected(&self, (window, numbers): (&Window, &Vec<usize>)) -> (Window, Result) {
        let members: Vec<Member> = numbers.iter().map(|n| self.members[*n]).collect();
        let length = window.1.map_or(0, |(start, end)| end - start);
        let aggregates = self.case.aggregates.iter();
        let values = aggregates.map(|aggregate| aggregate.of(&members, length));
        let time = members.iter().map(|(time, ..)| *time).max().unwrap();
        (window.clone(), (values.collect(), time))
    }

    fn expect_all<'w>(
        &self,
        windows: impl IntoIterator<Item = (&'w Window, &'w Vec<usize>)>,
    ) -> BTreeMap<Window, Result> {
        windows
            .into_iter()
            .map(|window| self.expected(window))
            .collect()
    }

    fn take(&mut self, number: usize, record: &Record) {
        let fate = self.case.fate(record);
        let late_before = self.model.late;
        let is_open: BTreeSet<Window> = self.model.open.keys().cloned().collect();
        let closed = match (fate, record.key) {
            (Fate::Windowed(x), Some(key)) => {
                self.members.push((record.time, number, x));
                let key = key.to_owned();
                let time = record.time;
                self.model.add(Given { key, time })
            }
            _ => BTreeMap::new(),
        };
        let outs = step(&mut self.task, &[record.at(number)], &mut self.effects);
        self.account += self.effects.account;
        self.check_aside(fate, self.model.late > late_before, &outs);
        let came = self.results(&outs);
        let is_taken = matches!(fate, Fate::Windowed(_)) && self.model.late == late_before;
        match self.case.emit {
            Emit::Final => self.check_finals(&closed, came, is_taken.then_some(record)),
            Emit::EveryUpdate => self.check_changes(&is_open, came, is_taken),
            Emit::Updates => self.check_last_words(&closed, came),
        }
    }

    /// Where records that no window takes go, and that each is counted as what it is.
    fn check_aside(&self, fate: Fate, is_late: bool, outs: &[Out]) {
        let account = &self.effects.account;
        let counts = [
            account.filtered,
            account.rejected,
            account.late,
            account.aggregated,
        ];
        let expected = match fate {
            Fate::Filtered => [1, 0, 0, 0],
            Fate::Rejected => [0, 1, 0, 0],
            Fate::Windowed(_) if is_late => [0, 0, 1, 0],
            Fate::Windowed(_) => [0, 0, 0, 1],
        };
        assert_eq!(counts, expected, "filtered, rejected, late, aggregated");
        let to = |destination| {
            outs.iter()
                .filter(|out| out.destination == destination)
                .count()
        };
        let aside = [
            to(Destination::DeadLetter) as u64,
            to(Destination::Late) as u64,
        ];
        assert_eq!(aside, [expected[1], expected[2]], "put aside");
    }

    /// Each window comes out when it closes, once; the last rows of a key with each of its records.
    fn check_finals(
        &self,
        closed: &BTreeMap<Window, Vec<usize>>,
        came: Vec<(Window, Option<Result>)>,
        taken: Option<&Record>,
    ) {
        let theirs = match (self.case.kind, taken.and_then(|record| record.key)) {
            (Kind::Rows { .. }, Some(key)) => {
                let of_key = self.model.open.iter().filter(|(window, _)| window.0 == key);
                self.expect_all(of_key)
            }
            _ => self.expect_all(closed),
        };
        assert_eq!(came.len(), theirs.len(), "each once: {came:?}");
        let mut ours = BTreeMap::new();
        apply(&mut ours, came);
        check(&ours, &theirs);
    }

    /// Each change of an open window comes out, and nothing else.
    fn check_changes(
        &mut self,
        was_open: &BTreeSet<Window>,
        came: Vec<(Window, Option<Result>)>,
        is_taken: bool,
    ) {
        let number = self.members.len().wrapping_sub(1);
        if !matches!(self.case.kind, Kind::Session { .. }) {
            let changed = self.model.open.iter().filter(|(window, numbers)| {
                is_taken && (numbers.contains(&number) || !was_open.contains(*window))
            });
            assert_eq!(came.len(), changed.count(), "each once: {came:?}");
        }
        apply(&mut self.known, came);
        self.known
            .retain(|window, _| !self.model.closed.contains(window));
        check(&self.known, &self.expect_all(&self.model.open));
    }

    /// A window that closes has said all that it had to say.
    fn check_last_words(
        &mut self,
        closed: &BTreeMap<Window, Vec<usize>>,
        came: Vec<(Window, Option<Result>)>,
    ) {
        apply(&mut self.known, came);
        for (window, result) in self.expect_all(closed) {
            let known = self.known.get(&window).cloned();
            let known = BTreeMap::from_iter(known.map(|known| (window.clone(), known)));
            check(&known, &BTreeMap::from([(window.clone(), result.clone())]));
            self.finals.insert(window, result);
        }
    }

    fn commit(&mut self) {
        self.effects.clear();
        self.task.flush(&mut self.effects).unwrap();
        let came = self.results(&outs(&self.effects));
        if self.case.emit != Emit::Updates {
            assert_eq!(came, []);
            return;
        }
        let windows: BTreeSet<&Window> = came.iter().map(|(window, _)| window).collect();
        assert_eq!(windows.len(), came.len(), "each at most once: {came:?}");
        apply(&mut self.known, came);
        let mut theirs = self.expect_all(&self.model.open);
        theirs.extend(self.finals.clone());
        check(&self.known, &theirs);
    }

    /// Interrupts the task, which has dealt with so many records.
    fn cut(&mut self, dealt_with: usize) {
        match self.case.cut.1 {
            Cut::Saved => self.task = self.windowing.reloaded(&self.task),
            Cut::Restarted => self.restart(dealt_with),
        }
    }

    /// Goes on from the progress alone, and reads again what open windows hold.
    fn restart(&mut self, dealt_with: usize) {
        self.commit();
        let progress = self.task.progress();
        let end = Offset(i64::try_from(dealt_with).unwrap());
        assert_eq!(progress.position, end);
        self.task = self.windowing.task();
        self.task.restore(&progress);
        let again = usize::try_from(progress.committable.0).unwrap();
        let records = self.case.records.iter().enumerate();
        let records = records.take(dealt_with).skip(again);
        let records: Vec<Rec> = records.map(|(number, record)| record.at(number)).collect();
        for record in &records {
            // A commit while it catches up.
            self.effects.clear();
            self.task.flush(&mut self.effects).unwrap();
            assert_eq!(outs(&self.effects), [], "what it holds is not whole yet");
            let came = step(
                &mut self.task,
                std::slice::from_ref(record),
                &mut self.effects,
            );
            assert_eq!(came, [], "all of it came out before");
        }
        self.commit();
        assert_eq!(self.task.progress(), progress);
    }
}

/// What is known of windows after what came out: the last result of each that is still there.
fn apply(known: &mut BTreeMap<Window, Result>, came: Vec<(Window, Option<Result>)>) {
    for (window, result) in came {
        match result {
            Some(result) => known.insert(window, result),
            None => known.remove(&window),
        };
    }
}

fn check(ours: &BTreeMap<Window, Result>, theirs: &BTreeMap<Window, Result>) {
    let is_same =
        |((window, result), (other, expected)): ((&Window, &Result), (&Window, &Result))| {
            let mut values = result.0.iter().zip(&expected.0);
            window == other && result.1 == expected.1 && values.all(|(a, b)| is_same(a, b))
        };
    let is_equal = ours.len() == theirs.len() && ours.iter().zip(theirs).all(is_same);
    assert!(is_equal, "ours: {ours:?}\n  theirs: {theirs:?}");
}

/// What is wrong with `case`, if anything is.
fn fault(case: &Case) -> Option<String> {
    let run = catch_unwind(AssertUnwindSafe(|| Trial::new(case).run()));
    let panic = run.err()?;
    let text = panic.downcast_ref::<String>().cloned();
    let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
    Some(text.unwrap_or_default())
}

/// The case, without the records that its fault does not need.
fn smallest(mut case: Case) -> Case {
    let mut number = 0;
    while number < case.records.len() {
        let mut smaller = case.clone();
        smaller.records.remove(number);
        match fault(&smaller) {
            Some(_) => case = smaller,
            None => number += 1,
        }
    }
    case
}

#[test]
fn random_flows_come_to_what_their_definitions_say() {
    let first = setting("TIDEMILL_SEED", 0);
    let seeds = first..first + setting("TIDEMILL_CASES", 20_000);
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let faulty = std::thread::scope(|scope| {
        let workers = (0..threads).map(|worker| {
            let seeds = seeds.clone().skip(worker).step_by(threads);
            scope.spawn(move || {
                seeds
                    .into_iter()
                    .find(|seed| fault(&Case::of(*seed)).is_some())
            })
        });
        let workers: Vec<_> = workers.collect();
        let faulty = workers
            .into_iter()
            .map(|worker| worker.join().expect("a worker"));
        faulty.flatten().min()
    });
    if let Some(seed) = faulty {
        let case = smallest(Case::of(seed));
        let fault = fault(&case).expect("it is still there");
        panic!("seed {seed}: {fault}\n{case:#?}");
    }
}
