//! Compressed bytes from a hostile producer, in every codec.
//!
//! The first byte chooses the codec, and whether the rest is taken as compressed (nothing panics,
//! and no more than the limit comes out) or as plain (it comes back).

#![no_main]

use std::cell::RefCell;

use libfuzzer_sys::fuzz_target;
use tidemill::protocol::compression::Compression;
use tidemill::protocol::compression::Compressor;
use tidemill::protocol::compression::Decompressor;

const LIMIT_BYTES: usize = 1 << 20;

thread_local! {
    /// Kept from run to run, so that what one input leaves behind meets the next one.
    static CODECS: RefCell<(Compressor, Decompressor)> =
        RefCell::new((Compressor::new(), Decompressor::with_limit(LIMIT_BYTES)));
}

fuzz_target!(|bytes: &[u8]| {
    let Some((&choice, rest)) = bytes.split_first() else {
        return;
    };
    let codec = Compression::ALL[1 + usize::from(choice & 3)];
    CODECS.with_borrow_mut(|(compressor, decompressor)| {
        if choice & 4 == 0 {
            if let Ok(plain) = decompressor.decompress(codec, rest) {
                assert!(plain.len() <= LIMIT_BYTES);
            }
        } else {
            let mut compressed = Vec::new();
            let written = compressor.compress(codec, rest, &mut compressed);
            written.expect("compresses");
            assert_eq!(decompressor.decompress(codec, &compressed), Ok(rest));
        }
    });
});
