//! Alerts: what watches the results of a flow, key by key, and tells when they are not as they
//! should be.
//!
//! A [`Watch`] is one alert at the end of one task: results go in as they come out of the task, and
//! [`Notice`]s come out. Of each key an alert is calm, pending (it fires, and has not for long
//! enough), firing, or silent (nothing has come out of the key for too long).
//!
//! # Time
//!
//! How long a condition holds is told by the times of the key's own results, so a replay fires as
//! the first run did, however the keys interleave. The time of a result is the end of its window
//! where windows come out when they close, since the condition is of the window as a whole; else it
//! is the timestamp, that of the newest record in it.
//!
//! A result of a window says nothing of the time after it: only the next one does, and where no
//! records made a next one, the condition has not held. A result without
//! a window (a running aggregate, a row of a table, a record) stands until the next one, so it fires
//! too once the wall clock has gone on for long enough since it came out. Silence is always the wall
//! clock's to tell.

mod message;
mod notice;
mod state;
mod watch;

use std::sync::Arc;

use chrono::TimeDelta;

use crate::codec::format::Format;
use crate::codec::projection::Fields;
use crate::expr::Program;
use crate::stream::plan::Flow;
use crate::stream::plan::Map;
use crate::stream::plan::Operator;
use crate::stream::plan::ValueFormat;

pub use message::{NumberFormat, Piece};
pub use notice::{Change, Notice};
pub use watch::{KEYS_MAX, Watch, WatchError};

/// What is to be told of the results of a flow.
#[derive(Debug)]
pub struct Alert {
    /// Its name.
    pub name: Arc<str>,
    /// The flow whose results it watches.
    pub flow: Box<str>,
    /// What the programs read of a result.
    pub fields: Fields,
    /// When it fires.
    pub fire: Program,
    /// How long that must hold: from the first result that fires to one at least so much later,
    /// with none between them that does not, and no window without records.
    pub hold: TimeDelta,
    /// When it clears, where it does not fire any more; `None`: as soon as it does not.
    pub clear: Option<Program>,
    /// For how long nothing may come out of a key before that is told; equal is too long.
    pub no_data: Option<TimeDelta>,
    /// What it says: texts and values in turn. Where there are none it says its condition.
    pub message: Vec<Piece>,
    /// Where it says so.
    pub to: Vec<AlertSink>,
}

/// Where an alert tells of its changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AlertSink {
    /// Standard error.
    Log,
    /// A topic.
    Topic(String),
    /// A webhook, whose address is in the environment.
    Webhook {
        /// The variable that holds it.
        url_env: String,
    },
}

/// How the keys of the results of `flow` are written, the windows behind them aside.
#[must_use]
pub fn key_format(flow: &Flow) -> Format {
    match (&flow.operator, &flow.key) {
        (Operator::Map(_), None) => flow.source.key_format,
        _ => Format::Text,
    }
}

/// Whether the results of `flow` are written with schemas that its source's records name, and that
/// somebody has to fetch ([`WatchError::UnknownSchema`]).
#[must_use]
pub fn needs_schemas(flow: &Flow) -> bool {
    let passes_values_on = matches!(flow.operator, Operator::Map(Map { select: None }));
    let of_source = passes_values_on && flow.source.value_format == Format::Avro;
    of_source || key_format(flow) == Format::Avro
}

/// How the values of the results of `flow` are written.
fn value_format(flow: &Flow) -> Format {
    match (&flow.operator, &flow.sink.value) {
        (Operator::Map(Map { select: None }), _) => flow.source.value_format,
        (_, ValueFormat::Avro { .. }) => Format::Avro,
        (_, ValueFormat::Json) => Format::Json,
    }
}
