//! Producer ids, each given out once.

use std::path::Path;
use std::path::PathBuf;

use crate::broker::log::LogError;
use crate::protocol::error_code::ErrorCode;

/// How many ids are reserved on disk at a time, as Kafka's controller does.
const BLOCK: i64 = 1_000;
/// The file that holds the first id not reserved yet, as text.
const FILE: &str = "producer-ids";

/// Producer ids from 0 up.
#[derive(Debug, Default)]
pub(crate) struct ProducerIds {
    next: i64,
    reserved_below: i64,
    file: Option<PathBuf>,
}

impl ProducerIds {
    /// Goes on where the broker that used `dir` before may have stopped.
    ///
    /// # Errors
    ///
    /// [`LogError`] where the file cannot be read.
    pub(crate) fn open(dir: &Path) -> Result<Self, LogError> {
        let path = dir.join(FILE);
        let next = match std::fs::read_to_string(&path) {
            Ok(text) => text.trim().parse().unwrap_or(0),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => 0,
            Err(error) => return Err(LogError::file("read", &path)(error)),
        };
        Ok(Self {
            next,
            reserved_below: next,
            file: Some(path),
        })
    }

    /// The next id.
    ///
    /// # Errors
    ///
    /// [`LogError`] where a block of ids cannot be reserved.
    fn next(&mut self) -> Result<i64, LogError> {
        if self.next >= self.reserved_below {
            let reserved_below = self.next.saturating_add(BLOCK);
            if let Some(path) = &self.file {
                std::fs::write(path, reserved_below.to_string())
                    .map_err(LogError::file("write", path))?;
            }
            self.reserved_below = reserved_below;
        }
        let id = self.next;
        self.next = self.next.saturating_add(1);
        Ok(id)
    }

    /// The next id.
    ///
    /// # Errors
    ///
    /// `KAFKA_STORAGE_ERROR` where a block of ids cannot be reserved.
    pub(crate) fn next_or_code(&mut self) -> Result<i64, ErrorCode> {
        self.next().map_err(|error| {
            tracing::error!(%error, "reserve producer ids");
            ErrorCode::KAFKA_STORAGE_ERROR
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_id_is_given_out_again_after_a_restart() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut ids = ProducerIds::open(dir.path()).expect("opened");
        let before: Vec<_> = (0..3).map(|_| ids.next().expect("an id")).collect();
        assert_eq!(before, [0, 1, 2]);
        let mut ids = ProducerIds::open(dir.path()).expect("opened again");
        assert!(ids.next().expect("an id") > 2);
    }
}
