//! Values in the file as JSON, and JSON as one writes it in the file.

use granit_parser::ScalarStyle;
use serde_json::Map;
use serde_json::Number;
use serde_json::Value as Json;

use crate::pipeline::finding::Finding;
use crate::pipeline::yaml::Kind;
use crate::pipeline::yaml::Node;
use crate::pipeline::yaml::Scalar;

/// The value as JSON: plain scalars are what YAML 1.2's core schema makes of them, quoted ones text.
///
/// # Errors
///
/// Where JSON has no such value: an infinity, or not a number.
pub(in crate::pipeline) fn json(node: &Node) -> Result<Json, Finding> {
    match &node.kind {
        Kind::Scalar(scalar) => scalar_json(scalar, node),
        Kind::Sequence(items) => items.iter().map(json).collect(),
        Kind::Mapping(entries) => {
            let entries = entries.iter();
            let entries = entries.map(|(key, value)| Ok((key.name.clone(), json(value)?)));
            entries.collect::<Result<Map<_, _>, _>>().map(Json::Object)
        }
    }
}

fn scalar_json(scalar: &Scalar, node: &Node) -> Result<Json, Finding> {
    if scalar.style != ScalarStyle::Plain {
        return Ok(scalar.text.clone().into());
    }
    if node.is_null() {
        return Ok(Json::Null);
    }
    let text = scalar.text.as_str();
    Ok(match text {
        "true" | "True" | "TRUE" => true.into(),
        "false" | "False" | "FALSE" => false.into(),
        _ => match number(text) {
            Some(float) if float.is_none() => {
                let message = format!("JSON has no number `{text}`");
                let finding = Finding::new(message, node.span.clone());
                return Err(finding.help("write a finite number, or a text in quotes"));
            }
            Some(number) => number.map_or(Json::Null, Json::Number),
            None => text.into(),
        },
    })
}

/// The number that a plain scalar is; the inner `None` is one that JSON has not got.
#[expect(
    clippy::option_option,
    reason = "no number, and a number without a form in JSON, are two things"
)]
fn number(text: &str) -> Option<Option<Number>> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(digits, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return Some(None);
    }
    if let Some(hex) = text.strip_prefix("0x") {
        return u64::from_str_radix(hex, 16)
            .ok()
            .map(|number| Some(number.into()));
    }
    if let Some(octal) = text.strip_prefix("0o") {
        return u64::from_str_radix(octal, 8)
            .ok()
            .map(|number| Some(number.into()));
    }
    let starts = digits.starts_with(|char: char| char.is_ascii_digit() || char == '.');
    let has_digit = digits.bytes().any(|byte| byte.is_ascii_digit());
    if !starts || !has_digit {
        return None;
    }
    if let Ok(int) = text.parse::<i64>() {
        return Some(Some(int.into()));
    }
    if let Ok(int) = text.parse::<u64>() {
        return Some(Some(int.into()));
    }
    text.parse::<f64>().ok().map(Number::from_f64)
}

/// The value on one line of YAML, in flow style.
pub(super) fn written(value: &Json) -> String {
    match value {
        Json::Null | Json::Bool(_) | Json::Number(_) => value.to_string(),
        Json::String(text) => scalar_written(text),
        Json::Array(items) => {
            let items: Vec<_> = items.iter().map(written).collect();
            format!("[{}]", items.join(", "))
        }
        Json::Object(entries) if entries.is_empty() => "{}".to_owned(),
        Json::Object(entries) => {
            let entries = entries.iter();
            let entries =
                entries.map(|(key, value)| format!("{}: {}", scalar_written(key), written(value)));
            let entries: Vec<_> = entries.collect();
            format!("{{ {} }}", entries.join(", "))
        }
    }
}

/// A text as a plain scalar where it reads back as that text, else in double quotes (JSON's are
/// YAML's).
fn scalar_written(text: &str) -> String {
    let is_word =
        |char: char| char.is_ascii_alphanumeric() || matches!(char, '_' | '-' | '.' | '/');
    let starts = |char: char| char.is_ascii_alphabetic() || char == '_';
    let is_plain = text.starts_with(starts) && text.chars().all(is_word);
    let lower = text.to_ascii_lowercase();
    if is_plain
        && !matches!(
            &*lower,
            "null" | "true" | "false" | "yes" | "no" | "on" | "off"
        )
    {
        return text.to_owned();
    }
    let mut quoted = String::new();
    for char in Json::from(text).to_string().chars() {
        match char {
            // YAML does not print these; its escapes are JSON's.
            '\u{7f}'..='\u{9f}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => {
                quoted.push_str(&format!("\\u{:04x}", u32::from(char)));
            }
            other => quoted.push(other),
        }
    }
    quoted
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::pipeline::yaml;

    fn read(text: &str) -> Result<Json, Finding> {
        let node = yaml::parse(text, &mut Vec::new()).expect(text);
        json(&node)
    }

    #[test]
    fn plain_scalars_are_what_yaml_says_and_quoted_ones_are_text() {
        for (text, value) in [
            ("1", json!(1)),
            ("-1.5e3", json!(-1500.0)),
            ("18446744073709551615", json!(u64::MAX)),
            ("0x1F", json!(31)),
            ("true", json!(true)),
            ("~", json!(null)),
            ("\"1\"", json!("1")),
            ("12:00:05", json!("12:00:05")),
            ("1.2.3", json!("1.2.3")),
            (".", json!(".")),
            ("no", json!("no")),
            ("{ a: [1, x], b: {} }", json!({"a": [1, "x"], "b": {}})),
        ] {
            assert_eq!(read(text), Ok(value), "{text}");
        }
        assert!(read("-.inf").is_err(), "JSON has no infinity");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn what_is_written_reads_back(text in ".{0,12}", int: i64, float in -1e9..1e9f64) {
            let value = json!({"text": text, "list": [int, float, null, true], "none": {}, "yes": "no"});
            prop_assert_eq!(read(&written(&value)), Ok(value));
        }
    }
}
