//! What watches the results of flows.

use chrono::TimeDelta;

use crate::codec::projection::Fields;
use crate::expr::Program;
use crate::pipeline::file::AlertSink;

/// An alert, checked. This version does not run alerts.
#[derive(Debug)]
pub struct Alert {
    /// Its name.
    pub name: Box<str>,
    /// The flow whose results it watches.
    pub flow: Box<str>,
    /// What the programs read of a result.
    pub fields: Fields,
    /// When it fires.
    pub fire: Program,
    /// How long that must hold.
    pub hold: TimeDelta,
    /// When it clears; `None`: when it no longer fires.
    pub clear: Option<Program>,
    /// How long a key may be silent.
    pub no_data: Option<TimeDelta>,
    /// What it says: texts and values in turn.
    pub message: Vec<Piece>,
    /// Where it says so.
    pub to: Vec<AlertSink>,
}

/// A part of the message of an alert.
#[derive(Debug)]
pub enum Piece {
    /// As it stands.
    Text(String),
    /// A value of the result.
    Value {
        /// Which.
        program: Program,
        /// How a number is written.
        format: NumberFormat,
    },
}

/// How a number is written in a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NumberFormat {
    /// How many digits behind the point; `None`: as many as it has.
    pub decimals: Option<u8>,
    /// Whether times 100, with a percent sign.
    pub is_percent: bool,
}
