//! Compiled code: closures over a record's slots.

use std::borrow::Cow;
use std::cell::Cell;
use std::ops::Range;

use crate::codec::projection::Row;
use crate::expr::error::Fault;
use crate::expr::error::ValueType;
use crate::expr::number::Number;
use crate::record::Value;

/// What a closure sees: the record, the program's constants, and the variables of macros.
///
/// `'e` outlives the evaluation of a whole program; `'b` is one evaluation.
pub(super) struct Env<'e, 'b> {
    pub(super) row: &'e Row<'e>,
    pub(super) constants: &'e [Value<'static>],
    pub(super) frame: Option<&'e Frame<'e>>,
    pub(super) budget: &'b Budget,
}

/// The variable of one macro, and those of the macros around it.
pub(super) struct Frame<'e> {
    pub(super) value: &'e Value<'e>,
    pub(super) outer: Option<&'e Self>,
}

/// The work that one evaluation may still do, in elements visited and made.
///
/// Only macros and what builds texts and lists draw on it, since all other work is bounded by the
/// length of the expression and of the record.
pub(super) struct Budget(Cell<usize>);

/// The elements that one evaluation may visit and make. A record of 1 MiB cannot have more
/// elements than this, and a macro over all of them stays well under a second.
const WORK_MAX: usize = 1 << 20;

/// So many bytes of text count as one element.
const BYTES_PER_ELEMENT: usize = 16;

impl Budget {
    pub(super) const fn new() -> Self {
        Self(Cell::new(WORK_MAX))
    }

    /// Draws `elements`; fails where so many are not left.
    pub(super) fn draw(&self, elements: usize) -> Result<(), Fault> {
        let left = self.0.get().checked_sub(elements);
        self.0.set(left.ok_or(Fault::TooMuchWork)?);
        Ok(())
    }

    /// Draws for a text or bytes of `bytes` bytes.
    pub(super) fn draw_bytes(&self, bytes: usize) -> Result<(), Fault> {
        self.draw(bytes / BYTES_PER_ELEMENT)
    }

    /// Draws for a copy of `value`.
    pub(super) fn draw_copy(&self, value: &Value<'_>) -> Result<(), Fault> {
        match value {
            Value::Text(text) => self.draw_bytes(text.len()),
            Value::Bytes(bytes) => self.draw_bytes(bytes.len()),
            Value::List(items) => {
                self.draw(items.len())?;
                items.iter().try_for_each(|item| self.draw_copy(item))
            }
            Value::Map(entries) => {
                self.draw(entries.len())?;
                entries.iter().try_for_each(|(key, value)| {
                    self.draw_copy(key)?;
                    self.draw_copy(value)
                })
            }
            _ => Ok(()),
        }
    }
}

/// A fault and the part of the expression that it happened in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Raise {
    pub(super) fault: Fault,
    pub(super) at: At,
}

/// A span of the expression, small enough to travel in every closure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct At {
    start: u32,
    end: u32,
}

impl At {
    /// Sources are shorter than `u32::MAX`, so nothing is cut off.
    pub(super) fn new(span: &Range<usize>) -> Self {
        let narrow = |place| u32::try_from(place).unwrap_or(u32::MAX);
        Self {
            start: narrow(span.start),
            end: narrow(span.end),
        }
    }

    pub(super) const fn span(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    pub(super) const fn raise(self, fault: Fault) -> Raise {
        Raise { fault, at: self }
    }
}

/// A value that is borrowed where it can be.
pub(super) type Any<'e> = Cow<'e, Value<'e>>;

/// Code with a result that borrows nothing.
pub(super) type Scalar<T> = Box<dyn for<'e> Fn(&Env<'e, '_>) -> Result<T, Raise> + Send + Sync>;

/// Code with any result.
pub(super) type General = Box<dyn for<'e> Fn(&Env<'e, '_>) -> Result<Any<'e>, Raise> + Send + Sync>;

/// Code with a result that may be absent.
pub(super) type Maybe =
    Box<dyn for<'e> Fn(&Env<'e, '_>) -> Result<Option<Any<'e>>, Raise> + Send + Sync>;

/// A function of Rust; where it has no result, it says why.
pub(super) type Native = Box<dyn Fn(&Row<'_>) -> Result<Value<'static>, Box<str>> + Send + Sync>;

/// What an expression compiles to.
pub(super) enum Code {
    /// The constant with this number.
    Constant(usize),
    /// The field in this slot, which is an error where it is absent.
    Slot(usize, At),
    /// The variable of the macro that is so many macros further out; 0 is the innermost.
    Variable(usize),
    /// A condition.
    Bool(Scalar<bool>),
    /// A number.
    Number(Scalar<Number>),
    /// Anything.
    General(General),
    /// An optional value.
    Maybe(Maybe),
    /// A function of Rust.
    Native(Native),
}

impl Code {
    /// Evaluates to any value.
    pub(super) fn any<'e>(&self, env: &Env<'e, '_>) -> Result<Any<'e>, Raise> {
        match self {
            Self::Constant(index) => Ok(constant(env, *index)),
            Self::Slot(index, at) => match slot(env, *index) {
                Some(value) => Ok(Cow::Borrowed(value)),
                None => Err(at.raise(Fault::Missing)),
            },
            Self::Variable(outward) => Ok(variable(env, *outward)),
            Self::Bool(code) => Ok(Cow::Owned(Value::Bool(code(env)?))),
            Self::Number(code) => Ok(Cow::Owned(code(env)?.into_value())),
            Self::General(code) => code(env),
            // The compiler lets no optional value out of `orValue` and its like.
            Self::Maybe(code) => Ok(code(env)?.unwrap_or(Cow::Owned(Value::Null))),
            // Why it has none is asked again where it is told.
            Self::Native(code) => match code(env.row) {
                Ok(value) => Ok(Cow::Owned(value)),
                Err(_) => Err(At::new(&(0..0)).raise(Fault::Refused)),
            },
        }
    }

    /// Evaluates to a condition; `at` is where the expression stands.
    #[inline]
    pub(super) fn bool(&self, env: &Env<'_, '_>, at: At) -> Result<bool, Raise> {
        if let Self::Bool(code) = self {
            return code(env);
        }
        match &*self.any(env)? {
            Value::Bool(bool) => Ok(*bool),
            other => Err(at.raise(Fault::NotBool(ValueType::of(other)))),
        }
    }

    /// Evaluates to an optional value; what is not optional is always there.
    pub(super) fn maybe<'e>(&self, env: &Env<'e, '_>) -> Result<Option<Any<'e>>, Raise> {
        match self {
            Self::Maybe(code) => code(env),
            other => other.any(env).map(Some),
        }
    }
}

/// The value in slot `index`, if it is there.
#[inline]
pub(super) fn slot<'e>(env: &Env<'e, '_>, index: usize) -> Option<&'e Value<'e>> {
    env.row.slots.get(index).and_then(Option::as_ref)
}

/// The compiler makes no code for a constant that it has not kept.
fn constant<'e>(env: &Env<'e, '_>, index: usize) -> Any<'e> {
    match env.constants.get(index) {
        Some(value) => Cow::Borrowed(value),
        None => Cow::Owned(Value::Null),
    }
}

/// The compiler makes no code for a variable outside its macro.
fn variable<'e>(env: &Env<'e, '_>, outward: usize) -> Any<'e> {
    let mut frame = env.frame;
    for _ in 0..outward {
        frame = frame.and_then(|frame| frame.outer);
    }
    match frame {
        Some(frame) => Cow::Borrowed(frame.value),
        None => Cow::Owned(Value::Null),
    }
}
