//! What an alert says, with the values of the result that it speaks of.

use crate::codec::json;
use crate::codec::projection::Row;
use crate::expr::Program;
use crate::expr::duration;
use crate::record::Value;

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

/// What stands for a value that the result has not got.
const NOTHING: &str = "?";

/// The message made of `pieces`, of the result in `row`.
pub(super) fn message(pieces: &[Piece], row: &Row<'_>) -> String {
    let texts = pieces.iter().map(|piece| match piece {
        Piece::Text(text) => text.clone(),
        Piece::Value { program, format } => match program.eval(row) {
            Ok(value) => format.text(&value),
            Err(_) => NOTHING.to_owned(),
        },
    });
    texts.collect()
}

impl NumberFormat {
    fn text(self, value: &Value<'_>) -> String {
        match *value {
            Value::Int(int) if self == Self::default() => int.to_string(),
            Value::UInt(uint) if self == Self::default() => uint.to_string(),
            #[expect(
                clippy::cast_precision_loss,
                reason = "digits are being cut off anyway"
            )]
            Value::Int(int) => self.number(int as f64),
            #[expect(
                clippy::cast_precision_loss,
                reason = "digits are being cut off anyway"
            )]
            Value::UInt(uint) => self.number(uint as f64),
            Value::Float(float) => self.number(float),
            _ => text(value),
        }
    }

    fn number(self, number: f64) -> String {
        let (number, sign) = match self.is_percent {
            true => (number * 100.0, "%"),
            false => (number, ""),
        };
        match (self.decimals, self.is_percent) {
            (Some(decimals), _) => {
                let decimals = usize::from(decimals);
                format!("{number:.decimals$}{sign}")
            }
            // Times 100 makes digits that nobody wrote.
            (None, true) => {
                let digits = format!("{number:.9}");
                format!(
                    "{}{sign}",
                    digits.trim_end_matches('0').trim_end_matches('.')
                )
            }
            (None, false) => number.to_string(),
        }
    }
}

/// A value as text, whatever it is: text as it stands, instants as RFC 3339, durations as `300s`, all
/// else as JSON.
pub(super) fn text(value: &Value<'_>) -> String {
    match value {
        Value::Text(text) => text.clone().into_owned(),
        Value::Timestamp(instant) => instant.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true),
        Value::Duration(span) => duration::to_text(*span),
        other => {
            let mut out = Vec::new();
            match json::put_value(&mut out, other) {
                Ok(()) => String::from_utf8_lossy(&out).into_owned(),
                Err(_) => NOTHING.to_owned(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use chrono::TimeDelta;

    use super::*;

    fn format(decimals: Option<u8>, is_percent: bool) -> NumberFormat {
        NumberFormat {
            decimals,
            is_percent,
        }
    }

    #[test]
    fn numbers_have_the_digits_that_are_asked_for_and_else_their_own() {
        let of = |decimals, is_percent, number| format(decimals, is_percent).text(&number);
        assert_eq!(of(None, false, Value::Float(0.1)), "0.1");
        assert_eq!(of(None, false, Value::Int(i64::MAX)), "9223372036854775807");
        assert_eq!(of(Some(2), false, Value::Int(3)), "3.00");
        assert_eq!(of(Some(1), true, Value::Float(0.0725)), "7.2%");
        assert_eq!(of(None, true, Value::Float(0.07)), "7%");
        assert_eq!(of(None, true, Value::Int(1)), "100%");
        assert_eq!(of(Some(0), false, Value::UInt(u64::MAX)).len(), 20);
    }

    #[test]
    fn what_is_no_number_is_written_as_one_would_read_it() {
        let instant = DateTime::from_timestamp_millis(0).expect("an instant");
        let of = |value| format(Some(1), true).text(&value);
        assert_eq!(of(Value::text("a b")), "a b");
        assert_eq!(of(Value::Null), "null");
        assert_eq!(of(Value::Timestamp(instant)), "1970-01-01T00:00:00Z");
        assert_eq!(of(Value::Duration(TimeDelta::minutes(5))), "300s");
        assert_eq!(of(Value::List(vec![Value::Int(1)])), "[1]");
    }
}
