//! Ids that no other broker has given out.

use std::hash::BuildHasher;
use std::hash::RandomState;

use crate::protocol::message::Uuid;

/// A random id, version 4 of RFC 9562. For names, not for secrets.
pub(crate) fn random_id() -> Uuid {
    // The standard library seeds each of these from the system's randomness.
    let half = || RandomState::new().hash_one(0u8).to_be_bytes();
    let mut bytes = [0; 16];
    let (high, low) = bytes.split_at_mut(8);
    high.copy_from_slice(&half());
    low.copy_from_slice(&half());
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    Uuid(bytes)
}
