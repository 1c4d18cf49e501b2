//! The kinds of values that fields hold, and what they look like in bytes.

use std::borrow::Cow;

use super::reader::{ReadFault, Reader};
use super::uuid::Uuid;
use super::versions::Versions;
use super::writer::{Tags, WriteFault, Writer};
use super::{Blob, Str};

/// Strings have at most this many bytes, in every version (`Writable.writeString` and the
/// generated readers of Apache Kafka).
const STRING_BYTES_MAX: usize = 0x7fff;

/// The version that a body is read or written in, and whether it is a flexible one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form {
    pub(super) version: i16,
    pub(super) flexible: bool,
}

/// What the schema says of a field apart from its type and default.
pub(super) struct Gate {
    /// `Struct.field`.
    pub(super) field: &'static str,
    /// Versions that have the field.
    pub(super) versions: Versions,
    /// Versions that allow null, where the type does.
    pub(super) nullable: Versions,
    /// The number of a field that stands among the tagged ones.
    pub(super) tag: Option<u32>,
    /// Whether a version without the field may drop its value.
    pub(super) ignorable: bool,
}

impl Gate {
    /// A field that all versions have, that may be null if its type has a null, and is neither
    /// tagged nor ignorable.
    pub(super) const fn new(field: &'static str) -> Self {
        Self {
            field,
            versions: Versions::ALL,
            nullable: Versions::ALL,
            tag: None,
            ignorable: false,
        }
    }

    pub(super) const fn versions(self, versions: Versions) -> Self {
        Self { versions, ..self }
    }

    pub(super) const fn nullable(self, since: i16) -> Self {
        let nullable = Versions::since(since);
        Self { nullable, ..self }
    }

    pub(super) const fn tag(self, tag: u32) -> Self {
        let tag = Some(tag);
        Self { tag, ..self }
    }

    pub(super) const fn ignorable(self) -> Self {
        let ignorable = true;
        Self { ignorable, ..self }
    }

    /// Whether the field has its place in the body itself, and not among the tagged ones.
    const fn is_plain(&self, form: Form) -> bool {
        self.tag.is_none() && self.versions.contains(form.version)
    }

    /// The fewest bytes that a field of this type takes in a struct.
    pub(super) fn len_min<'a, T: Field<'a>>(&self, form: Form) -> usize {
        if self.is_plain(form) {
            T::len_min(form)
        } else {
            0
        }
    }
}

/// A value that a field can hold.
pub(super) trait Field<'a>: Sized + PartialEq {
    /// The value of a field that is not set, unless the schema names another.
    fn initial() -> Self;

    /// The fewest bytes that a value takes.
    fn len_min(form: Form) -> usize;

    fn take(reader: &mut Reader<'a>) -> Result<Self, ReadFault>;

    fn put(&self, writer: &mut Writer<'_>) -> Result<(), WriteFault>;

    fn is_null(&self) -> bool {
        false
    }
}

/// A value that may be null; null has its own bytes.
pub(super) trait Nullable<'a>: Field<'a> {
    fn read_nullable(reader: &mut Reader<'a>) -> Result<Option<Self>, ReadFault>;

    fn write_some(&self, writer: &mut Writer<'_>) -> Result<(), WriteFault>;

    fn write_null(writer: &mut Writer<'_>);
}

/// What `declare!` makes of a struct, beside its plain fields.
pub(super) trait Struct<'a>: Field<'a> {
    /// Stands for the struct's tagged fields in errors.
    const TAGGED_FIELDS: &'static str;

    /// Reads the value of tagged field number `tag`, or returns false if there is none.
    fn read_tag(&mut self, tag: u32, reader: &mut Reader<'a>) -> Result<bool, ReadFault>;

    fn write_tags(&self, tags: &mut Tags<'_>) -> Result<(), WriteFault>;
}

/// One byte before a struct that may be null: −1 for null, 1 for a struct (KIP-893).
impl<'a, T: Struct<'a>> Nullable<'a> for T {
    fn read_nullable(reader: &mut Reader<'a>) -> Result<Option<Self>, ReadFault> {
        if i8::take(reader)? < 0 {
            return Ok(None);
        }
        T::take(reader).map(Some)
    }

    fn write_some(&self, writer: &mut Writer<'_>) -> Result<(), WriteFault> {
        1i8.put(writer)?;
        self.put(writer)
    }

    fn write_null(writer: &mut Writer<'_>) {
        writer.bytes(&[0xff]);
    }
}

impl<'a, T: Nullable<'a>> Field<'a> for Option<T> {
    fn initial() -> Self {
        Some(T::initial())
    }

    fn len_min(_: Form) -> usize {
        1
    }

    fn take(reader: &mut Reader<'a>) -> Result<Self, ReadFault> {
        T::read_nullable(reader)
    }

    fn put(&self, writer: &mut Writer<'_>) -> Result<(), WriteFault> {
        let Some(value) = self else {
            T::write_null(writer);
            return Ok(());
        };
        value.write_some(writer)
    }

    fn is_null(&self) -> bool {
        self.is_none()
    }
}

macro_rules! numbers {
    ($($type:ty)*) => {$(
        impl<'a> Field<'a> for $type {
            fn initial() -> Self {
                0
            }

            fn len_min(_: Form) -> usize {
                size_of::<Self>()
            }

            #[inline]
            fn take(reader: &mut Reader<'a>) -> Result<Self, ReadFault> {
                reader.array().map(Self::from_be_bytes)
            }

            #[inline]
            fn put(&self, writer: &mut Writer<'_>) -> Result<(), WriteFault> {
                writer.bytes(&self.to_be_bytes());
                Ok(())
            }
        }
    )*};
}

numbers!(i8 i16 i32 i64);

/// One byte; any but 0 is true.
impl<'a> Field<'a> for bool {
    fn initial() -> Self {
        false
    }

    fn len_min(_: Form) -> usize {
        1
    }

    fn take(reader: &mut Reader<'a>) -> Result<Self, ReadFault> {
        reader.array().map(|[byte]| byte != 0)
    }

    fn put(&self, writer: &mut Writer<'_>) -> Result<(), WriteFault> {
        writer.bytes(&[u8::from(*self)]);
        Ok(())
    }
}

impl<'a> Field<'a> for Uuid {
    fn initial() -> Self {
        Self::ZERO
    }

    fn len_min(_: Form) -> usize {
        16
    }

    fn take(reader: &mut Reader<'a>) -> Result<Self, ReadFault> {
        reader.array().map(Self)
    }

    fn put(&self, writer: &mut Writer<'_>) -> Result<(), WriteFault> {
        writer.bytes(&self.0);
        Ok(())
    }
}

impl<'a> Field<'a> for Str<'a> {
    fn initial() -> Self {
        Cow::Borrowed("")
    }

    fn len_min(form: Form) -> usize {
        if form.flexible { 1 } else { 2 }
    }

    fn take(reader: &mut Reader<'a>) -> Result<Self, ReadFault> {
        Self::read_nullable(reader)?.ok_or(ReadFault::Null)
    }

    fn put(&self, writer: &mut Writer<'_>) -> Result<(), WriteFault> {
        writer.len_short(self.len())?;
        writer.bytes(self.as_bytes());
        Ok(())
    }
}

impl<'a> Nullable<'a> for Str<'a> {
    fn read_nullable(reader: &mut Reader<'a>) -> Result<Option<Self>, ReadFault> {
        let Some(len) = reader.len_short()? else {
            return Ok(None);
        };
        if len > STRING_BYTES_MAX {
            return Err(ReadFault::Length(i64::try_from(len).unwrap_or(i64::MAX)));
        }
        let text = std::str::from_utf8(reader.take(len)?).map_err(|_| ReadFault::Utf8)?;
        Ok(Some(Cow::Borrowed(text)))
    }

    fn write_some(&self, writer: &mut Writer<'_>) -> Result<(), WriteFault> {
        self.put(writer)
    }

    fn write_null(writer: &mut Writer<'_>) {
        writer.null_short();
    }
}

impl<'a> Field<'a> for Blob<'a> {
    fn initial() -> Self {
        Cow::Borrowed(&[])
    }

    fn len_min(form: Form) -> usize {
        if form.flexible { 1 } else { 4 }
    }

    fn take(reader: &mut Reader<'a>) -> Result<Self, ReadFault> {
        Self::read_nullable(reader)?.ok_or(ReadFault::Null)
    }

    fn put(&self, writer: &mut Writer<'_>) -> Result<(), WriteFault> {
        writer.len_long(self.len())?;
        writer.bytes(self);
        Ok(())
    }
}

impl<'a> Nullable<'a> for Blob<'a> {
    fn read_nullable(reader: &mut Reader<'a>) -> Result<Option<Self>, ReadFault> {
        let Some(len) = reader.len_long()? else {
            return Ok(None);
        };
        Ok(Some(Cow::Borrowed(reader.take(len)?)))
    }

    fn write_some(&self, writer: &mut Writer<'_>) -> Result<(), WriteFault> {
        self.put(writer)
    }

    fn write_null(writer: &mut Writer<'_>) {
        writer.null_long();
    }
}

impl<'a, T: Field<'a>> Field<'a> for Vec<T> {
    fn initial() -> Self {
        Self::new()
    }

    fn len_min(form: Form) -> usize {
        if form.flexible { 1 } else { 4 }
    }

    fn take(reader: &mut Reader<'a>) -> Result<Self, ReadFault> {
        Self::read_nullable(reader)?.ok_or(ReadFault::Null)
    }

    fn put(&self, writer: &mut Writer<'_>) -> Result<(), WriteFault> {
        writer.len_long(self.len())?;
        self.iter().try_for_each(|element| element.put(writer))
    }
}

impl<'a, T: Field<'a>> Nullable<'a> for Vec<T> {
    fn read_nullable(reader: &mut Reader<'a>) -> Result<Option<Self>, ReadFault> {
        let Some(count) = reader.len_long()? else {
            return Ok(None);
        };
        let have = reader.rest().len();
        if count > have / T::len_min(reader.form()).max(1) {
            return Err(ReadFault::Count { count, have });
        }
        let mut elements = Self::with_capacity(count);
        for _ in 0..count {
            elements.push(T::take(reader)?);
        }
        Ok(Some(elements))
    }

    fn write_some(&self, writer: &mut Writer<'_>) -> Result<(), WriteFault> {
        self.put(writer)
    }

    fn write_null(writer: &mut Writer<'_>) {
        writer.null_long();
    }
}
