//! The records field of a fetch answer, from a hostile broker or producer.
//!
//! Nothing panics, and records that are read come back from a batch that is built of them.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tidemill::protocol::aborted::AbortedTransaction;
use tidemill::protocol::aborted::AbortedTransactions;
use tidemill::protocol::batch_builder::BatchBuilder;
use tidemill::protocol::batch_builder::BatchStamp;
use tidemill::protocol::batch_reader::Batch;
use tidemill::protocol::batch_reader::Batches;
use tidemill::protocol::compression::Decompressor;
use tidemill::record::Offset;
use tidemill::record::Record;
use tidemill::record::RecordView;

const LIMIT_BYTES: usize = 1 << 20;

fuzz_target!(|bytes: &[u8]| {
    let mut filter = AbortedTransactions::new([AbortedTransaction {
        producer_id: 1,
        first_offset: Offset(0),
    }]);
    let mut decompressor = Decompressor::with_limit(LIMIT_BYTES);
    let mut batches = Batches::new(bytes);
    for batch in batches.by_ref().flatten() {
        let _may_differ = batch.verify_crc();
        let _may_fail = filter.visibility(&batch);
        let _no_overflow = batch.header().next_offset();
        if let Some(records) = read(&batch, &mut decompressor) {
            assert_eq!(rebuilt(&records), records);
        }
    }
    assert!(bytes.ends_with(batches.rest()));
});

/// All records, where all are well formed.
fn read(batch: &Batch<'_>, decompressor: &mut Decompressor) -> Option<Vec<Record>> {
    let owned = |record: Result<RecordView<'_>, _>| record.ok().map(|view| Record::from(&view));
    batch.records(decompressor).ok()?.map(owned).collect()
}

fn rebuilt(records: &[Record]) -> Vec<Record> {
    let mut builder = BatchBuilder::new();
    for record in records {
        let timestamp = record.timestamp.expect("a read record has one");
        let (key, value) = (record.key.as_deref(), record.value.as_deref());
        let pushed = builder.push(timestamp, key, value, record.headers());
        pushed.expect("it came from a batch");
    }
    let mut bytes = Vec::new();
    let finished = builder.finish(&BatchStamp::default(), &mut bytes);
    finished.expect("they came from a batch");
    let batch = Batches::new(&bytes).next().expect("one").expect("whole");
    batch.verify_crc().expect("sealed");
    read(&batch, &mut Decompressor::new()).expect("well formed")
}
