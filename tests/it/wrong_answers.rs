//! Brokers whose answers are refused, wrong or hostile: the command says what, where and what to
//! do, and ends with the right code.

use std::io::Read;
use std::io::Write;
use std::net::TcpListener;
use std::thread;

use tempfile::NamedTempFile;
use tidemill::broker::Broker;
use tidemill::broker::BrokerConfig;
use tidemill::broker::HookAction;
use tidemill::broker::HookedRequest;
use tidemill::protocol::batch_builder::BatchBuilder;
use tidemill::protocol::batch_builder::BatchStamp;
use tidemill::protocol::batch_header::BatchHeader;
use tidemill::protocol::compression::Compression;
use tidemill::protocol::message::ApiKey;
use tidemill::protocol::message::Message;
use tidemill::protocol::message::api_versions::ApiVersion;
use tidemill::protocol::message::api_versions::ApiVersionsResponse;
use tidemill::protocol::message::fetch::FetchRequest;
use tidemill::protocol::message::fetch::FetchResponse;
use tidemill::protocol::message::fetch::FetchableTopicResponse;
use tidemill::protocol::message::fetch::PartitionData;
use tidemill::protocol::message::sasl_authenticate::SaslAuthenticateResponse;
use tidemill::protocol::message::sasl_handshake::SaslHandshakeResponse;
use tidemill::record::Timestamp;

use crate::support::commands::check;
use crate::support::commands::command;
use crate::support::commands::finish;

/// An embedded broker with one topic of three records, `lines`.
struct Scene {
    broker: Broker,
    _tokio: tokio::runtime::Runtime,
}

impl Scene {
    fn new() -> Self {
        let tokio = tokio::runtime::Runtime::new().expect("a runtime");
        let broker = tokio.block_on(Broker::start(BrokerConfig::default()));
        let scene = Self {
            broker: broker.expect("started"),
            _tokio: tokio,
        };
        check(&scene.run(&["topic", "create", "lines"], b""), 0, &[]);
        check(
            &scene.run(&["produce", "lines"], b"one\ntwo\nthree\n"),
            0,
            &[],
        );
        scene
    }

    fn run(&self, words: &[&str], input: &[u8]) -> std::process::Output {
        let bootstrap = self.broker.bootstrap();
        finish(command(words).env("TIDEMILL_BROKERS", bootstrap), input)
    }

    /// Lets `answer` decide on each request from now on.
    fn answers(&self, answer: impl FnMut(&HookedRequest<'_>) -> HookAction + Send + 'static) {
        self.broker.set_hook(Some(Box::new(answer)));
    }

    /// Answers every Fetch with these bytes as the records.
    fn fetch_brings(&self, records: Vec<u8>) {
        self.answers(move |request| match request.api_key {
            ApiKey::Fetch => with_records(request, &records),
            _ => HookAction::Pass,
        });
    }
}

fn with_records(request: &HookedRequest<'_>, records: &[u8]) -> HookAction {
    let asked = FetchRequest::read_exact(request.body, request.version).expect("ours");
    let partition = || PartitionData {
        high_watermark: 3,
        last_stable_offset: 3,
        log_start_offset: 0,
        records: Some(records.into()),
        ..PartitionData::default()
    };
    let topics = asked.topics.iter().map(|topic| FetchableTopicResponse {
        topic: topic.topic.clone(),
        topic_id: topic.topic_id,
        partitions: vec![partition()],
    });
    let response = FetchResponse {
        responses: topics.collect(),
        ..FetchResponse::default()
    };
    HookAction::answer(request, &response).expect("writable")
}

/// A batch of three records, none of which says much.
fn batch(compression: Compression, value: &[u8]) -> Vec<u8> {
    let mut builder = BatchBuilder::new();
    for _ in 0..3 {
        builder
            .push(Timestamp(1), None, Some(value), [])
            .expect("fits");
    }
    let stamp = BatchStamp {
        compression,
        ..BatchStamp::default()
    };
    let mut bytes = Vec::new();
    builder.finish(&stamp, &mut bytes).expect("fits");
    bytes
}

#[test]
fn a_wrong_password_ends_with_5_and_is_not_printed() {
    let scene = Scene::new();
    scene.answers(|request| {
        match request.api_key {
            ApiKey::ApiVersions => HookAction::answer(request, &everything()),
            ApiKey::SaslHandshake => HookAction::answer(
                request,
                &SaslHandshakeResponse {
                    mechanisms: vec!["PLAIN".into()],
                    ..SaslHandshakeResponse::default()
                },
            ),
            ApiKey::SaslAuthenticate => HookAction::answer(
                request,
                &SaslAuthenticateResponse {
                    error_code: 58,
                    error_message: Some("Invalid username or password".into()),
                    ..SaslAuthenticateResponse::default()
                },
            ),
            _ => Ok(HookAction::Pass),
        }
        .expect("writable")
    });
    let mut properties = NamedTempFile::new().expect("a file");
    let login = "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\nsasl.username=alice\nsasl.password=guessed\n";
    properties.write_all(login.as_bytes()).expect("written");
    let file = properties.path().to_str().expect("plain");
    let output = scene.run(&["topic", "list", "-F", file], b"");
    let said = [
        "PLAIN",
        "\"alice\"",
        "wrong user name or password",
        "sasl.mechanism",
        &scene.broker.bootstrap(),
    ];
    check(&output, 5, &said);
    assert!(!String::from_utf8_lossy(&output.stderr).contains("guessed"));
}

fn everything() -> ApiVersionsResponse<'static> {
    let keys = ApiKey::ALL.iter().map(|api_key| ApiVersion {
        api_key: api_key.code(),
        min_version: api_key.versions().min,
        max_version: api_key.versions().max,
    });
    ApiVersionsResponse {
        api_keys: keys.collect(),
        ..ApiVersionsResponse::default()
    }
}

const LINES: &str = "
tidemill: 1
name: shop
sources:
  lines: { topic: lines, value: json }
flows:
  totals:
    from: lines
    window: { tumbling: 1m }
    aggregate: { n: count() }
    to: { topic: totals }
";

/// One message of format 1 (Kafka 0.10): offset, size, CRC, magic, attributes, timestamp, key, value.
fn message_of_format_1() -> Vec<u8> {
    let message = [
        &[1, 0][..],
        &1_i64.to_be_bytes(),
        &(-1_i32).to_be_bytes(),
        &3_i32.to_be_bytes(),
        b"old",
    ]
    .concat();
    let mut crc = flate2::Crc::new();
    crc.update(&message);
    let size = i32::try_from(message.len() + 4).expect("short");
    [
        &0_i64.to_be_bytes()[..],
        &size.to_be_bytes(),
        &crc.sum().to_be_bytes(),
        &message,
    ]
    .concat()
}

#[test]
fn message_format_1_is_named_with_its_place_and_ends_with_6() {
    let scene = Scene::new();
    check(&scene.run(&["topic", "create", "totals"], b""), 0, &[]);
    scene.fetch_brings(message_of_format_1());
    let mut pipeline = NamedTempFile::new().expect("a file");
    pipeline.write_all(LINES.as_bytes()).expect("written");
    let file = pipeline.path().to_str().expect("plain");
    for words in [&["consume", "lines", "-e"], &["run", file, "-e"]] {
        let output = scene.run(words, b"");
        check(&output, 6, &["lines-0@0", "message format 1", "hint: copy"]);
    }
}

#[test]
fn a_decompression_bomb_is_refused_with_its_place_and_ends_with_6() {
    let scene = Scene::new();
    let bomb = batch(Compression::Zstd, &vec![0; 100 << 20]);
    assert!(bomb.len() < 1 << 20, "{} bytes", bomb.len());
    scene.fetch_brings(bomb);
    let output = scene.run(&["consume", "lines", "-e"], b"");
    check(&output, 6, &["lines-0@0", "limit on decompressed bytes"]);
}

#[test]
fn a_batch_that_declares_2147483647_records_is_refused_with_its_place_and_ends_with_6() {
    let scene = Scene::new();
    let mut bytes = batch(Compression::None, b"x");
    let mut header = BatchHeader::parse(&bytes).expect("whole");
    header.record_count = i32::MAX;
    bytes[..61].copy_from_slice(&header.to_bytes());
    let crc = tidemill::protocol::crc::crc32c(&bytes[21..]);
    bytes[17..21].copy_from_slice(&crc.to_be_bytes());
    scene.fetch_brings(bytes);
    let output = scene.run(&["consume", "lines", "-e"], b"");
    check(&output, 6, &["lines-0@0", "2147483647 records"]);
}

#[test]
fn an_answer_that_declares_2147483647_brokers_is_refused() {
    let scene = Scene::new();
    // Throttle time, then the number of brokers: as a compact count, and as a plain one.
    scene.answers(|request| match request.api_key {
        ApiKey::Metadata if request.version >= 9 => {
            HookAction::Answer(b"\0\0\0\0\x80\x80\x80\x80\x08".to_vec())
        }
        ApiKey::Metadata => HookAction::Answer(b"\0\0\0\0\x7f\xff\xff\xff".to_vec()),
        _ => HookAction::Pass,
    });
    let output = scene.run(&["topic", "list", "--connect-timeout", "2s"], b"");
    check(&output, 4, &[&scene.broker.bootstrap(), "MetadataResponse"]);
}

/// What a broker says on each connection once it was asked something.
fn says(bytes: &'static [u8], expected: &[&str]) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound").to_string();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("accepted");
            let mut request = [0; 64];
            let asked = stream.read(&mut request).expect("open");
            assert!(asked > 0);
            stream.write_all(bytes).expect("open");
            // The client closes; until then nothing more comes.
            drop(stream.read(&mut request));
        }
    });
    let words = [
        "consume",
        "lines",
        "-b",
        &address,
        "--connect-timeout",
        "2s",
    ];
    let output = finish(&mut command(&words), b"");
    check(&output, 4, &[&[address.as_str()], expected].concat());
}

#[test]
fn frames_that_no_broker_sends_are_refused_by_name_of_the_broker() {
    says(b"\0\0\0\x04\0\0\0\0", &["ApiVersionsResponse"]);
    says(b"\x7f\xff\xff\xff\0\0\0\0", &["2147483647 bytes"]);
    says(b"\xff\xff\xff\xff\0\0\0\0", &["-1 bytes"]);
    says(
        b"\0\0\0\x0a\0\0\0\0\0\0\x7f\xff\xff\xff",
        &["ApiVersionsResponse"],
    );
    says(b"HTTP/1.1 400 Bad Request\r\n\r\n", &["HTTP"]);
}
