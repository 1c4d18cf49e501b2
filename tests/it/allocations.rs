//! What allocates nothing, once its memory has grown to the work: counted by an allocator.

use allocation_counter::measure;
use tidemill::protocol::batch_builder::BatchBuilder;
use tidemill::protocol::batch_builder::BatchStamp;
use tidemill::protocol::batch_reader::Batches;
use tidemill::protocol::compression::Compression;
use tidemill::protocol::compression::Decompressor;
use tidemill::record::Header;
use tidemill::record::HeadersView;
use tidemill::record::Timestamp;

const RECORDS: i64 = 500;

/// Builds one batch into `out`.
fn build(builder: &mut BatchBuilder, compression: Compression, out: &mut Vec<u8>) {
    let headers = [
        Header {
            name: b"trace",
            value: Some(b"0123456789"),
        },
        Header {
            name: b"empty",
            value: None,
        },
    ];
    out.clear();
    for n in 0..RECORDS {
        let key = n.to_be_bytes();
        builder
            .push(Timestamp(n), Some(&key), Some(&[b'v'; 160]), headers)
            .expect("fits");
    }
    let stamp = BatchStamp {
        compression,
        ..BatchStamp::default()
    };
    builder.finish(&stamp, out).expect("compresses");
}

/// Reads all of `bytes` and adds up some of what it sees.
fn read(bytes: &[u8], decompressor: &mut Decompressor) -> usize {
    let mut seen = 0;
    for batch in Batches::new(bytes) {
        let batch = batch.expect("a good batch");
        batch.verify_crc().expect("the CRC is right");
        for record in batch.records(decompressor).expect("readable") {
            let record = record.expect("well formed");
            let headers: HeadersView<'_> = record.headers;
            seen += record.value.map_or(0, <[u8]>::len) + headers.iter().count();
        }
    }
    seen
}

/// The pure-Rust zstd takes new memory for each batch.
fn reuses_its_memory(compression: Compression) -> bool {
    cfg!(feature = "zstd-c") || compression != Compression::Zstd
}

#[test]
fn building_a_batch_allocates_nothing_the_second_time() {
    for compression in Compression::ALL
        .into_iter()
        .filter(|&c| reuses_its_memory(c))
    {
        let mut builder = BatchBuilder::new();
        let mut out = Vec::new();
        build(&mut builder, compression, &mut out);
        let info = measure(|| build(&mut builder, compression, &mut out));
        assert_eq!(info.count_total, 0, "{compression}");
    }
}

#[test]
fn reading_a_batch_allocates_nothing_the_second_time() {
    for compression in Compression::ALL
        .into_iter()
        .filter(|&c| reuses_its_memory(c))
    {
        let mut out = Vec::new();
        build(&mut BatchBuilder::new(), compression, &mut out);
        let mut decompressor = Decompressor::new();
        let expected = read(&out, &mut decompressor);
        let mut seen = 0;
        let info = measure(|| seen = read(&out, &mut decompressor));
        assert_eq!(info.count_total, 0, "{compression}");
        assert_eq!(seen, expected);
    }
}
