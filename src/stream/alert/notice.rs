//! What an alert tells.

use std::sync::Arc;

use crate::record::Timestamp;

/// One thing that an alert tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The name of the alert.
    pub alert: Arc<str>,
    /// The key of the results that it tells of, as their topic has it, without a window; `None`
    /// where they have none.
    pub key: Option<Arc<[u8]>>,
    /// The key as text.
    pub shown_key: Option<String>,
    /// What it tells.
    pub change: Change,
    /// Since when: the time of the result that made it fire or clear; of silence the wall clock at
    /// which it had lasted for too long.
    pub time: Timestamp,
    /// What it says.
    pub message: String,
}

/// What has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The condition has held for long enough.
    Fired,
    /// It fired, or was silent, and does and is not any more.
    Cleared,
    /// Nothing has come out of the key for too long.
    NoData,
}

impl Change {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Fired, Self::Cleared, Self::NoData];

    /// How files and topics name it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fired => "fired",
            Self::Cleared => "cleared",
            Self::NoData => "no_data",
        }
    }
}
