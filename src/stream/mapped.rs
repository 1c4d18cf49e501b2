//! A stage without state: each record becomes one record of the sink topic.

use std::sync::Arc;

use crate::codec::avro::schema::SchemaError;
use crate::codec::framing::SchemaId;
use crate::codec::projection::Root;
use crate::codec::projection::Row;
use crate::expr::Program;
use crate::record::Offset;
use crate::record::PartitionId;
use crate::record::RecordView;
use crate::record::Timestamp;
use crate::store::persist::Malformed;
use crate::store::persist::Reader;
use crate::store::persist::Writer;
use crate::stream::clock::Reading;
use crate::stream::effects::Destination;
use crate::stream::effects::Effects;
use crate::stream::intake::Intake;
use crate::stream::outcome::Outcome;
use crate::stream::outcome::Trouble;
use crate::stream::plan::Flow;
use crate::stream::plan::Map;
use crate::stream::plan::Operator;
use crate::stream::progress::Progress;
use crate::stream::reason::Reason;
use crate::stream::source_step::SourceStep;
use crate::stream::stage::Stage;
use crate::stream::step::Failure;
use crate::stream::step::StepEnd;
use crate::stream::value_writer::Field;
use crate::stream::value_writer::ValueWriter;

/// Filters, re-keys and rewrites records, and remembers nothing.
///
/// A tombstone passes as it is, whatever `where` and `select` say, so that what an earlier record
/// wrote under its key is deleted too.
#[derive(Debug)]
pub(crate) struct Mapped {
    source: SourceStep,
    mapping: Mapping,
}

#[derive(Debug)]
struct Mapping {
    flow: Arc<Flow>,
    values: ValueWriter,
    key_text: Vec<u8>,
}

impl Mapped {
    pub(crate) fn new(
        stage: &Arc<Stage>,
        map: &Map,
        partition: PartitionId,
        id: SchemaId,
    ) -> Result<Self, SchemaError> {
        let columns = map.select.iter().flatten();
        let names = columns.map(|(name, _)| &**name);
        Ok(Self {
            source: SourceStep::new(stage, partition)?,
            mapping: Mapping {
                flow: Arc::clone(&stage.flow),
                values: ValueWriter::new(names, &stage.flow.sink.value, id)?,
                key_text: Vec::new(),
            },
        })
    }

    pub(crate) fn step<'b>(
        &mut self,
        records: impl Iterator<Item = RecordView<'b>>,
        _now: Timestamp,
        position: &mut Offset,
        effects: &mut Effects,
    ) -> StepEnd {
        let mapping = &mut self.mapping;
        self.source.run(
            records,
            position,
            effects,
            |intake, ledger, row, effects| {
                if ledger.is_replayed(row.record.offset) {
                    return Ok(Outcome::Replayed);
                }
                mapping.take(intake, row, effects)
            },
        )
    }

    pub(crate) fn add_schema(
        &mut self,
        root: Root,
        id: SchemaId,
        text: &str,
    ) -> Result<(), SchemaError> {
        self.source.intake.add_schema(root, id, text)
    }

    pub(crate) const fn tick(
        &self,
        _now: Timestamp,
        _reading: Reading,
        _effects: &Effects,
    ) -> Result<(), Failure> {
        Ok(())
    }

    pub(crate) const fn flush(&self, _effects: &Effects) -> Result<(), Failure> {
        Ok(())
    }

    pub(crate) fn progress(&self, position: Offset) -> Progress {
        Progress {
            position: self.source.ledger.reached(position),
            ..Progress::starting_at(position)
        }
    }

    pub(crate) const fn restore(&mut self, progress: &Progress) {
        self.source.ledger.replayed_below = progress.position;
    }

    pub(crate) fn save(&self, out: &mut Writer) {
        out.put(&self.source.ledger.replayed_below);
    }

    pub(crate) fn load(&mut self, from: &mut Reader<'_>) -> Result<(), Malformed> {
        self.source.ledger.replayed_below = from.take()?;
        Ok(())
    }
}

impl Mapping {
    #[inline]
    fn take(
        &mut self,
        intake: &mut Intake,
        row: &mut Row<'_>,
        effects: &mut Effects,
    ) -> Result<Outcome, Box<Trouble>> {
        intake.read(row)?;
        let is_tombstone = row.record.value.is_none();
        if !is_tombstone && !passes(self.flow.filter.as_ref(), row)? {
            return Ok(Outcome::Filtered);
        }
        self.put(intake, row, effects)?;
        effects.account.results += 1;
        Ok(Outcome::Passed)
    }

    fn put(
        &mut self,
        intake: &Intake,
        row: &Row<'_>,
        effects: &mut Effects,
    ) -> Result<(), Box<Reason>> {
        let record = row.record;
        let value = intake.key_value(row)?;
        let key = match &self.flow.key {
            None => record.key,
            Some(_) => Some(intake.key(row, value.as_ref(), &mut self.key_text)?.bytes),
        };
        let draft = effects.draft(Destination::Sink, record.timestamp).key(key);
        let draft = match (select(&self.flow), record.value) {
            (None, value) => draft.value(value),
            (Some(_), None) => draft.value(None),
            (Some(columns), Some(_)) => {
                draft.value_with(|out| self.values.put(selected(columns, row), out))?
            }
        };
        draft.headers(record.headers).commit();
        Ok(())
    }
}

fn select(flow: &Flow) -> Option<&[(Box<str>, Program)]> {
    match &flow.operator {
        Operator::Map(map) => map.select.as_deref(),
        Operator::Window(_) | Operator::Graph(_) => None,
    }
}

fn selected<'r>(
    columns: &'r [(Box<str>, Program)],
    row: &'r Row<'r>,
) -> impl Iterator<Item = Result<Field<'r>, Reason>> {
    columns.iter().map(|(name, program)| {
        let value = program.eval(row).map_err(|error| Reason::Select {
            name: name.clone(),
            error,
        });
        value.map(Field::Value)
    })
}

/// Whether `filter`, if there is one, is true of `row`.
///
/// # Errors
///
/// Where it has no answer.
#[inline(always)]
pub(crate) fn passes(filter: Option<&Program>, row: &Row<'_>) -> Result<bool, Box<Reason>> {
    match filter {
        None => Ok(true),
        Some(program) => Ok(program.eval_bool(row).map_err(Reason::Filter)?),
    }
}
