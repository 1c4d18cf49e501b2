//! Frames captured from Apache Kafka, read and written again; `tests/fixtures/wire/README.md` says
//! how they were captured.

use std::fs;
use std::path::Path;

use super::header::{self, RequestHeader};
use super::judge::all_messages;
use super::*;

/// A captured frame; its file is named `<api>_v<version>_<request or response>[_<what>].hex`.
struct Captured {
    /// `<api>_request` or `<api>_response`.
    message: String,
    version: i16,
    frame: Vec<u8>,
}

fn captured(path: &Path) -> Captured {
    let name = path.file_stem().unwrap().to_str().unwrap();
    let (api, rest) = name.rsplit_once("_v").unwrap();
    let mut rest = rest.split('_');
    let version = rest.next().unwrap().parse().unwrap();
    let message = format!("{api}_{}", rest.next().unwrap());
    let text = fs::read_to_string(path).unwrap();
    let (origin, hex) = text.split_once('\n').unwrap();
    assert!(
        origin.starts_with("# Apache Kafka "),
        "{name} must tell its origin"
    );
    let frame = unhex(hex);
    Captured {
        message,
        version,
        frame,
    }
}

fn unhex(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

fn all_captured() -> Vec<Captured> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/wire");
    let paths = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let frames = paths.filter(|path| path.extension().is_some_and(|extension| extension == "hex"));
    frames.map(|path| captured(&path)).collect()
}

macro_rules! rewrite_body {
    ($($message:ident: $module:ident::$name:ident;)*) => {
        /// What is written after reading `body`, and the API it belongs to.
        fn rewrite_body(message: &str, version: i16, body: &[u8]) -> (ApiKey, Vec<u8>) {
            let mut out = Vec::new();
            match message {
                $(stringify!($message) => {
                    let read = $module::$name::read_exact(body, version).unwrap();
                    read.write(version, &mut out).unwrap();
                    ($module::$name::API_KEY, out)
                })*
                _ => panic!("no message {message}"),
            }
        }
    };
}

all_messages!(rewrite_body);

fn rewrite_request(
    Captured {
        message,
        version,
        frame,
    }: &Captured,
) -> Vec<u8> {
    let (header, body) = RequestHeader::split(frame).unwrap();
    let (api_key, body) = rewrite_body(message, *version, body);
    assert_eq!(
        (header.api_key, header.api_version),
        (api_key, *version),
        "{message}"
    );
    let mut out = Vec::new();
    header.write(&mut out).unwrap();
    [out, body].concat()
}

fn rewrite_response(
    Captured {
        message,
        version,
        frame,
    }: &Captured,
) -> Vec<u8> {
    let name = message.trim_end_matches("_response").replace('_', "");
    let api_key = ApiKey::ALL
        .iter()
        .find(|api_key| api_key.name().to_lowercase() == name);
    let api_key = *api_key.unwrap();
    let (correlation_id, body) = header::split_response(frame, api_key, *version).unwrap();
    let (_, body) = rewrite_body(message, *version, body);
    let mut out = Vec::new();
    header::write_response(api_key, *version, correlation_id, &mut out);
    [out, body].concat()
}

#[test]
fn every_captured_frame_comes_back_byte_for_byte() {
    let frames = all_captured();
    for captured in &frames {
        let again = if captured.message.ends_with("_request") {
            rewrite_request(captured)
        } else {
            rewrite_response(captured)
        };
        assert_eq!(
            again, captured.frame,
            "{} v{}",
            captured.message, captured.version
        );
    }
    assert!(frames.len() > 100, "the captured frames are there");
}

#[test]
fn a_captured_frame_says_what_it_said() {
    let frames = all_captured();
    let body_of = |message: &str, version, header_len| {
        let is_it =
            |captured: &&Captured| captured.message == message && captured.version == version;
        &frames.iter().find(is_it).unwrap().frame[header_len..]
    };
    let fetch = fetch::FetchResponse::read_exact(body_of("fetch_response", 18, 5), 18).unwrap();
    let mut records = fetch.responses[0]
        .partitions
        .iter()
        .filter_map(|it| it.records.as_ref());
    assert!(records.any(|records| records.len() > 61), "a batch");
    let commit = body_of("offset_commit_response", 9, 5);
    let commit = offset_commit::OffsetCommitResponse::read_exact(commit, 9).unwrap();
    assert_eq!(commit.topics[0].name, "orders");
}
