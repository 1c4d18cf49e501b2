//! What is computed of a record: an expression, or a closure over a type of Rust.

use std::any::TypeId;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::expr::Type;
use crate::record::Value;
use crate::stream::graph::function::Refusal;
use crate::stream::typed::Input;
use crate::stream::typed::Shape;
use crate::stream::typed::to_value;

/// The text of an expression ([`crate::expr`]), and the line of the program that it stands in.
///
/// It is compiled when the pipeline is built, against what is known of the records then.
#[derive(Clone, Debug)]
pub struct Expression {
    pub(super) text: String,
    pub(super) at: &'static Location<'static>,
}

/// The expression `text`, in the syntax of CEL: `value`, `key`, `headers`, `timestamp` and so on
/// are those of the record; what is wrong with it is told by
/// [`crate::stream::builder::Builder::build`].
#[track_caller]
#[must_use]
pub fn expr(text: &str) -> Expression {
    Expression {
        text: text.to_owned(),
        at: Location::caller(),
    }
}

/// The field of the value with this name, or this path of names with dots between them:
/// `field("price")` is `expr("value.price")`.
#[track_caller]
#[must_use]
pub fn field(path: &str) -> Expression {
    Expression {
        text: format!("value.{path}"),
        at: Location::caller(),
    }
}

/// What can be computed of records of type `T`: an [`Expression`], or a closure from `&T`.
///
/// A closure's parameter has to be written out, as in `|order: &Order| order.price`. What it
/// returns is written as a value by serde; `None` and `()` are null.
///
/// # What closures cost
///
/// An expression reads fields where they stand in the bytes of a record and allocates nothing. A
/// closure gets a `T` of its own, made by serde of the fields that `T` has (only those are read
/// from the bytes): serde's work, and one allocation for each text in `T`, for each closure and
/// record. Behind the first step that is more than filtering and keying, values are trees
/// ([`crate::record::Value`]), and `T` is made of these; what a closure returns becomes one. Folds
/// read and write what they fold with each record. So give `T` the fields that are needed and no others, and use
/// expressions for what is simple; both can be mixed in one flow.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be computed of records of type `{T}`",
    note = "write `expr(\"value.price\")`, `field(\"price\")`, or a closure with a typed parameter: `|order: &Order| order.price`"
)]
pub trait Compute<T> {
    /// Not for others to call.
    #[doc(hidden)]
    fn computed(self, at: &'static Location<'static>) -> Computed;
}

/// What can be asked of records of type `T`: an [`Expression`], or a closure from `&T` to `bool`.
///
/// As [`Compute`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no condition on records of type `{T}`",
    note = "write `expr(\"value.price > 1\")`, or a closure with a typed parameter: `|order: &Order| order.price > 1.0`"
)]
pub trait Test<T> {
    /// Not for others to call.
    #[doc(hidden)]
    fn tested(self, at: &'static Location<'static>) -> Computed;
}

/// An expression or a closure, whatever type it is over.
#[doc(hidden)]
#[derive(Clone, Debug)]
pub enum Computed {
    Expression(Expression),
    Closure(Closure),
}

type Call = dyn Fn(Input<'_>) -> Result<Value<'static>, Refusal> + Send + Sync;

/// A closure over some type of Rust.
#[doc(hidden)]
#[derive(Clone)]
pub struct Closure {
    pub(super) at: &'static Location<'static>,
    /// The fields that it reads; `None` reads the whole value.
    pub(super) fields: Option<&'static [&'static str]>,
    /// What is known of its results.
    pub(super) result: Type,
    call: Arc<Call>,
}

impl Closure {
    pub(super) fn new<T: DeserializeOwned>(
        at: &'static Location<'static>,
        result: Type,
        call: impl Fn(&T) -> Result<Value<'static>, Refusal> + Send + Sync + 'static,
    ) -> Self {
        Self {
            at,
            fields: Shape::of::<T>().fields,
            result,
            call: Arc::new(move |input| call(&input.read::<T>()?)),
        }
    }

    pub(super) fn call(&self, input: Input<'_>) -> Result<Value<'static>, Refusal> {
        (self.call)(input)
    }

    /// What stands for it in messages.
    pub(super) fn name(&self) -> String {
        format!("closure at {}", self.at)
    }
}

impl fmt::Debug for Closure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

impl<T> Compute<T> for Expression {
    fn computed(self, _at: &'static Location<'static>) -> Computed {
        Computed::Expression(self)
    }
}

impl<T> Test<T> for Expression {
    fn tested(self, _at: &'static Location<'static>) -> Computed {
        Computed::Expression(self)
    }
}

impl<T, V, F> Compute<T> for F
where
    T: DeserializeOwned,
    V: Serialize + 'static,
    F: Fn(&T) -> V + Send + Sync + 'static,
{
    fn computed(self, at: &'static Location<'static>) -> Computed {
        let call = move |of: &T| to_value(&self(of));
        Computed::Closure(Closure::new(at, type_of::<V>(), call))
    }
}

impl<T, F> Test<T> for F
where
    T: DeserializeOwned,
    F: Fn(&T) -> bool + Send + Sync + 'static,
{
    fn tested(self, at: &'static Location<'static>) -> Computed {
        let call = move |of: &T| Ok(Value::Bool(self(of)));
        Computed::Closure(Closure::new(at, Type::Bool, call))
    }
}

/// What is known of the values that a closure returns: of the common ones, which type they are.
fn type_of<V: 'static>() -> Type {
    let is = |id| TypeId::of::<V>() == id;
    let scalars = [
        (
            TypeId::of::<bool>(),
            TypeId::of::<Option<bool>>(),
            Type::Bool,
        ),
        (TypeId::of::<i64>(), TypeId::of::<Option<i64>>(), Type::Int),
        (TypeId::of::<i32>(), TypeId::of::<Option<i32>>(), Type::Int),
        (TypeId::of::<u32>(), TypeId::of::<Option<u32>>(), Type::Int),
        (
            TypeId::of::<f64>(),
            TypeId::of::<Option<f64>>(),
            Type::Double,
        ),
        (
            TypeId::of::<String>(),
            TypeId::of::<Option<String>>(),
            Type::Text,
        ),
    ];
    for (plain, optional, ty) in scalars {
        if is(plain) {
            return ty;
        }
        if is(optional) {
            return ty.nullable();
        }
    }
    Type::Dyn
}
