//! A compiled expression.

use std::fmt;
use std::sync::Arc;

use crate::codec::projection::Row;
use crate::expr::Type;
use crate::expr::code::At;
use crate::expr::code::Budget;
use crate::expr::code::Code;
use crate::expr::code::Env;
use crate::expr::code::Raise;
use crate::expr::error::EvalError;
use crate::expr::error::Fault;
use crate::expr::error::ValueType;
use crate::expr::number::Number;
use crate::record::Value;

/// A compiled expression: evaluates on one row after another, on any thread.
///
/// An evaluation takes time bounded by the expression and the row, and changes nothing.
pub struct Program {
    pub(super) source: Arc<str>,
    pub(super) ty: Type,
    pub(super) code: Code,
    pub(super) constants: Box<[Value<'static>]>,
}

impl Program {
    /// What is known of the type of its results.
    #[must_use]
    pub const fn ty(&self) -> &Type {
        &self.ty
    }

    /// The slot of the field that it is, where it is a field and nothing more.
    ///
    /// Evaluating it then fails only where the field is absent.
    #[must_use]
    pub const fn slot(&self) -> Option<usize> {
        match self.code {
            Code::Slot(slot, _) => Some(slot),
            _ => None,
        }
    }

    /// Whether it has the same value on every row.
    #[must_use]
    pub const fn is_constant(&self) -> bool {
        matches!(self.code, Code::Constant(_))
    }

    /// The text that it was compiled from.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The value of the expression on `row`, borrowed from it where it can be.
    ///
    /// Scalars, and texts that stand in the row, allocate nothing.
    ///
    /// # Errors
    ///
    /// [`EvalError`] where the expression has no value on this row: the record's fault, or the
    /// expression's for expecting another one.
    pub fn eval<'r>(&'r self, row: &'r Row<'r>) -> Result<Value<'r>, EvalError> {
        let budget = Budget::new();
        let value = self.code.any(&self.env(row, &budget));
        match value.map_err(|raise| self.error(raise, row))? {
            std::borrow::Cow::Borrowed(value) => Ok(value.borrowed()),
            std::borrow::Cow::Owned(value) => Ok(value),
        }
    }

    /// The value of a condition on `row`.
    ///
    /// # Errors
    ///
    /// As [`Program::eval`], and [`Fault::NotBool`] where the value is neither true nor false.
    #[inline]
    pub fn eval_bool(&self, row: &Row<'_>) -> Result<bool, EvalError> {
        let budget = Budget::new();
        let result = self.code.bool(&self.env(row, &budget), self.whole());
        result.map_err(|raise| self.error(raise, row))
    }

    /// The value of a numeric expression on `row`; `None` where it is null.
    ///
    /// # Errors
    ///
    /// As [`Program::eval`], and [`Fault::NoOverload`] where the value is no number.
    #[inline]
    pub fn eval_number(&self, row: &Row<'_>) -> Result<Option<Number>, EvalError> {
        let budget = Budget::new();
        let env = self.env(row, &budget);
        if let Code::Number(code) = &self.code {
            return code(&env).map(Some).map_err(|raise| self.error(raise, row));
        }
        match &*self
            .code
            .any(&env)
            .map_err(|raise| self.error(raise, row))?
        {
            Value::Null => Ok(None),
            value => match Number::of(value) {
                Some(number) => Ok(Some(number)),
                None => Err(self.error(
                    self.whole().raise(Fault::NoOverload(ValueType::of(value))),
                    row,
                )),
            },
        }
    }

    #[inline]
    fn env<'e, 'b>(&'e self, row: &'e Row<'e>, budget: &'b Budget) -> Env<'e, 'b> {
        Env {
            row,
            constants: &self.constants,
            frame: None,
            budget,
        }
    }

    fn whole(&self) -> At {
        At::new(&(0..self.source.len()))
    }

    #[cold]
    fn error(&self, raise: Raise, row: &Row<'_>) -> EvalError {
        let refused = match &self.code {
            Code::Native(function) if raise.fault == Fault::Refused => function(row).err(),
            _ => None,
        };
        EvalError {
            fault: raise.fault,
            expression: Arc::clone(&self.source),
            span: match refused {
                Some(_) => 0..self.source.len(),
                None => raise.at.span(),
            },
            detail: refused,
        }
    }
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Program")
            .field("source", &self.source)
            .field("ty", &self.ty)
            .finish_non_exhaustive()
    }
}
