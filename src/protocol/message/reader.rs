//! Reading: a cursor over the bytes of one message body.

use std::fmt;

use super::field::{Field, Form, Gate, Struct};
use super::versions::Versions;

/// Says what was wrong with the bytes of a message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot read {message} v{version}{} at byte {at}: {fault}", In(.field))]
pub struct ReadError {
    /// Kafka's name of the message.
    pub message: &'static str,
    /// The version it was read as.
    pub version: i16,
    /// `Struct.field` being read; empty for the body as a whole.
    pub field: &'static str,
    /// Bytes from the start of the body to where reading stopped.
    pub at: usize,
    /// What was wrong there.
    pub fault: ReadFault,
}

/// What was wrong with a field's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadFault {
    /// The version is not among those that can be read.
    #[error("only versions {0} are known")]
    UnknownVersion(Versions),
    /// The bytes end too early.
    #[error("{need} bytes needed, {have} left")]
    Truncated {
        /// Bytes that the value takes.
        need: usize,
        /// Bytes that are left.
        have: usize,
    },
    /// More elements are announced than the bytes left could hold.
    #[error("{count} elements announced, {have} bytes left")]
    Count {
        /// Elements announced.
        count: usize,
        /// Bytes that are left.
        have: usize,
    },
    /// A length is negative (other than −1, which is null) or above its type's limit.
    #[error("impossible length {0}")]
    Length(i64),
    /// A variable-length number goes beyond 32 bits.
    #[error("number longer than 32 bits")]
    Number,
    /// Null where this version allows none.
    #[error("null, which this version does not allow")]
    Null,
    /// A string is not UTF-8.
    #[error("not UTF-8")]
    Utf8,
    /// A tagged field's value is shorter than its announced size.
    #[error("tagged field has {len} bytes more than its value")]
    TagSize {
        /// Bytes left in the tagged field.
        len: usize,
    },
    /// Bytes follow the body.
    #[error("{len} bytes follow the body")]
    LeftOver {
        /// How many.
        len: usize,
    },
}

/// Displays ` in field`, or nothing for the body as a whole.
pub(super) struct In<'s>(pub(super) &'s str);

impl fmt::Display for In<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return Ok(());
        }
        write!(f, " in {}", self.0)
    }
}

/// Reads one body; behind [`super::Message::read`].
pub(super) fn read_body<'a, T: Field<'a>>(
    message: &'static str,
    versions: Versions,
    form: Form,
    bytes: &mut &'a [u8],
) -> Result<T, ReadError> {
    let mut reader = Reader::new(bytes, form);
    let body = if versions.contains(form.version) {
        T::take(&mut reader)
    } else {
        Err(ReadFault::UnknownVersion(versions))
    };
    match body {
        Ok(body) => {
            *bytes = reader.rest;
            Ok(body)
        }
        Err(fault) => Err(reader.error(message, fault)),
    }
}

/// The bytes of one body that are still to be read.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
    /// Bytes from the start of the body to the end of `rest`.
    end: usize,
    form: Form,
    /// `Struct.field` read last, for errors.
    field: &'static str,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8], form: Form) -> Self {
        Self {
            rest: bytes,
            end: bytes.len(),
            form,
            field: "",
        }
    }

    pub(super) fn form(&self) -> Form {
        self.form
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(super) fn error(&self, message: &'static str, fault: ReadFault) -> ReadError {
        ReadError {
            message,
            version: self.form.version,
            field: self.field,
            at: self.end - self.rest.len(),
            fault,
        }
    }

    /// Reads a field that is not tagged, if this version has it.
    #[inline]
    pub(super) fn field<T: Field<'a>>(
        &mut self,
        field: &mut T,
        gate: &Gate,
    ) -> Result<(), ReadFault> {
        if gate.tag.is_some() || !gate.versions.contains(self.form.version) {
            return Ok(());
        }
        self.value(field, gate)
    }

    fn value<T: Field<'a>>(&mut self, field: &mut T, gate: &Gate) -> Result<(), ReadFault> {
        self.field = gate.field;
        *field = T::take(self)?;
        if field.is_null() && !gate.nullable.contains(self.form.version) {
            return Err(ReadFault::Null);
        }
        Ok(())
    }

    /// Reads the tagged fields at a struct's end; those it does not know are skipped.
    pub(super) fn tagged_fields<T: Struct<'a>>(&mut self, into: &mut T) -> Result<(), ReadFault> {
        if !self.form.flexible {
            return Ok(());
        }
        self.field = T::TAGGED_FIELDS;
        for _ in 0..self.unsigned()? {
            self.tagged_field(into)?;
        }
        Ok(())
    }

    fn tagged_field<T: Struct<'a>>(&mut self, into: &mut T) -> Result<(), ReadFault> {
        self.field = T::TAGGED_FIELDS;
        let tag = self.unsigned()?;
        let size = self.unsigned()?;
        let value = self.take(to_usize(size)?)?;
        let after = std::mem::replace(&mut self.rest, value);
        self.end -= after.len();
        if !into.read_tag(tag, self)? {
            self.rest = &[];
        }
        if !self.rest.is_empty() {
            return Err(ReadFault::TagSize {
                len: self.rest.len(),
            });
        }
        self.rest = after;
        self.end += after.len();
        Ok(())
    }

    /// Skips a section of tagged fields, none of which is known.
    pub(super) fn skip_tagged_fields(&mut self) -> Result<(), ReadFault> {
        for _ in 0..self.unsigned()? {
            self.unsigned()?;
            let size = self.unsigned()?;
            self.take(to_usize(size)?)?;
        }
        Ok(())
    }

    /// Reads a tagged field's value if `gate` is the one of `tag`; tells whether it was.
    #[inline]
    pub(super) fn tag<T: Field<'a>>(
        &mut self,
        tag: u32,
        field: &mut T,
        gate: &Gate,
    ) -> Result<bool, ReadFault> {
        if gate.tag != Some(tag) || !gate.versions.contains(self.form.version) {
            return Ok(false);
        }
        self.value(field, gate)?;
        Ok(true)
    }

    pub(super) fn take(&mut self, len: usize) -> Result<&'a [u8], ReadFault> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(self.truncated(len))?;
        self.rest = rest;
        Ok(taken)
    }

    #[inline]
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], ReadFault> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(self.truncated(N))?;
        self.rest = rest;
        Ok(*taken)
    }

    fn truncated(&self, need: usize) -> ReadFault {
        ReadFault::Truncated {
            need,
            have: self.rest.len(),
        }
    }

    /// Reads an unsigned variable-length number: seven bits a byte, least significant group first.
    pub(super) fn unsigned(&mut self) -> Result<u32, ReadFault> {
        let mut number = 0u64;
        for shift in [0, 7, 14, 21, 28] {
            let [byte] = self.array()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return u32::try_from(number).map_err(|_| ReadFault::Number);
            }
        }
        Err(ReadFault::Number)
    }

    /// Reads the length of a string (two bytes in the versions that are not flexible); `None` is
    /// null.
    pub(super) fn len_short(&mut self) -> Result<Option<usize>, ReadFault> {
        if self.form.flexible {
            return self.len_compact();
        }
        to_len(i64::from(i16::from_be_bytes(self.array()?)))
    }

    /// Reads the length of bytes or of an array (four bytes in the versions that are not flexible);
    /// `None` is null.
    pub(super) fn len_long(&mut self) -> Result<Option<usize>, ReadFault> {
        if self.form.flexible {
            return self.len_compact();
        }
        to_len(i64::from(i32::from_be_bytes(self.array()?)))
    }

    fn len_compact(&mut self) -> Result<Option<usize>, ReadFault> {
        to_len(i64::from(self.unsigned()?) - 1)
    }
}

fn to_len(len: i64) -> Result<Option<usize>, ReadFault> {
    match len {
        -1 => Ok(None),
        _ => usize::try_from(len)
            .map(Some)
            .map_err(|_| ReadFault::Length(len)),
    }
}

fn to_usize(number: u32) -> Result<usize, ReadFault> {
    usize::try_from(number).map_err(|_| ReadFault::Length(i64::from(number)))
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::protocol::message::Message;
    use crate::protocol::message::api_versions::{ApiVersionsRequest, ApiVersionsResponse};
    use crate::protocol::message::fetch::{FetchResponse, FetchableTopicResponse, PartitionData};
    use crate::protocol::message::list_offsets::ListOffsetsRequest;
    use crate::protocol::message::metadata::MetadataRequest;

    #[test]
    fn a_hostile_count_is_refused_before_memory_is_asked_for() {
        for (version, body) in [(1, &b"\x7f\xff\xff\xff"[..]), (9, b"\xff\xff\xff\xff\x0f")] {
            let mut read = None;
            let asked = allocation_counter::measure(|| {
                read = Some(MetadataRequest::read_exact(body, version));
            });
            let error = read.unwrap().unwrap_err();
            assert!(
                matches!(error.fault, ReadFault::Count { have: 0, .. }),
                "{error}"
            );
            assert_eq!(asked.bytes_total, 0, "{error}");
        }
    }

    #[test]
    fn a_count_is_held_against_the_fewest_bytes_that_its_elements_take() {
        let partitions = |count: u8| {
            let mut body = b"\xff\xff\xff\xff\0\0\0\x01\0\x01t\0\0\0".to_vec();
            body.push(count);
            body.extend_from_slice(&[0; 25]);
            ListOffsetsRequest::read_exact(&body, 1).map(drop)
        };
        let error = partitions(3).unwrap_err();
        assert_eq!(
            error.fault,
            ReadFault::Count { count: 3, have: 25 },
            "a partition has 12"
        );
        assert_eq!(
            partitions(2).unwrap_err().fault,
            ReadFault::LeftOver { len: 1 }
        );
    }

    #[test]
    fn an_error_names_message_version_field_byte_and_fault() {
        let error = ListOffsetsRequest::read_exact(b"\xff\xff\xff\xff\0\0\0\x01\0\x07orders", 1);
        assert_eq!(
            error.unwrap_err().to_string(),
            "cannot read ListOffsetsRequest v1 in ListOffsetsTopic.name at byte 10: 7 bytes needed, 6 left"
        );
        let error = MetadataRequest::read_exact(b"\0\0\0\0", 99).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot read MetadataRequest v99 at byte 0: only versions 0-13 are known"
        );
    }

    #[test]
    fn a_failed_read_leaves_its_bytes_and_a_good_one_moves_past_the_body() {
        let mut bytes = &b"\0\0\0"[..];
        MetadataRequest::read(&mut bytes, 0).unwrap_err();
        assert_eq!(bytes, b"\0\0\0");
        let mut bytes = &b"\0\0\0\0next"[..];
        MetadataRequest::read(&mut bytes, 0).unwrap();
        assert_eq!(bytes, b"next");
        let error = MetadataRequest::read_exact(b"\0\0\0\0next", 0).unwrap_err();
        assert_eq!(error.fault, ReadFault::LeftOver { len: 4 });
    }

    #[test]
    fn null_is_refused_where_the_version_does_not_allow_it() {
        let null = b"\xff\xff\xff\xff";
        assert_eq!(MetadataRequest::read_exact(null, 1).unwrap().topics, None);
        let error = MetadataRequest::read_exact(null, 0).unwrap_err();
        assert_eq!(
            (error.field, error.fault),
            ("MetadataRequest.topics", ReadFault::Null)
        );
    }

    #[test]
    fn impossible_lengths_and_text_are_refused() {
        let fault = |body: &[u8], version| {
            let mut bytes = body;
            ApiVersionsRequest::read(&mut bytes, version)
                .unwrap_err()
                .fault
        };
        assert_eq!(fault(b"\0", 3), ReadFault::Null);
        assert_eq!(fault(b"\x03\xff\xff", 3), ReadFault::Utf8);
        assert_eq!(
            fault(b"\x81\x80\x02", 3),
            ReadFault::Length(0x8000),
            "Kafka's limit is 0x7fff"
        );
        assert_eq!(fault(b"\x80\x80\x80\x80\x10", 3), ReadFault::Number);
        assert_eq!(
            fault(b"\x80\x80\x80\x80\x80\x00", 3),
            ReadFault::Number,
            "six bytes"
        );
        let error = MetadataRequest::read_exact(b"\xff\xff\xff\xfe", 1).unwrap_err();
        assert_eq!(error.fault, ReadFault::Length(-2));
    }

    #[test]
    fn tagged_fields_that_are_not_known_are_skipped() {
        let body = b"\x02n\x02v\x02\x05\x02xy\x07\0";
        let request = ApiVersionsRequest::read_exact(body, 3).unwrap();
        let mut bytes = Vec::new();
        request.write(3, &mut bytes).unwrap();
        assert_eq!(bytes, b"\x02n\x02v\0");
    }

    #[test]
    fn a_tagged_field_must_fill_its_announced_size() {
        let response = |size: u8, value: &[u8]| {
            let body = [b"\0\0\x01\0\0\0\0\x01\x01", &[size][..], value].concat();
            ApiVersionsResponse::read_exact(&body, 3)
                .map(|response| response.finalized_features_epoch)
        };
        let epoch = response(8, &7i64.to_be_bytes()).unwrap();
        assert_eq!(epoch, 7);
        let long = response(9, &[0; 9]).unwrap_err();
        assert_eq!((long.fault, long.at), (ReadFault::TagSize { len: 1 }, 18));
        let short = response(7, &[0; 7]).unwrap_err();
        assert_eq!(
            (short.fault, short.at),
            (ReadFault::Truncated { need: 8, have: 7 }, 10)
        );
    }

    #[test]
    fn the_records_of_a_fetch_response_are_borrowed_from_its_frame() {
        let partition = |records: &'static [u8]| PartitionData {
            records: Some(records.into()),
            ..Default::default()
        };
        let response = FetchResponse {
            responses: vec![FetchableTopicResponse {
                topic: "orders".into(),
                partitions: vec![partition(&[7; 5000]), partition(&[8; 5000])],
                ..Default::default()
            }],
            ..Default::default()
        };
        let mut frame = Vec::new();
        response.write(12, &mut frame).unwrap();
        let mut read = None;
        let asked = allocation_counter::measure(|| {
            read = Some(FetchResponse::read_exact(&frame, 12).unwrap());
        });
        let read = read.unwrap();
        assert_eq!(read, response);
        let records = read.responses[0].partitions[1].records.as_ref().unwrap();
        assert!(matches!(records, Cow::Borrowed(_)));
        assert_eq!(
            asked.count_total, 2,
            "one list of topics, one of partitions"
        );
    }
}
