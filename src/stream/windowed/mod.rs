//! Aggregation by key and window: the state of one partition's windows.
//!
//! One file a way of keeping state. Whichever it is, records come in through
//! [`Windowed::add`] after stream time has been advanced to theirs, windows close in
//! [`Windowed::advance`], and what came of them is put out as [`Emit`] says.
//!
//! A window that closes, or a commit, may bring out more than effects have room for. Then windows
//! remember how far they came, and go on there once the effects are cleared
//! ([`Windowed::put_out_more`]), in the order in which all would have come out at once. Until
//! nothing is left ([`Windowed::has_more`]) they take in no record.
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
use crate::stream::step::Drained;
use crate::stream::step::Failure;
use crate::stream::window::Windows;
use crate::stream::windowed::emitter::Emitter;
use crate::stream::windowed::last_rows::LastRows;
use crate::stream::windowed::logged::Logged;
use crate::stream::windowed::replay::Replayed;
use crate::stream::windowed::running::Running;
use crate::stream::windowed::sessions::Sessions;
use crate::stream::windowed::sliced::Sliced;

pub(crate) use replay::ReplayClock;

/// The windows of one partition.
#[derive(Debug)]
pub(crate) struct Windowed {
    kind: Kind,
    /// Where stream time has been advanced to.
    stream_time: Timestamp,
    /// Whether a commit has not brought out all changes yet.
    is_flushing: bool,
}

/// Windows of whichever kind.
#[derive(Debug)]
enum Kind {
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
    ($kind:expr, $windows:ident => $body:expr) => {
        match $kind {
            Kind::Running($windows) => $body,
            Kind::Sliced($windows) => $body,
            Kind::Sessions($windows) => $body,
            Kind::Logged($windows) => $body,
            Kind::LastRows($windows) => $body,
        }
    };
}

impl Kind {
    fn new(
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

    /// Whether windows that are over at the stream time that it is have not come out yet.
    fn is_closing(&self) -> bool {
        match self {
            Self::Running(_) | Self::LastRows(_) => false,
            Self::Logged(windows) => windows.is_closing(),
            Self::Sliced(windows) => windows.is_closing(),
            Self::Sessions(windows) => windows.is_closing(),
        }
    }

    /// Puts out more of the windows that are over.
    fn close(&mut self, effects: &mut Effects) -> Result<Drained, Failure> {
        match self {
            Self::Running(_) | Self::LastRows(_) => Ok(Drained::All),
            Self::Logged(windows) => windows.close(effects),
            Self::Sliced(windows) => windows.close(effects),
            Self::Sessions(windows) => windows.close(effects),
        }
    }
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
        Ok(Self {
            kind: Kind::new(stage, aggregation, id)?,
            stream_time: Timestamp::MIN,
            is_flushing: false,
        })
    }

    /// Closes, without results, the windows that were closed at `stream_time` in an earlier run,
    /// which has dealt with the records below `below`.
    pub(crate) fn restore(&mut self, stream_time: Timestamp, below: Offset, clock: ReplayClock) {
        match &mut self.kind {
            Kind::Running(_) | Kind::LastRows(_) => {}
            Kind::Logged(windows) => windows.restore(stream_time, below, clock),
            Kind::Sliced(windows) => windows.restore(stream_time),
            Kind::Sessions(windows) => windows.restore(stream_time, below, clock),
        }
    }

    /// Closes the windows that are over at `stream_time`, and puts out what they have not yet put
    /// out.
    ///
    /// # Errors
    ///
    /// Where a result cannot be written and the flow is to stop then.
    #[inline]
    pub(crate) fn advance(
        &mut self,
        stream_time: Timestamp,
        effects: &mut Effects,
    ) -> Result<Drained, Failure> {
        self.stream_time = self.stream_time.max(stream_time);
        let closed = match &mut self.kind {
            Kind::Running(_) | Kind::LastRows(_) => Drained::All,
            Kind::Logged(windows) => windows.advance(stream_time, effects)?,
            Kind::Sliced(windows) => windows.advance(stream_time, effects)?,
            Kind::Sessions(windows) => windows.advance(stream_time, effects)?,
        };
        match closed {
            Drained::All => self.kind.emitter_mut().advance(self.stream_time, effects),
            Drained::Part => Ok(Drained::Part),
        }
    }

    /// The stream time up to which windows are closed and out, or on their way: behind the one that
    /// was to be advanced to while more windows than there is room for come out.
    pub(crate) fn reached(&self) -> Timestamp {
        match &self.kind {
            Kind::Sliced(windows) => windows.reached().min(self.stream_time),
            _ => self.stream_time,
        }
    }

    /// Whether what was to come out has not yet, for want of room.
    pub(crate) fn has_more(&self) -> bool {
        let is_holding = || self.kind.emitter().is_due(self.stream_time);
        self.is_flushing || self.kind.is_closing() || is_holding()
    }

    /// Puts out more of what was to come out and has not yet.
    ///
    /// # Errors
    ///
    /// Where a result cannot be written and the flow is to stop then.
    pub(crate) fn put_out_more(&mut self, effects: &mut Effects) -> Result<Drained, Failure> {
        if self.kind.close(effects)? == Drained::Part {
            return Ok(Drained::Part);
        }
        let held = self.kind.emitter_mut();
        if held.advance(self.stream_time, effects)? == Drained::Part {
            return Ok(Drained::Part);
        }
        if self.is_flushing {
            let flushed = each!(&mut self.kind, windows => windows.flush(effects))?;
            self.is_flushing = flushed == Drained::Part;
            return Ok(flushed);
        }
        Ok(Drained::All)
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
        each!(&mut self.kind, windows => windows.add(record, effects))
    }

    /// A commit begins: puts out what has changed since the last one, where that is wanted.
    ///
    /// # Errors
    ///
    /// Where a result cannot be written and the flow is to stop then.
    pub(crate) fn flush(&mut self, effects: &mut Effects) -> Result<(), Failure> {
        self.is_flushing = true;
        self.put_out_more(effects).map(drop)
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
        match &mut self.kind {
            Kind::Running(windows) => {
                windows.show(effects)?;
                windows.emitter.advance(Timestamp::MAX, effects).map(drop)
            }
            _ => self.advance(all_closed, effects).map(drop),
        }
    }

    /// The smallest offset of a record that an open window holds.
    pub(crate) fn rebuild_from(&self) -> Option<Offset> {
        each!(&self.kind, windows => windows.rebuild_from())
    }

    /// Writes all state. Of windows nothing may be left that is to come out, but for whole ones that
    /// are not closed yet ([`Windowed::reached`]).
    pub(crate) fn save(&self, out: &mut Writer) {
        each!(&self.kind, windows => windows.save(out));
        self.kind.emitter().save(out);
    }

    /// Reads back what was saved, into windows without state.
    ///
    /// # Errors
    ///
    /// Where the bytes are not those of such windows.
    pub(crate) fn load(&mut self, from: &mut Reader<'_>) -> Result<(), Malformed> {
        each!(&mut self.kind, windows => windows.load(from))?;
        self.kind.emitter_mut().load(from)
    }
}
