//! CRC-32C, the checksum of record batches.

use crc_fast::CrcAlgorithm;
use crc_fast::Digest;

/// The CRC-32C (Castagnoli) of `bytes`, as Kafka writes it into a batch header.
///
/// Source: RFC 3720 appendix B.4; `Crc32C.java` (Apache Kafka).
#[inline]
#[must_use]
pub fn crc32c(bytes: &[u8]) -> u32 {
    crc_fast::crc32_iscsi(bytes)
}

/// The CRC-32C of `head` and `tail` as if they stood end to end.
#[must_use]
pub(crate) fn crc32c_of(head: &[u8], tail: &[u8]) -> u32 {
    let mut digest = Digest::new(CrcAlgorithm::Crc32Iscsi);
    digest.update(head);
    digest.update(tail);
    // The checksum stands in the low half.
    u32::try_from(digest.finalize() & u64::from(u32::MAX)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vectors_of_rfc_3720_hold() {
        let ascending: Vec<u8> = (0..32).collect();
        let descending: Vec<u8> = (0..32).rev().collect();
        assert_eq!(crc32c(b""), 0);
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        assert_eq!(crc32c(&ascending), 0x46dd_794e);
        assert_eq!(crc32c(&descending), 0x113f_db5c);
    }

    /// The crate takes another way through the processor for each size class.
    #[test]
    fn every_length_agrees_with_the_bitwise_definition() {
        let bytes: Vec<u8> = (0..2_000u32).map(|n| n.to_le_bytes()[0] ^ 0x5a).collect();
        for end in (0..300).chain([511, 512, 513, 1_023, 1_024, 1_025, 2_000]) {
            assert_eq!(crc32c(&bytes[..end]), bitwise(&bytes[..end]), "{end} bytes");
        }
    }

    fn bitwise(bytes: &[u8]) -> u32 {
        let fold = |crc: u32, _| (crc >> 1) ^ (0x82f6_3b78 & (crc & 1).wrapping_neg());
        !bytes
            .iter()
            .fold(!0, |crc, &byte| (0..8).fold(crc ^ u32::from(byte), fold))
    }
}
