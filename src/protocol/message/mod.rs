//! Message bodies, one file per API, declared once for both directions and all versions.
//!
//! Each file holds one `declare!` block that reads like Kafka's own schema: a line a field, with
//! its type, default, versions and tag. The macro makes the structs, their defaults, and the code
//! that reads and writes them ([`Message`]). Bytes come from a connection's frames, header taken
//! off ([`header`]), and go back there; strings, bytes and records are borrowed from the frame when
//! read, and may be owned when written, so client and embedded broker share the structs.
//!
//! Invariants: no input panics, and none makes more memory be asked for than a small multiple of
//! its own length; a value that the version at hand cannot carry is an error, never dropped, unless
//! Kafka's schema calls its field ignorable.
//!
//! Names are Kafka's, in Rust's case, so that a search for a KIP's word finds them.
//!
//! Source: `clients/src/main/resources/common/message/*.json` (Apache Kafka 4.3.1).

mod api_key;
#[cfg(test)]
mod captured;
#[macro_use]
mod declare;
mod field;
#[cfg(test)]
mod generate;
#[cfg(test)]
mod judge;
mod reader;
mod uuid;
mod versions;
mod writer;

pub mod add_offsets_to_txn;
pub mod add_partitions_to_txn;
pub mod alter_configs;
pub mod api_versions;
pub mod consumer_group_describe;
pub mod consumer_group_heartbeat;
pub mod consumer_protocol;
pub mod create_partitions;
pub mod create_topics;
pub mod delete_groups;
pub mod delete_records;
pub mod delete_topics;
pub mod describe_acls;
pub mod describe_cluster;
pub mod describe_configs;
pub mod describe_groups;
pub mod describe_log_dirs;
pub mod describe_producers;
pub mod describe_transactions;
pub mod end_txn;
pub mod fetch;
pub mod find_coordinator;
pub mod header;
pub mod heartbeat;
pub mod incremental_alter_configs;
pub mod init_producer_id;
pub mod join_group;
pub mod leave_group;
pub mod list_groups;
pub mod list_offsets;
pub mod list_transactions;
pub mod metadata;
pub mod offset_commit;
pub mod offset_delete;
pub mod offset_fetch;
pub mod offset_for_leader_epoch;
pub mod produce;
pub mod sasl_authenticate;
pub mod sasl_handshake;
pub mod sync_group;
pub mod txn_offset_commit;
mod up_to;

use std::borrow::Cow;

pub use api_key::ApiKey;
pub use reader::{ReadError, ReadFault};
pub use up_to::UpTo;
pub use uuid::Uuid;
pub use versions::Versions;
pub use writer::{WriteError, WriteFault};

/// A string of a message: borrowed from the frame it was read from, or owned.
pub type Str<'a> = Cow<'a, str>;

/// Bytes or a records field of a message: borrowed from the frame it was read from, or owned.
pub type Blob<'a> = Cow<'a, [u8]>;

/// The body of a request or a response.
pub trait Message<'a>: Sized {
    /// Kafka's name of the message, for example `ProduceRequest`.
    const NAME: &'static str;
    /// The API it belongs to.
    const API_KEY: ApiKey;
    /// The versions that can be read and written.
    const VERSIONS: Versions;
    /// The versions with compact lengths and tagged fields (KIP-482).
    const FLEXIBLE: Versions;

    /// Reads a body off the front of `bytes`, and moves `bytes` past it; on error, `bytes` is left
    /// as it was. Tagged fields that are not known are skipped.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if the bytes are no such message: the peer's fault, and the connection's end,
    /// as nothing tells where the next message would start. [`ReadFault::UnknownVersion`] for a
    /// version outside [`Self::VERSIONS`] is the caller's.
    fn read(bytes: &mut &'a [u8], version: i16) -> Result<Self, ReadError>;

    /// Appends the body to `out`; on error, `out` is left as it was.
    ///
    /// # Errors
    ///
    /// [`WriteError`], the caller's fault: a version outside [`Self::VERSIONS`], a value that this
    /// version cannot carry, a null where it allows none, or a string or list too long.
    fn write(&self, version: i16, out: &mut Vec<u8>) -> Result<(), WriteError>;

    /// Reads a body that fills `bytes`.
    ///
    /// # Errors
    ///
    /// As [`Self::read`], and [`ReadFault::LeftOver`] if bytes follow the body.
    fn read_exact(bytes: &'a [u8], version: i16) -> Result<Self, ReadError> {
        let mut rest = bytes;
        let message = Self::read(&mut rest, version)?;
        if rest.is_empty() {
            return Ok(message);
        }
        Err(ReadError {
            message: Self::NAME,
            version,
            field: "",
            at: bytes.len() - rest.len(),
            fault: ReadFault::LeftOver { len: rest.len() },
        })
    }
}

/// The body of a request, and what answers it.
pub trait Request<'a>: Message<'a> {
    /// The answer, in the same version as the request.
    type Response<'r>: Message<'r>;
}
