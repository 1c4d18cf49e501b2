//! The same expressions by the `cel` crate: where it has a value, we have the same.
//!
//! Known differences, all of them failures on one side:
//!
//! - A comparison or call that cannot make sense (`0 == "tea"`) is refused before anything runs;
//!   the crate checks no types. CEL's own checker refuses it too.
//! - A double with an integer is computed in doubles; the crate has no overload.

use std::collections::HashMap;
use std::sync::Arc;

use super::*;

/// What the other side answers; `None` where it fails.
fn oracle(source: &str, value: &serde_json::Value) -> Option<serde_json::Value> {
    let mut env = cel::Env::stdlib();
    env.add_extension(cel::extensions::strings)
        .expect("strings");
    env.add_extension(cel::extensions::math).expect("math");
    let env = Arc::new(env);
    let program = env.compile(source).ok()?;
    let mut context = cel::Context::with_env(env);
    context.add_variable_from_value("value", theirs(value));
    program.execute(&context).ok()?.json().ok()
}

/// The crate's own conversion makes positive integers `uint`.
fn theirs(value: &serde_json::Value) -> cel::Value {
    match value {
        serde_json::Value::Null => cel::Value::Null,
        serde_json::Value::Bool(bool) => cel::Value::Bool(*bool),
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(int) => cel::Value::Int(int),
            None => cel::Value::Float(number.as_f64().expect("a double")),
        },
        serde_json::Value::String(text) => cel::Value::String(Arc::new(text.clone())),
        serde_json::Value::Array(items) => {
            cel::Value::List(Arc::new(items.iter().map(theirs).collect()))
        }
        serde_json::Value::Object(fields) => {
            let entries = fields
                .iter()
                .map(|(name, field)| (name.clone(), theirs(field)));
            cel::Value::from(entries.collect::<HashMap<_, _>>())
        }
    }
}

#[derive(Debug, PartialEq)]
enum Answer {
    Refused,
    Failed,
    Value(serde_json::Value),
}

fn ours(source: &str, value: &serde_json::Value) -> Answer {
    let mut fields = Fields::default();
    let Ok(program) = compile(source, &dynamic(), &mut fields) else {
        return Answer::Refused;
    };
    let json = value.to_string();
    let value = json::parse(json.as_bytes()).expect("JSON");
    let row = row(&value, &fields, HeadersView::EMPTY);
    let Ok(result) = program.eval(&row) else {
        return Answer::Failed;
    };
    let mut out = Vec::new();
    match json::put_value(&mut out, &result) {
        Ok(()) => Answer::Value(serde_json::from_slice(&out).expect("our own JSON")),
        // NaN and the infinities, which the crate writes as null.
        Err(_) => Answer::Value(serde_json::Value::Null),
    }
}

fn sample() -> serde_json::Value {
    serde_json::json!({
        "i": 7, "j": -3, "z": 0, "f": 2.5, "g": -0.5, "s": "tea", "t": "añb", "e": "",
        "yes": true, "no": false, "nil": null, "l": [1, 2, 3], "m": {"a": 1, "b": "x"},
        "rows": [{"n": 1, "s": "a"}, {"n": 2, "s": "b"}],
    })
}

/// What an expression is meant to be; one time in ten it is something else.
#[derive(Clone, Copy)]
enum Meant {
    Bool,
    Number,
    Text,
    List,
}

/// Forms of expressions; `B`, `N`, `T` and `L` in them stand for further ones.
const BOOLS: &[&str] = &[
    "value.yes",
    "value.no",
    "true",
    "false",
    "has(value.s)",
    "has(value.missing)",
    "(B && B)",
    "(B || B)",
    "(!B)",
    "(N < N)",
    "(N >= N)",
    "(N == N)",
    "(N != T)",
    "(T == T)",
    "(T < T)",
    "(N in L)",
    "(T in value.m)",
    "T.startsWith(T)",
    "T.contains(T)",
    "T.endsWith(T)",
    "T.matches('^[a-z]+$')",
    "L.all(x, B)",
    "L.exists(x, x == N)",
    "L.exists_one(x, x == N)",
    "(value.missing == N)",
    "(value.nil == null)",
    "(type(N) == type(N))",
    "(L == L)",
    "(B ? B : B)",
    "(value.m == value.m)",
    "value.?missing.hasValue()",
    "(N <= N)",
    "(N > N)",
    "(T >= T)",
    "(B == B)",
    "L.exists(x, B)",
    "(size(L) == N)",
    "(duration('90s') > duration('1m'))",
    "(timestamp('2026-01-31T12:30:15Z') + duration('1h') == timestamp('2026-01-31T13:30:15Z'))",
    "(N in L || T in value.m)",
    "!(B && (T == T))",
    "bool('true')",
    "has(value.m.a)",
    "('a' in value.m)",
    "(value.rows.exists(r, r.n == N))",
];
const NUMBERS: &[&str] = &[
    "value.i",
    "value.j",
    "value.z",
    "value.f",
    "value.g",
    "value.m.a",
    "value.l[0]",
    "0",
    "1",
    "-2",
    "1.5",
    "3u",
    "(N + N)",
    "(N - N)",
    "(N * N)",
    "(N / N)",
    "(N % N)",
    "(-N)",
    "size(T)",
    "T.size()",
    "size(L)",
    "int(N)",
    "double(N)",
    "uint(N)",
    "T.indexOf(T)",
    "(B ? N : N)",
    "L[N]",
    "math.greatest(N, N)",
    "math.least(N, N)",
    "value.?missing.orValue(N)",
    "value.?i.orValue(N)",
    "math.ceil(1.2)",
    "math.abs(-2)",
    "T.lastIndexOf(T)",
    "T.lastIndexOf(T, 2)",
    "T.indexOf(T, 1)",
    "size(value.m)",
    "(L + L).size()",
    "timestamp('2026-01-31T12:30:15.250Z').getHours()",
    "timestamp('2026-01-31T12:30:15.250Z').getDayOfWeek()",
    "timestamp('2026-03-01T00:00:00Z').getDayOfYear()",
    "duration('90s').getMinutes()",
    "int(timestamp('2026-01-31T12:30:15Z'))",
    "int('12')",
    "double('1.5')",
    "math.floor(-1.5)",
    "math.sign(N)",
    "(N + N * N - N)",
    "value.rows[0].n",
    "value.rows.filter(r, r.s == T).size()",
];
const TEXTS: &[&str] = &[
    "value.s",
    "value.t",
    "value.e",
    "value.m.b",
    "value['s']",
    "value.rows[1].s",
    "'tea'",
    "'ñ'",
    r"'\u00e9\n'",
    "r'\\d'",
    "(T + T)",
    "T.lowerAscii()",
    "T.upperAscii()",
    "T.trim()",
    "T.charAt(1)",
    "T.substring(1)",
    "T.substring(0, 2)",
    "T.replace('e', 'ee')",
    "T.replace('a', 'b', 1)",
    "T.split('e')[0]",
    "string(value.i)",
    "T.split('').join('-')",
    "(B ? T : T)",
    "string(B)",
    "string(duration('90s'))",
    "string(timestamp('2026-01-31T12:30:15Z'))",
    "T.split('', 2)[0]",
    "T.substring(1, 1)",
    "(T + T).replace(T, '')",
    "value.m['b']",
    "value.rows.map(r, r.s)[0]",
];
const LISTS: &[&str] = &[
    "value.l",
    "[1, 2]",
    "[N, N]",
    "[]",
    "L.map(x, x)",
    "L.filter(x, x == 1)",
    "L.map(x, x == 1, N)",
    "(L + L)",
    "value.rows.map(r, r.n)",
    "L.map(x, [x, N])",
    "{'a': 1}.map(k, k)",
    "L.filter(x, B)",
    "L.map(x, N)",
    "(L + [N])",
    "value.rows.filter(r, B).map(r, r.n)",
    "[[N], [N, N]][0]",
    "T.split('e')",
];

struct Author(u64);

impl Author {
    /// A number below `below`, by a linear congruential generator.
    fn pick(&mut self, below: usize) -> usize {
        let next = self.0.wrapping_mul(6_364_136_223_846_793_005);
        self.0 = next.wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % below
    }

    fn write(&mut self, meant: Meant, depth: usize, out: &mut String) {
        let meant = match self.pick(40) {
            0 => Meant::Bool,
            1 => Meant::Number,
            2 => Meant::Text,
            3 => Meant::List,
            _ => meant,
        };
        let forms = match meant {
            Meant::Bool => BOOLS,
            Meant::Number => NUMBERS,
            Meant::Text => TEXTS,
            Meant::List => LISTS,
        };
        // The leaves stand first.
        let choices = if depth == 0 {
            forms.len().min(2)
        } else {
            forms.len()
        };
        for char in forms[self.pick(choices)].chars() {
            match char {
                'B' => self.write(Meant::Bool, depth - 1, out),
                'N' => self.write(Meant::Number, depth - 1, out),
                'T' => self.write(Meant::Text, depth - 1, out),
                'L' => self.write(Meant::List, depth - 1, out),
                other => out.push(other),
            }
        }
    }
}

const CASES: usize = 2_000;

#[test]
fn expressions_mean_what_the_cel_crate_says() {
    let value = sample();
    let mut author = Author(17);
    let (mut compared, mut refused) = (0, 0);
    for case in 0..CASES {
        let meant = [Meant::Bool, Meant::Number, Meant::Text, Meant::List][case % 4];
        let mut source = String::new();
        author.write(meant, 3, &mut source);
        let Some(theirs) = oracle(&source, &value) else {
            continue;
        };
        match ours(&source, &value) {
            Answer::Refused => refused += 1,
            answer => assert_eq!(answer, Answer::Value(theirs), "{source}"),
        }
        compared += 1;
    }
    assert!(
        compared > CASES / 2,
        "only {compared} of {CASES} had a value"
    );
    assert!(refused < compared / 10, "{refused} of {compared} refused");
}
