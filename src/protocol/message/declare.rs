//! The declarative form of messages.
//!
//! ```text
//! declare! {
//!     Produce, versions 3-13, flexible 9+: ProduceRequest<'a> => ProduceResponse<'r>;
//!
//!     /// What the struct is.
//!     pub struct TopicProduceData<'a> {
//!         /// The topic's name.
//!         name: Str<'a>, versions 0-12, ignorable;
//!         /// The topic's id.
//!         topic_id: Uuid, versions 13+, ignorable;
//!     }
//! }
//! ```
//!
//! The first line names the API, the versions known here, those that are flexible (left out where
//! none is), the request and its response. A field has a type, then, only where they are not the
//! common case:
//!
//! - `= VALUE`: its default, where it is not 0, false, empty. A nullable field's default is not
//!   null but empty, as in Kafka, unless it says `= None`.
//! - `, versions 4+` (or `0-12`): the versions that have it, where not all do. Other versions read
//!   its default, and writing any other value in them is an error.
//! - `, nullable 1+`: the versions that allow null, where not all that have it do. `Option` in its
//!   type says that it may be null at all.
//! - `, tag 0`: it stands among the tagged fields at the struct's end, and is written only where it
//!   does not hold its default.
//! - `, ignorable`: versions without it drop its value when written.
//!
//! A struct's versions are those of the fields that hold it. The first line may instead be
//! `embedded;`, for structs of which none is a message.

/// Declares the messages of one API; the module says how.
macro_rules! declare {
    (
        $api:ident, versions $min:literal-$max:literal $(, flexible $flexible:literal+)?:
        $request:ident$(<$a:lifetime>)? => $response:ident$(<$r:lifetime>)?;
        $($structs:tt)*
    ) => {
        declare!(@message $api, $min, $max, [$($flexible)?], 'a, $request, $request$(<$a>)?);
        declare!(@message $api, $min, $max, [$($flexible)?], 'r, $response, $response$(<$r>)?);

        impl<'a> $crate::protocol::message::Request<'a> for $request$(<$a>)? {
            type Response<'r> = $response$(<$r>)?;
        }

        declare!(@structs $($structs)*);
    };

    (embedded; $($structs:tt)*) => {
        declare!(@structs $($structs)*);
    };

    (@message $api:ident, $min:literal, $max:literal, [$($flexible:literal)?], $life:lifetime, $name:ident, $type:ty) => {
        impl<$life> $crate::protocol::message::Message<$life> for $type {
            const NAME: &'static str = stringify!($name);
            const API_KEY: $crate::protocol::message::ApiKey = $crate::protocol::message::ApiKey::$api;
            const VERSIONS: $crate::protocol::message::Versions =
                $crate::protocol::message::Versions { min: $min, max: $max };
            const FLEXIBLE: $crate::protocol::message::Versions = declare!(@flexible $($flexible)?);

            fn read(
                bytes: &mut &$life [u8],
                version: i16,
            ) -> Result<Self, $crate::protocol::message::ReadError> {
                let flexible = Self::FLEXIBLE.contains(version);
                let form = $crate::protocol::message::field::Form { version, flexible };
                $crate::protocol::message::reader::read_body(Self::NAME, Self::VERSIONS, form, bytes)
            }

            fn write(
                &self,
                version: i16,
                out: &mut Vec<u8>,
            ) -> Result<(), $crate::protocol::message::WriteError> {
                let flexible = Self::FLEXIBLE.contains(version);
                let form = $crate::protocol::message::field::Form { version, flexible };
                $crate::protocol::message::writer::write_body(Self::NAME, Self::VERSIONS, form, self, out)
            }
        }
    };

    (@flexible) => { $crate::protocol::message::Versions::NONE };
    (@flexible $since:literal) => { $crate::protocol::message::Versions::since($since) };

    (@structs $(
        $(#[$meta:meta])*
        pub struct $name:ident$(<$a:lifetime>)? {$(
            $(#[$field_meta:meta])*
            $field:ident: $type:ty $(= $default:expr)?
                $(, versions $since:literal $to:tt $($until:literal)?)?
                $(, nullable $null_since:literal+)?
                $(, tag $tag:literal)?
                $(, ignorable $($ignorable:lifetime)?)?;
        )*}
    )*) => {$(
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name$(<$a>)? {$(
            $(#[$field_meta])*
            $(#[doc = concat!("\n\nOnly in versions ", $since, stringify!($to) $(, $until)?, ".")])?
            pub $field: $type,
        )*}

        impl$(<$a>)? Default for $name$(<$a>)? {
            fn default() -> Self {
                Self { $($field: declare!(@default $type $(= $default)?),)* }
            }
        }

        impl<'a> $crate::protocol::message::field::Field<'a> for $name$(<$a>)? {
            fn initial() -> Self {
                Self::default()
            }

            fn len_min(form: $crate::protocol::message::field::Form) -> usize {
                usize::from(form.flexible) $(
                    + declare!(@gate $name.$field
                        $(, versions $since $to $($until)?)? $(, nullable $null_since)?
                        $(, tag $tag)? $(, ignorable $($ignorable)?)?
                    ).len_min::<$type>(form)
                )*
            }

            fn take(
                reader: &mut $crate::protocol::message::reader::Reader<'a>,
            ) -> Result<Self, $crate::protocol::message::ReadFault> {
                let mut this = Self::default();
                $(reader.field(&mut this.$field, declare!(@gate $name.$field
                    $(, versions $since $to $($until)?)? $(, nullable $null_since)?
                    $(, tag $tag)? $(, ignorable $($ignorable)?)?
                ))?;)*
                reader.tagged_fields(&mut this)?;
                Ok(this)
            }

            fn put(
                &self,
                writer: &mut $crate::protocol::message::writer::Writer<'_>,
            ) -> Result<(), $crate::protocol::message::WriteFault> {
                $(writer.field(&self.$field, declare!(@gate $name.$field
                    $(, versions $since $to $($until)?)? $(, nullable $null_since)?
                    $(, tag $tag)? $(, ignorable $($ignorable)?)?
                ), || declare!(@default $type $(= $default)?))?;)*
                writer.tagged_fields(self)
            }
        }

        impl<'a> $crate::protocol::message::field::Struct<'a> for $name$(<$a>)? {
            const TAGGED_FIELDS: &'static str = concat!(stringify!($name), ".(tagged fields)");

            fn read_tag(
                &mut self,
                tag: u32,
                reader: &mut $crate::protocol::message::reader::Reader<'a>,
            ) -> Result<bool, $crate::protocol::message::ReadFault> {
                Ok(false $(|| reader.tag(tag, &mut self.$field, declare!(@gate $name.$field
                    $(, versions $since $to $($until)?)? $(, nullable $null_since)?
                    $(, tag $tag)? $(, ignorable $($ignorable)?)?
                ))?)*)
            }

            fn write_tags(
                &self,
                tags: &mut $crate::protocol::message::writer::Tags<'_>,
            ) -> Result<(), $crate::protocol::message::WriteFault> {
                $(tags.field(&self.$field, declare!(@gate $name.$field
                    $(, versions $since $to $($until)?)? $(, nullable $null_since)?
                    $(, tag $tag)? $(, ignorable $($ignorable)?)?
                ), || declare!(@default $type $(= $default)?))?;)*
                Ok(())
            }
        }

        #[cfg(test)]
        impl$(<$a>)? $crate::protocol::message::generate::Generate for $name$(<$a>)? {
            fn generate(generator: &mut $crate::protocol::message::generate::Generator) -> Self {
                let mut this = Self::default();
                $(generator.field(&mut this.$field, declare!(@gate $name.$field
                    $(, versions $since $to $($until)?)? $(, nullable $null_since)?
                    $(, tag $tag)? $(, ignorable $($ignorable)?)?
                ));)*
                this
            }
        }
    )*};

    (@default $type:ty) => { <$type as $crate::protocol::message::field::Field<'_>>::initial() };
    (@default $type:ty = $default:expr) => { $default };

    (@gate $name:ident.$field:ident
        $(, versions $since:literal $to:tt $($until:literal)?)?
        $(, nullable $null_since:literal)?
        $(, tag $tag:literal)?
        $(, ignorable $($ignorable:lifetime)?)?
    ) => {
        const {
            &$crate::protocol::message::field::Gate::new(concat!(stringify!($name), ".", stringify!($field)))
                $(.versions(declare!(@versions $since $to $($until)?)))?
                $(.nullable($null_since))?
                $(.tag($tag))?
                $(.ignorable() $($ignorable)?)?
        }
    };

    (@versions $since:literal +) => { $crate::protocol::message::Versions::since($since) };
    (@versions $since:literal - $until:literal) => {
        $crate::protocol::message::Versions { min: $since, max: $until }
    };
}
