//! Whether a produced batch may be appended: everything that can be told without the log.

use crate::broker::setting::TopicSettings;
use crate::protocol::batch_error::BatchError;
use crate::protocol::batch_header::BatchHeader;
use crate::protocol::batch_reader::Batch;
use crate::protocol::batch_reader::Batches;
use crate::protocol::compression::Compression;
use crate::protocol::compression::Decompressor;
use crate::protocol::error_code::ErrorCode;
use crate::record::RecordView;
use crate::record::Timestamp;
use crate::record::TimestampType;

/// What a topic asks of the batches that are written to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Acceptance {
    /// `max.message.bytes`: the largest batch, header included.
    pub(crate) batch_bytes_max: usize,
    /// Whether each record must have a key.
    pub(crate) needs_keys: bool,
    /// Whether the broker stamps records; then producers' timestamps are not looked at.
    pub(crate) is_log_append_time: bool,
    /// `message.timestamp.before.max.ms`.
    pub(crate) before_ms_max: i64,
    /// `message.timestamp.after.max.ms`.
    pub(crate) after_ms_max: i64,
    /// Whether the request's version knows zstd (Produce v7 and above).
    pub(crate) knows_zstd: bool,
}

/// Why a batch was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The code for the client.
    pub(crate) error: ErrorCode,
    /// The reason in words.
    pub(crate) message: String,
}

impl Refusal {
    fn new(error: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            error,
            message: message.into(),
        }
    }

    fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::INVALID_RECORD, message)
    }
}

impl Acceptance {
    /// What a topic of these settings asks; `knows_zstd` is for [`Self::knows_zstd`].
    pub(crate) fn of(settings: &TopicSettings) -> Self {
        let bytes_max = settings.number("max.message.bytes");
        Self {
            batch_bytes_max: usize::try_from(bytes_max).unwrap_or(0),
            needs_keys: settings.is_compacted(),
            is_log_append_time: settings.is_log_append_time(),
            before_ms_max: settings.number("message.timestamp.before.max.ms"),
            after_ms_max: settings.number("message.timestamp.after.max.ms"),
            knows_zstd: true,
        }
    }

    /// Checks that `records` is one whole, sound batch of message format 2 that this topic takes,
    /// and returns its header. Each record is read; a batch that expands beyond the
    /// decompressor's bound is refused.
    ///
    /// # Errors
    ///
    /// [`Refusal`], the producer's fault. Codes are `LogValidator`'s and `ProduceRequest`'s
    /// (Apache Kafka 4.x).
    pub(crate) fn check(
        &self,
        records: &[u8],
        decompressor: &mut Decompressor,
        now: Timestamp,
    ) -> Result<BatchHeader, Refusal> {
        let batch = single_batch(records)?;
        let header = *batch.header();
        batch
            .verify_crc()
            .map_err(|error| Refusal::new(ErrorCode::CORRUPT_MESSAGE, error.to_string()))?;
        if records.len() > self.batch_bytes_max {
            let message = format!(
                "batch of {} bytes is above the topic's max.message.bytes of {}",
                records.len(),
                self.batch_bytes_max
            );
            return Err(Refusal::new(ErrorCode::MESSAGE_TOO_LARGE, message));
        }
        check_header(&header)?;
        self.check_compression(&header)?;
        self.check_records(&batch, decompressor, now)?;
        Ok(header)
    }

    fn check_compression(&self, header: &BatchHeader) -> Result<(), Refusal> {
        match header.compression() {
            Err(codec) => Err(Refusal::new(
                ErrorCode::UNSUPPORTED_COMPRESSION_TYPE,
                format!("unknown codec {codec}"),
            )),
            Ok(Compression::Zstd) if !self.knows_zstd => Err(Refusal::new(
                ErrorCode::UNSUPPORTED_COMPRESSION_TYPE,
                "zstd needs Produce v7",
            )),
            Ok(_) => Ok(()),
        }
    }

    fn check_records(
        &self,
        batch: &Batch<'_>,
        decompressor: &mut Decompressor,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let header = batch.header();
        let unreadable = |error: BatchError| Refusal::invalid(error.to_string());
        let records = batch.records(decompressor).map_err(unreadable)?;
        let mut expected = header.base_offset;
        for record in records {
            let record = record.map_err(unreadable)?;
            if record.offset != expected {
                return Err(Refusal::invalid("offset deltas do not count up from 0"));
            }
            expected = expected.next();
            self.check_record(&record, now)?;
        }
        Ok(())
    }

    fn check_record(&self, record: &RecordView<'_>, now: Timestamp) -> Result<(), Refusal> {
        if self.needs_keys && record.key.is_none() {
            return Err(Refusal::invalid(
                "a compacted topic takes no record without a key",
            ));
        }
        let time = record.timestamp;
        let is_stamped = !self.is_log_append_time && time != Timestamp::NONE;
        let is_in_range = time >= now.saturating_sub(self.before_ms_max)
            && time <= now.saturating_add(self.after_ms_max);
        if is_stamped && !is_in_range {
            return Err(Refusal::new(
                ErrorCode::INVALID_TIMESTAMP,
                format!("timestamp {time} is outside what the topic takes at {now}"),
            ));
        }
        Ok(())
    }
}

fn single_batch(records: &[u8]) -> Result<Batch<'_>, Refusal> {
    let mut batches = Batches::new(records);
    let batch = match batches.next() {
        Some(Ok(batch)) => batch,
        Some(Err(error @ (BatchError::OldFormat { .. } | BatchError::UnknownFormat { .. }))) => {
            return Err(Refusal::new(
                ErrorCode::UNSUPPORTED_FOR_MESSAGE_FORMAT,
                error.to_string(),
            ));
        }
        Some(Err(error)) => {
            return Err(Refusal::new(ErrorCode::CORRUPT_MESSAGE, error.to_string()));
        }
        None => return Err(Refusal::invalid("no whole batch for the partition")),
    };
    if batches.rest().is_empty() {
        Ok(batch)
    } else {
        Err(Refusal::invalid("more than one batch for the partition"))
    }
}

fn check_header(header: &BatchHeader) -> Result<(), Refusal> {
    if header.is_control() {
        return Err(Refusal::invalid("clients may not write control batches"));
    }
    if header.record_count <= 0 || header.last_offset_delta != header.record_count - 1 {
        return Err(Refusal::invalid(
            "record count and last offset delta differ",
        ));
    }
    if header.timestamp_type() == TimestampType::LogAppendTime {
        return Err(Refusal::new(
            ErrorCode::INVALID_TIMESTAMP,
            "clients may not set the append time",
        ));
    }
    let is_sequenced = header.producer_epoch >= 0 && header.base_sequence >= 0;
    if header.has_producer_id() && !is_sequenced {
        return Err(Refusal::invalid("a producer id without epoch or sequence"));
    }
    Ok(())
}
