//! Zig-zag variable-length integers, the form that Kafka's record format v2 and Avro share.
//!
//! Seven bits a byte, least significant group first, the top bit set on all bytes but the last;
//! the sign is moved to bit 0, so that small negative numbers stay short.
//!
//! Source: `ByteUtils.writeVarlong` (Apache Kafka, commit 1eb7644); Avro 1.12 specification,
//! "Binary encoding".

/// A 64-bit number takes at most this many bytes.
pub const LEN_MAX: usize = 10;

/// Reads one number off the front of `bytes`, and moves `bytes` past it.
///
/// Returns `None`, and leaves `bytes` as it was, where the number is cut short or is longer than
/// 64 bits.
#[inline]
pub fn take_i64(bytes: &mut &[u8]) -> Option<i64> {
    let (&first, rest) = bytes.split_first()?;
    if first < 0x80 {
        *bytes = rest;
        return Some(unzigzag(u64::from(first)));
    }
    // Two bytes hold most lengths and deltas of records; the rest is left to a call.
    if let [second @ ..0x80, rest @ ..] = rest {
        *bytes = rest;
        let number = u64::from(first & 0x7f) | (u64::from(*second) << 7);
        return Some(unzigzag(number));
    }
    let (number, rest) = take_long(bytes)?;
    *bytes = rest;
    Some(number)
}

/// Takes and gives the bytes by value, so that callers keep them in registers.
#[inline(never)]
fn take_long(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let mut number = 0u64;
    for (index, &byte) in bytes.iter().take(LEN_MAX).enumerate() {
        let group = u64::from(byte & 0x7f);
        if index == LEN_MAX - 1 && byte > 1 {
            return None;
        }
        number |= group << (7 * index);
        if byte < 0x80 {
            return Some((unzigzag(number), bytes.get(index + 1..)?));
        }
    }
    None
}

/// Reads one number that must fit 32 bits; else as [`take_i64`].
#[inline]
pub fn take_i32(bytes: &mut &[u8]) -> Option<i32> {
    let mut rest = *bytes;
    let number = i32::try_from(take_i64(&mut rest)?).ok()?;
    *bytes = rest;
    Some(number)
}

/// Appends `number` to `out`.
#[inline]
pub fn put_i64(out: &mut Vec<u8>, number: i64) {
    let encoded = zigzag(number);
    if encoded < 0x80 {
        out.push(low_byte(encoded));
    } else {
        put_long(out, encoded);
    }
}

#[inline(never)]
fn put_long(out: &mut Vec<u8>, mut rest: u64) {
    while rest >= 0x80 {
        out.push(low_byte(rest) | 0x80);
        rest >>= 7;
    }
    out.push(low_byte(rest));
}

/// How many bytes [`put_i64`] appends for `number`: 1 to 10.
#[inline]
#[must_use]
pub const fn len_i64(number: i64) -> usize {
    let bits = 64 - (zigzag(number) | 1).leading_zeros() as usize;
    bits.div_ceil(7)
}

#[inline]
const fn low_byte(number: u64) -> u8 {
    number.to_le_bytes()[0]
}

#[inline]
const fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)).cast_unsigned()
}

#[inline]
const fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_numbers_have_kafkas_bytes() {
        let vectors: [(i64, &[u8]); 7] = [
            (0, &[0]),
            (-1, &[1]),
            (1, &[2]),
            (63, &[126]),
            (-65, &[0x81, 1]),
            (
                i64::MAX,
                &[0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
            ),
            (
                i64::MIN,
                &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
            ),
        ];
        for (number, bytes) in vectors {
            let mut out = Vec::new();
            put_i64(&mut out, number);
            assert_eq!(out, bytes, "{number}");
            assert_eq!(len_i64(number), bytes.len(), "{number}");
        }
    }

    #[test]
    fn a_cut_or_overlong_number_is_refused_and_consumes_nothing() {
        for bytes in [
            &[][..],
            &[0x80],
            &[0xff; 9],
            &[0xff; 11],
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2],
        ] {
            let mut rest = bytes;
            assert_eq!(take_i64(&mut rest), None);
            assert_eq!(rest, bytes);
        }
        let mut out = Vec::new();
        put_i64(&mut out, i64::from(i32::MAX) + 1);
        assert_eq!(take_i32(&mut &out[..]), None, "one above the 32-bit range");
    }

    proptest! {
        #[test]
        fn every_number_comes_back(number: i64, tail: Vec<u8>) {
            let mut out = Vec::new();
            put_i64(&mut out, number);
            prop_assert_eq!(out.len(), len_i64(number));
            out.extend_from_slice(&tail);
            let mut rest = &out[..];
            prop_assert_eq!(take_i64(&mut rest), Some(number));
            prop_assert_eq!(rest, &tail[..]);
        }
    }
}
