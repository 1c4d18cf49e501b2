//! The text of an expression, from a clumsy or hostile author.
//!
//! Nothing panics, places lie within the text, and both ways to evaluate agree.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tidemill::codec::json;
use tidemill::codec::projection::Fields;
use tidemill::codec::projection::Row;
use tidemill::expr::Scope;
use tidemill::expr::Type;
use tidemill::expr::compile;
use tidemill::record::HeadersView;
use tidemill::record::Offset;
use tidemill::record::PartitionId;
use tidemill::record::RecordView;
use tidemill::record::Timestamp;
use tidemill::record::TimestampType;
use tidemill::record::Value;

const VALUE: &[u8] = br#"{"i": 7, "f": -2.5, "s": "tea", "e": "", "nil": null, "yes": true,
    "l": [1, "two", [3]], "rows": [{"n": 1}, {"n": 2}], "m": {"a": {"b": "x"}}, "big": 18446744073709551615}"#;

fuzz_target!(|source: &str| {
    let typed = Type::record(
        "Record",
        [
            ("i".to_owned(), Type::Int),
            ("f".to_owned(), Type::Double),
            ("s".to_owned(), Type::Text.nullable()),
            ("l".to_owned(), Type::list(Type::Dyn)),
            ("m".to_owned(), Type::map(Type::Text, Type::Dyn)),
        ],
    );
    let value = json::parse(VALUE).expect("JSON");
    for ty in [Type::Dyn, typed] {
        let mut fields = Fields::default();
        match compile(source, &Scope::record(ty, Type::Text), &mut fields) {
            Ok(program) => {
                let row = row(&value, &fields);
                let any = program.eval(&row);
                if let (Ok(Value::Bool(any)), condition) = (&any, program.eval_bool(&row)) {
                    assert_eq!(condition, Ok(*any), "both ways to evaluate agree");
                }
                let _ = program.eval_number(&row);
                if let Err(error) = any {
                    assert!(source.get(error.span.clone()).is_some(), "{error:?}");
                }
            }
            Err(errors) => {
                assert!(!errors.is_empty());
                for error in errors {
                    assert!(source.get(error.span.clone()).is_some(), "{error:?}");
                }
            }
        }
    }
});

fn row<'a>(value: &Value<'a>, fields: &Fields) -> Row<'a> {
    let slots = fields.paths().iter().map(|path| {
        let mut at = value.clone();
        for step in &path.steps {
            at = at.field(step)?.clone();
        }
        Some(at)
    });
    Row {
        topic: "topic",
        partition: PartitionId(1),
        record: RecordView {
            offset: Offset(2),
            timestamp: Timestamp(3),
            timestamp_type: TimestampType::CreateTime,
            key: None,
            value: None,
            headers: HeadersView::EMPTY,
        },
        slots: slots.collect(),
    }
}
