//! What an alert tells.

use std::fmt;
use std::sync::Arc;

use chrono::DateTime;
use chrono::SecondsFormat;
use serde_json::json;

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

impl Notice {
    /// The notice as the value of a record: one JSON object.
    ///
    /// Shape: `{"alert": …, "key": text or null, "state": "fired", "cleared" or "no_data", "time":
    /// milliseconds since the epoch, "message": …}`.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let value = json!({
            "alert": &*self.alert,
            "key": self.shown_key,
            "state": self.change.name(),
            "time": self.time.0,
            "message": self.message,
        });
        value.to_string().into_bytes()
    }
}

/// One line: `alert too_many_errors: web fired at 2024-01-01T12:00:40Z: 7.2% errors`.
impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "alert {}: ", self.alert)?;
        if let Some(key) = &self.shown_key {
            write!(f, "{key} ")?;
        }
        let told = match self.change {
            Change::Fired => "fired",
            Change::Cleared => "cleared",
            Change::NoData => "silent",
        };
        match DateTime::from_timestamp_millis(self.time.0) {
            Some(time) => {
                let time = time.to_rfc3339_opts(SecondsFormat::AutoSi, true);
                write!(f, "{told} at {time}")?;
            }
            None => write!(f, "{told} at {}", self.time)?,
        }
        write!(f, ": {}", self.message)
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_is_one_object_and_one_line() {
        let notice = Notice {
            alert: "high".into(),
            key: Some(b"web"[..].into()),
            shown_key: Some("web".to_owned()),
            change: Change::Fired,
            time: Timestamp(1_500),
            message: "12 \"of\" 10".to_owned(),
        };
        assert_eq!(
            String::from_utf8_lossy(&notice.to_json()),
            r#"{"alert":"high","key":"web","state":"fired","time":1500,"message":"12 \"of\" 10"}"#
        );
        assert_eq!(
            notice.to_string(),
            "alert high: web fired at 1970-01-01T00:00:01.500Z: 12 \"of\" 10"
        );
        let silent = Notice {
            key: None,
            shown_key: None,
            change: Change::NoData,
            time: Timestamp(i64::MAX),
            ..notice
        };
        assert_eq!(
            silent.to_string(),
            "alert high: silent at 9223372036854775807: 12 \"of\" 10"
        );
    }
}
