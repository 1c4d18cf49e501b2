//! Aggregation by key and window: the state of one partition's windows.
//!
//! One file a way of keeping state. Whichever it is, records come in through
//! [`Windowed::add`] after stream time has been advanced to theirs, windows close in
//! [`Windowed::advance`], and what came of them is put out as [`Emit`] says.
//!
//! [`Emit`]: crate::stream::plan::Emit

mod arena;
mod around;
mod deadlines;
mod emitter;
mod ends;
mod history;
mod known;
mod last_rows;
mod log;
mod logged;
mod pane_results;
mod replay;
mod running;
mod session;
mod sessions;
mod sliced;
mod slices;

use std::sync::Arc;

use crate::codec::avro::schema::SchemaError;
use crate::codec::framing::SchemaId;
use crate::record::Offset;
use crate::record::Timestamp;
use crate::store::keys::TaggedKey;
use crate::store::persist::Malformed;
use crate::store::persist::Reader;
use crate::store::persist::Writer;
use crate::stream::arguments::Arguments;
use crate::stream::effects::Effects;
use crate::stream::outcome::Trouble;
use crate::stream::plan::WindowAggregate;
use crate::stream::stage::Stage;
use crate::stream::step::Failure;
use crate::stream::window::Windows;
use crate::stream::windowed::emitter::Emitter;
use crate::stream::windowed::last_rows::LastRows;
use crate::stream::windowed::logged::Logged;
use crate::stream::windowed::replay::Replayed;
use crate::stream::windowed::running::Running;
use crate::stream::windowed::sessions::Sessions;
use crate::stream::windowed::sliced::Sliced;

/// The windows of one partition, of whichever kind.
#[derive(Debug)]
pub(crate) enum Windowed {
    Running(Running),
    Sliced(Sliced),
    Sessions(Sessions),
    Logged(Logged),
    LastRows(LastRows),
}

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Added {
    /// It went into all its open windows; so many were closed already.
    Aggregated { expired_windows: u64 },
    /// All its windows are closed.
    Late,
}

/// One record for the windows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Contribution<'a> {
    pub(crate) key: TaggedKey<'a>,
    /// The event time, not negative.
    pub(crate) time: Timestamp,
    pub(crate) offset: Offset,
    /// Checked.
    pub(crate) arguments: Arguments<'a>,
}

/// The same call for whichever kind it is.
macro_rules! each {
    ($windowed:expr, $windows:ident => $body:expr) => {
        match $windowed {
            Windowed::Running($windows) => $body,
            Windowed::Sliced($windows) => $body,
            Windowed::Sessions($windows) => $body,
            Windowed::Logged($windows) => $body,
            Windowed::LastRows($windows) => $body,
        }
    };
}

impl Windowed {
    /// Windows without state, all open, for the aggregation of a stage's flow.
    ///
    /// # Errors
    ///
    /// Where the sink's schema is none.
    pub(crate) fn new(
        stage: &Arc<Stage>,
        aggregation: &WindowAggregate,
        id: SchemaId,
    ) -> Result<Self, SchemaError> {
        let sliced = |slices| Sliced::new(stage, aggregation, slices, id).map(Self::Sliced);
        let logged = |ends| Logged::new(stage, aggregation, ends, id).map(Self::Logged);
        match &aggregation.windows {
            Windows::Running => Running::new(stage, aggregation, id).map(Self::Running),
            Windows::Time(windows) => sliced((*windows).into()),
            Windows::Calendar(windows) => sliced(windows.clone().into()),
            Windows::Session(windows) => {
                Sessions::new(stage, aggregation, *windows, id).map(Self::Sessions)
            }
            Windows::Sliding(windows) => logged((*windows).into()),
            Windows::Trailing(windows) => logged((*windows).into()),
            Windows::Rows(windows) => {
                LastRows::new(stage, aggregation, *windows, id).map(Self::LastRows)
            }
        }
    }

    /// Closes, without results, the windows that were closed at `stream_time` in an earlier run,
    /// which has dealt with the records below `below`.
    pub(crate) fn restore(&mut self, stream_time: Timestamp, below: Offset) {
        match self {
            Self::Running(_) | Self::LastRows(_) => {}
            Self::Logged(windows) => windows.restore(stream_time, below),
            Self::Sliced(windows) => windows.restore(stream_time),
            Self::Sessions(windows) => windows.restore(stream_time, below),
        }
    }

    /// Closes the windows that are over at `stream_time`, and puts out what they have not yet put
    /// out. Says up to which stream time it came: to an earlier one where so many windows without
    /// records come out that `effects` are full before. It is then to be called again, once they
    /// have been written.
    ///
    /// # Errors
    ///
    /// Where a result cannot be written and the flow is to stop then.
    #[inline]
    pub(crate) fn advance(
        &mut self,
        stream_time: Timestamp,
        effects: &mut Effects,
    ) -> Result<Timestamp, Failure> {
        let reached = match self {
            Self::Running(_) | Self::LastRows(_) => stream_time,
            Self::Logged(windows) => {
                windows.advance(stream_time, effects)?;
                stream_time
            }
            Self::Sliced(windows) => windows.advance(stream_time, effects)?,
            Self::Sessions(windows) => {
                windows.advance(stream_time, effects)?;
                stream_time
            }
        };
        self.emitter_mut().advance(reached, effects)?;
        Ok(reached)
    }

    const fn emitter(&self) -> &Emitter {
        match self {
            Self::Running(windows) => &windows.emitter,
            Self::Sliced(windows) => windows.results.emitter(),
            Self::Sessions(windows) => &windows.emitter,
            Self::Logged(windows) => &windows.emitter,
            Self::LastRows(windows) => &windows.emitter,
        }
    }

    const fn emitter_mut(&mut self) -> &mut Emitter {
        match self {
            Self::Running(windows) => &mut windows.emitter,
            Self::Sliced(windows) => windows.results.emitter_mut(),
            Self::Sessions(windows) => &mut windows.emitter,
            Self::Logged(windows) => &mut windows.emitter,
            Self::LastRows(windows) => &mut windows.emitter,
        }
    }

    /// Takes in one record. Stream time must have been advanced to its event time before.
    ///
    /// # Errors
    ///
    /// [`Trouble::Rejected`] where the record is at fault, which then has changed nothing;
    /// [`Trouble::Stopped`] where a result is, and the flow is to stop then.
    #[inline]
    pub(crate) fn add(
        &mut self,
        record: Contribution<'_>,
        effects: &mut Effects,
    ) -> Result<Added, Box<Trouble>> {
        each!(self, windows => windows.add(record, effects))
    }

    /// A commit begins: puts out what has changed since the last one, where that is wanted.
    ///
    /// # Errors
    ///
    /// Where a result cannot be written and the flow is to stop then.
    pub(crate) fn flush(&mut self, effects: &mut Effects) -> Result<(), Failure> {
        each!(self, windows => windows.flush(effects))
    }

    /// Puts out what is open, as if it closed now; all of it has at stream time `all_closed`. Of
    /// rows nothing: what they come to has come out.
    ///
    /// # Errors
    ///
    /// Where a result cannot be written and the flow is to stop then.
    pub(crate) fn show(
        &mut self,
        all_closed: Timestamp,
        effects: &mut Effects,
    ) -> Result<(), Failure> {
        match self {
            Self::Running(windows) => {
                windows.show(effects)?;
                windows.emitter.advance(Timestamp::MAX, effects)
            }
            // So much that it comes in several parts, of windows without records, is not shown.
            _ => self.advance(all_closed, effects).map(drop),
        }
    }

    /// The smallest offset of a record that an open window holds.
    pub(crate) fn rebuild_from(&self) -> Option<Offset> {
        each!(self, windows => windows.rebuild_from())
    }

    /// Writes all state.
    pub(crate) fn save(&self, out: &mut Writer) {
        each!(self, windows => windows.save(out));
        self.emitter().save(out);
    }

    /// Reads back what was saved, into windows without state.
    ///
    /// # Errors
    ///
    /// Where the bytes are not those of such windows.
    pub(crate) fn load(&mut self, from: &mut Reader<'_>) -> Result<(), Malformed> {
        each!(self, windows => windows.load(from))?;
        self.emitter_mut().load(from)
    }
}
