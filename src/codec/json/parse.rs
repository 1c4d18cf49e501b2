//! Whole documents to values.

use crate::codec::entries;
use crate::codec::json::scan::Fault;
use crate::codec::json::scan::JsonError;
use crate::codec::json::scan::Scanner;
use crate::record::Value;

/// Reads `bytes` as one JSON document.
///
/// Text without escapes is borrowed. Integers become [`Value::Int`], or [`Value::UInt`] above
/// `i64::MAX`.
///
/// # Errors
///
/// [`JsonError`] where the bytes are not exactly one document; see the module for what is.
///
/// # Examples
///
/// ```
/// use tidemill::codec::json;
/// use tidemill::record::Value;
///
/// let order = json::parse(br#"{"qty": 1, "qty": 2}"#)?;
/// assert_eq!(order.field("qty"), Some(&Value::Int(2)), "the last one wins");
/// assert!(json::parse(b"{} {}").is_err());
/// # Ok::<(), json::JsonError>(())
/// ```
pub fn parse(bytes: &[u8]) -> Result<Value<'_>, JsonError> {
    let mut scanner = Scanner::new(bytes);
    let value = scanner.value()?;
    scanner.finish()?;
    Ok(value)
}

impl<'a> Scanner<'a> {
    /// Reads the value that starts here, behind white space.
    pub(in crate::codec) fn value(&mut self) -> Result<Value<'a>, JsonError> {
        match self.peek_token() {
            b'"' => Ok(Value::Text(self.string()?.decode())),
            b'-' | b'0'..=b'9' => Ok(self.number()?.into()),
            b'{' => self.object(),
            b'[' => self.list(),
            _ => self.word(),
        }
    }

    fn list(&mut self) -> Result<Value<'a>, JsonError> {
        self.descend()?;
        self.at += 1;
        let mut values = Vec::new();
        if !self.is_empty(b']') {
            loop {
                values.push(self.value()?);
                if !self.goes_on(b']', Fault::ListEnd)? {
                    break;
                }
            }
        }
        self.ascend();
        Ok(Value::List(values))
    }

    fn object(&mut self) -> Result<Value<'a>, JsonError> {
        self.descend()?;
        self.at += 1;
        let mut entries = Vec::new();
        if !self.is_empty(b'}') {
            loop {
                let key = Value::Text(self.key()?.decode());
                entries.push((key, self.value()?));
                if !self.goes_on(b'}', Fault::ObjectEnd)? {
                    break;
                }
            }
        }
        self.ascend();
        entries::merge_repeats(&mut entries);
        Ok(Value::Map(entries))
    }
}
