//! What is reported before anything runs.

use super::*;
use crate::expr::Diagnostic;
use crate::expr::NESTING_MAX;
use crate::expr::SOURCE_BYTES_MAX;

fn orders() -> Scope {
    let address = Type::record("Address", [("city".to_owned(), Type::Text)]);
    let fields = [
        ("status", Type::Text),
        ("price", Type::Double),
        ("qty", Type::Int),
        ("paid", Type::Bool),
        ("note", Type::Text.nullable()),
        ("at", Type::Timestamp),
        ("items", Type::list(address.clone())),
        ("address", address.nullable()),
        ("counts", Type::map(Type::Text, Type::Int)),
    ];
    let fields = fields.map(|(name, ty)| (name.to_owned(), ty));
    Scope::record(Type::record("Order", fields), Type::Text)
}

fn errors(source: &str) -> Vec<Diagnostic> {
    match compile(source, &orders(), &mut Fields::default()) {
        Ok(program) => panic!("{source} compiles to {}", program.ty()),
        Err(errors) => errors,
    }
}

/// Asserts that `source` has one error: its text, and the part of the source that it points to.
#[track_caller]
fn one(source: &str, part: &str, message: &str) -> Diagnostic {
    let errors = errors(source);
    let [error] = errors.as_slice() else {
        panic!("{source}: {errors:#?}");
    };
    assert_eq!(error.message, message, "{source}");
    assert_eq!(&source[error.span.clone()], part, "{source}");
    error.clone()
}

#[test]
fn a_wrong_field_is_named_with_the_nearest() {
    let error = one("value.prise * 2", "prise", "Order has no field `prise`");
    assert_eq!(error.nearest.as_deref(), Some("price"));
    let error = one("value.address.town", "town", "Address has no field `town`");
    assert_eq!(error.help.as_deref(), Some("its fields are city"));
    one("value.items[0].zip", "zip", "Address has no field `zip`");
    one(
        "value.items.all(i, i.zip == '')",
        "zip",
        "Address has no field `zip`",
    );
    one("has(value.statsu)", "statsu", "Order has no field `statsu`");
    one(
        "value.?statsu.orValue('')",
        "statsu",
        "Order has no field `statsu`",
    );
    one("value['statsu']", "'statsu'", "Order has no field `statsu`");
    one(
        "value.status.x",
        "value.status.x",
        "`x` on string, which has no fields",
    );
}

#[test]
fn a_wrong_name_is_named_with_the_nearest() {
    let error = one("valeu.price > 1", "valeu", "unknown name `valeu`");
    assert_eq!(error.nearest.as_deref(), Some("value"));
    let error = one("price > 1", "price", "unknown name `price`");
    assert_eq!(
        error.help.as_deref(),
        Some("a field of the value is `value.price`")
    );
    one("[1].map(x, y)", "y", "unknown name `y`");
}

#[test]
fn impossible_comparisons_and_operations_are_reported() {
    one(
        "value.status == 5",
        "value.status == 5",
        "string is never equal to int",
    );
    one(
        "value.status > 5",
        "value.status > 5",
        "`>` has no meaning for string and int",
    );
    one(
        "value.status * 2",
        "value.status * 2",
        "`*` has no meaning for string and int",
    );
    one(
        "value.note + 1",
        "value.note + 1",
        "`+` has no meaning for string and int",
    );
    one(
        "value.at > 5",
        "value.at > 5",
        "`>` has no meaning for timestamp and int",
    );
    one(
        "value.at + value.at",
        "value.at + value.at",
        "`+` has no meaning for timestamp and timestamp",
    );
    one("1 + 1u", "1 + 1u", "`+` has no meaning for int and uint");
    one(
        "5 % 2.0",
        "5 % 2.0",
        "`%` has no meaning for int and double",
    );
    one(
        "5 in value.counts",
        "5 in value.counts",
        "`in` has no meaning for int and map(string, int)",
    );
    one(
        "value.qty in ['a']",
        "value.qty in ['a']",
        "`in` has no meaning for int and list(string)",
    );
    one(
        "-value.status",
        "-value.status",
        "`-` has no meaning for string",
    );
    one(
        "value.items > 1",
        "value.items > 1",
        "`>` has no meaning for list(Address) and int",
    );
    one(
        "value.items['x']",
        "value.items['x'",
        "`x` on list(Address), which has no fields",
    );
    one("value.qty[0]", "value.qty", "int has no elements");
    one(
        "value.qty == null",
        "value.qty == null",
        "int is never equal to null",
    );
}

#[test]
fn conditions_must_be_true_or_false() {
    one("value.qty && true", "value.qty", "expected bool, found int");
    one(
        "value.status ? 1 : 2",
        "value.status",
        "expected bool, found string",
    );
    one("!value.qty", "value.qty", "expected bool, found int");
    one(
        "value.items.all(i, i.city)",
        "i.city",
        "expected bool, found string",
    );
}

#[test]
fn functions_are_checked_by_name_style_number_and_types() {
    let error = one(
        "value.status.startWith('a')",
        "startWith",
        "unknown function `startWith`",
    );
    assert_eq!(error.nearest.as_deref(), Some("startsWith"));
    let error = one(
        "startsWith(value.status, 'a')",
        "startsWith",
        "`startsWith` is called on a value",
    );
    assert_eq!(error.help.as_deref(), Some("write `x.startsWith(…)`"));
    one(
        "value.qty.string()",
        "string",
        "`string` is not called on a value",
    );
    one(
        "value.status.substring()",
        "value.status.substring()",
        "`substring` takes 1 or 2 arguments, not 0",
    );
    one(
        "value.qty.startsWith('a')",
        "value.qty.startsWith('a')",
        "`startsWith` has no meaning for int, string",
    );
    one("math.flor(1.5)", "flor", "unknown function `math.flor`");
    let error = one("sum(value.qty)", "sum", "unknown function `sum`");
    assert_eq!(
        error.help.as_deref(),
        Some("aggregates stand under `aggregate:` only")
    );
    one(
        "value.status.matches('(')",
        "'('",
        "not a regular expression",
    );
    one(
        "duration('5 minutes')",
        "duration('5 minutes')",
        "cannot convert this string to duration",
    );
    one(
        "value.items.all(1, true)",
        "1",
        "expected a name for the element",
    );
    one(
        "value.items.map(x)",
        "value.items.map(x)",
        "a macro with the wrong arguments",
    );
    one("value.qty.all(x, true)", "value.qty", "int has no elements");
}

#[test]
fn an_optional_value_must_be_resolved() {
    one(
        "value.?note",
        "value.?note",
        "an optional value where a value is expected",
    );
    one(
        "value.?qty + 1",
        "value.?qty",
        "an optional value where a value is expected",
    );
    one(
        "value.qty.orValue(1)",
        "orValue",
        "`orValue` on int, which is not optional",
    );
    one("has(value)", "value", "`has()` takes one field");
}

#[test]
fn all_errors_are_reported_at_once_and_in_order() {
    let source = "value.prise > 5 && value.status == 7 || vaule.x && value.qty.size() == 1";
    let messages: Vec<_> = errors(source)
        .into_iter()
        .map(|error| error.message)
        .collect();
    assert_eq!(
        messages,
        [
            "Order has no field `prise`",
            "string is never equal to int",
            "unknown name `vaule`",
            "`size` has no meaning for int",
        ]
    );
}

#[test]
fn what_is_no_expression_is_reported_where_it_stops_being_one() {
    one("1 +", "", "expected an expression, found the end");
    one("", "", "expected an expression, found the end");
    one("(1", "", "expected `)`, found the end");
    one("[1, 2", "", "expected `,` or `]`, found the end");
    one("f(1 2)", "2", "expected `,` or `)`, found `2`");
    one("true ? 1", "", "expected `:`, found the end");
    one("'abc", "'", "missing closing `'`");
    one("'a\nb'", "'", "missing closing `'`");
    one(r"'\q'", r"\q", "not an escape sequence");
    one(r"'\ud800'", r"\ud800", "not an escape sequence");
    one(r"b'é\u00e9'", r"\u00e9", "not an escape sequence");
    one(
        "9223372036854775808",
        "9223372036854775808",
        "number out of range",
    );
    one("1e999", "1e999", "number out of range");
    one("12abc", "12abc", "a name runs into a number");
    one("1 2", "2", "expected an operator or the end, found `2`");
    one("value.", "", "expected the name of a field, found the end");
    one("#", "#", "unexpected `#`");
    let error = one("key = 'a'", "=", "unexpected `=`");
    assert_eq!(error.help.as_deref(), Some("compare with `==`"));
    let error = one(
        "true and false",
        "and",
        "expected an operator or the end, found `and`",
    );
    assert_eq!(error.help.as_deref(), Some("write `&&` for \"and\""));
    one("if (true) 1", "if", "`if` is a reserved word");
    one("“a”", "“", "unexpected `“`");
}

#[test]
fn reserved_words_may_be_fields() {
    let mut fields = Fields::default();
    compiled(
        "value.package == 'x' && value.namespace.function > 1",
        &dynamic(),
        &mut fields,
    );
    assert_eq!(&*fields.paths()[0].steps[0], "package");
}

#[test]
fn types_of_results_are_known_as_far_as_the_fields_are() {
    for (source, ty) in [
        ("value.price * value.qty", Type::Double),
        ("value.qty * 2", Type::Int),
        ("value.qty > 1", Type::Bool),
        ("value.qty > 1 ? 'a' : 'b'", Type::Text),
        ("value.qty > 1 ? 'a' : null", Type::Text.nullable()),
        ("value.items.map(i, i.city)", Type::list(Type::Text)),
        ("value.items.filter(i, true)[0].city", Type::Text),
        ("value.counts.total", Type::Int),
        ("value.address.city", Type::Text),
        ("value.?note.orValue('')", Type::Text.nullable()),
        ("value.at - timestamp", Type::Duration),
        ("value.status.split(',')", Type::list(Type::Text)),
        ("[1, 'a']", Type::list(Type::Dyn)),
        ("key + '!'", Type::Text),
        ("math.greatest(value.qty, 1)", Type::Dyn),
    ] {
        let program = compiled(source, &orders(), &mut Fields::default());
        assert_eq!(program.ty(), &ty, "{source}");
    }
}

#[test]
fn the_same_path_has_one_slot_and_nested_fields_are_one_path() {
    let mut fields = Fields::default();
    let source = "value.a.b == 1 && value.a.b < 2 && has(value.a.c) && value['a'].b == 1";
    compiled(source, &dynamic(), &mut fields);
    let steps: Vec<_> = fields
        .paths()
        .iter()
        .map(|path| path.steps.join("."))
        .collect();
    assert_eq!(steps, ["a.b", "a.c"]);
}

#[test]
fn length_and_depth_are_bounded() {
    let deep = |open: &str, close: &str, times: usize| {
        format!("{}1{}", open.repeat(times), close.repeat(times))
    };
    for (open, close) in [
        ("(", ")"),
        ("[", "]"),
        ("-(", ")"),
        ("[1].map(x, ", ")"),
        ("{1: ", "}"),
    ] {
        let source = deep(open, close, NESTING_MAX * 20);
        let errors = errors(&source);
        assert_eq!(
            errors[0].message, "nested more than 100 levels deep",
            "{open}"
        );
    }
    let source = format!("1{}", " + 1".repeat(NESTING_MAX * 20));
    assert_eq!(
        errors(&source)[0].message,
        "nested more than 100 levels deep"
    );
    let source = format!("value{}", ".a".repeat(NESTING_MAX * 20));
    assert_eq!(
        errors(&source)[0].message,
        "nested more than 100 levels deep"
    );
    let source = " ".repeat(SOURCE_BYTES_MAX + 1);
    assert_eq!(
        errors(&source)[0].message,
        "expression longer than 65536 bytes"
    );
    let many = vec!["value.qty == 1"; 2_000].join(" || ");
    assert!(
        compile(&many, &orders(), &mut Fields::default()).is_ok(),
        "no depth"
    );
    let deepest = deep("(", ")", NESTING_MAX - 1);
    assert!(compile(&deepest, &orders(), &mut Fields::default()).is_ok());
}
