//! One partition of one stage.

use std::sync::Arc;

use crate::codec::avro::schema::SchemaError;
use crate::codec::framing::SchemaId;
use crate::codec::projection::Root;
use crate::record::Offset;
use crate::record::PartitionId;
use crate::record::RecordView;
use crate::record::Timestamp;
use crate::store::persist::Malformed;
use crate::store::persist::Reader;
use crate::store::persist::Writer;
use crate::stream::after_repartition::AfterRepartition;
use crate::stream::before_repartition::BeforeRepartition;
use crate::stream::clock::Reading;
use crate::stream::cut;
use crate::stream::effects::Effects;
use crate::stream::graph::message::Shared;
use crate::stream::joined::Joined;
use crate::stream::mapped::Mapped;
use crate::stream::plan::Operator;
use crate::stream::plan::WindowAggregate;
use crate::stream::progress::Progress;
use crate::stream::stage::Part;
use crate::stream::stage::Stage;
use crate::stream::step::Failure;
use crate::stream::step::StepEnd;
use crate::stream::whole::Whole;

/// One partition of one stage: takes records in offset order, keeps the state that they leave, and
/// says what is to be written.
///
/// The runtime's loop: [`step`](Self::step) over the records of a batch, then
/// [`move_to`](Self::move_to) the offset after it; now and then [`tick`](Self::tick); at each
/// commit [`flush`](Self::flush), write the effects, and once they are acknowledged commit the
/// [`progress`](Self::progress). Whatever was called, the effects are written and cleared
/// afterwards, and as long as the task [`has_more`](Self::has_more) it is to
/// [`put_out_more`](Self::put_out_more), so that however much comes out, little of it stands in
/// memory. A task knows neither topics nor the wall clock but by what it is
/// told, so the same calls always give the same effects.
///
/// Until state is durable, a restart goes on from [`Progress::committable`] and
/// [`restore`](Self::restore)s the clocks: windows that were closed stay closed and open ones are
/// rebuilt exactly, from records that were read before. Results that came out between the last
/// commit and a crash come out again; none is lost, and none is wrong.
#[derive(Debug)]
pub struct Task {
    operator: Run,
    position: Offset,
}

/// What each kind of stage does with records.
#[derive(Debug)]
enum Run {
    Mapped(Box<Mapped>),
    Whole(Box<Whole>),
    BeforeRepartition(Box<BeforeRepartition>),
    AfterRepartition(Box<AfterRepartition>),
    Joined(Box<Joined>),
}

/// The same call for whichever kind it is.
macro_rules! each {
    ($run:expr, $operator:ident => $body:expr) => {
        match $run {
            Run::Mapped($operator) => $body,
            Run::Whole($operator) => $body,
            Run::BeforeRepartition($operator) => $body,
            Run::AfterRepartition($operator) => $body,
            Run::Joined($operator) => $body,
        }
    };
}

impl Task {
    /// A task for `partition` of the input topic of `stage`, at offset 0 and without state.
    ///
    /// `sink_schema` is the id that the schema registry gave the schema of the sink, where that
    /// is written as Avro ([`crate::stream::plan::ValueFormat::Avro`]); else it is not used.
    ///
    /// # Errors
    ///
    /// [`SchemaError`] where the source's or the sink's schema is none.
    pub fn new(
        stage: &Arc<Stage>,
        partition: PartitionId,
        sink_schema: Option<SchemaId>,
    ) -> Result<Self, SchemaError> {
        let id = sink_schema.unwrap_or(SchemaId::Number(0));
        let operator = match (&stage.flow.operator, &stage.part) {
            (_, Part::Stretch(stretch)) => {
                Run::Joined(Joined::new(stage, stretch, partition, id)?.into())
            }
            (Operator::Map(map), _) => Run::Mapped(Mapped::new(stage, map, partition, id)?.into()),
            (Operator::Graph(graph), _) => {
                let uncut = cut::uncut(&stage.flow, graph);
                Run::Joined(Joined::new(stage, &uncut, partition, id)?.into())
            }
            (Operator::Window(all), part) => Self::windowed(stage, all, part, partition, id)?,
        };
        Ok(Self {
            operator,
            position: Offset(0),
        })
    }

    fn windowed(
        stage: &Arc<Stage>,
        all: &WindowAggregate,
        part: &Part,
        partition: PartitionId,
        id: SchemaId,
    ) -> Result<Run, SchemaError> {
        Ok(match part {
            Part::Whole | Part::Stretch(_) => {
                Run::Whole(Whole::new(stage, all, partition, id)?.into())
            }
            Part::BeforeRepartition { partitions, .. } => Run::BeforeRepartition(
                BeforeRepartition::new(stage, partition, *partitions)?.into(),
            ),
            Part::AfterRepartition { sources, .. } => {
                let after = AfterRepartition::new(stage, all, partition, *sources, id)?;
                Run::AfterRepartition(after.into())
            }
        })
    }

    /// Takes in `records`, in offset order, at wall clock `now`, and adds to `effects`.
    ///
    /// How records are spread over steps changes nothing but when results come out between
    /// commits. Records below the position are taken in again, which only a restart wants.
    pub fn step<'b>(
        &mut self,
        records: impl IntoIterator<Item = RecordView<'b>>,
        now: Timestamp,
        effects: &mut Effects,
    ) -> StepEnd {
        let position = &mut self.position;
        let records = records.into_iter();
        let end = each!(&mut self.operator, operator => {
            operator.step(records, now, position, effects)
        });
        debug_assert_eq!(effects.account.imbalance(), 0, "{:?}", effects.account);
        end
    }

    /// Makes known the text of a schema that [`StepEnd::NeedsSchema`] asked for; `root` is whose
    /// it is.
    ///
    /// # Errors
    ///
    /// [`SchemaError`] where `text` is no schema.
    pub fn add_schema(&mut self, root: Root, id: SchemaId, text: &str) -> Result<(), SchemaError> {
        self.add_schema_of(0, root, id, text)
    }

    /// As [`add_schema`](Self::add_schema), for one of several inputs.
    ///
    /// # Errors
    ///
    /// As [`add_schema`](Self::add_schema).
    pub fn add_schema_of(
        &mut self,
        input: usize,
        root: Root,
        id: SchemaId,
        text: &str,
    ) -> Result<(), SchemaError> {
        match &mut self.operator {
            Run::Mapped(operator) => operator.add_schema(root, id, text),
            Run::Whole(operator) => operator.add_schema(root, id, text),
            Run::BeforeRepartition(operator) => operator.add_schema(root, id, text),
            Run::AfterRepartition(operator) => operator.add_schema(root, id, text),
            Run::Joined(operator) => operator.add_schema(input, root, id, text),
        }
    }

    /// Takes in `records` of one of several inputs ([`Stage::inputs`]), which then wait for their
    /// turn: [`work`](Self::work) deals with them. Of a stage with one input, as
    /// [`step`](Self::step).
    pub fn offer<'b>(
        &mut self,
        input: usize,
        records: impl IntoIterator<Item = RecordView<'b>>,
        now: Timestamp,
        effects: &mut Effects,
    ) -> StepEnd {
        match &mut self.operator {
            Run::Joined(operator) => operator.offer(input, records.into_iter(), now, effects),
            _ => self.step(records, now, effects),
        }
    }

    /// Deals with records that wait, in the order of their event times, until an input that has
    /// more, as `reading` says of it, has nothing to show.
    ///
    /// # Errors
    ///
    /// [`Failure`] where a record or a result is at fault and the flow is to stop then.
    pub fn work(
        &mut self,
        reading: impl Fn(usize) -> Reading,
        effects: &mut Effects,
    ) -> Result<(), Failure> {
        match &mut self.operator {
            Run::Joined(operator) => operator.work(reading, effects),
            _ => Ok(()),
        }
    }

    /// How many bytes of records of an input wait for their turn, about.
    #[must_use]
    pub fn waiting_bytes(&self, input: usize) -> usize {
        match &self.operator {
            Run::Joined(operator) => operator.waiting_bytes(input),
            _ => 0,
        }
    }

    /// The offset of the next record of an input that has not been offered.
    #[must_use]
    pub fn offered(&self, input: usize) -> Offset {
        match &self.operator {
            Run::Joined(operator) => operator.offered(input),
            _ => self.position,
        }
    }

    /// The offset of the next record of an input that has not been dealt with.
    #[must_use]
    pub fn position_of(&self, input: usize) -> Offset {
        match &self.operator {
            Run::Joined(operator) => operator.position(input),
            _ => self.position,
        }
    }

    /// As [`move_to`](Self::move_to), for one of several inputs.
    pub fn move_input_to(&mut self, input: usize, position: Offset) {
        match &mut self.operator {
            Run::Joined(operator) => operator.move_to(input, position),
            _ => self.move_to(position),
        }
    }

    /// As [`progress`](Self::progress), for one of several inputs.
    #[must_use]
    pub fn progress_of(&self, input: usize) -> Progress {
        match &self.operator {
            Run::Joined(operator) => operator.progress(input),
            _ => self.progress(),
        }
    }

    /// As [`restore`](Self::restore), for one of several inputs.
    pub fn restore_input(&mut self, input: usize, progress: &Progress) {
        match &mut self.operator {
            Run::Joined(operator) => operator.restore(input, progress),
            _ => self.restore(progress),
        }
    }

    /// The offset of the next record that has not been dealt with.
    #[must_use]
    pub const fn position(&self) -> Offset {
        self.position
    }

    /// Says that nothing is left to read below `position`: offsets without records, such as
    /// transaction markers, or records compacted away. A position never goes back.
    pub fn move_to(&mut self, position: Offset) {
        self.position = self.position.max(position);
    }

    /// Lets the wall clock go on to `now`, for sources with `idle`
    /// ([`crate::stream::clock`]); `reading` is whether all that there is has been read.
    ///
    /// To be called about once a second, also where records come.
    ///
    /// # Errors
    ///
    /// [`Failure`] where a result cannot be written and the flow is to stop then.
    pub fn tick(
        &mut self,
        now: Timestamp,
        reading: Reading,
        effects: &mut Effects,
    ) -> Result<(), Failure> {
        each!(&mut self.operator, operator => operator.tick(now, reading, effects))
    }

    /// Puts out what a commit must not leave behind: updates of windows, and clock records of a
    /// repartition topic. To be called before each commit, with the effects of the last step.
    ///
    /// # Errors
    ///
    /// [`Failure`] where a result cannot be written and the flow is to stop then.
    pub fn flush(&mut self, effects: &mut Effects) -> Result<(), Failure> {
        each!(&mut self.operator, operator => operator.flush(effects))
    }

    /// Whether what was to come out has not all, because effects were full. Nothing else may be done
    /// with the task until [`put_out_more`](Self::put_out_more) has brought it out; a
    /// [`step`](Self::step) begins with it by itself.
    #[must_use]
    pub fn has_more(&self) -> bool {
        match &self.operator {
            Run::Mapped(_) | Run::BeforeRepartition(_) => false,
            Run::Whole(operator) => operator.has_more(),
            Run::AfterRepartition(operator) => operator.has_more(),
            Run::Joined(operator) => operator.has_more(),
        }
    }

    /// Puts out more of what was to come out, in the order in which all of it would have at once;
    /// `effects` have to be cleared before.
    ///
    /// # Errors
    ///
    /// [`Failure`] where a result cannot be written and the flow is to stop then.
    pub fn put_out_more(&mut self, effects: &mut Effects) -> Result<(), Failure> {
        match &mut self.operator {
            Run::Mapped(_) | Run::BeforeRepartition(_) => Ok(()),
            Run::Whole(operator) => operator.put_out_more(effects).map(drop),
            Run::AfterRepartition(operator) => operator.put_out_more(effects).map(drop),
            Run::Joined(operator) => operator.put_out_more(effects).map(drop),
        }
    }

    /// Puts out what stands in open windows and running aggregates, as if they closed now: of a
    /// copy of a task, to look into it.
    ///
    /// # Errors
    ///
    /// [`Failure`] where a result cannot be written and the flow is to stop then.
    pub(crate) fn show(&mut self, effects: &mut Effects) -> Result<(), Failure> {
        match &mut self.operator {
            Run::Whole(operator) => operator.show(effects),
            Run::Joined(operator) => operator.show(effects),
            _ => Ok(()),
        }
    }

    /// As [`flush`](Self::flush), of a commit at `now` that is not the last one: of updates that
    /// are thinned out only what is due ([`crate::stream::plan::Thinning`]).
    ///
    /// # Errors
    ///
    /// As [`flush`](Self::flush).
    pub fn flush_due(&mut self, now: Timestamp, effects: &mut Effects) -> Result<(), Failure> {
        match &mut self.operator {
            Run::Whole(operator) => operator.flush_due(now, effects),
            Run::AfterRepartition(operator) => operator.flush_due(now, effects),
            Run::Joined(operator) => operator.flush_due(now, effects),
            _ => self.flush(effects),
        }
    }

    /// The values of the row of `key`, a text, in the tables that it keeps, in the order of its
    /// operators.
    pub(crate) fn rows(&self, key: &str) -> Vec<Shared> {
        match &self.operator {
            Run::Joined(operator) => operator.rows(key),
            _ => Vec::new(),
        }
    }

    /// How far this task has come; to be committed once all effects so far are acknowledged.
    #[must_use]
    pub fn progress(&self) -> Progress {
        match &self.operator {
            Run::Mapped(operator) => operator.progress(self.position),
            Run::Whole(operator) => operator.progress(self.position),
            Run::BeforeRepartition(operator) => operator.progress(self.position),
            Run::AfterRepartition(operator) => operator.progress(self.position),
            Run::Joined(operator) => operator.progress(0),
        }
    }

    /// Goes on from `progress`, in a task that has not stepped yet. The next records to give it
    /// are those from [`Progress::committable`] on.
    pub fn restore(&mut self, progress: &Progress) {
        self.position = progress.committable;
        match &mut self.operator {
            Run::Mapped(operator) => operator.restore(progress),
            Run::Whole(operator) => operator.restore(progress),
            Run::BeforeRepartition(operator) => operator.restore(progress),
            Run::AfterRepartition(operator) => operator.restore(progress),
            Run::Joined(operator) => operator.restore(0, progress),
        }
    }

    /// Writes the state and the progress of this task, as of its position.
    ///
    /// Between a step and the next, when it has no more to put out; after [`flush`](Self::flush)
    /// where what comes out until then is to come out only once.
    pub fn save(&self, out: &mut Writer) {
        out.put(&SAVED_FORM);
        out.put(&self.operator.kind());
        out.put(&self.position);
        each!(&self.operator, operator => operator.save(out));
    }

    /// Makes this task, which has not stepped yet and is of the same plan, what was saved. The
    /// next records to give it are those from [`position`](Self::position) on.
    ///
    /// # Errors
    ///
    /// [`Malformed`] where the bytes are not those of such a task. Nothing may be done with the
    /// task then but to drop it.
    pub fn load(&mut self, from: &mut Reader<'_>) -> Result<(), Malformed> {
        if from.take::<u8>()? != SAVED_FORM {
            return Err(Malformed::new("an unknown form of state"));
        }
        if from.take::<u8>()? != self.operator.kind() {
            return Err(Malformed::new("the state of another kind of stage"));
        }
        self.position = from.take()?;
        each!(&mut self.operator, operator => operator.load(from))
    }
}

/// The form in which [`Task::save`] writes.
const SAVED_FORM: u8 = 3;

impl Run {
    /// A number of its kind, which saved state is told by.
    const fn kind(&self) -> u8 {
        match self {
            Self::Mapped(_) => 0,
            Self::Whole(_) => 1,
            Self::BeforeRepartition(_) => 2,
            Self::AfterRepartition(_) => 3,
            Self::Joined(_) => 4,
        }
    }
}
