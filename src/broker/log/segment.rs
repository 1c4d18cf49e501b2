//! A run of batches in offset order: the unit of retention and compaction.

use std::fs::File;
use std::fs::OpenOptions;
use std::io::Read;
use std::io::Seek;
use std::io::SeekFrom;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

use bytes::Bytes;

use crate::broker::log::FirstBatch;
use crate::broker::log::Rolling;
use crate::broker::log::error::LogError;
use crate::protocol::batch_header::BatchHeader;
use crate::record::Offset;
use crate::record::Timestamp;

/// Where one batch is and what a look-up must know of it.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) base_offset: Offset,
    pub(crate) last_offset: Offset,
    pub(crate) max_timestamp: Timestamp,
    /// The length of the batch in bytes.
    pub(crate) length: usize,
    place: Place,
}

#[derive(Clone, Debug)]
enum Place {
    Memory(Bytes),
    /// The first byte's position in the segment's file.
    File(u64),
}

/// A run of batches in offset order.
#[derive(Debug)]
pub(crate) struct Segment {
    /// No batch in it begins below this.
    pub(crate) base_offset: Offset,
    /// When its first batch was appended.
    pub(crate) created_at: Timestamp,
    /// When its last batch was appended.
    pub(crate) changed_at: Timestamp,
    /// The largest timestamp in it; `Timestamp::MIN` where it is empty.
    pub(crate) max_timestamp: Timestamp,
    /// The bytes of its batches.
    pub(crate) bytes: u64,
    entries: Vec<Entry>,
    file: Option<SegmentFile>,
}

#[derive(Debug)]
pub(crate) struct SegmentFile {
    pub(crate) path: PathBuf,
    pub(crate) file: File,
}

impl Segment {
    /// An empty segment in memory.
    pub(crate) const fn in_memory(base_offset: Offset, now: Timestamp) -> Self {
        Self {
            base_offset,
            created_at: now,
            changed_at: now,
            max_timestamp: Timestamp::MIN,
            bytes: 0,
            entries: Vec::new(),
            file: None,
        }
    }

    /// An empty segment in a new file of `dir`.
    ///
    /// # Errors
    ///
    /// [`LogError::File`] where the file cannot be made.
    pub(crate) fn create(
        dir: &Path,
        base_offset: Offset,
        now: Timestamp,
    ) -> Result<Self, LogError> {
        let path = file_path(dir, base_offset);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&path)
            .map_err(LogError::file("create segment", &path))?;
        Ok(Self {
            file: Some(SegmentFile { path, file }),
            ..Self::in_memory(base_offset, now)
        })
    }

    /// A segment over a file whose batches are told by [`Self::index`] next.
    pub(crate) fn over(file: SegmentFile, base_offset: Offset, now: Timestamp) -> Self {
        Self {
            file: Some(file),
            ..Self::in_memory(base_offset, now)
        }
    }

    /// The batches in order.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    /// The offset after the last batch; the base offset where there is none.
    pub(crate) fn end(&self) -> Offset {
        self.entries
            .last()
            .map_or(self.base_offset, |entry| entry.last_offset.next())
    }

    /// Whether it holds something at or above `from`.
    pub(crate) fn end_after(&self, from: Offset) -> bool {
        self.end() > from
    }

    /// Whether a batch of `length` bytes belongs into a new segment at `now`.
    pub(crate) fn is_full(&self, length: u64, rolling: Rolling, now: Timestamp) -> bool {
        !self.entries.is_empty()
            && (self.bytes.saturating_add(length) > rolling.segment_bytes_max
                || now >= self.created_at.saturating_add(rolling.segment_ms_max))
    }

    /// Appends one batch.
    ///
    /// # Errors
    ///
    /// [`LogError::File`]; the segment is as it was then, and a later append overwrites what was
    /// written in part.
    pub(crate) fn append(
        &mut self,
        header: &BatchHeader,
        batch: Bytes,
        now: Timestamp,
    ) -> Result<(), LogError> {
        let length = batch.len();
        let place = match &self.file {
            None => Place::Memory(batch),
            Some(file) => {
                file.write_at(self.bytes, &batch)?;
                Place::File(self.bytes)
            }
        };
        self.push(header, length, place);
        self.changed_at = now;
        Ok(())
    }

    /// Takes note of a batch that stands in the file behind those noted before.
    pub(crate) fn index(&mut self, header: &BatchHeader, length: usize) {
        self.push(header, length, Place::File(self.bytes));
    }

    fn push(&mut self, header: &BatchHeader, length: usize, place: Place) {
        self.entries.push(Entry {
            base_offset: header.base_offset,
            last_offset: header.last_offset(),
            max_timestamp: header.max_timestamp,
            length,
            place,
        });
        self.max_timestamp = self.max_timestamp.max(header.max_timestamp);
        let length = u64::try_from(length).unwrap_or(u64::MAX);
        self.bytes = self.bytes.saturating_add(length);
    }

    /// Reads whole batches into `out` as [`super::Log::read`] says; true where the reader is done.
    pub(crate) fn read(
        &self,
        from: Offset,
        below: Offset,
        left: &mut usize,
        first: &mut FirstBatch,
        out: &mut Vec<Bytes>,
    ) -> Result<bool, LogError> {
        let skipped = self
            .entries
            .partition_point(|entry| entry.last_offset < from);
        let mut run = Run::default();
        let mut is_done = false;
        for entry in self.entries.iter().skip(skipped) {
            let is_over = entry.length > *left && *first == FirstBatch::WithinBound;
            if entry.base_offset >= below || is_over {
                is_done = true;
                break;
            }
            *first = FirstBatch::WithinBound;
            *left = left.saturating_sub(entry.length);
            match &entry.place {
                Place::Memory(bytes) => out.push(bytes.clone()),
                Place::File(position) => run.push(*position, entry.length),
            }
        }
        if run.length > 0 {
            out.push(self.read_file(run.position, run.length)?);
        }
        Ok(is_done)
    }

    /// Reads the first batch whose entry is `wanted`.
    ///
    /// # Errors
    ///
    /// [`LogError::File`] where the file cannot be read.
    pub(crate) fn find(&self, wanted: impl Fn(&Entry) -> bool) -> Result<Option<Bytes>, LogError> {
        let entry = self.entries.iter().find(|entry| wanted(entry));
        entry.map(|entry| self.bytes_of(entry)).transpose()
    }

    /// Reads one batch.
    ///
    /// # Errors
    ///
    /// [`LogError::File`] where the file cannot be read.
    pub(crate) fn bytes_of(&self, entry: &Entry) -> Result<Bytes, LogError> {
        match &entry.place {
            Place::Memory(bytes) => Ok(bytes.clone()),
            Place::File(position) => self.read_file(*position, entry.length),
        }
    }

    fn read_file(&self, position: u64, length: usize) -> Result<Bytes, LogError> {
        self.file
            .as_ref()
            .map_or_else(|| Ok(Bytes::new()), |file| file.read_at(position, length))
    }

    /// Makes it durable.
    ///
    /// # Errors
    ///
    /// [`LogError::File`] where the file cannot be synced.
    pub(crate) fn sync(&self) -> Result<(), LogError> {
        self.file.as_ref().map_or(Ok(()), |file| {
            file.file
                .sync_data()
                .map_err(LogError::file("sync segment", &file.path))
        })
    }

    /// Removes its file.
    ///
    /// # Errors
    ///
    /// [`LogError::File`] where the file cannot be removed.
    pub(crate) fn remove(self) -> Result<(), LogError> {
        self.file.map_or(Ok(()), |file| {
            std::fs::remove_file(&file.path).map_err(LogError::file("remove segment", &file.path))
        })
    }

    /// Puts `batches` in place of all that it holds.
    ///
    /// A file is written beside the old one, synced and renamed over it, so that a crash leaves
    /// one or the other.
    ///
    /// # Errors
    ///
    /// [`LogError::File`]; the segment is as it was then.
    pub(crate) fn replace(&mut self, batches: Vec<Bytes>) -> Result<(), LogError> {
        let file = match &self.file {
            Some(old) => Some(old.rewritten(&batches)?),
            None => None,
        };
        let is_file = file.is_some();
        self.file = file;
        self.entries.clear();
        self.bytes = 0;
        self.max_timestamp = Timestamp::MIN;
        for batch in batches {
            let Some(header) = BatchHeader::parse(&batch) else {
                continue;
            };
            let length = batch.len();
            let place = if is_file {
                Place::File(self.bytes)
            } else {
                Place::Memory(batch)
            };
            self.push(&header, length, place);
        }
        Ok(())
    }
}

/// Neighbours in a file that are read in one go.
#[derive(Default)]
struct Run {
    position: u64,
    length: usize,
}

impl Run {
    fn push(&mut self, position: u64, length: usize) {
        if self.length == 0 {
            self.position = position;
        }
        self.length = self.length.saturating_add(length);
    }
}

impl SegmentFile {
    fn write_at(&self, position: u64, bytes: &[u8]) -> Result<(), LogError> {
        let mut file = &self.file;
        file.seek(SeekFrom::Start(position))
            .and_then(|_| file.write_all(bytes))
            .map_err(LogError::file("append to segment", &self.path))
    }

    fn read_at(&self, position: u64, length: usize) -> Result<Bytes, LogError> {
        let mut file = &self.file;
        let mut bytes = vec![0; length];
        file.seek(SeekFrom::Start(position))
            .and_then(|_| file.read_exact(&mut bytes))
            .map_err(LogError::file("read segment", &self.path))?;
        Ok(bytes.into())
    }

    fn rewritten(&self, batches: &[Bytes]) -> Result<Self, LogError> {
        let beside = self.path.with_extension(BESIDE);
        let failed = || LogError::file("rewrite segment", &beside);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&beside)
            .map_err(failed())?;
        for batch in batches {
            file.write_all(batch).map_err(failed())?;
        }
        file.sync_data().map_err(failed())?;
        std::fs::rename(&beside, &self.path).map_err(failed())?;
        Ok(Self {
            path: self.path.clone(),
            file,
        })
    }
}

/// The extension of a file that is being written in another's place.
pub(crate) const BESIDE: &str = "cleaned";

/// The file of the segment that begins at `base_offset`: twenty digits, as Kafka names them.
pub(crate) fn file_path(dir: &Path, base_offset: Offset) -> PathBuf {
    dir.join(format!("{:020}.log", base_offset.0))
}
