//! Why a log could not be read or written.

use std::io;
use std::path::Path;
use std::path::PathBuf;

/// Why a log could not be read or written: always the disk's fault or that of who changed it.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// A call to the file system failed.
    #[error("{action} {}", path.display())]
    File {
        /// What was being done.
        action: &'static str,
        /// To which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A closed segment does not hold whole batches in order. Only the tail of the last segment
    /// may be torn.
    #[error("read batch at byte {position} of {}: not a whole batch of message format 2 in order of offset; restore the file or remove the partition's directory", path.display())]
    Corrupt {
        /// Which file.
        path: PathBuf,
        /// Where the batch begins.
        position: u64,
    },
}

impl LogError {
    /// For `map_err`: `action` failed on `path`.
    pub(crate) fn file(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::File {
            action,
            path: path.to_owned(),
            source,
        }
    }
}
