//! Numbers drawn from a seed.

/// A stream of numbers that looks random and is the same for one seed (`SplitMix64`).
#[derive(Clone, Debug)]
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// One of `range`, which is not empty.
    pub(crate) fn of(&mut self, range: std::ops::Range<i64>) -> i64 {
        let width = range.end.abs_diff(range.start);
        let within = i64::try_from(self.next() % width).expect("small");
        range.start + within
    }

    /// As [`of`](Self::of), from 0 to below `past`.
    pub(crate) fn below(&mut self, past: usize) -> usize {
        let past = i64::try_from(past).expect("small");
        usize::try_from(self.of(0..past)).expect("not negative")
    }

    /// True once in so many times.
    pub(crate) fn once_in(&mut self, times: i64) -> bool {
        self.of(0..times) == 0
    }
}
