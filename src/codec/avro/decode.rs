//! Binary data to values.

use std::borrow::Cow;

use chrono::DateTime;
use chrono::Utc;

use crate::codec::avro::decimal;
use crate::codec::avro::input::AvroError;
use crate::codec::avro::input::Block;
use crate::codec::avro::input::Fault;
use crate::codec::avro::input::Input;
use crate::codec::avro::input::Read;
use crate::codec::avro::project::Want;
use crate::codec::avro::schema::Kind;
use crate::codec::avro::schema::Schema;
use crate::codec::avro::schema::Tick;
use crate::codec::avro::step::FieldStep;
use crate::codec::avro::step::Leaf;
use crate::codec::avro::step::RecordStep;
use crate::codec::avro::step::Resolver;
use crate::codec::avro::step::Step;
use crate::codec::avro::step::StepId;
use crate::codec::avro::step::Times;
use crate::codec::entries;
use crate::codec::framing::SchemaId;
use crate::codec::wanted::Slots;
use crate::codec::wanted::Wanted;
use crate::record::Value;

/// Reads what was written with one schema.
#[derive(Debug)]
pub struct Decoder {
    pub(super) writer: Schema,
    steps: Vec<Step>,
    root: StepId,
    want: Want,
}

/// Read-only parts that reading a value needs.
#[derive(Clone, Copy)]
pub(super) struct Steps<'d> {
    pub(super) writer: &'d Schema,
    pub(super) steps: &'d [Step],
}

impl Decoder {
    /// A decoder of what `writer` wrote, as `reader` wants it; without a reader, as written.
    #[must_use]
    pub fn new(writer: Schema, reader: Option<&Schema>, times: Times) -> Self {
        Self::with_wanted(writer, reader, times, &Wanted::new([]))
    }

    /// The same, which can also read the fields `wanted` alone.
    pub(in crate::codec) fn with_wanted(
        writer: Schema,
        reader: Option<&Schema>,
        times: Times,
        wanted: &Wanted,
    ) -> Self {
        let reader = reader.unwrap_or(&writer);
        let mut resolver = Resolver::new(&writer, reader, times);
        let root = resolver.step(writer.root(), reader.root());
        let want = resolver.want(wanted);
        let steps = resolver.steps;
        Self {
            writer,
            steps,
            root,
            want,
        }
    }

    /// The schema that the data was written with.
    #[must_use]
    pub const fn writer(&self) -> &Schema {
        &self.writer
    }

    /// The schema that the data was written with, of no use to this decoder any more.
    #[must_use]
    pub fn into_writer(self) -> Schema {
        self.writer
    }

    /// Reads `datum`, all of it.
    ///
    /// Text and bytes are borrowed; enum symbols and field names are not.
    ///
    /// # Errors
    ///
    /// [`AvroError`] where the bytes are not exactly one datum of the writer's schema, or are one
    /// that the reader's schema cannot take ([`Fault::Mismatch`], [`Fault::UnknownSymbol`]).
    pub fn decode<'a>(&self, datum: &'a [u8]) -> Result<Value<'a>, AvroError> {
        self.read(datum, |input| self.steps().value(self.root, input))
    }

    /// Reads the payload of a schema registry's framing: as [`decode`](Self::decode), but what
    /// was written as just `bytes` stands without its length.
    ///
    /// # Errors
    ///
    /// As [`decode`](Self::decode).
    pub fn decode_payload<'a>(&self, payload: &'a [u8]) -> Result<Value<'a>, AvroError> {
        if !self.is_bare() {
            return self.decode(payload);
        }
        self.read(&[], |_| match self.steps.get(self.root) {
            Some(&Step::Sized(leaf)) => leaf_value(leaf, payload),
            Some(Step::Mismatch(reason)) => Err(Fault::Mismatch(reason.clone()).into()),
            _ => Ok(Value::bytes(payload)),
        })
    }

    /// Reads the wanted fields of a payload into `slots`, whose others are left alone; those of
    /// absent fields stay as they are.
    ///
    /// # Errors
    ///
    /// As [`decode`](Self::decode); but of what is not wanted only the structure is checked.
    #[inline]
    pub(in crate::codec) fn project_payload<'a>(
        &self,
        payload: &'a [u8],
        slots: Slots<'_, 'a>,
    ) -> Result<(), AvroError> {
        if self.is_bare() {
            let value = self.decode_payload(payload)?;
            self.want.put_whole(value, slots);
            return Ok(());
        }
        self.read(payload, |input| {
            self.steps().project(&self.want, input, slots)
        })
    }

    #[inline]
    fn is_bare(&self) -> bool {
        matches!(self.writer.kind(self.writer.root()), Kind::Bytes)
    }

    fn steps(&self) -> Steps<'_> {
        Steps {
            writer: &self.writer,
            steps: &self.steps,
        }
    }

    #[inline]
    fn read<'a, T>(
        &self,
        bytes: &'a [u8],
        read: impl FnOnce(&mut Input<'a>) -> Read<T>,
    ) -> Result<T, AvroError> {
        let mut input = Input::new(bytes);
        let value = read(&mut input).map_err(|fault| input.error(*fault))?;
        input.finish().map_err(|fault| input.error(*fault))?;
        Ok(value)
    }
}

impl Steps<'_> {
    /// Reads one value.
    #[inline(always)]
    pub(super) fn value<'a>(self, step: StepId, input: &mut Input<'a>) -> Read<Value<'a>> {
        match self.steps.get(step) {
            Some(Step::Sized(Leaf::Text)) => Ok(Value::text(input.text()?)),
            Some(Step::Double) => Ok(Value::Float(f64::from_le_bytes(input.chunk()?))),
            Some(Step::Long) => Ok(Value::Int(input.long()?)),
            Some(step) => self.other(step, input),
            None => Ok(Value::Null),
        }
    }

    fn other<'a>(self, step: &Step, input: &mut Input<'a>) -> Read<Value<'a>> {
        Ok(match step {
            Step::Null => {
                input.free(1)?;
                Value::Null
            }
            Step::Boolean => Value::Bool(input.boolean()?),
            Step::Int => Value::Int(input.int()?.into()),
            Step::Long => Value::Int(input.long()?),
            Step::Float => Value::Float(f32::from_le_bytes(input.chunk()?).into()),
            Step::Double => Value::Float(f64::from_le_bytes(input.chunk()?)),
            Step::IntToFloat | Step::LongToFloat | Step::ToDouble => promoted(step, input.long()?),
            Step::Timestamp(tick) => timestamp(*tick, input.long()?)?,
            Step::Sized(leaf) => leaf_value(*leaf, input.sized()?)?,
            Step::Fixed(size, leaf) => {
                if *size == 0 {
                    input.free(1)?;
                }
                leaf_value(*leaf, input.bytes(*size)?)?
            }
            Step::Enum(symbols) => {
                let number = input.long()?;
                let symbol = usize::try_from(number)
                    .ok()
                    .and_then(|index| symbols.get(index));
                match symbol.ok_or(Fault::Symbol(number))? {
                    Ok(symbol) => Value::Text(Cow::Owned(symbol.to_string())),
                    Err(unknown) => return Err(Fault::UnknownSymbol(unknown.clone()).into()),
                }
            }
            Step::Array(items) => self.array(*items, input)?,
            Step::Map(values) => self.map(*values, input)?,
            Step::Union(branches) => self.value(*branch(branches, input)?, input)?,
            Step::Record(record) => self.record(record, input)?,
            Step::Mismatch(reason) => return Err(Fault::Mismatch(reason.clone()).into()),
        })
    }

    fn array<'a>(self, items: StepId, input: &mut Input<'a>) -> Read<Value<'a>> {
        let mut values = Vec::new();
        blocks(input, |input| {
            values.push(self.value(items, input)?);
            Ok(())
        })?;
        Ok(Value::List(values))
    }

    fn map<'a>(self, values: StepId, input: &mut Input<'a>) -> Read<Value<'a>> {
        let mut entries = Vec::new();
        blocks(input, |input| {
            let key = Value::text(input.text()?);
            entries.push((key, self.value(values, input)?));
            Ok(())
        })?;
        entries::merge_repeats(&mut entries);
        Ok(Value::Map(entries))
    }

    fn record<'a>(self, record: &RecordStep, input: &mut Input<'a>) -> Read<Value<'a>> {
        input.descend()?;
        if record.fields.is_empty() {
            input.free(1)?;
        }
        let shape = record.shape.iter();
        let mut entries: Vec<(Value<'a>, Value<'a>)> = shape
            .map(|(name, default)| {
                let name = Value::Text(Cow::Owned(name.to_string()));
                (name, default.clone().unwrap_or_default())
            })
            .collect();
        for field in &record.fields {
            match field {
                FieldStep::Skip(skip) => skip.run(self.writer, input)?,
                FieldStep::Read(place, step) => {
                    let value = self.value(*step, input)?;
                    if let Some(entry) = entries.get_mut(*place) {
                        entry.1 = value;
                    }
                }
            }
        }
        input.ascend();
        Ok(Value::Map(entries))
    }
}

/// The branch that the writer took.
#[inline]
pub(super) fn branch<'b, T>(branches: &'b [T], input: &mut Input<'_>) -> Read<&'b T> {
    let number = input.long()?;
    let branch = usize::try_from(number)
        .ok()
        .and_then(|index| branches.get(index));
    Ok(branch.ok_or(Fault::Branch(number))?)
}

/// Reads the items of an array or a map.
pub(super) fn blocks<'a>(
    input: &mut Input<'a>,
    mut item: impl FnMut(&mut Input<'a>) -> Read<()>,
) -> Read<()> {
    input.descend()?;
    loop {
        let Block { count, .. } = input.block()?;
        if count == 0 {
            break;
        }
        for _ in 0..count {
            item(input)?;
        }
    }
    input.ascend();
    Ok(())
}

#[inline]
fn leaf_value(leaf: Leaf, bytes: &[u8]) -> Read<Value<'_>> {
    Ok(match leaf {
        Leaf::Text => Value::text(str::from_utf8(bytes).map_err(|_| Fault::Utf8)?),
        Leaf::Bytes => Value::bytes(bytes),
        Leaf::Decimal { scale } => {
            let unscaled = decimal::unscaled(bytes).ok_or(Fault::Decimal)?;
            Value::Text(decimal::text(unscaled, scale).into())
        }
        Leaf::Uuid => match uuid(bytes) {
            Some(uuid) => Value::Text(uuid.into()),
            None => Value::bytes(bytes),
        },
    })
}

#[expect(
    clippy::cast_precision_loss,
    reason = "rounded, as the specification says"
)]
fn promoted(step: &Step, long: i64) -> Value<'static> {
    Value::Float(match step {
        Step::ToDouble => long as f64,
        _ => f64::from(long as f32),
    })
}

fn timestamp(tick: Tick, long: i64) -> Read<Value<'static>> {
    let instant = instant(tick, long).ok_or(Fault::Timestamp(long))?;
    Ok(Value::Timestamp(instant))
}

/// The instant `ticks` after the epoch.
pub(super) fn instant(tick: Tick, ticks: i64) -> Option<DateTime<Utc>> {
    match tick {
        Tick::Millis => DateTime::from_timestamp_millis(ticks),
        Tick::Micros => DateTime::from_timestamp_micros(ticks),
        Tick::Nanos => Some(DateTime::from_timestamp_nanos(ticks)),
    }
}

/// The hyphenated form of 16 bytes; `None` for any other number of them.
pub(super) fn uuid(bytes: &[u8]) -> Option<String> {
    let guid = u128::from_be_bytes(bytes.try_into().ok()?);
    Some(SchemaId::Guid(guid).to_string())
}
