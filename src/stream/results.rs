//! Results of windows to records of the sink topic.

use std::io::Write as _;
use std::ops::Range;
use std::sync::Arc;

use chrono::DateTime;

use crate::codec::avro::schema::SchemaError;
use crate::codec::framing::SchemaId;
use crate::codec::json;
use crate::codec::json::JsonWriteError;
use crate::codec::json::Name;
use crate::codec::json::ObjectWriter;
use crate::codec::projection::Path;
use crate::codec::projection::Root;
use crate::codec::projection::Row;
use crate::record::HeadersView;
use crate::record::Offset;
use crate::record::PartitionId;
use crate::record::RecordView;
use crate::record::Timestamp;
use crate::record::TimestampType;
use crate::record::Value;
use crate::store::keys::TaggedKey;
use crate::stream::columns::Columns;
use crate::stream::effects::Destination;
use crate::stream::effects::Draft;
use crate::stream::effects::Effects;
use crate::stream::key;
use crate::stream::plan::Flow;
use crate::stream::plan::KeyForm;
use crate::stream::plan::Select;
use crate::stream::plan::WindowAggregate;
use crate::stream::reason::Reason;
use crate::stream::recycle::recycle;
use crate::stream::value_writer;
use crate::stream::value_writer::Field;
use crate::stream::value_writer::ValueWriter;
use crate::stream::window::Windows;

/// The headers that name the window of what has no value to say it: milliseconds, as text.
pub(crate) const WINDOW_START_HEADER: &[u8] = b"tidemill-window-start";
pub(crate) const WINDOW_END_HEADER: &[u8] = b"tidemill-window-end";

/// Writes the results of one flow's windows.
///
/// A result's key is the flow's key as the sink wants it, its timestamp the largest event time of the records
/// in it, its value an object: key, window and aggregates, or what `select` says.
#[derive(Debug)]
pub(crate) struct ResultWriter {
    flow: Arc<Flow>,
    values: ValueWriter,
    window: WindowText,
    /// What the slots that `select` reads are filled with.
    fillings: Vec<Filling>,
    slots: Vec<Option<Value<'static>>>,
}

/// One result.
#[derive(Debug)]
pub(crate) struct WindowResult<'r> {
    pub(crate) key: TaggedKey<'r>,
    /// Start and end; `None` where there are no windows.
    pub(crate) window: Option<Range<Timestamp>>,
    pub(crate) columns: &'r Columns,
    pub(crate) slot: usize,
}

/// What a slot of a result's row holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Filling {
    Key,
    Window,
    Start,
    End,
    Aggregate(usize),
    /// No such thing: the slot stays empty.
    Nothing,
}

impl ResultWriter {
    /// A writer of the results of `flow`, framing Avro with `id`.
    ///
    /// # Errors
    ///
    /// Where the sink's schema is none.
    pub(crate) fn new(flow: &Arc<Flow>, id: SchemaId) -> Result<Self, SchemaError> {
        let aggregation = flow.window_aggregate();
        let select = aggregation.and_then(|aggregation| aggregation.select.as_ref());
        let names: Vec<&str> = match (select, aggregation) {
            (Some(select), _) => select.columns.iter().map(|(name, _)| &**name).collect(),
            (None, aggregation) => {
                let has_bounds = |all: &&WindowAggregate| all.windows.has_bounds();
                let window = aggregation.filter(has_bounds).map(|_| "window");
                let aggregates = aggregation.iter().flat_map(|all| names(all));
                ["key"]
                    .into_iter()
                    .chain(window)
                    .chain(aggregates)
                    .collect()
            }
        };
        let paths = select.map_or(&[][..], |select| select.fields.paths());
        let filling = |path| aggregation.map_or(Filling::Nothing, |all| Filling::of(path, all));
        Ok(Self {
            flow: Arc::clone(flow),
            values: ValueWriter::new(names, &flow.sink.value, id)?,
            window: WindowText::default(),
            fillings: paths.iter().map(filling).collect(),
            slots: Vec::new(),
        })
    }

    /// Puts `result` out.
    ///
    /// # Errors
    ///
    /// Where it has no form: a sum beyond its range, an expression that fails, a value that does
    /// not fit the schema. Nothing is put out then.
    pub(crate) fn write(
        &mut self,
        result: &WindowResult<'_>,
        effects: &mut Effects,
    ) -> Result<(), Reason> {
        let time = result.columns.time(result.slot);
        let draft = effects.draft(Destination::Sink, time);
        let draft = self.keyed(draft, result.key.bytes, result.window.as_ref());
        draft
            .value_with(|out| self.put_value(result, out))?
            .commit();
        effects.account.results += 1;
        Ok(())
    }

    /// Writes the value of `result` behind what is in `out`.
    ///
    /// # Errors
    ///
    /// As [`Self::write`].
    pub(crate) fn value(
        &mut self,
        result: &WindowResult<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Reason> {
        self.put_value(result, out)
    }

    /// Puts out a result whose value was written before, stamped `time`.
    pub(crate) fn put_written(
        &self,
        key: &[u8],
        window: Option<&Range<Timestamp>>,
        (value, time): (&[u8], Timestamp),
        effects: &mut Effects,
    ) {
        let draft = effects.draft(Destination::Sink, time);
        self.keyed(draft, key, window).value(Some(value)).commit();
        effects.account.results += 1;
    }

    /// Puts out that there is no result of `key` for `window` any more: a tombstone with the window
    /// in headers, since its key may be that of all windows.
    pub(crate) fn put_tombstone(
        &self,
        key: &[u8],
        window: &Range<Timestamp>,
        effects: &mut Effects,
    ) {
        let [start, end] = [window.start, window.end].map(Digits::of);
        self.keyed(
            effects.draft(Destination::Sink, window.end),
            key,
            Some(window),
        )
        .header(WINDOW_START_HEADER, Some(start.as_bytes()))
        .header(WINDOW_END_HEADER, Some(end.as_bytes()))
        .commit();
        effects.account.results += 1;
    }

    /// `draft` with the key of a result.
    fn keyed<'e>(
        &self,
        draft: Draft<'e>,
        key: &[u8],
        window: Option<&Range<Timestamp>>,
    ) -> Draft<'e> {
        let draft = draft.of_window(window.map(|window| window.end));
        match (self.flow.sink.key, window) {
            (KeyForm::Text, _) | (KeyForm::Windowed, None) => draft.key(Some(key)),
            (KeyForm::Windowed, Some(window)) => {
                let [start, end] = [window.start, window.end].map(|bound| bound.0.to_be_bytes());
                let windows = self.flow.window_aggregate().map(|all| &all.windows);
                match windows {
                    Some(Windows::Session(_)) => {
                        draft.key_with_rest(key, [end, start].as_flattened())
                    }
                    _ => draft.key_with_rest(key, &start),
                }
            }
        }
    }

    #[inline]
    fn put_value(&mut self, result: &WindowResult<'_>, out: &mut Vec<u8>) -> Result<(), Reason> {
        if let (Some(all @ WindowAggregate { select: None, .. }), Some(names)) =
            (self.flow.window_aggregate(), self.values.json_names())
        {
            return put_json(result, all, names, &mut self.window, out);
        }
        self.put_any_value(result, out)
    }

    /// The same for whichever format and selection.
    #[inline(never)]
    fn put_any_value(
        &mut self,
        result: &WindowResult<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Reason> {
        let flow = Arc::clone(&self.flow);
        match flow.window_aggregate() {
            Some(all @ WindowAggregate { select: None, .. }) => {
                let key = Field::Value(key::to_value(result.key));
                let window = result.window.clone().map(Field::Window);
                let fixed = [key].into_iter().chain(window).map(Ok);
                let aggregates = 0..all.aggregates.len();
                let aggregates =
                    aggregates.map(|index| result.aggregate(index, all).map(Field::Value));
                self.values.put(fixed.chain(aggregates), out)
            }
            Some(
                all @ WindowAggregate {
                    select: Some(select),
                    ..
                },
            ) => self.put_selected(result, all, select, out),
            None => Ok(()),
        }
    }

    fn put_selected(
        &mut self,
        result: &WindowResult<'_>,
        all: &WindowAggregate,
        select: &Select,
        out: &mut Vec<u8>,
    ) -> Result<(), Reason> {
        let mut slots = recycle(std::mem::take(&mut self.slots));
        slots.clear();
        for filling in &self.fillings {
            slots.push(result.filling(*filling, all)?);
        }
        let row = Row {
            topic: &self.flow.sink.topic,
            partition: PartitionId(0),
            record: record_of(result),
            slots,
        };
        let columns = select.columns.iter().map(|(name, program)| {
            let value = program.eval(&row).map_err(|error| Reason::Select {
                name: name.clone(),
                error,
            });
            value.map(Field::Value)
        });
        let put = self.values.put(columns, out);
        self.slots = recycle(row.slots);
        put
    }
}

/// Writes `result` as an object of key, window and aggregates, which have these `names`: the way
/// that most results go.
fn put_json(
    result: &WindowResult<'_>,
    all: &WindowAggregate,
    names: &[Name],
    window_text: &mut WindowText,
    out: &mut Vec<u8>,
) -> Result<(), Reason> {
    let failed = |name: &str, error: JsonWriteError| Reason::Write(format!("{name}: {error}"));
    let mut object = ObjectWriter::new(out);
    let mut names = names.iter();
    if let Some(name) = names.next() {
        let key = key::put_json(object.named(name), result.key);
        key.map_err(|error| failed("key", error))?;
    }
    if let Some(window) = &result.window
        && let Some(name) = names.next()
    {
        window_text.put(window, object.named(name));
    }
    for (index, name) in names.enumerate() {
        let value = result.aggregate(index, all)?;
        let put = json::put_value(object.named(name), &value);
        put.map_err(|error| {
            let name = all.aggregates.get(index).map_or("", |named| &named.name);
            failed(name, error)
        })?;
    }
    object.finish();
    Ok(())
}

/// A window as JSON, as it was written last: results of one window often follow one another.
#[derive(Debug, Default)]
struct WindowText {
    window: Option<Range<Timestamp>>,
    text: Vec<u8>,
}

impl WindowText {
    #[inline]
    fn put(&mut self, window: &Range<Timestamp>, out: &mut Vec<u8>) {
        if self.window.as_ref() != Some(window) {
            self.text.clear();
            value_writer::put_window(window, &mut self.text);
            self.window = Some(window.clone());
        }
        out.extend_from_slice(&self.text);
    }
}

fn names(aggregation: &WindowAggregate) -> impl Iterator<Item = &str> {
    aggregation.aggregates.iter().map(|named| &*named.name)
}

/// The record that a result becomes, as far as expressions may ask for it.
fn record_of<'r>(result: &WindowResult<'r>) -> RecordView<'r> {
    RecordView {
        offset: Offset(0),
        timestamp: result.columns.time(result.slot),
        timestamp_type: TimestampType::CreateTime,
        key: Some(result.key.bytes),
        value: None,
        headers: HeadersView::EMPTY,
    }
}

impl Filling {
    fn of(path: &Path, aggregation: &WindowAggregate) -> Self {
        let steps: Vec<&str> = path.steps.iter().map(|step| &**step).collect();
        match (path.root, &*steps) {
            (Root::Key, []) => Self::Key,
            (Root::Result, ["window"]) => Self::Window,
            (Root::Result, ["window", "start"]) => Self::Start,
            (Root::Result, ["window", "end"]) => Self::End,
            (Root::Result, [name]) => names(aggregation)
                .position(|known| known == *name)
                .map_or(Self::Nothing, Self::Aggregate),
            _ => Self::Nothing,
        }
    }
}

impl<'r> WindowResult<'r> {
    fn filling(
        &self,
        filling: Filling,
        all: &WindowAggregate,
    ) -> Result<Option<Value<'r>>, Reason> {
        Ok(Some(match filling {
            Filling::Key => key::to_value(self.key),
            Filling::Window => return Ok(self.window.as_ref().map(window_value)),
            Filling::Start => return Ok(self.window.as_ref().map(|window| instant(window.start))),
            Filling::End => return Ok(self.window.as_ref().map(|window| instant(window.end))),
            Filling::Aggregate(index) => self.aggregate(index, all)?,
            Filling::Nothing => return Ok(None),
        }))
    }

    #[inline]
    fn aggregate(&self, index: usize, all: &WindowAggregate) -> Result<Value<'r>, Reason> {
        let Some(column) = self.columns.aggregates().get(index) else {
            return Ok(Value::Null);
        };
        let window = self.window.as_ref();
        let length = window.map(|window| window.end.0.saturating_sub(window.start.0));
        column.result(self.slot, length).map_err(|error| {
            let name = all.aggregates.get(index).map_or("", |named| &named.name);
            Reason::Write(format!("{name}: {error}"))
        })
    }
}

fn window_value(window: &Range<Timestamp>) -> Value<'static> {
    Value::Map(vec![
        (Value::text("start"), instant(window.start)),
        (Value::text("end"), instant(window.end)),
    ])
}

/// The instant, or integer milliseconds where it lies beyond the years that instants have.
fn instant(time: Timestamp) -> Value<'static> {
    DateTime::from_timestamp_millis(time.0).map_or(Value::Int(time.0), Value::Timestamp)
}

/// A time as text, which asks for no memory.
struct Digits {
    /// As many as any 64-bit integer has, with its sign.
    text: [u8; 20],
    free: usize,
}

impl Digits {
    fn of(time: Timestamp) -> Self {
        let mut text = [0; 20];
        let mut free = &mut text[..];
        // There is room for every integer.
        _ = write!(free, "{}", time.0);
        let free = free.len();
        Self { text, free }
    }

    fn as_bytes(&self) -> &[u8] {
        let written = self.text.len() - self.free;
        self.text.get(..written).unwrap_or_default()
    }
}
