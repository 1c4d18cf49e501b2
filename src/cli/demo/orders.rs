//! The orders of the demo: made up, the same in every run but for their times.

use crate::record::Value;

/// What is sold, and for how much.
const PRODUCTS: [(&str, f64); 6] = [
    ("tea", 2.5),
    ("coffee", 3.2),
    ("juice", 2.8),
    ("cake", 4.5),
    ("pie", 3.9),
    ("soup", 5.4),
];
/// Three in four orders are paid.
const STATUSES: [&str; 4] = ["paid", "paid", "paid", "placed"];
/// One order in so many arrives late.
const LATE_EVERY: u64 = 40;
/// How late it is, in milliseconds: longer than a window of the demo and its grace.
const LATE_MS: i64 = 30_000;
/// One record in so many is no order at all.
const BROKEN_EVERY: u64 = 55;

/// One record of the topic `orders`.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Order {
    /// An order, as a value of the schema `order.avsc`.
    Whole(Value<'static>),
    /// Bytes that are no order.
    Broken(&'static [u8]),
}

/// Makes the `number`th order, placed at `at` (milliseconds since the epoch) or, now and then, well
/// before.
pub(super) fn order(number: u64, at: i64) -> Order {
    if number % BROKEN_EVERY == BROKEN_EVERY - 1 {
        return Order::Broken(b"{\"this\": \"is no Avro\"}");
    }
    let ordered_at = if is_late(number) { at - LATE_MS } else { at };
    let (product, price) = pick(number, 1, &PRODUCTS);
    let field = |name: &'static str, value| (Value::text(name), value);
    Order::Whole(Value::Map(vec![
        field("order_id", Value::Text(format!("order-{number:06}").into())),
        field("product", Value::text(product)),
        field(
            "customer",
            Value::Text(format!("customer-{:03}", mixed(number, 2) % 200).into()),
        ),
        field("price", Value::Float(price)),
        field("qty", Value::Int(pick(number, 3, &[1, 2, 3, 4]))),
        field("status", Value::text(pick(number, 4, &STATUSES))),
        field("ordered_at", Value::Int(ordered_at)),
    ]))
}

/// Whether the `number`th order arrives late.
pub(super) const fn is_late(number: u64) -> bool {
    number % LATE_EVERY == LATE_EVERY - 1
}

/// Whether the pipeline of the demo counts this order.
pub(super) fn is_paid(order: &Value<'_>) -> bool {
    order.field("status") == Some(&Value::text("paid"))
}

/// One of `all`, which depends on `number` and `purpose` alone.
#[expect(clippy::indexing_slicing, reason = "the place is below the length")]
fn pick<T: Copy, const N: usize>(number: u64, purpose: u64, all: &[T; N]) -> T {
    all[usize::try_from(mixed(number, purpose) % N as u64).unwrap_or(0)]
}

/// The finalizer of splitmix64 (Steele, Lea, Flood 2014), which spreads consecutive numbers well.
const fn mixed(number: u64, purpose: u64) -> u64 {
    let mut mixed = (number * 8 + purpose).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}
