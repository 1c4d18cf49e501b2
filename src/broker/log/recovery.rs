//! A log is found again after a restart.

use std::fs::File;
use std::fs::OpenOptions;
use std::io::BufReader;
use std::io::Read;
use std::path::Path;
use std::path::PathBuf;

use crate::broker::log::Log;
use crate::broker::log::error::LogError;
use crate::broker::log::segment::BESIDE;
use crate::broker::log::segment::Segment;
use crate::broker::log::segment::SegmentFile;
use crate::protocol::batch_header::BatchHeader;
use crate::protocol::batch_header::HEADER_LEN;
use crate::protocol::batch_header::MAGIC;
use crate::protocol::batch_header::PREFIX_LEN;
use crate::protocol::crc::crc32c;
use crate::record::Offset;
use crate::record::Timestamp;

/// The file that holds the log's start where DeleteRecords moved it, as text.
const START_FILE: &str = "log-start-offset";

/// How a segment may end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tail {
    /// The last one may be torn, and has its checksums verified.
    MayBeTorn,
    /// A closed one was synced.
    Whole,
}

impl Log {
    /// Opens the log in `dir`, which is made where it is missing. `seen` is told of each batch in
    /// order: its header, and its bytes where it is a control batch, none else.
    ///
    /// # Errors
    ///
    /// [`LogError`] where a file cannot be read, or where a closed segment is damaged.
    pub(crate) fn open(
        dir: &Path,
        now: Timestamp,
        seen: &mut dyn FnMut(&BatchHeader, &[u8]),
    ) -> Result<Self, LogError> {
        std::fs::create_dir_all(dir).map_err(LogError::file("create directory", dir))?;
        let mut log = Self {
            dir: Some(dir.to_owned()),
            segments: std::collections::VecDeque::new(),
            ..Self::in_memory()
        };
        let files = segment_files(dir)?;
        let last = files.last().map(|(offset, _)| *offset);
        for (base_offset, path) in files {
            let tail = if Some(base_offset) == last {
                Tail::MayBeTorn
            } else {
                Tail::Whole
            };
            if base_offset < log.end {
                // Compaction had joined it to the one before, and was stopped before removing it.
                std::fs::remove_file(&path).map_err(LogError::file("remove segment", &path))?;
                continue;
            }
            let segment = open_segment(path, base_offset, log.end, tail, now, seen)?;
            log.end = segment.end();
            log.segments.push_back(segment);
        }
        let first = log.segments.front().map(|segment| segment.base_offset);
        log.start = load_start(dir)?.max(first.unwrap_or_default());
        log.end = log.end.max(log.start);
        if log.segments.is_empty() {
            log.segments.push_back(Segment::create(dir, log.end, now)?);
        }
        Ok(log)
    }

    /// Writes the log's start down, where the log is in files.
    pub(super) fn save_start(&self) -> Result<(), LogError> {
        let Some(dir) = &self.dir else { return Ok(()) };
        let path = dir.join(START_FILE);
        let beside = path.with_extension(BESIDE);
        std::fs::write(&beside, self.start.to_string())
            .and_then(|()| std::fs::rename(&beside, &path))
            .map_err(LogError::file("write", &path))
    }
}

fn load_start(dir: &Path) -> Result<Offset, LogError> {
    let path = dir.join(START_FILE);
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(Offset(text.trim().parse().unwrap_or(0))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Offset(0)),
        Err(error) => Err(LogError::file("read", &path)(error)),
    }
}

/// The segments' files in order of offset; files half written in another's place are removed.
fn segment_files(dir: &Path) -> Result<Vec<(Offset, PathBuf)>, LogError> {
    let failed = || LogError::file("read directory", dir);
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(failed())? {
        let path = entry.map_err(failed())?.path();
        let extension = path.extension().and_then(|text| text.to_str());
        let stem = path.file_stem().and_then(|text| text.to_str());
        match (extension, stem.and_then(|text| text.parse().ok())) {
            (Some("log"), Some(offset)) => files.push((Offset(offset), path)),
            (Some(BESIDE), _) => std::fs::remove_file(&path)
                .map_err(LogError::file("remove half-written file", &path))?,
            _ => {}
        }
    }
    files.sort_unstable();
    Ok(files)
}

fn open_segment(
    path: PathBuf,
    base_offset: Offset,
    log_end: Offset,
    tail: Tail,
    now: Timestamp,
    seen: &mut dyn FnMut(&BatchHeader, &[u8]),
) -> Result<Segment, LogError> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(&path)
        .map_err(LogError::file("open segment", &path))?;
    let length = file
        .metadata()
        .map_err(LogError::file("open segment", &path))?
        .len();
    let reader = file
        .try_clone()
        .map_err(LogError::file("open segment", &path))?;
    let mut scan = Scan {
        reader: BufReader::with_capacity(256 * 1024, reader),
        left: length,
        tail,
    };
    let mut segment = Segment::over(
        SegmentFile {
            path: path.clone(),
            file,
        },
        base_offset,
        now,
    );
    let mut end = base_offset.max(log_end);
    loop {
        let batch = scan
            .next(end)
            .map_err(LogError::file("read segment", &path))?;
        match batch {
            Scanned::End => return Ok(segment),
            Scanned::Batch(header, bytes) => {
                seen(&header, &bytes);
                segment.index(&header, length_of(&header));
                end = header.next_offset();
            }
            Scanned::Bad if tail == Tail::Whole => {
                let position = segment.bytes;
                return Err(LogError::Corrupt { path, position });
            }
            Scanned::Bad => {
                cut(&path, segment.bytes)?;
                return Ok(segment);
            }
        }
    }
}

/// Cuts a torn tail off.
fn cut(path: &Path, length: u64) -> Result<(), LogError> {
    tracing::warn!(path = %path.display(), length, "cut off a torn tail");
    OpenOptions::new()
        .write(true)
        .open(path)
        .and_then(|file| file.set_len(length))
        .map_err(LogError::file("cut segment", path))
}

struct Scan {
    reader: BufReader<File>,
    /// The bytes of the file that were not read yet.
    left: u64,
    tail: Tail,
}

enum Scanned {
    /// A whole batch: its header, and its bytes where it is a control batch.
    Batch(BatchHeader, Vec<u8>),
    /// No whole batch in order of offset.
    Bad,
    /// The file ends.
    End,
}

impl Scan {
    /// Reads the next batch, which must not begin below `end`.
    fn next(&mut self, end: Offset) -> std::io::Result<Scanned> {
        if self.left == 0 {
            return Ok(Scanned::End);
        }
        let mut bytes = vec![0; HEADER_LEN];
        if self.left < HEADER_LEN as u64 {
            return Ok(Scanned::Bad);
        }
        self.reader.read_exact(&mut bytes)?;
        let Some(header) = BatchHeader::parse(&bytes) else {
            return Ok(Scanned::Bad);
        };
        let length = length_of(&header);
        let is_whole = length >= HEADER_LEN && u64::try_from(length).is_ok_and(|n| n <= self.left);
        if !is_whole || header.magic != MAGIC || header.base_offset < end {
            return Ok(Scanned::Bad);
        }
        if self.tail == Tail::MayBeTorn || header.is_control() {
            bytes.resize(length, 0);
            let rest = bytes.get_mut(HEADER_LEN..).unwrap_or_default();
            self.reader.read_exact(rest)?;
            let covered = bytes.get(crate::protocol::batch_header::CRC_START..);
            if crc32c(covered.unwrap_or_default()) != header.crc {
                return Ok(Scanned::Bad);
            }
        } else {
            let rest = i64::try_from(length - HEADER_LEN).unwrap_or(i64::MAX);
            self.reader.seek_relative(rest)?;
        }
        self.left = self.left.saturating_sub(length as u64);
        if !header.is_control() {
            bytes.clear();
        }
        Ok(Scanned::Batch(header, bytes))
    }
}

/// The whole length of a batch; 0 where the header's is impossible.
fn length_of(header: &BatchHeader) -> usize {
    usize::try_from(header.batch_length).map_or(0, |length| length.saturating_add(PREFIX_LEN))
}
