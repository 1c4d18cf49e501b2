//! The time that a record carries.

use std::fmt;

/// Milliseconds since 1970-01-01T00:00:00Z, exactly as a record carries them.
///
/// Any 64-bit value may stand in a topic and is carried unchanged; −1 is Kafka's "none". Whether
/// one serves as event time is for [`Timestamp::is_event_time`] to say, and arithmetic saturates,
/// so that a hostile timestamp overflows nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The record carries no timestamp.
    pub const NONE: Self = Self(-1);
    /// Before every event time.
    pub const MIN: Self = Self(i64::MIN);
    /// After every event time.
    pub const MAX: Self = Self(i64::MAX);

    /// Whether this may serve as event time: zero and above do, negative ones (−1 among them) do
    /// not.
    #[must_use]
    pub const fn is_event_time(self) -> bool {
        self.0 >= 0
    }

    /// This time moved by `millis`, kept within the 64-bit range.
    #[must_use]
    pub const fn saturating_add(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// This time moved back by `millis`, kept within the 64-bit range.
    #[must_use]
    pub const fn saturating_sub(self, millis: i64) -> Self {
        Self(self.0.saturating_sub(millis))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Who set a record's timestamp.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TimestampType {
    /// The producer (`message.timestamp.type=CreateTime`).
    #[default]
    CreateTime,
    /// The broker, when it appended the batch (`LogAppendTime`).
    LogAppendTime,
}

impl TimestampType {
    /// The name in Kafka's settings and in the JSON envelope.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CreateTime => "CreateTime",
            Self::LogAppendTime => "LogAppendTime",
        }
    }
}
