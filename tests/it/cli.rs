//! The command itself: what it prints, and how it ends.

use std::time::Duration;
use std::time::Instant;

use crate::support::commands::Brokers;
use crate::support::commands::check;
use crate::support::commands::tidemill;

#[test]
fn a_refused_broker_is_named_and_ends_with_4() {
    let begun = Instant::now();
    let output = tidemill(&["consume", "orders", "-b", "127.0.0.1:1"]);
    assert!(
        begun.elapsed() < Duration::from_secs(1),
        "{:?}",
        begun.elapsed()
    );
    check(
        &output,
        4,
        &["127.0.0.1:1", "connection refused", "tidemill broker"],
    );
}

#[test]
fn a_silent_broker_is_given_up_after_the_connect_timeout() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound").to_string();
    let output = tidemill(&[
        "topic",
        "list",
        "-b",
        &address,
        "--connect-timeout",
        "300ms",
    ]);
    check(&output, 4, &[&address, "no answer"]);
}

#[test]
fn wrong_usage_ends_with_2_and_names_what_there_is() {
    check(&tidemill(&["consume"]), 2, &["TOPIC"]);
    check(
        &tidemill(&["consume", "orders", "--offset", "soon"]),
        2,
        &["@TIME", "soon"],
    );
    check(
        &tidemill(&["consume", "orders", "-o", "xml"]),
        2,
        &["xml", "jsonl"],
    );
    check(
        &tidemill(&["consume", "orders", "--where", "value.price >"]),
        2,
        &["value.price >", "^"],
    );
    check(
        &tidemill(&["topic", "list", "-X", "nonsense"]),
        2,
        &["NAME=VALUE"],
    );
}

#[test]
fn an_unknown_topic_is_never_created_by_reading_or_writing() {
    let broker = Brokers::embedded();
    broker.ok(&["topic", "create", "orders"], b"");
    check(
        &broker.run(&["consume", "order", "-e"], b""),
        1,
        &["\"order\" does not exist", "orders"],
    );
    check(
        &broker.run(&["produce", "order"], b"x\n"),
        1,
        &["\"order\" does not exist", "topic create"],
    );
    let topics = broker.ok(&["topic", "list", "-o", "csv"], b"");
    let topics = String::from_utf8(topics).expect("text");
    assert_eq!(topics.lines().count(), 2, "the header and orders: {topics}");
}

#[test]
fn an_oversize_record_is_named_by_its_line_and_the_records_before_it_are_written() {
    let broker = Brokers::embedded();
    broker.ok(&["topic", "create", "lines"], b"");
    let mut input = b"one\ntwo\n".to_vec();
    input.extend(vec![b'x'; 2 << 20]);
    input.push(b'\n');
    check(
        &broker.run(&["produce", "lines"], &input),
        6,
        &["standard input:3", "max.request.size"],
    );
    assert_eq!(broker.ok(&["consume", "lines", "-e"], b""), b"one\ntwo\n");
}

#[test]
fn a_record_above_the_topics_limit_is_told_with_the_limit_and_the_others_are_written() {
    let broker = Brokers::embedded();
    let limit = "max.message.bytes=2000";
    broker.ok(&["topic", "create", "small", "-c", limit], b"");
    let input = [b"one\n", &[b'x'; 5_000][..], b"\nthree\n"].concat();
    check(
        &broker.run(&["produce", "small"], &input),
        6,
        &[
            "small-0",
            "max.message.bytes of 2000",
            "1 of 3 records",
            "2 written",
        ],
    );
    assert_eq!(broker.ok(&["consume", "small", "-e"], b""), b"one\nthree\n");
}

#[test]
fn a_batch_above_our_limit_is_named_with_its_place_and_ends_with_6() {
    let broker = Brokers::embedded();
    broker.ok(&["topic", "create", "large"], b"");
    broker.ok(&["produce", "large"], b"one\n");
    let line = [&[b'x'; 200_000][..], b"\n"].concat();
    broker.ok(&["produce", "large"], &line);
    let limit = "receive.message.max.bytes=100000";
    check(
        &broker.run(&["consume", "large", "-e", "-X", limit], b""),
        6,
        &[
            "large-0@1",
            limit.split('=').next().expect("a name"),
            "100000",
        ],
    );
}

#[test]
fn deleting_wants_a_yes() {
    let broker = Brokers::embedded();
    broker.ok(&["topic", "create", "orders"], b"");
    check(
        &broker.run(&["topic", "delete", "orders"], b""),
        2,
        &["--yes"],
    );
    broker.ok(&["topic", "delete", "orders", "--yes"], b"");
}

#[test]
fn offsets_counts_and_formats_choose_what_is_printed() {
    let broker = Brokers::embedded();
    broker.ok(&["topic", "create", "numbers"], b"");
    broker.ok(
        &["produce", "numbers", "-K", ":"],
        b"a:1\nb:2\nc:3\nd:4\ne:5\n",
    );
    let read = |args: &[&str]| {
        let all = [&["consume", "numbers", "-e"], args].concat();
        String::from_utf8(broker.ok(&all, b"")).expect("text")
    };
    assert_eq!(read(&["--offset", "-2"]), "4\n5\n");
    assert_eq!(read(&["--offset", "1:3"]), "2\n3\n");
    assert_eq!(read(&["--offset", "+4"]), "5\n");
    assert_eq!(read(&["-n", "1"]), "1\n");
    assert_eq!(read(&["--where", "value > 3 || key == 'a'"]), "1\n4\n5\n");
    assert_eq!(
        read(&["-o", "%t-%p@%o %k=%v;", "-n", "2"]),
        "numbers-0@0 a=1;numbers-0@1 b=2;"
    );
}

#[test]
fn what_consume_prints_as_envelopes_produce_writes_again_byte_for_byte() {
    let broker = Brokers::embedded();
    broker.ok(&["topic", "create", "first", "-p", "3"], b"");
    broker.ok(&["topic", "create", "second", "-p", "3"], b"");
    let records = [
        r#"{"partition":2,"timestamp":5,"key":null,"value":null,"headers":[["a",null],["a","1"],["",""]]}"#,
        r#"{"partition":0,"timestamp":-1,"key":{"base64":"/wA="},"value":{"base64":"gAE="}}"#,
        r#"{"partition":0,"timestamp":9223372036854775807,"key":"","value":""}"#,
        r#"{"partition":1,"timestamp":0,"key":"{\"a\": 1}","key_encoding":"text","value":{"b":[1,2.5,null]}}"#,
    ];
    broker.ok(
        &["produce", "first", "-i", "jsonl"],
        records.join("\n").as_bytes(),
    );
    let envelopes = broker.ok(&["consume", "first", "-e", "-o", "jsonl"], b"");
    assert_eq!(envelopes.iter().filter(|byte| **byte == b'\n').count(), 4);
    broker.ok(&["produce", "second", "-i", "jsonl"], &envelopes);
    let again = broker.ok(&["consume", "second", "-e", "-o", "jsonl"], b"");
    let sorted = |bytes: Vec<u8>| {
        let text = String::from_utf8(bytes).expect("text");
        let text = text.replace("\"second\"", "\"first\"");
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(again), sorted(envelopes));
}

#[test]
fn avro_goes_in_as_json_by_a_schema_and_comes_out_as_json() {
    let broker = Brokers::embedded();
    broker.ok(&["topic", "create", "logins"], b"");
    let schema =
        br#"{"type":"record","name":"Login","fields":[{"name":"user","type":"string"},{"name":"n","type":"int"}]}"#;
    broker.ok(&["schema", "register", "logins-value", "-"], schema);
    let line = b"{\"user\":\"ada\",\"n\":3}\n";
    broker.ok(&["produce", "logins", "--value-format", "avro"], line);
    let read = broker.ok(&["consume", "logins", "-e", "--value-format", "avro"], b"");
    assert_eq!(read, line);
    check(
        &broker.run(
            &["produce", "logins", "--value-format", "avro"],
            b"{\"user\":1}\n",
        ),
        6,
        &["standard input:1"],
    );
}

#[test]
fn numbers_go_in_as_decimals_and_come_out_as_such_and_are_kafkas_bytes_between() {
    let broker = Brokers::embedded();
    broker.ok(&["topic", "create", "counts"], b"");
    let long = ["--value-format", "long"];
    broker.ok(&[&["produce", "counts"][..], &long].concat(), b"258\n-1\n");
    let read = ["consume", "counts", "-e"];
    assert_eq!(broker.ok(&[&read[..], &long].concat(), b""), b"258\n-1\n");
    let larger = ["--where", "value > 0", "-o", "%v{hex}\\n", "--value-format"];
    let shown = broker.ok(&[&read[..], &larger, &["long"]].concat(), b"");
    assert_eq!(
        String::from_utf8_lossy(&shown),
        "323538\n",
        "what is shown is the number"
    );
    let bytes = broker.ok(&[&read[..], &["-o", "%v{hex}\\n"]].concat(), b"");
    assert_eq!(
        String::from_utf8_lossy(&bytes),
        "0000000000000102\nffffffffffffffff\n"
    );
    check(
        &broker.run(&[&["produce", "counts"][..], &long].concat(), b"1.5\n"),
        6,
        &["standard input:1", "write long: \"1.5\""],
    );
    let integer = [&read[..], &["--value-format", "integer"]].concat();
    check(
        &broker.run(&integer, b""),
        6,
        &["counts-0@0", "8 bytes, not 4"],
    );
}

#[test]
fn a_wrong_pipeline_file_is_told_whole_and_ends_with_2() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("shop.yaml");
    let text = "tidemill: 1\nname: shop\nsources:\n  orders: { topic: orders }\nflows:\n  revenue:\n    from: order\n    key: value.product\n    window: { tumblin: 1m }\n    aggregate: { n: count() }\n    to: { topic: revenue }\n";
    std::fs::write(&file, text).expect("written");
    let file = file.to_str().expect("text");
    for command in [&["check", file][..], &["run", file, "-b", "127.0.0.1:1"]] {
        let said = ["shop.yaml:7:11", "shop.yaml:9:", "orders", "tumbling", "^"];
        check(&tidemill(command), 2, &said);
    }
}

#[test]
fn the_demo_accounts_for_every_order() {
    let output = tidemill(&["demo", "--for", "4s", "--no-ui"]);
    check(&output, 0, &["orders: ", "revenue: "]);
    let said = String::from_utf8_lossy(&output.stderr);
    let numbers = |line: &str| -> Vec<u64> {
        let words = line.split(|char: char| !char.is_ascii_digit());
        words.filter_map(|word| word.parse().ok()).collect()
    };
    let line = |name: &str| {
        said.lines()
            .find(|line| line.starts_with(name))
            .expect(name)
    };
    let (orders, flow) = (numbers(line("orders: ")), numbers(line("revenue: ")));
    assert_eq!(flow[0], flow[1..5].iter().sum::<u64>(), "{said}");
    assert_eq!(
        orders,
        [flow[0], flow[3], flow[4]],
        "written, late and broken: {said}"
    );
    let out = String::from_utf8_lossy(&output.stdout);
    assert!(out.lines().any(|line| line.contains("revenue")), "{out}");
}
