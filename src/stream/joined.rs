//! A stretch of operators, with as many input topics as it has sources.
//!
//! Records are read off their bytes as they come, and wait in a queue for each input. The record
//! with the smallest event time goes first, of equal ones that of the first input; while an input
//! that is known to hold more has nothing to show, all wait for it, so that the order does not
//! depend on how the inputs happen to come (Kafka Streams' rule: golden/streams, S-90 and S-91).
//!
//! # Time
//!
//! Where records of a stream come of an internal topic, the clocks that come with them say what time
//! it is: that of the writer that is furthest behind ([`crate::stream::source_clocks`]), so that no
//! record is late because of how partitions happen to be read. Else each operator goes by the
//! records that reach it. What goes to other stretches carries the clock of this task, and records
//! that `where` refuses move it too.
//!
//! A global table has no time: its records go first of all, and before anything else is dealt with
//! every partition of it is read to its end once.
//!
//! # A restart
//!
//! What is kept is rebuilt by reading again: an input whose records end in tables or running
//! aggregates from where it began, one whose records wait in joins from the first that still may
//! find a partner ([`crate::stream::reach::Reach`]). What was dealt with before is dealt
//! with first, and brings nothing out.

use std::sync::Arc;

use chrono::TimeDelta;

use crate::codec::avro::schema::SchemaError;
use crate::codec::framing::SchemaId;
use crate::codec::projection::Root;
use crate::record::Offset;
use crate::record::PartitionId;
use crate::record::RecordView;
use crate::record::Timestamp;
use crate::record::Value;
use crate::store::persist::Malformed;
use crate::store::persist::Reader;
use crate::store::persist::Writer;
use crate::stream::clock::PartitionClock;
use crate::stream::clock::Reading;
use crate::stream::effects::Destination;
use crate::stream::effects::Effects;
use crate::stream::end_windows::EndWindows;
use crate::stream::graph::machine::Graph;
use crate::stream::graph::message::Key;
use crate::stream::graph::message::Message;
use crate::stream::graph::message::RowKey;
use crate::stream::graph::message::Shared;
use crate::stream::graph::operator::Fate;
use crate::stream::graph::topology::NodeId;
use crate::stream::onward;
use crate::stream::onward::Cause;
use crate::stream::onward::Onward;
use crate::stream::outcome::Outcome;
use crate::stream::outcome::Trouble;
use crate::stream::progress::Progress;
use crate::stream::progress::SourceTime;
use crate::stream::reason::Reason;
use crate::stream::side::Queued;
use crate::stream::side::Side;
use crate::stream::stage::Stage;
use crate::stream::step::Drained;
use crate::stream::step::Failure;
use crate::stream::step::StepEnd;
use crate::stream::stretch::Stretch;
use crate::stream::value_writer::ValueWriter;
use crate::stream::windowed::ReplayClock;

/// One partition of a stage with several inputs.
#[derive(Debug)]
pub(crate) struct Joined {
    sides: Vec<Side>,
    graph: Graph,
    values: ValueWriter,
    clock: PartitionClock,
    /// Whether the clocks of internal topics say what time it is.
    goes_by_sources: bool,
    is_idle: bool,
    /// Whether global tables have been read to their ends once.
    has_globals: bool,
    onward: Onward,
    windows: Option<EndWindows>,
    came_out: Vec<(NodeId, Message)>,
}

impl Joined {
    pub(crate) fn new(
        stage: &Arc<Stage>,
        stretch: &Stretch,
        partition: PartitionId,
        id: SchemaId,
    ) -> Result<Self, SchemaError> {
        let sides = stretch.inputs.iter();
        let sides = sides.map(|input| Side::new(stage, stretch, input, partition));
        let sides = sides.collect::<Result<Vec<_>, _>>()?;
        let goes_by_sources = sides.iter().any(|side| side.tells_time);
        let mut graph = Graph::new(&stretch.topology);
        if goes_by_sources {
            graph.set_clock(Timestamp::MIN);
        }
        Ok(Self {
            sides,
            graph,
            values: ValueWriter::new([], &stage.flow.sink.value, id)?,
            clock: PartitionClock::new(Timestamp::MIN, idle(stretch)),
            goes_by_sources,
            is_idle: false,
            has_globals: false,
            onward: Onward::new(stretch, partition),
            windows: match stretch.is_last() {
                true => EndWindows::new(stage, id)?,
                false => None,
            },
            came_out: Vec::new(),
        })
    }

    /// The values of the row of `key` in the tables that are kept.
    pub(crate) fn rows(&self, key: &str) -> Vec<Shared> {
        let key = Key::of(&Value::text(key));
        let row = key.map(|key| RowKey { key, window: None });
        row.iter().flat_map(|row| self.graph.rows(row)).collect()
    }

    /// Takes in records of the first input, with nothing to wait for.
    pub(crate) fn step<'b>(
        &mut self,
        records: impl Iterator<Item = RecordView<'b>>,
        now: Timestamp,
        position: &mut Offset,
        effects: &mut Effects,
    ) -> StepEnd {
        let end = self.offer(0, records, now, effects);
        if let Err(failure) = self.work(|_| Reading::CaughtUp, effects) {
            return StepEnd::Failed(failure);
        }
        *position = (*position).max(self.position(0));
        match end {
            StepEnd::Done if self.waits_for_room(effects) => StepEnd::Full {
                offset: self.offered(0),
            },
            end => end,
        }
    }

    /// Whether records wait only until what came out is written.
    fn waits_for_room(&self, effects: &Effects) -> bool {
        let mut sides = self.sides.iter();
        effects.is_full() && sides.any(|side| side.first_time().is_some())
    }

    /// Reads `records` of an input, and lets them wait.
    pub(crate) fn offer<'b>(
        &mut self,
        input: usize,
        records: impl Iterator<Item = RecordView<'b>>,
        now: Timestamp,
        effects: &mut Effects,
    ) -> StepEnd {
        match self.sides.get_mut(input) {
            Some(side) => side.offer(records, now, effects),
            None => StepEnd::Done,
        }
    }

    /// Deals with the records that wait, as far as their order is known and there is room for what
    /// comes out.
    ///
    /// # Errors
    ///
    /// Where a record or a result is at fault and the flow is to stop then.
    pub(crate) fn work(
        &mut self,
        reading: impl Fn(usize) -> Reading,
        effects: &mut Effects,
    ) -> Result<(), Failure> {
        if self.put_out_more(effects)? == Drained::Part {
            return Ok(());
        }
        while let Some(input) = self.next(&reading).filter(|_| !effects.is_full()) {
            let Some(side) = self.sides.get_mut(input) else {
                break;
            };
            if let Some(queued) = side.pop() {
                self.take(input, queued, effects)?;
            }
        }
        let stream_time = self.clock.stream_time();
        self.sides
            .iter_mut()
            .for_each(|side| side.forget(stream_time));
        Ok(())
    }

    /// The input whose first record is the next; `None` where none is, or it is not known yet.
    fn next(&mut self, reading: &impl Fn(usize) -> Reading) -> Option<usize> {
        if let Some(next) = self.next_global(reading) {
            return next;
        }
        let is_replaying = self.sides.iter().any(Side::is_replaying);
        let mut next: Option<(Timestamp, usize)> = None;
        for (input, side) in self.sides.iter().enumerate() {
            if is_replaying && !side.is_replaying() {
                continue;
            }
            match side.first_time() {
                _ if side.is_global => {}
                Some(time) if next.is_none_or(|(least, _)| time < least) => {
                    next = Some((time, input));
                }
                Some(_) => {}
                None if reading(input) == Reading::Behind => return None,
                None => {}
            }
        }
        // What was there before and is not any more cannot come again.
        if next.is_none() && is_replaying {
            let rest = self.sides.iter().enumerate();
            let rest = rest.filter(|(_, side)| !side.is_global);
            let rest = rest.filter_map(|(input, side)| Some((side.first_time()?, input)));
            next = rest.min();
        }
        next.map(|(_, input)| input)
    }

    /// The global table whose record is the next, or `Some(None)` where one has not been read to its
    /// end for the first time; `None` where the others may go on.
    fn next_global(&mut self, reading: &impl Fn(usize) -> Reading) -> Option<Option<usize>> {
        let mut is_waiting = false;
        for (input, side) in self.sides.iter().enumerate() {
            match side.first_time() {
                Some(_) if side.is_global => return Some(Some(input)),
                None if side.is_global && reading(input) == Reading::Behind => is_waiting = true,
                _ => {}
            }
        }
        self.has_globals |= !is_waiting;
        (!self.has_globals).then_some(None)
    }

    fn take(
        &mut self,
        input: usize,
        mut queued: Queued,
        effects: &mut Effects,
    ) -> Result<(), Failure> {
        self.hear(input, &queued, effects)?;
        let message = queued.message.take();
        let (Some(message), Some(side)) = (message, self.sides.get_mut(input)) else {
            return Ok(());
        };
        let (time, node) = (message.time, side.node);
        let is_replayed = side.is_replayed(queued.offset);
        let fate = match side.is_repetition(&queued) {
            true => None,
            false => {
                self.graph.set_sequence(self.records());
                Some(self.graph.take(node, message, &mut self.came_out))
            }
        };
        if is_replayed {
            // Only what windows are rebuilt from is wanted once more.
            let (onward, has_windows) = (&self.onward, self.windows.is_some());
            self.came_out
                .retain(|(node, _)| has_windows && onward.way(*node).is_none());
        }
        let cause = Cause {
            input,
            offset: queued.offset,
            raw: queued.raw.as_ref(),
        };
        let ended = self.put_out(Some((cause, is_replayed)), effects)?;
        let stream_time = self.clock.stream_time();
        let outcome = match fate {
            None => Ok(Outcome::Replayed),
            _ if is_replayed => Ok(Outcome::Replayed),
            Some(Fate::Rejected(refusal)) => Err(Reason::Refused(refusal.0).into()),
            Some(Fate::Taken) => ended.unwrap_or(Ok(Outcome::Passed)),
            Some(Fate::Filtered) => Ok(Outcome::Filtered),
            Some(Fate::Late) => Ok(Outcome::Late { time, stream_time }),
        };
        match self.sides.get(input) {
            Some(side) => side.enter(queued.offset, queued.raw, time, outcome, effects),
            None => Ok(()),
        }
    }

    /// Takes the time that `queued` brings.
    fn hear(
        &mut self,
        input: usize,
        queued: &Queued,
        effects: &mut Effects,
    ) -> Result<(), Failure> {
        self.clock.wake();
        if queued.message.is_some() || queued.came.is_none() {
            self.is_idle = false;
        }
        if let Some(side) = self.sides.get_mut(input) {
            side.hear(queued);
        }
        let is_global = self.sides.get(input).is_some_and(|side| side.is_global);
        match (self.goes_by_sources, is_global) {
            (true, _) => return self.settle_clock(effects),
            (false, true) => {}
            (false, false) => {
                self.clock.observe(queued.time);
            }
        }
        Ok(())
    }

    /// Lets time go on to where all writers of internal topics are.
    fn settle_clock(&mut self, effects: &mut Effects) -> Result<(), Failure> {
        let telling = self.sides.iter().filter(|side| side.tells_time);
        let time = telling.map(Side::source_time).min();
        if !time.is_some_and(|time| self.clock.observe(time)) {
            return Ok(());
        }
        let time = self.clock.stream_time();
        self.graph.set_clock(time);
        self.advance(time, effects)
    }

    /// Lets time go on to `time` for all operators.
    fn advance(&mut self, time: Timestamp, effects: &mut Effects) -> Result<(), Failure> {
        if let Fate::Rejected(refusal) = self.graph.advance(time, &mut self.came_out) {
            let reason = Reason::Refused(refusal.0);
            if let Some(side) = self.sides.first() {
                side.put_aside(&[], time, &reason, effects)?;
            }
        }
        self.put_out(None, effects).map(drop)
    }

    /// How many records the inputs have given, but for global tables.
    fn records(&self) -> i64 {
        let shared = self.sides.iter().filter(|side| !side.is_global);
        let positions = shared.map(|side| side.position().0);
        positions.fold(0, i64::saturating_add)
    }

    /// Writes what came out of the graph, or takes it into the windows that the flow ends in,
    /// because of a record, which an earlier run may have dealt with, or of time. Says what became of
    /// it in windows.
    fn put_out(
        &mut self,
        cause: Option<(Cause<'_>, bool)>,
        effects: &mut Effects,
    ) -> Result<Option<Result<Outcome, Box<Trouble>>>, Failure> {
        let (clock, stream_time) = (self.told_clock(), self.clock.stream_time());
        let is_replayed = cause.is_some_and(|(_, is_replayed)| is_replayed);
        let records = self.records();
        if let Some(windows) = &mut self.windows
            && !self.sides.iter().any(Side::is_replaying)
        {
            windows.advance(stream_time, effects)?;
        }
        let mut ended = None;
        for (number, (node, message)) in self.came_out.drain(..).enumerate() {
            if let Some(way) = self.onward.way(node) {
                let cause = cause.map(|(cause, _)| cause);
                self.onward
                    .send(way, message, (cause, number), clock, effects);
                continue;
            }
            let written = match &mut self.windows {
                None => write(&self.values, &message, effects),
                Some(windows) => {
                    let number = windows.number(records.saturating_sub(1), is_replayed);
                    let outcome = windows.add(&message, number, stream_time, effects);
                    match (cause, outcome.map_err(|trouble| *trouble)) {
                        (_, Err(Trouble::Stopped(failure))) => return Err(failure),
                        (None, Err(Trouble::Rejected(reason))) => Err(reason),
                        (None, _) => Ok(()),
                        (Some(_), outcome) => {
                            let outcome = outcome.map_err(Box::new);
                            ended = Some(together(ended.take(), outcome));
                            Ok(())
                        }
                    }
                }
            };
            if let (Err(reason), Some(side)) = (written, self.sides.first()) {
                let key = message.key.as_ref().map_or(&[][..], |key| key.bytes());
                side.put_aside(key, message.time, &reason, effects)?;
            }
        }
        Ok(ended)
    }

    /// What other stretches are told of the clock.
    fn told_clock(&self) -> SourceTime {
        let mut telling = self.sides.iter().filter(|side| side.tells_time);
        let is_idle = match self.goes_by_sources {
            true => telling.all(Side::is_idle),
            false => self.is_idle,
        };
        onward::told(self.clock.stream_time(), is_idle)
    }

    pub(crate) fn add_schema(
        &mut self,
        input: usize,
        root: Root,
        id: SchemaId,
        text: &str,
    ) -> Result<(), SchemaError> {
        match self.sides.get_mut(input) {
            Some(side) => side.add_schema(root, id, text),
            None => Ok(()),
        }
    }

    pub(crate) fn tick(
        &mut self,
        now: Timestamp,
        reading: Reading,
        effects: &mut Effects,
    ) -> Result<(), Failure> {
        let is_waiting = self.sides.iter().any(|side| side.first_time().is_some());
        let reading = if is_waiting { Reading::Behind } else { reading };
        if self.goes_by_sources {
            self.sides
                .iter_mut()
                .for_each(|side| side.tick(now, reading));
            self.settle_clock(effects)?;
        } else if let Some(beyond) = self.clock.tick(now, reading) {
            self.is_idle = true;
            if self.clock.follow(beyond) {
                self.advance(self.clock.stream_time(), effects)?;
            }
        }
        self.onward.tell(self.told_clock(), effects);
        Ok(())
    }

    pub(crate) fn has_more(&self) -> bool {
        self.windows.as_ref().is_some_and(EndWindows::has_more)
    }

    pub(crate) fn put_out_more(&mut self, effects: &mut Effects) -> Result<Drained, Failure> {
        match &mut self.windows {
            Some(windows) if windows.has_more() => windows.put_out_more(effects),
            _ => Ok(Drained::All),
        }
    }

    pub(crate) fn flush(&mut self, effects: &mut Effects) -> Result<(), Failure> {
        if let Some(windows) = &mut self.windows {
            windows.flush(effects)?;
        }
        self.onward.tell(self.told_clock(), effects);
        Ok(())
    }

    /// The same for a commit at `now`, which may be too early for windows to bring changes out.
    pub(crate) fn flush_due(
        &mut self,
        now: Timestamp,
        effects: &mut Effects,
    ) -> Result<(), Failure> {
        if let Some(windows) = &mut self.windows {
            windows.flush_due(now, effects)?;
        }
        self.onward.tell(self.told_clock(), effects);
        Ok(())
    }

    /// Puts out what is open in the windows that the flow ends in, as if it closed now.
    pub(crate) fn show(&mut self, effects: &mut Effects) -> Result<(), Failure> {
        let stream_time = self.clock.stream_time();
        match &mut self.windows {
            Some(windows) => windows.show(stream_time, effects),
            None => Ok(()),
        }
    }

    /// The offset of the next record of an input that has not been dealt with.
    pub(crate) fn position(&self, input: usize) -> Offset {
        let side = self.sides.get(input);
        side.map_or(Offset(0), Side::position)
    }

    /// The offset of the next record of an input that has not been offered.
    pub(crate) fn offered(&self, input: usize) -> Offset {
        self.sides.get(input).map_or(Offset(0), |side| side.offered)
    }

    /// Says that nothing is left to read of an input below `position`.
    pub(crate) fn move_to(&mut self, input: usize, position: Offset) {
        if let Some(side) = self.sides.get_mut(input) {
            side.offered = side.offered.max(position);
        }
    }

    /// How many bytes of records of an input wait, about.
    pub(crate) fn waiting_bytes(&self, input: usize) -> usize {
        self.sides.get(input).map_or(0, |side| side.waiting_bytes)
    }

    pub(crate) fn progress(&self, input: usize) -> Progress {
        let stream_time = self.clock.stream_time();
        match self.sides.get(input) {
            Some(side) => side.progress(stream_time),
            None => Progress::starting_at(Offset(0)),
        }
    }

    pub(crate) fn restore(&mut self, input: usize, progress: &Progress) {
        if let Some(side) = self.sides.get_mut(input) {
            side.restore(progress);
        }
        self.clock.observe(progress.stream_time);
        let is_global = self.sides.get(input).is_some_and(|side| side.is_global);
        if let (Some(windows), false) = (&mut self.windows, is_global) {
            let clock = match self.goes_by_sources {
                true => ReplayClock::Unknown,
                false => ReplayClock::OfRecords,
            };
            windows.restore(self.clock.stream_time(), progress.position.0, clock);
        }
        if self.goes_by_sources {
            self.graph.set_clock(self.clock.stream_time());
        }
    }

    pub(crate) fn save(&self, out: &mut Writer) {
        out.put(&self.clock.stream_time());
        out.put(&self.is_idle);
        self.onward.save(out);
        self.graph.save(out);
        if let Some(windows) = &self.windows {
            windows.save(out);
        }
        for side in &self.sides {
            side.save(out);
        }
    }

    pub(crate) fn load(&mut self, from: &mut Reader<'_>) -> Result<(), Malformed> {
        self.clock.observe(from.take()?);
        self.is_idle = from.take()?;
        self.onward.load(from)?;
        self.graph.load(from)?;
        if let Some(windows) = &mut self.windows {
            windows.load(from)?;
        }
        self.sides.iter_mut().try_for_each(|side| side.load(from))
    }
}

/// How long the user's topics must be silent: as long as the one that may longest, if all have a
/// bound.
fn idle(stretch: &Stretch) -> Option<TimeDelta> {
    let inputs = stretch.inputs.iter();
    let own = inputs.filter(|input| input.internal.is_none() && input.partition.is_none());
    let idles = own.map(|input| input.input.flow.source.idle);
    idles.collect::<Option<Vec<_>>>()?.into_iter().max()
}

/// What became of a record several messages of which came to the end: what is wrong with one, else
/// what went into windows, else what is late.
fn together(
    before: Option<Result<Outcome, Box<Trouble>>>,
    outcome: Result<Outcome, Box<Trouble>>,
) -> Result<Outcome, Box<Trouble>> {
    use Outcome::Aggregated;
    match (before, outcome) {
        (None, outcome) | (Some(Ok(Outcome::Filtered)), outcome) => outcome,
        (Some(Err(trouble)), _) | (Some(Ok(_)), Err(trouble)) => Err(trouble),
        (
            Some(Ok(Aggregated {
                expired_windows: before,
            })),
            Ok(Aggregated { expired_windows }),
        ) => Ok(Aggregated {
            expired_windows: before + expired_windows,
        }),
        (Some(Ok(aggregated @ Aggregated { .. })), Ok(_)) => Ok(aggregated),
        (Some(Ok(_)), Ok(outcome)) => Ok(outcome),
    }
}

fn write(values: &ValueWriter, message: &Message, effects: &mut Effects) -> Result<(), Reason> {
    let key = message.key.as_ref().map(|key| key.bytes());
    let draft = effects.draft(Destination::Sink, message.time).key(key);
    let draft = match &message.value {
        Some(value) => draft.value_with(|out| values.put_value(value, out))?,
        None => draft.value(None),
    };
    let headers = message.headers.iter().flat_map(|headers| headers.iter());
    let draft = headers.fold(draft, |draft, (name, value)| {
        draft.header(name, value.as_deref())
    });
    draft.commit();
    effects.account.results += 1;
    Ok(())
}
