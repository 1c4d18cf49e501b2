//! What expressions mean, through the public face of the module.

mod checking;
mod differential;
mod meaning;
mod robustness;

use crate::codec::json;
use crate::codec::projection::Fields;
use crate::codec::projection::Root;
use crate::codec::projection::Row;
use crate::expr::Fault;
use crate::expr::Program;
use crate::expr::Scope;
use crate::expr::Type;
use crate::expr::compile;
use crate::record::HeadersView;
use crate::record::Offset;
use crate::record::PartitionId;
use crate::record::RecordView;
use crate::record::Timestamp;
use crate::record::TimestampType;
use crate::record::Value;

/// A scope in which nothing is known of value and key.
fn dynamic() -> Scope {
    Scope::record(Type::Dyn, Type::Dyn)
}

/// 2026-01-31T12:30:15.250Z, a Saturday.
const NOON: i64 = 1_769_862_615_250;

/// A row of a record with the fields that `fields` asks for, out of `value` and the key `k-1`.
fn row<'a>(value: &Value<'a>, fields: &Fields, headers: HeadersView<'a>) -> Row<'a> {
    let slots = fields.paths().iter().map(|path| {
        let mut at = match path.root {
            Root::Key => Value::text("k-1"),
            Root::Value | Root::Result => value.clone(),
        };
        for step in &path.steps {
            at = at.field(step)?.clone();
        }
        Some(at)
    });
    Row {
        topic: "orders",
        partition: PartitionId(3),
        record: RecordView {
            offset: Offset(42),
            timestamp: Timestamp(NOON),
            timestamp_type: TimestampType::CreateTime,
            key: Some(b"k-1"),
            value: None,
            headers,
        },
        slots: slots.collect(),
    }
}

fn compiled(source: &str, scope: &Scope, fields: &mut Fields) -> Program {
    compile(source, scope, fields).unwrap_or_else(|errors| {
        let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
        panic!("{source}: {}", errors.join("; "))
    })
}

/// What `source` answers for a record whose value is `json`.
fn eval_on(source: &str, json: &str) -> Result<Value<'static>, Fault> {
    let mut fields = Fields::default();
    let program = compiled(source, &dynamic(), &mut fields);
    let value = json::parse(json.as_bytes()).expect("well-formed JSON in a test");
    let row = row(&value, &fields, HeadersView::EMPTY);
    let result = program.eval(&row).map(Value::into_owned);
    result.map_err(|error| error.fault)
}

/// What `source` answers, whatever the record.
fn eval(source: &str) -> Result<Value<'static>, Fault> {
    eval_on(source, "{}")
}

/// Asserts that each expression is true.
#[track_caller]
fn all_true<'s>(sources: impl IntoIterator<Item = &'s str>) {
    for source in sources {
        assert_eq!(eval(source), Ok(Value::Bool(true)), "{source}");
    }
}
