//! The text of a pipeline file, from a clumsy or hostile author.
//!
//! Nothing panics, and what is said of a file lies within it and can be shown.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tidemill::pipeline::Colour;
use tidemill::pipeline::Outside;
use tidemill::pipeline::compile;

const ORDER: &str = r#"{"type": "record", "name": "Order", "fields": [
    {"name": "product", "type": "string"}, {"name": "price", "type": "double"},
    {"name": "qty", "type": ["null", "int"], "default": null},
    {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}}]}"#;

fuzz_target!(|text: &str| {
    let outside = Outside {
        variable: &|name| (name == "HOME").then(|| "/".to_owned()),
        file: &|name| match name {
            "order.avsc" => Ok(ORDER.to_owned()),
            other => Ok(other.to_owned()),
        },
    };
    if let Err(findings) = compile(text, &outside) {
        assert!(!findings.as_slice().is_empty());
        for finding in findings.as_slice() {
            assert!(text.get(finding.span.clone()).is_some(), "{finding:?}");
        }
        assert!(findings.render("file.yaml", text, Colour::Never).contains("error"));
    }
});
