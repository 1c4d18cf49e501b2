//! The generated input: orders as `benches/compare/java/Orders.java` makes them, spread over ten
//! minutes of event time.

use tidemill::codec::fixed::Fixed;
use tidemill::codec::format::Format;

/// The event time of the first order.
const FIRST_MS: i64 = 1_700_000_040_000;
const SEED: u64 = 42;
const SPAN_MS: i64 = 10 * 60 * 1000;
const LATE_MS: u64 = 5_000;
const STATUS: [&str; 4] = ["placed", "packed", "shipped", "delivered"];

/// What the registry would say of schema 1.
pub(crate) const SCHEMA: &str = r#"{"type": "record", "name": "Order", "fields": [
    {"name": "order_id", "type": "string"}, {"name": "product", "type": "string"},
    {"name": "customer", "type": "string"}, {"name": "price", "type": "long"},
    {"name": "qty", "type": "int"}, {"name": "status", "type": "string"},
    {"name": "ordered_at", "type": {"type": "long", "logicalType": "timestamp-millis"}}]}"#;

/// So many orders of so many customers, the same ones each time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Orders {
    pub(crate) count: u32,
    pub(crate) keys: u32,
}

impl Orders {
    /// 12 bytes.
    pub(crate) fn key(self, i: i64) -> String {
        format!("k{:011}", draw(i, 0) % u64::from(self.keys))
    }

    /// Five of a hundred are up to five seconds out of order.
    pub(crate) fn timestamp(self, i: i64) -> i64 {
        let at = FIRST_MS + i * SPAN_MS / i64::from(self.count);
        if draw(i, 1) % 100 >= 5 {
            return at;
        }
        let late = draw(i, 2) % (LATE_MS + 1);
        (at - late.cast_signed()).max(FIRST_MS)
    }

    /// 8 bytes of a long, about 156 of JSON in seven fields, or about 72 of Avro behind the id of
    /// its schema.
    pub(crate) fn value(self, format: Format, i: i64) -> Vec<u8> {
        match format {
            Format::Fixed(Fixed::Long) => price(i).to_be_bytes().to_vec(),
            Format::Json => self.json(i).into_bytes(),
            Format::Avro => self.avro(i),
            other => unreachable!("no case has {other:?}"),
        }
    }

    fn json(self, i: i64) -> String {
        let (id, product, customer) = (order_id(i), product(i), self.key(i));
        let (price, qty, status, at) = (price(i), quantity(i), status(i), self.timestamp(i));
        format!(
            r#"{{"order_id":"{id}","product":"{product}","customer":"{customer}","price":{price},"qty":{qty},"status":"{status}","ordered_at":{at}}}"#
        )
    }

    fn avro(self, i: i64) -> Vec<u8> {
        let mut out = vec![0, 0, 0, 0, 1];
        for text in [order_id(i), product(i), self.key(i)] {
            put_text(&mut out, &text);
        }
        put_long(&mut out, price(i));
        put_long(&mut out, quantity(i));
        put_text(&mut out, status(i));
        put_long(&mut out, self.timestamp(i));
        out
    }
}

/// From 0 to 99,999.
pub(crate) fn price(i: i64) -> i64 {
    (draw(i, 3) % 100_000).cast_signed()
}

fn order_id(i: i64) -> String {
    format!("order-{i:016}")
}

fn product(i: i64) -> String {
    format!("product-{:04}", draw(i, 5) % 1000)
}

fn quantity(i: i64) -> i64 {
    1 + (draw(i, 4) % 9).cast_signed()
}

fn status(i: i64) -> &'static str {
    let number = usize::try_from(draw(i, 6) % 4).expect("below 4");
    STATUS[number]
}

/// The finalizer of splitmix64 over a counter: draw `j` of order `i`.
fn draw(i: i64, j: u64) -> u64 {
    let place = i.cast_unsigned() * 8 + j + 1;
    let z = SEED.wrapping_add(place.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Avro's long: zigzag, then seven bits to a byte, the lowest first.
fn put_long(out: &mut Vec<u8>, number: i64) {
    let mut rest = ((number << 1) ^ (number >> 63)).cast_unsigned();
    while rest >= 0x80 {
        out.push(rest.to_le_bytes()[0] | 0x80);
        rest >>= 7;
    }
    out.push(rest.to_le_bytes()[0]);
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_long(out, i64::try_from(text.len()).expect("short"));
    out.extend_from_slice(text.as_bytes());
}
