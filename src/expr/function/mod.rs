//! The functions that expressions may call: one row for each.

mod convert;
mod math;
mod text;
mod time;

use crate::expr::Type;
use crate::expr::code::Any;
use crate::expr::code::Budget;
use crate::expr::error::Fault;
use crate::expr::error::ValueType;
use crate::record::Value;

use Kind::{
    Any as A, Bool, Bytes, Double, Duration, Int, List, Map, Number as N, Text, Texts, Timestamp,
    UInt,
};
use Style::{Both, Global, Method};

pub(super) use text::pattern;

/// One function.
pub(super) struct Function {
    pub(super) name: &'static str,
    pub(super) style: Style,
    pub(super) arity: Arity,
    /// The types of the arguments, the target of a method first, with the type of the result.
    signatures: &'static [(&'static [Kind], Kind)],
    pub(super) body: Body,
}

/// What a function does with its arguments, the target of a method first.
///
/// The arguments are as many as a signature says, of whatever types turn up.
pub(super) type Body = for<'e> fn(&[Any<'e>], &Budget) -> Result<Value<'e>, Fault>;

/// How a function is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// `size(x)`
    Global,
    /// `x.size()`
    Method,
    /// Either way.
    Both,
}

/// How many arguments a function takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arity {
    /// As many as a signature has.
    Fixed,
    /// The last of a signature may repeat.
    Repeating,
}

/// What a parameter admits and a result is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Any,
    Bool,
    Int,
    UInt,
    Double,
    Number,
    Text,
    Bytes,
    Timestamp,
    Duration,
    List,
    Texts,
    Map,
    Type,
}

impl Kind {
    fn ty(self) -> Type {
        match self {
            Self::Any | Self::Number => Type::Dyn,
            Self::Bool => Type::Bool,
            Self::Int => Type::Int,
            Self::UInt => Type::UInt,
            Self::Double => Type::Double,
            Self::Text => Type::Text,
            Self::Bytes => Type::Bytes,
            Self::Timestamp => Type::Timestamp,
            Self::Duration => Type::Duration,
            Self::List => Type::list(Type::Dyn),
            Self::Texts => Type::list(Type::Text),
            Self::Map => Type::map(Type::Dyn, Type::Dyn),
            Self::Type => Type::Type,
        }
    }

    fn admits(self, ty: &Type) -> bool {
        match self {
            Self::Number => ty.is_number() || ty.is_dyn(),
            kind => ty.may_be(&kind.ty()),
        }
    }
}

/// Why no function fits a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Misfit {
    /// There is no such function.
    Unknown,
    /// It is called the other way: as a method, or not as one.
    Style(Style),
    /// It takes another number of arguments, without the target of a method.
    Arity(Vec<usize>),
    /// It has no meaning for these types.
    Types,
}

impl Function {
    fn fits_arity(&self, count: usize) -> bool {
        self.signatures
            .iter()
            .any(|(parameters, _)| self.takes(parameters, count))
    }

    fn takes(&self, parameters: &[Kind], count: usize) -> bool {
        match self.arity {
            Arity::Fixed => parameters.len() == count,
            Arity::Repeating => parameters.len() <= count,
        }
    }

    /// The type of the result for arguments of these types; `None` where it has no meaning.
    fn result(&self, types: &[&Type]) -> Option<Type> {
        let fitting = self.signatures.iter().filter(|(parameters, _)| {
            let last = parameters.last();
            self.takes(parameters, types.len())
                && types.iter().enumerate().all(|(index, ty)| {
                    let kind = parameters.get(index).or(last);
                    kind.is_some_and(|kind| kind.admits(ty))
                })
        });
        let results = fitting.map(|(_, result)| result.ty());
        results.reduce(|left, right| left.join(&right))
    }
}

/// The function that fits a call, and the type of its result. `types` are those of the arguments,
/// the target of a method first.
///
/// # Errors
///
/// Why there is none.
pub(super) fn find(
    name: &str,
    style: Style,
    types: &[&Type],
) -> Result<(&'static Function, Type), Misfit> {
    let named: Vec<_> = FUNCTIONS.iter().filter(|f| f.name == name).collect();
    let Some(first) = named.first() else {
        return Err(Misfit::Unknown);
    };
    let style_fits = |f: &&&Function| f.style == style || f.style == Both;
    let called: Vec<_> = named.iter().filter(style_fits).collect();
    if called.is_empty() {
        return Err(Misfit::Style(first.style));
    }
    let fitting = called.iter().filter(|f| f.fits_arity(types.len()));
    let mut fitting = fitting.peekable();
    if fitting.peek().is_none() {
        let target = usize::from(style == Method);
        let signatures = called.iter().flat_map(|f| f.signatures);
        let mut counts: Vec<_> = signatures.map(|(p, _)| p.len() - target).collect();
        counts.sort_unstable();
        counts.dedup();
        return Err(Misfit::Arity(counts));
    }
    fitting
        .find_map(|f| Some((**f, f.result(types)?)))
        .ok_or(Misfit::Types)
}

/// The names of all functions that are called in `style`.
pub(super) fn names(style: Style) -> impl Iterator<Item = &'static str> {
    FUNCTIONS
        .iter()
        .filter(move |f| f.style == style || f.style == Both)
        .map(|f| f.name)
}

const fn fixed(
    name: &'static str,
    style: Style,
    signatures: &'static [(&'static [Kind], Kind)],
    body: Body,
) -> Function {
    Function {
        name,
        style,
        arity: Arity::Fixed,
        signatures,
        body,
    }
}

const fn repeating(
    name: &'static str,
    signatures: &'static [(&'static [Kind], Kind)],
    body: Body,
) -> Function {
    Function {
        name,
        style: Global,
        arity: Arity::Repeating,
        signatures,
        body,
    }
}

/// The forms of an accessor of an instant: in UTC, and in a zone.
const OF_INSTANT: &[(&[Kind], Kind)] = &[(&[Timestamp], Int), (&[Timestamp, Text], Int)];

/// The forms of an accessor of an instant or of a duration.
const OF_TIME: &[(&[Kind], Kind)] = &[
    (&[Timestamp], Int),
    (&[Timestamp, Text], Int),
    (&[Duration], Int),
];

const TWO_TEXTS: &[(&[Kind], Kind)] = &[(&[Text, Text], Bool)];
const TEXT_TO_TEXT: &[(&[Kind], Kind)] = &[(&[Text], Text)];
const ROUNDS: &[(&[Kind], Kind)] = &[(&[N], Double)];
const TESTS: &[(&[Kind], Kind)] = &[(&[N], Bool)];
const SAME_NUMBER: &[(&[Kind], Kind)] = &[(&[Int], Int), (&[UInt], UInt), (&[Double], Double)];
const ONE_OF_NUMBERS: &[(&[Kind], Kind)] = &[(&[N], N), (&[List], N)];
const INDEX_OF: &[(&[Kind], Kind)] = &[(&[Text, Text], Int), (&[Text, Text, Int], Int)];

/// Source: the CEL language definition, "List of Standard Definitions", and cel-go's `ext`
/// libraries `strings` and `math`.
const FUNCTIONS: &[Function] = &[
    fixed(
        "size",
        Both,
        &[
            (&[Text], Int),
            (&[Bytes], Int),
            (&[List], Int),
            (&[Map], Int),
        ],
        size,
    ),
    fixed("type", Global, &[(&[A], Kind::Type)], type_name),
    fixed("dyn", Global, &[(&[A], A)], same),
    fixed(
        "int",
        Global,
        &[(&[N], Int), (&[Text], Int), (&[Timestamp], Int)],
        convert::int,
    ),
    fixed(
        "uint",
        Global,
        &[(&[N], UInt), (&[Text], UInt)],
        convert::uint,
    ),
    fixed(
        "double",
        Global,
        &[(&[N], Double), (&[Text], Double)],
        convert::double,
    ),
    fixed(
        "string",
        Global,
        &[
            (&[N], Text),
            (&[Text], Text),
            (&[Bool], Text),
            (&[Bytes], Text),
            (&[Timestamp], Text),
            (&[Duration], Text),
        ],
        convert::string,
    ),
    fixed(
        "bytes",
        Global,
        &[(&[Text], Bytes), (&[Bytes], Bytes)],
        convert::bytes,
    ),
    fixed(
        "bool",
        Global,
        &[(&[Bool], Bool), (&[Text], Bool)],
        convert::bool,
    ),
    fixed(
        "timestamp",
        Global,
        &[
            (&[Text], Timestamp),
            (&[Int], Timestamp),
            (&[Timestamp], Timestamp),
        ],
        time::timestamp,
    ),
    fixed(
        "duration",
        Global,
        &[(&[Text], Duration), (&[Duration], Duration)],
        time::duration,
    ),
    fixed("contains", Method, TWO_TEXTS, text::contains),
    fixed("startsWith", Method, TWO_TEXTS, text::starts_with),
    fixed("endsWith", Method, TWO_TEXTS, text::ends_with),
    fixed("matches", Both, TWO_TEXTS, text::matches),
    fixed("lowerAscii", Method, TEXT_TO_TEXT, text::lower_ascii),
    fixed("upperAscii", Method, TEXT_TO_TEXT, text::upper_ascii),
    fixed("trim", Method, TEXT_TO_TEXT, text::trim),
    fixed("charAt", Method, &[(&[Text, Int], Text)], text::char_at),
    fixed("indexOf", Method, INDEX_OF, text::index_of),
    fixed("lastIndexOf", Method, INDEX_OF, text::last_index_of),
    fixed(
        "substring",
        Method,
        &[(&[Text, Int], Text), (&[Text, Int, Int], Text)],
        text::substring,
    ),
    fixed(
        "replace",
        Method,
        &[
            (&[Text, Text, Text], Text),
            (&[Text, Text, Text, Int], Text),
        ],
        text::replace,
    ),
    fixed(
        "split",
        Method,
        &[(&[Text, Text], Texts), (&[Text, Text, Int], Texts)],
        text::split,
    ),
    fixed(
        "join",
        Method,
        &[(&[Texts], Text), (&[Texts, Text], Text)],
        text::join,
    ),
    repeating("math.greatest", ONE_OF_NUMBERS, math::greatest),
    repeating("math.least", ONE_OF_NUMBERS, math::least),
    fixed("math.abs", Global, SAME_NUMBER, math::abs),
    fixed("math.sign", Global, SAME_NUMBER, math::sign),
    fixed("math.ceil", Global, ROUNDS, math::ceil),
    fixed("math.floor", Global, ROUNDS, math::floor),
    fixed("math.round", Global, ROUNDS, math::round),
    fixed("math.trunc", Global, ROUNDS, math::trunc),
    fixed("math.isNaN", Global, TESTS, math::is_nan),
    fixed("math.isInf", Global, TESTS, math::is_inf),
    fixed("math.isFinite", Global, TESTS, math::is_finite),
    fixed("getFullYear", Method, OF_INSTANT, time::full_year),
    fixed("getMonth", Method, OF_INSTANT, time::month),
    fixed("getDayOfYear", Method, OF_INSTANT, time::day_of_year),
    fixed("getDayOfMonth", Method, OF_INSTANT, time::day_of_month),
    fixed("getDate", Method, OF_INSTANT, time::date),
    fixed("getDayOfWeek", Method, OF_INSTANT, time::day_of_week),
    fixed("getHours", Method, OF_TIME, time::hours),
    fixed("getMinutes", Method, OF_TIME, time::minutes),
    fixed("getSeconds", Method, OF_TIME, time::seconds),
    fixed("getMilliseconds", Method, OF_TIME, time::milliseconds),
];

/// The argument at `index`. The compiler checks how many there are.
fn arg<'v, 'e>(args: &'v [Any<'e>], index: usize) -> &'v Value<'e> {
    args.get(index).map_or(&Value::Null, |arg| &**arg)
}

fn no_overload<T>(value: &Value<'_>) -> Result<T, Fault> {
    Err(Fault::NoOverload(ValueType::of(value)))
}

/// A count as an `int`.
fn int<'e>(count: usize) -> Value<'e> {
    Value::Int(i64::try_from(count).unwrap_or(i64::MAX))
}

/// Code points of a text; bytes; elements; entries.
fn size<'e>(args: &[Any<'e>], _: &Budget) -> Result<Value<'e>, Fault> {
    match arg(args, 0) {
        Value::Text(text) => Ok(int(text.chars().count())),
        Value::Bytes(bytes) => Ok(int(bytes.len())),
        Value::List(items) => Ok(int(items.len())),
        Value::Map(entries) => Ok(int(entries.len())),
        other => no_overload(other),
    }
}

/// A type is the text of its name at run time; the checker keeps the two apart.
fn type_name<'e>(args: &[Any<'e>], _: &Budget) -> Result<Value<'e>, Fault> {
    Ok(Value::text(ValueType::of(arg(args, 0)).name()))
}

fn same<'e>(args: &[Any<'e>], budget: &Budget) -> Result<Value<'e>, Fault> {
    match args.first() {
        Some(Any::Borrowed(value)) => {
            budget.draw_copy(value)?;
            Ok(value.borrowed())
        }
        Some(Any::Owned(value)) => Ok(value.clone()),
        None => Ok(Value::Null),
    }
}
