//! Records that are read once more after a restart, to rebuild what is open.

use crate::record::Offset;
use crate::record::Timestamp;

/// A restart that has not caught up yet.
///
/// Until then time goes on as the records that are read again have it, so that what they are part
/// of is decided as before, and nothing that closes comes out: it has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Replay {
    /// Records from this offset on are new.
    pub(super) below: Offset,
    /// Stream time when it stopped.
    pub(super) stream_time: Timestamp,
}
