//! Writing: the bytes of one message body, appended field by field.

use super::field::{Field, Form, Gate, Struct};
use super::reader::In;
use super::versions::Versions;

/// Says why a message cannot be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot write {message} v{version}{}: {fault}", In(.field))]
pub struct WriteError {
    /// Kafka's name of the message.
    pub message: &'static str,
    /// The version it was to be written as.
    pub version: i16,
    /// `Struct.field` being written; empty for the body as a whole.
    pub field: &'static str,
    /// What was wrong.
    pub fault: WriteFault,
}

/// Why a field cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteFault {
    /// The version is not among those that can be written.
    #[error("only versions {0} are known")]
    UnknownVersion(Versions),
    /// The field is set, but this version does not have it.
    #[error("set, but only versions {0} have it")]
    NotInVersion(Versions),
    /// Null where this version allows none.
    #[error("null, which only versions {0} allow")]
    Null(Versions),
    /// A string, byte string or list is longer than its length can say.
    #[error("length {len} is above {max}")]
    TooLong {
        /// Its length, in bytes or elements.
        len: usize,
        /// The longest that can be written.
        max: usize,
    },
}

/// Writes one body; behind [`super::Message::write`].
pub(super) fn write_body<'a, T: Field<'a>>(
    message: &'static str,
    versions: Versions,
    form: Form,
    body: &T,
    out: &mut Vec<u8>,
) -> Result<(), WriteError> {
    let start = out.len();
    let mut writer = Writer::new(out, form);
    let written = if versions.contains(form.version) {
        body.put(&mut writer)
    } else {
        Err(WriteFault::UnknownVersion(versions))
    };
    written.map_err(|fault| {
        let field = writer.field;
        out.truncate(start);
        WriteError {
            message,
            version: form.version,
            field,
            fault,
        }
    })
}

/// Where one body is being appended.
pub(super) struct Writer<'o> {
    out: &'o mut Vec<u8>,
    form: Form,
    /// `Struct.field` written last, for errors.
    field: &'static str,
}

impl<'o> Writer<'o> {
    pub(super) fn new(out: &'o mut Vec<u8>, form: Form) -> Self {
        Self {
            out,
            form,
            field: "",
        }
    }

    /// Writes a field that is not tagged, or checks that it may be left out.
    #[inline]
    pub(super) fn field<'a, T: Field<'a>>(
        &mut self,
        field: &T,
        gate: &Gate,
        default: impl FnOnce() -> T,
    ) -> Result<(), WriteFault> {
        if !gate.versions.contains(self.form.version) {
            return self.leave_out(field, gate, default);
        }
        if gate.tag.is_some() {
            return Ok(());
        }
        self.value(field, gate)
    }

    fn leave_out<'a, T: Field<'a>>(
        &mut self,
        field: &T,
        gate: &Gate,
        default: impl FnOnce() -> T,
    ) -> Result<(), WriteFault> {
        if gate.ignorable || *field == default() {
            return Ok(());
        }
        self.field = gate.field;
        Err(WriteFault::NotInVersion(gate.versions))
    }

    fn value<'a, T: Field<'a>>(&mut self, field: &T, gate: &Gate) -> Result<(), WriteFault> {
        self.field = gate.field;
        if field.is_null() && !gate.nullable.contains(self.form.version) {
            return Err(WriteFault::Null(gate.nullable));
        }
        field.put(self)
    }

    /// Writes the tagged fields at a struct's end: those that do not hold their default.
    pub(super) fn tagged_fields<'a, T: Struct<'a>>(&mut self, of: &T) -> Result<(), WriteFault> {
        if !self.form.flexible {
            return Ok(());
        }
        let mut bytes = Vec::new();
        let mut tags = Tags {
            count: 0,
            writer: Writer::new(&mut bytes, self.form),
        };
        let written = of.write_tags(&mut tags);
        let Tags { count, writer } = tags;
        if written.is_err() {
            self.field = writer.field;
        }
        self.unsigned(count);
        self.bytes(&bytes);
        written
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// Writes an unsigned variable-length number: seven bits a byte, least significant group first.
    pub(super) fn unsigned(&mut self, number: u32) {
        let mut rest = number;
        while rest >= 0x80 {
            self.out.push(low_byte(rest) | 0x80);
            rest >>= 7;
        }
        self.out.push(low_byte(rest));
    }

    /// Writes the length of a string of at most 32,767 bytes, as Kafka limits all strings.
    pub(super) fn len_short(&mut self, len: usize) -> Result<(), WriteFault> {
        const MAX: usize = 0x7fff;
        let number = i16::try_from(len).map_err(|_| WriteFault::TooLong { len, max: MAX })?;
        if self.form.flexible {
            self.unsigned(u32::from(number.unsigned_abs()) + 1);
        } else {
            self.bytes(&number.to_be_bytes());
        }
        Ok(())
    }

    /// Writes the length of bytes or of an array.
    pub(super) fn len_long(&mut self, len: usize) -> Result<(), WriteFault> {
        const MAX: usize = 0x7fff_ffff;
        let number = i32::try_from(len).map_err(|_| WriteFault::TooLong { len, max: MAX })?;
        if self.form.flexible {
            self.unsigned(number.unsigned_abs() + 1);
        } else {
            self.bytes(&number.to_be_bytes());
        }
        Ok(())
    }

    /// Writes null in place of a string.
    pub(super) fn null_short(&mut self) {
        self.null(&[0xff; 2]);
    }

    /// Writes null in place of bytes or of an array.
    pub(super) fn null_long(&mut self) {
        self.null(&[0xff; 4]);
    }

    fn null(&mut self, minus_one: &[u8]) {
        if self.form.flexible {
            self.unsigned(0);
        } else {
            self.bytes(minus_one);
        }
    }
}

fn low_byte(number: u32) -> u8 {
    number.to_le_bytes()[0]
}

/// The tagged fields of one struct, each with its tag and size, in the order of their tags.
pub(super) struct Tags<'o> {
    count: u32,
    writer: Writer<'o>,
}

impl Tags<'_> {
    /// Writes a field if it is tagged, exists in this version, and does not hold its default.
    #[inline]
    pub(super) fn field<'a, T: Field<'a>>(
        &mut self,
        field: &T,
        gate: &Gate,
        default: impl FnOnce() -> T,
    ) -> Result<(), WriteFault> {
        match gate.tag {
            Some(tag) if gate.versions.contains(self.writer.form.version) => {
                if *field == default() {
                    return Ok(());
                }
                self.tag(tag, field, gate)
            }
            _ => Ok(()),
        }
    }

    fn tag<'a, T: Field<'a>>(
        &mut self,
        tag: u32,
        field: &T,
        gate: &Gate,
    ) -> Result<(), WriteFault> {
        let mut value = Vec::new();
        let mut writer = Writer::new(&mut value, self.writer.form);
        let written = writer.value(field, gate);
        self.writer.field = writer.field;
        written?;
        self.count += 1;
        self.writer.unsigned(tag);
        let max = usize::try_from(u32::MAX).unwrap_or(usize::MAX);
        let size = u32::try_from(value.len()).map_err(|_| WriteFault::TooLong {
            len: value.len(),
            max,
        })?;
        self.writer.unsigned(size);
        self.writer.bytes(&value);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::message::Message;
    use crate::protocol::message::fetch::{FetchPartition, FetchRequest, FetchTopic};
    use crate::protocol::message::metadata::{MetadataRequest, MetadataRequestTopic};
    use crate::protocol::message::offset_fetch::OffsetFetchRequest;
    use crate::protocol::message::produce::{ProduceRequest, TopicProduceData};

    /// Writes behind a byte that must stay.
    fn written<'a>(message: &impl Message<'a>, version: i16) -> Result<Vec<u8>, WriteError> {
        let mut out = vec![0xaa];
        let written = message.write(version, &mut out);
        assert_eq!(out[0], 0xaa);
        assert!(
            written.is_ok() || out.len() == 1,
            "an error leaves nothing behind"
        );
        written.map(|()| out.split_off(1))
    }

    fn fetch(partition: FetchPartition) -> FetchRequest<'static> {
        FetchRequest {
            topics: vec![FetchTopic {
                topic: "orders".into(),
                partitions: vec![partition],
                ..Default::default()
            }],
            ..Default::default()
        }
    }

    #[test]
    fn a_value_that_the_version_cannot_carry_is_refused() {
        let request = fetch(FetchPartition {
            last_fetched_epoch: 3,
            ..Default::default()
        });
        assert!(written(&request, 12).is_ok());
        assert_eq!(
            written(&request, 11).unwrap_err().to_string(),
            "cannot write FetchRequest v11 in FetchPartition.last_fetched_epoch: set, but only versions 12+ have it"
        );
    }

    #[test]
    fn an_ignorable_value_that_the_version_cannot_carry_is_dropped() {
        let request = fetch(FetchPartition {
            current_leader_epoch: 3,
            ..Default::default()
        });
        let default = fetch(FetchPartition::default());
        assert_eq!(written(&request, 8), written(&default, 8));
        assert_ne!(written(&request, 9), written(&default, 9));
    }

    #[test]
    fn null_is_refused_where_the_version_does_not_allow_it() {
        let request = MetadataRequest {
            topics: None,
            ..Default::default()
        };
        assert!(written(&request, 1).is_ok());
        let error = written(&request, 0).unwrap_err();
        assert_eq!(error.fault, WriteFault::Null(Versions::since(1)));
        let by_id = MetadataRequest {
            topics: Some(vec![MetadataRequestTopic {
                name: None,
                ..Default::default()
            }]),
            ..Default::default()
        };
        let error = written(&by_id, 9).unwrap_err();
        assert_eq!(error.field, "MetadataRequestTopic.name");
    }

    #[test]
    fn null_is_no_default_unless_the_schema_says_so() {
        let null = OffsetFetchRequest {
            topics: None,
            ..Default::default()
        };
        let error = written(&null, 8).unwrap_err();
        let only = Versions { min: 1, max: 7 };
        assert_eq!(
            error.fault,
            WriteFault::NotInVersion(only),
            "empty is the default"
        );
        assert_eq!(ProduceRequest::default().transactional_id, None);
    }

    #[test]
    fn an_unknown_version_is_refused() {
        let error = written(&ProduceRequest::default(), 14).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot write ProduceRequest v14: only versions 3-13 are known"
        );
    }

    #[test]
    fn a_string_may_have_32767_bytes() {
        let named = |len| ProduceRequest {
            topic_data: vec![TopicProduceData {
                name: "x".repeat(len).into(),
                ..Default::default()
            }],
            ..Default::default()
        };
        for version in [8, 9] {
            assert!(written(&named(0x7fff), version).is_ok());
            let error = written(&named(0x8000), version).unwrap_err();
            assert_eq!(
                error.fault,
                WriteFault::TooLong {
                    len: 0x8000,
                    max: 0x7fff
                }
            );
        }
    }
}
