//! Reused output space with a bound.

use crate::protocol::compression::stop::Stop;

/// Output space that is reused from batch to batch and never passes its limit.
///
/// The safe block decoders want initialised memory, so the bytes are zeroed once, when the space
/// grows, and never given back.
#[derive(Debug)]
pub(super) struct Scratch {
    bytes: Vec<u8>,
    filled: usize,
    limit: usize,
}

impl Scratch {
    pub(super) const fn new(limit: usize) -> Self {
        Self {
            bytes: Vec::new(),
            filled: 0,
            limit,
        }
    }

    pub(super) const fn limit(&self) -> usize {
        self.limit
    }

    pub(super) fn clear(&mut self) {
        self.filled = 0;
    }

    /// What has been filled.
    pub(super) fn filled(&self) -> &[u8] {
        self.bytes.get(..self.filled).unwrap_or_default()
    }

    /// What has been filled, and `wanted` bytes of space behind it: fewer where the limit is
    /// nearer, but always one more than the limit allows, so that passing it shows.
    pub(super) fn split(&mut self, wanted: usize) -> (&[u8], &mut [u8]) {
        let end = self
            .filled
            .saturating_add(wanted)
            .min(self.limit.saturating_add(1));
        self.grow(end);
        let (filled, space) = self.bytes.split_at_mut(self.filled);
        (
            filled,
            space.get_mut(..end - filled.len()).unwrap_or_default(),
        )
    }

    /// The space alone; see [`Self::split`].
    pub(super) fn space(&mut self, wanted: usize) -> &mut [u8] {
        self.split(wanted).1
    }

    /// Counts `written` bytes of the space as filled.
    pub(super) fn advance(&mut self, written: usize) -> Result<(), Stop> {
        self.filled = self.filled.saturating_add(written).min(self.bytes.len());
        if self.filled > self.limit {
            return Err(Stop::LimitPassed);
        }
        Ok(())
    }

    /// Makes room up to `end`, at least doubling, so that growing costs little per byte.
    fn grow(&mut self, end: usize) {
        if end > self.bytes.len() {
            let doubled = self.bytes.len().saturating_mul(2);
            let len = end.max(doubled.min(self.limit.saturating_add(1)));
            self.bytes.reserve_exact(len - self.bytes.len());
            self.bytes.resize(len, 0);
        }
    }
}
