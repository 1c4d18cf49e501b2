//! Each codec against other writers and readers of its format.

use std::io::Read;
use std::io::Write;

use lz4_flex::frame::BlockMode;
use lz4_flex::frame::BlockSize;
use lz4_flex::frame::FrameEncoder;
use lz4_flex::frame::FrameInfo;
use proptest::prelude::*;

use super::*;

/// 150 kB that shrink well, with matches far apart.
fn text() -> Vec<u8> {
    let line = |n: u32| format!("{{\"order\":{n},\"product\":\"p{}\"}}\n", n % 97).into_bytes();
    (0..4_500).flat_map(line).collect()
}

/// 140 kB that do not shrink.
fn noise() -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let step = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    std::iter::repeat_with(step).take(140_000).collect()
}

fn compress(compression: Compression, plain: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    Compressor::new()
        .compress(compression, plain, &mut out)
        .expect("compresses");
    out
}

fn decompress(compression: Compression, compressed: &[u8]) -> Result<Vec<u8>, CompressionError> {
    Decompressor::new()
        .decompress(compression, compressed)
        .map(<[u8]>::to_vec)
}

fn codecs() -> impl Iterator<Item = Compression> {
    Compression::ALL.into_iter().skip(1)
}

fn corrupt(codec: Compression, problem: &str) -> Result<Vec<u8>, CompressionError> {
    Err(CompressionError::Corrupt {
        codec,
        problem: problem.into(),
    })
}

#[test]
fn what_goes_in_comes_out_whatever_its_size() {
    let sizes = [
        0, 1, 32_767, 32_768, 32_769, 65_535, 65_536, 65_537, 130_000,
    ];
    for plain in [text(), noise()] {
        for (codec, size) in codecs().flat_map(|codec| sizes.map(|size| (codec, size))) {
            let back = decompress(codec, &compress(codec, &plain[..size]));
            assert_eq!(back.as_deref(), Ok(&plain[..size]), "{codec} {size}");
        }
    }
}

#[test]
fn one_decompressor_serves_batch_after_batch() {
    let mut decompressor = Decompressor::new();
    for plain in [text(), noise(), b"short".to_vec(), text()] {
        for codec in codecs() {
            let compressed = compress(codec, &plain);
            let back = decompressor.decompress(codec, &compressed);
            assert_eq!(back, Ok(&plain[..]), "{codec}");
        }
    }
}

#[test]
fn after_bad_bytes_the_decompressor_still_works() {
    let mut decompressor = Decompressor::with_limit(1_000_000);
    for codec in codecs() {
        let good = compress(codec, &text());
        for bad in [&good[..good.len() / 2], &good[1..], b"nonsense"] {
            assert!(decompressor.decompress(codec, bad).is_err(), "{codec}");
        }
        let back = decompressor.decompress(codec, &good);
        assert_eq!(back, Ok(&text()[..]), "{codec}");
    }
}

#[test]
fn input_cut_anywhere_is_an_error() {
    for codec in codecs() {
        let good = compress(codec, &text()[..2_000]);
        for end in 1..good.len() {
            // Snappy's blocks have no end mark: between two of them a cut does not show.
            let is_between_blocks = codec == Compression::Snappy && end == 16;
            let back = decompress(codec, &good[..end]);
            assert!(back.is_err() || is_between_blocks, "{codec} cut at {end}");
        }
    }
}

#[test]
fn the_limit_is_inclusive() {
    for codec in codecs() {
        let compressed = compress(codec, &text());
        let len = text().len();
        let mut exact = Decompressor::with_limit(len);
        assert!(exact.decompress(codec, &compressed).is_ok(), "{codec}");
        let mut below = Decompressor::with_limit(len - 1);
        let expected = CompressionError::TooLarge {
            codec,
            limit_bytes: len - 1,
        };
        assert_eq!(below.decompress(codec, &compressed), Err(expected));
    }
}

#[test]
fn gzip_members_of_other_writers_are_read_end_to_end() {
    let mut bytes = Vec::new();
    for (name, part) in text().chunks(60_000).enumerate() {
        let builder = flate2::GzBuilder::new()
            .filename(name.to_string())
            .comment("a part")
            .extra(vec![1, 2, 3])
            .mtime(7);
        let mut writer = builder.write(&mut bytes, flate2::Compression::best());
        writer.write_all(part).expect("into memory");
        writer.finish().expect("into memory");
    }
    assert_eq!(decompress(Compression::Gzip, &bytes), Ok(text()));
}

#[test]
fn gzip_is_read_by_another_reader() {
    let mut back = Vec::new();
    flate2::read::GzDecoder::new(&compress(Compression::Gzip, &text())[..])
        .read_to_end(&mut back)
        .expect("well formed");
    assert_eq!(back, text());
}

#[test]
fn a_wrong_gzip_checksum_or_length_is_caught() {
    let good = compress(Compression::Gzip, &text());
    for place in [good.len() - 8, good.len() - 1] {
        let mut bytes = good.clone();
        bytes[place] ^= 1;
        assert_eq!(
            decompress(Compression::Gzip, &bytes),
            corrupt(Compression::Gzip, "checksum or length differs")
        );
    }
}

#[test]
fn plain_snappy_and_streams_end_to_end_are_read() {
    let plain = snap::raw::Encoder::new()
        .compress_vec(&text())
        .expect("fits");
    assert_eq!(decompress(Compression::Snappy, &plain), Ok(text()));
    let text = text();
    let (head, tail) = text.split_at(70_000);
    let streams = [
        compress(Compression::Snappy, head),
        compress(Compression::Snappy, tail),
    ];
    assert_eq!(decompress(Compression::Snappy, &streams.concat()), Ok(text));
}

#[test]
fn a_snappy_block_that_claims_more_than_it_can_hold_allocates_nothing() {
    // A varint of 2^30, and no data.
    let claim = [0x80, 0x80, 0x80, 0x80, 0x04];
    assert_eq!(
        decompress(Compression::Snappy, &claim),
        corrupt(Compression::Snappy, "a block claims more than it can hold")
    );
}

#[test]
fn lz4_frames_of_every_shape_are_read() {
    let sizes = [
        BlockSize::Max64KB,
        BlockSize::Max256KB,
        BlockSize::Max1MB,
        BlockSize::Max4MB,
    ];
    for plain in [text(), noise()] {
        for size in sizes {
            for mode in [BlockMode::Independent, BlockMode::Linked] {
                for checksums in [false, true] {
                    let info = FrameInfo::new()
                        .block_size(size)
                        .block_mode(mode)
                        .block_checksums(checksums)
                        .content_checksum(checksums)
                        .content_size(checksums.then_some(plain.len() as u64));
                    let mut encoder = FrameEncoder::with_frame_info(info, Vec::new());
                    encoder.write_all(&plain).expect("into memory");
                    let frame = encoder.finish().expect("into memory");
                    let twice = [&frame[..], &frame[..]].concat();
                    let back = decompress(Compression::Lz4, &twice);
                    assert!(back == Ok([&plain[..], &plain[..]].concat()), "{mode:?}");
                }
            }
        }
    }
}

#[test]
fn lz4_is_read_by_another_reader_and_its_header_is_javas() {
    let frame = compress(Compression::Lz4, &text());
    assert_eq!(frame[..7], [0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82]);
    let mut back = Vec::new();
    lz4_flex::frame::FrameDecoder::new(&frame[..])
        .read_to_end(&mut back)
        .expect("well formed");
    assert_eq!(back, text());
}

#[test]
fn a_wrong_lz4_header_is_named() {
    let good = compress(Compression::Lz4, b"plain");
    let cases = [
        (0, 1, "not an lz4 frame"),
        (4, 0x80, "unknown frame version"),
        (4, 1, "it needs a dictionary, which Kafka has none of"),
        (6, 1, "header checksum differs"),
    ];
    for (place, bit, problem) in cases {
        let mut bytes = good.clone();
        bytes[place] ^= bit;
        assert_eq!(
            decompress(Compression::Lz4, &bytes),
            corrupt(Compression::Lz4, problem)
        );
    }
}

#[cfg(feature = "zstd-c")]
#[test]
fn zstd_frames_of_every_shape_are_read() {
    let mut stream = ::zstd::Encoder::new(Vec::new(), 3).expect("memory");
    stream.include_checksum(true).expect("settable");
    stream.write_all(&text()).expect("into memory");
    let stream = stream.finish().expect("into memory");
    let skippable = [&[0x5f, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"any"].concat();
    let one_go = ::zstd::encode_all(&noise()[..], 19).expect("into memory");
    let bytes = [&stream[..], &skippable, &one_go].concat();
    let back = decompress(Compression::Zstd, &bytes);
    assert!(back == Ok([text(), noise()].concat()));
    assert!(::zstd::decode_all(&compress(Compression::Zstd, &text())[..]).expect("read") == text());
}

/// Zeros, which every codec shrinks most.
#[test]
fn a_bomb_takes_no_more_memory_than_its_limit() {
    for codec in codecs() {
        let bomb = compress(codec, &vec![0; 4 << 20]);
        let info = allocation_counter::measure(|| {
            let mut decompressor = Decompressor::with_limit(1 << 20);
            let outcome = decompressor.decompress(codec, &bomb);
            assert!(matches!(outcome, Err(CompressionError::TooLarge { .. })));
        });
        assert!(info.bytes_max < 4 << 20, "{codec}: {}", info.bytes_max);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_come_back(plain: Vec<u8>) {
        for codec in codecs() {
            prop_assert_eq!(decompress(codec, &compress(codec, &plain)), Ok(plain.clone()));
        }
    }

    #[test]
    fn any_input_is_read_without_a_panic(bytes: Vec<u8>, place: usize, bit in 0..8u8) {
        let plain = bytes.repeat(20);
        for codec in codecs() {
            let _may_fail = decompress(codec, &bytes);
            let mut damaged = compress(codec, &plain);
            let place = place % damaged.len();
            damaged[place] ^= 1 << bit;
            let _may_fail = decompress(codec, &damaged);
        }
    }
}
