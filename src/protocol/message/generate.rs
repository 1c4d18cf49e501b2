//! Values for tests: each field that a version has gets one that it can carry.

use std::borrow::Cow;

use super::field::{Field, Gate};
use super::uuid::Uuid;
use super::{Blob, Str};

/// A repeatable source of values for one version: the same seed gives the same values.
pub(super) struct Generator {
    state: u64,
    version: i16,
}

impl Generator {
    pub(super) fn new(seed: u64, version: i16) -> Self {
        Self {
            state: seed,
            version,
        }
    }

    /// SplitMix64, of Steele, Lea and Flood.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// Sets a field that this version has; now and then leaves it at its default.
    pub(super) fn field<'a, T: Field<'a> + Generate>(&mut self, field: &mut T, gate: &Gate) {
        if !gate.versions.contains(self.version) || self.below(8) == 0 {
            return;
        }
        *field = T::generate(self);
        while field.is_null() && !gate.nullable.contains(self.version) {
            *field = T::generate(self);
        }
    }
}

/// A value for a test.
pub(super) trait Generate: Sized {
    fn generate(generator: &mut Generator) -> Self;
}

macro_rules! numbers {
    ($($type:ty)*) => {$(
        impl Generate for $type {
            fn generate(generator: &mut Generator) -> Self {
                let edges = [0, 1, -1, Self::MAX, Self::MIN];
                if generator.below(8) == 0 {
                    return edges[usize::try_from(generator.below(5)).unwrap()];
                }
                let bytes = generator.next().to_ne_bytes();
                Self::from_ne_bytes(*bytes.first_chunk().unwrap())
            }
        }
    )*};
}

numbers!(i8 i16 i32 i64);

impl Generate for bool {
    fn generate(generator: &mut Generator) -> Self {
        generator.below(2) == 1
    }
}

impl Generate for Uuid {
    fn generate(generator: &mut Generator) -> Self {
        let halves = [
            generator.next().to_ne_bytes(),
            generator.next().to_ne_bytes(),
        ];
        Self(halves.as_flattened().try_into().unwrap())
    }
}

/// Lengths around 127, where a compact length takes its second byte, and short ones.
fn len(generator: &mut Generator) -> u64 {
    match generator.below(16) {
        0 => 125 + generator.below(4),
        1 => 0,
        _ => generator.below(9),
    }
}

impl Generate for Str<'_> {
    fn generate(generator: &mut Generator) -> Self {
        const LETTERS: [char; 6] = ['a', 'Z', '-', '\0', 'é', '🌊'];
        let len = len(generator);
        let letters = (0..len).map(|_| LETTERS[usize::try_from(generator.below(6)).unwrap()]);
        Cow::Owned(letters.collect())
    }
}

impl Generate for Blob<'_> {
    fn generate(generator: &mut Generator) -> Self {
        let len = len(generator);
        Cow::Owned(
            (0..len)
                .map(|_| generator.next().to_ne_bytes()[0])
                .collect(),
        )
    }
}

impl<T: Generate> Generate for Vec<T> {
    fn generate(generator: &mut Generator) -> Self {
        let count = generator.below(4);
        (0..count).map(|_| T::generate(generator)).collect()
    }
}

impl<T: Generate> Generate for Option<T> {
    fn generate(generator: &mut Generator) -> Self {
        (generator.below(3) > 0).then(|| T::generate(generator))
    }
}
