//! Tables of expressions and their results.

use std::borrow::Cow;

use super::*;
use crate::expr::EvalError;
use crate::expr::Number;
use crate::expr::ValueType;
use crate::record::varint;

const ORDER: &str = r#"{
    "status": "paid", "price": 2.5, "qty": 3, "note": null, "big": 18446744073709551615,
    "items": [{"sku": "tea", "n": 1}, {"sku": "pie", "n": 2}],
    "tags": ["a", "b", "b"], "nested": {"deep": {"er": "x"}}, "odd name": 7
}"#;

#[track_caller]
fn assert_order(source: &str, expected: &Value<'static>) {
    assert_eq!(eval_on(source, ORDER).as_ref(), Ok(expected), "{source}");
}

fn int(int: i64) -> Value<'static> {
    Value::Int(int)
}

fn text(text: &'static str) -> Value<'static> {
    Value::text(text)
}

#[test]
fn a_filter_reads_fields_and_mixes_ints_with_doubles() {
    for (source, expected) in [
        (
            r#"value.status == "paid" && value.price * value.qty > 7"#,
            true,
        ),
        (
            r#"value.status == "paid" && value.price * value.qty > 7.5"#,
            false,
        ),
        (r#"value.status != "open" || value.nothing == 1"#, true),
        (r#"value.nested.deep.er == "x""#, true),
        (r#"value["odd name"] == 7 && value.`odd name` == 7"#, true),
        (r#"value.qty in [1, 2, 3]"#, true),
        (r#""b" in value.tags"#, true),
        (r#""status" in value"#, true),
        ("value.note == null", true),
        ("value.big > 9223372036854775807", true),
        ("value.qty == 3.0 && value.qty == 3u", true),
        (r#"value.qty == "3""#, false),
    ] {
        assert_order(source, &Value::Bool(expected));
    }
}

#[test]
fn literals_have_the_types_that_cel_gives_them() {
    for (source, expected) in [
        ("-9223372036854775808", int(i64::MIN)),
        ("0xff", int(255)),
        ("-0x10", int(-16)),
        ("7u", Value::UInt(7)),
        ("0xFFu", Value::UInt(255)),
        ("1e3", Value::Float(1000.0)),
        (".5", Value::Float(0.5)),
        ("2.5e-1", Value::Float(0.25)),
        (
            r#""a\tb\x41\u00e9\U0001F600\101\"\'\`\?""#,
            text("a\tbAé😀A\"'`?"),
        ),
        (r#"'it "is"'"#, text("it \"is\"")),
        (r#"r"\d+""#, text("\\d+")),
        (
            "\"\"\"two\nlines \"quoted\" \"\"\"",
            text("two\nlines \"quoted\" "),
        ),
        (r"'''a'b'''", text("a'b")),
        (
            r#"b"\xff\001a""#,
            Value::Bytes(Cow::Borrowed(&[0xff, 1, b'a'])),
        ),
        (r#"br"\x""#, Value::Bytes(Cow::Borrowed(b"\\x"))),
        ("null", Value::Null),
        ("true", Value::Bool(true)),
        ("[1, 'a',]", Value::List(vec![int(1), text("a")])),
        (
            "{'a': 1, 2: 3u}",
            Value::Map(vec![(text("a"), int(1)), (int(2), Value::UInt(3))]),
        ),
        ("1 // a comment\n + 1", int(2)),
    ] {
        assert_eq!(eval(source), Ok(expected), "{source}");
    }
}

#[test]
fn operators_bind_as_in_cel() {
    for (source, expected) in [
        ("1 + 2 * 3", int(7)),
        ("(1 + 2) * 3", int(9)),
        ("10 - 4 - 3", int(3)),
        ("-2 * -3", int(6)),
        ("7 / 2", int(3)),
        ("-7 / 2", int(-3)),
        ("-7 % 3", int(-1)),
        ("7.0 / 2.0", Value::Float(3.5)),
        ("7 / 2.0", Value::Float(3.5)),
        ("1 + 0.5", Value::Float(1.5)),
        ("1.0 / 0.0", Value::Float(f64::INFINITY)),
        ("true ? 1 : false ? 2 : 3", int(1)),
        ("false ? 1 : false ? 2 : 3", int(3)),
        ("true ?.5 : 1.0", Value::Float(0.5)),
        ("'a' + 'b'", text("ab")),
        ("[1] + [2]", Value::List(vec![int(1), int(2)])),
        ("- 5 + 3", int(-2)),
    ] {
        assert_eq!(eval(source), Ok(expected), "{source}");
    }
    all_true([
        "!true || true",
        "1 < 2 == true",
        "!!true",
        "1 == 1 && 2 == 2 || false",
        "false && false || true",
        "--1 == 1",
    ]);
}

#[test]
fn integers_overflow_to_an_error_and_never_wrap() {
    for source in [
        "9223372036854775807 + 1",
        "-9223372036854775808 - 1",
        "9223372036854775807 * 2",
        "-(-9223372036854775808)",
        "-9223372036854775808 / -1",
        "0u - 1u",
        "int(1e19)",
        "int(-9223372036854775808.0)",
        "uint(-1)",
        "int(18446744073709551615u)",
        "math.abs(-9223372036854775808)",
    ] {
        assert_eq!(eval(source), Err(Fault::Overflow), "{source}");
    }
    assert_eq!(eval("1 / 0"), Err(Fault::DivisionByZero));
    assert_eq!(eval("1 % 0"), Err(Fault::DivisionByZero));
    assert_eq!(eval("1u / 0u"), Err(Fault::DivisionByZero));
}

#[test]
fn numbers_compare_by_value_and_other_types_are_never_equal() {
    all_true([
        "1 == 1.0",
        "1u == 1",
        "1.0 != 1.5",
        "dyn(1) != dyn('1')",
        "dyn(null) != dyn(false)",
        "9223372036854775807 < 9223372036854775808.0",
        "[1, 2] == [1.0, 2u]",
        "{'a': 1, 'b': 2} == {'b': 2.0, 'a': 1}",
        "[1] != [1, 2]",
        "0.0 / 0.0 != 0.0 / 0.0",
        "!(0.0 / 0.0 < 1.0) && !(0.0 / 0.0 >= 1.0)",
        "'a' < 'b' && 'Z' < 'a' && 'z' < 'é'",
        "b'a' < b'b' && false < true",
        "1 in {1: 'a'} && !(2 in {1: 'a'})",
        "1.0 in [1]",
    ]);
}

#[test]
fn and_and_or_absorb_the_failures_of_either_side() {
    for source in [
        "true || value.missing",
        "value.missing || true",
        "1 / 0 == 1 || true",
        "!(false && value.missing)",
        "!(value.missing && false)",
        "!(1 / 0 == 1 && true && false)",
        "value.price || true",
    ] {
        assert_order(source, &Value::Bool(true));
    }
    assert_eq!(
        eval_on("value.missing || false", ORDER),
        Err(Fault::Missing)
    );
    assert_eq!(eval_on("true && value.missing", ORDER), Err(Fault::Missing));
    assert_eq!(
        eval_on("value.price || value.missing || false", ORDER),
        Err(Fault::NotBool(ValueType::Double)),
        "the first failure counts"
    );
}

#[test]
fn a_missing_field_is_an_error_that_has_and_optional_access_avoid() {
    for source in [
        "value.nope",
        "value.nested.nope",
        "value.nope.deeper",
        "value.items[0].nope",
    ] {
        assert_eq!(eval_on(source, ORDER), Err(Fault::Missing), "{source}");
    }
    for (source, expected) in [
        ("has(value.nope)", Value::Bool(false)),
        ("has(value.nested.deep.er)", Value::Bool(true)),
        ("has(value.note)", Value::Bool(true)),
        ("has(value.items[1].sku)", Value::Bool(true)),
        ("value.?nope.orValue(5)", int(5)),
        ("value?.nope.orValue(5)", int(5)),
        ("value.?qty.orValue(5)", int(3)),
        ("value.?nested.deep.er.orValue('-')", text("x")),
        ("value.?nested.nope.er.orValue('-')", text("-")),
        ("value.?nope.hasValue()", Value::Bool(false)),
        ("value.?nope.or(value.?qty).value()", int(3)),
        ("value[?'odd name'].orValue(0)", int(7)),
        ("value.items[?5].orValue({'sku': 'none'}).sku", text("none")),
        ("value.?items[1].sku.orValue('none')", text("pie")),
        ("value.?note.orValue('-')", Value::Null),
        ("optional.none().orValue(1)", int(1)),
        ("optional.of(2).orValue(1)", int(2)),
    ] {
        assert_order(source, &expected);
    }
    assert_eq!(eval_on("value.?nope.value()", ORDER), Err(Fault::NoneValue));
}

#[test]
fn elements_are_taken_by_index_and_key_within_bounds() {
    for (source, expected) in [
        ("value.tags[0]", text("a")),
        ("value.tags[2u]", text("b")),
        ("value.tags[1.0]", text("b")),
        ("value.items[1].sku", text("pie")),
        ("value.items[1]['n']", int(2)),
        ("[[1, 2], [3]][0][1]", int(2)),
        ("{1: 'a'}[1.0]", text("a")),
    ] {
        assert_order(source, &expected);
    }
    for source in ["value.tags[3]", "value.tags[-1]", "[][0]"] {
        assert_eq!(eval_on(source, ORDER), Err(Fault::OutOfBounds), "{source}");
    }
    assert_eq!(eval("{1: 'a'}[2]"), Err(Fault::Missing));
    assert_eq!(eval("{dyn('a'): 1, dyn('a'): 2}"), Err(Fault::DuplicateKey));
    assert_eq!(
        eval_on("value.tags[value.status]", ORDER),
        Err(Fault::NoOverload(ValueType::Text))
    );
}

#[test]
fn macros_run_over_lists_and_the_keys_of_maps() {
    for (source, expected) in [
        ("value.items.all(i, i.n > 0)", Value::Bool(true)),
        ("value.items.exists(i, i.sku == 'pie')", Value::Bool(true)),
        ("value.tags.exists_one(t, t == 'a')", Value::Bool(true)),
        ("value.tags.exists_one(t, t == 'b')", Value::Bool(false)),
        (
            "value.items.map(i, i.sku)",
            Value::List(vec![text("tea"), text("pie")]),
        ),
        (
            "value.items.map(i, i.n > 1, i.sku)",
            Value::List(vec![text("pie")]),
        ),
        ("value.items.filter(i, i.n < 2).size()", int(1)),
        (
            "{'a': 1, 'b': 2}.map(k, k)",
            Value::List(vec![text("a"), text("b")]),
        ),
        ("[1, 2].all(x, [3, 4].all(y, x < y))", Value::Bool(true)),
        ("[1, 2].map(x, [3, 4].map(y, x * y))[1][0]", int(6)),
        ("[1].exists(x, x == 2 || value.qty == 3)", Value::Bool(true)),
        ("[0, 1].exists(x, 1 / x == 1)", Value::Bool(true)),
        ("[0, 2].all(x, 1 / x == 1)", Value::Bool(false)),
        ("[].all(x, x)", Value::Bool(true)),
        ("[].exists(x, x)", Value::Bool(false)),
        (
            "[1, 2].map(value, value * 2)",
            Value::List(vec![int(2), int(4)]),
        ),
        ("value.tags.map(t, value.status)[0]", text("paid")),
    ] {
        assert_order(source, &expected);
    }
    assert_eq!(
        eval("[0, 1].all(x, 1 / x == 1)"),
        Err(Fault::DivisionByZero)
    );
}

#[test]
fn texts_count_code_points() {
    for (source, expected) in [
        ("size('añ😀')", int(3)),
        ("'añ😀'.size()", int(3)),
        ("size(b'a\\xff') + size([1, 2]) + size({'a': 1})", int(5)),
        ("'tacocat'.charAt(3)", text("o")),
        ("'añ😀'.charAt(2)", text("😀")),
        ("'abc'.charAt(3)", text("")),
        ("'hello mellow'.indexOf('ello')", int(1)),
        ("'hello mellow'.indexOf('ello', 2)", int(7)),
        ("'hello mellow'.indexOf('jello')", int(-1)),
        ("'ñañ'.indexOf('ñ', 1)", int(2)),
        ("'hello mellow'.lastIndexOf('ello')", int(7)),
        ("'hello mellow'.lastIndexOf('ello', 6)", int(1)),
        ("'ñañ'.lastIndexOf('')", int(3)),
        ("'ta©o©αT'.lastIndexOf('©', 3)", int(2)),
        ("'tacocat'.substring(4)", text("cat")),
        ("'tañocat'.substring(1, 3)", text("añ")),
        ("'  trim \\n'.trim()", text("trim")),
        ("'TacoCÆt'.lowerAscii()", text("tacocÆt")),
        ("'TacoCæt'.upperAscii()", text("TACOCæT")),
        ("'hello hello'.replace('he', 'we')", text("wello wello")),
        ("'hello hello'.replace('he', 'we', 1)", text("wello hello")),
        ("'hello'.replace('', '_')", text("_h_e_l_l_o_")),
        ("'a b c'.split(' ').join('-')", text("a-b-c")),
        ("'a b c'.split(' ', 2)[1]", text("b c")),
        ("'a b c'.split(' ', 0).size()", int(0)),
        ("'añ'.split('').join('|')", text("a|ñ")),
        ("'añb'.split('', 2).join('|')", text("a|ñb")),
        ("''.split(',')[0]", text("")),
        ("['x', 'y'].join()", text("xy")),
    ] {
        assert_eq!(eval(source), Ok(expected), "{source}");
    }
    all_true([
        "'abc'.contains('bc') && 'abc'.startsWith('ab') && 'abc'.endsWith('c')",
        "'abc'.contains('') && !'abc'.contains('cb')",
        r"'order-17'.matches(r'^order-\d+$') && matches('xay', 'a')",
        "!'order-x'.matches('[0-9]')",
        "'ab'.matches('a' + 'b')",
    ]);
    for source in [
        "'abc'.charAt(4)",
        "'abc'.substring(2, 1)",
        "'abc'.substring(4)",
        "'a'.indexOf('a', 2)",
    ] {
        assert_eq!(eval(source), Err(Fault::OutOfBounds), "{source}");
    }
    assert_eq!(
        eval_on("value.status.matches(value.status + '(')", ORDER),
        Err(Fault::BadPattern)
    );
}

#[test]
fn conversions_are_cels() {
    for (source, expected) in [
        ("int('-5')", int(-5)),
        ("int(3.99)", int(3)),
        ("int(-3.99)", int(-3)),
        ("int(7u)", int(7)),
        ("int(timestamp('1970-01-01T00:01:00Z'))", int(60)),
        ("uint(3)", Value::UInt(3)),
        ("uint('3')", Value::UInt(3)),
        ("double('2.5')", Value::Float(2.5)),
        ("double(2)", Value::Float(2.0)),
        ("string(1.5)", text("1.5")),
        ("string(-3)", text("-3")),
        ("string(true)", text("true")),
        ("string(b'abc')", text("abc")),
        (
            "string(timestamp('2026-01-31T12:30:15.25+02:00'))",
            text("2026-01-31T10:30:15.250Z"),
        ),
        ("string(duration('1m30s'))", text("90s")),
        ("string(bytes('ñ')) ", text("ñ")),
        ("bool('true')", Value::Bool(true)),
    ] {
        assert_eq!(eval(source), Ok(expected), "{source}");
    }
    all_true([
        "type(1) == int && type(1u) == uint && type('') == string && type([]) == list",
        "type(null) == null_type && type(1.0) != int",
    ]);
    for source in ["int('x')", "double('x')", "bool('yes')", "string(b'\\xff')"] {
        assert!(
            matches!(eval(source), Err(Fault::Conversion { .. })),
            "{source}"
        );
    }
}

#[test]
fn instants_and_durations_have_parts_and_arithmetic() {
    for (source, expected) in [
        ("timestamp.getFullYear()", int(2026)),
        ("timestamp.getMonth()", int(0)),
        ("timestamp.getDate()", int(31)),
        ("timestamp.getDayOfMonth()", int(30)),
        ("timestamp.getDayOfYear()", int(30)),
        ("timestamp.getDayOfWeek()", int(6)),
        ("timestamp.getHours()", int(12)),
        ("timestamp.getHours('+02:00')", int(14)),
        ("timestamp.getHours('-13:30')", int(23)),
        ("timestamp.getMinutes('UTC')", int(30)),
        ("timestamp.getSeconds()", int(15)),
        ("timestamp.getMilliseconds()", int(250)),
        ("duration('1h30m').getMinutes()", int(90)),
        ("duration('90s').getMilliseconds()", int(90_000)),
    ] {
        assert_eq!(eval(source), Ok(expected), "{source}");
    }
    all_true([
        "timestamp(0) == timestamp('1970-01-01T00:00:00Z')",
        "timestamp(0) + duration('1h') > timestamp(0)",
        "timestamp(3600) - timestamp(0) == duration('60m')",
        "duration('1h') - duration('1m') == duration('59m')",
        "timestamp(0) - duration('1s') < timestamp(0)",
    ]);
    assert_eq!(
        eval("timestamp(253402300799) + duration('1s')"),
        Err(Fault::Overflow)
    );
    assert_eq!(
        eval("timestamp.getHours('Mars/Olympus')"),
        Err(Fault::BadZone)
    );
}

#[test]
fn the_math_library_works_across_number_types() {
    for (source, expected) in [
        ("math.greatest(1, 2.5, 2u)", Value::Float(2.5)),
        ("math.least([3, 1, 2])", int(1)),
        ("math.greatest(-1)", int(-1)),
        ("math.abs(-3)", int(3)),
        ("math.abs(-3.5)", Value::Float(3.5)),
        ("math.ceil(1.2)", Value::Float(2.0)),
        ("math.floor(-1.2)", Value::Float(-2.0)),
        ("math.round(-1.5)", Value::Float(-2.0)),
        ("math.round(2.5)", Value::Float(3.0)),
        ("math.trunc(-1.9)", Value::Float(-1.0)),
        ("math.sign(-7)", int(-1)),
    ] {
        assert_eq!(eval(source), Ok(expected), "{source}");
    }
    all_true(["math.isNaN(0.0 / 0.0) && math.isInf(1.0 / 0.0) && math.isFinite(1.0)"]);
}

#[test]
fn what_every_record_has_is_in_scope() {
    for (source, expected) in [
        ("topic", text("orders")),
        ("partition", int(3)),
        ("offset + 1", int(43)),
        ("key", text("k-1")),
    ] {
        assert_eq!(eval(source), Ok(expected), "{source}");
    }
    all_true(["timestamp == timestamp('2026-01-31T12:30:15.250Z')"]);
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    varint::put_i64(out, bytes.len().try_into().expect("a short text"));
    out.extend_from_slice(bytes);
}

#[test]
fn the_last_of_headers_that_repeat_counts() {
    let mut encoded = Vec::new();
    for (name, value) in [
        (&b"trace"[..], Some(&b"1"[..])),
        (b"trace", Some(b"2")),
        (b"raw", Some(b"\xff")),
        (b"none", None),
    ] {
        put_bytes(&mut encoded, name);
        match value {
            Some(value) => put_bytes(&mut encoded, value),
            None => varint::put_i64(&mut encoded, -1),
        }
    }
    let headers = HeadersView::parse(&encoded, 4).expect("four headers");
    for (source, expected) in [
        ("headers.trace", text("2")),
        (
            "headers['trace'] == '2' && headers.size() == 3",
            Value::Bool(true),
        ),
        ("headers.raw", Value::Bytes(Cow::Borrowed(b"\xff"))),
        ("headers.none", Value::Null),
        (
            "has(headers.none) && !has(headers.other)",
            Value::Bool(true),
        ),
        ("headers.?other.orValue('-')", text("-")),
        ("headers.exists(name, name == 'raw')", Value::Bool(true)),
    ] {
        let mut fields = Fields::default();
        let program = compiled(source, &dynamic(), &mut fields);
        let row = row(&Value::Null, &fields, headers);
        assert_eq!(program.eval(&row), Ok(expected), "{source}");
    }
}

#[test]
fn a_result_has_its_window_key_and_aggregates() {
    let scope = Scope::result(
        Type::Text,
        [
            ("errors".to_owned(), Type::Int),
            ("requests".to_owned(), Type::Int),
        ],
    );
    let mut fields = Fields::default();
    let source = "requests == 0 ? 0.0 : double(errors) / double(requests)";
    let program = compiled(source, &scope, &mut fields);
    assert_eq!(program.ty(), &Type::Double);
    let source = "window.start == timestamp(60) && key == 'k-1'";
    let started = compiled(source, &scope, &mut fields);
    let start = chrono::DateTime::from_timestamp(60, 0).expect("in range");
    let window = Value::Map(vec![(text("start"), Value::Timestamp(start))]);
    let value = Value::Map(vec![
        (text("errors"), int(1)),
        (text("requests"), int(4)),
        (text("window"), window),
    ]);
    let row = row(&value, &fields, HeadersView::EMPTY);
    assert_eq!(program.eval(&row), Ok(Value::Float(0.25)));
    assert_eq!(started.eval_bool(&row), Ok(true));
}

#[test]
fn typed_evaluations_accept_what_they_ask_for_only() {
    let mut fields = Fields::default();
    let sum = compiled("value.price * value.qty", &dynamic(), &mut fields);
    let note = compiled("value.note", &dynamic(), &mut fields);
    let status = compiled("value.status", &dynamic(), &mut fields);
    let value = json::parse(ORDER.as_bytes()).expect("JSON");
    let row = row(&value, &fields, HeadersView::EMPTY);
    assert_eq!(sum.eval_number(&row), Ok(Some(Number::Float(7.5))));
    assert_eq!(
        note.eval_number(&row),
        Ok(None),
        "null is no number, and no error"
    );
    let error = status.eval_number(&row).expect_err("text is no number");
    assert_eq!(error.fault, Fault::NoOverload(ValueType::Text));
    let error = status.eval_bool(&row).expect_err("text is no condition");
    assert_eq!(error.fault, Fault::NotBool(ValueType::Text));
}

#[test]
fn a_failure_names_the_part_that_failed() {
    let mut fields = Fields::default();
    let program = compiled("1 + value.nope * 2", &dynamic(), &mut fields);
    let row = row(&Value::Null, &fields, HeadersView::EMPTY);
    let error: EvalError = program.eval(&row).expect_err("no such field");
    assert_eq!(error.span, 4..14);
    assert_eq!(error.to_string(), "evaluate `value.nope`: no such field");
}

#[test]
fn texts_of_the_record_are_borrowed_and_scalars_allocate_nothing() {
    let mut fields = Fields::default();
    let sources = [
        r#"value.status == "paid" && value.price * value.qty > 7"#,
        "value.status",
        "value.price * value.qty",
        "value.tags[0]",
        "value.status.startsWith('pa') ? value.qty : 0",
        "value.items.exists(i, i.sku == 'pie')",
        "value.status in ['open', 'paid']",
        "value.?nope.orValue(1)",
        "value.nope",
        "value.status.trim().substring(1, 2)",
        r"value.status.matches('^p\\w+$')",
    ];
    let programs = sources.map(|source| compiled(source, &dynamic(), &mut fields));
    let value = json::parse(ORDER.as_bytes()).expect("JSON");
    let row = row(&value, &fields, HeadersView::EMPTY);
    for program in &programs {
        drop(program.eval(&row)); // a regular expression makes its scratch space once
        let counted = allocation_counter::measure(|| drop(program.eval(&row)));
        assert_eq!(counted.count_total, 0, "{}", program.source());
    }
}
