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
        T::read(&mut reader)
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
        *field = T::read(self)?;
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
