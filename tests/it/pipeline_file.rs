//! Pipeline files: what is said of broken ones, word for word, and what good ones compile to.
//!
//! `tests/golden/errors/` holds wrong files, and beside each what is said of it. After
//! a change of the words, `TIDEMILL_UPDATE_GOLDEN=1 cargo test` writes them anew; read them.

use std::fs;
use std::path::Path;
use std::path::PathBuf;

use chrono::TimeDelta;
use proptest::prelude::*;
use tidemill::codec::avro::schema::Schema;
use tidemill::codec::format::Format;
use tidemill::codec::projection::Path as FieldPath;
use tidemill::codec::projection::Root;
use tidemill::pipeline::Colour;
use tidemill::pipeline::Findings;
use tidemill::pipeline::Outside;
use tidemill::pipeline::Pipeline;
use tidemill::pipeline::compile;
use tidemill::pipeline::render_warnings;
use tidemill::stream::aggregate::Function;
use tidemill::stream::plan::Emit;
use tidemill::stream::plan::Keying;
use tidemill::stream::plan::OnError;
use tidemill::stream::plan::Operator;
use tidemill::stream::plan::ValueFormat;
use tidemill::stream::window::TimeWindows;
use tidemill::stream::window::Windows;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pipeline")
}

/// Compiles with the schemas among the fixtures, and without variables.
fn compiled(text: &str) -> Result<Pipeline, Findings> {
    let file = |name: &str| {
        fs::read_to_string(fixtures().join(name)).map_err(|_| "no such file".to_owned())
    };
    let outside = Outside {
        variable: &|_| None,
        file: &file,
    };
    compile(text, &outside)
}

fn good(name: &str) -> Pipeline {
    let path = fixtures().join("good").join(name);
    let text = fs::read_to_string(path).expect("a fixture");
    compiled(&text).unwrap_or_else(|findings| {
        panic!("{}", findings.render(name, &text, Colour::Never));
    })
}

#[test]
fn broken_files_are_explained_word_for_word() {
    let mut wrong = Vec::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/errors");
    let mut paths: Vec<_> = fs::read_dir(folder)
        .expect("the fixtures")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "yaml")
        })
        .collect();
    paths.sort();
    assert!(paths.len() > 100, "fixtures are missing");
    for path in paths {
        let text = fs::read_to_string(&path).expect("a fixture");
        let name = path.file_name().expect("a name").to_string_lossy();
        let findings = compiled(&text).expect_err(&name);
        for finding in findings.as_slice() {
            let has_place = !finding.span.is_empty() || finding.span.start < text.len().max(1);
            if !has_place || finding.help.is_none() {
                wrong.push(format!(
                    "{name}: no place, or no way to mend it: {}",
                    finding.message
                ));
            }
        }
        let said = findings.render(&name, &text, Colour::Never);
        let golden = path.with_extension("txt");
        if std::env::var_os("TIDEMILL_UPDATE_GOLDEN").is_some() {
            fs::write(&golden, &said).expect("write what is said");
        }
        if fs::read_to_string(&golden).unwrap_or_default() != said {
            wrong.push(said);
        }
    }
    assert!(
        wrong.is_empty(),
        "said otherwise:\n\n{}",
        wrong.join("\n\n")
    );
}

#[test]
fn revenue_per_product_compiles_with_all_that_was_said() {
    let pipeline = good("revenue.yaml");
    let connect = &pipeline.connect;
    assert_eq!(
        connect.brokers.as_ref().map(|brokers| &*brokers.value),
        Some("localhost:9092")
    );
    let properties: Vec<_> = connect
        .properties
        .iter()
        .map(|(name, value)| (&*name.value, &**value))
        .collect();
    assert_eq!(properties, [("security.protocol", "PLAINTEXT")]);
    let [flow] = pipeline.plan.flows.as_slice() else {
        panic!("one flow");
    };
    assert_eq!((&*pipeline.plan.name, &*flow.name), ("shop", "revenue"));
    assert_eq!(&*flow.source.topic, "orders");
    assert_eq!(flow.source.value_format, Format::Avro);
    assert_eq!(flow.source.keying, Keying::ByRecordKey);
    assert_eq!(flow.source.idle.map(|idle| idle.num_seconds()), Some(30));
    assert_eq!(
        flow.source.future.map(|future| future.num_seconds()),
        Some(3_600),
        "the default"
    );
    let schema = flow.source.value_schema.as_deref();
    assert!(schema.is_some_and(|schema| schema.contains("ordered_at")));
    assert!(flow.source.time.is_some() && flow.filter.is_some() && flow.is_rekeyed());
    let paths = ["ordered_at", "status", "product", "price", "qty"];
    let paths = paths.map(|name| FieldPath::new(Root::Value, [name]));
    assert_eq!(flow.fields.paths(), paths);
    let Operator::Window(window) = &flow.operator else {
        panic!("a window");
    };
    let tumbling = TimeWindows::tumbling(TimeDelta::minutes(1), TimeDelta::seconds(30));
    assert_eq!(tumbling.map(Windows::from), Ok(window.windows.clone()));
    assert_eq!(window.emit, Emit::Final);
    let names: Vec<_> = window.aggregates.iter().map(|one| &*one.name).collect();
    assert_eq!(names, ["revenue", "orders"]);
    assert_eq!(flow.late.as_deref(), Some("orders.late"));
    assert_eq!(
        flow.on_error,
        OnError::DeadLetter("shop.dead-letters".into())
    );
    let ValueFormat::Avro { schema } = &flow.sink.value else {
        panic!("Avro");
    };
    let fields = r#"[{"name":"key","type":"string"},{"name":"window","type":{"type":"record","name":"revenue_1","fields":[{"name":"start","type":{"type":"long","logicalType":"timestamp-millis"}},{"name":"end","type":{"type":"long","logicalType":"timestamp-millis"}}]}},{"name":"revenue","type":"double"},{"name":"orders","type":"long"}]"#;
    let expected = format!(r#"{{"type":"record","name":"revenue","fields":{fields}}}"#);
    assert_eq!(**schema, *expected);
    assert!(Schema::parse(schema).is_ok());
}

#[test]
fn every_aggregate_can_be_written_with_its_parameters_and_its_results_have_a_schema() {
    let pipeline = good("aggregates.yaml");
    let [flow] = pipeline.plan.flows.as_slice() else {
        panic!("one flow");
    };
    let Operator::Window(window) = &flow.operator else {
        panic!("a window");
    };
    let written = window.aggregates.iter().map(|one| one.function.name());
    let written: std::collections::BTreeSet<_> = written.collect();
    assert_eq!(written.len(), Function::NAMES.len());
    let ValueFormat::Avro { schema } = &flow.sink.value else {
        panic!("Avro");
    };
    assert!(Schema::parse(schema).is_ok());
    let schema: serde_json::Value = serde_json::from_str(schema).expect("JSON");
    let types = |name: &str| {
        let fields = schema["fields"].as_array().expect("fields").iter();
        let mut types = fields.filter(|field| field["name"] == name);
        types.next().expect("the field")["type"].to_string()
    };
    for (names, ty) in [
        (&["orders", "large", "statuses", "total"][..], r#""long""#),
        (&["decayed", "smoothed", "p99", "last"], r#""double""#),
        (&["sample", "spread", "each_second"], r#"["null","double"]"#),
        (&["highest"], r#"{"type":"array","items":"double"}"#),
        (&["products"], r#"{"type":"array","items":"string"}"#),
        (&["first"], r#""string""#),
    ] {
        names
            .iter()
            .for_each(|name| assert_eq!(types(name), ty, "{name}"));
    }
}

#[test]
fn a_flow_may_read_another_wherever_it_stands() {
    let pipeline = good("error_rate.yaml");
    let [bad, rate] = pipeline.plan.flows.as_slice() else {
        panic!("two flows");
    };
    assert_eq!(
        (&*bad.source.topic, &*bad.sink.topic),
        ("error-rate", "bad-rates")
    );
    assert!(matches!(&bad.operator, Operator::Map(map) if map.select.is_none()));
    assert!(!rate.is_rekeyed(), "partitioned already");
    assert_eq!(rate.source.future, None);
    assert_eq!(rate.on_error, OnError::Skip);
    let Operator::Window(window) = &rate.operator else {
        panic!("a window");
    };
    let Windows::Time(windows) = &window.windows else {
        panic!("hopping");
    };
    assert_eq!(windows.advance_ms(), 10_000);
    assert_eq!(window.emit, Emit::Updates);
    let select = window.select.as_ref().expect("select");
    let names: Vec<_> = select.columns.iter().map(|(name, _)| &**name).collect();
    assert_eq!(names, ["service", "from", "rate", "requests"]);
    assert_eq!(
        select.fields.paths()[..2],
        [
            FieldPath::new(Root::Key, []),
            FieldPath::new(Root::Result, ["window", "start"])
        ]
    );
}

#[test]
fn scalars_may_be_written_in_any_style() {
    let pipeline = good("aliases.yaml");
    assert_eq!(&*pipeline.plan.name, "aliases");
    let [one, two] = pipeline.plan.flows.as_slice() else {
        panic!("two flows");
    };
    assert!(one.filter.is_some());
    assert_eq!(
        two.source.value_format,
        Format::Text,
        "values pass unchanged"
    );
    assert_eq!(two.late, None);
}

#[test]
fn the_fields_of_results_are_known_to_the_flows_that_read_them() {
    let path = fixtures().join("good/error_rate.yaml");
    let text = fs::read_to_string(path).expect("a fixture");
    let text = text.replace("value.rate >", "value.rat >");
    let findings = compiled(&text).expect_err("no such field");
    let finding = &findings.as_slice()[0];
    assert_eq!(finding.message, "error_rate has no field `rat`");
    assert_eq!(&text[finding.span.clone()], "rat");
    assert_eq!(finding.nearest.as_deref(), Some("rate"));
}

#[test]
fn what_is_likely_not_meant_is_a_warning_and_no_error() {
    let text = "tidemill: 1\nname: t\nsources:\n  a: { topic: a }\n  b: { topic: b }\nflows:\n  one:\n    from: a\n    window: { tumbling: 1m }\n    aggregate: { n: count() }\n    to: { topic: c }\n  two:\n    from: a\n    to: { topic: c }\n  three:\n    from: a\n    window: { tumbling: 1m }\n    aggregate: { n: count() }\n    emit: updates\n    to: { topic: d }\nalerts:\n  fine: { on: one, fire: value.n > 1 }\n  begun: { on: three, fire: value.n > 1 }\n";
    let pipeline = compiled(text).expect("nothing is wrong");
    let said: Vec<_> = pipeline
        .warnings
        .iter()
        .map(|warning| &*warning.message)
        .collect();
    assert_eq!(
        said,
        [
            "no flow reads `b`",
            "while `a` is silent its last windows stay open, and nothing comes out of them",
            "another flow writes into `c` too",
            "the alert sees windows of `three` that have only begun",
        ]
    );
    let shown = render_warnings(&pipeline.warnings, "t.yaml", text, Colour::Never);
    assert!(
        shown.starts_with("warning: no flow reads `b`\n --> t.yaml:5:3\n"),
        "{shown}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn no_change_of_a_good_file_panics(
        which in 0..3usize,
        cuts in prop::collection::vec((any::<prop::sample::Index>(), 0..6usize, "[ -~\n]{0,3}"), 1..6),
    ) {
        let name = ["revenue.yaml", "error_rate.yaml", "aliases.yaml"][which];
        let mut text = fs::read_to_string(fixtures().join("good").join(name)).expect("a fixture");
        for (at, len, put) in cuts {
            let start = at.index(text.len().max(1)).min(text.len());
            let end = (start + len).min(text.len());
            text.replace_range(start..end, &put); // the fixtures are ASCII
        }
        if let Err(findings) = compiled(&text) {
            prop_assert!(!findings.as_slice().is_empty());
            prop_assert!(findings.render(name, &text, Colour::Never).contains("error: "));
        }
    }
}
