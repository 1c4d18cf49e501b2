//! What a step of a task asks the runtime to do.
//!
//! All that comes out is records to be written, in order, in one arena that is used again for the
//! next step: nothing is allocated per record once it has grown to its working size. That size is
//! bounded: what a task has to put out beyond it waits in the task until the effects are written
//! and cleared.

use crate::record::Header;
use crate::record::HeadersView;
use crate::record::PartitionId;
use crate::record::Timestamp;
use crate::record::put_header;
use crate::stream::account::Account;

/// Where a record that a task puts out belongs; [`crate::stream::stage::Stage::destination`] names
/// the topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Destination {
    /// The sink topic of the flow.
    Sink,
    /// The topic for late records.
    Late,
    /// The topic for rejected records and for results that could not be written.
    DeadLetter,
    /// The internal topic between the two stages of a re-keyed flow.
    Repartition,
    /// An internal topic between two stretches of a flow of several operators, by its number among
    /// those of the stretch.
    Internal(u16),
}

/// One record to be written, borrowed from [`Effects`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Output<'a> {
    /// Which topic it goes to.
    pub destination: Destination,
    /// Which partition; `None` leaves it to Kafka's partitioner, by the key.
    pub partition: Option<PartitionId>,
    /// The key; null is not the same as empty.
    pub key: Option<&'a [u8]>,
    /// The beginning of the key that alone says which partition it goes to, where that is not all
    /// of it.
    pub key_stem: Option<&'a [u8]>,
    /// The value; null is not the same as empty.
    pub value: Option<&'a [u8]>,
    /// The timestamp to write.
    pub timestamp: Timestamp,
    /// The headers, in order.
    pub headers: HeadersView<'a>,
    /// The end of the window that a result is of, where it is of one; not written.
    pub window_end: Option<Timestamp>,
}

/// What the steps since the last [`Effects::clear`] ask to be written, and what they counted.
///
/// The outputs are in the order in which they must be written: within one destination partition
/// that order carries meaning (a clock record follows the records that it stands for).
#[derive(Debug)]
pub struct Effects {
    /// What became of the records taken in since the last clear.
    pub account: Account,
    arena: Vec<u8>,
    outputs: Vec<Entry>,
    full_bytes: usize,
}

/// From how many bytes on effects are full: about a thousand results, which stay in a processor's
/// own cache until they are written.
pub const FULL_BYTES: usize = 256 * 1024;

impl Default for Effects {
    fn default() -> Self {
        Self {
            account: Account::default(),
            arena: Vec::new(),
            outputs: Vec::new(),
            full_bytes: FULL_BYTES,
        }
    }
}

/// More than this may not even stand in effects without a bound: places are 32-bit numbers.
const LARGEST_BYTES: usize = u32::MAX as usize / 2;

/// There is one for each record, so it is kept small.
#[derive(Debug)]
struct Entry {
    destination: Destination,
    partition: Option<PartitionId>,
    key: Option<Stretch>,
    key_stem: Option<Stretch>,
    value: Option<Stretch>,
    timestamp: Timestamp,
    headers: Stretch,
    header_count: u32,
    window_end: Option<Timestamp>,
}

/// A stretch of the arena.
#[derive(Clone, Copy, Debug, Default)]
struct Stretch {
    start: u32,
    end: u32,
}

impl Stretch {
    /// From `start` to the end of `arena`, which is no larger than what one record can take above
    /// [`LARGEST_BYTES`].
    #[inline]
    fn behind(start: usize, arena: &[u8]) -> Self {
        let place = |place: usize| u32::try_from(place).unwrap_or(u32::MAX);
        Self {
            start: place(start),
            end: place(arena.len()),
        }
    }

    #[inline]
    fn of(self, arena: &[u8]) -> Option<&[u8]> {
        arena.get(self.start as usize..self.end as usize)
    }
}

impl Effects {
    /// Nothing to do; full from [`FULL_BYTES`] on.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Nothing to do; never full, so that all there is comes out at once.
    #[must_use]
    pub fn unbounded() -> Self {
        Self {
            full_bytes: LARGEST_BYTES,
            ..Self::default()
        }
    }

    /// Forgets everything, and keeps the memory for the next step.
    pub fn clear(&mut self) {
        self.account = Account::default();
        self.arena.clear();
        self.outputs.clear();
    }

    /// Whether there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.outputs.is_empty()
    }

    /// How many records there are to write.
    #[must_use]
    pub fn len(&self) -> usize {
        self.outputs.len()
    }

    /// How many bytes what waits to be written takes.
    #[must_use]
    #[inline]
    pub fn bytes(&self) -> usize {
        self.arena.len() + self.outputs.len() * size_of::<Entry>()
    }

    /// Whether so much waits that what else there is should come out only after this has been
    /// written and cleared.
    #[must_use]
    #[inline]
    pub fn is_full(&self) -> bool {
        self.bytes() >= self.full_bytes
    }

    /// Lets `put_out` put out as much as there is at once.
    pub(crate) fn without_bound<T>(&mut self, put_out: impl FnOnce(&mut Self) -> T) -> T {
        let full_bytes = std::mem::replace(&mut self.full_bytes, LARGEST_BYTES);
        let put = put_out(self);
        self.full_bytes = full_bytes;
        put
    }

    /// The records to be written, in order.
    pub fn outputs(&self) -> impl ExactSizeIterator<Item = Output<'_>> {
        self.outputs.iter().map(|entry| Output {
            destination: entry.destination,
            partition: entry.partition,
            key: self.bytes_at(entry.key),
            key_stem: self.bytes_at(entry.key_stem),
            value: self.bytes_at(entry.value),
            timestamp: entry.timestamp,
            headers: self.headers_of(entry),
            window_end: entry.window_end,
        })
    }

    fn bytes_at(&self, stretch: Option<Stretch>) -> Option<&[u8]> {
        stretch?.of(&self.arena)
    }

    fn headers_of(&self, entry: &Entry) -> HeadersView<'_> {
        if entry.header_count == 0 {
            return HeadersView::EMPTY;
        }
        let encoded = entry.headers.of(&self.arena).unwrap_or_default();
        HeadersView::parse(encoded, entry.header_count as usize).unwrap_or_default()
    }

    /// Begins one more record to be written.
    ///
    /// The record counts only once [`Draft::commit`] is called; dropped before that, it leaves
    /// nothing behind.
    #[inline]
    pub fn draft(&mut self, destination: Destination, timestamp: Timestamp) -> Draft<'_> {
        let start = self.arena.len();
        Draft {
            effects: self,
            start,
            entry: Some(Entry {
                destination,
                partition: None,
                key: None,
                key_stem: None,
                value: None,
                timestamp,
                headers: Stretch::default(),
                header_count: 0,
                window_end: None,
            }),
        }
    }
}

/// One record that is being put together in the arena of [`Effects`].
///
/// Key, value and headers may be written in any order, but all headers one after another, and
/// each of the others at most once.
#[derive(Debug)]
pub struct Draft<'e> {
    effects: &'e mut Effects,
    start: usize,
    /// Present until the draft is committed.
    entry: Option<Entry>,
}

impl Draft<'_> {
    /// Directs the record to `partition`.
    #[must_use]
    pub fn to_partition(mut self, partition: PartitionId) -> Self {
        if let Some(entry) = &mut self.entry {
            entry.partition = Some(partition);
        }
        self
    }

    /// Says that the record is a result of a window that ends there.
    #[must_use]
    #[inline]
    pub fn of_window(mut self, end: Option<Timestamp>) -> Self {
        if let Some(entry) = &mut self.entry {
            entry.window_end = end;
        }
        self
    }

    /// Copies `key` in; null is not the same as empty.
    #[must_use]
    #[inline]
    pub fn key(mut self, key: Option<&[u8]>) -> Self {
        let stretch = key.map(|key| self.append(key));
        if let Some(entry) = &mut self.entry {
            entry.key = stretch;
        }
        self
    }

    /// Copies in a key of two parts, of which `stem` alone says which partition it goes to.
    #[must_use]
    #[inline]
    pub fn key_with_rest(mut self, stem: &[u8], rest: &[u8]) -> Self {
        let stem = self.append(stem);
        let end = self.append(rest).end;
        if let Some(entry) = &mut self.entry {
            entry.key = Some(Stretch { end, ..stem });
            entry.key_stem = Some(stem);
        }
        self
    }

    /// Copies `value` in; null is not the same as empty.
    #[must_use]
    #[inline]
    pub fn value(mut self, value: Option<&[u8]>) -> Self {
        let stretch = value.map(|value| self.append(value));
        if let Some(entry) = &mut self.entry {
            entry.value = stretch;
        }
        self
    }

    /// Lets `write` append the value straight to the arena.
    ///
    /// # Errors
    ///
    /// That of `write`; drop the draft then.
    #[inline]
    pub fn value_with<E>(
        mut self,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<Self, E> {
        let start = self.effects.arena.len();
        write(&mut self.effects.arena)?;
        if let Some(entry) = &mut self.entry {
            entry.value = Some(Stretch::behind(start, &self.effects.arena));
        }
        Ok(self)
    }

    /// Adds one header after those there are.
    #[must_use]
    pub fn header(mut self, name: &[u8], value: Option<&[u8]>) -> Self {
        if let Some(entry) = &mut self.entry {
            let start = self.effects.arena.len();
            put_header(&mut self.effects.arena, Header { name, value });
            let header = Stretch::behind(start, &self.effects.arena);
            if entry.header_count == 0 {
                entry.headers.start = header.start;
            }
            entry.headers.end = header.end;
            entry.header_count += 1;
        }
        self
    }

    /// Adds all of `headers` after those there are.
    #[must_use]
    pub fn headers(self, headers: HeadersView<'_>) -> Self {
        headers.iter().fold(self, |draft, header| {
            draft.header(header.name, header.value)
        })
    }

    /// Makes the record one to be written.
    #[inline]
    pub fn commit(mut self) {
        self.effects.outputs.extend(self.entry.take());
    }

    #[inline]
    fn append(&mut self, bytes: &[u8]) -> Stretch {
        let start = self.effects.arena.len();
        self.effects.arena.extend_from_slice(bytes);
        Stretch::behind(start, &self.effects.arena)
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        if self.entry.is_some() {
            self.effects.arena.truncate(self.start);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_come_back_in_order_with_nulls_kept_apart_from_empties() {
        let mut effects = Effects::new();
        effects
            .draft(Destination::Late, Timestamp(7))
            .key(Some(b""))
            .value(None)
            .header(b"a", None)
            .header(b"b", Some(b"1"))
            .commit();
        effects
            .draft(Destination::Sink, Timestamp(8))
            .to_partition(PartitionId(3))
            .value(Some(b"v"))
            .commit();
        let outputs: Vec<_> = effects.outputs().collect();
        assert_eq!(outputs[0].key, Some(&b""[..]));
        assert_eq!(outputs[0].value, None);
        let names: Vec<_> = outputs[0].headers.iter().map(|h| h.name).collect();
        assert_eq!(names, [b"a", b"b"]);
        assert_eq!(outputs[1].key, None);
        assert_eq!(outputs[1].partition, Some(PartitionId(3)));
        assert_eq!(outputs[1].headers, HeadersView::EMPTY);
    }

    #[test]
    fn a_draft_that_is_dropped_leaves_nothing_behind() {
        let mut effects = Effects::new();
        let draft = effects
            .draft(Destination::Sink, Timestamp(0))
            .key(Some(b"key"));
        let failed = draft.value_with(|out| {
            out.push(1);
            Err("no")
        });
        assert_eq!(failed.err(), Some("no"));
        assert!(effects.is_empty());
        assert_eq!(effects.bytes(), 0);
    }

    #[test]
    fn effects_are_full_from_exactly_their_bound_on_whatever_takes_the_bytes() {
        let (mut effects, mut unbounded) = (Effects::new(), Effects::unbounded());
        let entry = size_of::<Entry>();
        let put = |effects: &mut Effects, bytes: usize| {
            let draft = effects.draft(Destination::Sink, Timestamp(0));
            draft.value(Some(&vec![0; bytes])).commit();
        };
        for effects in [&mut effects, &mut unbounded] {
            put(effects, FULL_BYTES - 2 * entry - 1);
            assert!(!effects.is_full());
            put(effects, 0);
            assert_eq!(effects.bytes(), FULL_BYTES - 1);
            assert!(!effects.is_full());
            put(effects, 0);
        }
        assert!(effects.is_full() && !unbounded.is_full());
        assert!(!effects.without_bound(|effects| effects.is_full()));
        effects.clear();
        assert!(!effects.is_full());
    }
}
