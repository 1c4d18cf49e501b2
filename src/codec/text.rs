//! Text: UTF-8, as it is.

use thiserror::Error;

/// Bytes that should be text are not UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("read text: invalid UTF-8 at byte {valid_up_to}")]
pub struct TextError {
    /// How many bytes before the first bad one are text.
    pub valid_up_to: usize,
}

/// Reads `bytes` as text.
///
/// # Errors
///
/// [`TextError`] where the bytes are not UTF-8: they were written by somebody else's idea of text.
pub fn parse(bytes: &[u8]) -> Result<&str, TextError> {
    str::from_utf8(bytes).map_err(|error| TextError {
        valid_up_to: error.valid_up_to(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bad_byte_is_named() {
        assert_eq!(parse("tee ☕".as_bytes()), Ok("tee ☕"));
        assert_eq!(parse(b""), Ok(""));
        assert_eq!(parse(b"ab\xff"), Err(TextError { valid_up_to: 2 }));
    }
}
