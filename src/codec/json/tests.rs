//! Both readers against serde_json.

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;
use crate::record::Value;

/// A value as serde_json has it.
fn reference(value: &Value<'_>) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(bool) => (*bool).into(),
        Value::Int(int) => (*int).into(),
        Value::UInt(uint) => (*uint).into(),
        Value::Float(float) => serde_json::Number::from_f64(*float).unwrap().into(),
        Value::Text(text) => text.as_ref().into(),
        Value::List(values) => values.iter().map(reference).collect(),
        Value::Map(entries) => {
            let entries = entries.iter().map(|(key, value)| {
                let Value::Text(key) = key else {
                    panic!("a key that is not text")
                };
                (key.to_string(), reference(value))
            });
            serde_json::Value::Object(entries.collect())
        }
        other => panic!("{other:?} is no JSON"),
    }
}

/// `PartialEq` of `f64` takes −0 and 0 for equal; the text does not.
fn same(one: &serde_json::Value, other: &serde_json::Value) -> bool {
    let (one_text, other_text) = (one.to_string(), other.to_string());
    one == other && one_text == other_text
}

const PATHS: [&[&str]; 6] = [
    &["a"],
    &["a", "b"],
    &["b"],
    &["c", "a", "b"],
    &["a", "é"],
    &[],
];

fn walker(paths: &[&[&str]]) -> (Walker, usize) {
    let paths: Vec<Vec<Box<str>>> = paths
        .iter()
        .map(|path| path.iter().map(|&step| step.into()).collect())
        .collect();
    let walker = Walker::new(paths.iter().map(Vec::as_slice).enumerate());
    (walker, paths.len())
}

/// Reads `bytes` in every way and panics where one differs from serde_json.
fn check(bytes: &[u8]) {
    let expected = serde_json::from_slice::<serde_json::Value>(bytes);
    let parsed = parse(bytes);
    let text = String::from_utf8_lossy(bytes);
    match (&expected, &parsed) {
        (Ok(expected), Ok(parsed)) => {
            assert!(same(&reference(parsed), expected), "{text}: {parsed:?}");
        }
        (Err(_), Err(_)) => {}
        _ => panic!("{text}: serde_json {expected:?}, we {parsed:?}"),
    }
    for paths in [&PATHS[..], &PATHS[..5], &PATHS[1..4], &[]] {
        let (walker, count) = walker(paths);
        let mut slots = vec![Some(Value::Bool(true)); count];
        let read = walker.read(bytes, &mut slots);
        assert_eq!(read.is_ok(), expected.is_ok(), "{text}: {read:?}");
        let Ok(expected) = &expected else { continue };
        for (path, slot) in paths.iter().zip(&slots) {
            let wanted = path
                .iter()
                .try_fold(expected, |value, step| value.get(step));
            match (wanted, slot) {
                (Some(wanted), Some(slot)) => assert!(same(&reference(slot), wanted), "{text}"),
                (None, None) => {}
                _ => panic!("{text}, {path:?}: serde_json {wanted:?}, we {slot:?}"),
            }
        }
    }
}

#[test]
fn edges_are_as_in_serde_json() {
    let numbers = [
        "0",
        "-0",
        "-0.0",
        "0.0",
        "00",
        "01",
        "-",
        "-a",
        "1.",
        ".1",
        "1.e1",
        "1e",
        "1e+",
        "1E-2",
        "1e5",
        "9007199254740993",
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775808",
        "-9223372036854775809",
        "18446744073709551615",
        "18446744073709551616",
        "-18446744073709551615",
        "99999999999999999999",
        "-99999999999999999999",
        "1e308",
        "1e309",
        "-1e309",
        "1e-400",
        "0e999999999999",
        "1e99999999999",
        "1e-99999999999",
        "0.1",
        "123456.789",
        "9007199254740993.0",
        "0.30000000000000004",
        "1.7976931348623159e308",
        "5e-324",
        "2.5e-324",
        "0.000000000000000000001",
        "1234567890123456789.5",
        "12345678901234567890.5",
        "+1",
        "NaN",
        "Infinity",
        "1 2",
        "1,",
    ];
    let texts = [
        r#""""#,
        r#""\"\\\/\b\f\n\r\t""#,
        r#""\u0041\u00e9\u20ac""#,
        r#""\ud83d\ude00""#,
        r#""\ud83d""#,
        r#""\ude00""#,
        r#""\ud83d\ud83d""#,
        r#""\ud83dx""#,
        r#""\ud83d\n""#,
        r#""\u12""#,
        r#""\u12g4""#,
        r#""\x""#,
        r#""\"#,
        r#"""#,
        "\"\n\"",
        "\"\u{7f}\"",
        "\"é☕😀\"",
        "\"0123456é\"",
        "\"01234567\\n\"",
        "\"0123456789abcde\u{1f}\"",
        "\u{feff}1",
        "'a'",
        r#""\u0000""#,
        "\"\0\"",
    ];
    let shapes = [
        "",
        " ",
        "null",
        "nul",
        "nullx",
        "true",
        "True",
        "false",
        "[]",
        "[ ]",
        "[1,]",
        "[,1]",
        "[1 2]",
        "[1",
        "[",
        "]",
        "{}",
        "{ }",
        r#"{"a"}"#,
        r#"{"a":}"#,
        r#"{"a":1,}"#,
        r#"{,}"#,
        r#"{a:1}"#,
        r#"{1:1}"#,
        r#"{"a":1"b":2}"#,
        r#"{"a":1,"a":2,"b":{"a":1},"a":null}"#,
        r#"{"a":{"b":1},"a":{}}"#,
        r#"{"a":{"b":1},"a":3}"#,
        r#"{"\u0061":{"\u0062":1}}"#,
        r#"{"a":{"b":1,"é":"x"},"c":{"a":{"b":[1]}}}"#,
        " {\"a\"\t:\n1\r} ",
        "{}\0",
        "\0",
    ];
    for document in numbers.iter().chain(&texts).chain(&shapes) {
        check(document.as_bytes());
        check(format!(r#"{{"z":{document},"a":{document}}}"#).as_bytes());
        check(format!("[{document},1]").as_bytes());
    }
    for bytes in [
        &b"\"\xff\""[..],
        b"\xff",
        b"\"\xc3\"",
        b"{\"\xff\":1}",
        b"\"\xed\xa0\x80\"",
    ] {
        check(bytes);
    }
}

#[test]
fn one_hundred_and_twenty_seven_levels_are_read_and_one_more_is_not() {
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}"), (r#"{"z":"#, "}")] {
        for levels in [127, 128] {
            let document = [open.repeat(levels), "1".into(), close.repeat(levels)].concat();
            check(document.as_bytes());
        }
        check(open.repeat(100_000).as_bytes());
    }
}

#[test]
fn repeats_among_many_keys_keep_the_first_place_and_the_last_value() {
    let many = (0..40).map(|n| format!(r#""k{}":{n}"#, n % 23));
    check(format!("{{{}}}", many.collect::<Vec<_>>().join(",")).as_bytes());
    let distinct = (0..40).map(|n| format!(r#""k{n}":{n}"#));
    check(format!("{{{}}}", distinct.collect::<Vec<_>>().join(",")).as_bytes());
}

fn documents() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<u64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        (-1000i32..1000).prop_map(|cents| (f64::from(cents) / 100.0).into()),
        ".{0,12}".prop_map(Into::into),
        "[a-z0-9\"\\\\\n]{0,20}".prop_map(Into::into),
    ];
    let key = prop_oneof![
        Just("a".into()),
        Just("b".into()),
        Just("c".into()),
        Just("é".into()),
        ".{0,9}"
    ];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        let entries = proptest::collection::vec((key.clone(), inner.clone()), 0..6);
        prop_oneof![
            proptest::collection::vec(inner, 0..6).prop_map(Into::into),
            entries.prop_map(|entries| serde_json::Value::Object(entries.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn every_document_reads_as_in_serde_json(document in documents(), pretty: bool) {
        let bytes = if pretty {
            serde_json::to_vec_pretty(&document)
        } else {
            serde_json::to_vec(&document)
        };
        check(&bytes.unwrap());
    }

    #[test]
    fn a_damaged_document_is_judged_as_by_serde_json(
        document in documents(),
        damage in proptest::collection::vec((any::<Index>(), damage()), 1..4),
    ) {
        let mut bytes = serde_json::to_vec(&document).unwrap();
        for (place, damage) in damage {
            let at = place.index(bytes.len());
            match damage {
                Some(byte) => bytes[at] = byte,
                None if bytes.len() > 1 => drop(bytes.remove(at)),
                None => {}
            }
        }
        check(&bytes);
    }

    #[test]
    fn token_soup_is_judged_as_by_serde_json(soup in "[\\[\\]{}:,\"\\\\u0d8e1.+ -]{0,24}") {
        check(soup.as_bytes());
    }

    #[test]
    fn what_is_written_is_what_serde_json_writes(document in documents()) {
        let bytes = serde_json::to_vec(&document).unwrap();
        let value = parse(&bytes).unwrap();
        let mut out = Vec::new();
        put_value(&mut out, &value).unwrap();
        prop_assert_eq!(out, bytes);
    }
}

/// A byte to put in a place, mostly one that means something; or none, to remove what is there.
fn damage() -> impl Strategy<Value = Option<u8>> {
    let telling = proptest::sample::select(&b"\"\\{}[]:,0-.eEu \n\x00\x1f\x7f\xc3\xff"[..]);
    prop_oneof![3 => telling.prop_map(Some), 1 => any::<u8>().prop_map(Some), 1 => Just(None)]
}
