//! Watches the frames that a broker sends, so that a bad one ends the connection at once.
//!
//! rskafka's Messenger reads an oversize frame whole before it refuses it, and ignores answers with
//! a wrong correlation id while the request waits on. Brokers answer in order and Messenger counts
//! its requests from 0, so the next correlation id is known.

use std::io;

use thiserror::Error;

/// Length prefix and correlation id.
const HEAD_BYTES: usize = 8;
/// The smallest frame holds a correlation id.
const FRAME_BYTES_MIN: usize = 4;

/// A frame that no broker in its right mind sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FrameFault {
    /// Negative, or too short for a correlation id.
    #[error("the peer sent a frame of {0} bytes: not a Kafka broker?")]
    Length(i32),
    /// Above the limit.
    #[error("the peer sent a frame of {bytes} bytes, above receive.message.max.bytes = {limit}")]
    TooLarge {
        /// Its length.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// Another answer than the next one.
    #[error("the peer answered request {got}, but {expected} was next")]
    Correlation {
        /// The id in the answer.
        got: i32,
        /// The id expected.
        expected: i32,
    },
    /// The first bytes are a TLS alert.
    #[error("the peer speaks TLS: set security.protocol to SSL or SASL_SSL")]
    Tls,
    /// The first bytes are an HTTP answer.
    #[error("the peer speaks HTTP: not a Kafka broker")]
    Http,
}

impl From<FrameFault> for io::Error {
    fn from(fault: FrameFault) -> Self {
        Self::new(io::ErrorKind::InvalidData, fault)
    }
}

/// Checks a frame's length prefix; both limits are allowed.
///
/// # Errors
///
/// [`FrameFault`], the peer's fault: close the connection.
pub(super) fn frame_length(prefix: [u8; 4], limit: usize) -> Result<usize, FrameFault> {
    match prefix {
        [0x15 | 0x16, 0x03, 0..=4, _] => return Err(FrameFault::Tls),
        [b'H', b'T', b'T', b'P'] => return Err(FrameFault::Http),
        _ => {}
    }
    let declared = i32::from_be_bytes(prefix);
    match usize::try_from(declared) {
        Ok(bytes) if bytes > limit => Err(FrameFault::TooLarge { bytes, limit }),
        Ok(bytes) if bytes >= FRAME_BYTES_MIN => Ok(bytes),
        _ => Err(FrameFault::Length(declared)),
    }
}

/// Follows the frames of one connection.
#[derive(Debug)]
pub(super) struct FrameGuard {
    limit: usize,
    expected: i32,
    head: [u8; HEAD_BYTES],
    filled: usize,
    /// Bytes of the current frame that are still to come after its head.
    body: usize,
}

impl FrameGuard {
    /// Watches from the first frame on; frames above `limit` bytes are refused.
    #[must_use]
    pub(super) const fn new(limit: usize) -> Self {
        Self {
            limit,
            expected: 0,
            head: [0; HEAD_BYTES],
            filled: 0,
            body: 0,
        }
    }

    /// Looks at the next bytes of the stream.
    ///
    /// # Errors
    ///
    /// [`FrameFault`] at the first byte that shows it.
    pub(super) fn watch(&mut self, mut bytes: &[u8]) -> Result<(), FrameFault> {
        while !bytes.is_empty() {
            let skipped = self.body.min(bytes.len());
            self.body -= skipped;
            bytes = bytes.get(skipped..).unwrap_or_default();
            bytes = self.fill_head(bytes)?;
        }
        Ok(())
    }

    fn fill_head<'a>(&mut self, mut bytes: &'a [u8]) -> Result<&'a [u8], FrameFault> {
        while self.body == 0 {
            let Some((&byte, rest)) = bytes.split_first() else {
                break;
            };
            if let Some(place) = self.head.get_mut(self.filled) {
                *place = byte;
            }
            self.filled += 1;
            bytes = rest;
            let [a, b, c, d, correlation @ ..] = self.head;
            if self.filled == FRAME_BYTES_MIN {
                frame_length([a, b, c, d], self.limit)?;
            }
            if self.filled == HEAD_BYTES {
                self.correlate(i32::from_be_bytes(correlation))?;
                self.body = frame_length([a, b, c, d], self.limit)? - FRAME_BYTES_MIN;
                self.filled = 0;
            }
        }
        Ok(bytes)
    }

    fn correlate(&mut self, got: i32) -> Result<(), FrameFault> {
        let expected = self.expected;
        self.expected = expected.wrapping_add(1);
        if got == expected {
            Ok(())
        } else {
            Err(FrameFault::Correlation { got, expected })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(correlation: i32, body: &[u8]) -> Vec<u8> {
        let length = i32::try_from(body.len()).expect("short") + 4;
        [&length.to_be_bytes()[..], &correlation.to_be_bytes(), body].concat()
    }

    #[test]
    fn frames_in_order_pass_however_they_are_cut() {
        let stream = [frame(0, b"abc"), frame(1, b""), frame(2, &[0; 100])].concat();
        for piece in 1..=stream.len() {
            let mut guard = FrameGuard::new(104);
            for bytes in stream.chunks(piece) {
                assert_eq!(guard.watch(bytes), Ok(()), "pieces of {piece}");
            }
        }
    }

    #[test]
    fn a_frame_above_the_limit_is_refused_at_its_fourth_byte() {
        let mut guard = FrameGuard::new(100);
        assert_eq!(
            guard.watch(&frame(0, &[0; 96])),
            Ok(()),
            "exactly the limit"
        );
        assert_eq!(guard.watch(&101_i32.to_be_bytes()[..3]), Ok(()));
        let fault = FrameFault::TooLarge {
            bytes: 101,
            limit: 100,
        };
        assert_eq!(guard.watch(&[101]), Err(fault));
    }

    #[test]
    fn a_wrong_correlation_id_is_told() {
        let mut guard = FrameGuard::new(100);
        assert_eq!(
            guard.watch(&frame(7, b"")),
            Err(FrameFault::Correlation {
                got: 7,
                expected: 0
            })
        );
    }

    #[test]
    fn lengths_that_hold_no_correlation_id_are_refused() {
        for length in [i32::MIN, -1, 0, 3] {
            assert_eq!(
                frame_length(length.to_be_bytes(), 100),
                Err(FrameFault::Length(length))
            );
        }
        assert_eq!(frame_length([0, 0, 0, 4], 100), Ok(4));
    }

    #[test]
    fn other_protocols_are_recognised() {
        assert_eq!(frame_length([0x15, 3, 3, 0], 1 << 30), Err(FrameFault::Tls));
        assert_eq!(frame_length(*b"HTTP", 1 << 30), Err(FrameFault::Http));
    }
}
