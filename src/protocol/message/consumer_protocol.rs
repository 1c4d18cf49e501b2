//! What consumers of a classic group say to each other inside the group APIs' bytes fields: the
//! subscription in a member's metadata, and its assignment.
//!
//! Shape: a version (two bytes), then fields as in a message that is not flexible.
//!
//! Source: `ConsumerProtocolSubscription.json`, `ConsumerProtocolAssignment.json`,
//! `ConsumerProtocol.java` (Apache Kafka 4.3.1).

use super::field::{Field, Form};
use super::reader::{self, ReadError, Reader};
use super::versions::Versions;
use super::writer::{self, WriteError};
use super::{Blob, Str};

/// The versions that can be written. Newer ones can be read: they only add to the end.
pub const VERSIONS: Versions = Versions { min: 0, max: 3 };

declare! {
    embedded;

    /// What a member subscribes to.
    pub struct ConsumerProtocolSubscription<'a> {
        /// The topics.
        topics: Vec<Str<'a>>;
        /// Bytes of the assignor's own; null for none.
        user_data: Option<Blob<'a>> = None;
        /// The partitions that the member has, for cooperative and sticky assignors (KIP-429).
        owned_partitions: Vec<TopicPartition<'a>>, versions 1+, ignorable;
        /// The generation in which it got them; −1 if none (KIP-792).
        generation_id: i32 = -1, versions 2+, ignorable;
        /// The rack of the member; null for none (KIP-881).
        rack_id: Option<Str<'a>> = None, versions 3+, ignorable;
    }

    /// What a member is assigned.
    pub struct ConsumerProtocolAssignment<'a> {
        /// The partitions, by topic.
        assigned_partitions: Vec<TopicPartition<'a>>;
        /// Bytes of the assignor's own; null for none.
        user_data: Option<Blob<'a>> = None;
    }

    /// The partitions of one topic.
    pub struct TopicPartition<'a> {
        /// The topic.
        topic: Str<'a>;
        /// The partitions.
        partitions: Vec<i32>;
    }
}

impl<'a> ConsumerProtocolSubscription<'a> {
    /// Reads a member's metadata. A version above those known is read as the highest known one, and
    /// bytes after the fields are ignored, as Kafka's consumer does.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if the bytes are no subscription: the fault of the member that sent them.
    pub fn read(bytes: &'a [u8]) -> Result<Self, ReadError> {
        read("ConsumerProtocolSubscription", bytes)
    }

    /// Appends the version and the fields to `out`; on error, `out` is left as it was.
    ///
    /// # Errors
    ///
    /// [`WriteError`], the caller's fault: a version that is not known, or a name or list too long.
    pub fn write(&self, version: i16, out: &mut Vec<u8>) -> Result<(), WriteError> {
        write("ConsumerProtocolSubscription", self, version, out)
    }
}

impl<'a> ConsumerProtocolAssignment<'a> {
    /// Reads a member's assignment. A version above those known is read as the highest known one,
    /// and bytes after the fields are ignored, as Kafka's consumer does.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if the bytes are no assignment: the fault of the leader that sent them.
    pub fn read(bytes: &'a [u8]) -> Result<Self, ReadError> {
        read("ConsumerProtocolAssignment", bytes)
    }

    /// Appends the version and the fields to `out`; on error, `out` is left as it was.
    ///
    /// # Errors
    ///
    /// [`WriteError`], the caller's fault: a version that is not known, or a name or list too long.
    pub fn write(&self, version: i16, out: &mut Vec<u8>) -> Result<(), WriteError> {
        write("ConsumerProtocolAssignment", self, version, out)
    }
}

fn form(version: i16) -> Form {
    Form {
        version,
        flexible: false,
    }
}

fn read<'a, T: Field<'a>>(name: &'static str, bytes: &'a [u8]) -> Result<T, ReadError> {
    let mut prefix = Reader::new(bytes, form(0));
    let version = i16::take(&mut prefix).map_err(|fault| prefix.error(name, fault))?;
    let known = form(version.min(VERSIONS.max));
    reader::read_body(name, VERSIONS, known, &mut prefix.rest())
}

fn write<'a, T: Field<'a>>(
    name: &'static str,
    body: &T,
    version: i16,
    out: &mut Vec<u8>,
) -> Result<(), WriteError> {
    let start = out.len();
    out.extend_from_slice(&version.to_be_bytes());
    writer::write_body(name, VERSIONS, form(version), body, out)
        .inspect_err(|_| out.truncate(start))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::message::ReadFault;
    use crate::protocol::message::generate::{Generate, Generator};

    #[test]
    fn every_subscription_and_assignment_comes_back() {
        for seed in 0..400 {
            let version = i16::try_from(seed % 4).unwrap();
            let mut generator = Generator::new(seed, version);
            let subscription = ConsumerProtocolSubscription::generate(&mut generator);
            let assignment = ConsumerProtocolAssignment::generate(&mut generator);
            let mut bytes = Vec::new();
            subscription.write(version, &mut bytes).unwrap();
            assert_eq!(ConsumerProtocolSubscription::read(&bytes), Ok(subscription));
            for len in 0..bytes.len() {
                ConsumerProtocolSubscription::read(&bytes[..len]).unwrap_err();
            }
            bytes.clear();
            assignment.write(version, &mut bytes).unwrap();
            assert_eq!(ConsumerProtocolAssignment::read(&bytes), Ok(assignment));
        }
    }

    #[test]
    fn a_newer_version_is_read_as_the_highest_known_and_its_additions_are_ignored() {
        let subscription = ConsumerProtocolSubscription {
            topics: vec!["orders".into()],
            generation_id: 5,
            ..Default::default()
        };
        let mut bytes = Vec::new();
        subscription.write(3, &mut bytes).unwrap();
        bytes[1] = 9;
        bytes.extend_from_slice(b"more");
        assert_eq!(ConsumerProtocolSubscription::read(&bytes), Ok(subscription));
    }

    #[test]
    fn a_negative_version_is_refused() {
        let error =
            ConsumerProtocolAssignment::read(b"\xff\xff\0\0\0\0\xff\xff\xff\xff").unwrap_err();
        assert_eq!(error.fault, ReadFault::UnknownVersion(VERSIONS));
    }
}
