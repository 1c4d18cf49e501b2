//! Topic ids and other UUIDs.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// A UUID, most significant byte first. Displays as Kafka prints topic ids: base64url without
/// padding, 22 characters.
///
/// Source: `Uuid.java` (Apache Kafka 4.3.1).
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uuid(pub [u8; 16]);

impl Uuid {
    /// All zeros: Kafka's word for no id.
    pub const ZERO: Self = Self([0; 16]);
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Uuid({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_displays_as_kafkas_topic_ids() {
        assert_eq!(Uuid::ZERO.to_string(), "AAAAAAAAAAAAAAAAAAAAAA");
        let mut metadata_topic = [0; 16];
        metadata_topic[15] = 1;
        let shown = Uuid(metadata_topic).to_string();
        assert_eq!(shown, "AAAAAAAAAAAAAAAAAAAAAQ", "Uuid.METADATA_TOPIC_ID");
        assert_eq!(Uuid([0xff; 16]).to_string(), "_____________________w");
    }
}
