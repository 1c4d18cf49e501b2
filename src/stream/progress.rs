//! How far a task has come: what is committed with its offsets.

use std::fmt::Write as _;

use thiserror::Error;

use crate::record::Offset;
use crate::record::Timestamp;
use crate::store::persist::Malformed;
use crate::store::persist::Persist;
use crate::store::persist::Reader;
use crate::store::persist::Writer;

/// How far a task has come.
///
/// Committed as one offset ([`Progress::committable`]) and its metadata string
/// ([`Progress::to_metadata`]), and read back from both ([`Progress::parse`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The offset of the next record that has not been dealt with.
    pub position: Offset,
    /// The offset to commit and to start from: the smallest of a record that an open window
    /// holds, or the position where no window holds any. Everything open can be rebuilt from
    /// there.
    pub committable: Offset,
    /// Stream time; [`Timestamp::MIN`] before the first record.
    pub stream_time: Timestamp,
    /// The clocks of the source partitions, by their numbers; empty but behind a repartition.
    pub sources: Vec<SourceTime>,
}

/// What is known of the clock of one source partition behind a repartition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SourceTime {
    /// Nothing yet: it holds all windows open.
    #[default]
    Unheard,
    /// Its stream time, which holds windows open.
    Active(Timestamp),
    /// Its stream time, or [`Timestamp::MIN`] where it never had a record; it has been silent for
    /// as long as `idle` says and holds nothing open.
    Idle(Timestamp),
}

impl Persist for SourceTime {
    fn save(&self, out: &mut Writer) {
        let (kind, time) = match self {
            Self::Unheard => (0u8, Timestamp::MIN),
            Self::Active(time) => (1, *time),
            Self::Idle(time) => (2, *time),
        };
        out.put(&kind);
        out.put(&time);
    }

    fn load(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let (kind, time) = (from.take::<u8>()?, from.take()?);
        match kind {
            0 => Ok(Self::Unheard),
            1 => Ok(Self::Active(time)),
            2 => Ok(Self::Idle(time)),
            _ => Err(Malformed::new("no such clock")),
        }
    }
}

/// A metadata string that cannot be read: written by something else, or by a newer version.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("read progress from commit metadata {metadata:?}")]
pub struct ProgressError {
    /// The string.
    pub metadata: String,
}

/// Kafka refuses longer metadata by default (`offset.metadata.max.bytes`, 4096).
pub const METADATA_BYTES_MAX: usize = 4000;

impl Progress {
    /// The progress of a task that starts at `position` and knows nothing.
    #[must_use]
    pub const fn starting_at(position: Offset) -> Self {
        Self {
            position,
            committable: position,
            stream_time: Timestamp::MIN,
            sources: Vec::new(),
        }
    }

    /// The metadata to commit with [`Progress::committable`]: printable ASCII of at most
    /// [`METADATA_BYTES_MAX`] bytes.
    ///
    /// Shape: `tidemill1 p=POSITION`, then ` t=STREAM_TIME` where there is one, and behind a
    /// repartition ` s=SHIFT:CLOCKS`, one clock for each source partition, separated by commas: `-`
    /// for an unheard one, else `a` or `i` (active, idle) and how far it is ahead of stream time,
    /// in hexadecimal units of 2^SHIFT ms, rounded down (without number: it never had a time; with
    /// a minus sign: behind, rounded up). The shift is 0 unless that many clocks would not fit;
    /// rounding can only hold windows open a little longer after a restart, never reopen one,
    /// since stream time itself is exact.
    #[must_use]
    pub fn to_metadata(&self) -> String {
        (0..48)
            .map(|shift| self.metadata_with(shift))
            .find(|metadata| metadata.len() <= METADATA_BYTES_MAX)
            .unwrap_or_else(|| self.head())
    }

    fn head(&self) -> String {
        let mut out = format!("tidemill1 p={}", self.position);
        if self.stream_time != Timestamp::MIN {
            push(&mut out, format_args!(" t={}", self.stream_time));
        }
        out
    }

    fn metadata_with(&self, shift: u32) -> String {
        let mut out = self.head();
        for (index, source) in self.sources.iter().enumerate() {
            match index {
                0 => push(&mut out, format_args!(" s={shift}:")),
                _ => out.push(','),
            }
            match source {
                SourceTime::Unheard => out.push('-'),
                SourceTime::Active(time) => self.push_clock(&mut out, 'a', *time, shift),
                SourceTime::Idle(time) => self.push_clock(&mut out, 'i', *time, shift),
            }
        }
        out
    }

    fn push_clock(&self, out: &mut String, kind: char, time: Timestamp, shift: u32) {
        out.push(kind);
        if time == Timestamp::MIN {
            return;
        }
        let ahead = time.0.saturating_sub(self.base()) >> shift;
        match ahead {
            0.. => push(out, format_args!("{ahead:x}")),
            _ => push(out, format_args!("-{:x}", ahead.unsigned_abs())),
        }
    }

    /// What the clocks of sources are counted from.
    fn base(&self) -> i64 {
        self.stream_time.0.max(0)
    }

    /// Reads back what [`Progress::to_metadata`] wrote, with the committed offset beside it.
    ///
    /// Empty metadata, as other tools commit it, is a start at `committed` without knowledge.
    ///
    /// # Errors
    ///
    /// [`ProgressError`]: the group was committed by another program. Start from `committed`
    /// without knowledge, or stop, as the user wishes.
    pub fn parse(committed: Offset, metadata: &str) -> Result<Self, ProgressError> {
        if metadata.is_empty() {
            return Ok(Self::starting_at(committed));
        }
        Self::read(committed, metadata).ok_or_else(|| ProgressError {
            metadata: metadata.to_owned(),
        })
    }

    fn read(committed: Offset, metadata: &str) -> Option<Self> {
        let mut words = metadata.split(' ');
        if words.next()? != "tidemill1" {
            return None;
        }
        let mut progress = Self::starting_at(committed);
        progress.position = Offset(words.next()?.strip_prefix("p=")?.parse().ok()?);
        for word in words {
            match word.split_once('=')? {
                ("t", time) => progress.stream_time = Timestamp(time.parse().ok()?),
                ("s", sources) => progress.sources = progress.read_sources(sources)?,
                _ => return None,
            }
        }
        Some(progress)
    }

    fn read_sources(&self, text: &str) -> Option<Vec<SourceTime>> {
        let (shift, clocks) = text.split_once(':')?;
        let shift = shift.parse().ok().filter(|shift| *shift < 48)?;
        clocks
            .split(',')
            .map(|clock| self.read_clock(clock, shift))
            .collect()
    }

    fn read_clock(&self, clock: &str, shift: u32) -> Option<SourceTime> {
        if clock == "-" {
            return Some(SourceTime::Unheard);
        }
        let (kind, ahead) = clock.split_at_checked(1)?;
        let time = match ahead {
            "" => Timestamp::MIN,
            _ => {
                let ahead = i64::from_str_radix(ahead, 16).ok()?;
                let millis = i128::from(ahead) << shift;
                let time = i128::from(self.base()) + millis;
                Timestamp(i64::try_from(time).ok()?)
            }
        };
        match kind {
            "a" => Some(SourceTime::Active(time)),
            "i" => Some(SourceTime::Idle(time)),
            _ => None,
        }
    }
}

fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    let written = out.write_fmt(text);
    debug_assert!(written.is_ok(), "writing to a string cannot fail");
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn behind_repartition(sources: Vec<SourceTime>) -> Progress {
        Progress {
            position: Offset(12),
            committable: Offset(7),
            stream_time: Timestamp(1_700_000_000_000),
            sources,
        }
    }

    #[test]
    fn metadata_is_short_and_reads_back() {
        let progress = behind_repartition(vec![
            SourceTime::Unheard,
            SourceTime::Active(Timestamp(1_700_000_000_031)),
            SourceTime::Idle(Timestamp(1_699_999_999_999)),
            SourceTime::Idle(Timestamp::MIN),
        ]);
        let metadata = progress.to_metadata();
        assert_eq!(metadata, "tidemill1 p=12 t=1700000000000 s=0:-,a1f,i-1,i");
        assert_eq!(Progress::parse(Offset(7), &metadata), Ok(progress));
    }

    #[test]
    fn many_clocks_are_rounded_down_until_they_fit_and_stream_time_stays_exact() {
        let clocks = (0..1500).map(|n| Timestamp(1_700_000_000_000 + n * 65_537));
        let progress = behind_repartition(clocks.map(SourceTime::Active).collect());
        let metadata = progress.to_metadata();
        assert!(metadata.len() <= METADATA_BYTES_MAX, "{}", metadata.len());
        let back = Progress::parse(Offset(7), &metadata).unwrap();
        assert_eq!(back.stream_time, progress.stream_time);
        for (rounded, exact) in back.sources.iter().zip(&progress.sources) {
            let (SourceTime::Active(rounded), SourceTime::Active(exact)) = (rounded, exact) else {
                panic!("kinds are kept");
            };
            assert!(rounded <= exact, "rounded down");
        }
    }

    #[test]
    fn foreign_metadata_is_refused_and_none_is_a_start_without_knowledge() {
        let empty = Progress::parse(Offset(3), "");
        assert_eq!(empty, Ok(Progress::starting_at(Offset(3))));
        for foreign in [
            "x",
            "tidemill2 p=1",
            "tidemill1",
            "tidemill1 p=",
            "tidemill1 p=1 z=1",
            "tidemill1 p=1 s=0:",
            "tidemill1 p=1 s=99:a1",
            "tidemill1 p=1 s=0:ä",
            "AgAAAYs=",
        ] {
            let refused = Progress::parse(Offset(3), foreign);
            assert!(refused.is_err(), "{foreign}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn every_progress_that_fits_reads_back(
            position in 0i64.., committed in 0i64.., time in prop::option::of(0i64..),
            clocks in prop::collection::vec(prop::option::of((any::<bool>(), -1i64..i64::MAX)), 0..20),
        ) {
            let sources = clocks.into_iter().map(|clock| match clock {
                None => SourceTime::Unheard,
                Some((true, time)) => SourceTime::Active(Timestamp(time.max(0))),
                Some((false, -1)) => SourceTime::Idle(Timestamp::MIN),
                Some((false, time)) => SourceTime::Idle(Timestamp(time)),
            });
            let progress = Progress {
                position: Offset(position),
                committable: Offset(committed),
                stream_time: time.map_or(Timestamp::MIN, Timestamp),
                sources: sources.collect(),
            };
            let back = Progress::parse(Offset(committed), &progress.to_metadata());
            prop_assert_eq!(back, Ok(progress));
        }
    }
}
