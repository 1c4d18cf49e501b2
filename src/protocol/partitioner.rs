//! Which partition a key belongs to, as Java's producer decides.

use std::num::NonZeroU32;

use crate::record::PartitionId;

const SEED: u32 = 0x9747_b28c;
const MULTIPLIER: u32 = 0x5bd1_e995;

/// The 32-bit MurmurHash2 of `bytes`, with Kafka's seed.
///
/// Source: `Utils.murmur2` (Apache Kafka).
#[must_use]
pub fn murmur2(bytes: &[u8]) -> i32 {
    // Only the length modulo 2^32 counts, and no key is that long.
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let (words, tail) = bytes.as_chunks::<4>();
    let mut hash = SEED ^ length;
    for word in words {
        let mixed = u32::from_le_bytes(*word).wrapping_mul(MULTIPLIER);
        let mixed = (mixed ^ (mixed >> 24)).wrapping_mul(MULTIPLIER);
        hash = hash.wrapping_mul(MULTIPLIER) ^ mixed;
    }
    if !tail.is_empty() {
        let add = |word: u32, &byte: &u8| (word << 8) | u32::from(byte);
        hash = (hash ^ tail.iter().rev().fold(0, add)).wrapping_mul(MULTIPLIER);
    }
    hash = (hash ^ (hash >> 13)).wrapping_mul(MULTIPLIER);
    (hash ^ (hash >> 15)).cast_signed()
}

/// The partition, of `partition_count`, that records with `key` go to.
///
/// The sign bit of the hash is dropped, so the answer lies in `[0, partition_count)`.
///
/// Source: `BuiltInPartitioner.partitionForKey` (Apache Kafka).
///
/// # Examples
///
/// ```
/// use std::num::NonZeroU32;
/// use tidemill::protocol::partitioner::partition_for_key;
/// use tidemill::record::PartitionId;
///
/// let twelve = NonZeroU32::new(12).unwrap();
/// assert_eq!(partition_for_key(b"foobar", twelve), PartitionId(6));
/// ```
#[must_use]
pub fn partition_for_key(key: &[u8], partition_count: NonZeroU32) -> PartitionId {
    let positive = murmur2(key).cast_unsigned() & 0x7fff_ffff;
    PartitionId((positive % partition_count).cast_signed())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The values of Kafka's `UtilsTest.testMurmur2`.
    #[test]
    fn the_hash_is_kafkas() {
        let vectors: [(&[u8], i32); 6] = [
            (b"21", -973_932_308),
            (b"foobar", -790_332_482),
            (b"a-little-bit-long-string", -985_981_536),
            (b"a-little-bit-longer-string", -1_486_304_829),
            (
                b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8",
                -58_897_971,
            ),
            (b"abc", 479_470_107),
        ];
        for (key, hash) in vectors {
            assert_eq!(murmur2(key), hash, "{}", key.escape_ascii());
        }
        assert_eq!(murmur2(b""), 275_646_681);
    }

    #[test]
    fn a_negative_hash_loses_its_sign_bit_and_not_its_sign() {
        let count = NonZeroU32::new(50).expect("not zero");
        assert_eq!(
            partition_for_key(b"foobar", count),
            PartitionId(1_357_151_166 % 50)
        );
    }
}
