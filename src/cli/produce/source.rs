//! What `produce` reads.

use std::io;
use std::io::Read;
use std::path::Path;

use tokio::io::AsyncRead;
use tokio::io::AsyncReadExt;

/// How much is read at a time: it stays in the processor's cache until it is written.
pub(super) const READ_BYTES: usize = 256 << 10;

/// Where lines come from.
pub(super) enum Source {
    /// A file whose bytes are there: reading it does not wait for anybody.
    File(std::fs::File),
    /// A pipe or a terminal.
    Stream(Box<dyn AsyncRead + Unpin>),
}

impl Source {
    pub(super) fn stdin() -> Self {
        Self::Stream(Box::new(tokio::io::stdin()))
    }

    pub(super) async fn open(path: &Path) -> io::Result<Self> {
        let file = tokio::fs::File::open(path).await?;
        Ok(match file.metadata().await?.is_file() {
            true => Self::File(file.into_std().await),
            false => Self::Stream(Box::new(file)),
        })
    }

    /// Appends what comes next to `buffer`, up to [`READ_BYTES`]; 0 at the end.
    pub(super) async fn read(&mut self, buffer: &mut Vec<u8>) -> io::Result<usize> {
        match self {
            Self::File(file) => file.take(READ_BYTES as u64).read_to_end(buffer),
            Self::Stream(stream) => stream.read_buf(buffer).await,
        }
    }
}
